//! What a repository asks of a push before its refs move, and the one verdict about it.
//!
//! The service judges with it, and so does the hook while the service is away, from what it was told last.

mod asked;
mod world;
pub mod written;

pub use self::asked::{AskedPush, AskedRef, Options};
pub use self::world::{Asking, Clash, Frozen, Known, Memory, Opens, World};
use super::commit_message::Relation;
use super::freeze::Level;
use super::git::{Oid, ReportedCommit, pattern_fits};
use super::id::{Kind, TicketKey};
use super::live_tag::{FOLDERS, tag_word};
use super::ticket::State;
use super::timestamp::Timestamp;
use super::word::words;

words! {
    /// What a commit has to name.
    pub enum Require { None = "none", Ticket = "ticket", ApprovedChange = "approved-change" }
}

words! {
    /// Which commits are asked for it.
    pub enum Per {
        Commit = "commit",
        /// One commit of the push is enough.
        Push = "push",
        /// Those on the first-parent chain; the branch that a merge names counts.
        MergeFirstParent = "merge-first-parent",
    }
}

words! {
    pub enum Freezing { Enforce = "enforce", Ignore = "ignore" }
}

words! {
    pub enum Leave { Allow = "allow", Deny = "deny" }
}

words! {
    /// What holds while the service can't be asked.
    pub enum Away {
        /// The push goes through, and is told later.
        Open = "open",
        /// What was told last decides, for a quarter of an hour; then nothing goes through.
        Cached = "cached",
        /// Nothing goes through, but for broken glass.
        Closed = "closed",
    }
}

/// What holds for some refs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefRule {
    /// A whole name, `refs/heads/main`; `*` stands for anything.
    pub refs: String,
    pub require: Require,
    /// None: any.
    pub kinds: Vec<Kind>,
    /// None: any.
    pub states: Vec<State>,
    pub per: Per,
    pub freeze: Freezing,
    /// Which environment's freezes hold for them; empty: where customers are.
    pub env: String,
    pub force_push: Leave,
    pub delete: Leave,
    /// Whether a tag may point elsewhere than before.
    pub move_tag: Leave,
    /// Whether `fixup!` and `squash!` commits may come in.
    pub autosquash: Leave,
    pub on_service_down: Away,
}

impl RefRule {
    /// Asks for nothing.
    pub fn open(refs: &str) -> Self {
        Self {
            refs: refs.to_owned(),
            require: Require::None,
            kinds: Vec::new(),
            states: Vec::new(),
            per: Per::Commit,
            freeze: Freezing::Ignore,
            env: String::new(),
            force_push: Leave::Allow,
            delete: Leave::Allow,
            move_tag: Leave::Allow,
            autosquash: Leave::Allow,
            on_service_down: Away::Open,
        }
    }
}

/// The rules of a repository that has none of its own: freezes hold for what is published.
pub fn default_rules(default_branch: &str, publish: &[String]) -> Vec<RefRule> {
    let branches = std::iter::once(default_branch).chain(publish.iter().map(String::as_str));
    branches
        .map(|branch| RefRule {
            freeze: Freezing::Enforce,
            ..RefRule::open(&format!("refs/heads/{branch}"))
        })
        .collect()
}

/// What holds for the tags that say what is live where customers are, behind a repository's other rules: freezes do.
pub fn live_tag_rules(production: &str) -> Vec<RefRule> {
    let environment = tag_word(production);
    let [deploy, env] = FOLDERS;
    [
        format!("refs/tags/{deploy}/{environment}/*"),
        format!("refs/tags/{env}/{environment}"),
        format!("refs/tags/{env}/{environment}/*"),
    ]
    .iter()
    .map(|refs| RefRule {
        freeze: Freezing::Enforce,
        ..RefRule::open(refs)
    })
    .collect()
}

/// The first that fits.
pub fn rule_for<'a>(rules: &'a [RefRule], name: &str) -> Option<&'a RefRule> {
    rules.iter().find(|rule| pattern_fits(&rule.refs, name))
}

