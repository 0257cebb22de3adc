//! Post-mortems: opened by rule or by hand, written, reviewed by somebody else, closed; and the tasks that come out of them.

use super::ticket::{active_name, change, open_in};
use super::ticket_parts::link_in;
use super::{allow, meeting, record, settings};
use crate::app::Ctx;
use crate::domain::access::{Action, Principal, Role, Target};
use crate::domain::correction::Corrections;
use crate::domain::id::{Kind, PersonId, TicketId, TicketKey};
use crate::domain::postmortem::{MeetingState, Moment, Readiness, Section, missing};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::severity::{Priority, Severity};
use crate::domain::task::{ActionType, require_deliverable};
use crate::domain::text::{self, Title};
use crate::domain::ticket::{Opening, Relation, State, Ticket};
use crate::domain::timeline::{Entry, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::render::postmortem::draft;
use crate::store::postmortem::{ActionItem, PostMortem};
use crate::store::timeline::Recorded;
use crate::store::{self, Conn, Tx};
use crate::words::Words;

/// The name under which the rule writes on timelines.
const SELF: &str = "post-mortem rule";

/// What a change of a ticket means for its post-mortem. Called for every change.
pub fn follow(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    recorded: &[Recorded],
) -> Result<()> {
    match ticket.key.kind {
        Kind::Incident => {
            for entry in recorded {
                match entry.kind {
                    EntryKind::Resolved => on_resolved(tx, ctx, ticket)?,
                    EntryKind::Reopened => on_reopened(tx, ctx, ticket)?,
                    _ => {}
                }
            }
        }
        Kind::PostMortem if !ticket.is_open() => {
            meeting::cancel_by_rule(tx, ctx, ticket, ticket.state.as_str())?;
        }
        Kind::PostMortem | Kind::Change | Kind::Task => {}
    }
    Ok(())
}

/// An incident was resolved: one that is bad enough gets its post-mortem, with everything that is known already.
fn on_resolved(tx: &mut Tx, ctx: &Ctx<'_>, incident: &mut Ticket) -> Result<()> {
    let settings = settings::in_force_with(ctx.app, tx)?;
    let asked = incident
        .severity
        .is_some_and(|severity| settings.post_mortem_for.contains(&severity));
    let ctx = &by_rule(ctx);
    match store::postmortem::of_incident(tx, incident.id)? {
        // Resolved again after it was reopened: the meeting that was cancelled then is planned anew.
        Some(known) => {
            let Some(mut pm) = store::ticket::by_id(tx, known.ticket_id)? else {
                return Ok(());
            };
            if !pm.is_open() {
                return Ok(());
            }
            let entry = meeting::plan(tx, ctx, &pm, incident)?;
            record(tx, ctx, &mut pm, vec![entry])?;
            Ok(())
        }
        None if asked => open_for(tx, ctx, incident).map(|_| ()),
        None => Ok(()),
    }
}

/// It isn't over: the meeting goes from the calendars. What was written stays.
fn on_reopened(tx: &mut Tx, ctx: &Ctx<'_>, incident: &Ticket) -> Result<()> {
    let Some(known) = store::postmortem::of_incident(tx, incident.id)? else {
        return Ok(());
    };
    let Some(mut pm) = store::ticket::by_id(tx, known.ticket_id)? else {
        return Ok(());
    };
    meeting::cancel_by_rule(tx, &by_rule(ctx), &mut pm, "reopened")
}

fn by_rule<'a>(ctx: &Ctx<'a>) -> Ctx<'a> {
    let mut ctx = ctx.clone();
    ctx.by = Principal::System(SELF);
    ctx
}

/// Opens the post-mortem of an incident by hand, whatever its severity.
pub fn open(ctx: &Ctx<'_>, incident: TicketKey) -> Result<Ticket> {
    allow(&ctx.by, Action::EditPostMortem, Target::House)?;
    ctx.write(|tx| {
        let mut incident = store::ticket::by_key(tx, incident)?.ok_or(Error::NotFound)?;
        if incident.key.kind != Kind::Incident {
            return Err(FieldError::new("incident", "not-an-incident").into());
        }
        if let Some(known) = store::postmortem::of_incident(tx, incident.id)? {
            let pm = store::ticket::by_id(tx, known.ticket_id)?.ok_or(Error::NotFound)?;
            return Err(Refusal::new("has-post-mortem")
                .with("key", pm.key.to_string())
                .into());
        }
        open_for(tx, ctx, &mut incident)
    })
}

