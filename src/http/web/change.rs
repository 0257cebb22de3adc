//! The part of a ticket's room that a change has more than others, and the commits that stand on any ticket.

use std::collections::HashSet;

use chrono_tz::Tz;

use super::agenda::conflict_texts;
use super::approval::{self, ApprovalView};
use super::deploy_queue::QueueLine;
use super::deployments::{FreshView, OnPage, on_page};
use super::{ticket_preview, when};
use crate::actions::approval::{Ballot, approve, verdict};
use crate::actions::deployment_queue::{self, Line};
use crate::actions::{agenda, change as act, change_risk, commits, freeze, standing};
use crate::app::Ctx;
use crate::domain::access::{self, Action, Target};
use crate::domain::change::{Change, Glass, Plan, Sort, Verdict};
use crate::domain::conflict::{Conflict, Levels};
use crate::domain::freeze::Level;
use crate::domain::id::{Id, Kind, PersonId, ServiceId, TicketKey};
use crate::domain::plain_sight::plain_sight;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::standing::{Health, Lane};
use crate::domain::suspect;
use crate::domain::ticket::{Outcome, State, Ticket};
use crate::domain::timeline::Entry;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Fields, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::Page;
use crate::store::{self, Conn};

/// Files named of one commit; the number of the others stands behind them.
const FILES: usize = 6;

/// What the room reads for this part.
pub struct Known {
    change: Option<Change>,
    names: Vec<(PersonId, String)>,
    commits: Vec<commits::OnTicket>,
    /// What its facts say of its risk.
    risk: Option<suspect::Risk>,
    glass: Option<Glass>,
    may_break: bool,
    /// The window that a change would begin in, while it hasn't begun.
    frozen: Option<Frozen>,
    conflicts: Vec<Conflict>,
    /// What they mean for its start.
    levels: Levels,
    me: Option<PersonId>,
    approval: Option<approval::Known>,
    environments: Vec<String>,
    /// Lanes of a standing change, each with its service's name.
    lanes: Vec<(String, Lane)>,
    queue: Vec<Line>,
    may_record: bool,
    may_run: bool,
    may_approve: bool,
    /// Where it was deployed.
    pub deployments: OnPage,
}

pub fn load(conn: &mut Conn, ctx: &Ctx<'_>, ticket: &Ticket) -> Result<Known> {
    let change = match ticket.key.kind {
        Kind::Change => Some(store::change::of(conn, ticket.id)?),
        Kind::Incident | Kind::Task | Kind::PostMortem => None,
    };
    let people: Vec<PersonId> = change
        .iter()
        .flat_map(|change| [change.requested_by, change.approved_by])
        .flatten()
        .collect();
    let may = |action| access::may(&ctx.by, action, Target::House).is_ok();
    let commits = commits::of_ticket(conn, ticket)?;
    Ok(Known {
        names: store::people::person_names(conn, &people)?
            .into_iter()
            .collect(),
        risk: match &change {
            Some(change) => Some(change_risk::of(conn, ticket, change, &commits, ctx.now)?),
            None => None,
        },
        commits,
        glass: match &change {
            Some(_) => act::glass(conn, ticket.id)?,
            None => None,
        },
        deployments: deployments(conn, ticket)?,
        may_break: may(Action::BreakGlass),
        frozen: frozen(conn, ctx, ticket, change.as_ref())?,
        approval: match &change {
            Some(change) => Some(approval::load(conn, ctx, ticket, change)?),
            None => None,
        },
        environments: match &change {
            Some(_) => store::house::environments(conn)?,
            None => Vec::new(),
        },
        lanes: match &change {
            Some(change) => lanes(conn, ctx, ticket, change)?,
            None => Vec::new(),
        },
        conflicts: agenda::conflicts(ctx, conn, ticket)?,
        queue: {
            let waiting = store::deploy_queue::of_ticket(conn, ticket.id)?;
            deployment_queue::lines(conn, waiting)?
        },
        may_record: may(Action::RecordDeployment),
        levels: store::settings::all(conn)?.conflict_levels,
        may_run: may(Action::RunChange),
        may_approve: may(Action::ApproveChange),
        me: ctx.by.person(),
        change,
    })
}