words! {
    /// Why a push is turned away, or what is to be known about it.
    pub enum Code {
        NoTicket = "NO_TICKET",
        UnknownTicket = "UNKNOWN_TICKET",
        WrongType = "WRONG_TYPE",
        WrongState = "WRONG_STATE",
        NotApproved = "NOT_APPROVED",
        ApprovalStale = "APPROVAL_STALE",
        NotYet = "NOT_YET",
        SelfApproved = "SELF_APPROVED",
        Freeze = "FREEZE",
        Conflict = "CONFLICT",
        WaiverNotAllowed = "WAIVER_NOT_ALLOWED",
        Autosquash = "AUTOSQUASH",
        ForcePush = "FORCE_PUSH",
        TagMoved = "TAG_MOVED",
        Deleted = "DELETED",
        ServiceDown = "SERVICE_DOWN",
        BreakGlassDenied = "BREAK_GLASS_DENIED",
    }
}

impl Code {
    /// What an emergency may pass. History that is rewritten is none.
    const fn is_breakable(self) -> bool {
        match self {
            Code::NoTicket
            | Code::UnknownTicket
            | Code::WrongType
            | Code::WrongState
            | Code::NotApproved
            | Code::ApprovalStale
            | Code::NotYet
            | Code::SelfApproved
            | Code::Freeze
            | Code::Conflict
            | Code::WaiverNotAllowed
            | Code::ServiceDown => true,
            Code::Autosquash
            | Code::ForcePush
            | Code::TagMoved
            | Code::Deleted
            | Code::BreakGlassDenied => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub code: Code,
    pub ref_name: String,
    /// The commits that it is about, newest first.
    pub commits: Vec<Oid>,
    /// The ticket that it is about.
    pub key: Option<TicketKey>,
    pub frozen: Option<Frozen>,
    /// What is in the way of the ticket.
    pub clash: Option<Clash>,
    /// When the ticket may go ahead, and who said so.
    pub opens: Option<Opens>,
    /// It is only to be known: the push isn't turned away for it.
    pub is_warning: bool,
}

words! {
    pub enum Answer { Accept = "accept", Warn = "warn", Reject = "reject" }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub answer: Answer,
    pub reasons: Vec<Reason>,
    /// It goes through because the glass was broken.
    pub breaks_glass: bool,
}

/// Characters that a reason to break the glass has at least.
pub use super::change::MIN_REASON_CHARS;

/// The verdict about a push: the same for everybody who asks.
pub fn judge(rules: &[RefRule], push: &AskedPush, world: &World) -> Verdict {
    let mut reasons = Vec::new();
    for moved in &push.refs {
        if let Some(rule) = rule_for(rules, &moved.name) {
            let mut bench = Bench {
                rule,
                push,
                moved,
                world,
                reasons: Vec::new(),
            };
            bench.judge();
            reasons.append(&mut bench.reasons);
        }
    }
    let is_stopped = reasons.iter().any(|reason| !reason.is_warning);
    let mut breaks_glass = false;
    if let Some(why) = push.options.break_glass.as_ref().filter(|_| is_stopped) {
        let is_said = why.trim().chars().count() >= MIN_REASON_CHARS;
        if world.may_break && is_said {
            for reason in &mut reasons {
                reason.is_warning = reason.is_warning || reason.code.is_breakable();
            }
            breaks_glass = reasons.iter().all(|reason| reason.is_warning);
        } else {
            reasons.push(Reason {
                code: Code::BreakGlassDenied,
                ref_name: String::new(),
                commits: Vec::new(),
                key: None,
                frozen: None,
                clash: None,
                opens: None,
                is_warning: false,
            });
        }
    }
    let answer = match (reasons.is_empty(), reasons.iter().all(|it| it.is_warning)) {
        (true, _) => Answer::Accept,
        (false, true) => Answer::Warn,
        (false, false) => Answer::Reject,
    };
    Verdict {
        answer,
        reasons,
        breaks_glass,
    }
}

/// Its message says why there is no ticket.
fn is_waived(commit: &ReportedCommit) -> bool {
    let why = commit.facts.no_ticket.as_deref();
    why.is_some_and(|why| !why.trim().is_empty())
}

/// A change begins with it, which is a ticket like any other: but nobody can have approved it.
fn begins_ticket(commit: &ReportedCommit, rule: &RefRule) -> bool {
    let kind_fits = rule.kinds.is_empty() || rule.kinds.contains(&Kind::Change);
    let state_fits = rule.states.is_empty() || rule.states.contains(&State::Draft);
    commit.facts.new_change && rule.require == Require::Ticket && kind_fits && state_fits
}

/// One ref before its rule.
struct Bench<'a> {
    rule: &'a RefRule,
    push: &'a AskedPush,
    moved: &'a AskedRef,
    world: &'a World,
    reasons: Vec<Reason>,
}

impl<'a> Bench<'a> {
    fn judge(&mut self) {
        let (moved, rule) = (self.moved, self.rule);
        let is_update = !moved.old.is_zero() && !moved.new.is_zero();
        let is_tag = moved.name.starts_with("refs/tags/");
        let is_deleted = moved.new.is_zero();
        let forced = is_update && !is_tag && moved.dropped > 0;
        for (code, leave, is_so) in [
            (Code::Deleted, rule.delete, is_deleted),
            (Code::ForcePush, rule.force_push, forced),
            (Code::TagMoved, rule.move_tag, is_update && is_tag),
        ] {
            if is_so && leave == Leave::Deny {
                self.because(code);
            }
        }
        let commits = self.commits();
        let squashed = commits.iter().filter(|it| it.flags.autosquash);
        let squashed: Vec<Oid> = squashed.map(|it| it.oid.clone()).collect();
        if rule.autosquash == Leave::Deny && !squashed.is_empty() {
            self.because(Code::Autosquash).commits = squashed;
        }
        if rule.freeze == Freezing::Enforce {
            self.ask_freeze(&commits);
            self.ask_conflicts(&commits);
        }
        if rule.require != Require::None && !is_deleted && !self.world.is_first {
            self.ask_tickets(&commits);
        }
    }

