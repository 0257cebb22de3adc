//! What a hook asks before refs move, and what it is told, as JSON <-> values; the hook keeps the answer's last part for the time
//! when nobody answers. What either doesn't know of what the other says is passed over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::push::{CommitBody, Faults, REFS, TAG_KEYS, TipBody, cut};
use crate::domain::change::Sort;
use crate::domain::freeze::Level;
use crate::domain::git::{BULK_COMMITS, Oid, ReportedCommit};
use crate::domain::id::{Kind, TicketKey};
use crate::domain::push_rule::{
    Answer, AskedPush, AskedRef, Asking, Clash, Frozen, Known, Memory, Opens, Options, Reason,
    RefRule, Verdict, World, written,
};
use crate::domain::refusal::FieldError;
use crate::domain::ticket::State;
use crate::domain::timestamp::Timestamp;

/// A push that wants to move refs. Nothing is stored of its commits; a push that nothing is asked of is told `accept`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AskBody {
    /// Made by the hook; asking again does nothing a second time.
    pub push_id: String,
    /// Who pushes, as the transport told the hook.
    pub pusher: Option<String>,
    pub refs: Vec<AskRefBody>,
    /// What is new to any of the refs, without paths.
    pub commits: Vec<CommitBody>,
    /// Some ref brings more than 2,000 commits: they come with the tips alone.
    pub bulk: bool,
    pub options: OptionsBody,
    /// When the hook let it through by itself, since nobody answered.
    pub decided_at: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AskRefBody {
    pub name: String,
    pub old: String,
    pub new: String,
    pub dropped: i64,
    /// What is new to it, newest first: places in `commits`.
    pub commits: Vec<usize>,
    /// Tickets that the message of a tag below `deploy/` or `env/` stands for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

/// What was said with `git push -o`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct OptionsBody {
    pub ticket: Option<String>,
    pub no_ticket: Option<String>,
    pub break_glass: Option<String>,
    pub dry_run: bool,
    pub explain: bool,
}

/// The verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AskAnswer {
    /// `accept`, `warn` or `reject`.
    pub verdict: String,
    /// At most 100.
    pub reasons: Vec<ReasonBody>,
    /// The same for the person who pushes, a line each.
    pub message: Vec<String>,
    /// The ticket that the push stands on from here: the one it named, or the change whose glass it broke.
    pub ticket: Option<String>,
    /// The tips that are recorded: what is new is measured against them.
    pub recorded_tips: Vec<TipBody>,
    /// What the hook goes by while nobody answers.
    pub snapshot: Snapshot,
    /// The same with the service's signature; a service from before has none.
    #[serde(default)]
    pub signed: Option<SignedBody>,
}

/// What a hook goes by, as it was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedBody {
    /// The snapshot as JSON, byte by byte as it was signed.
    pub text: String,
    /// Ed25519, in base64, over a heading, the repository's id and the text.
    pub signature: String,
    /// Whose signature it is.
    pub key: KeyBody,
}

/// What a hook pins when it is set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyBody {
    /// The service's public key, in base64.
    pub key: String,
    /// The repository that it signs for.
    pub repository: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonBody {
    /// Such as `FREEZE` or `NO_TICKET`.
    pub code: String,
    #[serde(rename = "ref")]
    pub name: String,
    /// The first three, newest first.
    pub commits: Vec<String>,
    /// How many there are.
    pub count: usize,
    pub ticket: Option<String>,
    /// When a freeze ends, or an approval begins to count.
    pub until: Option<String>,
    /// The push isn't turned away for it.
    pub warning: bool,
}

impl ReasonBody {
    pub fn of(reason: &Reason) -> Self {
        Self {
            code: reason.code.to_string(),
            name: reason.ref_name.clone(),
            commits: reason.commits.iter().take(3).map(Oid::to_string).collect(),
            count: reason.commits.len(),
            ticket: reason.key.map(|key| key.to_string()),
            until: reason
                .frozen
                .as_ref()
                .map(|it| it.until)
                .or(reason.opens.as_ref().map(|it| it.at))
                .map(Timestamp::rfc3339),
            warning: reason.is_warning,
        }
    }
}

