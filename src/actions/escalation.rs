//! Escalation: an incident walks its team's policy until somebody says "I have it". Every page, and every page that was *not*
//! sent, becomes a fact with its reason.
//!
//! What leaves the house is only queued here, in the same transaction as the change that asks for it.

use std::sync::Arc;

use chrono_tz::Tz;

use super::page::acknowledge_in;
use super::page_ways::{can_leave, ways_to};
use super::{Standing, oncall, roster};
use crate::app::Ctx;
use crate::domain::access::Role;
use crate::domain::calendar::{Calendar, Range};
use crate::domain::delivery::DeliveryKind;
use crate::domain::escalation::{self, Due, Place, Plan, Policy, RunState};
use crate::domain::id::{Id, Kind, PageId, PersonId, TeamId};
use crate::domain::notify::{
    Loudness, Situation, THROTTLE_SECS, Unsent, is_throttled, loudness, who_is_told,
};
use crate::domain::page::{PageEventKind, PageKind, PageState};
use crate::domain::people::Team;
use crate::domain::roster::Roster;
use crate::domain::sla_book::Book;
use crate::domain::ticket::{State, Ticket};
use crate::domain::timeline::{Actor, Entry, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::{self, Hours};
use crate::error::{Error, Result};
use crate::store::outbox::NewDelivery;
use crate::store::page_log::{Page, PageEvent, Run};
use crate::store::timeline::Recorded;
use crate::store::{self, Tx};

/// The name under which paging writes on timelines.
pub(super) const SELF: &str = "escalation";

/// What a change of an incident means for its paging. Called for every change, after its clocks. What it has to say on the
/// timeline, for the caller to add.
pub fn follow(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    roster: &Roster,
    ticket: &mut Ticket,
    recorded: &[Recorded],
) -> Result<Vec<Entry>> {
    let mut said = Vec::new();
    if ticket.key.kind != Kind::Incident {
        return Ok(said);
    }
    for entry in recorded {
        match entry.kind {
            EntryKind::Opened | EntryKind::Reopened => said.extend(begin(tx, ctx, roster, ticket)?),
            EntryKind::SeverityChanged => said.extend(severity_changed(tx, ctx, roster, ticket)?),
            EntryKind::TeamChanged => said.extend(team_changed(tx, ctx, roster, ticket)?),
            EntryKind::OwnerSet => taken(tx, ctx, ticket, entry)?,
            EntryKind::Restored | EntryKind::Cancelled | EntryKind::Closed | EntryKind::Merged => {
                stop(tx, ctx, ticket, Unsent::Over)?
            }
            // It came back out of another one, and nobody has it.
            EntryKind::Unmerged
                if entry.facts.get("from").is_some()
                    && ticket.state == State::New
                    && ticket.owner.is_none() =>
            {
                said.extend(begin(tx, ctx, roster, ticket)?);
            }
            EntryKind::Resolved => {
                stop(tx, ctx, ticket, Unsent::Over)?;
                super::page::note_work(tx, ctx, ticket)?;
            }
            // The rest says nothing about who should be woken.
            _ => {}
        }
    }
    Ok(said)
}

/// Begins to page about an incident that is open: its first step fires now, unless the severity says otherwise.
fn begin(tx: &mut Tx, ctx: &Ctx<'_>, roster: &Roster, ticket: &Ticket) -> Result<Vec<Entry>> {
    let Some(severity) = ticket.severity.filter(|_| ticket.is_open()) else {
        return Ok(Vec::new());
    };
    // A ticket that was opened just now has no run that could be under way.
    if ticket.version > 1 {
        stop(tx, ctx, ticket, Unsent::Superseded)?;
    }
    let Some(team) = responsible_team(roster, ticket) else {
        let event = PageEvent::not_sent(ticket.id, None, None, Unsent::EmptyTeam, ctx.now);
        store::page_log::insert_event(tx, &event)?;
        return Ok(Vec::new());
    };
    if loudness(severity) == Loudness::Silent {
        let event = PageEvent::not_sent(ticket.id, None, Some(team), Unsent::SeverityRule, ctx.now);
        store::page_log::insert_event(tx, &event)?;
        return Ok(Vec::new());
    }
    let policy = match roster.policy(team) {
        Some(policy) => policy.clone(),
        None => oncall::policy_in(tx, ctx, team)?,
    };
    let begun = escalation::Standing::begun(ctx.now);
    let mut run = Run {
        id: Id::new(ctx.now),
        ticket: ticket.id,
        team,
        policy: policy.id,
        severity,
        // Where it will stand if its first step reaches somebody: nearly always, and then the row is written once.
        standing: match escalation::plan(severity, &policy) {
            Some(plan) => plan.after_firing(begun.place, 1, ctx.now),
            None => begun,
        },
        began_at: ctx.now,
        ended_at: None,
        version: 1,
    };
    store::page_log::insert_run(tx, &run)?;
    let written = std::mem::replace(&mut run.standing, begun);
    let said = advance(tx, ctx, roster, ticket, &mut run, &policy)?;
    if run.standing != written {
        store::page_log::update_run(tx, &mut run)?;
    }
    Ok(said)
}

fn responsible_team(roster: &Roster, ticket: &Ticket) -> Option<TeamId> {
    ticket.team.or_else(|| {
        let mut active = roster.teams.iter().filter(|team| team.is_active);
        active.next().map(|team| team.id)
    })
}

/// Worse: paging begins anew, louder. Better: goes on as it is, and stops where the new severity tells nobody.
fn severity_changed(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    roster: &Roster,
    ticket: &Ticket,
) -> Result<Vec<Entry>> {
    let Some(severity) = ticket.severity else {
        return Ok(Vec::new());
    };
    let run = store::page_log::live_run(tx, ticket.id)?;
    let before = run.map_or(Loudness::Silent, |run| loudness(run.severity));
    if loudness(severity) > before {
        return begin(tx, ctx, roster, ticket);
    }
    if loudness(severity) == Loudness::Silent {
        stop(tx, ctx, ticket, Unsent::SeverityRule)?;
    }
    Ok(Vec::new())
}

/// A promise was missed, and the house's rule says that somebody is to be paged: the policy is walked from its start, unless
/// somebody is being paged already.
pub(super) fn clock_late(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    roster: &Roster,
    ticket: &Ticket,
) -> Result<Vec<Entry>> {
    if ticket.key.kind != Kind::Incident {
        return Ok(Vec::new());
    }
    let run = store::page_log::live_run(tx, ticket.id)?;
    if run.is_some_and(|run| run.standing.state == RunState::Paging) {
        return Ok(Vec::new());
    }
    stop(tx, ctx, ticket, Unsent::Superseded)?;
    begin(tx, ctx, roster, ticket)
}

/// Another team is asked while nobody has answered.
fn team_changed(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    roster: &Roster,
    ticket: &Ticket,
) -> Result<Vec<Entry>> {
    match store::page_log::live_run(tx, ticket.id)? {
        Some(run) if run.standing.is_waiting_for_answer() && Some(run.team) != ticket.team => {
            begin(tx, ctx, roster, ticket)
        }
        Some(_) | None => Ok(Vec::new()),
    }
}

/// Taking an incident is an answer; being given it by somebody else isn't.
fn taken(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &mut Ticket, entry: &Recorded) -> Result<()> {
    let Some(person) = entry
        .actor
        .person()
        .filter(|person| ticket.owner == Some(*person))
    else {
        return Ok(());
    };
    let waits = store::page_log::live_run(tx, ticket.id)?
        .is_some_and(|run| run.standing.is_waiting_for_answer());
    if waits {
        acknowledge_in(tx, ctx, ticket, None, person, &entry.actor_name)?;
    }
    Ok(())
}

/// Ends the run, if there is one; pages that haven't left yet won't.
fn stop(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &Ticket, why: Unsent) -> Result<()> {
    let Some(mut run) = store::page_log::live_run(tx, ticket.id)? else {
        return Ok(());
    };
    run.standing = run.standing.ended(RunState::Stopped);
    run.ended_at = Some(ctx.now);
    store::page_log::update_run(tx, &mut run)?;
    hold_back(tx, ctx, &run, None, why)
}

/// Pages of the run that wait to be sent are not sent any more; but for `except`.
pub(super) fn hold_back(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    run: &Run,
    except: Option<PageId>,
    why: Unsent,
) -> Result<()> {
    for page in store::page_log::pages_of_run(tx, run.id)? {
        if page.state == PageState::Queued && Some(page.id) != except {
            let event = PageEvent {
                reason: Some(why),
                ..PageEvent::of(&page, PageEventKind::Suppressed, ctx.now)
            };
            store::page_log::insert_event(tx, &event)?;
            store::page_log::set_page_state(
                tx,
                page.id,
                PageState::Suppressed,
                page.accepted_at,
                page.acked_at,
            )?;
        }
    }
    Ok(())
}

/// Fires whatever is due of this run, step after step, until it has to wait or is over. Writing the run back is the caller's, and
/// so is what there is to say on the timeline.
fn advance(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    roster: &Roster,
    ticket: &Ticket,
    run: &mut Run,
    policy: &Policy,
) -> Result<Vec<Entry>> {
    let Some(plan) = escalation::plan(run.severity, policy) else {
        run.standing = run.standing.ended(RunState::Told);
        return Ok(Vec::new());
    };
    let mut entries = Vec::new();
    let began = run.standing.place;
    let mut reached_in_all = 0;
    while run.standing.state == RunState::Paging
        && run.standing.next_at.is_some_and(|at| at <= ctx.now)
    {
        let place = run.standing.place;
        match plan.due_at(place) {
            Due::Page(step) => {
                let reached = fire(tx, ctx, roster, ticket, run, step, &mut entries)?;
                reached_in_all += reached.unwrap_or(0);
                if let Some(reached) = reached {
                    run.standing = plan.after_firing(place, reached, ctx.now);
                    if reached_in_all == 0
                        && began.step == 0
                        && run.standing.place.round > began.round
                    {
                        // A whole round reached nobody; walking it again now would change nothing.
                        run.standing.place = end_of(&plan);
                    }
                }
            }
            Due::DeadEnd => {
                dead_end(tx, ctx, roster, ticket, run, &mut entries)?;
                run.standing = run.standing.ended(RunState::DeadEnd);
            }
            Due::Told => run.standing = run.standing.ended(RunState::Told),
        }
    }
    Ok(entries)
}

fn end_of(plan: &Plan) -> Place {
    Place {
        round: plan.repeat + 1,
        step: i64::try_from(plan.steps.len()).unwrap_or(i64::MAX),
    }
}

/// Pages whom the step at the run's place names. How many were reached; `None` if the run now waits for the team's opening,
/// or is over because there is nobody to wait for.
fn fire(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    roster: &Roster,
    ticket: &Ticket,
    run: &mut Run,
    step: &escalation::Step,
    entries: &mut Vec<Entry>,
) -> Result<Option<usize>> {
    let place = run.standing.place;
    let on_duty = roster.on_duty(run.team, ctx.now);
    let (is_working, opens_at) = working_hours(tx, ctx, roster, run)?;
    let situation = Situation {
        on_duty: &on_duty,
        team: roster.members(run.team),
        is_working,
        opens_at,
    };
    let telling = who_is_told(run.severity, &step.targets, place.is_first(), situation);
    for why in &telling.unsent {
        let event = PageEvent::not_sent(ticket.id, Some(run.id), Some(run.team), *why, ctx.now);
        store::page_log::insert_event(tx, &event)?;
    }
    if telling.people.is_empty() {
        if let Some(at) = telling.at {
            run.standing = run.standing.waiting_until(at);
            return Ok(None);
        }
        if loudness(run.severity) == Loudness::WorkingHours {
            run.standing = run.standing.ended(RunState::Told);
            return Ok(None);
        }
    }
    let mut names = Vec::new();
    let mut turn = None;
    for person in telling.people {
        let about = About {
            ticket: Some(ticket),
            run: Some(run),
            kind: PageKind::Escalation,
        };
        match page_person(tx, ctx, roster, about, person)? {
            Some(name) => names.push(name),
            None => turn = turn.or(turn_of(tx, person, ctx.now)?),
        }
    }
    if let (true, true, Some(at)) = (names.is_empty(), asks_for_an_answer(run), turn) {
        // Whoever was paged a moment ago about something else hears of this one next; going on would end in nobody.
        run.standing = run.standing.waiting_until(at);
        return Ok(None);
    }
    if !names.is_empty() {
        entries.push(
            Entry::new(EntryKind::Paged)
                .author(Actor::System, SELF)
                .fact("people", names.join(", "))
                .fact("round", place.round)
                .fact("step", place.step + 1),
        );
    }
    Ok(Some(names.len()))
}

fn asks_for_an_answer(run: &Run) -> bool {
    loudness(run.severity) >= Loudness::OnDuty
}

/// When this person may be paged again, if they were paged a moment ago.
fn turn_of(tx: &mut Tx, person: PersonId, now: Timestamp) -> Result<Option<Timestamp>> {
    let last = store::page_log::last_paged_at(tx, person)?;
    let free_at = last.map(|last| last.plus_secs(THROTTLE_SECS));
    Ok(free_at.filter(|at| *at > now))
}

/// Whether the run's team is at work, and when it opens next. Not looked up where the severity doesn't ask.
fn working_hours(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    roster: &Roster,
    run: &Run,
) -> Result<(bool, Option<Timestamp>)> {
    if loudness(run.severity) == Loudness::RoundTheClock {
        return Ok((true, None));
    }
    let Some(team) = roster.team(run.team) else {
        return Ok((false, None));
    };
    let hours = team_hours(tx, ctx, team)?;
    if hours.is_open(ctx.now) {
        return Ok((true, None));
    }
    Ok((false, worktime::deadline(&hours, ctx.now, 0, &[])))
}

/// A team's working hours: its calendar, or Monday to Friday from nine to five in its zone.
pub(super) fn team_hours(tx: &mut Tx, ctx: &Ctx<'_>, team: &Team) -> Result<Arc<Hours>> {
    hours_of(&*super::sla::book(ctx.app, tx)?, team)
}

/// As [`team_hours`], with the book at hand.
pub(super) fn hours_of(book: &Book, team: &Team) -> Result<Arc<Hours>> {
    if let Some(known) = team.calendar_id.and_then(|id| book.calendar(id)) {
        return Ok(known.hours.clone());
    }
    nine_to_five(team.zone)
}

/// The hours of whoever has no calendar: Monday to Friday.
pub(super) fn nine_to_five(zone: Tz) -> Result<Arc<Hours>> {
    let hours = Range::new(9 * 60, 17 * 60).map_err(Error::from)?;
    let week: Vec<(u8, Range)> = (0..5).map(|day| (day, hours)).collect();
    let calendar = Calendar::new(zone, &week, Vec::new()).map_err(Error::from)?;
    Ok(Arc::new(Hours::of(Arc::new(calendar))))
}

/// What a page is about.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub ticket: Option<&'a Ticket>,
    pub run: Option<&'a Run>,
    pub kind: PageKind,
}

