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
    EntryKind::RestoredChanged,
    EntryKind::ResolvedChanged,
];

/// What somebody may take back: entries that were made by hand and satisfied a promise.
pub const BY_HAND: &[EntryKind] = &[
    EntryKind::CustomerContact,
    EntryKind::NoReplyNeeded,
    EntryKind::Restored,
    EntryKind::AffectedRestored,
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
    /// Place, and since when it really worked; the last word on each counts.
    worked: Vec<(i64, Timestamp)>,
    /// Place, and when it really was resolved.
    resolved: Vec<(i64, Timestamp)>,
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
            let moved = match said.kind {
                EntryKind::RestoredChanged => &mut corrections.worked,
                EntryKind::ResolvedChanged => &mut corrections.resolved,
                _ => continue,
            };
            moved.extend(said.corrects.zip(said.facts.instant("to")));
        }
        corrections
    }

    /// Since when it really works, of the entry that said so; `None`: since it was said.
    pub fn worked_at(&self, seq: i64) -> Option<Timestamp> {
        last_word(&self.worked, seq)
    }

    /// When it really was resolved, of the entry that said so.
    pub fn resolved_at(&self, seq: i64) -> Option<Timestamp> {
        last_word(&self.resolved, seq)
    }

    /// When it was what an entry says, all said and done.
    pub fn at(&self, said: &Said<'_>) -> Timestamp {
        let at = match said.kind {
            EntryKind::Resolved => self.resolved_at(said.seq),
            _ => self.worked_at(said.seq),
        };
        at.unwrap_or(said.effective_at)
    }

    /// Since when it works by this entry, all said and done.
    fn works_at(&self, said: &Said<'_>) -> Timestamp {
        let resolved_at = self.resolved_at(said.seq).unwrap_or(said.effective_at);
        match self.worked_at(said.seq) {
            Some(at) => at.min(resolved_at),
            None => resolved_at,
        }
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

fn last_word(said: &[(i64, Timestamp)], seq: i64) -> Option<Timestamp> {
    let last = said.iter().rfind(|(place, _)| *place == seq);
    last.map(|(_, at)| *at)
}

/// When it worked again for this party (`None`: for nobody in particular) and when it broke, ascending. `all`: the entries of [`STORY`].
pub fn turns(party: Option<CustomerId>, all: &[Said<'_>]) -> Vec<(Timestamp, Turn)> {
    let corrections = Corrections::of(all.iter().copied());
    let mut turns: Vec<(Timestamp, Turn)> = counting(party, all)
        .map(|(said, turn)| (corrections.works_at(said), turn))
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
pub fn restored_by<'a>(
    party: Option<CustomerId>,
    impact_at: Timestamp,
    all: &'a [Said<'a>],
) -> Vec<&'a Said<'a>> {
    let outage = last_outage(party, impact_at, all);
    let mut last_break = None;
    let mut by = Vec::new();
    for (said, turn) in counting(party, all) {
        match turn {
            Turn::Broken => last_break = Some(said.seq),
            Turn::Restored => by.push(said),
        }
    }
    if outage.to.is_none() {
        return Vec::new();
    }
    // What was recorded after it had broken may count from before that; what was recorded before is of the outage before.
    by.retain(|said| last_break.is_none_or(|broke| said.seq > broke));
    by
}

/// Nobody waits for anything else to work again.
pub fn refuse_unless_incident(ticket: &Ticket) -> Result<(), Refusal> {
    match ticket.key.kind {
        Kind::Incident => Ok(()),
        _ => Err(Refusal::new("not-an-incident").with("key", ticket.key.to_string())),
    }
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
        refuse_unless_incident(self.ticket)?;
        if at > now {
            return Err(Refusal::new("restored-in-future"));
        }
        if at < self.impact_at {
            return Err(Refusal::new("restored-before-impact"));
        }
        let outage = last_outage(Some(self.party), self.impact_at, self.story);
        if at < outage.from {
            return Err(Refusal::new("restored-before-broken"));
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
    pub fn undo(&self) -> Result<Vec<i64>, Refusal> {
        // Of what is resolved one says so by opening it again.
        self.ticket.refuse_unless_open()?;
        let by = restored_by(Some(self.party), self.impact_at, self.story);
        if by.is_empty() {
            return Err(Refusal::new("not-restored").with("name", self.name.to_owned()));
        }
        Ok(by.iter().map(|said| said.seq).collect())
    }
}

/// What is corrected of the end of a ticket, as it stands.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// The entry that said it.
    pub said: &'a Said<'a>,
    /// When it was, all said and done so far.
    pub at: Timestamp,
}

impl End<'_> {
    /// Never later than it was said, and not before what came before it.
    fn check(&self, at: Timestamp, since: Timestamp) -> Result<(), Refusal> {
        if at > self.said.effective_at {
            return Err(Refusal::new("ended-after-said"));
        }
        if at < since {
            return Err(Refusal::new("restored-before-broken"));
        }
        Ok(())
    }
}

