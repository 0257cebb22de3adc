//! Schedules and escalation policies: who will be called. Whatever was, stays: before a schedule changes, what it said until
//! now is written down as facts.

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use super::{allow, audit};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::escalation::{self, Policy, Step};
use crate::domain::id::{Id, OverrideId, PersonId, TeamId};
use crate::domain::oncall::{self, Because, Change, Override, Shift};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::rotation::{HandOffs, MAX_PEOPLE, Rotation, TurnUnit};
use crate::domain::text::optional_line;
use crate::domain::timeline::Facts;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Fields, Result, is_unique_violation};
use crate::store::blob::Hash;
use crate::store::compensation::ShiftFact;
use crate::store::oncall::{Feed, NotedOverride, Schedule};
use crate::store::{self, Conn, Tx};

/// A rotation as a person plans it.
#[derive(Debug, Clone)]
pub struct Plan {
    pub zone: Tz,
    /// The first hand-off (or any), on the wall clock.
    pub anchor: NaiveDateTime,
    pub unit: TurnUnit,
    pub length: i64,
    pub people: Vec<PersonId>,
    /// Who shall be on call now; by default whoever is.
    pub keep: Option<PersonId>,
}

/// Makes or changes a team's rotation. The person on call now stays so unless `keep` says otherwise. `seen` is the version that
/// the planner saw; `None` for a team without a schedule.
pub fn plan_rotation(
    ctx: &Ctx<'_>,
    team: TeamId,
    plan: &Plan,
    seen: Option<i64>,
) -> Result<Schedule> {
    allow(&ctx.by, Action::PlanOncall, Target::House)?;
    let mut fields = Fields::new();
    let hand_offs = fields.take(HandOffs::parse(
        plan.zone,
        plan.anchor,
        plan.unit,
        plan.length,
    ));
    if plan.people.is_empty() {
        fields.push(FieldError::new("people", "required"));
    }
    if plan.people.len() > MAX_PEOPLE {
        fields.push(FieldError::new("people", "too-many").with("max", MAX_PEOPLE.to_string()));
    }
    fields.check()?;
    let Some(hand_offs) = hand_offs else {
        return Err(Error::internal("checked hand-offs are missing"));
    };
    let outcome = ctx.write(|tx| {
        let name = store::house::team(tx, team)?.ok_or(Error::NotFound)?.name;
        for person in &plan.people {
            check_can_serve(tx, *person, "people")?;
        }
        note_plan(tx, ctx, &name, &hand_offs, plan)?;
        match store::oncall::by_team(tx, team)? {
            None => begin_schedule(tx, ctx, team, &hand_offs, plan),
            Some(mut schedule) => {
                if seen.is_some_and(|seen| seen != schedule.version) {
                    return Err(Error::Stale);
                }
                settle(tx, &mut schedule, ctx.now, Cut::Now)?;
                schedule.rotation = replanned(&schedule.rotation, &hand_offs, plan, ctx.now);
                schedule.next_wake_at = next_edge(tx, &schedule, ctx.now)?;
                store::oncall::update(tx, &mut schedule)?;
                Ok(schedule)
            }
        }
    });
    // Two people planned the first rotation of a team at once.
    outcome.map_err(|error| {
        if is_unique_violation(&error) {
            Error::Stale
        } else {
            error
        }
    })
}

/// Who shall serve in which order stands in the audit: afterwards a rota says only who serves now.
fn note_plan(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    team: &str,
    hand_offs: &HandOffs,
    plan: &Plan,
) -> Result<()> {
    let names = store::people::person_names(tx, &plan.people)?;
    let order: Vec<&str> = plan
        .people
        .iter()
        .filter_map(|person| names.get(person).map(String::as_str))
        .collect();
    let facts = Facts::new()
        .with("people", order.join(", "))
        .with("length", hand_offs.length)
        .with("unit", hand_offs.unit)
        .with("zone", hand_offs.zone.name());
    audit::note(tx, ctx, "rotation-planned", team, &facts)
}

