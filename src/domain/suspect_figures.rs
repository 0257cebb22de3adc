//! How often the list of suspects was right: of the incidents whose cause people found, on how many it stood first, or among the first
//! three. Which services a cause is missing from time and again has a feed that is missing. By week, never by person.

use super::id::TicketKey;
use super::sla_report::Period;
use super::timestamp::Timestamp;
use super::week::{Week, weeks};
use super::worktime::Interval;

/// Places that a tired reader looks at.
const FEW: i64 = 3;

/// An incident whose cause was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub incident: TicketKey,
    pub title: String,
    /// When somebody said what it was.
    pub at: Timestamp,
    /// Where the best of its causes stood on the list then, from 1; `None`: on no place.
    pub place: Option<i64>,
}

/// Numbers of a span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Incidents whose cause was found.
    pub found: usize,
    pub first: usize,
    pub among_three: usize,
    pub unlisted: usize,
    /// Sum of 1/place, in millionths.
    reciprocal: i64,
    /// Incidents that were resolved and whose cause nobody named.
    pub unexplained: usize,
}

/// In tenths of a percent, half up; `None`: of nothing.
fn share(n: usize, all: usize) -> Option<i64> {
    let (n, all) = (n as i64, all as i64);
    (all > 0).then(|| (n * 2_000 + all) / (all * 2))
}

impl Tally {
    pub fn of<'a>(found: impl Iterator<Item = &'a Found>, unexplained: usize) -> Self {
        let mut tally = Tally {
            unexplained,
            ..Tally::default()
        };
        for it in found {
            tally.found += 1;
            match it.place {
                None => tally.unlisted += 1,
                Some(place) => {
                    tally.first += usize::from(place == 1);
                    tally.among_three += usize::from(place <= FEW);
                    tally.reciprocal += 1_000_000 / place.max(1);
                }
            }
        }
        tally
    }

    /// hit@1, in tenths of a percent.
    pub fn hit_first(&self) -> Option<i64> {
        share(self.first, self.found)
    }

    /// hit@3, likewise.
    pub fn hit_three(&self) -> Option<i64> {
        share(self.among_three, self.found)
    }

    /// The mean reciprocal rank in thousandths, half up: 1,000 where the cause always stood first.
    pub fn mean_reciprocal_rank(&self) -> Option<i64> {
        let all = self.found as i64;
        (all > 0).then(|| (self.reciprocal + all * 500) / (all * 1_000))
    }
}

/// `514` is `0.514`.
pub fn thousandths(n: i64) -> String {
    format!("{}.{:03}", n / 1_000, n % 1_000)
}

/// What is known of a period.
#[derive(Debug, Clone)]
pub struct Report {
    pub period: Period,
    /// The period isn't over: the numbers are those of this instant.
    pub as_of: Option<Timestamp>,
    /// The latest first.
    pub found: Vec<Found>,
    /// When each incident without a named cause was resolved.
    pub unexplained: Vec<Timestamp>,
}

impl Report {
    pub fn span(&self) -> Interval {
        let whole = self.period.interval();
        Interval::new(whole.from, self.as_of.unwrap_or(whole.to))
    }

    pub fn weeks(&self) -> Vec<Week> {
        weeks(&self.period, self.span().to)
    }

    pub fn tally(&self, span: Interval) -> Tally {
        let found = self.found.iter().filter(|it| span.contains(it.at));
        let unexplained = self.unexplained.iter().filter(|at| span.contains(**at));
        Tally::of(found, unexplained.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(places: &[Option<i64>]) -> Vec<Found> {
        let of = |place: &Option<i64>| Found {
            incident: "INC-1".parse().unwrap(),
            title: String::new(),
            at: Timestamp::from_micros(0),
            place: *place,
        };
        places.iter().map(of).collect()
    }

    #[test]
    fn a_list_is_judged_by_where_the_cause_stood() {
        let all = found(&[Some(1), Some(1), Some(2), Some(3), Some(4), None]);
        let tally = Tally::of(all.iter(), 2);
        assert_eq!(
            (tally.found, tally.first, tally.among_three, tally.unlisted),
            (6, 2, 4, 1)
        );
        assert_eq!(tally.hit_first(), Some(333));
        assert_eq!(tally.hit_three(), Some(667));
        // (1 + 1 + 1/2 + 1/3 + 1/4) / 6 = 0.5139
        assert_eq!(tally.mean_reciprocal_rank(), Some(514));
        assert_eq!(thousandths(514), "0.514");
        assert_eq!(thousandths(1_007), "1.007");
        assert_eq!(tally.unexplained, 2);
    }

    #[test]
    fn of_nothing_there_is_no_share() {
        let none = Tally::of(found(&[]).iter(), 1);
        assert_eq!(none.hit_first(), None);
        assert_eq!(none.hit_three(), None);
        assert_eq!(none.mean_reciprocal_rank(), None);
        let right = Tally::of(found(&[Some(1)]).iter(), 0);
        assert_eq!(right.mean_reciprocal_rank(), Some(1_000));
    }
}
