//! Whether what is stored of clocks is what their timelines say. Nothing here changes a clock: [`verify`] tells, [`check_some`]
//! notes what it finds so that people see it, and [`recompute`] is the deliberate repair.
//!
//! What is stored holds until its next wake. A ticket that a job still has to look at is therefore compared as of the instant
//! before that wake: that the job hasn't come round yet is no difference.

use std::collections::HashMap;
use std::fmt;

use super::sla::{book, cache_of, is_cache_of, restore};
use super::sla_reading::KINDS;
use super::sla_scene::Scene;
use super::{allow, audit};
use crate::app::{App, Ctx, Rounds};
use crate::domain::access::{Action, Target};
use crate::domain::id::{CustomerId, TicketId, TicketKey};
use crate::domain::query::Sort;
use crate::domain::sla_agreement::Metric;
use crate::domain::sla_book::Book;
use crate::domain::sla_clock;
use crate::domain::sla_notice::{Hearers, next_wake};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::Facts;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::queue::Filter;
use crate::store::sla::ClockRow;
use crate::store::sla_check::{self, Evidence};
use crate::store::{self, Conn};

/// Tickets that are compared in one go.
const BATCH: i64 = 200;

/// Which clock of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Which {
    pub customer: Option<CustomerId>,
    pub metric: Metric,
    pub cycle: i32,
    pub revision: i32,
}

/// One field that is stored otherwise than it is computed. Absent values are `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub ticket: TicketKey,
    /// `None`: what the queue sorts the ticket by.
    pub clock: Option<Which>,
    pub field: &'static str,
    pub stored: String,
    pub computed: String,
}

impl fmt::Display for Difference {
    /// `INC-12 resolve 1.0: deadline_at is stored as -, computed as 2026-06-01T15:00:00Z`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.ticket)?;
        if let Some(clock) = &self.clock {
            write!(f, " {} {}.{}", clock.metric, clock.cycle, clock.revision)?;
            if let Some(customer) = clock.customer {
                write!(f, " of {customer}")?;
            }
        }
        write!(
            f,
            ": {} is stored as {}, computed as {}",
            self.field, self.stored, self.computed
        )
    }
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub tickets: u64,
    pub clocks: u64,
    pub differences: u64,
    /// Tickets that a job still has to look at.
    pub awaited: u64,
}

/// Which tickets to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    All,
    Open,
    One(TicketKey),
}

/// Compares every clock in `scope`, a batch at a time: however many there are, no more than a batch is held. `said` hears of each
/// difference, `passed` of the tally so far after each batch.
pub fn verify(
    ctx: &Ctx<'_>,
    scope: Scope,
    mut said: impl FnMut(&Difference),
    mut passed: impl FnMut(&Tally),
) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut after = None;
    loop {
        let tickets = ctx.read(|conn| match scope {
            Scope::All => sla_check::tickets_after(conn, after, false, BATCH),
            Scope::Open => sla_check::tickets_after(conn, after, true, BATCH),
            Scope::One(key) => {
                let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
                Ok(vec![ticket])
            }
        })?;
        let Some(last) = tickets.last() else {
            return Ok(tally);
        };
        after = Some(last.id);
        let is_last = matches!(scope, Scope::One(_)) || (tickets.len() as i64) < BATCH;
        for difference in compare(ctx, &tickets, &mut tally)? {
            tally.differences += 1;
            said(&difference);
        }
        passed(&tally);
        if is_last {
            return Ok(tally);
        }
    }
}

/// The differences of these tickets. One that is changed while it is looked at is looked at again, alone.
fn compare(ctx: &Ctx<'_>, tickets: &[Ticket], tally: &mut Tally) -> Result<Vec<Difference>> {
    let mut differences = Vec::new();
    let mut seen = ctx.read(|conn| Seen::load(ctx.app, conn, tickets))?;
    tally.tickets += tickets.len() as u64;
    for ticket in tickets {
        let (as_of, found) = seen.differences(ticket, ctx.app.time.now())?;
        tally.awaited += u64::from(as_of.is_some());
        tally.clocks += seen.clock_count(ticket);
        if !found.is_empty() {
            differences.extend(confirmed(ctx, ticket.id)?);
        }
    }
    Ok(differences)
}

/// Tries to find a ticket unchanged before and after it was looked at.
const LOOKS: usize = 5;

fn confirmed(ctx: &Ctx<'_>, id: TicketId) -> Result<Vec<Difference>> {
    let mut found = Vec::new();
    for _ in 0..LOOKS {
        let (before, differences, after) = ctx.read(|conn| {
            let before = store::ticket::by_id(conn, id)?.ok_or(Error::NotFound)?;
            let mut seen = Seen::load(ctx.app, conn, std::slice::from_ref(&before))?;
            let (_, differences) = seen.differences(&before, ctx.app.time.now())?;
            Ok((before, differences, store::ticket::by_id(conn, id)?))
        })?;
        found = differences;
        if found.is_empty() || after.as_ref() == Some(&before) {
            break;
        }
    }
    Ok(found)
}

