//! Commits and changes both ways: what was published without a change, and which changes ended without a commit. By repository and
//! week, never by person.
//!
//! A commit stands on a ticket where its message says so with `refs` or more, which is what a push is asked too. A merge brings
//! nothing of its own; the revert of a commit that stands on a change stands there as well, any other is exempt, as is what is
//! squashed into another (`git-hooks-and-deployments` 4.2). What names nothing and was deployed under a standing change stands on that
//! one. What a program wrote by itself is counted apart. Whoever decided that
//! no ticket is needed has said why, and that is shown.

use super::commit_message::Relation;
use super::id::{Kind, RepositoryId, TicketKey};
use super::sla_report::Period;
use super::ticket::Outcome;
use super::timestamp::Timestamp;
use super::week::{Week, weeks};
use super::word::words;
use super::worktime::Interval;

/// How a decision about a push begins that says why it needs no ticket: as the option is written.
pub const WAIVED: &str = "no-ticket: ";

words! {
    /// What a commit stands on.
    pub enum Standing {
        Change = "change",
        /// On a task, an incident or a post-mortem, and on no change.
        Ticket = "ticket",
        /// Its message or its push says why it needs none.
        NoTicket = "no_ticket",
        Nothing = "nothing",
        Merge = "merge",
        /// It takes back what stood on nothing either.
        Revert = "revert",
        /// `fixup!` and its like.
        Autosquash = "autosquash",
        /// A program wrote it by itself.
        Bot = "bot",
        /// Older than its repository's record, or part of an import: nobody asked it for anything.
        Imported = "imported",
    }
}

impl Standing {
    /// It is asked for a change: what shares are shares of.
    pub const fn is_asked(self) -> bool {
        match self {
            Standing::Change | Standing::Ticket | Standing::NoTicket | Standing::Nothing => true,
            Standing::Merge
            | Standing::Revert
            | Standing::Autosquash
            | Standing::Bot
            | Standing::Imported => false,
        }
    }
}

/// A published commit, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub subject: String,
    pub author_name: String,
    pub author_email: String,
    pub parent_count: usize,
    pub takes_back: bool,
    pub is_imported: bool,
    /// Why it needs no ticket, by its message or its push.
    pub no_ticket: Option<String>,
    /// The tickets that it names, and how.
    pub links: Vec<(TicketKey, Relation)>,
}

/// Where a commit stands: the first that holds.
pub fn standing(of: &Facts) -> Standing {
    let least = match of.parent_count {
        // The branch that a merge names is the change that it brings.
        2.. => Relation::Merge,
        _ => Relation::Refs,
    };
    let mut kinds = of
        .links
        .iter()
        .filter(|(_, relation)| *relation >= least)
        .map(|(key, _)| key.kind)
        .peekable();
    if of.is_imported {
        return Standing::Imported;
    }
    if kinds.peek().is_some() {
        return match kinds.any(|kind| kind == Kind::Change) {
            true => Standing::Change,
            false => Standing::Ticket,
        };
    }
    if of
        .no_ticket
        .as_deref()
        .is_some_and(|why| !why.trim().is_empty())
    {
        return Standing::NoTicket;
    }
    let squashed = ["fixup! ", "squash! ", "amend! "];
    match of.parent_count {
        2.. => Standing::Merge,
        _ if of.takes_back => Standing::Revert,
        _ if squashed.iter().any(|start| of.subject.starts_with(start)) => Standing::Autosquash,
        _ if is_bot(of) => Standing::Bot,
        _ => Standing::Nothing,
    }
}

/// As forges mark their programs: `dependabot[bot]`, by name or address.
fn is_bot(of: &Facts) -> bool {
    let account = of.author_email.split('@').next().unwrap_or_default();
    of.author_name.trim().ends_with("[bot]") || account.ends_with("[bot]")
}

/// A commit with where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub oid: String,
    pub subject: String,
    pub published_at: Timestamp,
    pub standing: Standing,
    pub no_ticket: Option<String>,
    /// The tickets that it stands on.
    pub tickets: Vec<TicketKey>,
}

/// A change that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub key: TicketKey,
    pub title: String,
    pub closed_at: Timestamp,
    pub outcome: Option<Outcome>,
    /// A commit of any repository stands on it.
    pub has_commit: bool,
}

