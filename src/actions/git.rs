//! What a push does: its commits are kept, stand on the tickets that they name, and act there once they are published.
//!
//! Telling the same push again changes nothing. A commit never closes a change, and what it does to a task it does once,
//! however often it is rebased, cherry-picked or pushed to a second branch.

use std::collections::{HashMap, HashSet};

use super::git_change::begin;
use super::git_deed::{Blamed, Deed, Rights};
use super::live_tag::{self, Live};
use super::{allow, record};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::commit_message::consequence::Consequence;
use crate::domain::commit_message::{Link, Place, Relation};
use crate::domain::git::{Push, RefMove, ReportedCommit, Repository, newly_published};
use crate::domain::id::{PushId, RepositoryId, TicketId, TicketKey};
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{self, Ticket};
use crate::domain::timeline::{Actor, Entry, EntryKind};
use crate::error::{Error, Result};
use crate::store::git_commit::{Arrival, RecordedCommit};
use crate::store::git_link::CommitLink;
use crate::store::{self, Tx};

/// How often a push is tried again after somebody else changed one of its tickets.
const STALE_RETRIES: usize = 5;
/// Changes that begin with the commits of one push; more are nobody's work of today.
const CHANGES_BEGUN: usize = 20;
/// Paths named in a timeline entry; the commit keeps more.
const PATHS_TOLD: usize = 10;

/// What became of a push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Commits that were news.
    pub new_commits: usize,
    /// The tickets that its news name, by key.
    pub named: Vec<Named>,
    /// Keys that no ticket has.
    pub unknown: Vec<TicketKey>,
    /// What its tags say is live, and those that should and don't.
    pub live: Vec<Live>,
    pub unclear: Vec<String>,
    /// The refs whose commits we have now.
    pub tips: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub key: TicketKey,
    /// The strongest that was said.
    pub relation: Relation,
    pub commits: usize,
    pub did: Option<Consequence>,
}

/// Keeps what a hook tells. Durable when it returns.
pub fn record_push(ctx: &Ctx<'_>, from: RepositoryId, push: &Push) -> Result<Settled> {
    allow(&ctx.by, Action::SendHookEvents, Target::Repository(from))?;
    super::trouble::has_room(ctx.app)?;
    let mut tries = 0;
    loop {
        match ctx.write(|tx| record_push_in(tx, ctx, from, push)) {
            Err(Error::Stale) if tries < STALE_RETRIES => tries += 1,
            other => return other,
        }
    }
}

/// Whether a key names a ticket, and how that stands: all that a hook may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub key: TicketKey,
    pub ticket: Option<Ticket>,
}

pub fn verdict(ctx: &Ctx<'_>, from: RepositoryId, key: TicketKey) -> Result<Verdict> {
    allow(&ctx.by, Action::SendHookEvents, Target::Repository(from))?;
    ctx.read(|conn| {
        active(store::repository::repository(conn, from)?)?;
        Ok(Verdict {
            key,
            ticket: store::ticket::by_key(conn, key)?,
        })
    })
}

/// A retired repository is turned away like an unknown one, with a reason that its owner understands.
pub(super) fn active(found: Option<Repository>) -> Result<Repository> {
    let repository = found.ok_or(Error::NotFound)?;
    if repository.is_active {
        return Ok(repository);
    }
    Err(Error::Forbidden(
        Refusal::new("repository-retired").with("name", repository.name),
    ))
}

