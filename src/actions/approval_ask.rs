//! Whoever can approve a change is asked by letter, reminded once, and a team hears of it if they stay silent; whoever waits sees for
//! whom. What was changed since or ran out is asked for anew by itself, and the change says so. What is due is found by a job, so that a
//! change of a rule and a change of a change meet in one place.
//!
//! A letter carries no way to approve but the page of the change, where it takes a click: programs that follow links approve nothing.

use chrono_tz::Tz;

use super::approval::{Scene, field_name, in_words, value_in_words};
use super::sla_notice::{is_on_duty, opening_for};
use super::{Standing, change_risk, commits, freeze, letters, roster, sla, webhook};
use crate::app::Ctx;
use crate::domain::access::{Action, suffices};
use crate::domain::approval::{Asking, Difference, Field, Snapshot, Step};
use crate::domain::change::Change;
use crate::domain::id::{Kind, PersonId, TeamId, TicketId};
use crate::domain::roster::Roster;
use crate::domain::severity::Risk;
use crate::domain::ticket::{State, Ticket};
use crate::domain::timeline::{Entry, EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::approval_ask as rows;
use crate::store::outbox::Delivery;
use crate::store::timeline::Recorded;
use crate::store::{self, Conn, Tx};
use crate::words::Words;

const ESCALATED: &str = "approval_escalated";
const RAN_OUT: &str = "approval_ran_out";
const LETTERS: &[&str] = &[
    "approval_asked",
    "approval_asked_anew",
    RAN_OUT,
    "approval_reminder",
    ESCALATED,
];
/// Of a text that somebody wrote, as a letter repeats it.
const MOST_CHARS: usize = 1_000;

/// It waits for an approval, or has one that may come to nothing.
const fn may_wait(state: State) -> bool {
    matches!(state, State::AwaitingApproval | State::Approved)
}

/// Lets the job look at a change to which something happened that an approval may hang on.
pub fn follow(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &Ticket, recorded: &[Recorded]) -> Result<()> {
    if ticket.key.kind != Kind::Change {
        return Ok(());
    }
    let has = |wanted: &[EntryKind]| recorded.iter().any(|it| wanted.contains(&it.kind));
    if has(&[EntryKind::ApprovalAsked]) {
        return rows::want(tx, ticket.id, ctx.now);
    }
    let matters = has(&[
        EntryKind::StateChanged,
        EntryKind::Approved,
        EntryKind::ApprovalGiven,
        EntryKind::ApprovalRefused,
        EntryKind::GlassBroken,
        EntryKind::Edited,
        EntryKind::TitleChanged,
        EntryKind::RiskChanged,
        EntryKind::ServiceChanged,
        EntryKind::TeamChanged,
        EntryKind::CommitLinked,
        EntryKind::Cancelled,
        EntryKind::Closed,
        EntryKind::Merged,
    ]);
    match (matters, may_wait(ticket.state)) {
        (false, _) => Ok(()),
        (true, true) => rows::look_at(tx, ticket.id, ctx.now),
        (true, false) => rows::look_if_known(tx, ticket.id, ctx.now),
    }
}

/// Does what is due at `now` for at most `most` changes. How many were looked at.
pub fn look(ctx: &Ctx<'_>, most: i64) -> Result<usize> {
    let due = ctx.read(|conn| rows::due(conn, ctx.now, most))?;
    for id in &due {
        match ctx.write(|tx| look_at(tx, ctx, *id)) {
            // Another node, or somebody's change in between: the next look decides again.
            Ok(()) | Err(Error::Stale) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(due.len())
}

fn look_at(tx: &mut Tx, ctx: &Ctx<'_>, id: TicketId) -> Result<()> {
    // Entries are added to it: whoever records on it meanwhile waits.
    store::ticket::lock(tx, id)?;
    let Some(mut kept) = rows::of(tx, id)? else {
        return Ok(());
    };
    if kept.look_at.is_none_or(|at| at > ctx.now) {
        return Ok(());
    }
    let mut ticket = store::ticket::by_id(tx, id)?.ok_or(Error::NotFound)?;
    kept.look_at = None;
    if !may_wait(ticket.state) {
        if ticket.state != State::Draft {
            return rows::forget(tx, id);
        }
        kept.asking.settle(ctx.now);
        return rows::put(tx, id, &kept);
    }
    let change = store::change::of(tx, id)?;
    let scene = Scene::load(tx, &ticket, &change)?;
    if !is_open(&scene, &ticket, ctx.now) {
        kept.asking.settle(ctx.now);
        kept.look_at = scene.case.runs_out_at(ctx.now);
        return rows::put(tx, id, &kept);
    }
    let reminders = scene.reminders();
    let steps = kept.asking.step(&scene.case, &reminders, ctx.now);
    if !steps.is_empty() {
        let roster = roster::in_force(ctx.app, tx, ctx.now)?;
        let mut entries = Vec::new();
        for step in steps {
            entries.extend(tell(tx, ctx, &ticket, &scene, &roster, &kept.asking, step)?);
        }
        let written = Standing::of(&ticket);
        let added = super::add(tx, ctx, &mut ticket, entries)?;
        written.bring_up_to(tx, &ticket)?;
        webhook::follow(tx, ctx, &roster, &ticket, &added)?;
    }
    kept.look_at = kept.asking.next_at(&reminders);
    rows::put(tx, id, &kept)
}

fn is_open(scene: &Scene, ticket: &Ticket, now: Timestamp) -> bool {
    let is_asked = ticket.state == State::AwaitingApproval;
    may_wait(ticket.state) && Asking::is_open(&scene.case, is_asked, now)
}

/// Everybody who may approve changes.
fn able(roster: &Roster) -> Vec<PersonId> {
    let all = roster.people.values();
    let able = all.filter(|it| it.is_active && suffices(it.roles, Action::ApproveChange));
    let mut able: Vec<PersonId> = able.map(|it| it.id).collect();
    able.sort_unstable();
    able
}

fn awaited(
    conn: &mut Conn,
    roster: &Roster,
    scene: &Scene,
    now: Timestamp,
) -> Result<Vec<PersonId>> {
    let stand_ins = store::approval::stand_ins(conn, now)?;
    Ok(scene.case.awaited(&able(roster), &stand_ins, now))
}

/// Writes the letters of a step. What it says on the change: nothing where somebody asked for it by hand.
fn tell(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    scene: &Scene,
    roster: &Roster,
    asking: &Asking,
    step: Step,
) -> Result<Option<Entry>> {
    let ran_out_at = scene.case.ran_out_at(ctx.now);
    let (letter, why) = match step {
        Step::Ask if ran_out_at.is_some() => (RAN_OUT, Some("ran_out")),
        Step::Ask if asking.former.is_some() => ("approval_asked_anew", Some("changed")),
        Step::Ask if ticket.state == State::Approved => ("approval_asked", Some("missing")),
        Step::Ask => ("approval_asked", None),
        Step::Remind => ("approval_reminder", Some("reminder")),
        Step::Escalate(_) => (ESCALATED, Some("silence")),
    };
    let people: Vec<PersonId> = match step {
        Step::Ask | Step::Remind => awaited(tx, roster, scene, ctx.now)?,
        Step::Escalate(team) => {
            let members = roster.members(team).iter().copied();
            let others = members.filter(|id| !scene.case.apart.contains_key(id));
            others.collect()
        }
    };
    let asked_at = asking.asked_at.unwrap_or(ctx.now);
    let ran_out_at = ran_out_at.map(Timestamp::rfc3339);
    let facts = Facts::new()
        .with("letter", letter)
        .with("asked_at", asked_at.rfc3339())
        .with_some("ran_out_at", ran_out_at.clone());
    let names = people.iter().filter_map(|id| roster.person(*id));
    let mut names: Vec<&str> = names.map(|it| it.name.as_str()).collect();
    names.sort_by_key(|name| name.to_lowercase());
    let entry = why.map(|why| {
        Entry::new(EntryKind::ApproversTold)
            .fact("why", why)
            .fact("people", letters::or_dash(&names.join(", ")))
            .fact_some("at", ran_out_at)
    });
    let digest = scene.case.snapshot.digest();
    let about = Snapshot::short(&digest);
    let key = format!("{letter}.{}.{}.{about}", ticket.id, asked_at.micros());
    for person in people {
        letters::notice(tx, ctx, ticket, None, person, &key, facts.clone())?;
    }
    Ok(entry)
}

fn is_about_approval(facts: &Facts) -> bool {
    facts.get("letter").is_some_and(|it| LETTERS.contains(&it))
}

/// Whether a letter asks for what was given, refused or withdrawn meanwhile, or is asked for anew.
pub fn is_over(conn: &mut Conn, facts: &Facts, ticket: Option<TicketId>) -> Result<bool> {
    let Some(ticket) = ticket.filter(|_| is_about_approval(facts)) else {
        return Ok(false);
    };
    let kept = rows::of(conn, ticket)?;
    let asking = kept.map(|it| it.asking).unwrap_or_default();
    let is_it = asking.asked_at.is_some() && asking.asked_at == facts.instant("asked_at");
    Ok(!is_it || asking.settled_at.is_some())
}

/// As [`is_over`], asked right before it is sent: whoever has answered meanwhile isn't asked.
pub fn is_unwanted(
    conn: &mut Conn,
    roster: &Roster,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<bool> {
    if !is_about_approval(&delivery.facts) {
        return Ok(false);
    }
    if is_over(conn, &delivery.facts, delivery.ticket)? {
        return Ok(true);
    }
    let ticket = match delivery.ticket {
        Some(id) => store::ticket::by_id(conn, id)?,
        None => None,
    };
    let Some(ticket) = ticket else {
        return Ok(true);
    };
    let change = store::change::of(conn, ticket.id)?;
    let scene = Scene::load(conn, &ticket, &change)?;
    if !is_open(&scene, &ticket, now) {
        return Ok(true);
    }
    if delivery.facts.get("letter") == Some(ESCALATED) {
        return Ok(false);
    }
    let people = awaited(conn, roster, &scene, now)?;
    Ok(delivery.person.is_none_or(|id| !people.contains(&id)))
}

/// What such a letter says beyond what it was queued with, as things stand when it is sent; `None` for any other.
pub fn told(
    conn: &mut Conn,
    ticket: Option<&Ticket>,
    facts: &Facts,
    zone: Tz,
    now: Timestamp,
) -> Result<Option<Facts>> {
    let Some(ticket) = ticket.filter(|_| is_about_approval(facts)) else {
        return Ok(None);
    };
    let change = store::change::of(conn, ticket.id)?;
    let scene = Scene::load(conn, ticket, &change)?;
    let mut told = facts.clone();
    let by = change.asked_by.or(change.requested_by);
    let from = match by {
        Some(id) => store::people::person_names(conn, &[id])?.remove(&id),
        None => None,
    };
    let from = from.unwrap_or_else(|| Words::english().t("approval-letter-somebody").into_owned());
    told.set("from", from);
    let needs = scene.case.needs(now);
    told.set("needs", letters::or_dash(&in_words(conn, &needs)?));
    let details = details(conn, ticket, &change, &scene, zone, now)?;
    told.set("details", details);
    let asking = rows::of(conn, ticket.id)?.map(|it| it.asking);
    let former = asking.and_then(|it| it.former);
    let found = former.map(|it| it.differences(&scene.case.snapshot));
    let mut changed = Vec::new();
    for it in found.unwrap_or_default() {
        changed.push(change_line(conn, &it, zone)?);
    }
    told.set("changed", letters::or_dash(&changed.join("\n")));
    Ok(Some(told))
}

fn full(at: Timestamp, zone: Tz) -> String {
    let format = Words::english().t("time-full");
    at.in_zone(zone).format(&format).to_string()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARS) {
        Some((at, _)) => format!("{} …", text[..at].trim_end()),
        None => text.to_owned(),
    }
}

/// "Environment: lab → prod"
fn change_line(conn: &mut Conn, difference: &Difference, zone: Tz) -> Result<String> {
    let words = Words::english();
    let mut value = |text: &str| -> Result<String> {
        Ok(match difference.field {
            field if text.is_empty() && field != Field::Rule => {
                words.t("approval-nothing").into_owned()
            }
            Field::StartsAt | Field::EndsAt => match Timestamp::parse_rfc3339(text) {
                Some(at) => full(at, zone),
                None => text.to_owned(),
            },
            Field::Sort => words.t(&format!("change-sort-{text}")).into_owned(),
            Field::Risk => words.t(&format!("risk-{text}")).into_owned(),
            field => cut(&value_in_words(conn, field, text)?),
        })
    };
    let (before, after) = (value(&difference.before)?, value(&difference.after)?);
    let field = field_name(difference.field);
    Ok(format!("{field}: {before} → {after}"))
}

/// What is to be approved, a line each.
fn details(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
    scene: &Scene,
    zone: Tz,
    now: Timestamp,
) -> Result<String> {
    let words = Words::english();
    let unknown = || "?".to_owned();
    let mut lines: Vec<String> = Vec::new();
    let mut line = |key: &str, value: String| {
        let values = [("value", value.into())];
        lines.push(words.with(key, &values).into_owned());
    };
    let plan = &change.plan;
    if !plan.purpose.is_empty() {
        line("approval-letter-purpose", cut(&plan.purpose));
    }
    let services = scene.case.snapshot.get(Field::Services).to_owned();
    let services = value_in_words(conn, Field::Services, &services)?;
    if !services.is_empty() {
        line("approval-letter-services", services);
    }
    line("approval-letter-where", scene.environment().to_owned());
    if let Some(starts_at) = plan.starts_at {
        let from = full(starts_at, zone);
        let until = plan.ends_at.map(|at| format!(" – {}", full(at, zone)));
        line(
            "approval-letter-when",
            format!("{from}{}", until.unwrap_or_default()),
        );
    }
    if plan.version_before.is_some() || plan.version_after.is_some() {
        let before = plan.version_before.clone().unwrap_or_else(unknown);
        let after = plan.version_after.clone().unwrap_or_else(unknown);
        line("approval-letter-version", format!("{before} → {after}"));
    }
    if let Some(artefact) = &plan.artefact {
        line("approval-letter-artefact", artefact.clone());
    }
    let risk = ticket.risk.map_or("approval-letter-no-risk", risk_key);
    let commits = commits::of_ticket(conn, ticket)?;
    let by_facts = change_risk::of(conn, ticket, change, &commits, now)?;
    let reasons = change_risk::reasons(&by_facts, words);
    let mut said = words.t(risk).into_owned();
    if !reasons.is_empty() {
        let level = words.t(risk_key(change_risk::level(&by_facts)));
        let values = [("level", level.into()), ("reasons", reasons.into())];
        said = format!("{said}; {}", words.with("approval-letter-facts", &values));
    }
    line("approval-letter-risk", said);
    let frozen = freeze::of_change(conn, ticket, change, now)?;
    line(
        "approval-letter-freeze",
        match (frozen.level, frozen.window, frozen.until) {
            (Some(level), Some((_, name)), Some(until)) => {
                let how = match frozen.is_outside {
                    true => "outside",
                    false => level.as_str(),
                };
                let how = words.t(&format!("frozen-{how}")).into_owned();
                let values = [
                    ("how", how.into()),
                    ("name", name.into()),
                    ("until", full(until, zone).into()),
                ];
                words.with("approval-letter-frozen", &values).into_owned()
            }
            _ => words.t("approval-letter-open").into_owned(),
        },
    );
    let revert = match plan.revert.is_empty() {
        true => words.t("approval-letter-no-revert").into_owned(),
        false => cut(&plan.revert),
    };
    line("approval-letter-revert", revert);
    let digest = scene.case.snapshot.digest();
    line(
        "approval-letter-digest",
        Snapshot::short(&digest).to_owned(),
    );
    Ok(lines.join("\n"))
}

const fn risk_key(risk: Risk) -> &'static str {
    match risk {
        Risk::High => "risk-high",
        Risk::Medium => "risk-medium",
        Risk::Low => "risk-low",
    }
}

/// For whom a change waits.
#[derive(Debug, Clone)]
pub struct Waits {
    /// `None`: they are about to be.
    pub asked_at: Option<Timestamp>,
    pub reminded_at: Option<Timestamp>,
    /// When they will be, if nobody answers before.
    pub remind_at: Option<Timestamp>,
    pub escalated_at: Option<Timestamp>,
    /// Which team hears of it, and when, if nobody answers.
    pub escalate: Option<(TeamId, String, Timestamp)>,
    pub people: Vec<Awaited>,
}

/// Somebody who can give what is still needed.
#[derive(Debug, Clone)]
pub struct Awaited {
    pub id: PersonId,
    pub name: String,
    pub is_on_call: bool,
    /// When they work again; `None`: they work now.
    pub works_at: Option<Timestamp>,
}

/// For whom it waits, those who are awake first; `None`: it waits for nobody.
pub fn waits(
    ctx: &Ctx<'_>,
    conn: &mut Conn,
    ticket: &Ticket,
    scene: &Scene,
) -> Result<Option<Waits>> {
    let now = ctx.now;
    if !is_open(scene, ticket, now) {
        return Ok(None);
    }
    let kept = rows::of(conn, ticket.id)?;
    let asking = kept.map(|it| it.asking).unwrap_or_default();
    let asking = Some(asking).filter(|it| it.settled_at.is_none());
    let asking = asking.unwrap_or_default();
    let roster = roster::in_force(ctx.app, conn, now)?;
    let book = sla::book(ctx.app, conn)?;
    let people = awaited(conn, &roster, scene, now)?.into_iter();
    let people = people.filter_map(|id| roster.person(id));
    let mut people: Vec<Awaited> = people
        .map(|person| Awaited {
            id: person.id,
            name: person.name.clone(),
            is_on_call: is_on_duty(&roster, now, person.id),
            works_at: opening_for(&book, &roster, now, person),
        })
        .collect();
    people.sort_by_key(|it| (!it.is_on_call, it.works_at, it.name.to_lowercase()));
    let reminders = scene.reminders();
    let asked_at = asking.asked_at;
    let after = |secs: i64| asked_at.filter(|_| secs > 0).map(|at| at.plus_secs(secs));
    let escalate = reminders.escalate.and_then(|(team, secs)| {
        let name = roster.team(team)?.name.clone();
        Some((team, name, after(secs)?))
    });
    Ok(Some(Waits {
        remind_at: after(reminders.remind_secs).filter(|_| asking.reminded_at.is_none()),
        reminded_at: asking.reminded_at,
        escalated_at: asking.escalated_at,
        asked_at,
        escalate,
        people,
    }))
}