/// Queues a page for one person on all of their channels, or writes down why not. The name of whom it goes to.
pub(super) fn page_person(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    roster: &Roster,
    about: About<'_>,
    id: PersonId,
) -> Result<Option<String>> {
    let not_sent = |tx: &mut Tx, why| {
        let Some(ticket) = about.ticket else {
            return Ok(None);
        };
        let run = about.run;
        let event = PageEvent::not_sent(
            ticket.id,
            run.map(|run| run.id),
            run.map(|run| run.team),
            why,
            ctx.now,
        );
        store::page_log::insert_event(
            tx,
            &PageEvent {
                person_id: Some(id),
                ..event
            },
        )?;
        Ok(None)
    };
    let Some(person) = roster.person(id).filter(|person| person.is_active) else {
        return not_sent(tx, Unsent::Deactivated);
    };
    let ways = ways_to(roster, person);
    let severity = about.run.map(|run| run.severity);
    if let (Some(severity), Some(ticket), PageKind::Escalation) =
        (severity, about.ticket, about.kind)
    {
        let last = store::page_log::last_paged_at(tx, id)?;
        let is_recent = is_throttled(last, ctx.now, severity, false);
        if is_recent
            && is_throttled(
                last,
                ctx.now,
                severity,
                !store::page_log::has_heard_of(tx, id, ticket.id)?,
            )
        {
            return not_sent(tx, Unsent::Throttle);
        }
    }
    if !can_leave(ctx, roster, &ways) {
        // It is queued even so: with a relay it goes out, unless somebody has answered by then.
        not_sent(tx, Unsent::NoChannel)?;
    }
    let place = about.run.map_or(Place::START, |run| run.standing.place);
    let page = Page {
        id: Id::new(ctx.now),
        run_id: about.run.map(|run| run.id),
        ticket_id: about.ticket.map(|ticket| ticket.id),
        kind: about.kind,
        round: place.round,
        step: place.step,
        person_id: id,
        severity: about.ticket.and_then(|ticket| ticket.severity),
        channels: i64::try_from(ways.len()).unwrap_or(i64::MAX),
        queued_at: ctx.now,
        state: PageState::Queued,
        accepted_at: None,
        acked_at: None,
    };
    if !store::page_log::insert_page(tx, &page)? {
        // Another node, or this step before a restart, has paged them already.
        return Ok(Some(person.name.clone()));
    }
    store::page_log::insert_event(tx, &PageEvent::of(&page, PageEventKind::Queued, ctx.now))?;
    for (n, (channel, address)) in ways.into_iter().enumerate() {
        let kind = match about.kind {
            PageKind::Test | PageKind::SelfTest => DeliveryKind::Test,
            PageKind::Escalation | PageKind::DeadEnd | PageKind::Asked => DeliveryKind::Page,
        };
        let delivery = NewDelivery {
            channel,
            ticket: page.ticket_id,
            page: Some(page.id),
            person: Some(id),
            ..NewDelivery::mail(kind, format!("page:{}:{n}", page.id), address)
        };
        store::outbox::queue(tx, &delivery, ctx.now)?;
    }
    Ok(Some(person.name.clone()))
}

