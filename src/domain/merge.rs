//! Merging: one ticket goes on in another, and may come back out of it.
//!
//! The absorbed ticket keeps its timeline and its clocks as they stood; what is still owed on it is owed on the survivor from then
//! on. Tickets of different customers aren't merged: one becomes the other's parent.

use super::id::Kind;
use super::refusal::Refusal;
use super::ticket::{State, Ticket};
use super::timeline::{Entry, EntryKind, Facts};

impl Ticket {
    /// Whether it may go on in `survivor`, as far as the two of them are concerned.
    pub fn refuse_merge(&self, survivor: &Ticket) -> Result<(), Refusal> {
        if self.id == survivor.id {
            return Err(Refusal::new("merge-with-itself"));
        }
        if let Some(kind) = [self.key.kind, survivor.key.kind]
            .into_iter()
            .find(|kind| !matches!(kind, Kind::Incident | Kind::Task))
        {
            return Err(Refusal::new("merge-kind").with("kind", kind.as_str()));
        }
        if self.key.kind != survivor.key.kind {
            return Err(Refusal::new("merge-kinds-differ")
                .with("key", self.key.to_string())
                .with("other", survivor.key.to_string()));
        }
        self.refuse_unless_open()?;
        survivor.refuse_unless_open()
    }

    /// Goes on in `survivor`. It isn't open any more; what it waited for stays on its own record.
    pub fn merge_into(&mut self, survivor: &Ticket, why: &str) -> Result<Entry, Refusal> {
        self.refuse_merge(survivor)?;
        let from = std::mem::replace(&mut self.state, State::Cancelled);
        self.merged_into = Some(survivor.id);
        self.awaits_us = false;
        Ok(Entry::new(EntryKind::Merged)
            .fact("into", survivor.key)
            .fact("was", from)
            .body(why))
    }

    /// Comes back out of `survivor`. `merged` is what the entry of the merge says, `seq` its place.
    pub fn unmerge(
        &mut self,
        survivor: &Ticket,
        merged: &Facts,
        seq: i64,
        why: &str,
    ) -> Result<Entry, Refusal> {
        if self.merged_into != Some(survivor.id) {
            return Err(Refusal::new("not-merged").with("key", self.key.to_string()));
        }
        let was = merged.get("was").and_then(|word| word.parse().ok());
        self.state = was.unwrap_or(State::first(self.key.kind));
        self.merged_into = None;
        let mut entry = Entry::new(EntryKind::Unmerged)
            .fact("from", survivor.key)
            .body(why);
        entry.corrects = Some(seq);
        Ok(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::Title;
    use crate::domain::ticket::Opening;
    use crate::domain::timeline::Door;
    use crate::domain::timestamp::Timestamp;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn ticket(kind: Kind, number: i64) -> Ticket {
        let title = Title::parse("Uplink down").unwrap();
        Ticket::open(kind, number, title, &Opening::default(), Door::Web, NOW)
            .unwrap()
            .0
    }

    #[test]
    fn a_merged_ticket_comes_back_as_it_was() {
        let (mut one, other) = (ticket(Kind::Incident, 1), ticket(Kind::Incident, 2));
        one.step(State::InProgress, NOW).unwrap();
        let entry = one.merge_into(&other, "the same cable").unwrap();
        assert!(!one.is_open() && one.merged_into == Some(other.id));
        assert_eq!(one.reopen("", NOW).unwrap_err().rule, "merged");
        let back = one
            .unmerge(&other, &entry.facts, 3, "another cable")
            .unwrap();
        assert_eq!((one.state, one.merged_into), (State::InProgress, None));
        assert_eq!((back.kind, back.corrects), (EntryKind::Unmerged, Some(3)));
        let again = one.unmerge(&other, &entry.facts, 3, "");
        assert_eq!(again.unwrap_err().rule, "not-merged");
    }

    #[test]
    fn what_can_not_be_merged_says_why() {
        let mut one = ticket(Kind::Incident, 1);
        let mut closed = ticket(Kind::Incident, 2);
        closed.resolve("done", NOW).unwrap();
        let refused = |one: &Ticket, other: &Ticket| one.refuse_merge(other).unwrap_err().rule;
        assert_eq!(refused(&one, &one), "merge-with-itself");
        assert_eq!(refused(&one, &closed), "not-open");
        assert_eq!(refused(&closed, &one), "not-open");
        assert_eq!(refused(&one, &ticket(Kind::Task, 1)), "merge-kinds-differ");
        assert_eq!(refused(&ticket(Kind::Change, 1), &one), "merge-kind");
        assert_eq!(
            one.merge_into(&ticket(Kind::Change, 1), "")
                .unwrap_err()
                .rule,
            "merge-kind"
        );
    }
}