fn open_for(tx: &mut Tx, ctx: &Ctx<'_>, incident: &mut Ticket) -> Result<Ticket> {
    let words = Words::english();
    let title = words.with("pm-title", &[("title", incident.title.as_str().into())]);
    let opening = Opening {
        severity: incident.severity,
        owner: active_owner(tx, incident.owner)?,
        team: incident.team,
        services: store::ticket::services(tx, incident.id)?,
        ..Opening::default()
    };
    let title = Title::from_foreign(&title, incident.title.as_str());
    let mut pm = open_in(tx, ctx, Kind::PostMortem, title, &opening, None)?;
    store::postmortem::insert(
        tx,
        &PostMortem {
            ticket_id: pm.id,
            incident_id: Some(incident.id),
            author_id: None,
            reviewer_id: None,
        },
    )?;
    prefill(tx, ctx, &pm, incident)?;
    let mut entries = link_in(tx, ctx, &pm, Relation::PostMortemOf, incident)?;
    entries.push(meeting::plan(tx, ctx, &pm, incident)?);
    record(tx, ctx, &mut pm, entries)?;
    Ok(pm)
}

fn active_owner(tx: &mut Tx, owner: Option<PersonId>) -> Result<Option<PersonId>> {
    let Some(owner) = owner else { return Ok(None) };
    let known = store::people::person(tx, owner)?;
    Ok(known.filter(|person| person.is_active).map(|_| owner))
}

/// Writes what the record knows already, so that nobody begins with an empty page.
fn prefill(tx: &mut Tx, ctx: &Ctx<'_>, pm: &Ticket, incident: &Ticket) -> Result<()> {
    let entries = store::timeline::of_ticket(tx, incident.id)?;
    let corrections = Corrections::of(entries.iter().map(Recorded::said));
    let moments: Vec<Moment> = entries
        .into_iter()
        .filter(|entry| !corrections.strikes(&entry.said()))
        .map(|entry| moment(corrections.at(&entry.said()), entry))
        .collect();
    let affected = store::ticket::affected(tx, incident.id)?;
    let ids: Vec<_> = affected.iter().map(|hit| hit.customer_id).collect();
    let names = store::customer::names(tx, &ids)?;
    let hit: Vec<(String, Option<i64>)> = affected
        .iter()
        .map(|hit| {
            let until = hit.restored_at.or(incident.restored_at);
            let name = names.get(&hit.customer_id).cloned().unwrap_or_default();
            (name, until.map(|at| at.secs_since(hit.impact_at)))
        })
        .collect();
    let zone = settings::in_force_with(ctx.app, tx)?.house_zone;
    for (section, text) in draft(Words::english(), incident, &moments, &hit, zone) {
        store::postmortem::set_section(tx, pm.id, section, &text)?;
    }
    Ok(())
}

fn moment(at: Timestamp, entry: Recorded) -> Moment {
    Moment {
        seq: entry.seq,
        at,
        kind: entry.kind,
        who: entry.actor_name,
        text: match (entry.kind, entry.facts.get("name")) {
            (EntryKind::AffectedRestored, Some(name)) => name.to_owned(),
            _ => entry.body,
        },
    }
}

/// Keeps what was written. Sections that are not named stay as they are.
pub fn write(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    written: &[(Section, String)],
) -> Result<Ticket> {
    let mut folded = Vec::with_capacity(written.len());
    for (section, body) in written {
        folded.push((*section, text::body(section.as_str(), body)?));
    }
    change(ctx, key, rev, Action::EditPostMortem, |tx, ticket| {
        if ticket.key.kind != Kind::PostMortem {
            return Err(Error::NotFound);
        }
        if !matches!(ticket.state, State::Draft | State::InReview) {
            return Err(Refusal::new("postmortem-settled")
                .with("key", key.to_string())
                .into());
        }
        let before = store::postmortem::sections(tx, ticket.id)?;
        let changed: Vec<&(Section, String)> = folded
            .iter()
            .filter(|(section, body)| {
                !before
                    .iter()
                    .any(|(known, old)| known == section && old == body)
            })
            .collect();
        for (section, body) in &changed {
            store::postmortem::set_section(tx, ticket.id, *section, body)?;
        }
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<&str> = changed
            .iter()
            .map(|(section, _)| section.as_str())
            .collect();
        Ok(vec![
            Entry::new(EntryKind::Edited)
                .fact("field", "sections")
                .fact("to", names.join(", ")),
        ])
    })
}

/// What the next steps of a post-mortem depend on, for whoever acts.
pub fn readiness(conn: &mut Conn, ctx: &Ctx<'_>, pm: &Ticket) -> Result<Readiness> {
    let is_me = |id: Option<PersonId>| id.is_some() && id == ctx.by.person();
    let record = store::postmortem::by_ticket(conn, pm.id)?;
    let meeting = store::postmortem::meeting_of(conn, pm.id)?;
    Ok(Readiness {
        lacks: missing(&store::postmortem::sections(conn, pm.id)?),
        is_author: is_me(record.and_then(|record| record.author_id)),
        is_owner: is_me(pm.owner),
        is_meeting_planned: meeting.is_some_and(|it| it.state == MeetingState::Planned),
        people_who_could: able(conn)?.len(),
    })
}

