//! The instants of a ticket: when the impact began, when each customer told us, when it was logged, when it worked again, when it was
//! resolved. That it was logged is a fact; the others can be corrected, by a right of its own, with a reason and with evidence, and
//! never far back.

use super::sla::book;
use super::ticket::{change, written};
use super::ticket_restore::correct_ends;
use super::{allow_ticket, audit, people_leads_besides};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::id::{CustomerId, Kind, ServiceId, TicketKey};
use crate::domain::people::web_address;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::severity::Severity;
use crate::domain::sla_agreement::Case;
use crate::domain::ticket::{Opening, Ticket};
use crate::domain::timeline::{Door, Entry, EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::ticket::Affected;
use crate::store::{self, Conn, Tx};

/// What is corrected.
#[derive(Debug, Clone, Default)]
pub struct Times {
    pub impact_at: Option<Timestamp>,
    /// Of each customer when they told us; `None`: they didn't.
    pub reported: Vec<(CustomerId, Option<Timestamp>)>,
    /// When it worked again, if that was sooner than it was said.
    pub restored_at: Option<Timestamp>,
    /// When it was resolved, likewise.
    pub resolved_at: Option<Timestamp>,
    pub why: String,
    /// What proves it: a web address, or `#12` for an entry of the ticket's own timeline.
    pub evidence: String,
}

/// Corrects when it began or was reported, worked again or was resolved. Clocks that count from there or ended with it count anew;
/// what turns out to be late is said in one notice.
pub fn correct(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>, times: &Times) -> Result<Ticket> {
    let why = written("why", &times.why)?;
    change(ctx, key, rev, Action::Backdate, |tx, ticket| {
        refuse_own(tx, ctx, ticket)?;
        let evidence = evidence(tx, ticket, &times.evidence)?;
        let mut hits = store::ticket::affected(tx, ticket.id)?;
        let mut entries = Vec::new();
        if let Some(at) = times.impact_at.filter(|at| *at != ticket.impact_at) {
            entries.push(correct_impact(tx, ctx, ticket, &mut hits, at)?);
        }
        for (customer, at) in &times.reported {
            entries.extend(correct_report(tx, ctx, ticket, &mut hits, *customer, *at)?);
        }
        let (restored_at, resolved_at) = (times.restored_at, times.resolved_at);
        entries.extend(correct_ends(tx, ctx, ticket, restored_at, resolved_at)?);
        if entries.is_empty() {
            return Err(Refusal::new("unchanged").into());
        }
        let mut facts = Facts::new().with("evidence", &evidence).with("why", &why);
        for entry in &mut entries {
            entry.body.clone_from(&why);
            entry.facts.set("evidence", &evidence);
            for name in ["from", "to", "name"] {
                if let Some(value) = entry.facts.get(name) {
                    facts.set(format!("{} {name}", entry.kind), value);
                }
            }
        }
        audit::note(tx, ctx, "times-corrected", &key.to_string(), &facts)?;
        Ok(entries)
    })
}

fn correct_impact(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    hits: &mut [Affected],
    at: Timestamp,
) -> Result<Entry> {
    if at > ticket.logged_at {
        return Err(Refusal::new("impact-in-future").into());
    }
    let customers: Vec<CustomerId> = hits.iter().map(|hit| hit.customer_id).collect();
    refuse_beyond_limit(tx, ctx, ticket, &customers, at)?;
    let from = std::mem::replace(&mut ticket.impact_at, at);
    // Whoever was hit when it began was hit when it really began.
    for hit in hits.iter_mut().filter(|hit| hit.impact_at == from) {
        hit.impact_at = at;
        store::affected::set_times(tx, hit)?;
    }
    Ok(Entry::new(EntryKind::ImpactChanged)
        .fact("from", from.rfc3339())
        .fact("to", at.rfc3339()))
}

fn correct_report(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    hits: &mut [Affected],
    customer: CustomerId,
    at: Option<Timestamp>,
) -> Result<Option<Entry>> {
    let found = hits.iter_mut().find(|hit| hit.customer_id == customer);
    let hit = found.ok_or_else(|| {
        FieldError::new("reported", "not-affected").with("value", customer.to_string())
    })?;
    if hit.reported_at == at {
        return Ok(None);
    }
    if let Some(at) = at {
        if at > ctx.now {
            return Err(Refusal::new("reported-in-future").into());
        }
        refuse_beyond_limit(tx, ctx, ticket, &[customer], at)?;
    }
    let from = std::mem::replace(&mut hit.reported_at, at);
    store::affected::set_times(tx, hit)?;
    let name = store::customer::by_id(tx, customer)?.map(|customer| customer.name);
    Ok(Some(
        Entry::new(EntryKind::ReportedChanged)
            .fact("customer", customer)
            .fact_some("name", name)
            .fact_some("from", from.map(Timestamp::rfc3339))
            .fact_some("to", at.map(Timestamp::rfc3339)),
    ))
}

/// Lets only those say that something was before now who may, of what they don't answer for themselves, with a reason and with
/// evidence: both as they are written down.
pub(super) fn backed(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    why: &str,
    evidence: &str,
) -> Result<(String, String)> {
    allow_ticket(tx, &ctx.by, Action::Backdate, ticket)?;
    refuse_own(tx, ctx, ticket)?;
    let evidence = self::evidence(tx, ticket, evidence)?;
    Ok((written("why", why)?, evidence))
}

/// Evidence is somewhere to look: a page, or an entry of this timeline.
pub(super) fn evidence(tx: &mut Tx, ticket: &Ticket, text: &str) -> Result<String> {
    let text = text.trim();
    if let Some(number) = text.strip_prefix('#') {
        let known = match number.parse() {
            Ok(seq) => store::timeline::by_seq(tx, ticket.id, seq)?.is_some(),
            Err(_) => false,
        };
        let unknown =
            || FieldError::new("evidence", "unknown-entry").with("value", text.to_owned());
        return known
            .then(|| text.to_owned())
            .ok_or_else(|| unknown().into());
    }
    let found = web_address("evidence", text)?;
    Ok(found.ok_or_else(|| FieldError::new("evidence", "required"))?)
}

/// Nobody sets back the clocks of what they answer for themselves, unless there is nobody else to do it.
pub(super) fn refuse_own(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &Ticket) -> Result<()> {
    let Some(me) = ctx.by.person().filter(|me| ticket.owner == Some(*me)) else {
        return Ok(());
    };
    if people_leads_besides(tx, me)? {
        return Err(Error::Forbidden(Refusal::new("backdate-own")));
    }
    Ok(())
}

/// How far back depends on what was agreed with those whom it concerns; the strictest agreement holds.
pub(super) fn refuse_beyond_limit(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    customers: &[CustomerId],
    at: Timestamp,
) -> Result<()> {
    let days = days_back(tx, ctx, ticket, customers)?;
    refuse_further_back(ticket.logged_at, days, at)
}

/// As [`refuse_beyond_limit`], of what is said at `said_at` to have been at `at`.
pub(super) fn refuse_long_ago(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    customers: &[CustomerId],
    said_at: Timestamp,
    at: Timestamp,
) -> Result<()> {
    let days = days_back(tx, ctx, ticket, customers)?;
    if is_further_back(said_at, days, at) {
        return Err(Refusal::new("restored-long-ago")
            .with("days", days.to_string())
            .into());
    }
    Ok(())
}

fn is_further_back(said_at: Timestamp, days: i32, at: Timestamp) -> bool {
    at < said_at.plus_secs(-i64::from(days) * 86_400)
}

fn refuse_further_back(logged_at: Timestamp, days: i32, at: Timestamp) -> Result<()> {
    if is_further_back(logged_at, days, at) {
        return Err(Refusal::new("backdate-limit")
            .with("days", days.to_string())
            .into());
    }
    Ok(())
}

/// How many days back is agreed with all of these customers; without any, with whoever asked.
fn days_back(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &Ticket, customers: &[CustomerId]) -> Result<i32> {
    let services = store::ticket::services(tx, ticket.id)?;
    let about = About {
        kind: ticket.key.kind,
        severity: ticket.severity,
        services: &services,
    };
    let concerned: Vec<Option<CustomerId>> = match customers {
        [] => vec![ticket.customer],
        some => some.iter().map(|id| Some(*id)).collect(),
    };
    about.days(tx, ctx, &concerned)
}

/// At the opening everybody says when it began. Further back than agreed needs whoever may correct it; mail, alerts and imports
/// bring their instants with them.
pub(super) fn refuse_old_opening(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    kind: Kind,
    opening: &Opening,
) -> Result<()> {
    let is_told = matches!(ctx.door, Door::Web | Door::Api | Door::Phone | Door::Chat);
    let oldest = [opening.impact_at, opening.reported_at]
        .into_iter()
        .flatten()
        .min();
    let Some(at) = oldest.filter(|_| is_told) else {
        return Ok(());
    };
    let about = About {
        kind,
        severity: opening.severity,
        services: &opening.services,
    };
    let days = about.days(tx, ctx, &[opening.customer])?;
    refuse_further_back(ctx.now, days, at)
}

/// What decides under which agreement a ticket runs, besides its customers.
struct About<'a> {
    kind: Kind,
    severity: Option<Severity>,
    services: &'a [ServiceId],
}

impl About<'_> {
    /// The strictest of what is agreed with them.
    fn days(
        &self,
        conn: &mut Conn,
        ctx: &Ctx<'_>,
        customers: &[Option<CustomerId>],
    ) -> Result<i32> {
        let book = book(ctx.app, conn)?;
        let of = |customer: &Option<CustomerId>| {
            let case = Case {
                customer: *customer,
                kind: self.kind,
                severity: self.severity,
                services: self.services,
            };
            book.backdate_days(&case, ctx.now)
        };
        Ok(customers.iter().map(of).min().unwrap_or_default())
    }
}