/// What decides while the service is away: everything in it holds for 15 minutes, the people for 7 days.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    pub at: String,
    /// The repository's rules, as they are written; without those of other environments, for hooks that don't know them.
    pub rules: String,
    /// The same with all of them; empty from a service that knows of none.
    #[serde(default)]
    pub rules_of_all: String,
    /// Windows of the coming week that hold for it, ascending.
    pub freezes: Vec<FrozenBody>,
    /// The same for approved changes of a type (`normal`, `standard`, `emergency`) to which some window says something else.
    #[serde(default)]
    pub freezes_by_type: BTreeMap<String, Vec<FrozenBody>>,
    /// Windows of other environments, and for some refs alone.
    #[serde(default)]
    pub freezes_besides: Vec<BesidesBody>,
    /// Changes that are open, and how they stand.
    pub changes: BTreeMap<String, KnownBody>,
    /// Who may break the glass, as their server calls them.
    pub breakers: Vec<String>,
    pub since: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BesidesBody {
    /// Empty: where customers are.
    pub environment: String,
    /// Patterns; none: any ref.
    pub refs: Vec<String>,
    pub freezes: Vec<FrozenBody>,
    pub freezes_by_type: BTreeMap<String, Vec<FrozenBody>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FrozenBody {
    pub name: String,
    /// Of which services of the repository, if that isn't all of them.
    #[serde(default)]
    pub services: Vec<String>,
    pub level: String,
    pub zone: String,
    pub from: String,
    pub until: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KnownBody {
    pub state: String,
    pub approved_at: Option<String>,
    /// Its approval doesn't hold any more.
    #[serde(default)]
    pub is_stale: bool,
    /// Its approval isn't for before then.
    #[serde(default)]
    pub opens: Option<OpensBody>,
    /// The type that it was approved as, while that holds.
    #[serde(default)]
    pub kind: Option<String>,
    /// The last of those who approved it: all that an older hook looks at.
    pub approver: Option<String>,
    /// Those without whose word it isn't approved.
    #[serde(default)]
    pub approvers: Vec<String>,
    pub glass_at: Option<String>,
    /// What is in its way, if it hasn't begun; what blocks it first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clashes: Vec<ClashBody>,
}

/// Something that is in the way of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClashBody {
    /// Such as `same_service`.
    pub code: String,
    /// The ticket, or the window.
    pub with: String,
    /// It turns a push away; else it is only said.
    pub blocks: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpensBody {
    pub at: String,
    pub by_name: String,
    pub zone: String,
}

impl OpensBody {
    fn of(opens: &Opens) -> Self {
        Self {
            at: opens.at.rfc3339(),
            by_name: opens.by_name.clone(),
            zone: opens.zone.name().to_owned(),
        }
    }

    fn opens(&self) -> Option<Opens> {
        Some(Opens {
            at: instant(Some(&self.at))?,
            by_name: self.by_name.clone(),
            zone: self.zone.parse().ok()?,
        })
    }
}

/// Reasons in an answer.
const REASONS: usize = 100;
/// How long a snapshot decides, and how long it knows people.
pub const SNAPSHOT_SECS: i64 = 15 * 60;
const PEOPLE_SECS: i64 = 7 * 86_400;

impl AskBody {
    pub fn of(push: &AskedPush) -> Self {
        let options = &push.options;
        Self {
            push_id: push.push_id.clone(),
            pusher: push.pusher.clone(),
            refs: push.refs.iter().map(AskRefBody::of).collect(),
            commits: push.commits.iter().map(CommitBody::of).collect(),
            bulk: push.is_bulk,
            options: OptionsBody {
                ticket: options.ticket.map(|key| key.to_string()),
                no_ticket: options.no_ticket.clone(),
                break_glass: options.break_glass.clone(),
                dry_run: options.dry_run,
                explain: options.explain,
            },
            decided_at: push.decided_at.map(Timestamp::rfc3339),
        }
    }

    /// The values, or everything that is wrong with them.
    pub fn read(self) -> Result<AskedPush, Vec<FieldError>> {
        let mut faults = Faults::default();
        let id = &self.push_id;
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let id_fits = (1..=64).contains(&id.len()) && id.bytes().all(is_id);
        faults.unless(id_fits, "push_id", "not-a-push-id");
        let most = 2 * BULK_COMMITS;
        faults.unless(self.commits.len() <= most, "commits", "too-many-in-push");
        faults.unless(self.refs.len() <= REFS, "refs", "too-many-in-push");
        let commits = self.commits.into_iter();
        let commits: Vec<ReportedCommit> = commits
            .filter_map(|body| body.read(1, &mut faults))
            .collect();
        let refs = self.refs.into_iter();
        let refs: Vec<AskedRef> = refs
            .filter_map(|body| body.read(commits.len(), &mut faults))
            .collect();
        let ticket = self.options.ticket.as_deref().map(str::trim);
        let ticket = ticket.map(str::parse::<TicketKey>);
        let key_fits = !matches!(ticket, Some(Err(())));
        faults.unless(key_fits, "options.ticket", "not-a-key");
        let decided_at = self.decided_at.as_deref().map(Timestamp::parse_rfc3339);
        let time_fits = !matches!(decided_at, Some(None));
        faults.unless(time_fits, "decided_at", "not-a-time");
        faults.check()?;
        let said = |text: Option<String>| text.map(|text| cut(&text, 500));
        Ok(AskedPush {
            push_id: self.push_id,
            pusher: self
                .pusher
                .map(|name| cut(&name, 120))
                .filter(|name| !name.is_empty()),
            refs,
            commits,
            is_bulk: self.bulk,
            options: Options {
                ticket: ticket.and_then(Result::ok),
                no_ticket: said(self.options.no_ticket),
                break_glass: said(self.options.break_glass),
                dry_run: self.options.dry_run,
                explain: self.options.explain,
            },
            decided_at: decided_at.flatten(),
        })
    }
}

impl AskRefBody {
    fn of(moved: &AskedRef) -> Self {
        Self {
            name: moved.name.clone(),
            old: moved.old.to_string(),
            new: moved.new.to_string(),
            dropped: moved.dropped,
            commits: moved.commits.clone(),
            keys: moved.keys.iter().map(TicketKey::to_string).collect(),
        }
    }

    fn read(self, commits: usize, faults: &mut Faults) -> Option<AskedRef> {
        let is_name = |c: char| !c.is_control() && c != ' ';
        let name_fits = self.name.starts_with("refs/") && self.name.len() <= 1_000;
        let name_fits = name_fits && self.name.chars().all(is_name);
        faults.unless(name_fits, "refs.name", "not-a-ref");
        let known = self.commits.iter().all(|at| *at < commits);
        faults.unless(known, "refs.commits", "no-such-commit");
        let keys = self.keys.iter().take(TAG_KEYS);
        let keys: Option<Vec<TicketKey>> = keys.map(|key| key.parse().ok()).collect();
        Some(AskedRef {
            keys: faults.some(keys, "refs.keys", "not-a-key")?,
            old: faults.some(Oid::parse(&self.old), "refs.old", "not-a-commit-id")?,
            new: faults.some(Oid::parse(&self.new), "refs.new", "not-a-commit-id")?,
            name: self.name,
            dropped: self.dropped.max(0),
            commits: self.commits,
        })
    }
}

impl KnownBody {
    pub fn of(known: &Known) -> Self {
        Self {
            state: known.state.to_string(),
            approved_at: known.approved_at.map(Timestamp::rfc3339),
            is_stale: known.is_stale,
            opens: known.opens.as_ref().map(OpensBody::of),
            kind: known.sort.map(|sort| sort.to_string()),
            approver: known.approvers.last().cloned(),
            approvers: known.approvers.clone(),
            glass_at: known.glass_at.map(Timestamp::rfc3339),
            clashes: known.clashes.iter().map(ClashBody::of).collect(),
        }
    }

    fn known(&self, now: Timestamp) -> Option<Known> {
        let opens = self.opens.as_ref().and_then(OpensBody::opens);
        Some(Known {
            kind: Kind::Change,
            state: self.state.parse::<State>().ok()?,
            is_open: true,
            approved_at: instant(self.approved_at.as_ref()),
            is_stale: self.is_stale,
            opens: opens.filter(|opens| opens.at > now),
            sort: self.kind.as_deref().and_then(|word| word.parse().ok()),
            approvers: match self.approvers.is_empty() {
                true => self.approver.clone().into_iter().collect(),
                false => self.approvers.clone(),
            },
            glass_at: instant(self.glass_at.as_ref()),
            // A code of a later service says nothing here.
            clashes: self.clashes.iter().filter_map(ClashBody::clash).collect(),
        })
    }
}

impl ClashBody {
    fn of(clash: &Clash) -> Self {
        Self {
            code: clash.code.to_string(),
            with: clash.with.clone(),
            blocks: clash.blocks,
        }
    }

    fn clash(&self) -> Option<Clash> {
        Some(Clash {
            code: self.code.parse().ok()?,
            with: self.with.clone(),
            blocks: self.blocks,
        })
    }
}

fn instant(text: Option<&String>) -> Option<Timestamp> {
    text.and_then(|text| Timestamp::parse_rfc3339(text))
}

impl FrozenBody {
    pub fn of(frozen: &Frozen) -> Self {
        Self {
            name: frozen.name.clone(),
            services: frozen.services.clone(),
            level: frozen.level.to_string(),
            zone: frozen.zone.name().to_owned(),
            from: frozen.from.rfc3339(),
            until: frozen.until.rfc3339(),
        }
    }

    fn frozen(&self) -> Option<Frozen> {
        Some(Frozen {
            name: self.name.clone(),
            services: self.services.clone(),
            level: self.level.parse::<Level>().ok()?,
            zone: self.zone.parse().ok()?,
            from: instant(Some(&self.from))?,
            until: instant(Some(&self.until))?,
            next_open: instant(Some(&self.until)),
        })
    }
}

fn by_type(all: &BTreeMap<Sort, Vec<Frozen>>) -> BTreeMap<String, Vec<FrozenBody>> {
    let bodies = |all: &[Frozen]| all.iter().map(FrozenBody::of).collect();
    let all = all.iter();
    all.map(|(sort, all)| (sort.to_string(), bodies(all)))
        .collect()
}

impl Snapshot {
    pub fn of(memory: &Memory) -> Self {
        let changes = memory.changes.iter();
        Self {
            at: memory.at.rfc3339(),
            rules: written::write_without_env(&written::read(&memory.rules).unwrap_or_default()),
            rules_of_all: memory.rules.clone(),
            freezes: memory.freezes.iter().map(FrozenBody::of).collect(),
            freezes_by_type: by_type(&memory.freezes_by_type),
            freezes_besides: memory
                .more
                .iter()
                .map(|it| BesidesBody {
                    environment: it.environment.clone(),
                    refs: it.refs.clone(),
                    freezes: it.all.iter().map(FrozenBody::of).collect(),
                    freezes_by_type: by_type(&it.by_type),
                })
                .collect(),
            changes: changes
                .map(|(key, known)| (key.to_string(), KnownBody::of(known)))
                .collect(),
            breakers: memory.breakers.clone(),
            since: memory.since.rfc3339(),
        }
    }

    /// The rules that it carries; none if they can't be read any more.
    pub fn rules(&self) -> Vec<RefRule> {
        let all = match self.rules_of_all.is_empty() {
            true => &self.rules,
            false => &self.rules_of_all,
        };
        written::read(all).unwrap_or_default()
    }

    /// Whether it is young enough to decide at `now`.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.age(now).is_some_and(|age| age <= SNAPSHOT_SECS)
    }

    /// Seconds since it was made; `None`: from the future, or never made.
    pub fn age(&self, now: Timestamp) -> Option<i64> {
        let age = now.secs_since(instant(Some(&self.at))?);
        (age >= 0).then_some(age)
    }

    /// What it knows at `now`, for somebody whom the server calls `pusher`.
    pub fn world(&self, now: Timestamp, pusher: Option<&str>, is_first: bool) -> World {
        let knows_people = self.age(now).is_some_and(|age| age <= PEOPLE_SECS);
        let may_break = pusher.is_some_and(|pusher| {
            let pusher = pusher.to_lowercase();
            knows_people && self.breakers.contains(&pusher)
        });
        let changes = self.changes.iter();
        let changes =
            changes.filter_map(|(key, known)| Some((key.parse().ok()?, known.known(now)?)));
        let open = |all: &[FrozenBody]| {
            let open = all.iter().filter_map(FrozenBody::frozen);
            let open = open.filter(|it| it.from <= now && now < it.until);
            open.max_by_key(|it| (it.level, it.until))
        };
        let by_type = |all: &BTreeMap<String, Vec<FrozenBody>>| {
            let all = all.iter();
            let all = all.filter_map(|(sort, all)| Some((sort.parse().ok()?, open(all))));
            all.collect::<BTreeMap<_, _>>()
        };
        let more = self.freezes_besides.iter().map(|it| Asking {
            environment: it.environment.clone(),
            refs: it.refs.clone(),
            all: open(&it.freezes),
            by_type: by_type(&it.freezes_by_type),
        });
        World {
            tickets: changes.collect(),
            reverted: BTreeMap::new(),
            frozen: open(&self.freezes),
            frozen_by_type: by_type(&self.freezes_by_type),
            more: more.collect(),
            may_break,
            pusher: None,
            is_first,
            since: instant(Some(&self.since)).unwrap_or(now),
            is_away: true,
        }
    }
}

impl AskAnswer {
    pub fn is_refusal(&self) -> bool {
        self.verdict == Answer::Reject.as_str()
    }

    pub fn of(
        verdict: &Verdict,
        message: Vec<String>,
        ticket: Option<TicketKey>,
        tips: Vec<(String, String)>,
        memory: &Memory,
    ) -> Self {
        Self {
            verdict: verdict.answer.to_string(),
            reasons: verdict
                .reasons
                .iter()
                .take(REASONS)
                .map(ReasonBody::of)
                .collect(),
            message,
            ticket: ticket.map(|key| key.to_string()),
            recorded_tips: tips
                .into_iter()
                .map(|(name, oid)| TipBody { name, oid })
                .collect(),
            snapshot: Snapshot::of(memory),
            signed: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::push_rule::judge;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_hook_alone_knows_the_windows_of_other_environments_and_of_some_refs() {
        let window = |name: &str, services: &[&str]| Frozen {
            name: name.to_owned(),
            services: services.iter().map(|it| (*it).to_owned()).collect(),
            level: Level::Block,
            zone: chrono_tz::UTC,
            from: at("2026-06-01T08:00:00Z"),
            until: at("2026-06-01T20:00:00Z"),
            next_open: None,
        };
        let rules = "[[rule]]\nrefs = \"refs/heads/main\"\nfreeze = \"enforce\"\nenv = \"staging\"\n\n\
                     [[rule]]\nrefs = \"refs/heads/*\"\nfreeze = \"enforce\"\n\n";
        let asking = |environment: &str, refs: &[&str], name: &str| Asking {
            environment: environment.to_owned(),
            refs: refs.iter().map(|it| (*it).to_owned()).collect(),
            all: vec![window(name, &["db"])],
            by_type: BTreeMap::new(),
        };
        let memory = Memory {
            at: at("2026-06-01T09:00:00Z"),
            rules: rules.to_owned(),
            freezes: Vec::new(),
            freezes_by_type: BTreeMap::new(),
            more: vec![
                asking("staging", &[], "Load test"),
                asking("", &["refs/heads/release/*"], "Release rests"),
            ],
            changes: Vec::new(),
            breakers: Vec::new(),
            since: at("2026-01-01T00:00:00Z"),
        };
        let json = serde_json::to_string(&Snapshot::of(&memory)).unwrap();
        let snapshot: Snapshot = serde_json::from_str(&json).unwrap();
        assert_eq!(written::write(&snapshot.rules()), rules);
        let said = |name: &str, now: &str| {
            let oid = |digit: &str| Oid::parse(&digit.repeat(40)).unwrap();
            let push = AskedPush {
                push_id: "p".to_owned(),
                pusher: None,
                refs: vec![AskedRef {
                    name: name.to_owned(),
                    old: oid("1"),
                    new: oid("2"),
                    dropped: 0,
                    commits: Vec::new(),
                    keys: Vec::new(),
                }],
                commits: Vec::new(),
                is_bulk: false,
                options: Options::default(),
                decided_at: None,
            };
            let world = snapshot.world(at(now), None, false);
            let verdict = judge(&snapshot.rules(), &push, &world);
            let names = verdict.reasons.into_iter().filter_map(|it| it.frozen);
            names.map(|it| it.name).collect::<Vec<_>>().join(", ")
        };
        let now = "2026-06-01T10:00:00Z";
        assert_eq!(said("refs/heads/main", now), "Load test");
        assert_eq!(said("refs/heads/release/4", now), "Release rests");
        assert_eq!(said("refs/heads/wip", now), "");
        assert_eq!(said("refs/heads/main", "2026-06-01T21:00:00Z"), "");
        // A hook from before reads rules that it knows, and nothing of the other environment.
        let old = written::read(&snapshot.rules).unwrap();
        assert!(old.iter().all(|rule| rule.env.is_empty()));
        assert_eq!(old[0].freeze, crate::domain::push_rule::Freezing::Ignore);
    }
}
