//! What later entries of a timeline say of earlier ones: that they don't count, or that it was at another instant. Corrections add and
//! never overwrite: the entry stays where it stands, and whoever reads the timeline for what counts asks here.

use super::availability::{Outage, Turn, outages};
use super::id::{CustomerId, Id, Kind};
use super::refusal::Refusal;
use super::ticket::{State, Ticket};
use super::timeline::{EntryKind, Facts};
use super::timestamp::Timestamp;

/// The fact of an entry that was taken back for one customer alone, and of one that speaks of one: whose.
pub const CUSTOMER: &str = "customer";
/// The fact that names what is taken back besides the entry that is corrected: more places on the timeline, "12,15".
pub const ALSO: &str = "also";

/// The kinds by which a timeline says whether it works.
pub const STORY: &[EntryKind] = &[
    EntryKind::Restored,
    EntryKind::AffectedRestored,
    EntryKind::Resolved,
    EntryKind::Reopened,
    EntryKind::StateChanged,
    EntryKind::TakenBack,
];

/// An entry, as far as it says what counts.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    pub seq: i64,
    pub kind: EntryKind,
    pub effective_at: Timestamp,
    pub corrects: Option<i64>,
    pub facts: &'a Facts,
}

impl Said<'_> {
    /// The places that a taking back names.
    fn taken_back(&self) -> impl Iterator<Item = i64> {
        let also = self.facts.get(ALSO).unwrap_or_default().split(',');
        let also = also.filter_map(|seq| seq.parse().ok());
        self.corrects.into_iter().chain(also)
    }

    /// Whether it takes the entry at this place back.
    pub fn takes_back(&self, seq: i64) -> bool {
        self.kind == EntryKind::TakenBack && self.taken_back().any(|place| place == seq)
    }

    fn customer(&self) -> Option<CustomerId> {
        self.facts.get(CUSTOMER).and_then(Id::parse)
    }

    /// It was restored, and then it wasn't.
    fn breaks(&self) -> bool {
        match self.kind {
            EntryKind::Reopened => true,
            EntryKind::StateChanged => self.facts.get("from") == Some(State::Restored.as_str()),
            _ => false,
        }
    }
}

/// What was said of the entries of one timeline.
#[derive(Debug, Default)]
pub struct Corrections {
    /// Place, and for whom alone it doesn't count.
    taken_back: Vec<(i64, Option<CustomerId>)>,
}

impl Corrections {
    pub fn of<'a>(all: impl IntoIterator<Item = Said<'a>>) -> Self {
        let mut corrections = Self::default();
        for said in all {
            if said.kind == EntryKind::TakenBack {
                let of = said.customer();
                let places = said.taken_back().map(|seq| (seq, of));
                corrections.taken_back.extend(places);
            }
        }
        corrections
    }

    /// Whether an entry counts for nobody.
    pub fn is_void(&self, seq: i64) -> bool {
        self.taken_back.contains(&(seq, None))
    }

    /// Whether an entry counts for nobody of those whom it speaks of.
    pub fn strikes(&self, said: &Said<'_>) -> bool {
        self.is_void(said.seq)
            || said.kind == EntryKind::AffectedRestored
                && self.is_void_for(said.seq, said.customer())
    }

    /// Whether an entry doesn't count for this party (`None`: the house).
    pub fn is_void_for(&self, seq: i64, party: Option<CustomerId>) -> bool {
        self.taken_back
            .iter()
            .any(|(place, of)| *place == seq && (of.is_none() || *of == party))
    }
}

/// When it worked again for this party (`None`: for nobody in particular) and when it broke, ascending. `all`: the entries of [`STORY`].
pub fn turns(party: Option<CustomerId>, all: &[Said<'_>]) -> Vec<(Timestamp, Turn)> {
    let mut turns: Vec<(Timestamp, Turn)> = counting(party, all)
        .map(|(said, turn)| (said.effective_at, turn))
        .collect();
    turns.sort_by_key(|(at, _)| *at);
    turns
}

fn counting<'a>(
    party: Option<CustomerId>,
    all: &'a [Said<'a>],
) -> impl Iterator<Item = (&'a Said<'a>, Turn)> {
    let corrections = Corrections::of(all.iter().copied());
    all.iter().filter_map(move |said| {
        let turn = match said.kind {
            _ if corrections.is_void_for(said.seq, party) => return None,
            EntryKind::Restored | EntryKind::Resolved => Turn::Restored,
            EntryKind::AffectedRestored if party.is_some() && said.customer() == party => {
                Turn::Restored
            }
            _ if said.breaks() => Turn::Broken,
            _ => return None,
        };
        Some((said, turn))
    })
}

