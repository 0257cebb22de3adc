//! A ticket as a row of a list: mark, key, title, state, who, clock. Whose base line is its clock.

use crate::actions::sla_burn::Standing;
use crate::domain::hold::Hold;
use crate::domain::id::Kind;
use crate::domain::severity::{Priority, Severity};
use crate::domain::task::shown_priority;
use crate::domain::ticket::{Due, State, Ticket};
use crate::domain::timestamp::Timestamp;
use crate::http::marks::{Burns, Glyph, Tick};
use crate::words::Words;

use super::names::Names;

/// One row.
pub struct TicketRow {
    pub key: String,
    pub kind: Kind,
    pub title: String,
    pub severity: Option<Severity>,
    pub priority: Option<Priority>,
    pub glyph: Glyph,
    pub state: String,
    pub customer: String,
    pub owner: String,
    pub service: String,
    /// The customer wrote last.
    pub awaits_us: bool,
    /// What is due next is a word on a mail that asks to join it.
    pub asks_to_join: bool,
    pub tick: Tick,
    /// What the clock counts: "First response".
    pub promise: String,
    /// The id of its burn line.
    pub line: String,
}

impl TicketRow {
    pub fn of(ticket: &Ticket, names: &Names, words: &Words, now: Timestamp) -> Self {
        let (glyph, state) = stand(ticket, words);
        Self {
            key: ticket.key.to_string(),
            kind: ticket.key.kind,
            title: ticket.title.to_string(),
            severity: ticket
                .severity
                .filter(|_| ticket.key.kind == Kind::Incident),
            priority: shown_priority(ticket, now),
            glyph,
            state,
            customer: ticket
                .customer
                .map_or_else(String::new, |id| names.customer(id).to_owned()),
            owner: ticket
                .owner
                .map_or_else(String::new, |id| names.person(id).to_owned()),
            service: ticket
                .service
                .map_or_else(String::new, |id| names.service(id).to_owned()),
            awaits_us: ticket.awaits_us,
            asks_to_join: ticket.due.metric.as_deref() == Some(Due::JOIN),
            tick: tick(ticket, names.standing(ticket.id), now),
            promise: promise(ticket.due.metric.as_deref(), words),
            line: format!("b-{}", ticket.key),
        }
    }
}

/// How a ticket stands, in a shape and a word; waiting says on whom.
pub fn stand(ticket: &Ticket, words: &Words) -> (Glyph, String) {
    if ticket.merged_into.is_some() {
        return (Glyph::Done, words.t("state-merged").into_owned());
    }
    if let Some(hold) = ticket.first_hold() {
        let mut text = waiting(hold, words);
        if ticket.holds.len() > 1 {
            let others = ticket.holds.len() - 1;
            let more = words.with("waiting-more", &[("n", (others as i64).into())]);
            text = format!("{text} {more}");
        }
        return (Glyph::Waiting, text);
    }
    (glyph(ticket.state), state_word(ticket.state, words))
}

/// Whom or what a hold waits for: by name, where there is one.
pub fn waiting(hold: &Hold, words: &Words) -> String {
    if hold.whom.is_empty() {
        return words.t(&format!("waiting-{}", hold.on)).into_owned();
    }
    words
        .with("waiting-for", &[("whom", hold.whom.as_str().into())])
        .into_owned()
}

pub fn state_word(state: State, words: &Words) -> String {
    words
        .t(&format!("state-{}", state.as_str().replace('_', "-")))
        .into_owned()
}

pub const fn glyph(state: State) -> Glyph {
    match state {
        State::New | State::Open | State::Draft => Glyph::New,
        State::InProgress
        | State::Restored
        | State::OnWatch
        | State::InReview
        | State::Approved => Glyph::Working,
        State::AwaitingApproval => Glyph::Held,
        State::Resolved | State::Closed | State::Done | State::Reviewed => Glyph::Done,
        State::WontDo | State::Skipped | State::Cancelled => Glyph::Rejected,
    }
}

/// The clock that a list shows for a ticket: its next deadline, and the working time left until then.
pub fn tick(ticket: &Ticket, standing: Standing, now: Timestamp) -> Tick {
    if !ticket.is_open() {
        return Tick::None;
    }
    if let Some(late_secs) = standing.late_and_held_secs {
        return Tick::Missed { late_secs };
    }
    // What runs all the same is what the list is sorted by: an answer stays due while a colleague is waited for.
    if let Some(hold) = ticket.first_hold().filter(|_| ticket.due.metric.is_none()) {
        let until = ticket.held_until();
        return Tick::Held {
            held_secs: Some(now.secs_since(hold.since).max(0)),
            left_secs: until.map(|until| until.secs_since(now).max(0)),
            total_secs: 0,
        };
    }
    if ticket.due.at >= Timestamp::NEVER {
        return Tick::None;
    }
    let total_secs = ticket
        .due
        .from
        .map_or(0, |from| ticket.due.at.secs_since(from).max(0));
    Tick::Running {
        // Where it stood since it was late, it is as late as one that was due so much later.
        due_at: ticket.due.at.plus_secs(standing.stood_secs),
        burns: standing
            .burn
            .map_or(Burns::Always { total_secs }, Burns::AtWork),
    }
}

/// What a clock counts.
pub fn promise(metric: Option<&str>, words: &Words) -> String {
    metric.map_or_else(String::new, |metric| {
        words
            .t(&format!("metric-{}", metric.replace('_', "-")))
            .into_owned()
    })
}
