//! Agreements and calendars: made, changed and retired. An edit makes a version that holds from now on; clocks that run keep
//! what they began under, and are cancelled when it is retired.

use std::sync::Arc;

use chrono_tz::Tz;

use super::sla::book;
use super::{allow, audit};
use crate::app::Ctx;
use crate::domain::access::{Action, Target as Of};
use crate::domain::calendar::{Calendar, Exception, Range};
use crate::domain::id::{AgreementId, CalendarId, CustomerId, Id, Kind};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::severity::Severity;
use crate::domain::sla_agreement::{
    Agreement, Anchor, Budget, MAX_BACKDATE_DAYS, Metric, Promisee, Target, Threshold,
    USUAL_BACKDATE_DAYS,
};
use crate::domain::sla_policy::{MAX_REOPEN_GRACE_SECS, Policy};
use crate::domain::text::{NAME_CHARS, one_line};
use crate::domain::ticket::State;
use crate::domain::timeline::Facts;
use crate::domain::worktime::Hours;
use crate::error::{Error, Result, is_unique_violation};
use crate::store::{self, Tx};

/// What an editor's form says about a calendar.
#[derive(Debug, Clone)]
pub struct CalendarDetails {
    pub name: String,
    pub zone: Tz,
    /// 0 is Monday.
    pub weekly: Vec<(u8, Range)>,
    pub exceptions: Vec<Exception>,
    pub is_active: bool,
}

impl CalendarDetails {
    /// Refuses a calendar without an open instant in the next five years: no promise in it could be kept.
    fn build(&self, ctx: &Ctx<'_>) -> Result<Calendar> {
        let calendar = Calendar::new(self.zone, &self.weekly, self.exceptions.clone())?;
        if Hours::of(Arc::new(calendar.clone())).is_ever_open(ctx.now) {
            Ok(calendar)
        } else {
            Err(FieldError::new("weekly", "never-open").into())
        }
    }
}

pub fn add_calendar(ctx: &Ctx<'_>, details: &CalendarDetails) -> Result<CalendarId> {
    allow(&ctx.by, Action::ManageAgreements, Of::House)?;
    ctx.write(|tx| add_calendar_in(tx, ctx, details))
        .map_err(name_taken)
}

fn add_calendar_in(tx: &mut Tx, ctx: &Ctx<'_>, details: &CalendarDetails) -> Result<CalendarId> {
    let name = one_line("name", &details.name, NAME_CHARS)?;
    let calendar = details.build(ctx)?;
    let id = Id::new(ctx.now);
    store::calendar::insert(tx, id, &name, &calendar, ctx.now)?;
    store::version::raise(tx)?;
    audit::note(
        tx,
        ctx,
        "calendar-added",
        &name,
        &Facts::new().with("zone", details.zone.name()),
    )?;
    Ok(id)
}

/// Writes the next version, which counts from now on; what was counted before stays as it was.
pub fn change_calendar(
    ctx: &Ctx<'_>,
    id: CalendarId,
    seen: i64,
    details: &CalendarDetails,
) -> Result<()> {
    allow(&ctx.by, Action::ManageAgreements, Of::House)?;
    let outcome = ctx.write(|tx| {
        let name = one_line("name", &details.name, NAME_CHARS)?;
        let calendar = details.build(ctx)?;
        let book = book(ctx.app, tx)?;
        let known = book.calendar(id).ok_or(Error::NotFound)?;
        if known.is_active && !details.is_active {
            refuse_in_use(tx, &book, id)?;
        }
        store::calendar::update(tx, id, seen, &name, details.is_active, &calendar, ctx.now)?;
        store::version::raise(tx)?;
        let facts = Facts::new()
            .with("from", &known.name)
            .with("zone", details.zone.name());
        audit::note(tx, ctx, "calendar-changed", &name, &facts)
    });
    outcome.map_err(name_taken)
}

fn refuse_in_use(tx: &mut Tx, book: &crate::domain::sla_book::Book, id: CalendarId) -> Result<()> {
    let agreement = book
        .agreements()
        .iter()
        .find(|agreement| agreement.targets.iter().any(|target| target.calendar == id))
        .map(|agreement| agreement.name.clone());
    let teams = store::house::teams(tx)?;
    let team = teams
        .into_iter()
        .find(|team| team.is_active && team.calendar_id == Some(id))
        .map(|team| team.name);
    match agreement.or(team) {
        Some(user) => Err(Refusal::new("calendar-in-use").with("name", user).into()),
        None => Ok(()),
    }
}