fn begin_schedule(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    team: TeamId,
    hand_offs: &HandOffs,
    plan: &Plan,
) -> Result<Schedule> {
    let mut rotation = Rotation::new(hand_offs.clone(), plan.people.clone());
    // Nobody was on call before there was a schedule, wherever its anchor lies.
    rotation.from = rotation.from.max(ctx.now);
    if plan.keep.is_some() {
        rotation = rotation.with_people(plan.people.clone(), plan.keep, ctx.now);
    }
    let mut schedule = Schedule {
        id: Id::new(ctx.now),
        team,
        rotation,
        recorded_to: ctx.now,
        next_wake_at: Timestamp::NEVER,
        version: 1,
    };
    schedule.next_wake_at = next_edge(tx, &schedule, ctx.now)?;
    store::oncall::insert(tx, &schedule)?;
    Ok(schedule)
}

/// The first policy and rotation of a house that is being founded: its founder has the watch, week by week, until others join.
pub(super) fn found_team(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    team: TeamId,
    founder: PersonId,
    zone: Tz,
) -> Result<()> {
    policy_in(tx, ctx, team)?;
    let monday_at_nine = monday_before(ctx.now, zone);
    let hand_offs = HandOffs::parse(zone, monday_at_nine, TurnUnit::Weeks, 1)?;
    let plan = Plan {
        zone,
        anchor: monday_at_nine,
        unit: TurnUnit::Weeks,
        length: 1,
        people: vec![founder],
        keep: None,
    };
    begin_schedule(tx, ctx, team, &hand_offs, &plan)?;
    Ok(())
}

/// The last Monday 09:00 on the wall clock that has passed at `now`: early on a Monday it is a week ago, so that somebody has the
/// watch from the first moment on.
fn monday_before(now: Timestamp, zone: Tz) -> NaiveDateTime {
    use chrono::Datelike;
    let local = now.in_zone(zone).naive_local();
    let nine = chrono::NaiveTime::from_hms_opt(9, 0, 0).unwrap_or_default();
    let since_monday = i64::from(local.weekday().num_days_from_monday());
    let monday = (local.date() - chrono::TimeDelta::days(since_monday)).and_time(nine);
    match monday > local {
        true => monday - chrono::TimeDelta::days(7),
        false => monday,
    }
}

/// Other people or other hand-offs, with the same person on call now. No gap opens where there was none: a changed hand-off
/// time holds from now on, whatever date its anchor has.
fn replanned(old: &Rotation, hand_offs: &HandOffs, plan: &Plan, now: Timestamp) -> Rotation {
    let serving = plan.keep.or_else(|| old.person_at(now));
    let moved = Rotation {
        hand_offs: hand_offs.clone(),
        ..old.clone()
    };
    moved.with_people(plan.people.clone(), serving, now)
}

/// A new override: somebody takes a shift, joins or leaves. It counts from now at the earliest.
pub fn add_override(
    ctx: &Ctx<'_>,
    team: TeamId,
    change: Change,
    starts_at: Timestamp,
    ends_at: Timestamp,
    note: &str,
) -> Result<OverrideId> {
    allow(&ctx.by, Action::OverrideShift, Target::House)?;
    let over = Override::parse(Id::new(ctx.now), change, starts_at, ends_at, ctx.now)?;
    let note = optional_line("note", note, 200)?.unwrap_or_default();
    retry_stale(|| {
        ctx.write(|tx| {
            let mut schedule = schedule_of(tx, team)?;
            for person in [change.incoming(), change.outgoing().flatten()]
                .into_iter()
                .flatten()
            {
                check_can_serve(tx, person, "person")?;
            }
            let others: Vec<Override> =
                store::oncall::overrides(tx, schedule.id, over.starts_at, over.ends_at)?
                    .into_iter()
                    .map(|noted| noted.over)
                    .collect();
            oncall::check_clash(&others, &over)?;
            store::oncall::insert_override(
                tx,
                &NotedOverride {
                    over,
                    schedule: schedule.id,
                    note: note.clone(),
                    made_by: ctx.by.person(),
                    made_at: ctx.now,
                    withdrawn_at: None,
                },
            )?;
            touch(tx, &mut schedule, ctx.now)?;
            Ok(over.id)
        })
    })
}

