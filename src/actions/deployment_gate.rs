//! Whether a deployment may begin: the freezes, and the approval of the change that it names. Who can't wait breaks the glass, and
//! somebody else looks at it afterwards.

use super::approval::Doer;
use super::glass_incident::{self, Broken};
use super::ticket::open_in;
use super::{agenda, allow, approval, change as change_actions, freeze, standing};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::change::{Change, Sort};
use crate::domain::deploy_queue::{Reason, Wait};
use crate::domain::deployment::{Deployment, Lane, Report, Status, is_same_version};
use crate::domain::freeze::{Asked, Level, may_begin, next_open};
use crate::domain::id::{Kind, TicketKey};
use crate::domain::people::Service;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::severity::Risk;
use crate::domain::text::Title;
use crate::domain::ticket::{Opening, State, Ticket};
use crate::domain::timeline::Entry;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::{self, Tx};
use crate::words::Words;

/// It may begin, or has.
#[derive(Default)]
pub(super) struct Passed {
    /// The freeze that it begins in.
    pub freeze: Option<String>,
    /// Why it goes through it.
    pub glass: Option<String>,
    /// The change that it is of, with what stands on its timeline because of this.
    pub change: Option<Ticket>,
    pub entries: Vec<Entry>,
    /// That change, if it was opened for this.
    pub emergency: Option<TicketKey>,
    /// The incident that it is for, if the glass was broken.
    pub incident: Option<TicketKey>,
    /// A window blocks it, and it asked to wait for that one's end.
    pub wait: Option<Wait>,
}

/// The change that a report names.
pub(super) fn named(tx: &mut Tx, report: &Report) -> Result<Option<Ticket>> {
    let Some(key) = report.change else {
        return Ok(None);
    };
    let unknown = || FieldError::new("change", "unknown-change").with("value", key.to_string());
    if key.kind != Kind::Change {
        return Err(unknown().into());
    }
    Ok(Some(store::ticket::by_key(tx, key)?.ok_or_else(unknown)?))
}

pub(super) fn differs(known: &Deployment) -> Refusal {
    differs_from(&known.source_event_id, &known.version, &known.lane)
}

/// Something else is known under this id.
pub(super) fn differs_from(id: &str, version: &str, lane: &Lane) -> Refusal {
    Refusal::new("deployment-differs")
        .with("id", id.to_owned())
        .with("version", version.to_owned())
        .with("environment", lane.environment.clone())
}

/// Judges a deployment that is told for the first time. What began before now, or failed, is a fact and passes.
///
/// Under which change it runs comes first: to a standard change, and to an emergency that was approved, a window may say something
/// else than to the rest.
pub(super) fn pass(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    service: &Service,
    is_production: bool,
    report: &Report,
    named: Option<Ticket>,
    new: &Deployment,
) -> Result<Passed> {
    let is_judged = is_wish(report) || report.decided_at.is_some();
    let under = Under::find(tx, ctx, service, new, named)?;
    let freezes = store::freeze::all(tx)?;
    let at = report.started_at.unwrap_or(ctx.now);
    let services = [service.id];
    let asked = Asked {
        services: &services,
        environment: &report.environment,
        is_production,
        risk: under.risk(),
        sort: under.sort,
    };
    let window = freeze::stands_in(&freezes, &asked, at);
    let in_freeze = window.standing.or(window.exempt);
    let mut wait = None;
    let no = match &under.named {
        Some((ticket, change)) if is_judged => {
            unready(tx, ctx, ticket, change, is_production, report)?
        }
        _ => None,
    };
    let no = no.or_else(|| {
        let window = window.standing.filter(|_| is_judged)?;
        let refusal = may_begin(window, under.approved_at()).err()?;
        // Who has a reason to go through it doesn't wait.
        let may_wait = report.when_open && report.break_glass.is_none();
        if may_wait && window.level == Level::Block {
            wait = Some(Wait {
                reason: Reason::Window,
                detail: window.freeze.name.clone(),
                opens_at: next_open(&freezes, &asked, at),
            });
            return None;
        }
        let rule = match window.level {
            Level::Block if window.is_outside() => "deploy-outside-maintenance",
            Level::Block => "deploy-frozen",
            Level::Approve | Level::Warn if window.is_outside() => {
                "deploy-outside-maintenance-unapproved"
            }
            Level::Approve | Level::Warn => "deploy-frozen-unapproved",
        };
        // Where one window follows the other, this one's end is all that is known.
        let opens = next_open(&freezes, &asked, at).unwrap_or(window.until);
        let mut said = Refusal::new(rule);
        said.args = refusal.args;
        Some(
            said.with("service", service.name.clone())
                .with("environment", report.environment.clone())
                .with("opens", opens.rfc3339()),
        )
    });
    let no = no.or(under.left.clone().filter(|_| is_judged));
    let mut passed = Passed {
        freeze: in_freeze.map(|it| it.freeze.name.clone()),
        wait,
        ..Passed::default()
    };
    match (no, &report.break_glass) {
        (None, _) => passed.change = under.carrier(),
        (Some(refusal), None) => return Err(refusal.into()),
        (Some(_), Some(reason)) => {
            passed.change = under.whose_glass();
            passed.glass = Some(reason.clone());
            break_glass(
                tx,
                ctx,
                (service, is_production),
                report,
                reason,
                &mut passed,
            )?;
        }
    }
    Ok(passed)
}

