//! What a push is told before its refs move, and what that does: the decision is kept, and who breaks the glass finds a change
//! with its review waiting.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::change;
use super::push_glass::Emergency;
use super::push_windows::Windows;
use super::{agenda, allow, approval, freeze, git};
use crate::app::Ctx;
use crate::domain::access::{Action, Principal, Target};
use crate::domain::approval::{Side, Verdict as Approval};
use crate::domain::change::{Change, Sort};
use crate::domain::commit_message::Relation;
use crate::domain::coverage::WAIVED;
use crate::domain::git::Repository;
use crate::domain::id::{Kind, RepositoryId, TicketId, TicketKey};
use crate::domain::people::Person;
use crate::domain::push_rule::{
    Answer, AskedPush, Away, Known, Memory, Opens, RefRule, Verdict, World, default_rules, judge,
    live_tag_rules, written,
};
use crate::domain::settings::Settings;
use crate::domain::text::EmailAddress;
use crate::domain::ticket::{State, Ticket};
use crate::domain::timeline::{Door, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::render::push as render;
use crate::store::people::Holder;
use crate::store::push_decision::{self, Decision};
use crate::store::{self, Conn, Tx};

/// Open changes that a hook knows while nobody answers.
const CHANGES: i64 = 1_000;
/// Refs that a decision names.
pub(super) const REFS_KEPT: usize = 20;

/// What is answered.
#[derive(Debug, Clone)]
pub struct Decided {
    pub verdict: Verdict,
    /// The ticket that the push stands on: the one it named, or the change whose glass it broke.
    pub ticket: Option<TicketKey>,
    /// The incident that the glass was broken for.
    pub incident: Option<TicketKey>,
    pub tips: Vec<(String, String)>,
    pub memory: Memory,
}

/// The rules of a repository; its own were read when they were saved. `environments` are the house's, production first.
pub fn rules_of(repository: &Repository, environments: &[String]) -> Vec<RefRule> {
    let own = repository.push_rules.trim();
    let mut rules = match written::read(own) {
        Ok(rules) if !own.is_empty() => rules,
        _ => default_rules(&repository.default_branch, &repository.publish),
    };
    // Where customers are needs no name.
    let production = environments.first();
    for rule in rules
        .iter_mut()
        .filter(|rule| Some(&rule.env) == production)
    {
        rule.env = String::new();
    }
    if repository.tags_say_live {
        rules.extend(
            environments
                .first()
                .into_iter()
                .flat_map(|it| live_tag_rules(it)),
        );
    }
    rules
}

/// Judges a push. Unless it is a dry run, the decision is kept, and glass that it breaks is broken when this returns.
pub fn decide(ctx: &Ctx<'_>, from: RepositoryId, push: &AskedPush) -> Result<Decided> {
    allow(&ctx.by, Action::SendHookEvents, Target::Repository(from))?;
    let scene = ctx.read(|conn| Scene::load(conn, ctx, from, push))?;
    let mut verdict = judge(&scene.rules, push, &scene.world);
    let mut incident = None;
    let mut ticket = push.options.ticket;
    ticket = ticket.filter(|key| scene.world.tickets.contains_key(key));
    if let Some(known) = &scene.decided {
        // It was decided: what it did is done, and a second look refuses nothing that the first let through.
        if known.breaks_glass {
            let key = known.ticket_id.map(|id| ctx.read(|conn| key_of(conn, id)));
            ticket = key.transpose()?.flatten();
            verdict.breaks_glass = true;
            verdict.answer = Answer::Warn;
        }
    } else if !push.options.dry_run && !push.refs.is_empty() {
        let by_hook = push.decided_at.is_some();
        if by_hook {
            // Its refs have moved: nothing turns it away any more.
            verdict
                .reasons
                .iter_mut()
                .for_each(|it| it.is_warning = true);
            verdict.answer = Answer::Warn;
        }
        let said = by_hook && push.options.break_glass.is_some();
        let broken = verdict.breaks_glass || said;
        match scene.person.as_ref().filter(|_| broken) {
            Some(person) => {
                verdict.breaks_glass = true;
                let mut theirs = ctx.app.ctx(principal(person), Door::Git);
                theirs.now = ctx.now;
                let emergency = Emergency {
                    repository: &scene.repository,
                    tickets: &scene.world.tickets,
                    push,
                    person,
                };
                // The change and the decision stand together or not at all: asking again opens no second one.
                let made = theirs.as_one(
                    |theirs| emergency.through_glass(theirs),
                    |tx, made| keep(tx, ctx, &scene, push, &verdict, Some(made.change)),
                )?;
                (ticket, incident) = (Some(made.change), made.incident);
            }
            None => ctx.write(|tx| keep(tx, ctx, &scene, push, &verdict, ticket))?,
        }
    }
    Ok(Decided {
        verdict,
        ticket,
        incident,
        tips: scene.tips,
        memory: scene.memory,
    })
}

fn key_of(conn: &mut Conn, id: TicketId) -> Result<Option<TicketKey>> {
    Ok(store::ticket::by_id(conn, id)?.map(|ticket| ticket.key))
}

/// Everything that a push is judged by.
struct Scene {
    repository: Repository,
    rules: Vec<RefRule>,
    rules_text: String,
    world: World,
    person: Option<Person>,
    tips: Vec<(String, String)>,
    memory: Memory,
    decided: Option<Decision>,
}

impl Scene {
    fn load(conn: &mut Conn, ctx: &Ctx<'_>, from: RepositoryId, push: &AskedPush) -> Result<Self> {
        let repository = git::active(store::repository::repository(conn, from)?)?;
        let environments = store::house::environments(conn)?;
        let rules = rules_of(&repository, &environments);
        let rules_text = written::write(&rules);
        let settings = store::settings::all(conn)?;
        let person = match &push.pusher {
            Some(pusher) => person_of(conn, &settings, pusher)?,
            None => None,
        };
        let may_break = person.as_ref().is_some_and(may_break);
        let tips = store::repository::recorded_tips(conn, from)?;
        let (tickets, reverted) = named(conn, &repository, push, ctx.now)?;
        let windows = Windows::load(conn, &repository, &rules, &environments, ctx.now)?;
        let mut memory = Memory {
            at: ctx.now,
            rules: rules_text.clone(),
            freezes: windows.ahead(),
            freezes_by_type: windows.ahead_by_type(),
            more: windows.ahead_besides(),
            changes: Vec::new(),
            breakers: Vec::new(),
            since: repository.made_at,
        };
        // Where a push is only told later, the hook needs to know nobody.
        if rules.iter().any(|rule| rule.on_service_down != Away::Open) {
            memory.changes = open_changes(conn, ctx.now)?;
            memory.breakers = breakers(conn, &settings)?;
        }
        Ok(Self {
            world: World {
                tickets,
                reverted,
                frozen: windows.open(),
                frozen_by_type: windows.open_by_type(),
                more: windows.open_besides(),
                may_break,
                pusher: person
                    .as_ref()
                    .filter(|_| settings.approvers_apart.contains(&Side::Pusher))
                    .map(|it| it.email.folded()),
                is_first: tips.is_empty(),
                since: repository.made_at,
                is_away: false,
            },
            decided: push_decision::of_push(conn, from, &push.push_id)?,
            repository,
            rules,
            rules_text,
            person,
            tips,
            memory,
        })
    }
}

/// Who that is whom a git server calls so: by the house's list, or by their address.
pub(super) fn person_of(
    conn: &mut Conn,
    settings: &Settings,
    pusher: &str,
) -> Result<Option<Person>> {
    let listed = settings.git_logins.get(&pusher.to_lowercase()).cloned();
    let Some(address) = listed.or_else(|| EmailAddress::parse(pusher).ok()) else {
        return Ok(None);
    };
    let Some(Holder::Person(id)) = store::people::holder(conn, &address)? else {
        return Ok(None);
    };
    let person = store::people::person(conn, id)?;
    Ok(person.filter(|person| person.is_active))
}

pub(super) fn principal(person: &Person) -> Principal {
    Principal::Person {
        id: person.id,
        name: person.name.clone(),
        roles: person.roles,
    }
}

fn may_break(person: &Person) -> bool {
    allow(&principal(person), Action::BreakGlass, Target::House).is_ok()
}

fn breakers(conn: &mut Conn, settings: &Settings) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for person in store::people::persons(conn)? {
        if person.is_active && may_break(&person) {
            let address = person.email.folded();
            let logins = settings.git_logins.iter();
            let logins = logins.filter(|(_, to)| to.folded() == address);
            names.extend(logins.map(|(login, _)| login.clone()));
            names.push(address);
        }
    }
    names.sort();
    Ok(names)
}