/// What happened in one repository; or, without one, the changes whose services have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    pub repository: Option<(RepositoryId, String)>,
    /// By their publication.
    pub commits: Vec<Commit>,
    /// By their end. One of several repositories stands in each.
    pub changes: Vec<Change>,
}

words! {
    /// A number of the table, by the list that it is the length of.
    pub enum Column {
        Change = "change",
        Ticket = "ticket",
        NoTicket = "no_ticket",
        Nothing = "nothing",
        /// Merges, reverts, what is squashed, programs and imports.
        Exempt = "exempt",
        /// Changes that ended without a commit.
        Without = "without",
        /// Changes that ended with one.
        With = "with",
    }
}

impl Column {
    pub fn has_commit(self, it: &Commit) -> bool {
        match self {
            Column::Change => it.standing == Standing::Change,
            Column::Ticket => it.standing == Standing::Ticket,
            Column::NoTicket => it.standing == Standing::NoTicket,
            Column::Nothing => it.standing == Standing::Nothing,
            Column::Exempt => !it.standing.is_asked(),
            Column::Without | Column::With => false,
        }
    }

    pub fn has_change(self, it: &Change) -> bool {
        match self {
            Column::Without => !it.has_commit,
            Column::With => it.has_commit,
            Column::Change
            | Column::Ticket
            | Column::NoTicket
            | Column::Nothing
            | Column::Exempt => false,
        }
    }
}

/// Numbers of a span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    counts: [usize; Column::ALL.len()],
}

impl Tally {
    pub fn count(&self, column: Column) -> usize {
        self.counts[column as usize]
    }

    /// Commits that are asked for a change.
    pub fn asked(&self) -> usize {
        [
            Column::Change,
            Column::Ticket,
            Column::NoTicket,
            Column::Nothing,
        ]
        .iter()
        .map(|column| self.count(*column))
        .sum()
    }

    /// How many of them stand on one, in tenths of a percent, half up; `None`: none was asked.
    pub fn share(&self) -> Option<i64> {
        let (n, all) = (self.count(Column::Change) as i64, self.asked() as i64);
        (all > 0).then(|| (n * 2_000 + all) / (all * 2))
    }

    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|n| *n == 0)
    }
}

impl Covered {
    pub fn tally(&self, span: Interval) -> Tally {
        let mut tally = Tally::default();
        for column in Column::ALL {
            let commits = self
                .commits
                .iter()
                .filter(|it| span.contains(it.published_at));
            let changes = self.changes.iter().filter(|it| span.contains(it.closed_at));
            tally.counts[*column as usize] = commits.filter(|it| column.has_commit(it)).count()
                + changes.filter(|it| column.has_change(it)).count();
        }
        tally
    }

    pub fn name(&self) -> Option<&str> {
        self.repository.as_ref().map(|(_, name)| name.as_str())
    }
}

/// What is known of a period.
#[derive(Debug, Clone)]
pub struct Report {
    pub period: Period,
    /// The period isn't over: the numbers are those of this instant.
    pub as_of: Option<Timestamp>,
    /// By name; changes without a repository last.
    pub covered: Vec<Covered>,
}

impl Report {
    /// The period as far as it isn't still to come.
    pub fn span(&self) -> Interval {
        let whole = self.period.interval();
        Interval::new(whole.from, self.as_of.unwrap_or(whole.to))
    }