fn record_push_in(tx: &mut Tx, ctx: &Ctx<'_>, from: RepositoryId, push: &Push) -> Result<Settled> {
    let taken = store::repository::begin_push(tx, from, ctx.now)?;
    let repository = active(store::repository::repository(tx, from)?)?;
    let said = match push.is_last {
        true => live_tag::read(tx, &repository, push)?,
        false => live_tag::Said::default(),
    };
    said.enter(tx)?;
    let push_id = store::repository::push(
        tx,
        from,
        &push.push_id,
        push.pusher.as_deref(),
        push.is_bulk,
        ctx.now,
    )?;
    let mut desk = Desk {
        ctx,
        repository: &repository,
        push,
        push_id,
        keys: HashMap::new(),
        tickets: HashMap::new(),
        commits: Vec::new(),
        links: Vec::new(),
        begun: 0,
        rights: None,
        settled: Settled::default(),
    };
    let oids: Vec<&str> = push
        .commits
        .iter()
        .map(|commit| commit.oid.as_str())
        .collect();
    let known: HashSet<String> = store::git_commit::known(tx, from, &oids)?
        .into_iter()
        .collect();
    if !known.is_empty() {
        let again: Vec<&str> = known.iter().map(String::as_str).collect();
        store::git_commit::find_again(tx, from, &again)?;
    }
    for commit in &push.commits {
        if known.contains(commit.oid.as_str()) {
            continue;
        }
        let moved = push
            .refs
            .get(commit.by_ref)
            .ok_or(Error::internal("a commit of no ref"))?;
        let facts = &commit.facts;
        let names = [
            &facts.cherry_from,
            &facts.reverts,
            &facts.caused_by,
            &facts.causes,
        ];
        if names.iter().any(|starts| !starts.is_empty()) {
            // What it names may have come just before it.
            desk.keep(tx)?;
        }
        let came = Arrival {
            repository: from,
            push: push_id,
            seq: taken + desk.settled.new_commits as i64,
            root: root_of(tx, from, commit)?,
            moved,
            acts: !push.is_bulk && commit.committer.at >= repository.made_at,
            published_at: desk.publishes_at_once(moved).then_some(ctx.now),
        };
        let kept = RecordedCommit::of(commit, came, ctx.now);
        desk.settled.new_commits += 1;
        desk.link(tx, commit, &kept)?;
        let begins = commit.facts.new_change && kept.acts && !commit.flags.autosquash;
        let beginning = begins.then(|| kept.clone());
        desk.commits.push(kept);
        if let Some(kept) = beginning {
            desk.begin(tx, commit, &kept)?;
        }
    }
    desk.keep(tx)?;
    store::repository::count_commits(tx, from, push_id, desk.settled.new_commits as i64)?;
    let mut news: Vec<&str> = Vec::new();
    if push.is_last {
        desk.stand_as_decided(tx)?;
        desk.keep(tx)?;
        for moved in &push.refs {
            if store::repository::insert_ref_move(tx, push_id, moved)? {
                news.push(&moved.name);
                store::repository::set_recorded_tip(tx, from, moved, ctx.now)?;
                store::repository_gap::fill(tx, from, &moved.name)?;
                desk.publish(tx, moved)?;
            }
        }
        if !news.is_empty() && !push.gone.is_empty() {
            store::git_commit::lose(tx, from, &push.gone, ctx.now)?;
        }
        if !news.is_empty() && push.is_bulk {
            desk.sum_up(tx)?;
        }
    }
    let mut settled = desk.record(tx)?;
    settled.live = said.record(tx, ctx, &repository, (push, push_id), &news)?;
    settled.unclear = said.unclear;
    settled.tips = store::repository::recorded_tips(tx, from)?;
    Ok(settled)
}

/// The root of a cherry-pick is its origin's, if we know that commit.
fn root_of(tx: &mut Tx, from: RepositoryId, commit: &ReportedCommit) -> Result<String> {
    if let Some(origin) = commit.facts.cherry_from.first() {
        let origins = store::git_commit::by_start(tx, from, origin)?;
        if let [origin] = origins.as_slice() {
            return Ok(origin.root.clone());
        }
    }
    Ok(commit.root())
}

/// One push being settled: the tickets it touches, each written once at the end.
struct Desk<'a> {
    ctx: &'a Ctx<'a>,
    repository: &'a Repository,
    push: &'a Push,
    push_id: PushId,
    /// Keys looked up so far; an import names the same one a thousand times.
    keys: HashMap<TicketKey, Option<Ticket>>,
    tickets: HashMap<TicketId, Touched>,
    /// Not written yet: many rows go into few statements.
    commits: Vec<RecordedCommit>,
    links: Vec<CommitLink>,
    /// Changes that began with its commits.
    begun: usize,
    /// With whose rights its commits act; found out when the first one does.
    rights: Option<Rights>,
    settled: Settled,
}

struct Touched {
    ticket: Ticket,
    entries: Vec<Entry>,
    /// Commits of an import, which get one entry together.
    imported: usize,
    relation: Relation,
    commits: usize,
    did: Option<Consequence>,
}