/// How a ticket that was hit at `impact_at` began to work again; refused if nothing says that it does.
pub fn restoration<'a>(impact_at: Timestamp, story: &'a [Said<'a>]) -> Result<End<'a>, Refusal> {
    let corrections = Corrections::of(story.iter().copied());
    let by = restored_by(None, impact_at, story).into_iter();
    let first = by
        .map(|said| (corrections.works_at(said), said))
        .min_by_key(|(at, said)| (*at, said.seq));
    let (at, said) = first.ok_or(Refusal::new("nothing-restored"))?;
    Ok(End { said, at })
}

/// That it worked again at `at` already.
pub fn check_restored(
    impact_at: Timestamp,
    story: &[Said<'_>],
    at: Timestamp,
) -> Result<(), Refusal> {
    let end = restoration(impact_at, story)?;
    if at < impact_at {
        return Err(Refusal::new("restored-before-impact"));
    }
    end.check(at, last_outage(None, impact_at, story).from)
}

/// How a ticket was resolved last; refused if it isn't.
pub fn resolution<'a>(ticket: &Ticket, story: &'a [Said<'a>]) -> Result<End<'a>, Refusal> {
    let last = story.iter().rfind(|said| said.kind == EntryKind::Resolved);
    let corrections = Corrections::of(story.iter().copied());
    let said = last
        .filter(|_| ticket.resolved_at.is_some())
        .ok_or(Refusal::new("nothing-resolved"))?;
    let at = corrections.resolved_at(said.seq);
    Ok(End {
        said,
        at: at.unwrap_or(said.effective_at),
    })
}

/// That it was resolved at `at` already. `held_at`: when it was put on hold the last time, which what is resolved isn't.
pub fn check_resolved(
    ticket: &Ticket,
    story: &[Said<'_>],
    held_at: Option<Timestamp>,
    at: Timestamp,
) -> Result<(), Refusal> {
    let end = resolution(ticket, story)?;
    if at < ticket.impact_at {
        return Err(Refusal::new("restored-before-impact"));
    }
    let reopened = story
        .iter()
        .rfind(|said| said.kind == EntryKind::Reopened)
        .map(|said| said.effective_at);
    end.check(at, reopened.unwrap_or(ticket.impact_at))?;
    if held_at.is_some_and(|held| at < held) {
        return Err(Refusal::new("resolved-before-hold"));
    }
    // Where a restoration of its own stands before it, that comes first.
    match ticket.restored_at {
        Some(restored) if restored < end.at && at < restored => {
            Err(Refusal::new("resolved-before-restored"))
        }
        _ => Ok(()),
    }
}

impl Ticket {
    /// Somebody takes back that it was restored. If it still is, it is in progress again: from and to.
    pub fn not_restored(&mut self) -> Option<(State, State)> {
        if self.state != State::Restored {
            return None;
        }
        let from = std::mem::replace(&mut self.state, State::InProgress);
        Some((from, self.state))
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
            facts.fold(Facts::new(), |facts, (name, value)| {
                facts.with(*name, value)
            })
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
            by.map(|said| said.seq).collect()
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
        assert!(
            corrections.is_void_for(2, Some(ours)) && !corrections.is_void_for(2, Some(theirs))
        );
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
        let by = restored_by(Some(theirs), at(0), &all);
        assert_eq!(by.iter().map(|said| said.seq).collect::<Vec<_>>(), [4]);
        assert!(restored_by(Some(ours), at(0), &all).is_empty());
    }

    #[test]
    fn it_worked_sooner_than_was_said_and_the_last_word_counts() {
        let to = |minute: i64| vec![("to", at(minute).rfc3339())];
        let told = told(&[
            (EntryKind::Resolved, 100, None, vec![]),
            (EntryKind::RestoredChanged, 110, Some(1), to(40)),
            (EntryKind::RestoredChanged, 120, Some(1), to(60)),
            (EntryKind::ResolvedChanged, 130, Some(1), to(90)),
            (EntryKind::TakenBack, 140, Some(1), vec![]),
        ]);
        let all = said(&told);
        let since = |until: usize| works_since(None, at(0), &all[..until]);
        assert_eq!(since(1), Some(at(100)));
        assert_eq!(since(2), Some(at(40)));
        assert_eq!(since(3), Some(at(60)));
        assert_eq!(since(4), Some(at(60)));
        assert_eq!(since(5), None);
        let corrections = Corrections::of(all[..4].iter().copied());
        assert_eq!(corrections.resolved_at(1), Some(at(90)));
        let rule = |at| {
            check_restored(super::tests::at(0), &all[..4], at)
                .err()
                .map(|it| it.rule)
        };
        assert_eq!(rule(at(101)), Some("ended-after-said"));
        assert_eq!(rule(at(100)), None);
        assert_eq!(rule(at(0)), None);
        assert_eq!(rule(at(-1)), Some("restored-before-impact"));
        let none = check_restored(at(0), &all, at(50)).unwrap_err();
        assert_eq!(none.rule, "nothing-restored");
    }
}
