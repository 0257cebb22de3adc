//! Schedules, overrides, escalation policies and calendar feeds.

use chrono::NaiveDateTime;
use chrono_tz::Tz;
use diesel::prelude::*;

use super::backend::{Conn, Tx};
use super::blob::Hash;
use super::column::text_column;
use super::schema::oncall::{
    calendar_feed, escalation_policy, escalation_target, schedule, schedule_override,
    schedule_person,
};
use crate::domain::escalation::{Policy, Step, Target};
use crate::domain::id::{OverrideId, PersonId, PolicyId, ScheduleId, TeamId};
use crate::domain::oncall::{Change, Override, OverrideKind};
use crate::domain::rotation::{HandOffs, Rotation, TurnUnit};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

text_column!(TurnUnit, OverrideKind);

/// A team's schedule as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub id: ScheduleId,
    pub team: TeamId,
    pub rotation: Rotation,
    /// Shifts before this instant are facts and are no longer computed.
    pub recorded_to: Timestamp,
    /// When somebody begins or ends next: what was until then becomes a fact.
    pub next_wake_at: Timestamp,
    /// Rises with each change of the rotation *or* of its overrides, so that two changes at once can't miss each other.
    pub version: i64,
}

/// An override with who made it and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedOverride {
    pub over: Override,
    pub schedule: ScheduleId,
    pub note: String,
    pub made_by: Option<PersonId>,
    pub made_at: Timestamp,
    pub withdrawn_at: Option<Timestamp>,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = schedule)]
struct Row {
    id: ScheduleId,
    team_id: TeamId,
    zone: String,
    anchor: String,
    unit: TurnUnit,
    length: i64,
    base_turn: i64,
    base_position: i64,
    from_at: Timestamp,
    recorded_to: Timestamp,
    next_wake_at: Timestamp,
    version: i64,
}

/// The anchor's text: local, to the minute.
const LOCAL: &str = "%Y-%m-%dT%H:%M";

impl Row {
    fn of(value: &Schedule) -> Self {
        let rotation = &value.rotation;
        Row {
            id: value.id,
            team_id: value.team,
            zone: rotation.hand_offs.zone.name().to_owned(),
            anchor: rotation.hand_offs.anchor.format(LOCAL).to_string(),
            unit: rotation.hand_offs.unit,
            length: rotation.hand_offs.length,
            base_turn: rotation.base_turn,
            base_position: rotation.base_position,
            from_at: rotation.from,
            recorded_to: value.recorded_to,
            next_wake_at: value.next_wake_at,
            version: value.version,
        }
    }

    fn schedule(self, people: Vec<PersonId>) -> Result<Schedule> {
        let zone: Tz = self.zone.parse().map_err(|_| {
            Error::internal(format!("schedule {}: no zone {:?}", self.id, self.zone))
        })?;
        let anchor = NaiveDateTime::parse_from_str(&self.anchor, LOCAL)
            .map_err(|error| Error::internal(format!("schedule {}: {error}", self.id)))?;
        Ok(Schedule {
            id: self.id,
            team: self.team_id,
            rotation: Rotation {
                hand_offs: HandOffs {
                    zone,
                    anchor,
                    unit: self.unit,
                    length: self.length,
                },
                people,
                base_turn: self.base_turn,
                base_position: self.base_position,
                from: self.from_at,
            },
            recorded_to: self.recorded_to,
            next_wake_at: self.next_wake_at,
            version: self.version,
        })
    }
}

pub fn by_team(conn: &mut Conn, team: TeamId) -> Result<Option<Schedule>> {
    let row: Option<Row> = schedule::table
        .filter(schedule::team_id.eq(team))
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    row.map(|row| with_people(conn, row)).transpose()
}

/// Every schedule, in no order that people see.
pub fn all(conn: &mut Conn) -> Result<Vec<Schedule>> {
    let rows: Vec<Row> = schedule::table
        .order(schedule::id)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(|row| with_people(conn, row)).collect()
}

