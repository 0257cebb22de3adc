//! Random calendars, zones and holds around an instant, and the questions that both implementations must answer alike.

use std::sync::Arc;

use chrono::{DateTime, Datelike, Days, NaiveDate};
use chrono_tz::Tz;
use proptest::collection::vec;
use proptest::prelude::*;
use watchkeeper::domain::calendar::{Calendar, Exception, Range, What, When};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::domain::worktime::{self, Hours, Interval};

use super::slow::{Book, Change, Dates, Except, MINUTE, Plan, Slow, Span, Times, offset};

const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A book, the window in which it is looked at, and what is asked. Instants are microseconds.
#[derive(Debug, Clone)]
pub struct Case {
    pub book: Book,
    pub window: Span,
    pub holds: Vec<Span>,
    pub anchors: Vec<i64>,
    /// Thousandths of what is open after an anchor.
    pub shares: Vec<i64>,
}

/// Every change of offset of `zone` in the years 2010 to 2034, in microseconds.
pub fn changes(zone: Tz) -> Vec<i64> {
    let first = 14_610 * 1440; // 2010-01-01
    let last = 23_741 * 1440; // 2035-01-01
    let mut changes = Vec::new();
    let mut at = first;
    while at < last {
        // A quarter of a day: Ramadan and abolished rules never bring two changes within one.
        let next = at + 360;
        if offset(zone, at) != offset(zone, next) {
            let change =
                (at..next).find(|minute| offset(zone, *minute) != offset(zone, minute + 1));
            changes.extend(change.map(|minute| (minute + 1) * MINUTE));
        }
        at = next;
    }
    changes
}

fn date_at(micros: i64) -> NaiveDate {
    DateTime::from_timestamp_micros(micros)
        .expect("within chrono's years")
        .date_naive()
}

/// Ranges as people have them, and ranges with their ends where clocks are changed.
fn times(last: u16) -> impl Strategy<Value = Times> {
    let usual = prop::sample::select(vec![
        (540, 1020),
        (0, 1440),
        (480, 720),
        (780, 1080),
        (1200, 1440),
        (1320, 1800),
        (0, 2880),
        (600, 2880),
        (1439, 1441),
    ]);
    let at_night = (0u16..300, 1u16..240).prop_map(|(from, length)| (from, from + length));
    let around_midnight =
        (1260u16..1440, 1u16..400).prop_map(|(from, length)| (from, from + length));
    let any = (0u16..1440, 1u16..1440).prop_map(|(from, length)| (from, from + length));
    prop_oneof![4 => usual, 2 => at_night, 2 => around_midnight, 2 => any]
        .prop_map(move |(from, to)| (from, to.min(last)))
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Closed),
        vec(times(1440), 1..3).prop_map(Change::ClosedFor),
        vec(times(1440), 0..3).prop_map(Change::Open),
    ]
}

/// Dates near `around`, given in all four ways.
fn dates(around: NaiveDate) -> impl Strategy<Value = Dates> {
    let near = move |days: i64| around + chrono::TimeDelta::days(days);
    let once = (-6i64..40, 0i64..4)
        .prop_map(move |(first, length)| Dates::Once(near(first), near(first + length)));
    let yearly = (
        -20i64..40,
        prop_oneof![3 => Just(0i64), 2 => 1i64..25, 1 => 300i64..364],
    )
        .prop_map(move |(first, length)| {
            let day = |date: NaiveDate| (date.month(), date.day());
            Dates::Yearly(day(near(first)), day(near(first + length)))
        });
    let nth = (
        -10i64..40,
        prop::sample::select(vec![1i8, 2, 3, 4, 5, -1]),
        0u8..7,
    )
        .prop_map(move |(days, nth, weekday)| Dates::Nth(near(days).month(), nth, weekday));
    let easter = (-6i64..40).prop_map(move |days| {
        let date = near(days);
        let from = date - super::slow::easter(date.year());
        let days = from.num_days();
        Dates::Easter(if days.abs() <= 180 { days as i16 } else { 1 })
    });
    prop_oneof![4 => once, 2 => yearly, 1 => nth, 1 => easter]
}