fn name_taken(error: Error) -> Error {
    if is_unique_violation(&error) {
        FieldError::new("name", "taken").into()
    } else {
        error
    }
}

/// What an editor's form says about an agreement. Targets carry no ids: they get new ones.
#[derive(Debug, Clone)]
pub struct AgreementDetails {
    /// `None`: the house's.
    pub customer: Option<CustomerId>,
    pub name: String,
    pub targets: Vec<Target>,
    /// How many days back its clocks may be set.
    pub backdate_days: i32,
    pub is_active: bool,
}

pub fn add_agreement(ctx: &Ctx<'_>, details: &AgreementDetails) -> Result<AgreementId> {
    allow(&ctx.by, Action::ManageAgreements, Of::House)?;
    ctx.write(|tx| add_agreement_in(tx, ctx, details))
}

pub fn add_agreement_in(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    details: &AgreementDetails,
) -> Result<AgreementId> {
    let name = one_line("name", &details.name, NAME_CHARS)?;
    let customer = match details.customer {
        Some(id) => {
            let found = store::customer::by_id(tx, id)?;
            Some(
                found
                    .ok_or_else(|| FieldError::new("customer", "unknown-customer"))?
                    .name,
            )
        }
        None => None,
    };
    let agreement = Agreement {
        id: Id::new(ctx.now),
        customer: details.customer,
        name,
        version: 1,
        backdate_days: backdate_days(details.backdate_days)?,
        targets: checked(tx, ctx, &details.targets)?,
    };
    store::sla::insert_agreement(tx, &agreement, ctx.now)?;
    store::version::raise(tx)?;
    let facts = Facts::new().with_some("customer", customer);
    audit::note(tx, ctx, "agreement-added", &agreement.name, &facts)?;
    Ok(agreement.id)
}

/// Writes the next version: cycles that begin from now on run under it, clocks that run keep theirs.
pub fn change_agreement(
    ctx: &Ctx<'_>,
    id: AgreementId,
    seen: i64,
    details: &AgreementDetails,
) -> Result<()> {
    allow(&ctx.by, Action::ManageAgreements, Of::House)?;
    ctx.write(|tx| {
        let name = one_line("name", &details.name, NAME_CHARS)?;
        let book = book(ctx.app, tx)?;
        let known = book
            .agreements()
            .iter()
            .find(|known| known.id == id)
            .ok_or(Error::NotFound)?;
        if known.customer.is_none() && !details.is_active {
            return Err(Refusal::new("house-agreement-stays").into());
        }
        let mut next = Agreement {
            id,
            customer: known.customer,
            name,
            version: seen,
            backdate_days: backdate_days(details.backdate_days)?,
            targets: checked(tx, ctx, &details.targets)?,
        };
        store::sla::update_agreement(tx, &mut next, details.is_active)?;
        if !details.is_active {
            // What runs under it is cancelled, one ticket at a time.
            store::sla::wake_all_under(tx, id, ctx.now)?;
        }
        store::version::raise(tx)?;
        let deed = if details.is_active {
            "agreement-changed"
        } else {
            "agreement-retired"
        };
        audit::note(
            tx,
            ctx,
            deed,
            &next.name,
            &Facts::new().with("version", next.version),
        )
    })
}

fn backdate_days(days: i32) -> Result<i32> {
    if (0..=MAX_BACKDATE_DAYS).contains(&days) {
        return Ok(days);
    }
    Err(FieldError::new("backdate_days", "out-of-range")
        .with("min", "0")
        .with("max", MAX_BACKDATE_DAYS.to_string())
        .with("got", days.to_string())
        .into())
}

