//! Rules about approvals, the votes on changes, and who stands in for whom.

use std::collections::HashMap;

use diesel::prelude::*;

use super::schema::approval::{
    approval_rule, approval_rule_environment, approval_rule_service, approval_stand_in,
    approval_vote,
};
use super::timeline::{facts_json, facts_of};
use super::{Conn, Tx};
use crate::domain::approval::{Field, Needs, Reminders, Rule, Snapshot, StandIn, Vote, When};
use crate::domain::change::Sort;
use crate::domain::id::{ApprovalRuleId, PersonId, ServiceId, StandInId, TeamId, TicketId};
use crate::domain::severity::Risk;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = approval_rule, treat_none_as_null = true)]
struct RuleRow {
    id: ApprovalRuleId,
    name: String,
    min_risk: Option<Risk>,
    sort: Option<Sort>,
    approvers: i32,
    team_id: Option<TeamId>,
    wants_owner: bool,
    valid_secs: i64,
    is_active: bool,
    made_at: Timestamp,
    version: i64,
    remind_secs: i64,
    escalate_secs: i64,
    escalate_team_id: Option<TeamId>,
    terms: i64,
    binds_commits: bool,
}

impl RuleRow {
    fn of(rule: &Rule) -> Self {
        RuleRow {
            id: rule.id,
            name: rule.name.clone(),
            min_risk: rule.when.min_risk,
            sort: rule.when.sort,
            approvers: i32::from(rule.needs.approvers),
            team_id: rule.needs.team,
            wants_owner: rule.needs.wants_owner,
            valid_secs: rule.valid_secs,
            is_active: rule.is_active,
            made_at: rule.made_at,
            version: rule.version,
            remind_secs: rule.reminders.remind_secs,
            escalate_secs: rule.reminders.escalate.map_or(0, |(_, secs)| secs),
            escalate_team_id: rule.reminders.escalate.map(|(team, _)| team),
            terms: rule.terms,
            binds_commits: rule.binds_commits,
        }
    }

    fn rule(self, environments: Vec<String>, services: Vec<ServiceId>) -> Result<Rule> {
        let approvers = u8::try_from(self.approvers);
        Ok(Rule {
            id: self.id,
            when: When {
                environments,
                services,
                min_risk: self.min_risk,
                sort: self.sort,
            },
            needs: Needs {
                approvers: approvers
                    .map_err(|_| Error::internal(format!("approval rule {}", self.name)))?,
                team: self.team_id,
                wants_owner: self.wants_owner,
            },
            name: self.name,
            binds_commits: self.binds_commits,
            valid_secs: self.valid_secs,
            reminders: Reminders {
                remind_secs: self.remind_secs,
                escalate: self.escalate_team_id.map(|team| (team, self.escalate_secs)),
            },
            is_active: self.is_active,
            made_at: self.made_at,
            version: self.version,
            terms: self.terms,
        })
    }
}

/// All rules, oldest first: a house has a handful.
pub fn rules(conn: &mut Conn) -> Result<Vec<Rule>> {
    let rows: Vec<RuleRow> = approval_rule::table
        .order(approval_rule::id)
        .select(RuleRow::as_select())
        .load(conn)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut environments: HashMap<ApprovalRuleId, Vec<String>> = HashMap::new();
    let pairs: Vec<(ApprovalRuleId, String)> = approval_rule_environment::table
        .order(approval_rule_environment::environment)
        .select((
            approval_rule_environment::rule_id,
            approval_rule_environment::environment,
        ))
        .load(conn)?;
    for (of, environment) in pairs {
        environments.entry(of).or_default().push(environment);
    }
    let mut services: HashMap<ApprovalRuleId, Vec<ServiceId>> = HashMap::new();
    let pairs: Vec<(ApprovalRuleId, ServiceId)> = approval_rule_service::table
        .order(approval_rule_service::service_id)
        .select((
            approval_rule_service::rule_id,
            approval_rule_service::service_id,
        ))
        .load(conn)?;
    for (of, service) in pairs {
        services.entry(of).or_default().push(service);
    }
    rows.into_iter()
        .map(|row| {
            let environments = environments.remove(&row.id).unwrap_or_default();
            let services = services.remove(&row.id).unwrap_or_default();
            row.rule(environments, services)
        })
        .collect()
}

pub fn rule(conn: &mut Conn, id: ApprovalRuleId) -> Result<Option<Rule>> {
    Ok(rules(conn)?.into_iter().find(|it| it.id == id))
}

pub fn insert_rule(tx: &mut Tx, new: &Rule) -> Result<()> {
    diesel::insert_into(approval_rule::table)
        .values(RuleRow::of(new))
        .execute(&mut **tx)?;
    put_scope(tx, new)
}

/// Writes it if nobody else has since it was read; raises its version. Else [`Error::Stale`].
pub fn update_rule(tx: &mut Tx, changed: &mut Rule) -> Result<()> {
    let read_at = changed.version;
    changed.version += 1;
    let unchanged = approval_rule::table
        .filter(approval_rule::id.eq(changed.id))
        .filter(approval_rule::version.eq(read_at));
    let count = diesel::update(unchanged)
        .set(RuleRow::of(changed))
        .execute(&mut **tx)?;
    if count != 1 {
        return Err(Error::Stale);
    }
    let environments =
        approval_rule_environment::table.filter(approval_rule_environment::rule_id.eq(changed.id));
    diesel::delete(environments).execute(&mut **tx)?;
    let services =
        approval_rule_service::table.filter(approval_rule_service::rule_id.eq(changed.id));
    diesel::delete(services).execute(&mut **tx)?;
    put_scope(tx, changed)
}

