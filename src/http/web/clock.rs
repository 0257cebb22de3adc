//! A ticket's clocks: the list on its page, and the view in which one of them explains itself.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::{Answer, id_of};
use super::row;
use super::ticket::ClockLine;
use crate::actions;
use crate::app::{App, Ctx};
use crate::domain::access::Action;
use crate::domain::id::{ClockId, TicketKey};
use crate::domain::sla_agreement::{Anchor, Budget, Metric};
use crate::domain::sla_clock::{CancelReason, Clock, ClockState, Stop};
use crate::domain::sla_explain::{Explanation, StepKind, explain};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::EntryKind;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::http::marks::Tick;
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::store::sla::ClockRow;
use crate::store::{self, Conn};
use crate::words::Words;

/// A clock as a tick: what people see of it. `held_since` is when its ticket began to wait.
pub fn tick(row: &ClockRow, held_since: Option<Timestamp>, now: Timestamp) -> Tick {
    let total_secs = row
        .deadline_at
        .map_or(0, |due_at| due_at.secs_since(row.anchor_at).max(0));
    let late_secs = |until: Timestamp| row.breached_at.map_or(0, |at| until.secs_since(at).max(0));
    match row.state {
        ClockState::Scheduled | ClockState::Running => match row.deadline_at {
            Some(due_at) => Tick::Running { due_at, total_secs },
            None => Tick::None,
        },
        ClockState::Held if row.breached_at.is_some() => Tick::Missed {
            late_secs: late_secs(now),
        },
        ClockState::Held => Tick::Held {
            held_secs: held_since.map(|since| now.secs_since(since).max(0)),
            left_secs: row.deadline_at.map(|at| at.secs_since(now).max(0)),
            total_secs,
        },
        ClockState::Met => Tick::Met,
        ClockState::Missed | ClockState::Cancelled | ClockState::Superseded => {
            match row.breached_at {
                Some(_) => Tick::Missed {
                    late_secs: late_secs(row.ended_at.unwrap_or(now)),
                },
                None => Tick::None,
            }
        }
    }
}

/// The clocks for the side of a ticket's page: of each promise the newest cycle, what runs first, by deadline.
pub fn lines(
    ticket: &Ticket,
    rows: &[ClockRow],
    customer: impl Fn(&ClockRow) -> String,
    p: &Page,
) -> Vec<ClockLine> {
    let mut newest: Vec<&ClockRow> = Vec::new();
    for clock in rows {
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
            ClockLine {
                label,
                tick: tick(clock, ticket.first_hold().map(|hold| hold.since), p.now),
                line: format!("c-{place}"),
                explain: Some(format!("/{}/clocks/{}", ticket.key, clock.id)),
            }
        })
        .collect()
}

#[derive(Template)]
#[template(path = "ticket/clock.html")]
struct ClockPage {
    p: Page,
    key: String,
    ticket_title: String,
    metric: String,
    state: String,
    tick: Tick,
    /// Everything that the arithmetic starts from: label and value.
    terms: Vec<(String, Value)>,
    steps: Vec<StepLine>,
    is_cut: bool,
    sum: String,
    cycles: Vec<(String, String, String)>,
}

enum Value {
    Text(String),
    At(Timestamp),
}

struct StepLine {
    from: Timestamp,
    to: Timestamp,
    what: String,
    length: String,
    used: String,
    is_counted: bool,
    is_late: bool,
}

struct Known {
    title: String,
    row: ClockRow,
    clock: Clock,
    explained: Explanation,
    agreement: Option<String>,
    /// Others that would fit: the first in their order holds.
    also_fit: Vec<String>,
    calendar: Option<String>,
    customer: Option<String>,
    siblings: Vec<ClockRow>,
    held_since: Option<Timestamp>,
    /// When it was late, as long as that was true, and what took it back.
    withdrawn: Vec<Withdrawn>,
}

/// A breach that was one until something turned out to be otherwise.
struct Withdrawn {
    deadline: Option<Timestamp>,
    at: Timestamp,
    name: String,
    cause: String,
}

/// The breaches of this clock that were taken back: facts both, and both stay.
fn withdrawn(conn: &mut Conn, ticket: &Ticket, id: ClockId) -> Result<Vec<Withdrawn>> {
    let said = store::timeline::of_kinds(conn, ticket.id, &[EntryKind::ClockWithdrawn])?;
    let own = id.to_string();
    Ok(said
        .into_iter()
        .filter(|entry| entry.facts.get("clock") == Some(own.as_str()))
        .map(|entry| Withdrawn {
            deadline: entry.facts.instant("deadline"),
            at: entry.effective_at,
            name: entry.facts.get("name").unwrap_or_default().to_owned(),
            cause: entry.facts.get("cause").unwrap_or_default().to_owned(),
        })
        .collect())
}