type Named = (BTreeMap<TicketKey, Known>, BTreeMap<String, Vec<TicketKey>>);

/// The tickets that a push names, and those of the commits that it takes back.
fn named(
    conn: &mut Conn,
    repository: &Repository,
    push: &AskedPush,
    now: Timestamp,
) -> Result<Named> {
    let mut reverted = BTreeMap::new();
    let starts = push.commits.iter().flat_map(|it| &it.facts.reverts);
    for start in starts.filter(|start| start.len() >= 7) {
        // Two commits with this beginning: nobody can tell which was meant.
        if let [commit] = store::git_commit::by_start(conn, repository.id, start)?.as_slice() {
            let mut keys = Vec::new();
            for link in store::git_link::links_of_commit(conn, commit.id)? {
                if link.relation >= Relation::Refs {
                    keys.extend(key_of(conn, link.ticket)?);
                }
            }
            reverted.insert(start.clone(), keys);
        }
    }
    let links = push.commits.iter().flat_map(|commit| &commit.links);
    let mut keys: Vec<TicketKey> = links.map(|link| link.key).collect();
    keys.extend(push.options.ticket);
    keys.extend(push.refs.iter().flat_map(|it| &it.keys));
    keys.extend(reverted.values().flatten());
    keys.sort_unstable();
    keys.dedup();
    let mut tickets = BTreeMap::new();
    for key in keys {
        if let Some(ticket) = store::ticket::by_key(conn, key)? {
            tickets.insert(key, known(conn, &ticket, now)?);
        }
    }
    Ok((tickets, reverted))
}

