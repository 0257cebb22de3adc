//! What a hook tells the service, as JSON <-> values. The one definition of that protocol: the hook writes with it, the
//! service reads with it.
//!
//! What a newer hook says beyond it is passed over: the rest of its report is as true as before.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::domain::commit_message::{Facts, Flags, Link};
use crate::domain::git::{GONE, Oid, PATHS, Push, RefMove, ReportedCommit, Signature, TouchedPath};
use crate::domain::id::TicketKey;
use crate::domain::live_tag::Tag;
use crate::domain::refusal::FieldError;
use crate::domain::timestamp::Timestamp;

/// Commits in one request; a greater push comes in parts.
pub const COMMITS_PER_PART: usize = 1_000;
/// People who are named as authors of one commit beside its author.
const CO_AUTHORS: usize = 50;
/// Tickets that the message of one tag stands for.
pub(super) const TAG_KEYS: usize = 100;
/// Refs in one push; a mirror of more is told branch by branch.
pub const REFS: usize = 50_000;

/// One push, or a part of it. Ids of commits are 40 or 64 hex digits, instants RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PushBody {
    /// Made by the hook; sending the same push again changes nothing.
    pub push_id: String,
    pub pusher: Option<String>,
    /// Version of the message parser that read the commits.
    pub parser: i32,
    pub refs: Vec<RefBody>,
    /// Oldest first.
    pub commits: Vec<CommitBody>,
    /// Ids of commits that no branch or tag holds any more, at most 1,000: a forced push replaced them, or their branch was deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
    /// More than 2,000 new commits: they are linked, but act on nothing.
    pub bulk: bool,
    /// The last part: the refs count as recorded once it is acknowledged.
    pub last: bool,
    /// Hash of the tips that the hook will hold for recorded then.
    pub tips_hash: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefBody {
    pub name: String,
    pub old: String,
    pub new: String,
    pub dropped: i64,
    pub version_before: Option<String>,
    pub version_after: Option<String>,
    /// Of a tag that was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<TagBody>,
}