/// Schedules with a shift that has ended by `now` and is not a fact yet.
pub fn with_ended_shifts(conn: &mut Conn, now: Timestamp, most: i64) -> Result<Vec<TeamId>> {
    Ok(schedule::table
        .filter(schedule::next_wake_at.le(now))
        .order(schedule::next_wake_at)
        .limit(most)
        .select(schedule::team_id)
        .load(conn)?)
}

/// When the next shift of any schedule ends.
pub fn next_wake_at(conn: &mut Conn) -> Result<Option<Timestamp>> {
    Ok(schedule::table
        .order(schedule::next_wake_at)
        .select(schedule::next_wake_at)
        .first(conn)
        .optional()?)
}

fn with_people(conn: &mut Conn, row: Row) -> Result<Schedule> {
    let people = schedule_person::table
        .filter(schedule_person::schedule_id.eq(row.id))
        .order(schedule_person::position)
        .select(schedule_person::person_id)
        .load(conn)?;
    row.schedule(people)
}

pub fn insert(tx: &mut Tx, value: &Schedule) -> Result<()> {
    super::version::raise(tx)?;
    diesel::insert_into(schedule::table)
        .values(Row::of(value))
        .execute(&mut **tx)?;
    set_people(tx, value)
}

/// Writes it if nobody else has since it was read; raises its version. Else [`Error::Stale`].
pub fn update(tx: &mut Tx, value: &mut Schedule) -> Result<()> {
    super::version::raise(tx)?;
    let read_at = value.version;
    value.version += 1;
    let unchanged = schedule::table
        .filter(schedule::id.eq(value.id))
        .filter(schedule::version.eq(read_at));
    match diesel::update(unchanged)
        .set(Row::of(value))
        .execute(&mut **tx)?
    {
        1 => set_people(tx, value),
        _ => Err(Error::Stale),
    }
}

