//! A ticket's clocks: the list on its page. `proof` is the page on which one of them explains itself.

use std::collections::HashMap;

use super::row;
use super::ticket::ClockLine;
use crate::actions::{self, sla_burn::Sight};
use crate::app::Ctx;
use crate::domain::id::{ClockId, TicketKey};
use crate::domain::sla_burn::Burn;
use crate::domain::sla_clock::ClockState;
use crate::domain::ticket::{Ticket, WaitingOn};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::http::marks::{Burns, Tick};
use crate::http::page::Page;
use crate::store::sla::ClockRow;
use crate::store::{self, Conn};
use crate::words::Words;

/// A clock as a tick: what people see of it. `over_secs` is by how much it is late if it is, `held_since` when its ticket began to
/// wait.
pub fn tick(
    row: &ClockRow,
    burn: Option<Burn>,
    over_secs: Option<i64>,
    held_since: Option<Timestamp>,
    now: Timestamp,
) -> Tick {
    let total_secs = row
        .deadline_at
        .map_or(0, |due_at| due_at.secs_since(row.anchor_at).max(0));
    let burns = burn.map_or(Burns::Always { total_secs }, Burns::AtWork);
    let late_secs = over_secs.unwrap_or_default();
    match row.state {
        ClockState::Scheduled | ClockState::Running => match row.deadline_at {
            // Where it stood since, it is as late as one that was due so much later.
            Some(due_at) => Tick::Running {
                due_at: over_secs.map_or(due_at, |over| due_at.max(now.plus_secs(-over))),
                burns,
            },
            None => Tick::None,
        },
        ClockState::Held if row.breached_at.is_some() => Tick::Missed { late_secs },
        ClockState::Held => Tick::Held {
            held_secs: held_since.map(|since| now.secs_since(since).max(0)),
            left_secs: row.deadline_at.map(|at| at.secs_since(now).max(0)),
            total_secs,
        },
        ClockState::Met => Tick::Met,
        ClockState::Missed | ClockState::Cancelled | ClockState::Superseded => {
            match row.breached_at {
                Some(_) => Tick::Missed { late_secs },
                None => Tick::None,
            }
        }
    }
}

/// What the clocks of a ticket's page are drawn from.
pub struct Clocks {
    pub rows: Vec<ClockRow>,
    pub sights: HashMap<ClockId, Sight>,
    /// By how much those that were late are or were late, in seconds.
    pub over: HashMap<ClockId, i64>,
    /// Since when the ticket waits, and for whom by name.
    pub waits: Option<(Timestamp, String)>,
}

impl Clocks {
    /// Reads them; `asker` is the name of the ticket's customer.
    pub fn load(
        ctx: &Ctx<'_>,
        conn: &mut Conn,
        ticket: &Ticket,
        asker: &str,
        words: &Words,
    ) -> Result<Self> {
        let rows = store::sla::of_ticket(conn, ticket.id)?;
        Ok(Self {
            sights: actions::sla_burn::of_clocks(ctx.app, conn, &rows, ctx.now)?,
            over: actions::sla_burn::over(ctx.app, conn, ticket, &rows, ctx.now)?,
            rows,
            waits: waits(ticket, asker, words),
        })
    }
}

/// Since when a ticket waits, and for whom: by name where one is known.
pub fn waits(ticket: &Ticket, asker: &str, words: &Words) -> Option<(Timestamp, String)> {
    let hold = ticket.first_hold()?;
    let name = match (hold.whom.as_str(), hold.on, asker) {
        ("", WaitingOn::Customer, name) if !name.is_empty() => name.to_owned(),
        ("", on, _) => words.t(&format!("held-on-{on}")).into_owned(),
        (whom, _, _) => whom.to_owned(),
    };
    Some((hold.since, name))
}

/// The clocks for the side of a ticket's page: of each promise the newest cycle, what runs first, by deadline.
pub fn lines(
    key: TicketKey,
    clocks: &Clocks,
    customer: impl Fn(&ClockRow) -> String,
    p: &Page,
) -> Vec<ClockLine> {
    let mut newest: Vec<&ClockRow> = Vec::new();
    // What was taken back in time never was owed: the cycle before it is the newest.
    let owed = |clock: &&ClockRow| !clock.is_taken_back() || clock.breached_at.is_some();
    for clock in clocks.rows.iter().filter(owed) {
        let known = newest
            .iter_mut()
            .find(|it| it.metric == clock.metric && it.customer_id == clock.customer_id);
        match known {
            Some(known) if (known.cycle, known.revision) < (clock.cycle, clock.revision) => {
                *known = clock
            }
            Some(_) => {}
            None => newest.push(clock),
        }
    }
    // What was cancelled before it was late says nothing to anybody at work.
    newest.retain(|clock| clock.state != ClockState::Cancelled || clock.breached_at.is_some());
    newest.sort_by_key(|clock| {
        (
            !clock.state.is_open(),
            clock.deadline_at.unwrap_or(Timestamp::NEVER),
            clock.metric,
        )
    });
    let mut parties: Vec<_> = newest.iter().map(|clock| clock.customer_id).collect();
    parties.sort_unstable();
    parties.dedup();
    let several = parties.len() > 1;
    newest
        .iter()
        .enumerate()
        .map(|(place, clock)| {
            let mut label = row::promise(Some(clock.metric.as_str()), p.words);
            if several {
                label = format!("{label}, {}", customer(clock));
            }
            let sight = clocks.sights.get(&clock.id);
            let waits = clocks.waits.as_ref();
            let waits = waits.filter(|_| clock.state == ClockState::Held);
            let is_endless = clock.state == ClockState::Running && clock.deadline_at.is_none();
            let note = match waits {
                Some((since, name)) => {
                    let span = p.words.span(p.now.secs_since(*since));
                    let note = p.t2("hold-line", "span", span, "whom", name.as_str());
                    Some(note.into_owned())
                }
                None => is_endless.then(|| p.t("clock-never-due").into_owned()),
            };
            ClockLine {
                label,
                // How long it is held stands in the note.
                tick: tick(
                    clock,
                    sight.and_then(|sight| sight.burn),
                    clocks.over.get(&clock.id).copied(),
                    None,
                    p.now,
                ),
                line: format!("c-{place}"),
                explain: Some(format!("/{key}/clocks/{}", clock.id)),
                note,
                due_at: clock.deadline_at,
                theirs: sight.map(|sight| sight.zone).filter(|zone| *zone != p.zone),
            }
        })
        .collect()
}