/// The change that a deployment runs under: the one that it names, or the standing change of its lane.
struct Under {
    named: Option<(Ticket, Change)>,
    /// The standing change of its lane, named or not.
    lane: Option<(Ticket, Change)>,
    /// Why it can't run under that.
    left: Option<Refusal>,
    /// The type that it was approved as.
    sort: Option<Sort>,
}

impl Under {
    /// A deployment that names no change, or a standing one, runs under the standing change of its service, if there is one and it
    /// stays in its lane. What is a fact already is carried by it, and never refused.
    fn find(
        tx: &mut Tx,
        ctx: &Ctx<'_>,
        service: &Service,
        new: &Deployment,
        named: Option<Ticket>,
    ) -> Result<Self> {
        let place = &new.lane;
        let named = match named {
            Some(ticket) => {
                let change = store::change::of(tx, ticket.id)?;
                Some((ticket, change))
            }
            None => None,
        };
        let standing = match &named {
            Some((ticket, change)) if !change.is_standing(ticket) => {
                let sort = freeze::approved_sort(tx, ticket, change)?;
                return Ok(Self {
                    named,
                    lane: None,
                    left: None,
                    sort,
                });
            }
            Some(standing) => Some(standing.clone()),
            None => standing::of(tx, service.id, &place.environment, ctx.now)?,
        };
        let Some((ticket, change)) = standing else {
            return Ok(Self {
                named: None,
                lane: None,
                left: None,
                sort: None,
            });
        };
        let left = leaves(tx, ctx, service, new, &ticket, &change)?;
        Ok(Self {
            named,
            lane: Some((ticket, change)),
            sort: left.is_none().then_some(Sort::Standard),
            left,
        })
    }

    /// How risky whoever names a change calls it; a lane says nothing of one deployment.
    fn risk(&self) -> Option<Risk> {
        self.named.as_ref().and_then(|(ticket, _)| ticket.risk)
    }

    fn approved_at(&self) -> Option<Timestamp> {
        let lane = self.lane.as_ref().filter(|_| self.left.is_none());
        let change = self.named.as_ref().or(lane);
        change.and_then(|(_, change)| change.approved_at)
    }

    fn carrier(self) -> Option<Ticket> {
        self.lane.or(self.named).map(|(ticket, _)| ticket)
    }

    /// The change whose glass is broken where it can't pass: never a standing one, which the next deployment needs whole.
    fn whose_glass(self) -> Option<Ticket> {
        let named = self.named.filter(|_| self.lane.is_none());
        named.map(|(ticket, _)| ticket)
    }
}

/// Why a deployment can't run under the standing change of its lane.
fn leaves(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    service: &Service,
    new: &Deployment,
    ticket: &Ticket,
    change: &Change,
) -> Result<Option<Refusal>> {
    // What stands for every deployment was approved for everybody's.
    match approval::refuse_unless_standing(tx, ticket, change, Doer::default(), ctx.now) {
        Err(Error::Refused(refusal)) => return Ok(Some(refusal)),
        Err(other) => return Err(other),
        Ok(()) => {}
    }
    let place = &new.lane;
    let lane = standing::lane(tx, service.id, &place.environment, &place.target, ctx.now)?;
    let contents = standing::contents(tx, new)?;
    let words = Words::english();
    let why = lane.leaves(new, contents.as_ref()).into_iter().map(|why| {
        let key = format!("lane-leaves-{}", why.as_str().replace('_', "-"));
        words.t(&key).into_owned()
    });
    let why: Vec<String> = why.collect();
    Ok((!why.is_empty()).then(|| {
        Refusal::new("deploy-left-lane")
            .with("key", ticket.key.to_string())
            .with("why", why.join(", "))
    }))
}

/// It is asked whether it may begin; what began before now, or failed, is a fact.
pub(super) fn is_wish(report: &Report) -> bool {
    report.started_at.is_none() && matches!(report.status, Status::Started | Status::Succeeded)
}