/// The differences of one ticket as of `now`, for checks that have it at hand.
pub fn of_ticket(
    app: &App,
    conn: &mut Conn,
    ticket: &Ticket,
    now: Timestamp,
) -> Result<Vec<Difference>> {
    let mut seen = Seen::load(app, conn, std::slice::from_ref(ticket))?;
    Ok(seen.differences(ticket, now)?.1)
}

/// Some tickets with everything that their clocks are derived from.
struct Seen {
    book: std::sync::Arc<Book>,
    /// Who hears of clocks that stay late.
    after: Hearers,
    evidence: Evidence,
}

impl Seen {
    fn load(app: &App, conn: &mut Conn, tickets: &[Ticket]) -> Result<Self> {
        let ids: Vec<TicketId> = tickets.iter().map(|ticket| ticket.id).collect();
        Ok(Self {
            book: book(app, conn)?,
            after: store::settings::all(conn)?.clock_after,
            evidence: sla_check::evidence(conn, &ids, KINDS)?,
        })
    }

    fn clock_count(&self, ticket: &Ticket) -> u64 {
        let clocks = self.evidence.clocks.get(&ticket.id);
        clocks.map_or(0, Vec::len) as u64
    }

    /// What differs, and as of when it was compared if a job still has to look at the ticket.
    fn differences(
        &mut self,
        ticket: &Ticket,
        now: Timestamp,
    ) -> Result<(Option<Timestamp>, Vec<Difference>)> {
        let none = Vec::new();
        let rows = self.evidence.clocks.get(&ticket.id).unwrap_or(&none);
        let wakes = rows.iter().filter_map(|row| row.next_wake_at).min();
        let as_of = wakes.filter(|at| *at <= now).map(|at| at.plus_micros(-1));
        let (seen_at, now) = (now, as_of.unwrap_or(now));
        let none = Vec::new();
        let hits = self.evidence.affected.get(&ticket.id).unwrap_or(&none);
        let services = self.evidence.services.get(&ticket.id);
        let services = services.cloned().unwrap_or_default();
        let none = Vec::new();
        let entries = self.evidence.entries.get(&ticket.id).unwrap_or(&none);
        let scene = Scene::of(&self.book, ticket, hits, services).by_the_opening(true);
        let derived = scene.clocks(entries, rows, None, now);
        let mut found = Found {
            ticket: ticket.key,
            differences: Vec::new(),
        };
        let mut computed = Vec::with_capacity(derived.len());
        for (party, clock) in &derived {
            let known = rows.iter().find(|row| is_cache_of(row, *party, clock));
            let mut fresh = cache_of(&self.book, ticket.id, *party, clock, known, now);
            let (told_until, recorded) = (fresh.warned_until, fresh.breached_at.is_some());
            fresh.next_wake_at = next_wake(
                clock,
                &self.after,
                ticket.severity,
                now,
                told_until,
                recorded,
            );
            // A late clock is woken by what people change in the rules: when that was, its timeline can't know.
            let is_awaited = |at: &Timestamp| recorded && *at <= seen_at;
            if let Some(at) = known
                .and_then(|known| known.next_wake_at)
                .filter(is_awaited)
            {
                fresh.next_wake_at = Some(at);
            }
            match known {
                Some(known) => found.compare(known, &fresh),
                None => found.add(Some(&fresh), "clock", "-".into(), fresh.state.to_string()),
            }
            computed.push(fresh);
        }
        for row in rows {
            let is_derived = computed.iter().any(|fresh| fresh.id == row.id);
            // What a correction took back stays on record.
            if !is_derived && !row.is_taken_back() {
                found.add(Some(row), "clock", row.state.to_string(), "-".into());
            }
        }
        let asked = self.evidence.asked.get(&ticket.id).copied();
        let standing = computed.iter().map(ClockRow::standing);
        let due = sla_clock::due_of(standing, asked, ticket.held_until());
        let at = |at: Timestamp| instant(Some(at).filter(|at| *at < Timestamp::NEVER));
        let metric = |metric: &Option<String>| metric.clone().unwrap_or_else(|| "-".to_owned());
        for (field, stored, computed) in [
            ("next_due_at", at(ticket.due.at), at(due.at)),
            ("next_due_from", instant(ticket.due.from), instant(due.from)),
            (
                "next_due_metric",
                metric(&ticket.due.metric),
                metric(&due.metric),
            ),
            (
                "is_late",
                ticket.due.is_late.to_string(),
                due.is_late.to_string(),
            ),
        ] {
            if stored != computed {
                found.add(None, field, stored, computed);
            }
        }
        Ok((as_of, found.differences))
    }
}

fn instant(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), Timestamp::rfc3339)
}

struct Found {
    ticket: TicketKey,
    differences: Vec<Difference>,
}

impl Found {
    fn add(
        &mut self,
        of: Option<&ClockRow>,
        field: &'static str,
        stored: String,
        computed: String,
    ) {
        self.differences.push(Difference {
            ticket: self.ticket,
            clock: of.map(|row| Which {
                customer: row.customer_id,
                metric: row.metric,
                cycle: row.cycle,
                revision: row.revision,
            }),
            field,
            stored,
            computed,
        });
    }