/// Takes an override back; one that has begun ends now, and what it did stays on record.
pub fn withdraw_override(ctx: &Ctx<'_>, team: TeamId, id: OverrideId) -> Result<()> {
    allow(&ctx.by, Action::OverrideShift, Target::House)?;
    retry_stale(|| {
        ctx.write(|tx| {
            let mut schedule = schedule_of(tx, team)?;
            let noted = store::oncall::override_by_id(tx, id)?
                .filter(|noted| noted.schedule == schedule.id)
                .ok_or(Error::NotFound)?;
            if noted.withdrawn_at.is_some() || noted.over.ends_at <= ctx.now {
                return Err(Refusal::new("override-over").into());
            }
            store::oncall::end_override(tx, &noted.over, ctx.now)?;
            touch(tx, &mut schedule, ctx.now)
        })
    })
}

/// An override holds the schedule's version too: of two that were made at once, the second looks again and sees the first.
fn touch(tx: &mut Tx, schedule: &mut Schedule, now: Timestamp) -> Result<()> {
    schedule.next_wake_at = next_edge(tx, schedule, now)?.min(schedule.next_wake_at.max(now));
    store::oncall::update(tx, schedule)
}

fn retry_stale<T>(work: impl Fn() -> Result<T>) -> Result<T> {
    for _ in 0..5 {
        match work() {
            Err(Error::Stale) => {}
            other => return other,
        }
    }
    work()
}

fn schedule_of(tx: &mut Tx, team: TeamId) -> Result<Schedule> {
    store::house::team(tx, team)?.ok_or(Error::NotFound)?;
    store::oncall::by_team(tx, team)?.ok_or_else(|| Refusal::new("no-schedule").into())
}

fn check_can_serve(tx: &mut Tx, person: PersonId, field: &'static str) -> Result<()> {
    match store::people::person(tx, person)? {
        Some(person) if person.is_active => Ok(()),
        Some(person) => Err(FieldError::new(field, "deactivated")
            .with("name", person.name)
            .into()),
        None => Err(FieldError::new(field, "nobody-known").into()),
    }
}

/// How far [`settle`] writes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// To the last hand-off or override edge: for the job.
    LastEdge,
    /// To this instant, through the middle of a shift: before the schedule changes.
    Now,
}

/// Writes down who was on call since the last time. Pieces of one shift follow each other without a gap; pages join them again.
fn settle(tx: &mut Tx, schedule: &mut Schedule, now: Timestamp, cut: Cut) -> Result<()> {
    let from = schedule.recorded_to;
    if now <= from {
        return Ok(());
    }
    let overrides = overrides(tx, schedule, from, now)?;
    let shifts = oncall::shifts(Some(&schedule.rotation), &overrides, from, now);
    let to = match cut {
        Cut::Now => now,
        // Everything computed ends at `now` at the latest; an edge is where something begins or ends before it.
        Cut::LastEdge => shifts
            .iter()
            .flat_map(|shift| [shift.starts_at, shift.ends_at])
            .filter(|at| *at < now || is_edge(&schedule.rotation, &overrides, *at))
            .max()
            .unwrap_or(from),
    };
    for shift in oncall::shifts(Some(&schedule.rotation), &overrides, from, to) {
        store::compensation::insert_shift(tx, &fact(schedule.team, &shift, now))?;
    }
    schedule.recorded_to = to.max(from);
    Ok(())
}

fn is_edge(rotation: &Rotation, overrides: &[Override], at: Timestamp) -> bool {
    rotation.hand_offs.turn_at(at).starts_at == at
        || rotation.from == at
        || overrides
            .iter()
            .any(|over| over.starts_at == at || over.ends_at == at)
}