/// Every step was walked and nobody answered: the whole team and the admins are told.
fn dead_end(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    roster: &Roster,
    ticket: &Ticket,
    run: &Run,
    entries: &mut Vec<Entry>,
) -> Result<()> {
    let mut people = roster.members(run.team).to_vec();
    for admin in store::people::holders_of(tx, Role::Admin)? {
        if !people.contains(&admin) {
            people.push(admin);
        }
    }
    let mut names = Vec::new();
    for person in people {
        let about = About {
            ticket: Some(ticket),
            run: Some(run),
            kind: PageKind::DeadEnd,
        };
        names.extend(page_person(tx, ctx, roster, about, person)?);
    }
    entries.push(
        Entry::new(EntryKind::DeadEnd)
            .author(Actor::System, SELF)
            .fact("people", names.join(", ")),
    );
    super::trouble::nobody_answered(tx, ctx, roster, run)
}

/// Fires the runs that are due, at most `most`; how many there were.
pub fn escalate(ctx: &Ctx<'_>, most: i64) -> Result<usize> {
    let due = ctx.read(|conn| store::page_log::runs_due(conn, ctx.now, most))?;
    for id in &due {
        let fired = ctx.write(|tx| {
            let Some(known) = store::page_log::run(tx, *id)? else {
                return Ok(());
            };
            // Read again once the ticket is ours: an acknowledgement may have come in between.
            store::ticket::lock(tx, known.ticket)?;
            let Some(mut run) = store::page_log::run(tx, *id)? else {
                return Ok(());
            };
            if run.standing.next_at.is_none_or(|at| at > ctx.now) {
                return Ok(());
            }
            let Some(mut ticket) = store::ticket::by_id(tx, run.ticket)? else {
                return Ok(());
            };
            if run.standing.state == RunState::Acknowledged {
                if ticket.state == State::Restored || !ticket.is_open() {
                    run.standing = run.standing.ended(RunState::Acknowledged);
                    return store::page_log::update_run(tx, &mut run);
                }
                run.standing = run.standing.resumed(ctx.now);
            }
            let policy = store::oncall::policy(tx, run.policy)?.ok_or_else(|| {
                Error::internal(format!("run {} follows a policy that is gone", run.id))
            })?;
            let written = Standing::of(&ticket);
            let roster = roster::in_force(ctx.app, tx, ctx.now)?;
            let said = advance(tx, ctx, &roster, &ticket, &mut run, &policy)?;
            store::page_log::update_run(tx, &mut run)?;
            let said = super::add(tx, ctx, &mut ticket, said)?;
            written.bring_up_to(tx, &ticket)?;
            super::webhook::follow(tx, ctx, &roster, &ticket, &said)
        });
        match fired {
            // Somebody changed the ticket or the run at this moment: the next look decides anew.
            Ok(()) | Err(Error::Stale) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(due.len())
}
