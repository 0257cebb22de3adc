//! What a published commit does to a ticket that it names: once, however often it is rebased, and with the rights of whoever pushed
//! it. Its author and committer are shown, and give none: anybody can write any name into a commit.

use super::git_change::fill_plan;
use super::push_verdict::{person_of, principal};
use super::{allow_ticket, commits, fix, suspect};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::commit_message::Relation;
use crate::domain::commit_message::consequence::{Consequence, consequence};
use crate::domain::git::{Push, Repository};
use crate::domain::id::{Kind, TicketKey};
use crate::domain::people::Person;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Actor, Entry, EntryKind};
use crate::error::{Error, Result};
use crate::store::git_commit::RecordedCommit;
use crate::store::git_link::CommitLink;
use crate::store::{self, Tx};

/// A published commit that was written longer ago acts late, and the ticket says so.
const LATE_SECS: i64 = 24 * 3_600;

/// With whose rights the commits of a push act.
pub(super) enum Rights {
    /// Of somebody whom we know by what the git server calls them.
    Of(Person),
    /// Nobody here knows who it is; here, whoever may push may do that too.
    Trusted,
    /// Nobody here knows them.
    Nobody,
    /// The git server doesn't say who it is.
    Unnamed,
}

impl Rights {
    pub fn of(tx: &mut Tx, repository: &Repository, push: &Push) -> Result<Self> {
        let settings = store::settings::all(tx)?;
        let person = match &push.pusher {
            Some(pusher) => person_of(tx, &settings, pusher)?,
            None => None,
        };
        Ok(match person {
            Some(person) => Rights::Of(person),
            None if repository.strangers_move => Rights::Trusted,
            None if push.pusher.is_none() => Rights::Unnamed,
            None => Rights::Nobody,
        })
    }

    /// Why they may not; `None` if they may.
    fn refusal(
        &self,
        tx: &mut Tx,
        action: Action,
        ticket: &Ticket,
    ) -> Result<Option<&'static str>> {
        match self {
            Rights::Trusted => Ok(None),
            Rights::Nobody => Ok(Some("pusher-unknown")),
            Rights::Unnamed => Ok(Some("pusher-unnamed")),
            Rights::Of(person) => match allow_ticket(tx, &principal(person), action, ticket) {
                Ok(()) => Ok(None),
                Err(Error::Forbidden(_) | Error::NotFound) => Ok(Some("pusher-may-not")),
                Err(other) => Err(other),
            },
        }
    }
}

/// One published commit, and how it stands to a ticket.
pub(super) struct Deed<'a> {
    pub ctx: &'a Ctx<'a>,
    pub repository: &'a Repository,
    pub push: &'a Push,
    pub rights: &'a Rights,
    pub commit: &'a RecordedCommit,
    pub link: &'a CommitLink,
}

/// What it does now, and why it may not do what it says.
pub(super) struct Meant {
    pub what: Consequence,
    refused: Option<&'static str>,
}