/// What a tag names and says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TagBody {
    /// The commit that it names, through however many tags.
    pub commit: String,
    /// When it was made; one without a message is as old as its commit. Read of tags below `deploy/` and `env/`.
    pub made_at: String,
    pub tagger: Option<String>,
    /// Tickets that its message stands for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommitBody {
    pub oid: String,
    pub parents: Vec<String>,
    pub author: SignatureBody,
    pub committer: SignatureBody,
    pub subject: String,
    pub links: Vec<LinkBody>,
    pub facts: FactsBody,
    pub flags: FlagsBody,
    pub paths: Vec<PathBody>,
    pub path_count: i32,
    /// Which of `refs` brought it.
    pub by_ref: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignatureBody {
    pub name: String,
    pub email: String,
    pub at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkBody {
    pub key: String,
    pub relation: String,
    pub place: String,
    pub start: usize,
    pub end: usize,
    pub line: u32,
    pub verb: Option<String>,
    pub negated: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct FactsBody {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reverts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cherry_from: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fixes_commit: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caused_by: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_id: Option<String>,
    /// A change begins with it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub new_change: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side_effects: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_ticket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<String>,
    /// Addresses of those who wrote it with its author.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub co_authors: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct FlagsBody {
    pub merge: bool,
    pub revert: bool,
    pub reapply: bool,
    pub autosquash: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PathBody {
    /// As git names it: `A`, `M`, `D`, `R`, `C` or `T`.
    pub change: String,
    pub path: String,
}

/// What became of a push. A hook of an older version may ignore what it doesn't know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PushAnswer {
    /// Commits that were news.
    pub new_commits: usize,
    pub tickets: Vec<TicketAnswer>,
    /// Keys that no ticket has.
    pub unknown: Vec<String>,
    /// What its tags say is live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub live: Vec<LiveBody>,
    /// Tags that should say what is live, but name no environment or service of the house.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unclear: Vec<String>,
    /// The tips that are recorded, if they aren't those that the hook believes.
    pub recorded_tips: Option<Vec<TipBody>>,
}

/// A deployment that a tag told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveBody {
    /// The tag's whole name.
    pub tag: String,
    pub service: String,
    pub environment: String,
    pub version: String,
    /// The freeze in which that happened.
    pub freeze: Option<String>,
}

/// One ticket that the push names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketAnswer {
    pub key: String,
    pub relation: String,
    pub commits: usize,
    /// What it did beyond the link, if anything: `resolve`, `reopen` …
    pub did: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TipBody {
    pub name: String,
    pub oid: String,
}

/// A short name for a set of recorded tips, which come sorted by name: equal sets need not be sent.
pub fn tips_hash(tips: &[(String, String)]) -> String {
    let mut hash = Sha256::new();
    for (name, oid) in tips {
        hash.update(format!("{oid} {name}\n"));
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl PushBody {
    pub fn of(push: &Push) -> Self {
        Self {
            push_id: push.push_id.clone(),
            pusher: push.pusher.clone(),
            parser: push.parser,
            refs: push.refs.iter().map(RefBody::of).collect(),
            commits: push.commits.iter().map(CommitBody::of).collect(),
            gone: push.gone.iter().map(Oid::to_string).collect(),
            bulk: push.is_bulk,
            last: push.is_last,
            tips_hash: push.tips_hash.clone(),
        }
    }

    /// The values, or everything that is wrong with them (each kind of fault once).
    pub fn read(self) -> Result<Push, Vec<FieldError>> {
        let mut faults = Faults::default();
        let id_fits = (1..=64).contains(&self.push_id.len())
            && self
                .push_id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        faults.unless(id_fits, "push_id", "not-a-push-id");
        faults.unless(
            self.commits.len() <= COMMITS_PER_PART,
            "commits",
            "too-many-in-push",
        );
        faults.unless(
            (1..=REFS).contains(&self.refs.len()),
            "refs",
            "too-many-in-push",
        );
        let refs: Vec<RefMove> = self
            .refs
            .into_iter()
            .filter_map(|body| body.read(&mut faults))
            .collect();
        faults.unless(self.gone.len() <= GONE, "gone", "too-many-in-push");
        let gone: Vec<Oid> = self
            .gone
            .iter()
            .filter_map(|oid| faults.some(Oid::parse(oid), "gone", "not-a-commit-id"))
            .collect();
        let commits: Vec<ReportedCommit> = self
            .commits
            .into_iter()
            .filter_map(|body| body.read(refs.len(), &mut faults))
            .collect();
        faults.check()?;
        Ok(Push {
            push_id: self.push_id,
            pusher: self
                .pusher
                .map(|name| cut(&name, 120))
                .filter(|name| !name.is_empty()),
            parser: self.parser,
            refs,
            commits,
            gone,
            is_bulk: self.bulk,
            is_last: self.last,
            tips_hash: self.tips_hash,
        })
    }
}

/// Gathers faults, each field and problem once: a push has thousands of commits.
#[derive(Default)]
pub(super) struct Faults(Vec<FieldError>);

impl Faults {
    pub(super) fn unless(&mut self, fine: bool, field: &'static str, problem: &'static str) {
        let known = self
            .0
            .iter()
            .any(|fault| fault.field == field && fault.problem == problem);
        if !fine && !known {
            self.0.push(FieldError::new(field, problem));
        }
    }

    pub(super) fn some<T>(
        &mut self,
        value: Option<T>,
        field: &'static str,
        problem: &'static str,
    ) -> Option<T> {
        self.unless(value.is_some(), field, problem);
        value
    }

    pub(super) fn check(self) -> Result<(), Vec<FieldError>> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.0)
        }
    }
}

/// One line of at most `chars` characters without control characters: foreign text is cut, never refused.
pub(super) fn cut(text: &str, chars: usize) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(chars)
        .collect()
}

impl RefBody {
    fn of(moved: &RefMove) -> Self {
        Self {
            name: moved.name.clone(),
            old: moved.old.to_string(),
            new: moved.new.to_string(),
            dropped: moved.dropped,
            version_before: moved.version_before.clone(),
            version_after: moved.version_after.clone(),
            tag: moved.tag.as_ref().map(TagBody::of),
        }
    }

    fn read(self, faults: &mut Faults) -> Option<RefMove> {
        let name_fits = self.name.starts_with("refs/")
            && self.name.len() <= 1_000
            && !self.name.chars().any(|c| c.is_control() || c == ' ');
        faults.unless(name_fits, "refs.name", "not-a-ref");
        let version = |text: Option<String>| {
            text.map(|text| cut(&text, 200))
                .filter(|text| !text.is_empty())
        };
        Some(RefMove {
            old: faults.some(Oid::parse(&self.old), "refs.old", "not-a-commit-id")?,
            new: faults.some(Oid::parse(&self.new), "refs.new", "not-a-commit-id")?,
            tag: match self.tag {
                Some(tag) => Some(tag.read(faults)?),
                None => None,
            },
            name: self.name,
            dropped: self.dropped.max(0),
            version_before: version(self.version_before),
            version_after: version(self.version_after),
        })
    }
}

