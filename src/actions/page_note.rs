//! What a page says, gathered at the moment it is shown or sent: who has the incident and who is next may have changed since it was
//! queued.

use crate::domain::escalation::{self, Due, RunState, Target};
use crate::domain::id::{PersonId, TeamId};
use crate::domain::page::{Next, Note, Subject};
use crate::domain::roster::Roster;
use crate::domain::timeline::EntryKind;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::page_log::{Page, Run};
use crate::store::{self, Conn};

/// What this page says now.
pub fn note_of(conn: &mut Conn, roster: &Roster, page: &Page) -> Result<Note> {
    let zone = roster
        .person(page.person_id)
        .map_or(roster.settings.house_zone, |person| person.zone);
    let ticket = match page.ticket_id {
        Some(id) => store::ticket::by_id(conn, id)?,
        None => None,
    };
    let run = match page.run_id {
        Some(id) => store::page_log::run(conn, id)?,
        None => None,
    };
    let about = match ticket {
        Some(ticket) => {
            let soon = match &run {
                Some(run) if !ticket.due.is_late => warned_of(conn, run)?,
                _ => None,
            };
            let customer = match ticket.customer {
                Some(id) => store::customer::by_id(conn, id)?.map(|customer| customer.name),
                None => None,
            };
            Some(Subject {
                key: ticket.key,
                severity: ticket.severity,
                customer,
                impact_at: ticket.impact_at,
                owner: ticket
                    .owner
                    .and_then(|id| roster.person(id))
                    .map(|person| person.name.clone()),
                is_open: ticket.is_open(),
                late: ticket
                    .due
                    .clock()
                    .filter(|_| ticket.due.is_late)
                    .map(|metric| (metric.to_owned(), ticket.due.at)),
                soon,
                title: ticket.title,
            })
        }
        None => None,
    };
    let next = match run {
        Some(run) => next_of(conn, roster, &run)?,
        None => None,
    };
    Ok(Note {
        kind: page.kind,
        about,
        next,
        zone,
        asked_at: store::page_log::asked_since(conn, page)?,
    })
}

/// The promise of which a warning began this run, with its deadline.
fn warned_of(conn: &mut Conn, run: &Run) -> Result<Option<(String, Timestamp)>> {
    let warned = store::timeline::of_kinds(conn, run.ticket, &[EntryKind::ClockWarned])?;
    let began = warned
        .iter()
        .find(|entry| entry.recorded_at == run.began_at);
    Ok(began.and_then(|entry| {
        let metric = entry.facts.get("metric")?.to_owned();
        Some((metric, entry.facts.instant("deadline")?))
    }))
}

/// What the run does next without an answer.
fn next_of(conn: &mut Conn, roster: &Roster, run: &Run) -> Result<Option<(Timestamp, Next)>> {
    let Some(at) = run
        .standing
        .next_at
        .filter(|_| run.standing.state == RunState::Paging)
    else {
        return Ok(None);
    };
    // The run may follow an older version than the team's policy has now.
    let in_force = roster.policy(run.team).filter(|it| it.id == run.policy);
    let older = match in_force {
        Some(_) => None,
        None => store::oncall::policy(conn, run.policy)?,
    };
    let Some(policy) = in_force.or(older.as_ref()) else {
        return Ok(None);
    };
    let Some(plan) = escalation::plan(run.severity, policy) else {
        return Ok(None);
    };
    let next = match plan.due_at(run.standing.place) {
        Due::Page(step) if step.targets.contains(&Target::Team) => Next::WholeTeam,
        Due::Page(step) => {
            let people = people_of(roster, run.team, &step.targets, at);
            if people.is_empty() {
                return Ok(Some((at, Next::WholeTeam)));
            }
            let people = people.iter().filter_map(|id| roster.person(*id));
            Next::People(people.map(|person| person.name.clone()).collect())
        }
        Due::DeadEnd => Next::DeadEnd,
        Due::Told => return Ok(None),
    };
    Ok(Some((at, next)))
}

fn people_of(roster: &Roster, team: TeamId, targets: &[Target], at: Timestamp) -> Vec<PersonId> {
    let mut people = Vec::new();
    for target in targets {
        match target {
            Target::OnDuty => people.extend(roster.on_duty(team, at)),
            Target::Person(person) => people.push(*person),
            Target::Team => {}
        }
    }
    people.dedup();
    people
}
