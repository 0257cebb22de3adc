//! Agreements: made, changed, corrected, ended. An edit makes a version that holds from now on or from a date; clocks that run keep
//! what they began under, unless the edit is a correction.

use std::sync::Arc;

use chrono_tz::Tz;

use super::calendar::{self, CalendarDetails};
use super::recount::Preview;
use super::sla::book;
use super::terms::{self, Edited};
use super::{allow, audit};
use crate::app::Ctx;
use crate::domain::access::{Action, Target as Of};
use crate::domain::calendar::Range;
use crate::domain::id::{AgreementId, CalendarId, CustomerId, Id, Kind};
use crate::domain::recount::RecountCause;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::severity::Severity;
use crate::domain::sla_agreement::{
    Agreement, Anchor, Budget, HoldsFor, MAX_BACKDATE_DAYS, Metric, Promisee, Target, Threshold,
    USUAL_BACKDATE_DAYS,
};
use crate::domain::sla_book::KnownAgreement;
use crate::domain::sla_check::{Vain, vain};
use crate::domain::sla_policy::{MAX_REOPEN_GRACE_SECS, Policy};
use crate::domain::sla_version::{Effect, Layer};
use crate::domain::text::{NAME_CHARS, one_line};
use crate::domain::ticket::State;
use crate::domain::timeline::Facts;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::{self, Tx};

/// What an editor's form says about an agreement. Targets carry no ids: they get new ones.
#[derive(Debug, Clone)]
pub struct AgreementDetails {
    pub holds_for: HoldsFor,
    pub name: String,
    pub targets: Vec<Target>,
    /// How many days back its clocks may be set.
    pub backdate_days: i32,
    /// False: from the edit's instant on it promises nothing.
    pub is_active: bool,
}

/// Most customers of one agreement.
const MOST_CUSTOMERS: usize = 500;

pub fn add_agreement(ctx: &Ctx<'_>, details: &AgreementDetails) -> Result<AgreementId> {
    allow(&ctx.by, Action::ManageAgreements, Of::House)?;
    ctx.write(|tx| add_agreement_in(tx, ctx, details))
}

pub fn add_agreement_in(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    details: &AgreementDetails,
) -> Result<AgreementId> {
    let agreement = Agreement {
        id: Id::new(ctx.now),
        version: 1,
        ..checked(tx, ctx, details)?
    };
    let names = names_of(tx, agreement.holds_for.customers())?;
    let layer = Layer {
        edition: 0,
        ..terms::first(ctx)
    };
    // Asked after all that are there: whoever wants it first says so.
    let place = book(ctx.app, tx)?
        .known_agreements()
        .iter()
        .map(|known| known.place + 1)
        .max();
    store::sla::insert_agreement(tx, &agreement, place.unwrap_or_default(), &layer)?;
    store::version::raise(tx)?;
    let facts = Facts::new().with_some("customer", Some(names).filter(|names| !names.is_empty()));
    audit::note(tx, ctx, "agreement-added", &agreement.name, &facts)?;
    Ok(agreement.id)
}