fn lanes(
    conn: &mut Conn,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    change: &Change,
) -> Result<Vec<(String, Lane)>> {
    let lanes = standing::lanes(conn, ticket, change, ctx.now)?;
    let ids: Vec<ServiceId> = lanes.iter().map(|(id, _)| *id).collect();
    let mut names = store::house::service_names(conn, &ids)?;
    let named = lanes
        .into_iter()
        .map(|(id, lane)| (names.remove(&id).unwrap_or_default(), lane));
    Ok(named.collect())
}

/// The deployments that carry a ticket, the newest of each lane.
fn deployments(conn: &mut Conn, ticket: &Ticket) -> Result<OnPage> {
    let mut seen = HashSet::new();
    let mut all = store::deployment::of_ticket(conn, ticket.id, 200)?;
    all.retain(|it| seen.insert(it.lane.clone()));
    let first = all.first().map(|it| it.lane.service);
    let shows_service = all.iter().any(|it| Some(it.lane.service) != first);
    on_page(conn, all, shows_service)
}

/// A window that is open, as a change's page says it.
#[derive(Clone)]
pub struct Frozen {
    pub name: String,
    /// Its level's word.
    pub level: &'static str,
    pub until: Timestamp,
}

/// The window that a change stands before: none once it has begun or ended.
fn frozen(
    conn: &mut Conn,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    change: Option<&Change>,
) -> Result<Option<Frozen>> {
    let waits = matches!(
        ticket.state,
        State::Draft | State::AwaitingApproval | State::Approved
    );
    let Some(change) = change.filter(|_| waits) else {
        return Ok(None);
    };
    let state = freeze::of_change(conn, ticket, change, ctx.now)?;
    let (Some(level), Some((_, name)), Some(until)) = (state.level, state.window, state.until)
    else {
        return Ok(None);
    };
    Ok(Some(Frozen {
        name,
        level: match (state.is_outside, level) {
            (true, Level::Block) => "outside",
            (true, Level::Approve) => "outside-approve",
            (true, Level::Warn) => "outside-warn",
            (false, level) => level.as_str(),
        },
        until,
    }))
}

