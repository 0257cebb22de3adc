//! What the rail counts and says on every page of the staff. Three counts that stop at a hundred, and one look at the rota.

use super::page::Frame;
use crate::actions;
use crate::domain::id::{Kind, PersonId, TeamId};
use crate::domain::oncall::stretches;
use crate::domain::timestamp::Timestamp;
use crate::domain::trouble::TroubleKind;
use crate::error::Result;
use crate::store::queue::{self, Filter};
use crate::store::{self, Conn};

/// Counting stops here; the rail shows "99+".
const COUNTED: i64 = 100;
/// Somebody who is on duty for longer than this is shown without an end.
const AHEAD_SECS: i64 = 14 * 86_400;

/// Fills the counts and who is on call for `person`'s first team, or for the house's.
pub fn fill(
    conn: &mut Conn,
    frame: &mut Frame,
    person: Option<PersonId>,
    now: Timestamp,
) -> Result<()> {
    let of_kind = |kind| Filter {
        kinds: vec![kind],
        ..Filter::default()
    };
    frame.open_tickets = Some(queue::count_up_to(conn, &Filter::default(), COUNTED)?);
    frame.open_incidents = Some(queue::count_up_to(conn, &of_kind(Kind::Incident), COUNTED)?);
    frame.open_changes = Some(queue::count_up_to(conn, &of_kind(Kind::Change), COUNTED)?);
    if let Some(team) = team_of(conn, person)? {
        frame.on_call = on_call(conn, team, now)?;
    }
    Ok(())
}

/// What is wrong with the house itself.
pub fn fill_trouble(conn: &mut Conn, frame: &mut Frame) -> Result<()> {
    for trouble in store::trouble::all(conn)? {
        match trouble.what {
            TroubleKind::Delivery => {
                frame.is_unheard = true;
                if let Some(ticket) = trouble.ticket_id {
                    let ticket = store::ticket::by_id(conn, ticket)?;
                    frame.unheard = ticket.map(|ticket| ticket.key.to_string());
                }
            }
            TroubleKind::Disk => frame.is_full = true,
        }
    }
    Ok(())
}

/// A person's first team; somebody without a team looks at the house's first.
pub fn team_of(conn: &mut Conn, person: Option<PersonId>) -> Result<Option<TeamId>> {
    let own = match person {
        Some(person) => store::house::teams_of(conn, person)?.into_iter().next(),
        None => None,
    };
    Ok(match own {
        Some(team) => Some(team),
        None => store::house::teams(conn)?
            .into_iter()
            .find(|team| team.is_active)
            .map(|team| team.id),
    })
}

/// Who is on call for a team now, and until when somebody else is.
fn on_call(
    conn: &mut Conn,
    team: TeamId,
    now: Timestamp,
) -> Result<Option<(String, Option<Timestamp>)>> {
    let shifts = actions::oncall::shifts(conn, team, now, now.plus_secs(AHEAD_SECS))?;
    let serves = shifts
        .iter()
        .find(|shift| shift.starts_at <= now && shift.ends_at > now);
    let Some(person) = serves.and_then(|shift| shift.person) else {
        return Ok(None);
    };
    let until = stretches(&shifts, person).first().and_then(|it| it.ends_at);
    let name = store::people::person(conn, person)?.map_or_else(String::new, |person| person.name);
    Ok(Some((name, until)))
}