/// `GET /INC-12/clocks/{id}`
pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
) -> Answer {
    let (key, id) = path.into_inner();
    let key: TicketKey = key.parse().map_err(|()| Error::NotFound)?;
    let id: ClockId = id_of(&id)?;
    let known = viewer.run(&app, move |ctx| load(ctx, key, id)).await?;
    let page = Page::titled(&req, format!("{key} {}", known.title));
    reply::page(&drawn(page, key, known))
}

fn load(ctx: &Ctx<'_>, key: TicketKey, id: ClockId) -> Result<Known> {
    if !ctx.by.is_staff() {
        return Err(Error::NotFound);
    }
    ctx.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
        actions::allow_ticket(conn, &ctx.by, Action::ReadTickets, &ticket)?;
        let derived = actions::sla::derived(ctx.app, conn, &ticket, ctx.now)?;
        let siblings = derived
            .iter()
            .map(|(row, _)| row.clone())
            .collect::<Vec<_>>();
        let (row, clock) = derived
            .into_iter()
            .find(|(row, _)| row.id == id)
            .ok_or(Error::NotFound)?;
        let book = actions::sla::book(ctx.app, conn)?;
        let target = clock.terms.target.id;
        let agreement = book
            .agreements()
            .iter()
            .find(|known| known.targets.iter().any(|it| it.id == target))
            .map(|known| format!("{} {}", known.name, known.version));
        let services = store::ticket::services(conn, ticket.id)?;
        let (kind, severity) = (ticket.key.kind, ticket.severity);
        let also_fit = book
            .fitting(row.customer_id, kind, severity, &services)
            .into_iter()
            .filter(|known| known.targets.iter().all(|it| it.id != target))
            .map(|known| known.name.clone())
            .collect();
        let calendar = book
            .calendar(clock.terms.target.calendar)
            .map(|known| known.name.clone());
        let customer = match row.customer_id {
            Some(id) => store::customer::by_id(conn, id)?.map(|known| known.name),
            None => None,
        };
        let explained = explain(&clock, ctx.now);
        let siblings = siblings
            .into_iter()
            .filter(|other| other.metric == row.metric && other.customer_id == row.customer_id)
            .collect();
        Ok(Known {
            title: ticket.title.to_string(),
            row,
            clock,
            explained,
            agreement,
            also_fit,
            calendar,
            customer,
            siblings,
            held_since: ticket.first_hold().map(|hold| hold.since),
            withdrawn: withdrawn(conn, &ticket, id)?,
        })
    })
}