/// Gives each target its id, after a look at what it names.
fn checked(tx: &mut Tx, ctx: &Ctx<'_>, targets: &[Target]) -> Result<Vec<Arc<Target>>> {
    let book = book(ctx.app, tx)?;
    let mut checked = Vec::with_capacity(targets.len());
    for target in targets {
        let known = book
            .calendar(target.calendar)
            .filter(|known| known.is_active);
        if known.is_none() {
            return Err(FieldError::new("calendar", "unknown-calendar").into());
        }
        if let Some(service) = target.service {
            let known = store::house::service(tx, service)?;
            known.ok_or_else(|| FieldError::new("service", "unknown-service"))?;
        }
        let strange = |state: &&State| !is_state_of(**state, target.kind);
        if let Some(state) = target.policy.holds_in.iter().find(strange) {
            return Err(FieldError::new("holds_in", "not-its-state")
                .with("value", state.as_str())
                .with("kind", target.kind.as_str())
                .into());
        }
        if !(0..=MAX_REOPEN_GRACE_SECS).contains(&target.policy.reopen_grace_secs) {
            return Err(FieldError::new("reopen_grace", "out-of-range")
                .with("min", "0")
                .with("max", (MAX_REOPEN_GRACE_SECS / 3600).to_string())
                .with("got", (target.policy.reopen_grace_secs / 3600).to_string())
                .into());
        }
        let mut target = target.clone();
        target.id = Some(Id::new(ctx.now));
        checked.push(Arc::new(target));
    }
    Ok(checked)
}

/// Whether a ticket of this kind can wait in this state.
fn is_state_of(state: State, kind: Kind) -> bool {
    let mut seen = vec![State::first(kind)];
    let mut at = 0;
    while let Some(known) = seen.get(at) {
        let new: Vec<State> = known
            .next(kind)
            .iter()
            .copied()
            .filter(|next| !seen.contains(next))
            .collect();
        seen.extend(new);
        at += 1;
    }
    state.is_open() && seen.contains(&state)
}

/// What a house begins with: hours round the clock, working hours, and the agreement that holds for tickets of nobody in
/// particular, so that a bare "DB master down" has clocks.
pub fn found_house(tx: &mut Tx, ctx: &Ctx<'_>, zone: Tz) -> Result<()> {
    let week =
        |days: std::ops::RangeInclusive<u8>, range: Range| days.map(|day| (day, range)).collect();
    let calendar = |name: &str, weekly| CalendarDetails {
        name: name.to_owned(),
        zone,
        weekly,
        exceptions: Vec::new(),
        is_active: true,
    };
    let always = add_calendar_in(
        tx,
        ctx,
        &calendar("Round the clock", week(0..=6, Range::DAY)),
    )?;
    let office = Range::new(9 * 60, 17 * 60)?;
    let working = add_calendar_in(tx, ctx, &calendar("Working hours", week(0..=4, office)))?;
    let mut targets = Vec::new();
    for (severity, calendar, own, respond, restore, resolve) in [
        (Severity::Disaster, always, 5, 15, 4 * 60, 24 * 60),
        (Severity::High, always, 15, 30, 8 * 60, 48 * 60),
        (Severity::Average, working, 60, 120, 16 * 60, 40 * 60),
        (Severity::Warning, working, 8 * 60, 16 * 60, 0, 80 * 60),
    ] {
        let minutes = [
            (Metric::Own, own),
            (Metric::Respond, respond),
            (Metric::Restore, restore),
            (Metric::Resolve, resolve),
        ];
        for (metric, minutes) in minutes.into_iter().filter(|(_, minutes)| *minutes > 0) {
            targets.push(house_target(
                metric,
                Kind::Incident,
                Some(severity),
                minutes * 60,
                calendar,
            ));
        }
    }
    // A meeting within a day of the resolve, a review within a working week.
    targets.push(house_target(
        Metric::Meeting,
        Kind::PostMortem,
        None,
        24 * 3600,
        always,
    ));
    targets.push(house_target(
        Metric::Resolve,
        Kind::PostMortem,
        None,
        40 * 3600,
        working,
    ));
    let details = AgreementDetails {
        customer: None,
        name: "House agreement".to_owned(),
        targets,
        backdate_days: USUAL_BACKDATE_DAYS,
        is_active: true,
    };
    add_agreement_in(tx, ctx, &details).map(|_| ())
}

fn house_target(
    metric: Metric,
    kind: Kind,
    severity: Option<Severity>,
    secs: i64,
    calendar: CalendarId,
) -> Target {
    Target {
        id: None,
        metric,
        promisee: Promisee::Internal,
        kind,
        severity,
        service: None,
        budget: Budget::Counted { secs },
        calendar,
        anchor: Anchor::Logged,
        warn: vec![Threshold::Percent(75)],
        stops_on: Target::usual_stops(metric).to_vec(),
        policy: Policy::default(),
    }
}