impl TagBody {
    fn of(tag: &Tag) -> Self {
        Self {
            commit: tag.commit.to_string(),
            made_at: tag.made_at.rfc3339(),
            tagger: tag.tagger.clone(),
            keys: tag.keys.iter().map(TicketKey::to_string).collect(),
        }
    }

    fn read(self, faults: &mut Faults) -> Option<Tag> {
        let made_at = Timestamp::parse_rfc3339(&self.made_at);
        let keys = self.keys.iter().take(TAG_KEYS);
        let keys: Option<Vec<TicketKey>> = keys.map(|key| key.parse().ok()).collect();
        let tagger = self.tagger.map(|name| cut(&name, 120));
        Some(Tag {
            commit: faults.some(
                Oid::parse(&self.commit),
                "refs.tag.commit",
                "not-a-commit-id",
            )?,
            made_at: faults.some(made_at, "refs.tag.made_at", "not-a-commit-time")?,
            tagger: tagger.filter(|name| !name.is_empty()),
            keys: faults.some(keys, "refs.tag.keys", "not-a-key")?,
        })
    }
}

impl CommitBody {
    pub(super) fn of(commit: &ReportedCommit) -> Self {
        let facts = commit.facts.clone();
        Self {
            oid: commit.oid.to_string(),
            parents: commit.parents.iter().map(Oid::to_string).collect(),
            author: SignatureBody::of(&commit.author),
            committer: SignatureBody::of(&commit.committer),
            subject: commit.subject.clone(),
            links: commit.links.iter().map(LinkBody::of).collect(),
            facts: FactsBody {
                reverts: facts.reverts,
                cherry_from: facts.cherry_from,
                fixes_commit: facts.fixes_commit,
                caused_by: facts.caused_by,
                causes: facts.causes,
                change_id: facts.change_id,
                new_change: facts.new_change,
                purpose: facts.purpose,
                side_effects: facts.side_effects,
                rollback: facts.rollback,
                risk: facts.risk,
                no_ticket: facts.no_ticket,
                break_glass: facts.break_glass,
                co_authors: facts.co_authors,
            },
            flags: FlagsBody {
                merge: commit.flags.merge,
                revert: commit.flags.revert,
                reapply: commit.flags.reapply,
                autosquash: commit.flags.autosquash,
            },
            paths: commit
                .paths
                .iter()
                .map(|touched| PathBody {
                    change: touched.change.to_string(),
                    path: touched.path.clone(),
                })
                .collect(),
            path_count: commit.path_count,
            by_ref: commit.by_ref,
        }
    }

    pub(super) fn read(self, refs: usize, faults: &mut Faults) -> Option<ReportedCommit> {
        const ID: &str = "not-a-commit-id";
        faults.unless(self.by_ref < refs, "commits.by_ref", "no-such-ref");
        let parents = self
            .parents
            .iter()
            .map(|parent| Oid::parse(parent))
            .collect::<Option<Vec<_>>>();
        let links = self
            .links
            .into_iter()
            .map(LinkBody::read)
            .collect::<Option<Vec<_>>>();
        let paths = self.paths.into_iter().take(PATHS).map(|body| {
            let change = body.change.parse().ok()?;
            Some(TouchedPath {
                change,
                path: cut(&body.path, 1_000),
            })
        });
        let facts = self.facts;
        let text =
            |text: Option<String>| text.map(|text| text.chars().take(10_000).collect::<String>());
        Some(ReportedCommit {
            oid: faults.some(Oid::parse(&self.oid), "commits.oid", ID)?,
            parents: faults.some(parents, "commits.parents", ID)?,
            author: faults.some(self.author.read(), "commits.author.at", "not-a-commit-time")?,
            committer: faults.some(
                self.committer.read(),
                "commits.committer.at",
                "not-a-commit-time",
            )?,
            subject: cut(&self.subject, 1_000),
            links: faults.some(links, "commits.links", "not-a-link")?,
            facts: Facts {
                reverts: facts.reverts,
                cherry_from: facts.cherry_from,
                fixes_commit: facts.fixes_commit,
                caused_by: facts.caused_by,
                causes: facts.causes,
                change_id: facts.change_id.map(|id| cut(&id, 100)),
                new_change: facts.new_change,
                purpose: text(facts.purpose),
                side_effects: text(facts.side_effects),
                rollback: text(facts.rollback),
                risk: text(facts.risk),
                no_ticket: text(facts.no_ticket),
                break_glass: text(facts.break_glass),
                time: Vec::new(),
                co_authors: facts
                    .co_authors
                    .iter()
                    .take(CO_AUTHORS)
                    .map(|address| cut(address, 254))
                    .filter(|address| !address.contains(char::is_whitespace))
                    .collect(),
            },
            flags: Flags {
                merge: self.flags.merge,
                revert: self.flags.revert,
                reapply: self.flags.reapply,
                autosquash: self.flags.autosquash,
            },
            paths: faults.some(paths.collect(), "commits.paths", "not-a-path-change")?,
            path_count: self.path_count.max(0),
            by_ref: self.by_ref,
        })
    }
}