fn drawn(p: Page, key: TicketKey, known: Known) -> ClockPage {
    let words = p.words;
    let span = |micros: i64| words.span(micros / 1_000_000);
    let (row, clock, explained) = (&known.row, &known.clock, &known.explained);
    let target = &clock.terms.target;
    let text = |key: &str| words.t(key).into_owned();
    let mut terms = vec![(
        text("clock-promised-to"),
        Value::Text(
            known
                .customer
                .clone()
                .unwrap_or_else(|| text("clock-house")),
        ),
    )];
    if let Some(agreement) = &known.agreement {
        terms.push((text("clock-agreement"), Value::Text(agreement.clone())));
    }
    if !known.also_fit.is_empty() {
        terms.push((
            text("clock-also-fit"),
            Value::Text(known.also_fit.join(", ")),
        ));
    }
    let budget = match target.budget {
        Budget::Counted { secs } => words.span(secs),
        Budget::EndOfDay { n } => words
            .with("clock-end-of-day", &[("n", i64::from(n).into())])
            .into_owned(),
        Budget::Fixed { .. } => text("clock-fixed"),
    };
    terms.push((text("clock-budget"), Value::Text(budget)));
    if let Some(calendar) = &known.calendar {
        let zone = clock.terms.hours.zone(clock.anchor_at);
        terms.push((
            text("clock-calendar"),
            Value::Text(format!("{calendar} ({zone})")),
        ));
    }
    let anchor = match (row.cycle, row.metric, target.anchor) {
        (2.., _, _) => "clock-anchor-cycle",
        (_, Metric::Log, _) | (_, _, Anchor::Impact) => "clock-anchor-impact",
        (_, _, Anchor::Reported) => "clock-anchor-reported",
        (_, _, Anchor::Logged) => "clock-anchor-logged",
    };
    terms.push((text(anchor), Value::At(clock.anchor_at)));
    if let Some(deadline) = clock.deadline_at {
        terms.push((text("clock-deadline"), Value::At(deadline)));
    }
    if let Some(ended) = clock.ended_at {
        terms.push((text("clock-ended"), Value::At(ended)));
    }
    if clock.late_by_change {
        terms.push((
            text("clock-cause"),
            Value::Text(text("clock-late-by-change")),
        ));
    }
    if clock.credit > 0 {
        terms.push((text("clock-carried"), Value::Text(span(clock.credit))));
    }
    for taken_back in &known.withdrawn {
        let said = words.with(
            "clock-withdrawn",
            &[
                ("name", taken_back.name.as_str().into()),
                ("cause", taken_back.cause.as_str().into()),
            ],
        );
        terms.push((said.into_owned(), Value::At(taken_back.at)));
        if let Some(deadline) = taken_back.deadline {
            terms.push((text("clock-was-late"), Value::At(deadline)));
        }
    }
    if row.cancelled == Some(CancelReason::Merged) {
        terms.push((text("clock-cause"), Value::Text(text("clock-merged"))));
    }
    if !target.policy.holds_in.is_empty() {
        let states: Vec<String> = target
            .policy
            .holds_in
            .iter()
            .map(|state| row::state_word(*state, words))
            .collect();
        terms.push((text("clock-stops-in"), Value::Text(states.join(", "))));
    }
    if !target.stops_on.is_empty() {
        let on: Vec<String> = target
            .stops_on
            .iter()
            .map(|on| p.word("waiting", on.as_str()))
            .collect();
        terms.push((text("clock-stops"), Value::Text(on.join(", "))));
    }
    for (threshold, at) in &clock.warnings {
        let label = words.with(
            "clock-warns",
            &[("threshold", threshold.to_string().into())],
        );
        terms.push((label.into_owned(), Value::At(*at)));
    }
    let steps = explained
        .steps
        .iter()
        .map(|step| StepLine {
            from: step.interval.from,
            to: step.interval.to,
            what: step_word(step.kind, words, &p),
            length: span(step.interval.micros()),
            used: span(step.used_after),
            is_counted: step.kind == StepKind::Counted,
            is_late: step.is_late,
        })
        .collect();
    let sum = match explained.budget {
        Some(budget) if explained.late > 0 => words.with(
            "clock-sum-late",
            &[
                ("used", span(explained.used).into()),
                ("budget", span(budget).into()),
                ("late", span(explained.late).into()),
            ],
        ),
        Some(budget) => words.with(
            "clock-sum",
            &[
                ("used", span(explained.used).into()),
                ("budget", span(budget).into()),
                ("percent", percent(clock, p.now).into()),
            ],
        ),
        None => words.with("clock-sum-open", &[("used", span(explained.used).into())]),
    };
    let cycles = known
        .siblings
        .iter()
        .filter(|other| other.id != row.id)
        .map(|other| {
            let name = words
                .with("clock-cycle", &[("n", i64::from(other.cycle).into())])
                .into_owned();
            (
                format!("/{key}/clocks/{}", other.id),
                name,
                p.word("clock-state", other.state.as_str()),
            )
        })
        .collect();
    ClockPage {
        key: key.to_string(),
        ticket_title: known.title.clone(),
        metric: row::promise(Some(row.metric.as_str()), words),
        state: p.word("clock-state", row.state.as_str()),
        tick: tick(row, known.held_since, p.now),
        terms,
        steps,
        is_cut: explained.is_cut,
        sum: sum.into_owned(),
        cycles,
        p,
    }
}

/// Never rounded up: 99.951 % is 99.95 %.
fn percent(clock: &Clock, now: Timestamp) -> String {
    let permyriad = clock.used_permyriad(now);
    format!("{}.{:02}", permyriad / 100, permyriad % 100)
}

fn step_word(kind: StepKind, words: &Words, p: &Page) -> String {
    match kind {
        StepKind::Counted => words.t("step-counted").into_owned(),
        StepKind::Outside => words.t("step-outside").into_owned(),
        StepKind::Stopped(Stop::Closed) => words.t("step-gap").into_owned(),
        StepKind::Stopped(Stop::Waiting(on)) => p.word("waiting", on.as_str()),
        StepKind::Stopped(Stop::InState(state)) => row::state_word(state, words),
    }
}