fn set_people(tx: &mut Tx, value: &Schedule) -> Result<()> {
    let known: Vec<PersonId> = schedule_person::table
        .filter(schedule_person::schedule_id.eq(value.id))
        .order(schedule_person::position)
        .select(schedule_person::person_id)
        .load(&mut **tx)?;
    if known == value.rotation.people {
        return Ok(());
    }
    diesel::delete(schedule_person::table.filter(schedule_person::schedule_id.eq(value.id)))
        .execute(&mut **tx)?;
    for (position, person) in (0_i64..).zip(&value.rotation.people) {
        diesel::insert_into(schedule_person::table)
            .values((
                schedule_person::schedule_id.eq(value.id),
                schedule_person::position.eq(position),
                schedule_person::person_id.eq(person),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = schedule_override)]
struct OverrideRow {
    id: OverrideId,
    schedule_id: ScheduleId,
    kind: OverrideKind,
    out_id: Option<PersonId>,
    in_id: Option<PersonId>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    note: String,
    made_by: Option<PersonId>,
    made_at: Timestamp,
    withdrawn_at: Option<Timestamp>,
}

impl OverrideRow {
    fn noted(self) -> Result<NotedOverride> {
        let change = match (self.kind, self.in_id) {
            (OverrideKind::Replace, Some(by)) => Change::Replace {
                of: self.out_id,
                by,
            },
            (OverrideKind::Add, Some(person)) => Change::Add(person),
            (OverrideKind::Remove, _) => Change::Remove(self.out_id),
            (OverrideKind::Replace | OverrideKind::Add, None) => {
                return Err(Error::internal(format!(
                    "override {} names nobody",
                    self.id
                )));
            }
        };
        let over = Override {
            id: self.id,
            change,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
        };
        Ok(NotedOverride {
            over,
            schedule: self.schedule_id,
            note: self.note,
            made_by: self.made_by,
            made_at: self.made_at,
            withdrawn_at: self.withdrawn_at,
        })
    }
}

pub fn insert_override(tx: &mut Tx, new: &NotedOverride) -> Result<()> {
    super::version::raise(tx)?;
    let change = new.over.change;
    let row = OverrideRow {
        id: new.over.id,
        schedule_id: new.schedule,
        kind: change.kind(),
        out_id: change.outgoing().flatten(),
        in_id: change.incoming(),
        starts_at: new.over.starts_at,
        ends_at: new.over.ends_at,
        note: new.note.clone(),
        made_by: new.made_by,
        made_at: new.made_at,
        withdrawn_at: new.withdrawn_at,
    };
    diesel::insert_into(schedule_override::table)
        .values(row)
        .execute(&mut **tx)?;
    Ok(())
}

/// The overrides that hold and touch `[from, to)`, in the order in which they were made.
pub fn overrides(
    conn: &mut Conn,
    of: ScheduleId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<NotedOverride>> {
    let rows: Vec<OverrideRow> = schedule_override::table
        .filter(schedule_override::schedule_id.eq(of))
        .filter(schedule_override::ends_at.gt(from))
        .filter(schedule_override::starts_at.lt(to))
        .filter(schedule_override::withdrawn_at.is_null())
        .order((schedule_override::made_at, schedule_override::id))
        .select(OverrideRow::as_select())
        .load(conn)?;
    rows.into_iter().map(OverrideRow::noted).collect()
}

pub fn override_by_id(conn: &mut Conn, id: OverrideId) -> Result<Option<NotedOverride>> {
    let row: Option<OverrideRow> = schedule_override::table
        .find(id)
        .select(OverrideRow::as_select())
        .get_result(conn)
        .optional()?;
    row.map(OverrideRow::noted).transpose()
}

/// Ends an override at `ends_at`; one that would never have begun is withdrawn as a whole.
pub fn end_override(tx: &mut Tx, of: &Override, at: Timestamp) -> Result<()> {
    super::version::raise(tx)?;
    let row = schedule_override::table.find(of.id);
    if at <= of.starts_at {
        diesel::update(row)
            .set(schedule_override::withdrawn_at.eq(at))
            .execute(&mut **tx)?;
    } else {
        diesel::update(row)
            .set(schedule_override::ends_at.eq(at))
            .execute(&mut **tx)?;
    }
    Ok(())
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = escalation_policy)]
struct PolicyRow {
    id: PolicyId,
    team_id: TeamId,
    version: i64,
    repeat_count: i64,
    ack_timeout_secs: Option<i64>,
    made_by: Option<PersonId>,
    made_at: Timestamp,
}

/// The policy in force for a team.
pub fn policy_of(conn: &mut Conn, team: TeamId) -> Result<Option<Policy>> {
    let row: Option<PolicyRow> = escalation_policy::table
        .filter(escalation_policy::team_id.eq(team))
        .order(escalation_policy::version.desc())
        .select(PolicyRow::as_select())
        .first(conn)
        .optional()?;
    row.map(|row| with_steps(conn, row)).transpose()
}

/// One version of a policy, as a run follows it.
pub fn policy(conn: &mut Conn, id: PolicyId) -> Result<Option<Policy>> {
    let row: Option<PolicyRow> = escalation_policy::table
        .find(id)
        .select(PolicyRow::as_select())
        .get_result(conn)
        .optional()?;
    row.map(|row| with_steps(conn, row)).transpose()
}

fn with_steps(conn: &mut Conn, row: PolicyRow) -> Result<Policy> {
    let rows: Vec<(i64, String, Option<PersonId>, i64)> = escalation_target::table
        .filter(escalation_target::policy_id.eq(row.id))
        .order((escalation_target::step, escalation_target::position))
        .select((
            escalation_target::step,
            escalation_target::target,
            escalation_target::person_id,
            escalation_target::delay_secs,
        ))
        .load(conn)?;
    let mut steps: Vec<Step> = Vec::new();
    for (number, word, person, delay_secs) in rows {
        let target = match (word.as_str(), person) {
            ("on_duty", _) => Target::OnDuty,
            ("team", _) => Target::Team,
            ("person", Some(person)) => Target::Person(person),
            _ => {
                return Err(Error::internal(format!(
                    "policy {}: no target {word:?}",
                    row.id
                )));
            }
        };
        match usize::try_from(number)
            .ok()
            .and_then(|number| steps.get_mut(number))
        {
            Some(step) => step.targets.push(target),
            None => steps.push(Step {
                targets: vec![target],
                delay_secs,
            }),
        }
    }
    Ok(Policy {
        id: row.id,
        team: row.team_id,
        version: row.version,
        steps,
        repeat: row.repeat_count,
        ack_timeout_secs: row.ack_timeout_secs,
    })
}

/// Adds a version. Versions are unique per team: of two made at once, one is a unique violation.
pub fn insert_policy(
    tx: &mut Tx,
    new: &Policy,
    by: Option<PersonId>,
    now: Timestamp,
) -> Result<()> {
    super::version::raise(tx)?;
    let row = PolicyRow {
        id: new.id,
        team_id: new.team,
        version: new.version,
        repeat_count: new.repeat,
        ack_timeout_secs: new.ack_timeout_secs,
        made_by: by,
        made_at: now,
    };
    diesel::insert_into(escalation_policy::table)
        .values(row)
        .execute(&mut **tx)?;
    for (number, step) in (0_i64..).zip(&new.steps) {
        for (position, target) in (0_i64..).zip(&step.targets) {
            let (word, person) = match target {
                Target::OnDuty => ("on_duty", None),
                Target::Team => ("team", None),
                Target::Person(person) => ("person", Some(*person)),
            };
            diesel::insert_into(escalation_target::table)
                .values((
                    escalation_target::policy_id.eq(new.id),
                    escalation_target::step.eq(number),
                    escalation_target::position.eq(position),
                    escalation_target::target.eq(word),
                    escalation_target::person_id.eq(person),
                    escalation_target::delay_secs.eq(step.delay_secs),
                ))
                .execute(&mut **tx)?;
        }
    }
    Ok(())
}

/// A calendar address that somebody made. With a team it shows that team's schedule, else changes and their windows.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = calendar_feed)]
pub struct Feed {
    /// SHA-256 of the token in the address.
    pub hash: Vec<u8>,
    pub person_id: PersonId,
    pub team_id: Option<TeamId>,
    pub made_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

pub fn insert_feed(tx: &mut Tx, feed: &Feed) -> Result<()> {
    diesel::insert_into(calendar_feed::table)
        .values(feed)
        .execute(&mut **tx)?;
    Ok(())
}

/// The feed behind this token, unless it was revoked.
pub fn feed(conn: &mut Conn, hash: Hash) -> Result<Option<Feed>> {
    Ok(calendar_feed::table
        .find(hash.0.to_vec())
        .filter(calendar_feed::revoked_at.is_null())
        .select(Feed::as_select())
        .get_result(conn)
        .optional()?)
}

/// A person's feeds that still work, newest first.
pub fn feeds_of(conn: &mut Conn, person: PersonId) -> Result<Vec<Feed>> {
    Ok(calendar_feed::table
        .filter(calendar_feed::person_id.eq(person))
        .filter(calendar_feed::revoked_at.is_null())
        .order(calendar_feed::made_at.desc())
        .select(Feed::as_select())
        .load(conn)?)
}

/// Ends `person`'s feeds for this team (or the personal one); how many there were.
pub fn revoke_feeds(
    tx: &mut Tx,
    person: PersonId,
    team: Option<TeamId>,
    now: Timestamp,
) -> Result<usize> {
    let own = calendar_feed::table
        .filter(calendar_feed::person_id.eq(person))
        .filter(calendar_feed::revoked_at.is_null());
    let revoked = calendar_feed::revoked_at.eq(now);
    Ok(match team {
        Some(team) => diesel::update(own.filter(calendar_feed::team_id.eq(team)))
            .set(revoked)
            .execute(&mut **tx)?,
        None => diesel::update(own.filter(calendar_feed::team_id.is_null()))
            .set(revoked)
            .execute(&mut **tx)?,
    })
}
