//! Loads who can be called, as one piece.

use super::backend::Conn;
use super::{house, oncall, people, settings, version, webhook};
use crate::domain::roster::{Plan, Roster};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// Overrides that ended longer ago than this are left out: more than two clocks of a house may disagree.
const GRACE_SECS: i64 = 3_600;

pub fn load(conn: &mut Conn, now: Timestamp) -> Result<Roster> {
    // First: what is written while the rest is read is then of a later version.
    let version = version::known(conn)?;
    let mut roster = Roster {
        version,
        teams: house::teams(conn)?,
        members: house::all_members(conn)?,
        ways: people::all_ways(conn)?,
        holidays: people::all_holidays(conn)?,
        webhooks: webhook::enabled(conn)?,
        settings: settings::all(conn)?,
        ..Roster::default()
    };
    for schedule in oncall::all(conn)? {
        let since = now.plus_secs(-GRACE_SECS);
        let overrides = oncall::overrides(conn, schedule.id, since, Timestamp::NEVER)?;
        let plan = Plan {
            rotation: schedule.rotation,
            overrides: overrides.into_iter().map(|noted| noted.over).collect(),
        };
        roster.schedules.insert(schedule.team, plan);
    }
    for team in &roster.teams {
        if let Some(policy) = oncall::policy_of(conn, team.id)? {
            roster.policies.insert(team.id, policy);
        }
    }
    for person in people::persons(conn)? {
        roster.people.insert(person.id, person);
    }
    Ok(roster)
}
