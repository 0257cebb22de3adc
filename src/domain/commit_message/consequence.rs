//! What a commit does to the tickets it names. Saying it is the parser's; this is the policy, as one table.

use super::super::id::Kind;
use super::super::word::words;
use super::Relation;

words! {
    /// What follows for one ticket, beyond the link that always stands on it.
    pub enum Consequence {
        /// The link is all.
        Link = "link",
        /// The commit is part of what the change brings.
        Content = "content",
        /// The change begins with it.
        Open = "open",
        Resolve = "resolve",
        Reopen = "reopen",
        /// The incident's mending is in the repository; it is over when that runs where it is needed.
        FixLanded = "fix_landed",
        /// Undoes what this ticket's commits did: said, not acted on.
        NoteRevert = "note_revert",
        /// The change's way back is ready; deploying it rolls the change back.
        RevertPrepared = "revert_prepared",
        /// A change isn't reopened by a commit; the ticket says that it was asked for.
        RefuseReopen = "refuse_reopen",
        /// Whoever pushed it may not resolve this.
        DenyResolve = "deny_resolve",
        /// Whoever pushed it may not reopen this.
        DenyReopen = "deny_reopen",
        /// The commit mends what this did: it is found to be a cause of the incidents that the message names.
        Repair = "repair",
        /// The work that the commit is part of is found to be a cause of this incident.
        Blame = "blame",
        /// The work is brought to another branch.
        Backport = "backport",
    }
}

/// What `relation` means for a ticket of this kind once the commit is published.
pub const fn consequence(kind: Kind, relation: Relation) -> Consequence {
    use Consequence as C;
    match (kind, relation) {
        (_, Relation::Mention | Relation::Merge | Relation::Refs) => C::Link,
        (_, Relation::BackportOf) => C::Backport,
        (_, Relation::CausedBy) => C::Repair,
        (Kind::Incident, Relation::Causes) => C::Blame,
        // On anything else it is a word about it.
        (_, Relation::Causes) => C::Link,
        (Kind::Change, Relation::Implements | Relation::Closes) => C::Content,
        (Kind::Change, Relation::Reopens) => C::RefuseReopen,
        (Kind::Change, Relation::Reverts) => C::RevertPrepared,
        (_, Relation::Implements) => C::Link,
        (Kind::Task, Relation::Closes) => C::Resolve,
        (Kind::Incident, Relation::Closes) => C::FixLanded,
        (Kind::Task | Kind::Incident, Relation::Reopens) => C::Reopen,
        (Kind::Task | Kind::Incident, Relation::Reverts) => C::NoteRevert,
        // A post-mortem is done when people have met, not when something was committed.
        (Kind::PostMortem, Relation::Closes | Relation::Reopens | Relation::Reverts) => C::Link,
    }
}

impl Consequence {
    /// What it is where whoever pushed the commit may not do that.
    pub const fn denied(self) -> Self {
        match self {
            Consequence::Resolve => Consequence::DenyResolve,
            Consequence::Reopen => Consequence::DenyReopen,
            other => other,
        }
    }

    /// Does it move a ticket's state? Such a consequence waits until the commit is published, and happens once.
    pub const fn moves_state(self) -> bool {
        matches!(self, Consequence::Resolve | Consequence::Reopen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_closes_tasks_and_never_a_change() {
        for relation in Relation::ALL {
            assert!(
                !consequence(Kind::Change, *relation).moves_state(),
                "{relation}"
            );
            assert!(
                !consequence(Kind::PostMortem, *relation).moves_state(),
                "{relation}"
            );
        }
        assert_eq!(
            consequence(Kind::Task, Relation::Closes),
            Consequence::Resolve
        );
        assert_eq!(
            consequence(Kind::Task, Relation::Mention),
            Consequence::Link
        );
        assert_eq!(
            consequence(Kind::Change, Relation::Closes),
            Consequence::Content
        );
        assert_eq!(
            consequence(Kind::Incident, Relation::Closes),
            Consequence::FixLanded
        );
        assert_eq!(
            consequence(Kind::Incident, Relation::Reopens),
            Consequence::Reopen
        );
        // What a relation says of the past moves nothing.
        for kind in Kind::ALL {
            for relation in [Relation::BackportOf, Relation::Causes, Relation::CausedBy] {
                assert!(
                    !consequence(*kind, relation).moves_state(),
                    "{kind} {relation}"
                );
            }
        }
        assert!(!Consequence::Resolve.denied().moves_state());
        assert!(!Consequence::Reopen.denied().moves_state());
    }
}