/// A change's plan, approval and next steps.
pub struct ChangeView {
    pub frozen: Option<Frozen>,
    /// What is in its way at its time, and where the calendar shows it.
    pub conflicts: Vec<String>,
    pub calendar: String,
    pub plan: Plan,
    pub requested_by: Option<String>,
    pub approved_by: Option<String>,
    pub approved_at: Option<Timestamp>,
    pub revert_prepared_at: Option<Timestamp>,
    pub watch_until: Option<Timestamp>,
    /// What git says, where people said nothing.
    pub version_before: Option<String>,
    pub version_after: Option<String>,
    /// How risky its facts make it, and which; "": none does.
    pub risk: String,
    /// It was called less risky than that.
    pub is_called_less: bool,
    pub rev: i64,
    pub form: Form,
    pub can_edit: bool,
    pub can_ask: bool,
    /// It was approved, and that holds no more.
    pub asks_anew: bool,
    pub approval: Option<ApprovalView>,
    pub environments: Vec<(String, String)>,
    /// The service of each lane, whether the next deployment stays in it, and why.
    pub lanes: Vec<(String, bool, String)>,
    /// Deployments of it that wait.
    pub queue: Vec<QueueLine>,
    pub may_record: bool,
    pub sorts: Vec<(String, String)>,
    pub can_refuse: bool,
    pub can_redraft: bool,
    pub can_start: bool,
    /// It was on watch: to start it is to go on with it.
    pub is_on_watch: bool,
    pub can_watch: bool,
    pub can_close: bool,
    pub waits_for_approval: bool,
    pub outcomes: Vec<(&'static str, String)>,
    pub glass: Option<Glass>,
    pub can_break: bool,
    pub can_review: bool,
    pub verdicts: Vec<(&'static str, String)>,
}

/// The commits of one repository.
pub struct CommitsView {
    pub repository: String,
    pub lines: Vec<CommitLine>,
    pub version_before: Option<String>,
    pub version_after: Option<String>,
    /// Commands, one a line; "" if there is nothing to take back.
    pub revert: String,
    /// Whether they still revert cleanly, if that could be tried.
    pub freshness: Option<FreshView>,
}

pub struct CommitLine {
    pub short: String,
    pub url: Option<String>,
    pub subject: String,
    pub author: String,
    pub at: Timestamp,
    pub relation: String,
    pub branch: String,
    pub files: Vec<String>,
    pub more_files: i32,
    pub is_published: bool,
    /// No branch or tag holds it any more.
    pub is_gone: bool,
    pub replaced_by: Option<String>,
}

fn risk_text(known: &Known, p: &Page) -> String {
    let Some(risk) = &known.risk else {
        return String::new();
    };
    let reasons = change_risk::reasons(risk, p.words);
    match reasons.is_empty() {
        true => reasons,
        false => {
            let level = p.word("risk", change_risk::level(risk).as_str());
            format!("{level}: {reasons}")
        }
    }
}

/// The words of a risk come most risky first.
fn called_less(known: &Known, ticket: &Ticket) -> bool {
    let levels = known.risk.as_ref().map(change_risk::level).zip(ticket.risk);
    levels.is_some_and(|(by_facts, called)| called > by_facts)
}

/// A step of a change, with what it needs from people made up: whether it would be accepted is all that is asked.
type Step = fn(&mut Change, &mut Ticket, Timestamp) -> std::result::Result<Entry, Refusal>;

/// The change as the page shows it; `kept`: its plan's form as it was sent, if that was refused.
pub fn view(known: &Known, ticket: &Ticket, p: &Page, kept: Option<Form>) -> Option<ChangeView> {
    let change = known.change.as_ref()?;
    let name = |id: Option<PersonId>| {
        let id = id?;
        known
            .names
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, name)| name.clone())
    };
    let plan = change.plan.clone();
    let standing = Form::new(p.words)
        .with("purpose", &plan.purpose)
        .with_some("starts_at", plan.starts_at.map(|at| p.field_time(&at)))
        .with_some("ends_at", plan.ends_at.map(|at| p.field_time(&at)))
        .with("side_effects", &plan.side_effects)
        .with_some("version_before", plan.version_before.as_ref())
        .with_some("version_after", plan.version_after.as_ref())
        .with_some("artefact", plan.artefact.as_ref())
        .with("revert", &plan.revert)
        .with("environment", plan.environment.as_deref().unwrap_or(""))
        .with("sort", plan.sort)
        .with("rev", ticket.version);
    let form = Form::opened(kept, standing);
    let state = ticket.state;
    let git = known.commits.first();
    let (me, now) = (known.me, p.now);
    let asks_anew = known
        .approval
        .as_ref()
        .is_some_and(|it| it.has_lapsed(state));
    let run = |step: Step| {
        known.may_run && change.accepts(ticket, |change, ticket| step(change, ticket, now))
    };
    Some(ChangeView {
        requested_by: name(change.requested_by),
        approved_by: name(change.approved_by),
        approved_at: change.approved_at,
        revert_prepared_at: change.revert_prepared_at,
        watch_until: change.watch_until.filter(|_| state == State::OnWatch),
        version_before: plan
            .version_before
            .clone()
            .or_else(|| git?.version_before.clone()),
        version_after: plan
            .version_after
            .clone()
            .or_else(|| git?.version_after.clone()),
        risk: risk_text(known, p),
        is_called_less: called_less(known, ticket),
        rev: ticket.version,
        form: form.prefixed("plan-"),
        can_edit: known.may_run && ticket.is_open(),
        can_ask: asks_anew && known.may_run
            || run(|change, ticket, now| change.ask_approval(ticket, None, now)),
        asks_anew,
        approval: known
            .approval
            .as_ref()
            .map(|it| approval::view(it, ticket, p)),
        environments: environments(known, p),
        queue: known.queue.iter().cloned().map(QueueLine::of).collect(),
        may_record: known.may_record,
        lanes: known
            .lanes
            .iter()
            .map(|(name, lane)| (name.clone(), lane.closed().is_empty(), lane_text(lane, p)))
            .collect(),
        sorts: Sort::ALL
            .iter()
            .map(|sort| (sort.to_string(), p.word("change-sort", sort.as_str())))
            .collect(),
        can_refuse: known.may_approve
            && change.accepts(ticket, |change, ticket| change.refuse(ticket, "-", now)),
        can_redraft: run(Change::back_to_draft),
        // A start that is refused says so itself; one that a window or an approver forbids isn't offered.
        can_start: !asks_anew
            && run(Change::start)
            && !known.approval.as_ref().is_some_and(|it| it.waits(state))
            && known
                .frozen
                .as_ref()
                .is_none_or(|it| it.level != Level::Block.as_str()),
        frozen: known.frozen.clone(),
        conflicts: conflict_texts(&known.conflicts, &known.levels, p.words),
        calendar: match &plan.starts_at {
            Some(at) => format!("/calendar?from={}", at.in_zone(p.zone).date_naive()),
            None => "/calendar".to_owned(),
        },
        plan,
        is_on_watch: state == State::OnWatch,
        can_watch: run(|change, ticket, now| change.watch(ticket, now.plus_secs(60), now)),
        can_close: run(|change, ticket, now| change.close(ticket, Outcome::Failed, "-", now))
            && known
                .glass
                .as_ref()
                .is_none_or(|glass| glass.review.is_some()),
        waits_for_approval: state == State::AwaitingApproval,
        can_break: known.may_break
            && change.accepts(ticket, |change, ticket| {
                change.break_glass(ticket, known.glass.as_ref(), me, "-", now)
            }),
        can_review: known.may_approve
            && known.glass.as_ref().is_some_and(|glass| {
                let found = glass.review(ticket, me, Verdict::Accepted, "-");
                found.is_ok()
            }),
        verdicts: Verdict::ALL
            .iter()
            .map(|verdict| (verdict.as_str(), p.word("verdict", verdict.as_str())))
            .collect(),
        glass: known.glass.clone(),
        outcomes: Outcome::ALL
            .iter()
            .map(|outcome| (outcome.as_str(), p.word("outcome", outcome.as_str())))
            .collect(),
    })
}

