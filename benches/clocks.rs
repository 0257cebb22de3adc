//! How long a deadline takes to find, and a ticket's clocks after a change. To reach: 100,000 due dates up to ten days ahead a
//! second, 20,000 of any; a deadline within 50 µs after a change.

use std::hint::black_box;
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use criterion::{Criterion, criterion_group, criterion_main};
use watchkeeper::domain::calendar::{Calendar, Exception, Range, What, When};
use watchkeeper::domain::id::{Id, Kind};
use watchkeeper::domain::sla_agreement::{Anchor, Budget, Metric, Promisee, Target, Threshold};
use watchkeeper::domain::sla_clock::{
    Event, Happening, Reach, Spell, Terms, Track, derive, in_order,
};
use watchkeeper::domain::ticket::WaitingOn;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::domain::worktime::{Hours, Interval, counted, deadline, end_of_day};

const HOUR: i64 = 3_600_000_000;

/// Monday to Friday 09–17 in Berlin with ten holidays a year.
fn office() -> Calendar {
    let range = Range::parse("09:00-17:00").expect("a range");
    let week: Vec<_> = (0..=4).map(|day| (day, range)).collect();
    let holidays = (0..10).map(|n| {
        let date = NaiveDate::from_ymd_opt(2026, n + 1, 15).expect("a date");
        Exception {
            name: "holiday".to_owned(),
            when: When::Once {
                from: date,
                to: date,
            },
            what: What::Closed,
        }
    });
    Calendar::new(Tz::Europe__Berlin, &week, holidays.collect()).expect("a calendar")
}

fn clocks(bench: &mut Criterion) {
    let hours = Hours::of(Arc::new(office()));
    let always = Hours::of(Arc::new(Calendar::always(Tz::Europe__Berlin)));
    let anchor = Timestamp::parse_rfc3339("2026-03-20T08:17:00Z").expect("an instant");
    let hold = [Interval::new(
        anchor.plus_micros(2 * HOUR),
        anchor.plus_micros(20 * HOUR),
    )];
    bench.bench_function("due in 4 h round the clock", |b| {
        b.iter(|| deadline(&always, black_box(anchor), 4 * HOUR, &[]))
    });
    bench.bench_function(
        "due in 40 working hours, over a change of the clocks",
        |b| b.iter(|| deadline(&hours, black_box(anchor), 40 * HOUR, &[])),
    );
    bench.bench_function("the same with a hold", |b| {
        b.iter(|| deadline(&hours, black_box(anchor), 40 * HOUR, &hold))
    });
    bench.bench_function("due in 8000 working hours, almost four years", |b| {
        b.iter(|| deadline(&hours, black_box(anchor), 8_000 * HOUR, &[]))
    });
    bench.bench_function("end of the fifth working day", |b| {
        b.iter(|| end_of_day(&hours, black_box(anchor), 5, &[]))
    });
    bench.bench_function("worked in a year", |b| {
        b.iter(|| {
            counted(
                &hours,
                black_box(anchor),
                anchor.plus_secs(365 * 86_400),
                &[],
            )
        })
    });
    bench.bench_function("a calendar read and asked once, 40 working hours", |b| {
        b.iter(|| {
            deadline(
                &Hours::of(Arc::new(office())),
                black_box(anchor),
                40 * HOUR,
                &[],
            )
        })
    });
}

/// A resolve clock of 40 working hours.
fn track(hours: &Arc<Hours>, anchor: Timestamp) -> Track {
    let mut target = Target::promise(
        Metric::Resolve,
        Promisee::Customer,
        Kind::Incident,
        anchor,
        Id::new(anchor),
    );
    target.id = Some(Id::new(anchor));
    target.budget = Budget::Counted { secs: 40 * 3_600 };
    target.anchor = Anchor::Logged;
    target.warn = vec![
        Threshold::Percent(50),
        Threshold::Percent(80),
        Threshold::Before { secs: 1_800 },
    ];
    target.stops_on = Target::usual_stops(Metric::Resolve).to_vec();
    let terms = Terms {
        target: Arc::new(target),
        hours: Arc::clone(hours),
    };
    Track {
        metric: Metric::Resolve,
        promisee: Promisee::Customer,
        kind: Kind::Incident,
        anchor_at: anchor,
        spells: vec![Spell {
            from_seq: 0,
            terms: Some(terms),
            reach: Reach::Running,
        }],
        by_hand: (
            Id::new(anchor),
            Arc::new(Hours::of(Arc::new(Calendar::always(Tz::UTC)))),
        ),
        kept: Vec::new(),
    }
}

/// A ticket that waited `waits` times for two hours each, every fifth hour.
fn events(anchor: Timestamp, waits: i64) -> Vec<Event> {
    let event = |seq: i64, hours: i64, what| Event {
        seq,
        effective_at: anchor.plus_micros(hours * HOUR),
        recorded_at: anchor.plus_micros(hours * HOUR),
        what,
    };
    let mut events = vec![event(1, 0, Happening::Opened)];
    for wait in 0..waits {
        let held = Happening::Held {
            on: WaitingOn::Customer,
            until: None,
            by_state: false,
        };
        events.push(event(2 * wait + 2, 5 * wait + 1, held));
        events.push(event(2 * wait + 3, 5 * wait + 3, Happening::Released));
    }
    events
}

fn changes(bench: &mut Criterion) {
    let hours = Arc::new(Hours::of(Arc::new(office())));
    let anchor = Timestamp::parse_rfc3339("2026-03-20T08:17:00Z").expect("an instant");
    let track = track(&hours, anchor);
    for waits in [1, 20] {
        let events = events(anchor, waits);
        let now = anchor.plus_micros(5 * waits * HOUR);
        bench.bench_function(
            &format!("a clock anew after a change, {waits} waits behind it, with its warnings"),
            |b| b.iter(|| derive(&track, &in_order(black_box(events.clone())), now)),
        );
    }
}

criterion_group!(benches, clocks, changes);
criterion_main!(benches);
