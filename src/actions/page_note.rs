//! What a page says, gathered at the moment it is shown or sent: who has the incident and who is next may have changed since it was
//! queued.

use super::oncall;
use crate::app::App;
use crate::domain::escalation::{self, Due, RunState, Target};
use crate::domain::id::{PageId, PersonId, TeamId};
use crate::domain::page::{Link, Next, Note, Subject};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::render::page::{PageText, text};
use crate::store::page_log::{Page, Run};
use crate::store::{self, Conn};
use crate::words::Words;

/// What this page says at `now`.
pub fn note_of(conn: &mut Conn, page: &Page) -> Result<Note> {
    let settings = store::settings::all(conn)?;
    let zone = store::people::person(conn, page.person_id)?
        .map_or(settings.house_zone, |person| person.zone);
    let ticket = match page.ticket_id {
        Some(id) => store::ticket::by_id(conn, id)?,
        None => None,
    };
    let about = match ticket {
        Some(ticket) => {
            let customer = match ticket.customer {
                Some(id) => store::customer::by_id(conn, id)?.map(|customer| customer.name),
                None => None,
            };
            Some(Subject {
                key: ticket.key,
                severity: ticket.severity,
                customer,
                impact_at: ticket.impact_at,
                owner: match ticket.owner {
                    Some(id) => store::people::person_names(conn, &[id])?.remove(&id),
                    None => None,
                },
                is_open: ticket.is_open(),
                late: ticket
                    .due
                    .metric
                    .filter(|_| ticket.due.is_late)
                    .map(|metric| (metric, ticket.due.at)),
                title: ticket.title,
            })
        }
        None => None,
    };
    let run = match page.run_id {
        Some(id) => store::page_log::run(conn, id)?,
        None => None,
    };
    let next = match run {
        Some(run) => next_of(conn, &run)?,
        None => None,
    };
    Ok(Note {
        kind: page.kind,
        about,
        next,
        zone,
    })
}

/// What the run does next without an answer.
fn next_of(conn: &mut Conn, run: &Run) -> Result<Option<(Timestamp, Next)>> {
    let Some(at) = run
        .standing
        .next_at
        .filter(|_| run.standing.state == RunState::Paging)
    else {
        return Ok(None);
    };
    let Some(policy) = store::oncall::policy(conn, run.policy)? else {
        return Ok(None);
    };
    let Some(plan) = escalation::plan(run.severity, &policy) else {
        return Ok(None);
    };
    let next = match plan.due_at(run.standing.place) {
        Due::Page(step) if step.targets.contains(&Target::Team) => Next::WholeTeam,
        Due::Page(step) => {
            let people = people_of(conn, run.team, &step.targets, at)?;
            if people.is_empty() {
                return Ok(Some((at, Next::WholeTeam)));
            }
            let mut names = store::people::person_names(conn, &people)?;
            Next::People(people.iter().filter_map(|id| names.remove(id)).collect())
        }
        Due::DeadEnd => Next::DeadEnd,
        Due::Told => return Ok(None),
    };
    Ok(Some((at, next)))
}

fn people_of(
    conn: &mut Conn,
    team: TeamId,
    targets: &[Target],
    at: Timestamp,
) -> Result<Vec<PersonId>> {
    let mut people = Vec::new();
    for target in targets {
        match target {
            Target::OnDuty => people.extend(oncall::on_duty(conn, team, at)?),
            Target::Person(person) => people.push(*person),
            Target::Team => {}
        }
    }
    people.dedup();
    Ok(people)
}

/// The mail of a page, rendered for sending at `now`; `None` if there is no such page. Without a public address nothing that
/// leads back here can be sent.
pub fn letter(conn: &mut Conn, app: &App, id: PageId, now: Timestamp) -> Result<Option<PageText>> {
    let Some(page) = store::page_log::page(conn, id)? else {
        return Ok(None);
    };
    let settings = store::settings::all(conn)?;
    let public_url = app
        .config
        .public_url
        .clone()
        .or(settings.public_url)
        .unwrap_or_default();
    let note = note_of(conn, &page)?;
    let token = Link::new(page.id, page.person_id, page.queued_at).token(&app.signing_key);
    let link = format!("{public_url}/n/{token}");
    Ok(Some(text(Words::english(), &note, &link, &public_url, now)))
}