fn fact(team: TeamId, shift: &Shift, now: Timestamp) -> ShiftFact {
    let because = match shift.because {
        Because::Turn(_) => "rotation",
        Because::Override(_) => "override",
        Because::NoRotation => "none",
    };
    ShiftFact {
        id: Id::new(now),
        team_id: team,
        person_id: shift.person,
        starts_at: shift.starts_at,
        ends_at: shift.ends_at,
        because: because.to_owned(),
        recorded_at: now,
    }
}

/// When somebody begins or ends next, after `now`.
fn next_edge(conn: &mut Conn, schedule: &Schedule, now: Timestamp) -> Result<Timestamp> {
    let rotation = &schedule.rotation;
    let turn_ends_at = if now < rotation.from {
        rotation.from
    } else {
        rotation.hand_offs.turn_at(now).ends_at
    };
    let edges = overrides(conn, schedule, now, Timestamp::NEVER)?;
    Ok(edges
        .iter()
        .flat_map(|over| [over.starts_at, over.ends_at])
        .filter(|at| *at > now)
        .fold(turn_ends_at, Timestamp::min))
}

/// Writes down the shifts that have ended, of at most `most` teams; how many teams had some.
pub fn settle_ended_shifts(ctx: &Ctx<'_>, most: i64) -> Result<usize> {
    let teams = ctx.read(|conn| store::oncall::with_ended_shifts(conn, ctx.now, most))?;
    for team in &teams {
        retry_stale(|| {
            ctx.write(|tx| {
                let Some(mut schedule) = store::oncall::by_team(tx, *team)? else {
                    return Ok(());
                };
                if schedule.next_wake_at > ctx.now {
                    return Ok(());
                }
                settle(tx, &mut schedule, ctx.now, Cut::LastEdge)?;
                schedule.next_wake_at = next_edge(tx, &schedule, ctx.now)?;
                store::oncall::update(tx, &mut schedule)
            })
        })?;
    }
    Ok(teams.len())
}