/// What a step of a post-mortem needs besides the state machine; asked by `ticket::step`, so that every door meets it.
pub(super) fn before_step(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    pm: &Ticket,
    to: State,
    why: &str,
) -> Result<()> {
    let person = ctx.by.person();
    readiness(tx, ctx, pm)?.allow(pm, to)?;
    match to {
        State::InReview if pm.state == State::Draft => {
            store::postmortem::set_author(tx, pm.id, person)?;
        }
        State::Reviewed => store::postmortem::set_reviewer(tx, pm.id, person)?,
        State::Skipped => need_reason(why)?,
        State::Draft if pm.state == State::InReview => need_reason(why)?,
        _ => {}
    }
    Ok(())
}

fn need_reason(why: &str) -> Result<()> {
    if why.trim().is_empty() {
        return Err(FieldError::new("why", "required").into());
    }
    Ok(())
}

/// Who could review a post-mortem or approve a report.
pub(super) fn able(conn: &mut Conn) -> Result<Vec<PersonId>> {
    Ok(store::people::persons(conn)?
        .into_iter()
        .filter(|person| person.is_active)
        .filter(|person| person.roles.has(Role::Responder) || person.roles.has(Role::Lead))
        .map(|person| person.id)
        .collect())
}

/// An action item as a form gives it.
#[derive(Debug, Clone)]
pub struct NewAction {
    pub title: Title,
    pub outline: String,
    pub action_type: ActionType,
    pub owner: PersonId,
    /// `None`: by the severity's budget.
    pub due_at: Option<Timestamp>,
    /// What the customer's report says about it; empty: nothing.
    pub commitment: String,
}

/// Days that an action item has by default.
pub const fn budget_days(severity: Option<Severity>) -> i64 {
    match severity {
        Some(Severity::Disaster) => 14,
        _ => 30,
    }
}

/// A task that comes out of a post-mortem: with an owner, a due date and something to show for it.
pub fn add_action(ctx: &Ctx<'_>, key: TicketKey, new: &NewAction) -> Result<Ticket> {
    let outline = text::body("outline", &new.outline)?;
    let commitment = text::optional_line("commitment", &new.commitment, text::TITLE_CHARS)?;
    require_deliverable(new.title.as_str(), &outline)?;
    if new.due_at.is_some_and(|due_at| due_at <= ctx.now) {
        return Err(FieldError::new("due", "not-in-the-past").into());
    }
    change(ctx, key, None, Action::EditPostMortem, |tx, pm| {
        if pm.key.kind != Kind::PostMortem {
            return Err(Error::NotFound);
        }
        let name = active_name(tx, new.owner)?;
        let due_at = new
            .due_at
            .unwrap_or_else(|| ctx.now.plus_secs(budget_days(pm.severity) * 86_400));
        let opening = Opening {
            priority: Some(Priority::Normal),
            body: outline.clone(),
            owner: Some(new.owner),
            team: pm.team,
            services: store::ticket::services(tx, pm.id)?,
            due_at: Some(due_at),
            ..Opening::default()
        };
        let mut task = open_in(tx, ctx, Kind::Task, new.title.clone(), &opening, None)?;
        store::postmortem::insert_action(
            tx,
            &ActionItem {
                task_id: task.id,
                postmortem_id: pm.id,
                action_type: new.action_type,
                commitment: commitment.clone(),
            },
        )?;
        store::ticket_link::link(tx, task.id, Relation::ActionOf, pm.id, ctx.now)?;
        let back = Entry::new(EntryKind::Linked)
            .fact("relation", Relation::ActionOf)
            .fact("to", pm.key);
        record(tx, ctx, &mut task, vec![back])?;
        Ok(vec![
            Entry::new(EntryKind::Linked)
                .fact("relation", Relation::ActionOf)
                .fact("from", task.key)
                .fact("type", new.action_type)
                .fact("name", name)
                .fact("due", due_at.rfc3339()),
        ])
    })
}

/// What the customer's report says about an action item; empty: nothing.
pub fn commit_to(ctx: &Ctx<'_>, task: TicketKey, text: &str) -> Result<Ticket> {
    let text = text::optional_line("commitment", text, text::TITLE_CHARS)?;
    change(ctx, task, None, Action::EditPostMortem, |tx, ticket| {
        let known = store::postmortem::action(tx, ticket.id)?.ok_or(Error::NotFound)?;
        if known.commitment == text {
            return Ok(Vec::new());
        }
        store::postmortem::set_commitment(tx, ticket.id, text.as_deref())?;
        Ok(vec![
            Entry::new(EntryKind::Edited)
                .fact("field", "commitment")
                .fact_some("to", text.as_deref()),
        ])
    })
}

/// The tasks of a post-mortem with what they are for, in the order of their making.
pub fn actions(conn: &mut Conn, pm: TicketId) -> Result<Vec<(ActionItem, Ticket)>> {
    let items = store::postmortem::actions(conn, pm)?;
    let ids: Vec<TicketId> = items.iter().map(|item| item.task_id).collect();
    let mut tasks = store::ticket::by_ids(conn, &ids)?;
    Ok(items
        .into_iter()
        .filter_map(|item| {
            let at = tasks.iter().position(|task| task.id == item.task_id)?;
            Some((item, tasks.swap_remove(at)))
        })
        .collect())
}