fn plan(zone: Tz, around: NaiveDate) -> impl Strategy<Value = Plan> {
    let single = vec((0u8..7, times(2880)), 0..8);
    let office = (times(2880), 4u8..8)
        .prop_map(|(times, days)| (0..days.min(7)).map(|day| (day, times)).collect::<Vec<_>>());
    let both = (vec((0u8..7, times(2880)), 0..4), times(2880)).prop_map(|(mut list, times)| {
        list.extend((0..7).map(|day| (day, times)));
        list
    });
    let exceptions = vec(
        (dates(around), change()).prop_map(|(dates, change)| Except { dates, change }),
        0..5,
    );
    (prop_oneof![single, office, both], exceptions).prop_map(move |(weekly, exceptions)| Plan {
        zone,
        weekly,
        exceptions,
    })
}

fn any_zone() -> impl Strategy<Value = Tz> {
    prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec())
}

fn book(zone: Tz, centre: i64) -> impl Strategy<Value = Book> {
    let around = date_at(centre);
    let one = plan(zone, around).prop_map(|plan| Book::Union(vec![plan]));
    let union = (plan(zone, around), vec(any_zone(), 1..3)).prop_flat_map(move |(first, zones)| {
        let others: Vec<_> = zones.into_iter().map(|zone| plan(zone, around)).collect();
        others.prop_map(move |others| {
            let mut plans = vec![first.clone()];
            plans.extend(others);
            Book::Union(plans)
        })
    });
    let versions = vec((-3 * DAY..10 * DAY, plan(zone, around)), 2..4).prop_map(move |list| {
        let mut versions: Vec<_> = list
            .into_iter()
            .map(|(after, plan)| (centre + after, plan))
            .collect();
        versions.sort_by_key(|(from, _)| *from);
        Book::Versions(versions)
    });
    prop_oneof![3 => one, 1 => union, 1 => versions]
}

/// A case around `centre`, which is a whole minute.
pub fn case(zone: Tz, centre: i64) -> impl Strategy<Value = Case> {
    let length = prop_oneof![3 => 6i64..12, 1 => 30i64..60];
    let hold = prop_oneof![
        3 => (-2 * DAY..6 * DAY, 1..3 * DAY),
        2 => (-2 * 1440..6 * 1440i64, 1..2_000i64).prop_map(|(from, length)| (from * MINUTE, length * MINUTE)),
        1 => (-2 * HOUR..2 * HOUR, 1..3 * HOUR),
        1 => (0..20 * DAY, Just(1_000 * DAY)),
    ];
    let anchor = prop_oneof![
        -2 * DAY..3 * DAY,
        (-48i64..48).prop_map(|hours| hours * HOUR)
    ];
    let asked = (vec(hold, 0..4), vec(anchor, 2), vec(0i64..1_000, 3));
    (book(zone, centre), length, asked).prop_map(move |(book, days, (holds, anchors, shares))| {
        Case {
            book,
            window: (centre - 3 * DAY, centre + days * DAY),
            holds: holds
                .into_iter()
                .map(|(from, length)| (centre + from, centre + from + length))
                .collect(),
            anchors: anchors.into_iter().map(|after| centre + after).collect(),
            shares,
        }
    })
}

/// The plan as the engine takes it.
fn calendar(plan: &Plan) -> Arc<Calendar> {
    let range = |(from, to): &Times| Range::new(*from, *to).expect("a range");
    let ranges = |list: &[Times]| list.iter().map(range).collect();
    let weekly: Vec<_> = plan
        .weekly
        .iter()
        .map(|(day, times)| (*day, range(times)))
        .collect();
    let exceptions = plan.exceptions.iter().map(|exception| Exception {
        name: String::new(),
        when: match exception.dates {
            Dates::Once(from, to) => When::Once { from, to },
            Dates::Yearly(from, to) => When::Yearly { from, to },
            Dates::Nth(month, nth, weekday) => When::NthWeekday {
                month,
                nth,
                weekday,
            },
            Dates::Easter(days) => When::Easter { days },
        },
        what: match &exception.change {
            Change::Closed => What::Closed,
            Change::ClosedFor(times) => What::ClosedFor(ranges(times)),
            Change::Open(times) => What::Open(ranges(times)),
        },
    });
    let calendar = Calendar::new(plan.zone, &weekly, exceptions.collect());
    Arc::new(calendar.expect("a calendar"))
}