impl ChangeView {
    /// Whether the reader's approval would be taken.
    pub fn can_approve(&self) -> bool {
        self.approval.as_ref().is_some_and(|it| it.can_approve)
    }
}

/// "1 of the last 20 failed", or why it is closed.
fn lane_text(lane: &Lane, p: &Page) -> String {
    let why = lane.closed();
    if why.is_empty() {
        let Health { failed, count, .. } = lane.health;
        return p
            .t2("lane-health", "failed", failed, "n", count)
            .into_owned();
    }
    let why: Vec<String> = why
        .iter()
        .map(|why| p.word("lane-leaves", why.as_str()))
        .collect();
    why.join(", ")
}

fn environments(known: &Known, p: &Page) -> Vec<(String, String)> {
    let production = known.environments.first().map_or("", String::as_str);
    let usual = p.t1("change-environment-usual", "name", production);
    let others = known.environments.iter();
    std::iter::once((String::new(), usual.into_owned()))
        .chain(others.map(|name| (name.clone(), name.clone())))
        .collect()
}

/// The commits, newest first.
pub fn commits_view(known: &Known, p: &Page) -> Vec<CommitsView> {
    known
        .commits
        .iter()
        .map(|on| one_repository(on, p))
        .collect()
}

fn one_repository(on: &commits::OnTicket, p: &Page) -> CommitsView {
    let lines = on.commits.iter().rev().map(|(commit, link)| {
        let files: Vec<String> = commit
            .paths
            .iter()
            .take(FILES)
            .map(|touched| format!("{} {}", touched.change, plain_sight(&touched.path)))
            .collect();
        CommitLine {
            short: commit.short().to_owned(),
            url: on.repository.url_of(&commit.oid),
            subject: plain_sight(&commit.subject).into_owned(),
            author: plain_sight(&commit.author_name).into_owned(),
            at: commit.committed_at,
            relation: p.word("commit", link.relation.as_str()),
            branch: plain_sight(
                commit
                    .ref_name
                    .trim_start_matches("refs/heads/")
                    .trim_start_matches("refs/tags/"),
            )
            .into_owned(),
            more_files: commit.path_count - files.len() as i32,
            files,
            is_published: commit.published_at.is_some(),
            is_gone: commit.gone_at.is_some(),
            replaced_by: on
                .replaced_by
                .get(&commit.id)
                .map(|oid| oid.chars().take(10).collect()),
        }
    });
    CommitsView {
        repository: on.repository.name.clone(),
        lines: lines.collect(),
        version_before: on.version_before.clone(),
        version_after: on.version_after.clone(),
        revert: on.revert.join("\n"),
        freshness: on.freshness.clone().map(FreshView::of),
    }
}