/// Deployed is what was approved, while that stands; what has begun may be finished.
fn unready(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    change: &Change,
    is_production: bool,
    report: &Report,
) -> Result<Option<Refusal>> {
    // Who has to approve depends on where it is done.
    let (environment, is_for_production) = approval::environment(tx, change)?;
    if is_production && !is_for_production {
        return Ok(Some(
            Refusal::new("deploy-elsewhere")
                .with("key", ticket.key.to_string())
                .with("planned", environment)
                .with("environment", report.environment.clone()),
        ));
    }
    let rule = match ticket.state {
        State::Approved => {
            let planned = change.plan.version_after.as_deref();
            let other = planned.filter(|it| !is_same_version(it, &report.version));
            let is_bound = is_production && !change.is_standing(ticket);
            if let Some(planned) = other.filter(|_| is_bound) {
                return Ok(Some(
                    Refusal::new("deploy-other-version")
                        .with("key", ticket.key.to_string())
                        .with("planned", planned.to_owned())
                        .with("version", report.version.clone()),
                ));
            }
            let sealed = change.plan.artefact.as_deref().filter(|_| is_bound);
            if let Some(planned) = sealed
                && report.artefact.as_deref() != Some(planned)
            {
                let told = report.artefact.as_deref();
                let rule = match told {
                    Some(_) => "deploy-other-artefact",
                    None => "deploy-no-artefact",
                };
                return Ok(Some(
                    Refusal::new(rule)
                        .with("key", ticket.key.to_string())
                        .with("planned", planned.to_owned())
                        .with("artefact", told.unwrap_or_default().to_owned()),
                ));
            }
            let doer = match is_production {
                true => Doer {
                    person: ctx.by.person(),
                    named: report.actor.as_deref(),
                },
                false => Doer::default(),
            };
            return match approval::refuse_unless_standing(tx, ticket, change, doer, ctx.now) {
                Err(Error::Refused(refusal)) => Ok(Some(refusal)),
                Err(other) => Err(other),
                // What stands for every deployment has rules of its own, in its lane.
                Ok(()) if !is_production || change.is_standing(ticket) => Ok(None),
                Ok(()) => agenda::stops(tx, ticket, change, ctx.now),
            };
        }
        State::InProgress | State::OnWatch => return Ok(None),
        State::Draft | State::AwaitingApproval => "deploy-unapproved",
        _ => "deploy-change-over",
    };
    Ok(Some(
        Refusal::new(rule)
            .with("key", ticket.key.to_string())
            .with("state", ticket.state.as_str()),
    ))
}

/// Goes through: on the change that was named, or on one that is opened for it.
fn break_glass(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    (service, is_production): (&Service, bool),
    report: &Report,
    reason: &str,
    passed: &mut Passed,
) -> Result<()> {
    let may = allow(&ctx.by, Action::BreakGlass, Target::House);
    let is_entitled = may.is_ok();
    if report.decided_at.is_none() {
        may?;
    }
    let mut ticket = match passed.change.take() {
        Some(ticket) => ticket,
        None => {
            let title = format!(
                "Emergency: {} {} to {}",
                service.name, report.version, report.environment
            );
            let opening = Opening {
                services: vec![service.id],
                risk: Some(Risk::High),
                owner: ctx.by.person(),
                body: reason.to_owned(),
                ..Opening::default()
            };
            let title = Title::parse(&title).map_err(Error::from)?;
            let opened = open_in(tx, ctx, Kind::Change, title, &opening, None)?;
            let change = Change {
                requested_by: ctx.by.person(),
                ..Default::default()
            };
            store::change::put(tx, opened.id, &change)?;
            passed.emergency = Some(opened.key);
            opened
        }
    };
    let before = change_actions::glass(tx, ticket.id)?;
    // One review is enough for what is done until it: the glass is broken already.
    let waits_for_review = before.as_ref().is_some_and(|glass| glass.review.is_none());
    if !waits_for_review {
        let hours = store::settings::all(tx)?.glass_review_hours;
        let until = ctx.now.plus_secs(hours * 3_600);
        let mut change = store::change::of(tx, ticket.id)?;
        let mut entries =
            change.break_glass(&mut ticket, before.as_ref(), ctx.by.person(), reason, until)?;
        if let Some(first) = entries.first_mut() {
            first.effective_at = report.decided_at;
            if let Some(name) = &passed.freeze {
                first.facts.set("freeze", name);
            }
            if !is_entitled {
                first.facts.set("entitled", "no");
            }
        }
        passed.entries = entries;
    }
    if is_production {
        let broken = Broken {
            services: &[service.id],
            named: &[],
            reason,
        };
        let stands = glass_incident::link_or_open(tx, ctx, &ticket, &broken)?;
        passed.incident = Some(stands.incident);
        passed.entries.extend(stands.entries);
    }
    passed.change = Some(ticket);
    Ok(())
}