fn hours(book: &Book) -> Hours {
    match book {
        Book::Union(plans) => Hours::union(plans.iter().map(calendar).collect()),
        Book::Versions(versions) => Hours::versions(
            versions
                .iter()
                .map(|(from, plan)| (Timestamp::from_micros(*from), calendar(plan)))
                .collect(),
        ),
    }
}

/// Asks both; answers how many answers were compared, or the first that differs.
pub fn compare(case: &Case) -> Result<u64, String> {
    let at = Timestamp::from_micros;
    let hours = hours(&case.book);
    let slow = Slow::new(&case.book, case.window);
    let mut held: Vec<Interval> = case
        .holds
        .iter()
        .map(|(from, to)| Interval::new(at(*from), at(*to)))
        .collect();
    worktime::unite(&mut held);
    let mut compared = 0;
    let mut differs = |what: String, engine: String, reference: String| {
        compared += 1;
        if engine == reference {
            return Ok(());
        }
        Err(format!(
            "{what}: the engine says {engine}, the definition {reference}\n{case:?}"
        ))
    };
    let text = |found: Option<i64>| found.map_or("none".to_owned(), |micros| at(micros).rfc3339());
    let spans = |spans: &[Span]| {
        let spans = spans.iter();
        let texts =
            spans.map(|(from, to)| format!("{}/{}", at(*from).rfc3339(), at(*to).rfc3339()));
        texts.collect::<Vec<_>>().join(" ")
    };

    let engine: Vec<Span> = hours
        .open_intervals(at(case.window.0), at(case.window.1))
        .iter()
        .map(|interval| (interval.from.micros(), interval.to.micros()))
        .collect();
    differs("open".to_owned(), spans(&engine), spans(slow.open()))?;

    let edges = slow.open().iter().flat_map(|(from, to)| [*from, *to]);
    for edge in edges.take(24).chain(case.anchors.iter().copied()) {
        for instant in [edge - 1, edge] {
            let is_within = case.window.0 <= instant && instant < case.window.1;
            if is_within {
                differs(
                    format!("is open at {}", at(instant).rfc3339()),
                    hours.is_open(at(instant)).to_string(),
                    slow.is_open(instant).to_string(),
                )?;
            }
        }
    }

    for anchor in &case.anchors {
        let whole = slow.counted(*anchor, case.window.1, &case.holds);
        let mut budgets: Vec<i64> = vec![0, 1, whole];
        for share in &case.shares {
            budgets.push((i128::from(whole) * i128::from(*share) / 1_000) as i64);
        }
        // To the very end of a piece.
        if let Some((_, to)) = slow.open().iter().find(|(_, to)| to > anchor) {
            budgets.push(slow.counted(*anchor, *to, &case.holds));
        }
        for budget in budgets {
            let reference = slow.deadline(*anchor, budget, &case.holds);
            let engine = worktime::deadline(&hours, at(*anchor), budget, &held);
            // What the window doesn't reach must lie beyond it.
            let engine = engine.map(Timestamp::micros);
            let within = engine.filter(|at| *at < case.window.1 || reference.is_some());
            differs(
                format!("{budget} µs after {}", at(*anchor).rfc3339()),
                text(within),
                text(reference),
            )?;
        }
        for share in &case.shares {
            let to = anchor + (case.window.1 - anchor) / 1_000 * share;
            differs(
                format!(
                    "counted from {} to {}",
                    at(*anchor).rfc3339(),
                    at(to).rfc3339()
                ),
                worktime::counted(&hours, at(*anchor), at(to), &held).to_string(),
                slow.counted(*anchor, to, &case.holds).to_string(),
            )?;
        }
        for n in 0..4 {
            let reference = slow.end_of_day(*anchor, n, &case.holds);
            let engine = worktime::end_of_day(&hours, at(*anchor), n, &held);
            let engine = engine.map(Timestamp::micros);
            let within = engine.filter(|at| *at <= case.window.1 || reference.is_some());
            differs(
                format!("end of day {n} after {}", at(*anchor).rfc3339()),
                text(within),
                text(reference),
            )?;
        }
    }
    Ok(compared)
}

/// The days around which exceptions are laid are UTC's; that a zone is ahead of it is part of the game.
pub fn some_day(day: i64) -> i64 {
    let first = NaiveDate::from_ymd_opt(2010, 1, 1).expect("a date") + Days::new(day as u64);
    let midnight = first.and_hms_opt(0, 0, 0).expect("every date has one");
    midnight.and_utc().timestamp_micros()
}