/// Whether its approval doesn't hold any more, and when it begins to count. What has begun goes on.
fn approved(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
    now: Timestamp,
) -> Result<(bool, Option<Opens>)> {
    if ticket.state != State::Approved {
        return Ok((false, None));
    }
    let verdict = approval::verdict(conn, ticket, change, now)?;
    let holds = verdict.holds();
    let Approval::Waits {
        opens, by, by_name, ..
    } = verdict
    else {
        return Ok((!holds, None));
    };
    let zone = store::people::person(conn, by)?.map_or(chrono_tz::UTC, |it| it.zone);
    let opens = Opens {
        at: opens,
        by_name,
        zone,
    };
    Ok((false, Some(opens)))
}

fn known(conn: &mut Conn, ticket: &Ticket, now: Timestamp) -> Result<Known> {
    if ticket.key.kind != Kind::Change {
        return Ok(standing_of(
            ticket,
            &Change::default(),
            (false, None),
            None,
            Vec::new(),
            None,
        ));
    }
    let change = store::change::of(conn, ticket.id)?;
    let approved = approved(conn, ticket, &change, now)?;
    let people = store::people::persons(conn)?;
    let approvers = approvers(conn, &people, ticket, &change, now)?;
    let glass = change::glass(conn, ticket.id)?;
    let sort = sort_of(conn, ticket, &change, approved.0)?;
    let glass_at = glass.map(|it| it.at);
    let known = standing_of(ticket, &change, approved, sort, approvers, glass_at);
    Ok(Known {
        clashes: agenda::clashes(conn, ticket, &change, now)?,
        ..known
    })
}

/// The type that it was approved as, while that holds.
fn sort_of(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
    is_stale: bool,
) -> Result<Option<Sort>> {
    match is_stale {
        true => Ok(None),
        false => freeze::approved_sort(conn, ticket, change),
    }
}