    fn compare(&mut self, known: &ClockRow, fresh: &ClockRow) {
        if known == fresh {
            return;
        }
        let fields = |row: &ClockRow| {
            let id = |id: Option<String>| id.unwrap_or_else(|| "-".to_owned());
            [
                ("promisee", row.promisee.to_string()),
                ("target", id(row.target_id.map(|id| id.to_string()))),
                ("from_seq", row.from_seq.to_string()),
                ("until_seq", id(row.until_seq.map(|seq| seq.to_string()))),
                ("anchor_at", instant(Some(row.anchor_at))),
                ("state", row.state.to_string()),
                ("deadline_at", instant(row.deadline_at)),
                ("ended_at", instant(row.ended_at)),
                ("cancelled", id(row.cancelled.map(|why| why.to_string()))),
                ("breached_at", instant(row.breached_at)),
                ("late_by_change", row.late_by_change.to_string()),
                ("next_wake_at", instant(row.next_wake_at)),
            ]
        };
        for ((field, stored), (_, computed)) in fields(known).into_iter().zip(fields(fresh)) {
            if stored != computed {
                self.add(Some(known), field, stored, computed);
            }
        }
    }
}

/// Seconds between two rounds.
const ROUND_SECS: i64 = 60;
/// Tickets of a round: so many of the open ones by what is due, so many of all by age.
const SAMPLE: i64 = 25;
/// Known differences that are looked at again in a round.
const AGAIN: i64 = 100;

/// One round of the standing check, once a minute: looks again at what differed, and at the next tickets. What differs is noted,
/// what no longer does is taken off; how many tickets differ afterwards, `None` if it isn't time yet.
pub fn check_some(ctx: &Ctx<'_>, rounds: &mut Rounds) -> Result<Option<i64>> {
    let waits = rounds
        .last_at
        .is_some_and(|last| (0..ROUND_SECS).contains(&ctx.now.secs_since(last)));
    if waits {
        return Ok(None);
    }
    rounds.last_at = Some(ctx.now);
    let (known, open, any) = ctx.read(|conn| {
        let known: Vec<TicketId> = sla_check::found(conn, AGAIN)?
            .into_iter()
            .map(|found| found.ticket)
            .collect();
        let filter = Filter::default();
        let open = store::queue::slice(conn, &filter, Sort::Due, rounds.open_after, SAMPLE)?;
        let any = sla_check::tickets_after(conn, rounds.any_after, false, SAMPLE)?;
        Ok((known, open, any))
    })?;
    rounds.open_after = open.next;
    // From the beginning again after the last.
    rounds.any_after = match (any.len() as i64) < SAMPLE {
        true => None,
        false => any.last().map(|ticket| ticket.id),
    };
    let mut by_ticket: HashMap<TicketId, Vec<Difference>> =
        known.iter().map(|id| (*id, Vec::new())).collect();
    for id in &known {
        by_ticket.insert(*id, confirmed(ctx, *id)?);
    }
    let mut tally = Tally::default();
    let mut fresh: Vec<Ticket> = open
        .tickets
        .into_iter()
        .chain(any)
        .filter(|ticket| !known.contains(&ticket.id))
        .collect();
    fresh.sort_by_key(|ticket| ticket.id);
    fresh.dedup_by_key(|ticket| ticket.id);
    let keys: HashMap<TicketKey, TicketId> =
        fresh.iter().map(|ticket| (ticket.key, ticket.id)).collect();
    for difference in compare(ctx, &fresh, &mut tally)? {
        if let Some(id) = keys.get(&difference.ticket) {
            by_ticket.entry(*id).or_default().push(difference);
        }
    }
    for (id, differences) in by_ticket {
        let what: Vec<String> = differences.iter().map(Difference::to_string).collect();
        let what = (!what.is_empty()).then(|| what.join("\n"));
        let is_news = ctx
            .app
            .store
            .write(|tx| sla_check::note(tx, id, what.as_deref(), ctx.now))?;
        if is_news && let Some(what) = what {
            tracing::error!(what, "stored clocks are not what the timeline says");
        }
    }
    Ok(Some(ctx.read(sla_check::count)?))
}

/// Writes a ticket's clocks anew from its timeline, as its next change would, and says so in the audit.
pub fn recompute(ctx: &Ctx<'_>, key: TicketKey) -> Result<()> {
    allow(&ctx.by, Action::ManageSettings, Target::House)?;
    let ticket = ctx.read(|conn| store::ticket::by_key(conn, key))?;
    let ticket = ticket.ok_or(Error::NotFound)?;
    let before = confirmed(ctx, ticket.id)?;
    restore(ctx, ticket.id)?;
    let after = confirmed(ctx, ticket.id)?;
    let what: Vec<String> = after.iter().map(Difference::to_string).collect();
    let what = (!what.is_empty()).then(|| what.join("\n"));
    ctx.write(|tx| {
        sla_check::note(tx, ticket.id, what.as_deref(), ctx.now)?;
        let facts = Facts::new()
            .with("differed", before.len())
            .with("differ", after.len());
        audit::note(tx, ctx, "clocks-recomputed", &key.to_string(), &facts)
    })
}