fn overrides(
    conn: &mut Conn,
    schedule: &Schedule,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Override>> {
    let noted = store::oncall::overrides(conn, schedule.id, from, to)?;
    Ok(noted.into_iter().map(|noted| noted.over).collect())
}

/// The final shifts of a team in `[from, to)`, from now on: what was is in the facts.
pub fn shifts(conn: &mut Conn, team: TeamId, from: Timestamp, to: Timestamp) -> Result<Vec<Shift>> {
    match store::oncall::by_team(conn, team)? {
        None => Ok(oncall::shifts(None, &[], from, to)),
        Some(schedule) => {
            let overrides = overrides(conn, &schedule, from, to)?;
            Ok(oncall::shifts(
                Some(&schedule.rotation),
                &overrides,
                from,
                to,
            ))
        }
    }
}

/// Who is on call for a team at `at`. Empty: nobody.
pub fn on_duty(conn: &mut Conn, team: TeamId, at: Timestamp) -> Result<Vec<PersonId>> {
    let shifts = shifts(conn, team, at, at.plus_micros(1))?;
    Ok(shifts
        .into_iter()
        .filter_map(|shift| shift.person)
        .collect())
}

/// The policy in force for a team; a team that never had one gets the first.
pub fn policy_in(tx: &mut Tx, ctx: &Ctx<'_>, team: TeamId) -> Result<Policy> {
    if let Some(policy) = store::oncall::policy_of(tx, team)? {
        return Ok(policy);
    }
    let policy = Policy::first(Id::new(ctx.now), team);
    store::oncall::insert_policy(tx, &policy, None, ctx.now)?;
    Ok(policy)
}

/// A new version of a team's policy. Runs that are under way go on with theirs.
pub fn set_policy(
    ctx: &Ctx<'_>,
    team: TeamId,
    steps: &[Step],
    repeat: i64,
    ack_timeout_secs: Option<i64>,
    seen: i64,
) -> Result<Policy> {
    allow(&ctx.by, Action::PlanOncall, Target::House)?;
    let outcome = ctx.write(|tx| {
        let name = store::house::team(tx, team)?.ok_or(Error::NotFound)?.name;
        let known = store::oncall::policy_of(tx, team)?.map_or(0, |policy| policy.version);
        if known != seen {
            return Err(Error::Stale);
        }
        let policy = Policy {
            id: Id::new(ctx.now),
            team,
            version: known + 1,
            steps: steps.to_vec(),
            repeat,
            ack_timeout_secs,
        };
        let problems = policy.problems();
        if !problems.is_empty() {
            return Err(problems.into());
        }
        for target in steps.iter().flat_map(|step| &step.targets) {
            if let escalation::Target::Person(person) = target {
                check_can_serve(tx, *person, "steps")?;
            }
        }
        store::oncall::insert_policy(tx, &policy, ctx.by.person(), ctx.now)?;
        let facts = Facts::new()
            .with("version", policy.version)
            .with("steps", policy.steps.len());
        audit::note(tx, ctx, "policy-changed", &name, &facts)?;
        Ok(policy)
    });
    outcome.map_err(|error| {
        if is_unique_violation(&error) {
            Error::Stale
        } else {
            error
        }
    })
}

/// Whose calendar is meant: one's own, and machines have none.
fn own_calendar(ctx: &Ctx<'_>) -> Result<PersonId> {
    let person = ctx.by.person();
    let whose = person.map_or(Target::House, Target::Of);
    allow(&ctx.by, Action::KeepOwnWays, whose)?;
    Ok(person.ok_or_else(|| Refusal::new("only-people"))?)
}

/// A new calendar address for whoever asks: a team's schedule, or their own shifts. The old one stops working. Returns the token,
/// which is shown once.
pub fn renew_feed(ctx: &Ctx<'_>, team: Option<TeamId>) -> Result<String> {
    let person = own_calendar(ctx)?;
    let mut secret = [0_u8; 24];
    getrandom::fill(&mut secret).map_err(Error::internal)?;
    let token = {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(secret)
    };
    let hash = Hash::of(token.as_bytes());
    ctx.write(|tx| {
        if let Some(team) = team {
            store::house::team(tx, team)?.ok_or(Error::NotFound)?;
        }
        store::oncall::revoke_feeds(tx, person, team, ctx.now)?;
        let feed = Feed {
            hash: hash.0.to_vec(),
            person_id: person,
            team_id: team,
            made_at: ctx.now,
            last_used_at: None,
            revoked_at: None,
        };
        store::oncall::insert_feed(tx, &feed)
    })?;
    Ok(token)
}

/// Ends a calendar address of whoever asks.
pub fn revoke_feed(ctx: &Ctx<'_>, team: Option<TeamId>) -> Result<()> {
    let person = own_calendar(ctx)?;
    ctx.write(
        |tx| match store::oncall::revoke_feeds(tx, person, team, ctx.now)? {
            0 => Err(Error::NotFound),
            _ => Ok(()),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_house_that_is_founded_early_on_a_monday_has_its_watch_at_once() {
        let zone = chrono_tz::Europe::Stockholm;
        for (now, anchor) in [
            // 02:52, 08:59 and 09:00 in Stockholm on Monday 30 November, and the Sunday before.
            ("2026-11-30T01:52:00Z", "2026-11-23T09:00:00"),
            ("2026-11-30T07:59:59Z", "2026-11-23T09:00:00"),
            ("2026-11-30T08:00:00Z", "2026-11-30T09:00:00"),
            ("2026-11-29T22:00:00Z", "2026-11-23T09:00:00"),
        ] {
            let at = Timestamp::parse_rfc3339(now).unwrap();
            let found = monday_before(at, zone);
            assert_eq!(
                found.format("%Y-%m-%dT%H:%M:%S").to_string(),
                anchor,
                "{now}"
            );
        }
    }
}