/// The addresses of those without whose word it isn't approved.
fn approvers(
    conn: &mut Conn,
    people: &[Person],
    ticket: &Ticket,
    change: &Change,
    now: Timestamp,
) -> Result<Vec<String>> {
    let needed = match ticket.state {
        State::Approved => approval::needed(conn, ticket, change, now)?,
        _ => change.approved_by.into_iter().collect(),
    };
    let theirs = people.iter().filter(|it| needed.contains(&it.id));
    Ok(theirs.map(|it| it.email.folded()).collect())
}

fn standing_of(
    ticket: &Ticket,
    change: &Change,
    (is_stale, opens): (bool, Option<Opens>),
    sort: Option<Sort>,
    approvers: Vec<String>,
    glass_at: Option<Timestamp>,
) -> Known {
    Known {
        kind: ticket.key.kind,
        state: ticket.state,
        is_open: ticket.is_open(),
        approved_at: change.approved_at,
        is_stale,
        opens,
        sort,
        approvers,
        glass_at,
        clashes: Vec::new(),
    }
}

fn open_changes(conn: &mut Conn, now: Timestamp) -> Result<Vec<(TicketKey, Known)>> {
    let open = store::change::open(conn, CHANGES)?;
    let people = store::people::persons(conn)?;
    let ids: Vec<TicketId> = open.iter().map(|(ticket, _)| ticket.id).collect();
    let kinds = [EntryKind::GlassBroken];
    let broken = store::timeline::of_kinds_of(conn, &ids, &kinds)?;
    let mut clashes = agenda::clashes_of_all(conn, &open, now)?;
    let mut told = Vec::with_capacity(open.len());
    for (ticket, change) in &open {
        let approvers = approvers(conn, &people, ticket, change, now)?;
        let glass = broken.get(&ticket.id).and_then(|all| all.last());
        let glass_at = glass.map(|entry| entry.effective_at);
        let approved = approved(conn, ticket, change, now)?;
        let sort = sort_of(conn, ticket, change, approved.0)?;
        let known = Known {
            clashes: clashes.remove(&ticket.id).unwrap_or_default(),
            ..standing_of(ticket, change, approved, sort, approvers, glass_at)
        };
        told.push((ticket.key, known));
    }
    Ok(told)
}

/// The refs of a push as its decision keeps them.
pub(super) fn ref_lines(push: &AskedPush) -> String {
    let refs = push.refs.iter().take(REFS_KEPT);
    let refs: Vec<&str> = refs.map(|it| it.name.as_str()).collect();
    refs.join("\n")
}

/// Its commits likewise.
pub(super) fn commit_lines(push: &AskedPush) -> String {
    let commits = push.commits.iter();
    commits.map(|it| format!("{}\n", it.oid)).collect()
}

fn keep(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    scene: &Scene,
    push: &AskedPush,
    verdict: &Verdict,
    ticket: Option<TicketKey>,
) -> Result<()> {
    if push_decision::of_push(tx, scene.repository.id, &push.push_id)?.is_some() {
        return Ok(());
    }
    let ticket_id = match ticket {
        Some(key) => store::ticket::by_key(tx, key)?.map(|ticket| ticket.id),
        None => None,
    };
    let refs = ref_lines(push);
    let mut reasons = render::lines(verdict, ticket, None);
    let waived = push.options.no_ticket.as_deref().map(str::trim);
    if let Some(why) = waived.filter(|why| !why.is_empty()) {
        let why: Vec<&str> = why.split_whitespace().collect();
        reasons.push(format!("{WAIVED}{}", why.join(" ")));
    }
    let rules_hash = Sha256::digest(scene.rules_text.as_bytes());
    let hex = rules_hash.iter().take(8);
    let decision = Decision {
        repository_id: scene.repository.id,
        push_id: push.push_id.clone(),
        decided_at: push.decided_at.unwrap_or(ctx.now),
        pusher: push.pusher.clone(),
        person_id: scene.person.as_ref().map(|person| person.id),
        verdict: verdict.answer.to_string(),
        breaks_glass: verdict.breaks_glass,
        by_hook: push.decided_at.is_some(),
        ticket_id,
        refs,
        commits: match ticket {
            Some(_) => commit_lines(push),
            None => String::new(),
        },
        reasons: reasons.join("\n"),
        rules_hash: hex.map(|byte| format!("{byte:02x}")).collect(),
    };
    push_decision::insert(tx, &decision)
}