/// The outage that a party is in, or the last one that it was in.
fn last_outage(party: Option<CustomerId>, impact_at: Timestamp, all: &[Said<'_>]) -> Outage {
    let all = outages(impact_at, &turns(party, all));
    all.last().copied().unwrap_or(Outage {
        from: impact_at,
        to: None,
    })
}

/// Since when it works for this party, who was hit at `impact_at`; `None`: it doesn't.
pub fn works_since(
    party: Option<CustomerId>,
    impact_at: Timestamp,
    all: &[Said<'_>],
) -> Option<Timestamp> {
    last_outage(party, impact_at, all).to
}

/// The entries by which it works for this party, oldest first. Taken back, it doesn't.
pub fn restored_by(
    party: Option<CustomerId>,
    impact_at: Timestamp,
    all: &[Said<'_>],
) -> Vec<(i64, EntryKind)> {
    let outage = last_outage(party, impact_at, all);
    let mut last_break = None;
    let mut by = Vec::new();
    for (said, turn) in counting(party, all) {
        match turn {
            Turn::Broken => last_break = Some(said.seq),
            Turn::Restored => by.push((said.seq, said.kind)),
        }
    }
    if outage.to.is_none() {
        return Vec::new();
    }
    // What was recorded after it had broken may count from before that; what was recorded before is of the outage before.
    by.retain(|(seq, _)| last_break.is_none_or(|broke| *seq > broke));
    by
}

/// What an instant has to fit, at which it is said to work again for somebody.
#[derive(Debug, Clone, Copy)]
pub struct Restoration<'a> {
    pub ticket: &'a Ticket,
    pub party: CustomerId,
    pub name: &'a str,
    pub impact_at: Timestamp,
    /// The entries of [`STORY`].
    pub story: &'a [Said<'a>],
}

impl Restoration<'_> {
    /// Whether it can have worked again at `at`. What works already can only have worked sooner.
    pub fn check(&self, at: Timestamp, now: Timestamp) -> Result<(), Refusal> {
        if self.ticket.key.kind != Kind::Incident {
            let key = self.ticket.key.to_string();
            return Err(Refusal::new("not-an-incident").with("key", key));
        }
        if at > now {
            return Err(Refusal::new("restored-in-future"));
        }
        if at < self.impact_at {
            return Err(Refusal::new("restored-before-impact").with("name", self.name.to_owned()));
        }
        let outage = last_outage(Some(self.party), self.impact_at, self.story);
        if at < outage.from {
            return Err(Refusal::new("restored-before-broken").with("name", self.name.to_owned()));
        }
        match outage.to {
            Some(since) if at >= since => {
                Err(Refusal::new("already-restored").with("name", self.name.to_owned()))
            }
            Some(_) => Ok(()),
            None => self.ticket.refuse_unless_open(),
        }
    }

    /// The entries that have to be taken back for it not to work after all.
    pub fn undo(&self) -> Result<Vec<(i64, EntryKind)>, Refusal> {
        // Of what is resolved one says so by opening it again.
        self.ticket.refuse_unless_open()?;
        let by = restored_by(Some(self.party), self.impact_at, self.story);
        if by.is_empty() {
            return Err(Refusal::new("not-restored").with("name", self.name.to_owned()));
        }
        Ok(by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(1_790_000_000_000_000).plus_secs(minute * 60)
    }

    fn customer(n: u128) -> CustomerId {
        Id::from_uuid(uuid::Uuid::from_u128(n))
    }

    /// Kind, minute, what it corrects, and facts, in their order on the timeline.
    type Line = (EntryKind, i64, Option<i64>, Vec<(&'static str, String)>);

    fn told(lines: &[Line]) -> Vec<(Line, Facts)> {
        let facts = |line: &Line| {
            let facts = line.3.iter();
            facts.fold(Facts::new(), |facts, (name, value)| facts.with(*name, value))
        };
        lines
            .iter()
            .map(|line| (line.clone(), facts(line)))
            .collect()
    }

    fn said(told: &[(Line, Facts)]) -> Vec<Said<'_>> {
        (1..)
            .zip(told)
            .map(|(seq, (line, facts))| Said {
                seq,
                kind: line.0,
                effective_at: at(line.1),
                corrects: line.2,
                facts,
            })
            .collect()
    }

    fn of(customer: CustomerId) -> Vec<(&'static str, String)> {
        vec![(CUSTOMER, customer.to_string())]
    }

    #[test]
    fn one_customer_works_again_and_the_others_with_the_ticket() {
        let (ours, theirs) = (customer(1), customer(2));
        let told = told(&[
            (EntryKind::AffectedRestored, 60, None, of(ours)),
            (EntryKind::Restored, 120, None, vec![]),
            (EntryKind::Resolved, 150, None, vec![]),
        ]);
        let all = said(&told);
        let since = |party| works_since(party, at(0), &all);
        assert_eq!(since(Some(ours)), Some(at(60)));
        assert_eq!(since(Some(theirs)), Some(at(120)));
        assert_eq!(since(None), Some(at(120)));
        let by = |party, story: &[Said<'_>]| -> Vec<i64> {
            let by = restored_by(party, at(0), story).into_iter();
            by.map(|(seq, _)| seq).collect()
        };
        assert_eq!(by(Some(ours), &all), [1, 2, 3]);
        assert_eq!(by(Some(theirs), &all), [2, 3]);
        assert_eq!(by(Some(theirs), &all[..1]), [0; 0]);
    }

    #[test]
    fn what_is_taken_back_for_one_counts_for_the_others() {
        let (ours, theirs) = (customer(1), customer(2));
        let mut undone = of(ours);
        undone.push((ALSO, "2".to_owned()));
        let told = told(&[
            (EntryKind::AffectedRestored, 60, None, of(ours)),
            (EntryKind::Restored, 120, None, vec![]),
            (EntryKind::TakenBack, 130, Some(1), undone),
            (EntryKind::AffectedRestored, 140, None, of(ours)),
        ]);
        let all = said(&told);
        assert_eq!(works_since(Some(ours), at(0), &all[..3]), None);
        assert_eq!(works_since(Some(ours), at(0), &all), Some(at(140)));
        assert_eq!(works_since(Some(theirs), at(0), &all), Some(at(120)));
        let corrections = Corrections::of(all);
        assert!(corrections.is_void_for(2, Some(ours)) && !corrections.is_void_for(2, Some(theirs)));
        assert!(!corrections.is_void(2), "it counts for somebody");
    }

    #[test]
    fn what_broke_again_broke_for_everybody() {
        let (ours, theirs) = (customer(1), customer(2));
        let broke = vec![("from", "restored".to_owned())];
        let told = told(&[
            (EntryKind::AffectedRestored, 60, None, of(ours)),
            (EntryKind::Restored, 120, None, vec![]),
            (EntryKind::StateChanged, 130, None, broke),
            (EntryKind::AffectedRestored, 140, None, of(theirs)),
            (EntryKind::StateChanged, 150, None, vec![]),
        ]);
        let all = said(&told);
        assert_eq!(works_since(Some(ours), at(0), &all), None);
        assert_eq!(works_since(Some(theirs), at(0), &all), Some(at(140)));
        assert_eq!(
            outages(at(0), &turns(Some(theirs), &all)),
            [(0, 120), (130, 140)].map(|(from, to)| Outage {
                from: at(from),
                to: Some(at(to))
            })
        );
        assert_eq!(
            restored_by(Some(theirs), at(0), &all),
            [(4, EntryKind::AffectedRestored)]
        );
        assert!(restored_by(Some(ours), at(0), &all).is_empty());
    }
}