impl Deed<'_> {
    /// What it does to this ticket; `None` if the link is all, or it was done before.
    pub fn meant(&self, tx: &mut Tx, ticket: &Ticket) -> Result<Option<Meant>> {
        let what = consequence(ticket.key.kind, self.link.relation);
        if what == Consequence::Link {
            return Ok(None);
        }
        if what.moves_state()
            && let Some(why) = self.rights.refusal(tx, Action::MoveTicket, ticket)?
        {
            // It isn't done: the same work may come again, by somebody who may.
            return Ok(Some(Meant {
                what: what.denied(),
                refused: Some(why),
            }));
        }
        let (relation, now) = (self.link.relation, self.ctx.now);
        let is_first = store::git_link::first_deed(tx, ticket.id, relation, self.commit, now)?;
        Ok(is_first.then_some(Meant {
            what,
            refused: None,
        }))
    }

    /// Does it. `None`: the ticket stands there already, or can't be moved; the link says enough.
    pub fn done(&self, tx: &mut Tx, ticket: &mut Ticket, meant: &Meant) -> Result<Option<Entry>> {
        use Consequence as C;
        let (ctx, commit) = (self.ctx, self.commit);
        let note = || Entry::new(EntryKind::Pushed).body(commit.subject.clone());
        let entry = match meant.what {
            C::Link | C::Open => return Ok(None),
            C::Resolve | C::DenyResolve if !ticket.is_open() => return Ok(None),
            C::Reopen | C::DenyReopen if ticket.is_open() => return Ok(None),
            C::Resolve => self.by_pusher(ticket.resolve(&commit.subject, ctx.now)?),
            C::Reopen => match ticket.reopen(&commit.subject, ctx.now) {
                Ok(entry) => {
                    if ticket.key.kind == Kind::Incident {
                        store::ticket::restore_affected(tx, ticket.id, None)?;
                    }
                    self.by_pusher(entry)
                }
                Err(refusal) => note().fact("refused", refusal.rule),
            },
            C::Content => match fill_plan(tx, ticket, commit)? {
                Some(entry) => entry,
                None => return Ok(None),
            },
            C::RevertPrepared => {
                let mut change = store::change::of(tx, ticket.id)?;
                change.revert_prepared_at = Some(ctx.now);
                store::change::put(tx, ticket.id, &change)?;
                note()
            }
            C::FixLanded => {
                let refusal = self.rights.refusal(tx, Action::MoveTicket, ticket)?;
                fix::landed(tx, ctx, ticket.id, commit, refusal.is_none())?;
                note()
            }
            C::DenyResolve | C::DenyReopen => note()
                .fact_some("refused", meant.refused)
                .fact("who", self.pusher()),
            C::Backport => note().fact("ref", &commit.ref_name),
            C::Repair | C::Blame | C::NoteRevert | C::RefuseReopen => note(),
        };
        Ok(Some(self.because(entry, meant.what)))
    }

    /// Whom the server named.
    fn pusher(&self) -> &str {
        self.push.pusher.as_deref().unwrap_or_default()
    }

    /// Whoever pushed it did it, if we know them.
    fn by_pusher(&self, entry: Entry) -> Entry {
        match self.rights {
            Rights::Of(person) => entry.author(Actor::Person(person.id), person.name.clone()),
            Rights::Trusted | Rights::Nobody | Rights::Unnamed => entry,
        }
    }

    /// The entry with what it is because of.
    pub fn because(&self, entry: Entry, what: Consequence) -> Entry {
        let (commit, link) = (self.commit, self.link);
        let is_late = self.ctx.now.secs_since(commit.committed_at) > LATE_SECS;
        entry
            .fact("cause", "commit")
            .fact("did", what)
            .fact("commit", &commit.oid)
            .fact("repository", &self.repository.name)
            .fact("line", link.line)
            .fact_some("verb", link.verb.as_ref())
            .fact("parser", link.parser)
            .fact_some("written_at", is_late.then(|| commit.committed_at.rfc3339()))
    }

    /// What the message says of causes, as pairs of an incident and the work that caused it.
    pub fn blamed(&self, tx: &mut Tx, of: TicketKey, what: Consequence) -> Result<Vec<Blamed>> {
        let named = store::git_link::links_of_commit(tx, self.commit.id)?;
        let mut found = Vec::new();
        for link in named {
            let counts = match what {
                // "Caused-by: CHG-7" says so of each incident that it is there for.
                Consequence::Repair => link.relation != Relation::CausedBy,
                // "Causes: INC-7" says so of the changes that it is part of.
                Consequence::Blame => link.relation != Relation::Causes,
                _ => false,
            };
            if !counts || !commits::belongs(link.relation) {
                continue;
            }
            let other = store::ticket::by_id(tx, link.ticket)?.ok_or(Error::NotFound)?;
            let (incident, change) = match what {
                Consequence::Repair => (other.key, of),
                _ => (of, other.key),
            };
            if incident.kind == Kind::Incident && change.kind == Kind::Change {
                found.push(Blamed { incident, change });
            }
        }
        Ok(found)
    }

    /// Counts the commit's word as a responder's, if whoever pushed it may say so: the entry on the incident. Where a person has
    /// judged already, that stands.
    pub fn vote(&self, tx: &mut Tx, incident: &Ticket, change: &Ticket) -> Result<Option<Entry>> {
        let refusal = self.rights.refusal(tx, Action::WorkOnTicket, incident)?;
        if refusal.is_some() {
            return Ok(None);
        }
        let by = match self.rights {
            Rights::Of(person) => (Some(person.id), person.name.clone()),
            Rights::Trusted | Rights::Nobody | Rights::Unnamed => {
                (None, self.commit.short().to_owned())
            }
        };
        let entry = suspect::vote(tx, self.ctx, incident, change, by)?;
        Ok(entry.map(|it| self.because(self.by_pusher(it), Consequence::Blame)))
    }
}

/// What a commit says of an incident's cause.
pub(super) struct Blamed {
    pub incident: TicketKey,
    pub change: TicketKey,
}