    fn commits(&self) -> Vec<&'a ReportedCommit> {
        let (push, moved) = (self.push, self.moved);
        let of = moved.commits.iter();
        of.filter_map(|at| push.commits.get(*at)).collect()
    }

    fn because(&mut self, code: Code) -> &mut Reason {
        let at = self.reasons.len();
        self.reasons.push(Reason {
            code,
            ref_name: self.moved.name.clone(),
            commits: Vec::new(),
            key: None,
            frozen: None,
            clash: None,
            opens: None,
            is_warning: false,
        });
        &mut self.reasons[at]
    }

    fn because_of(&mut self, code: Code, key: TicketKey) -> &mut Reason {
        let known = self.world.tickets.get(&key);
        let opens = known.and_then(|known| known.opens.clone());
        let made = self.because(code);
        made.key = Some(key);
        made.opens = opens.filter(|_| code == Code::NotYet);
        made
    }

    /// A change whose glass was broken in this window goes on; one that was approved in it may, where that is asked for. Of several
    /// changes each has the window of its type, and the severest counts.
    fn ask_freeze(&mut self, commits: &[&ReportedCommit]) {
        let world = self.world;
        let keys = self.named(commits);
        let named: Vec<&Known> = keys
            .iter()
            .filter_map(|key| world.tickets.get(key))
            .filter(|known| known.is_open)
            .collect();
        let changes = named.iter().filter(|known| known.kind == Kind::Change);
        let (env, place) = (self.rule.env.as_str(), self.moved.name.as_str());
        let windows = changes.map(|known| world.frozen_for(known.sort, env, place));
        let severest = windows.max_by_key(|it| it.map(|frozen| (frozen.level, frozen.until)));
        let to_all = || world.frozen_for(None, env, place);
        let Some(frozen) = severest.unwrap_or_else(to_all) else {
            return;
        };
        let passes = named.iter().any(|known| {
            let since = |at: Option<Timestamp>| at.is_some_and(|at| at >= frozen.from);
            let approved = frozen.level == Level::Approve && since(known.approved_at);
            approved || since(known.glass_at)
        });
        if !passes {
            let reason = Some(frozen.clone());
            let is_warning = frozen.level == Level::Warn;
            let made = self.because(Code::Freeze);
            (made.frozen, made.is_warning) = (reason, is_warning);
        }
    }

