//! What lies between two commits: which one has and the other hasn't, found by walking both histories down to where they meet.
//!
//! The walk is fed with commits newest first, parents after their children, and says when it has seen enough: a release of ten
//! commits costs ten, however long the history below it is.

use std::collections::HashMap;

/// Both histories have it.
const BOTH: u8 = NEW | OLD;
const NEW: u8 = 1;
const OLD: u8 = 2;

/// How one commit stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Same,
    /// The old one lies in the history of the new one.
    Forward,
    /// The new one lies in the history of the old one.
    Back,
    /// Neither lies in the history of the other.
    Sideways,
}

/// A walk down two histories.
#[derive(Debug, Clone)]
pub struct Walk {
    /// What is known of commits that were named as a start or a parent and haven't been seen yet.
    open: HashMap<String, u8>,
    added: Vec<String>,
    removed: Vec<String>,
    /// The new one's first parents that are among its own commits, newest first, each with its number of parents.
    mainline: Vec<(String, usize)>,
    /// The first parent that comes next on the new one's mainline.
    next_main: Option<String>,
}

impl Walk {
    pub fn new(new: &str, old: &str) -> Self {
        let mut walk = Self {
            open: HashMap::new(),
            added: Vec::new(),
            removed: Vec::new(),
            mainline: Vec::new(),
            next_main: Some(new.to_owned()),
        };
        walk.mark(new, NEW);
        walk.mark(old, OLD);
        walk
    }

    fn mark(&mut self, oid: &str, marks: u8) {
        *self.open.entry(oid.to_owned()).or_default() |= marks;
    }

    /// Nothing that is still to come can be on one side alone.
    pub fn is_done(&self) -> bool {
        self.open.values().all(|marks| *marks == BOTH)
    }

    /// The next older commit of the repository, whoever's it is.
    pub fn take(&mut self, oid: &str, parents: &[String]) {
        let Some(marks) = self.open.remove(oid) else {
            return;
        };
        match marks {
            NEW => self.added.push(oid.to_owned()),
            OLD => self.removed.push(oid.to_owned()),
            _ => {}
        }
        if self.next_main.as_deref() == Some(oid) {
            self.next_main = None;
            if marks == NEW {
                self.mainline.push((oid.to_owned(), parents.len()));
                self.next_main = parents.first().cloned();
            }
        }
        for parent in parents {
            self.mark(parent, marks);
        }
    }

    /// What was found; `None` if commits below were never seen, so that nobody can say.
    pub fn between(self) -> Option<Between> {
        if !self.is_done() {
            return None;
        }
        Some(Between {
            way: match (self.added.is_empty(), self.removed.is_empty()) {
                (true, true) => Way::Same,
                (false, true) => Way::Forward,
                (true, false) => Way::Back,
                (false, false) => Way::Sideways,
            },
            added: self.added,
            removed: self.removed,
            mainline: self.mainline,
        })
    }
}

/// What a step from an old commit to a new one brings and takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Between {
    pub way: Way,
    /// Newest first.
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// The first-parent commits among `added`, newest first, each with its number of parents.
    pub mainline: Vec<(String, usize)>,
}

impl Between {
    /// The commands that bring the old tree back, to be run from top to bottom: a merge is taken back with its first parent as the
    /// mainline. Nothing where the old commit isn't below the new one.
    pub fn revert_commands(&self) -> Vec<String> {
        if self.way != Way::Forward {
            return Vec::new();
        }
        let mut commands = Vec::new();
        let mut ordinary: Vec<&str> = Vec::new();
        let flush = |ordinary: &mut Vec<&str>, commands: &mut Vec<String>| {
            if !ordinary.is_empty() {
                commands.push(format!("git revert --no-edit {}", ordinary.join(" ")));
                ordinary.clear();
            }
        };
        for (oid, parents) in &self.mainline {
            if *parents > 1 {
                flush(&mut ordinary, &mut commands);
                commands.push(format!("git revert --no-edit -m 1 {oid}"));
            } else {
                ordinary.push(oid);
            }
        }
        flush(&mut ordinary, &mut commands);
        commands
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // r - a - b --- m - c        x - y is a branch from a, merged by m; s is a branch from b
    //      \       /
    //       x --- y     b - s
    const HISTORY: &[(&str, &[&str])] = &[
        ("s", &["b"]),
        ("c", &["m"]),
        ("m", &["b", "y"]),
        ("y", &["x"]),
        ("b", &["a"]),
        ("x", &["a"]),
        ("a", &["r"]),
        ("r", &[]),
    ];

    fn between(new: &str, old: &str) -> Option<Between> {
        let mut walk = Walk::new(new, old);
        for (oid, parents) in HISTORY {
            if walk.is_done() {
                break;
            }
            let parents: Vec<String> = parents.iter().map(|it| (*it).to_owned()).collect();
            walk.take(oid, &parents);
        }
        walk.between()
    }

    #[test]
    fn what_a_step_brings_and_takes_is_known_from_the_parents() {
        for (new, old, way, added, removed) in [
            ("c", "b", Way::Forward, "c m y x", ""),
            ("b", "c", Way::Back, "", "c m y x"),
            ("s", "c", Way::Sideways, "s", "c m y x"),
            ("m", "m", Way::Same, "", ""),
            ("c", "r", Way::Forward, "c m y b x a", ""),
            ("y", "b", Way::Sideways, "y x", "b"),
        ] {
            let found = between(new, old).unwrap();
            assert_eq!(found.way, way, "{old} to {new}");
            assert_eq!(found.added.join(" "), added, "{old} to {new}");
            assert_eq!(found.removed.join(" "), removed, "{old} to {new}");
        }
    }

    #[test]
    fn the_walk_ends_where_the_histories_meet_and_says_when_it_does_not_know() {
        let mut walk = Walk::new("c", "m");
        walk.take("s", &["b".to_owned()]);
        assert!(!walk.is_done());
        walk.take("c", &["m".to_owned()]);
        assert!(walk.is_done(), "nothing below m is read");
        assert_eq!(between("unknown", "b"), None);
        assert_eq!(between("b", "unknown"), None);
    }

    #[test]
    fn the_first_parents_are_reverted_newest_first_and_merges_by_their_mainline() {
        assert_eq!(
            between("c", "b").unwrap().revert_commands(),
            ["git revert --no-edit c", "git revert --no-edit -m 1 m"]
        );
        assert_eq!(
            between("c", "r").unwrap().revert_commands(),
            [
                "git revert --no-edit c",
                "git revert --no-edit -m 1 m",
                "git revert --no-edit b a"
            ]
        );
        for (new, old) in [("b", "c"), ("s", "c"), ("m", "m")] {
            let none: [&str; 0] = [];
            assert_eq!(between(new, old).unwrap().revert_commands(), none);
        }
    }
}
