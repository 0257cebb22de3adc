//! Approving a change: who has to, who did, and whether it still stands. Who stands in for whom is next door.

use std::collections::BTreeMap;

use super::commits::belongs;
use super::push_verdict::person_of;
use super::ticket::change as change_ticket;
use super::{agenda, approval_stand_in, change as change_actions};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::approval::{
    Apart, Case, Field, HOUSE_SECS, Need, Needs, Of, Reminders, Rule, Side, Snapshot, StandIn,
    Verdict, Vote, expires, strictest,
};
use crate::domain::change::{Change, Sort};
use crate::domain::freeze::{Asked, Freeze};
use crate::domain::id::{Id, PersonId, PushId, ServiceId, TeamId, TicketKey};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::settings::Settings;
use crate::domain::severity::Risk;
use crate::domain::standing;
use crate::domain::text::EmailAddress;
use crate::domain::ticket::{State, Ticket};
use crate::domain::timeline::{Entry, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::people::Holder;
use crate::store::{self, Conn};
use crate::words::Words;

/// Commits whose authors are looked at; an import's others are nobody's work on this change.
const COMMITS: i64 = 200;
/// Deployments whose actors are looked at.
const DEPLOYMENTS: i64 = 50;

/// How it stands with the approval of a change, and what that is read from.
#[derive(Debug, Clone)]
pub struct Scene {
    pub case: Case,
    /// The rule that applies; `None`: the house's own.
    pub rule: Option<Rule>,
    pub valid_secs: i64,
    freezes: Vec<Freeze>,
    services: Vec<ServiceId>,
    environment: String,
    is_production: bool,
    risk: Option<Risk>,
    sort: Sort,
}

impl Scene {
    pub fn load(conn: &mut Conn, ticket: &Ticket, change: &Change) -> Result<Self> {
        let services = store::ticket::services(conn, ticket.id)?;
        let (environment, is_production) = environment(conn, change)?;
        let rules = store::approval::rules(conn)?;
        let of = Of {
            services: &services,
            environment: &environment,
            risk: ticket.risk,
            sort: change.plan.sort,
        };
        let rule = strictest(&rules, &of).cloned();
        let needs = rule.as_ref().map_or(Needs::HOUSE, |rule| rule.needs);
        let mut teams: Vec<TeamId> = needs.team.into_iter().collect();
        if needs.wants_owner {
            teams.extend(owners(conn, ticket, &services)?);
        }
        let members = match teams.is_empty() {
            true => BTreeMap::new(),
            false => store::house::all_members(conn)?.into_iter().collect(),
        };
        let applied = rule.as_ref().map(|rule| (rule.id, rule.terms));
        let title = ticket.title.as_str();
        let commits = match &rule {
            Some(rule) if rule.binds_commits => bound_commits(conn, ticket)?,
            _ => Vec::new(),
        };
        let mut scene = Self {
            case: Case {
                snapshot: Snapshot::of(
                    title,
                    &change.plan,
                    ticket.risk,
                    &services,
                    applied,
                    &commits,
                ),
                approvers: usize::from(needs.approvers),
                teams,
                members,
                apart: apart(conn, ticket, change)?,
                votes: store::approval::votes(conn, ticket.id)?,
            },
            valid_secs: match (&rule, change.plan.sort) {
                (Some(rule), _) => rule.valid_secs,
                (None, Sort::Standard) => standing::VALID_SECS,
                (None, Sort::Normal | Sort::Emergency) => HOUSE_SECS,
            },
            rule,
            freezes: store::freeze::all(conn)?,
            risk: ticket.risk,
            sort: change.plan.sort,
            services,
            environment,
            is_production,
        };
        if scene.case.votes.is_empty() {
            scene.case.votes = older(conn, change, &scene.case.snapshot)?;
        }
        let ends: Vec<Timestamp> = scene
            .case
            .votes
            .iter()
            .map(|vote| scene.expires(vote.at))
            .collect();
        for (vote, end) in scene.case.votes.iter_mut().zip(ends) {
            vote.until = end;
        }
        Ok(scene)
    }

    /// Where it is done.
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// What happens while those who are needed stay silent.
    pub fn reminders(&self) -> Reminders {
        let own = self.rule.as_ref().map(|rule| rule.reminders);
        own.unwrap_or_default()
    }

    fn expires(&self, at: Timestamp) -> Timestamp {
        let asked = Asked {
            services: &self.services,
            environment: &self.environment,
            is_production: self.is_production,
            risk: self.risk,
            sort: Some(self.sort),
        };
        expires(at, self.valid_secs, &self.freezes, &asked)
    }

    /// Whether somebody may vote at all now: it waits for that, or what it was approved by doesn't hold any more.
    pub fn is_open(&self, state: State, now: Timestamp) -> bool {
        match state {
            State::AwaitingApproval => true,
            State::Approved => !self.case.verdict(now).holds(),
            _ => false,
        }
    }

    /// As [`Scene::is_open`] for one of them: whoever said that it begins later may say otherwise.
    pub fn is_open_to(&self, by: PersonId, state: State, now: Timestamp) -> bool {
        let says_anew = state == State::Approved && self.case.has_said_when(by, now);
        says_anew || self.is_open(state, now)
    }
}

/// The environment of a change by its name, and whether customers are there.
pub(super) fn environment(conn: &mut Conn, change: &Change) -> Result<(String, bool)> {
    let known = store::house::environments(conn)?;
    let production = known.into_iter().next().unwrap_or_default();
    Ok(match &change.plan.environment {
        Some(name) => (name.clone(), *name == production),
        None => (production, true),
    })
}

/// The teams that own its services; without any service its own.
fn owners(conn: &mut Conn, ticket: &Ticket, services: &[ServiceId]) -> Result<Vec<TeamId>> {
    let known = store::house::services(conn)?;
    let owned = known.iter().filter(|it| services.contains(&it.id));
    let mut teams: Vec<TeamId> = owned.map(|it| it.team_id).collect();
    if teams.is_empty() {
        teams.extend(ticket.team);
    }
    teams.sort_unstable();
    teams.dedup();
    Ok(teams)
}

/// Who is on the other side: whoever wanted it, asked, planned or wrote it.
fn apart(conn: &mut Conn, ticket: &Ticket, change: &Change) -> Result<BTreeMap<PersonId, Apart>> {
    let mut apart = BTreeMap::new();
    let mut addresses: Vec<String> = Vec::new();
    for (commit, link) in store::git_link::of_ticket(conn, ticket.id, COMMITS)? {
        if belongs(link.relation) && !link.negated {
            addresses.extend(commit.co_authors());
            addresses.push(commit.author_email);
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    for address in addresses {
        let Ok(address) = EmailAddress::parse(&address) else {
            continue;
        };
        if let Some(Holder::Person(id)) = store::people::holder(conn, &address)? {
            apart.insert(id, Apart::Wrote);
        }
    }
    let kinds = [EntryKind::Edited, EntryKind::ServiceChanged];
    for entry in store::timeline::of_kinds(conn, ticket.id, &kinds)? {
        let is_plan =
            entry.kind == EntryKind::ServiceChanged || entry.facts.get("fields").is_some();
        if let Some(id) = entry.actor.person().filter(|_| is_plan) {
            apart.insert(id, Apart::Planned);
        }
    }
    let settings = store::settings::all(conn)?;
    for side in &settings.approvers_apart {
        let (them, why) = match side {
            Side::Pusher => (pushers(conn, ticket, &settings)?, Apart::Pushed),
            Side::Deployer => (deployers(conn, ticket, change, &settings)?, Apart::Deployed),
        };
        for id in them {
            apart.entry(id).or_insert(why);
        }
    }
    apart.extend(change.asked_by.map(|id| (id, Apart::Asked)));
    apart.extend(change.requested_by.map(|id| (id, Apart::Requested)));
    Ok(apart)
}

/// Its commits that a branch or tag still holds: what is approved where the rule binds them.
fn bound_commits(conn: &mut Conn, ticket: &Ticket) -> Result<Vec<String>> {
    let linked = store::git_link::of_ticket(conn, ticket.id, COMMITS)?;
    let its = linked.into_iter().filter(|(commit, link)| {
        belongs(link.relation) && !link.negated && commit.gone_at.is_none()
    });
    Ok(its.map(|(commit, _)| commit.oid).collect())
}

/// Whoever pushed its commits, as far as we know them.
fn pushers(conn: &mut Conn, ticket: &Ticket, settings: &Settings) -> Result<Vec<PersonId>> {
    let linked = store::git_link::of_ticket(conn, ticket.id, COMMITS)?;
    let its = linked.iter().filter(|(_, link)| belongs(link.relation));
    let mut pushes: Vec<PushId> = its.map(|(commit, _)| commit.push).collect();
    pushes.sort_unstable();
    pushes.dedup();
    let names = store::repository::pushers(conn, &pushes)?;
    known_as(conn, settings, names)
}

/// Whoever deployed it where it is for.
fn deployers(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
    settings: &Settings,
) -> Result<Vec<PersonId>> {
    let (environment, _) = environment(conn, change)?;
    let mut found = Vec::new();
    let mut names = Vec::new();
    for it in store::deployment::of_ticket(conn, ticket.id, DEPLOYMENTS)? {
        if it.lane.environment == environment {
            found.extend(it.by);
            names.extend(it.actor);
        }
    }
    found.extend(known_as(conn, settings, names)?);
    Ok(found)
}

/// Those of them whom we know, by login or address.
fn known_as(conn: &mut Conn, settings: &Settings, mut names: Vec<String>) -> Result<Vec<PersonId>> {
    names.sort_unstable();
    names.dedup();
    let mut found = Vec::new();
    for name in names {
        found.extend(person_of(conn, settings, &name)?.map(|it| it.id));
    }
    Ok(found)
}

/// What was approved before votes were kept, as it is now.
fn older(conn: &mut Conn, change: &Change, snapshot: &Snapshot) -> Result<Vec<Vote>> {
    let (Some(by), Some(at)) = (change.approved_by, change.approved_at) else {
        return Ok(Vec::new());
    };
    let names = store::people::person_names(conn, &[by])?;
    Ok(vec![Vote {
        by,
        by_name: names.get(&by).cloned().unwrap_or_default(),
        on_behalf: None,
        at,
        not_before: None,
        saw: Vec::new(),
        until: at,
        digest: snapshot.digest(),
        snapshot: snapshot.clone(),
        over_at: None,
    }])
}

/// What somebody says who approves.
#[derive(Debug, Clone, Default)]
pub struct Ballot {
    /// The digest that they saw, or its first digits; `None`: the version says enough.
    pub digest: Option<String>,
    /// For whom they stand in.
    pub on_behalf: Option<PersonId>,
    /// It doesn't begin before.
    pub not_before: Option<Timestamp>,
}

/// Approves what somebody else asked for. `rev` is the version that was read: an approval is for exactly that.
pub fn approve(ctx: &Ctx<'_>, key: TicketKey, rev: i64, ballot: &Ballot) -> Result<Ticket> {
    change_actions::refuse_unless_change(key)?;
    change_ticket(ctx, key, Some(rev), Action::ApproveChange, |tx, ticket| {
        let mut change = store::change::of(tx, ticket.id)?;
        let by = ctx
            .by
            .person()
            .ok_or(Refusal::new("approver-is-a-person"))?;
        let mut scene = Scene::load(tx, ticket, &change)?;
        scene.case.may_vote(by, ballot.on_behalf, ctx.now)?;
        if !scene.is_open_to(by, ticket.state, ctx.now) {
            return Err(Refusal::new("no-such-step")
                .with("key", key.to_string())
                .with("from", ticket.state.as_str())
                .with("to", State::Approved.as_str())
                .into());
        }
        let digest = scene.case.snapshot.digest();
        let seen = ballot.digest.as_deref().unwrap_or(&digest);
        if Snapshot::short(seen) != Snapshot::short(&digest) || !digest.starts_with(seen) {
            return Err(Error::Stale);
        }
        let on_behalf = match ballot.on_behalf {
            Some(id) => Some((id, approval_stand_in::whom(tx, ctx.now, id, by)?)),
            None => None,
        };
        let until = scene.expires(ctx.now);
        if let Some(at) = ballot.not_before {
            refuse_unless_within(at, ctx.now, until)?;
        }
        let vote = Vote {
            by,
            by_name: ctx.by.name().to_owned(),
            on_behalf: on_behalf.clone(),
            at: ctx.now,
            not_before: ballot.not_before,
            saw: agenda::seen_now(ctx, tx, ticket, &change)?,
            until,
            snapshot: scene.case.snapshot.clone(),
            digest: digest.clone(),
            over_at: None,
        };
        store::approval::put_vote(tx, ticket.id, &vote)?;
        scene.case.vote(vote);
        let entry = match scene.case.verdict(ctx.now) {
            Verdict::Standing { until } | Verdict::Waits { until, .. } => {
                let entry = change.approve(ticket, by, ctx.now)?;
                store::change::put(tx, ticket.id, &change)?;
                entry.fact("until", until.rfc3339())
            }
            Verdict::Missing(_) | Verdict::Stale { .. } | Verdict::Expired { .. } => {
                let needs = scene.case.needs(ctx.now);
                Entry::new(EntryKind::ApprovalGiven).fact("needs", in_words(tx, &needs)?)
            }
        };
        let (for_id, for_name) = on_behalf.unzip();
        Ok(vec![
            entry
                .fact("digest", &digest)
                .fact_some("not_before", ballot.not_before.map(Timestamp::rfc3339))
                .fact_some("rule", scene.rule.as_ref().map(|rule| rule.name.as_str()))
                .fact_some("for", for_id)
                .fact_some("for_name", for_name),
        ])
    })
}

/// A condition names an instant to come, at which the vote still stands.
fn refuse_unless_within(at: Timestamp, now: Timestamp, until: Timestamp) -> Result<()> {
    if at <= now {
        return Err(FieldError::new("not_before", "not-before-in-past").into());
    }
    if at >= until {
        return Err(FieldError::new("not_before", "not-before-too-late")
            .with("until", until.rfc3339())
            .into());
    }
    Ok(())
}

/// How it stands now with a change's approval.
pub fn verdict(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
    now: Timestamp,
) -> Result<Verdict> {
    Ok(Scene::load(conn, ticket, change)?.case.verdict(now))
}

/// Those without whose vote it isn't approved.
pub(super) fn needed(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
    now: Timestamp,
) -> Result<Vec<PersonId>> {
    Ok(Scene::load(conn, ticket, change)?.case.needed(now))
}

/// Who begins or deploys a change: a person of ours, or somebody as a pipeline calls them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Doer<'a> {
    pub person: Option<PersonId>,
    pub named: Option<&'a str>,
}

/// A change begins only while its approval stands, where the house wants that without the vote of whoever does it; what was said
/// otherwise says what to do.
pub fn refuse_unless_standing(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
    doer: Doer<'_>,
    now: Timestamp,
) -> Result<()> {
    let key = ticket.key.to_string();
    let mut scene = Scene::load(conn, ticket, change)?;
    let settings = store::settings::all(conn)?;
    if settings.approvers_apart.contains(&Side::Deployer)
        && !change.is_standing(ticket)
        && scene.case.verdict(now).is_standing()
    {
        let named = known_as(
            conn,
            &settings,
            doer.named.map(str::to_owned).into_iter().collect(),
        )?;
        for id in doer.person.into_iter().chain(named) {
            scene.case.apart.entry(id).or_insert(Apart::Deployed);
        }
        if !scene.case.verdict(now).is_standing() {
            return Err(Refusal::new("approved-and-deploys").with("key", key).into());
        }
    }
    let refusal = match scene.case.verdict(now) {
        Verdict::Standing { .. } => return Ok(()),
        Verdict::Waits { opens, by_name, .. } => Refusal::new("approval-not-yet")
            .with("at", opens.rfc3339())
            .with("name", by_name),
        Verdict::Expired { at } => Refusal::new("approval-expired").with("at", at.rfc3339()),
        Verdict::Stale { why, .. } => {
            let fields = why.iter().map(|it| field_name(it.field));
            let fields: Vec<String> = fields.collect();
            Refusal::new("approval-stale").with("fields", fields.join(", "))
        }
        Verdict::Missing(needs) => {
            Refusal::new("approval-missing").with("needs", in_words(conn, &needs)?)
        }
    };
    Err(refusal.with("key", key).into())
}

/// What a field is called.
pub fn field_name(field: Field) -> String {
    let key = format!("approval-field-{}", field.as_str().replace('_', "-"));
    Words::english().t(&key).into_owned()
}

/// Who is still needed, for people to read.
pub fn in_words(conn: &mut Conn, needs: &[Need]) -> Result<String> {
    let words = Words::english();
    let has_team = needs.iter().any(|need| matches!(need, Need::Team(_)));
    let teams = match has_team {
        true => store::house::teams(conn)?,
        false => Vec::new(),
    };
    let said = needs.iter().map(|need| match need {
        Need::Approvers(n) => {
            let n = i64::try_from(*n).unwrap_or(i64::MAX);
            words.with("approval-need-approvers", &[("n", n.into())])
        }
        Need::Team(id) => {
            let team = teams.iter().find(|team| team.id == *id);
            let name = team.map_or("", |team| team.name.as_str());
            words.with("approval-need-team", &[("name", name.into())])
        }
    });
    let said: Vec<String> = said.map(|text| text.into_owned()).collect();
    Ok(said.join(", "))
}

/// In whose name somebody may vote on a change: `None` their own.
pub fn voices(
    scene: &Scene,
    by: PersonId,
    stand_ins: &[StandIn],
    now: Timestamp,
) -> Vec<Option<PersonId>> {
    let theirs = stand_ins.iter().filter(|it| it.to == by && it.is_open(now));
    let mut whom: Vec<PersonId> = theirs.map(|it| it.from).collect();
    whom.sort_unstable();
    whom.dedup();
    let all = std::iter::once(None).chain(whom.into_iter().map(Some));
    all.filter(|whom| scene.case.may_vote(by, *whom, now).is_ok())
        .collect()
}

/// A value of a snapshot, for people to read: names for ids.
pub fn value_in_words(conn: &mut Conn, field: Field, value: &str) -> Result<String> {
    Ok(match field {
        Field::Services => {
            let ids: Vec<ServiceId> = value.split(' ').filter_map(Id::parse).collect();
            let names = store::house::service_names(conn, &ids)?;
            let mut names: Vec<String> = names.into_values().collect();
            names.sort_by_key(|name| name.to_lowercase());
            names.join(", ")
        }
        Field::Rule => match value.split_once(' ') {
            Some((id, version)) => {
                let rule = match Id::parse(id) {
                    Some(id) => store::approval::rule(conn, id)?,
                    None => None,
                };
                let name = rule.map(|rule| rule.name).unwrap_or_default();
                let values = [
                    ("name", name.into()),
                    ("version", version.to_owned().into()),
                ];
                Words::english()
                    .with("approval-rule-version", &values)
                    .into_owned()
            }
            None => Words::english().t("approval-rule-house").into_owned(),
        },
        Field::Commits if !value.is_empty() => {
            let n = i64::try_from(value.split(' ').count()).unwrap_or(i64::MAX);
            let values = [("n", n.into()), ("list", value.replace(' ', ", ").into())];
            Words::english()
                .with("approval-commits", &values)
                .into_owned()
        }
        _ => value.to_owned(),
    })
}