    /// The tickets that the push stands for on this ref, each once.
    fn named(&self, commits: &[&ReportedCommit]) -> Vec<TicketKey> {
        let mut keys: Vec<TicketKey> = commits
            .iter()
            .flat_map(|commit| self.keys(commit))
            .chain(self.push.options.ticket)
            .chain(self.moved.keys.iter().copied())
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// What is in the way of the changes that it names, where customers are: as when they are approved and begin. What blocks them turns
    /// the push away, the rest is said.
    fn ask_conflicts(&mut self, commits: &[&ReportedCommit]) {
        if !self.rule.env.is_empty() {
            return;
        }
        let world = self.world;
        for key in self.named(commits) {
            let clashes = world.tickets.get(&key).into_iter();
            for clash in clashes.flat_map(|known| &known.clashes) {
                let made = self.because(Code::Conflict);
                made.key = Some(key);
                made.is_warning = !clash.blocks;
                made.clash = Some(clash.clone());
            }
        }
    }

    /// The keys that a commit stands for: a mention is none, the revert of a linked commit is.
    fn keys(&self, commit: &ReportedCommit) -> Vec<TicketKey> {
        let least = match self.rule.per {
            Per::MergeFirstParent => Relation::Merge,
            Per::Commit | Per::Push => Relation::Refs,
        };
        let own = commit.links.iter().filter(|link| link.relation >= least);
        let reverted = commit.facts.reverts.iter();
        let reverted = reverted.filter_map(|oid| self.world.reverted.get(oid));
        own.map(|link| link.key)
            .chain(reverted.flatten().copied())
            .collect()
    }

    fn ask_tickets(&mut self, commits: &[&ReportedCommit]) {
        let waiver = &self.push.options.no_ticket;
        let waived_whole = waiver.as_ref().is_some_and(|why| !why.trim().is_empty());
        if waived_whole || commits.iter().any(|it| is_waived(it)) {
            if self.rule.require == Require::ApprovedChange {
                let waived = commits.iter().filter(|it| is_waived(it));
                let waived: Vec<Oid> = waived.map(|it| it.oid.clone()).collect();
                self.because(Code::WaiverNotAllowed).commits = waived;
                return;
            }
            if waived_whole {
                return;
            }
        }
        let by_option = self.push.options.ticket;
        if let Some(key) = by_option {
            match self.fault(key, commits) {
                // What was said for the whole push stands for each of its commits.
                None => return,
                Some(code) => {
                    self.because_of(code, key);
                    return;
                }
            }
        }
        let is_old = |commit: &ReportedCommit| commit.committer.at < self.world.since;
        let one_by_one = self.rule.per != Per::Push && !self.push.is_bulk;
        let mut asked: Vec<&ReportedCommit> = match self.rule.per {
            Per::MergeFirstParent => self.first_parents(commits),
            // A merge brings nothing of its own.
            Per::Commit => commits
                .iter()
                .filter(|it| it.parents.len() < 2)
                .copied()
                .collect(),
            Per::Push => commits.to_vec(),
        };
        let is_past = asked.iter().any(|commit| is_old(commit));
        if one_by_one {
            // A commit that says it is from before is no way round: then one of the push has to do.
            let rest: Vec<&ReportedCommit> =
                asked.iter().filter(|it| !is_old(it)).copied().collect();
            if !is_past || !rest.is_empty() {
                for commit in rest {
                    self.ask_each(commit, commits);
                }
                self.gather();
                return;
            }
        }
        asked = commits.to_vec();
        if asked.is_empty() {
            return;
        }
        let mut faults = Vec::new();
        for commit in &asked {
            if is_waived(commit) || begins_ticket(commit, self.rule) {
                return;
            }
            for key in self.keys(commit) {
                match self.fault(key, commits) {
                    None => return,
                    Some(code) => faults.push((code, key)),
                }
            }
        }
        match faults.first() {
            Some((code, key)) => {
                self.because_of(*code, *key);
            }
            None => {
                let all = asked.iter().map(|it| it.oid.clone()).collect();
                self.because(Code::NoTicket).commits = all;
            }
        }
    }

    /// One commit: any of its keys will do.
    fn ask_each(&mut self, commit: &ReportedCommit, commits: &[&ReportedCommit]) {
        if is_waived(commit) || begins_ticket(commit, self.rule) {
            return;
        }
        let mut fault = None;
        for key in self.keys(commit) {
            match self.fault(key, commits) {
                None => return,
                Some(code) => {
                    fault.get_or_insert((code, key));
                }
            }
        }
        let made = match fault {
            Some((code, key)) => self.because_of(code, key),
            None => self.because(Code::NoTicket),
        };
        made.commits = vec![commit.oid.clone()];
    }

    /// The same reason about the same ticket is said once, with all its commits.
    fn gather(&mut self) {
        let mut gathered: Vec<Reason> = Vec::new();
        for reason in self.reasons.drain(..) {
            let same = gathered.iter_mut().find(|it| {
                it.code == reason.code && it.key == reason.key && it.is_warning == reason.is_warning
            });
            match same {
                Some(known) => known.commits.extend(reason.commits),
                None => gathered.push(reason),
            }
        }
        self.reasons = gathered;
    }

    /// The tip and its first parents, as far as they are new.
    fn first_parents(&self, commits: &[&'a ReportedCommit]) -> Vec<&'a ReportedCommit> {
        let mut chain = Vec::new();
        let mut at = Some(&self.moved.new);
        while let Some(commit) = at.and_then(|oid| commits.iter().find(|it| it.oid == *oid)) {
            chain.push(*commit);
            at = commit.parents.first();
        }
        chain
    }

    /// Why this ticket isn't what the rule asks for.
    fn fault(&self, key: TicketKey, commits: &[&ReportedCommit]) -> Option<Code> {
        let Some(known) = self.world.tickets.get(&key) else {
            return Some(match self.world.is_away {
                true => Code::ServiceDown,
                false => Code::UnknownTicket,
            });
        };
        let rule = self.rule;
        if !rule.kinds.is_empty() && !rule.kinds.contains(&known.kind) {
            return Some(Code::WrongType);
        }
        if !rule.states.is_empty() && !rule.states.contains(&known.state) {
            return Some(Code::WrongState);
        }
        if rule.require == Require::ApprovedChange {
            if known.kind != Kind::Change {
                return Some(Code::WrongType);
            }
            if known.is_open && known.glass_at.is_some() {
                return None;
            }
            let goes_on = matches!(
                known.state,
                State::Approved | State::InProgress | State::OnWatch
            );
            if !goes_on || known.approved_at.is_none() {
                return Some(Code::NotApproved);
            }
            if known.is_stale {
                return Some(Code::ApprovalStale);
            }
            if known.opens.is_some() {
                return Some(Code::NotYet);
            }
            let is_own = |commit: &&ReportedCommit| {
                let mut wrote = commit.facts.co_authors.iter().chain([&commit.author.email]);
                wrote.any(|email| known.approvers.contains(&email.to_lowercase()))
            };
            let pushes = self.world.pusher.as_ref();
            let pushes = pushes.is_some_and(|it| known.approvers.contains(it));
            if pushes || commits.iter().any(is_own) {
                return Some(Code::SelfApproved);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