/// A verb of the change's forms; what the next page says.
pub fn act(
    ctx: &Ctx<'_>,
    key: TicketKey,
    verb: &str,
    posted: &Posted,
    zone: Tz,
) -> Result<&'static str> {
    let seen = ticket_preview::rev(posted);
    match verb {
        "plan" => act::edit(ctx, key, Some(rev(posted)?), plan(posted, zone, ctx.now)?)
            .map(|_| "said-changed"),
        "ask" => act::ask_approval(ctx, key, seen).map(|_| "said-asked"),
        "approve" => {
            let ballot = ballot(posted, zone, ctx.now)?;
            let ticket = approve(ctx, key, rev(posted)?, &ballot)?;
            let verdict = ctx.read(|conn| {
                let change = store::change::of(conn, ticket.id)?;
                verdict(conn, &ticket, &change, ctx.now)
            })?;
            Ok(match verdict.holds() {
                true => "said-approved",
                false => "said-voted",
            })
        }
        "refuse" => act::refuse(ctx, key, seen, posted.text("why")).map(|_| "said-moved"),
        "redraft" => act::back_to_draft(ctx, key, seen).map(|_| "said-moved"),
        "break-glass" => {
            act::break_glass(ctx, key, seen, posted.text("reason")).map(|_| "said-glass-broken")
        }
        "glass-review" => {
            let verdict = posted
                .text("verdict")
                .parse()
                .map_err(|()| FieldError::new("verdict", "required"))?;
            act::review_glass(ctx, key, None, verdict, posted.text("text")).map(|_| "said-reviewed")
        }
        "start" => act::start(ctx, key, seen).map(|_| "said-moved"),
        "watch" if key.kind == Kind::Change && posted.ticked("live") => {
            let until = when::instant("until", posted.text("until"), zone, ctx.now)?;
            act::watch(ctx, key, seen, until).map(|_| "said-moved")
        }
        "finish" => {
            let outcome = posted
                .text("outcome")
                .parse()
                .map_err(|()| FieldError::new("outcome", "required"))?;
            act::close(ctx, key, seen, outcome, posted.text("text")).map(|_| "said-moved")
        }
        _ => Err(Error::NotFound),
    }
}

fn rev(posted: &Posted) -> Result<i64> {
    posted.text("rev").parse().map_err(|_| Error::Stale)
}

fn ballot(posted: &Posted, zone: Tz, now: Timestamp) -> Result<Ballot> {
    let text = |name: &str| Some(posted.text(name).to_owned()).filter(|it| !it.is_empty());
    let on_behalf = match text("for") {
        Some(id) => Some(Id::parse(&id).ok_or(Error::NotFound)?),
        None => None,
    };
    Ok(Ballot {
        digest: text("digest"),
        on_behalf,
        not_before: when::instant("not_before", posted.text("not_before"), zone, now)?,
    })
}

fn plan(posted: &Posted, zone: Tz, now: Timestamp) -> Result<Plan> {
    let mut fields = Fields::new();
    let starts_at = fields.take(when::instant(
        "starts_at",
        posted.text("starts_at"),
        zone,
        now,
    ));
    let ends_at = fields.take(when::instant("ends_at", posted.text("ends_at"), zone, now));
    let sort = match posted.text("sort") {
        "" => Ok(Sort::Normal),
        word => word
            .parse()
            .map_err(|()| FieldError::new("sort", "required")),
    };
    let sort = fields.take(sort);
    fields.check()?;
    let text = |name: &str| posted.text(name).to_owned();
    Ok(Plan {
        purpose: text("purpose"),
        starts_at: starts_at.flatten(),
        ends_at: ends_at.flatten(),
        side_effects: text("side_effects"),
        version_before: Some(text("version_before")),
        version_after: Some(text("version_after")),
        artefact: Some(text("artefact")),
        revert: text("revert"),
        environment: Some(text("environment")),
        sort: sort.unwrap_or_default(),
    })
}