    pub fn weeks(&self) -> Vec<Week> {
        weeks(&self.period, self.span().to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: Kind, number: i64) -> TicketKey {
        TicketKey { kind, number }
    }

    fn facts(change: impl FnOnce(&mut Facts)) -> Facts {
        let mut facts = Facts {
            subject: "Raise pool size".into(),
            author_name: "Ada Lovelace".into(),
            author_email: "ada@example.org".into(),
            parent_count: 1,
            ..Facts::default()
        };
        change(&mut facts);
        facts
    }

    #[test]
    fn a_commit_stands_where_the_first_rule_says() {
        use Standing as S;
        let chg = |relation| vec![(key(Kind::Change, 7), relation)];
        let tsk = |relation| vec![(key(Kind::Task, 9), relation)];
        type Case = (&'static str, Standing, Facts);
        let cases: Vec<Case> = vec![
            ("nothing is said", S::Nothing, facts(|_| {})),
            (
                "refs",
                S::Change,
                facts(|it| it.links = chg(Relation::Refs)),
            ),
            (
                "implements",
                S::Change,
                facts(|it| it.links = chg(Relation::Implements)),
            ),
            (
                "a mention is none",
                S::Nothing,
                facts(|it| it.links = chg(Relation::Mention)),
            ),
            (
                "a branch's name is none",
                S::Nothing,
                facts(|it| it.links = chg(Relation::Merge)),
            ),
            (
                "a task alone",
                S::Ticket,
                facts(|it| it.links = tsk(Relation::Closes)),
            ),
            (
                "a task and a change",
                S::Change,
                facts(|it| it.links = [tsk(Relation::Closes), chg(Relation::Refs)].concat()),
            ),
            ("a merge", S::Merge, facts(|it| it.parent_count = 2)),
            (
                "a merge of a branch that is named after a change",
                S::Change,
                facts(|it| (it.parent_count, it.links) = (2, chg(Relation::Merge))),
            ),
            ("a revert", S::Revert, facts(|it| it.takes_back = true)),
            (
                "the revert of what stood on a change",
                S::Change,
                facts(|it| (it.takes_back, it.links) = (true, chg(Relation::Reverts))),
            ),
            (
                "decided",
                S::NoTicket,
                facts(|it| it.no_ticket = Some("typo".into())),
            ),
            (
                "decided without a reason",
                S::Nothing,
                facts(|it| it.no_ticket = Some(" ".into())),
            ),
            (
                "decided, but named all the same",
                S::Change,
                facts(|it| (it.no_ticket, it.links) = (Some("typo".into()), chg(Relation::Refs))),
            ),
            (
                "squashed later",
                S::Autosquash,
                facts(|it| it.subject = "fixup! Raise".into()),
            ),
            (
                "a bot by name",
                S::Bot,
                facts(|it| it.author_name = "renovate[bot]".into()),
            ),
            (
                "a bot by address",
                S::Bot,
                facts(|it| {
                    it.author_email = "49699333+dependabot[bot]@users.noreply.github.com".into()
                }),
            ),
            (
                "somebody called Bot",
                S::Nothing,
                facts(|it| it.author_name = "Ada Bot".into()),
            ),
            (
                "a bot that names a change",
                S::Change,
                facts(|it| (it.author_name, it.links) = ("x[bot]".into(), chg(Relation::Refs))),
            ),
            (
                "an import",
                S::Imported,
                facts(|it| (it.is_imported, it.links) = (true, chg(Relation::Refs))),
            ),
        ];
        for (what, expected, facts) in cases {
            assert_eq!(standing(&facts), expected, "{what}");
        }
    }

    #[test]
    fn a_share_is_of_what_is_asked_and_of_its_span() {
        let at = |secs: i64| Timestamp::from_micros(1_780_304_400_000_000).plus_secs(secs);
        let commit = |secs: i64, standing| Commit {
            oid: secs.to_string(),
            subject: String::new(),
            published_at: at(secs),
            standing,
            no_ticket: None,
            tickets: Vec::new(),
        };
        use Standing as S;
        let standings = [
            S::Change,
            S::Change,
            S::Ticket,
            S::NoTicket,
            S::Nothing,
            S::Nothing,
            S::Nothing,
            S::Merge,
            S::Bot,
            S::Imported,
        ];
        let commits = standings
            .iter()
            .zip(0..)
            .map(|(it, secs)| commit(secs, *it))
            .collect();
        let change = |secs: i64, has_commit| Change {
            key: key(Kind::Change, secs),
            title: String::new(),
            closed_at: at(secs),
            outcome: None,
            has_commit,
        };
        let covered = Covered {
            repository: None,
            commits,
            changes: vec![
                change(0, true),
                change(1, false),
                change(9, false),
                change(10, false),
            ],
        };
        let tally = covered.tally(Interval::new(at(0), at(10)));
        let counts: Vec<usize> = Column::ALL.iter().map(|it| tally.count(*it)).collect();
        assert_eq!(counts, [2, 1, 1, 3, 3, 2, 1]);
        assert_eq!(
            (tally.asked(), tally.share()),
            (7, Some(286)),
            "2 of 7 is 28.57 %"
        );
        let none = covered.tally(Interval::new(at(7), at(8)));
        assert_eq!(
            (none.asked(), none.share(), none.is_empty()),
            (0, None, false)
        );
        assert!(covered.tally(Interval::new(at(20), at(30))).is_empty());
    }
}