impl Desk<'_> {
    /// Writes the commits and links that wait for it.
    fn keep(&mut self, tx: &mut Tx) -> Result<()> {
        let links = std::mem::take(&mut self.links);
        store::git_link::insert(tx, std::mem::take(&mut self.commits), &links)
    }

    /// An import acts on nothing, so that what its ref publishes needn't wait for its last part, and is written once.
    fn publishes_at_once(&self, moved: &RefMove) -> bool {
        self.push.is_bulk && self.repository.publishes(&moved.name)
    }

    /// Puts a new commit on every ticket that it names, and on those of the commits that it reverts or finds guilty.
    fn link(&mut self, tx: &mut Tx, commit: &ReportedCommit, kept: &RecordedCommit) -> Result<()> {
        let mut stands: HashSet<(TicketId, Relation)> = HashSet::new();
        for link in &commit.links {
            match self.find(tx, link.key)? {
                Some(ticket) if stands.insert((ticket.id, link.relation)) => {
                    self.stand(ticket, link, kept);
                }
                Some(_) => {}
                None if self.settled.unknown.contains(&link.key) => {}
                None => self.settled.unknown.push(link.key),
            }
        }
        let facts = &commit.facts;
        for (relation, starts) in [
            (Relation::Reverts, &facts.reverts),
            (Relation::CausedBy, &facts.caused_by),
            (Relation::Causes, &facts.causes),
        ] {
            for start in starts.iter().filter(|start| start.len() >= 7) {
                let meant = store::git_commit::by_start(tx, self.repository.id, start)?;
                // Two commits with this beginning: nobody can tell which was meant.
                let [meant] = meant.as_slice() else {
                    continue;
                };
                for its in store::git_link::links_of_commit(tx, meant.id)? {
                    let counts = match relation {
                        Relation::Reverts => its.relation != Relation::Mention,
                        _ => super::commits::belongs(its.relation),
                    };
                    if !counts || !stands.insert((its.ticket, relation)) {
                        continue;
                    }
                    let ticket = store::ticket::by_id(tx, its.ticket)?.ok_or(Error::NotFound)?;
                    self.stand(ticket.clone(), &unwritten(ticket.key, relation), kept);
                }
            }
        }
        Ok(())
    }

    /// Puts the commits of a push on the ticket that was named for the whole of it, or whose glass it broke: those too that came
    /// before by another branch.
    fn stand_as_decided(&mut self, tx: &mut Tx) -> Result<()> {
        let from = self.repository.id;
        let decided = store::push_decision::of_push(tx, from, &self.push.push_id)?;
        let Some((id, oids)) = decided.and_then(|it| Some((it.ticket_id?, it.commits))) else {
            return Ok(());
        };
        let ticket = store::ticket::by_id(tx, id)?.ok_or(Error::NotFound)?;
        let link = unwritten(ticket.key, Relation::Refs);
        for oid in oids.lines().rev() {
            let found = store::git_commit::by_start(tx, from, oid)?;
            let [kept] = found.as_slice() else { continue };
            let links = store::git_link::links_of_commit(tx, kept.id)?;
            let counts = |it: &CommitLink| it.ticket == id && it.relation >= Relation::Refs;
            if !links.iter().any(counts) {
                self.stand(ticket.clone(), &link, kept);
            }
        }
        Ok(())
    }

    /// A change begins with this commit, unless one did when it came before, under another id.
    fn begin(&mut self, tx: &mut Tx, commit: &ReportedCommit, kept: &RecordedCommit) -> Result<()> {
        let known = store::git_link::begun_by(tx, &kept.root)?;
        let (ticket, is_new) = match known {
            Some(id) => (store::ticket::by_id(tx, id)?.ok_or(Error::NotFound)?, false),
            None if self.begun == CHANGES_BEGUN => return Ok(()),
            None => (
                begin(tx, self.ctx, self.repository, self.push, commit)?,
                true,
            ),
        };
        let link = unwritten(ticket.key, Relation::Implements);
        let id = ticket.id;
        self.stand(ticket, &link, kept);
        if is_new {
            self.begun += 1;
            // The commit it is of is written first.
            self.keep(tx)?;
            store::git_link::first_deed(tx, id, Relation::Implements, kept, self.ctx.now)?;
            if let Some(touched) = self.tickets.get_mut(&id) {
                touched.did = Some(Consequence::Open);
            }
        }
        Ok(())
    }

    fn find(&mut self, tx: &mut Tx, key: TicketKey) -> Result<Option<Ticket>> {
        if let Some(known) = self.keys.get(&key) {
            return Ok(known.clone());
        }
        let found = store::ticket::by_key(tx, key)?;
        self.keys.insert(key, found.clone());
        Ok(found)
    }

    fn stand(&mut self, ticket: Ticket, link: &Link, kept: &RecordedCommit) {
        let made = CommitLink::of(kept.id, ticket.id, link, self.push.parser, self.ctx.now);
        if !self.push.is_bulk {
            let entry = self.told(&ticket, &made, kept);
            let touched = self.touch(ticket, link.relation, 1);
            touched.entries.push(entry);
        } else if kept.push != self.push_id {
            self.touch(ticket, link.relation, 1).imported += 1;
        }
        self.links.push(made);
    }

    /// The commits of an import get one entry together, once all its parts are here.
    fn sum_up(&mut self, tx: &mut Tx) -> Result<()> {
        for (id, (relation, commits)) in store::git_link::tickets_of_push(tx, self.push_id)? {
            let ticket = match self.tickets.get(&id) {
                Some(touched) => touched.ticket.clone(),
                None => store::ticket::by_id(tx, id)?.ok_or(Error::NotFound)?,
            };
            self.touch(ticket, relation, commits).imported += commits;
        }
        Ok(())
    }

    /// The ticket among those that this push touches; so many commits of it stand there.
    fn touch(&mut self, ticket: Ticket, relation: Relation, commits: usize) -> &mut Touched {
        let touched = self.tickets.entry(ticket.id).or_insert_with(|| Touched {
            ticket,
            entries: Vec::new(),
            imported: 0,
            relation,
            commits: 0,
            did: None,
        });
        touched.commits += commits;
        touched.relation = touched.relation.max(relation);
        touched
    }

    /// The entry that says: this commit stands here.
    fn told(&self, ticket: &Ticket, link: &CommitLink, commit: &RecordedCommit) -> Entry {
        let paths: Vec<String> = commit
            .paths
            .iter()
            .take(PATHS_TOLD)
            .map(|touched| format!("{} {}", touched.change, touched.path))
            .collect();
        let is_merge = commit.parents.len() > 1;
        let revert = if is_merge {
            format!("git revert --no-edit -m 1 {}", commit.oid)
        } else {
            format!("git revert --no-edit {}", commit.oid)
        };
        Entry::new(EntryKind::CommitLinked)
            .body(commit.subject.clone())
            .fact("commit", &commit.oid)
            .fact("repository", &self.repository.name)
            .fact("relation", link.relation)
            .fact("ref", &commit.ref_name)
            .fact("author", &commit.author_name)
            .fact("authored_at", commit.authored_at.rfc3339())
            .fact_some("pusher", self.push.pusher.as_ref())
            .fact("files", commit.path_count)
            .fact("paths", paths.join("\n"))
            .fact_some("version_before", commit.version_before.as_ref())
            .fact_some("version_after", commit.version_after.as_ref())
            .fact("revert", revert)
            .fact_some("url", self.repository.url_of(&commit.oid))
            // Anybody can write any name into a commit: it is shown, and is nobody's account.
            .author(Actor::Stranger, commit.author_name.clone())
            .source(format!(
                "git:{}:{}:{}:{}",
                self.repository.id, commit.oid, ticket.key, link.relation
            ))
    }

    /// The commits that this ref publishes act on their tickets.
    fn publish(&mut self, tx: &mut Tx, moved: &RefMove) -> Result<()> {
        if moved.new.is_zero() || !self.repository.publishes(&moved.name) {
            return Ok(());
        }
        let unpublished = store::git_commit::unpublished(tx, self.repository.id)?;
        let mut tips = vec![moved.new.to_string()];
        if self.publishes_at_once(moved) && !unpublished.is_empty() {
            // Its own commits are published; what they were built on may lie below them.
            let name = &moved.name;
            tips.extend(store::git_commit::parents_in(tx, self.push_id, name)?);
        }
        let oids = newly_published(tips.iter().map(String::as_str), &unpublished);
        store::git_commit::publish(tx, self.repository.id, &oids, moved, self.ctx.now)?;
        let order: HashMap<&str, usize> = oids
            .iter()
            .enumerate()
            .map(|(at, oid)| (*oid, at))
            .collect();
        let mut linked = store::git_link::linked(tx, self.repository.id, &oids)?;
        linked.sort_by_key(|(commit, _)| order.get(commit.oid.as_str()).copied());
        for (commit, link) in linked {
            if commit.acts {
                self.act(tx, &commit, &link)?;
            }
        }
        Ok(())
    }

    /// What a published commit does to one of its tickets, once.
    fn act(&mut self, tx: &mut Tx, commit: &RecordedCommit, link: &CommitLink) -> Result<()> {
        if self.rights.is_none() {
            self.rights = Some(Rights::of(tx, self.repository, self.push)?);
        }
        let rights = self.rights.take().unwrap_or(Rights::Unnamed);
        let deed = Deed {
            ctx: self.ctx,
            repository: self.repository,
            push: self.push,
            rights: &rights,
            commit,
            link,
        };
        let done = self.act_with(tx, &deed);
        self.rights = Some(rights);
        done
    }

    fn act_with(&mut self, tx: &mut Tx, deed: &Deed<'_>) -> Result<()> {
        let link = deed.link;
        let ticket = match self.tickets.get(&link.ticket) {
            Some(touched) => touched.ticket.clone(),
            None => store::ticket::by_id(tx, link.ticket)?.ok_or(Error::NotFound)?,
        };
        let Some(meant) = deed.meant(tx, &ticket)? else {
            return Ok(());
        };
        let key = ticket.key;
        let touched = self.touch(ticket, link.relation, 0);
        if let Some(entry) = deed.done(tx, &mut touched.ticket, &meant)? {
            touched.did = Some(meant.what);
            touched.entries.push(entry);
        }
        for blamed in deed.blamed(tx, key, meant.what)? {
            self.blame(tx, deed, &blamed)?;
        }
        Ok(())
    }

    /// The incident says what caused it, and the change what it caused.
    fn blame(&mut self, tx: &mut Tx, deed: &Deed<'_>, said: &Blamed) -> Result<()> {
        let (Some(incident), Some(change)) =
            (self.find(tx, said.incident)?, self.find(tx, said.change)?)
        else {
            return Ok(());
        };
        let Some(entry) = deed.vote(tx, &incident, &change)? else {
            return Ok(());
        };
        let relation = ticket::Relation::CausedBy;
        let now = self.ctx.now;
        let is_new = store::ticket_link::link(tx, incident.id, relation, change.id, now)?;
        let linked = || Entry::new(EntryKind::Linked).fact("relation", relation);
        let touched = self.touch(incident, deed.link.relation, 0);
        touched.entries.push(entry);
        if is_new {
            touched.entries.push(linked().fact("to", said.change));
            let touched = self.touch(change, deed.link.relation, 0);
            touched.entries.push(linked().fact("from", said.incident));
        }
        Ok(())
    }

    /// Writes every touched ticket once, in the order of their keys, so that two pushes never wait for each other crosswise.
    fn record(mut self, tx: &mut Tx) -> Result<Settled> {
        let mut touched: Vec<Touched> = self.tickets.into_values().collect();
        touched.sort_by_key(|touched| touched.ticket.key);
        for mut touched in touched {
            if touched.imported > 0 {
                let entry = Entry::new(EntryKind::CommitLinked)
                    .fact("repository", &self.repository.name)
                    .fact("commits", touched.imported);
                touched.entries.push(entry);
            }
            if !touched.entries.is_empty() {
                record(tx, self.ctx, &mut touched.ticket, touched.entries)?;
            }
            self.settled.named.push(Named {
                key: touched.ticket.key,
                relation: touched.relation,
                commits: touched.commits,
                did: touched.did,
            });
        }
        self.settled.unknown.sort();
        Ok(self.settled)
    }
}

/// A link that no message says.
fn unwritten(key: TicketKey, relation: Relation) -> Link {
    Link {
        key,
        relation,
        place: Place::Body,
        span: 0..0,
        line: 0,
        verb: None,
        negated: false,
    }
}