/// Writes the next version. From now on, or from a date: cycles that begin then run under it, and what runs keeps its terms. A
/// correction puts its targets under what was anchored where it holds. Customers that leave, and an end, cancel what ran for them.
pub fn change_agreement(
    ctx: &Ctx<'_>,
    id: AgreementId,
    seen: i64,
    details: &AgreementDetails,
    effect: &Effect,
) -> Result<Edited> {
    allow(&ctx.by, Action::ManageAgreements, Of::House)?;
    terms::allow_effect(ctx, effect)?;
    ctx.write(|tx| {
        let book = book(ctx.app, tx)?;
        let known = book.agreement(id).ok_or(Error::NotFound)?;
        let (_, newest) = known.newest().ok_or(Error::NotFound)?;
        let before = &newest.agreement;
        if !newest.is_active && details.is_active && !effect.is_correction() {
            return Err(Refusal::new("agreement-ended").into());
        }
        if before.holds_for.is_house() && !details.is_active {
            return Err(Refusal::new("house-agreement-stays").into());
        }
        let details = AgreementDetails {
            // Whom the house agreement is for doesn't change.
            holds_for: match before.holds_for {
                HoldsFor::House => HoldsFor::House,
                HoldsFor::Customers(_) => details.holds_for.clone(),
            },
            ..details.clone()
        };
        let next = Agreement {
            id,
            version: seen + 1,
            ..checked(tx, ctx, &details)?
        };
        let layer = terms::next(tx, ctx, &known.layers, seen, effect)?;
        store::sla::update_agreement(tx, seen, &next, details.is_active, &layer)?;
        store::version::raise(tx)?;
        let deed = if effect.is_correction() {
            "agreement-corrected"
        } else if details.is_active {
            "agreement-changed"
        } else {
            "agreement-retired"
        };
        let facts = terms::facts(&layer).with("version", next.version);
        audit::note(tx, ctx, deed, &next.name, &facts)?;
        let cause = if effect.is_correction() {
            Some(RecountCause::AgreementCorrected)
        } else {
            loses_somebody(known, &next, details.is_active, ctx)
                .then_some(RecountCause::AgreementEnded)
        };
        let recount = cause
            .map(|cause| {
                terms::ask(
                    tx,
                    ctx,
                    cause,
                    Id::from_uuid(id.uuid()),
                    &next.name,
                    &layer,
                    effect,
                )
            })
            .transpose()?;
        Ok(Edited {
            version: next.version,
            recount,
        })
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

/// Whether somebody for whom it holds now won't be there any more.
fn loses_somebody(
    known: &KnownAgreement,
    next: &Agreement,
    is_active: bool,
    ctx: &Ctx<'_>,
) -> bool {
    known.at(ctx.now).is_some_and(|now| {
        let stays = |customer: &CustomerId| next.holds_for.customers().contains(customer);
        !is_active || !now.holds_for.customers().iter().all(stays)
    })
}

/// What [`change_agreement`] would do to clocks; nothing is written.
pub fn preview_agreement(
    ctx: &Ctx<'_>,
    id: AgreementId,
    seen: i64,
    details: &AgreementDetails,
    effect: &Effect,
) -> Result<Preview> {
    terms::preview(ctx, |ctx| change_agreement(ctx, id, seen, details, effect))
}

/// Looks for what is wrong with promises that aren't saved yet.
pub fn try_out(
    ctx: &Ctx<'_>,
    id: Option<AgreementId>,
    customers: &[CustomerId],
    targets: &[Target],
) -> Result<()> {
    let book = ctx.read(|conn| book(ctx.app, conn))?;
    let known = id
        .and_then(|id| book.agreement(id))
        .and_then(KnownAgreement::newest);
    let is_house = known.is_some_and(|(_, version)| version.agreement.holds_for.is_house());
    let holds_for = if is_house {
        HoldsFor::House
    } else {
        HoldsFor::Customers(customers.to_vec())
    };
    check_use(&holds_for, targets, ctx.now)
}

/// Of several agreements that hold for a customer the first is asked first: puts this one before or behind its neighbour.
pub fn move_agreement(ctx: &Ctx<'_>, id: AgreementId, earlier: bool) -> Result<()> {
    allow(&ctx.by, Action::ManageAgreements, Of::House)?;
    ctx.write(|tx| {
        let book = book(ctx.app, tx)?;
        let mut order: Vec<AgreementId> = book
            .known_agreements()
            .iter()
            .map(|known| known.id)
            .collect();
        let is_shown = |id: AgreementId| book.agreements().iter().any(|shown| shown.id == id);
        let at = order.iter().position(|known| *known == id);
        let at = at.filter(|_| is_shown(id)).ok_or(Error::NotFound)?;
        // What was ended isn't on anybody's list: over it, not past it.
        let other = if earlier {
            (0..at).rev().find(|place| is_shown(order[*place]))
        } else {
            (at + 1..order.len()).find(|place| is_shown(order[*place]))
        };
        let Some(other) = other else {
            return Ok(());
        };
        order.swap(at, other);
        store::sla::order_agreements(tx, &order)?;
        store::version::raise(tx)?;
        let name = book.agreement(id).and_then(KnownAgreement::newest);
        let name = name.map_or("", |(_, version)| version.agreement.name.as_str());
        let facts = Facts::new().with("place", other + 1);
        audit::note(tx, ctx, "agreement-moved", name, &facts)
    })
}

/// Takes away an agreement under which nothing ever ran. Any other is ended instead: its clocks keep their terms.
pub fn delete_agreement(ctx: &Ctx<'_>, id: AgreementId) -> Result<()> {
    allow(&ctx.by, Action::ManageAgreements, Of::House)?;
    ctx.write(|tx| {
        let book = book(ctx.app, tx)?;
        let known = book.agreement(id).ok_or(Error::NotFound)?;
        let (_, newest) = known.newest().ok_or(Error::NotFound)?;
        let name = newest.agreement.name.clone();
        if newest.agreement.holds_for.is_house() {
            return Err(Refusal::new("house-agreement-stays").into());
        }
        if store::sla::was_counted(tx, &book.targets_of(id))? {
            return Err(Refusal::new("agreement-in-use").with("name", name).into());
        }
        store::sla::delete_agreement(tx, id)?;
        store::version::raise(tx)?;
        audit::note(tx, ctx, "agreement-deleted", &name, &Facts::new())
    })
}

/// Refuses promises that would be written in vain, all at once, each by its place from 0.
fn check_use(holds_for: &HoldsFor, targets: &[Target], now: Timestamp) -> Result<()> {
    let field = |place: usize, field: &str, problem| {
        FieldError::new(format!("targets.{place}.{field}"), problem)
    };
    let over = targets.iter().enumerate();
    let over = over
        .filter(|(_, target)| matches!(target.budget, Budget::Fixed { at } if at <= now))
        .map(|(place, _)| field(place, "budget", "budget-over"));
    let errors: Vec<FieldError> = vain(holds_for, targets)
        .into_iter()
        .map(|(place, why)| {
            let at = |name: &str, problem| field(place, name, problem);
            let kind = targets[place].kind.as_str();
            match why {
                Vain::Nothing => at("budget", "budget-of-nothing"),
                Vain::NoSeverity => at("severity", "kind-without-severity").with("kind", kind),
                Vain::NoMetric => at("metric", "metric-never-kept")
                    .with("metric", targets[place].metric.as_str())
                    .with("kind", kind),
                Vain::Unseen => {
                    let metric = targets[place].metric.as_str();
                    at("promisee", "vendor-unseen").with("metric", metric)
                }
                Vain::NotTheirs => at("customer", "not-their-agreement"),
                Vain::Shadowed { by } => {
                    at("metric", "never-matches").with("by", (by + 1).to_string())
                }
                Vain::OtherAudience { by } => {
                    at("promisee", "promised-to-others").with("by", (by + 1).to_string())
                }
            }
        })
        .chain(over)
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors.into())
    }
}

fn names_of(tx: &mut Tx, customers: &[CustomerId]) -> Result<String> {
    let names = store::customer::names(tx, customers)?;
    let mut names: Vec<String> = names.into_values().collect();
    names.sort_by_key(|name| name.to_lowercase());
    Ok(names.join(", "))
}

/// The agreement that the details describe, without its place in the house; each target gets its id, after a look at what it names.
fn checked(tx: &mut Tx, ctx: &Ctx<'_>, details: &AgreementDetails) -> Result<Agreement> {
    let name = one_line("name", &details.name, NAME_CHARS)?;
    let mut holds_for = details.holds_for.clone();
    if let HoldsFor::Customers(customers) = &mut holds_for {
        customers.sort_unstable();
        customers.dedup();
        if customers.is_empty() {
            return Err(FieldError::new("customer", "required").into());
        }
        if customers.len() > MOST_CUSTOMERS {
            let max = MOST_CUSTOMERS.to_string();
            return Err(FieldError::new("customer", "too-many")
                .with("max", max)
                .into());
        }
        if store::customer::names(tx, customers)?.len() < customers.len() {
            return Err(FieldError::new("customer", "unknown-customer").into());
        }
    }
    // What ends may be as useless as it was.
    if details.is_active {
        check_use(&holds_for, &details.targets, ctx.now)?;
    }
    let book = book(ctx.app, tx)?;
    let mut targets = Vec::with_capacity(details.targets.len());
    for target in &details.targets {
        let mut seen = Vec::new();
        for calendar in target.calendars() {
            let known = book.calendar(calendar).filter(|known| known.is_active);
            if known.is_none() || seen.contains(&calendar) {
                return Err(FieldError::new("calendar", "unknown-calendar").into());
            }
            seen.push(calendar);
        }
        if let Some(service) = target.service {
            let known = store::house::service(tx, service)?.filter(|known| known.is_active);
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
        targets.push(Arc::new(target));
    }
    Ok(Agreement {
        id: Id::from_uuid(uuid::Uuid::nil()),
        holds_for,
        name,
        version: 0,
        backdate_days: backdate_days(details.backdate_days)?,
        targets,
    })
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
        holidays: Vec::new(),
        is_active: true,
    };
    let always = calendar::add_in(
        tx,
        ctx,
        &calendar("Round the clock", week(0..=6, Range::DAY)),
    )?;
    let office = Range::new(9 * 60, 17 * 60)?;
    let working = calendar::add_in(tx, ctx, &calendar("Working hours", week(0..=4, office)))?;
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
        holds_for: HoldsFor::House,
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
        customer: None,
        budget: Budget::Counted { secs },
        calendar,
        also: Vec::new(),
        anchor: Anchor::Logged,
        warn: vec![Threshold::Percent(75)],
        stops_on: Target::usual_stops(metric).to_vec(),
        policy: Policy::default(),
    }
}