impl SignatureBody {
    fn of(signature: &Signature) -> Self {
        Self {
            name: signature.name.clone(),
            email: signature.email.clone(),
            at: signature.at.rfc3339(),
        }
    }

    fn read(self) -> Option<Signature> {
        let at = Timestamp::parse_rfc3339(&self.at)?;
        Some(Signature {
            name: cut(&self.name, 200),
            email: cut(&self.email, 254),
            at,
        })
    }
}

impl LinkBody {
    fn of(link: &Link) -> Self {
        Self {
            key: link.key.to_string(),
            relation: link.relation.to_string(),
            place: link.place.to_string(),
            start: link.span.start,
            end: link.span.end,
            line: link.line,
            verb: link.verb.clone(),
            negated: link.negated,
        }
    }

    fn read(self) -> Option<Link> {
        Some(Link {
            key: self.key.parse().ok()?,
            relation: self.relation.parse().ok()?,
            place: self.place.parse().ok()?,
            span: self.start..self.end,
            line: self.line,
            verb: self.verb.map(|verb| cut(&verb, 40)),
            negated: self.negated,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::commit_message::{Mode, Rules, parse};
    use crate::domain::git::FileChange;

    fn push() -> Push {
        let message = parse(
            "Pool\n\nCloses TSK-3, refs CHG-7\n\nSide-Effects: stall",
            &Mode::Server,
            &Rules::house(None),
        );
        let at = Timestamp::from_micros(1_763_000_000_000_000);
        let who = Signature {
            name: "Ada".into(),
            email: "ada@example.org".into(),
            at,
        };
        let oid = |digit: &str| Oid::parse(&digit.repeat(40)).unwrap();
        Push {
            push_id: "p-1".into(),
            pusher: Some("ada".into()),
            parser: 1,
            refs: vec![RefMove {
                name: "refs/tags/env/prod".into(),
                old: oid("0"),
                new: oid("a"),
                dropped: 0,
                version_before: None,
                version_after: Some("v1".into()),
                tag: Some(Tag {
                    commit: oid("a"),
                    made_at: at,
                    tagger: Some("Ada".into()),
                    keys: vec!["CHG-7".parse().unwrap()],
                }),
            }],
            commits: vec![ReportedCommit {
                oid: oid("a"),
                parents: vec![oid("b")],
                author: who.clone(),
                committer: who,
                subject: message.subject().to_owned(),
                links: message.links.clone(),
                facts: message.facts.clone(),
                flags: message.flags,
                paths: vec![TouchedPath {
                    change: FileChange::Added,
                    path: "src/é.rs".into(),
                }],
                path_count: 1,
                by_ref: 0,
            }],
            gone: vec![oid("9")],
            is_bulk: false,
            is_last: true,
            tips_hash: None,
        }
    }

    #[test]
    fn a_push_survives_the_wire() {
        let json = serde_json::to_string(&PushBody::of(&push())).unwrap();
        let body: PushBody = serde_json::from_str(&json).unwrap();
        assert_eq!(body.read().unwrap(), push());
    }

    #[test]
    fn every_kind_of_fault_is_named_once() {
        let mut body = PushBody::of(&push());
        body.commits.push(body.commits[0].clone());
        for commit in &mut body.commits {
            commit.oid = "xyz".into();
            commit.by_ref = 9;
        }
        body.refs[0].name = "main".into();
        let faults: Vec<_> = body
            .read()
            .unwrap_err()
            .into_iter()
            .map(|fault| fault.field)
            .collect();
        assert_eq!(faults, ["refs.name", "commits.by_ref", "commits.oid"]);
    }
}