fn put_scope(tx: &mut Tx, of: &Rule) -> Result<()> {
    for environment in &of.when.environments {
        diesel::insert_into(approval_rule_environment::table)
            .values((
                approval_rule_environment::rule_id.eq(of.id),
                approval_rule_environment::environment.eq(environment),
            ))
            .execute(&mut **tx)?;
    }
    for service in &of.when.services {
        diesel::insert_into(approval_rule_service::table)
            .values((
                approval_rule_service::rule_id.eq(of.id),
                approval_rule_service::service_id.eq(*service),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = approval_vote)]
struct VoteRow {
    ticket_id: TicketId,
    person_id: PersonId,
    person_name: String,
    for_id: Option<PersonId>,
    for_name: Option<String>,
    given_at: Timestamp,
    digest: String,
    snapshot: String,
    over_at: Option<Timestamp>,
    not_before: Option<Timestamp>,
    conflicts: String,
}

impl VoteRow {
    fn of(ticket: TicketId, vote: &Vote) -> Self {
        let (for_id, for_name) = vote.on_behalf.clone().unzip();
        VoteRow {
            ticket_id: ticket,
            person_id: vote.by,
            person_name: vote.by_name.clone(),
            for_id,
            for_name,
            given_at: vote.at,
            digest: vote.digest.clone(),
            snapshot: facts_json(&vote.snapshot.facts()),
            over_at: vote.over_at,
            not_before: vote.not_before,
            conflicts: vote.saw.join("\n"),
        }
    }

    fn vote(self) -> Vote {
        Vote {
            by: self.person_id,
            by_name: self.person_name,
            on_behalf: self.for_id.zip(self.for_name),
            at: self.given_at,
            not_before: self.not_before,
            saw: self.conflicts.lines().map(str::to_owned).collect(),
            until: self.given_at,
            digest: self.digest,
            snapshot: Snapshot::of_facts(&facts_of(&self.snapshot)),
            over_at: self.over_at,
        }
    }
}

/// The votes on a change, oldest first. Until when they stand is for the caller to say: here they don't outlast their moment.
pub fn votes(conn: &mut Conn, ticket: TicketId) -> Result<Vec<Vote>> {
    let rows: Vec<VoteRow> = approval_vote::table
        .filter(approval_vote::ticket_id.eq(ticket))
        .order((approval_vote::given_at, approval_vote::person_id))
        .select(VoteRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(VoteRow::vote).collect())
}

/// Keeps a vote in the place of the one that the same person gave before. The caller records the ticket in the same transaction.
pub fn put_vote(tx: &mut Tx, ticket: TicketId, vote: &Vote) -> Result<()> {
    let before = approval_vote::table.find((ticket, vote.by));
    diesel::delete(before).execute(&mut **tx)?;
    diesel::insert_into(approval_vote::table)
        .values(VoteRow::of(ticket, vote))
        .execute(&mut **tx)?;
    Ok(())
}

/// What was approved never had another title: a former one is redacted.
pub fn retitle(tx: &mut Tx, ticket: TicketId, title: &str) -> Result<()> {
    for vote in votes(tx, ticket)? {
        let snapshot = vote.snapshot.with(Field::Title, title);
        diesel::update(approval_vote::table.find((ticket, vote.by)))
            .set((
                approval_vote::digest.eq(snapshot.digest()),
                approval_vote::snapshot.eq(facts_json(&snapshot.facts())),
            ))
            .execute(&mut **tx)?;
    }
    super::approval_ask::retitle(tx, ticket, title)
}

/// Takes back all votes on a change.
pub fn end_votes(tx: &mut Tx, ticket: TicketId, at: Timestamp) -> Result<()> {
    let standing = approval_vote::table
        .filter(approval_vote::ticket_id.eq(ticket))
        .filter(approval_vote::over_at.is_null());
    diesel::update(standing)
        .set(approval_vote::over_at.eq(Some(at)))
        .execute(&mut **tx)?;
    Ok(())
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = approval_stand_in)]
struct StandInRow {
    id: StandInId,
    from_id: PersonId,
    to_id: PersonId,
    starts_at: Timestamp,
    ends_at: Timestamp,
    made_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl StandInRow {
    fn stand_in(self) -> StandIn {
        StandIn {
            id: self.id,
            from: self.from_id,
            to: self.to_id,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            made_at: self.made_at,
            ended_at: self.ended_at,
        }
    }
}

/// Who stands in for whom now or later, by their making.
pub fn stand_ins(conn: &mut Conn, now: Timestamp) -> Result<Vec<StandIn>> {
    let rows: Vec<StandInRow> = approval_stand_in::table
        .filter(approval_stand_in::ends_at.gt(now))
        .filter(approval_stand_in::ended_at.is_null())
        .order(approval_stand_in::id)
        .select(StandInRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(StandInRow::stand_in).collect())
}

pub fn stand_in(conn: &mut Conn, id: StandInId) -> Result<Option<StandIn>> {
    let row: Option<StandInRow> = approval_stand_in::table
        .find(id)
        .select(StandInRow::as_select())
        .get_result(conn)
        .optional()?;
    Ok(row.map(StandInRow::stand_in))
}

pub fn insert_stand_in(tx: &mut Tx, new: &StandIn) -> Result<()> {
    diesel::insert_into(approval_stand_in::table)
        .values(StandInRow {
            id: new.id,
            from_id: new.from,
            to_id: new.to,
            starts_at: new.starts_at,
            ends_at: new.ends_at,
            made_at: new.made_at,
            ended_at: new.ended_at,
        })
        .execute(&mut **tx)?;
    Ok(())
}

pub fn end_stand_in(tx: &mut Tx, id: StandInId, at: Timestamp) -> Result<()> {
    diesel::update(approval_stand_in::table.find(id))
        .set(approval_stand_in::ended_at.eq(Some(at)))
        .execute(&mut **tx)?;
    Ok(())
}
