//! The cases of the specification's table that are about counting (T01–T23, T47–T49, T68), and what surrounds them.

use chrono::NaiveDate;
use proptest::prelude::*;

use super::*;
use crate::domain::calendar::{Exception, Range, What, When};

const HOUR: i64 = 3_600 * MICROS;
const MINUTE: i64 = 60 * MICROS;
const BERLIN: Tz = Tz::Europe__Berlin;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// `2026-03-30 09:00` on the wall clock of `zone`; the earlier of two.
fn local(zone: Tz, text: &str) -> Timestamp {
    let naive = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    naive.and_local_timezone(zone).earliest().unwrap().into()
}

fn range(text: &str) -> Range {
    Range::parse(text).unwrap()
}

fn week(
    zone: Tz,
    days: std::ops::RangeInclusive<u8>,
    hours: &str,
    exceptions: Vec<Exception>,
) -> Hours {
    let ranges: Vec<_> = days.map(|day| (day, range(hours))).collect();
    Hours::of(Arc::new(Calendar::new(zone, &ranges, exceptions).unwrap()))
}

fn working(zone: Tz) -> Hours {
    week(zone, 0..=4, "09:00-17:00", Vec::new())
}

fn always(zone: Tz) -> Hours {
    Hours::of(Arc::new(Calendar::always(zone)))
}

fn once(y: i32, m: u32, d: u32, what: What) -> Exception {
    let date = NaiveDate::from_ymd_opt(y, m, d).unwrap();
    Exception {
        name: "special".into(),
        when: When::Once {
            from: date,
            to: date,
        },
        what,
    }
}

fn due(hours: &Hours, anchor: Timestamp, budget: i64) -> String {
    deadline(hours, anchor, budget, &[]).unwrap().rfc3339()
}

#[test]
fn t01_a_working_day_ends_on_its_own_evening() {
    assert_eq!(
        due(
            &working(BERLIN),
            local(BERLIN, "2026-03-30 09:00"),
            8 * HOUR
        ),
        "2026-03-30T15:00:00Z"
    );
}

#[test]
fn t02_a_spring_weekend_does_not_shift_monday() {
    assert_eq!(
        due(
            &working(BERLIN),
            local(BERLIN, "2026-03-27 16:00"),
            8 * HOUR
        ),
        "2026-03-30T14:00:00Z"
    );
}

#[test]
fn t03_an_autumn_weekend_does_not_shift_monday() {
    let zone = Tz::America__New_York;
    assert_eq!(
        due(&working(zone), local(zone, "2026-10-30 16:00"), 8 * HOUR),
        "2026-11-02T21:00:00Z"
    );
}

#[test]
fn t04_round_the_clock_skips_the_missing_hour() {
    assert_eq!(
        due(&always(BERLIN), local(BERLIN, "2026-03-29 00:30"), 4 * HOUR),
        "2026-03-29T03:30:00Z"
    );
}

#[test]
fn t05_round_the_clock_counts_the_repeated_hour() {
    assert_eq!(
        due(&always(BERLIN), local(BERLIN, "2026-10-25 00:30"), 4 * HOUR),
        "2026-10-25T02:30:00Z"
    );
}

#[test]
fn t06_t07_t08_elapsed_time_across_the_changes() {
    let cases = [
        (
            always(BERLIN),
            "2026-03-28 23:30",
            "2026-03-30 12:00",
            35 * HOUR + 30 * MINUTE,
        ),
        (
            always(BERLIN),
            "2026-10-25 00:30",
            "2026-10-26 12:00",
            36 * HOUR + 30 * MINUTE,
        ),
        (
            week(BERLIN, 0..=6, "09:00-17:00", vec![]),
            "2026-03-28 23:30",
            "2026-03-30 12:00",
            11 * HOUR,
        ),
    ];
    for (hours, from, to, expected) in cases {
        assert_eq!(
            counted(&hours, local(BERLIN, from), local(BERLIN, to), &[]),
            expected,
            "{from}"
        );
    }
}

fn in_days(hours: &Hours, zone: Tz, from: &str, to: &str) -> i64 {
    counted(hours, local(zone, from), local(zone, to), &[])
}

#[test]
fn t09_a_night_shift_is_seven_or_nine_hours() {
    let hours = week(BERLIN, 5..=5, "22:00-06:00", vec![]);
    assert_eq!(
        in_days(&hours, BERLIN, "2026-03-28 12:00", "2026-03-30 12:00"),
        7 * HOUR
    );
    assert_eq!(
        in_days(&hours, BERLIN, "2026-10-24 12:00", "2026-10-26 12:00"),
        9 * HOUR
    );
}

#[test]
fn t10_t11_ranges_around_the_change_itself() {
    for (hours, spring, autumn) in [
        ("02:15-02:45", 0, 90 * MINUTE),
        ("02:30-10:00", 7 * HOUR, 8 * HOUR + 30 * MINUTE),
    ] {
        let hours = week(BERLIN, 6..=6, hours, vec![]);
        assert_eq!(
            in_days(&hours, BERLIN, "2026-03-28 12:00", "2026-03-30 12:00"),
            spring
        );
        assert_eq!(
            in_days(&hours, BERLIN, "2026-10-24 12:00", "2026-10-26 12:00"),
            autumn
        );
    }
}

#[test]
fn t12_t13_midnights_that_do_not_exist() {
    let santiago = Tz::America__Santiago;
    assert_eq!(
        in_days(
            &always(santiago),
            santiago,
            "2026-09-05 12:00",
            "2026-09-07 00:00"
        ),
        35 * HOUR
    );
    let cairo = Tz::Africa__Cairo;
    let friday = week(cairo, 4..=4, "00:00-24:00", vec![]);
    assert_eq!(
        in_days(&friday, cairo, "2026-04-23 12:00", "2026-04-26 12:00"),
        23 * HOUR
    );
}

#[test]
fn t14_half_hour_changes() {
    let zone = Tz::Australia__Lord_Howe;
    let sunday = week(zone, 6..=6, "00:00-24:00", vec![]);
    assert_eq!(
        in_days(&sunday, zone, "2026-10-03 12:00", "2026-10-05 12:00"),
        23 * HOUR + 30 * MINUTE
    );
    assert_eq!(
        in_days(&sunday, zone, "2026-04-04 12:00", "2026-04-06 12:00"),
        24 * HOUR + 30 * MINUTE
    );
}

#[test]
fn t15_t17_other_zones() {
    let kathmandu = Tz::Asia__Kathmandu;
    assert_eq!(
        due(
            &working(kathmandu),
            local(kathmandu, "2026-06-05 16:30"),
            HOUR
        ),
        "2026-06-08T03:45:00Z"
    );
    assert_eq!(
        due(
            &working(Tz::Asia__Tokyo),
            local(BERLIN, "2026-06-01 16:00"),
            4 * HOUR
        ),
        "2026-06-02T04:00:00Z"
    );
}

#[test]
fn t16_midnight_is_no_hole() {
    let hours = week(BERLIN, 0..=6, "00:00-24:00", vec![]);
    let start = local(BERLIN, "2026-06-01 10:00");
    assert_eq!(
        deadline(&hours, start, 72 * HOUR, &[]),
        Some(local(BERLIN, "2026-06-04 10:00"))
    );
}

#[test]
fn t18_a_yearly_closing_crosses_new_year() {
    let closed = Exception {
        name: "year's end".into(),
        when: When::Yearly {
            from: (12, 24),
            to: (1, 2),
        },
        what: What::Closed,
    };
    let hours = week(BERLIN, 0..=4, "09:00-17:00", vec![closed]);
    assert_eq!(
        deadline(&hours, local(BERLIN, "2026-12-23 16:00"), 2 * HOUR, &[]),
        Some(local(BERLIN, "2027-01-04 10:00"))
    );
}

#[test]
fn t19_a_half_day_then_a_holiday() {
    let exceptions = vec![
        once(2026, 12, 24, What::Open(vec![range("09:00-13:00")])),
        once(2026, 12, 25, What::Closed),
    ];
    let hours = week(BERLIN, 0..=4, "09:00-17:00", exceptions);
    assert_eq!(
        deadline(&hours, local(BERLIN, "2026-12-23 16:00"), 6 * HOUR, &[]),
        Some(local(BERLIN, "2026-12-28 10:00"))
    );
}

#[test]
fn t20_a_union_follows_the_sun() {
    let calendar = |zone| {
        let week: Vec<_> = (0..=4).map(|day| (day, range("09:00-17:00"))).collect();
        Arc::new(Calendar::new(zone, &week, vec![]).unwrap())
    };
    let union = Hours::union(vec![calendar(BERLIN), calendar(Tz::America__New_York)]);
    assert_eq!(
        in_days(&union, BERLIN, "2026-03-09 00:00", "2026-03-10 00:00"),
        13 * HOUR
    );
    assert_eq!(
        in_days(&union, BERLIN, "2026-03-02 00:00", "2026-03-03 00:00"),
        14 * HOUR
    );
    let both = Hours::union(vec![
        Arc::new(Calendar::always(BERLIN)),
        Arc::new(Calendar::always(Tz::Asia__Tokyo)),
    ]);
    assert_eq!(
        in_days(&both, BERLIN, "2026-03-02 00:00", "2026-03-09 00:00"),
        7 * 24 * HOUR
    );
}

#[test]
fn t21_a_hold_pushes_the_deadline_by_its_working_time() {
    let held = [Interval::new(
        local(BERLIN, "2026-06-01 11:00"),
        local(BERLIN, "2026-06-02 10:00"),
    )];
    let found = deadline(
        &working(BERLIN),
        local(BERLIN, "2026-06-01 09:00"),
        4 * HOUR,
        &held,
    );
    assert_eq!(found, Some(local(BERLIN, "2026-06-02 12:00")));
}

#[test]
fn t22_a_hold_within_the_repeated_hour() {
    let hold = Interval::new(at("2026-10-25T00:10:00Z"), at("2026-10-25T01:50:00Z"));
    let (from, to) = (at("2026-10-24T22:00:00Z"), at("2026-10-25T22:00:00Z"));
    assert_eq!(
        counted(&always(BERLIN), from, to, &[hold]),
        24 * HOUR - 100 * MINUTE
    );
}

#[test]
fn t23_holds_are_exact_to_the_second_wherever_they_lie() {
    for start in ["2026-06-01T10:00:50Z", "2026-06-01T10:00:00Z"] {
        let hold = Interval::new(at(start), at(start).plus_secs(20));
        let due = deadline(
            &always(BERLIN),
            at("2026-06-01T09:00:00Z"),
            2 * HOUR,
            &[hold],
        );
        assert_eq!(due, Some(at("2026-06-01T11:00:20Z")));
    }
}

#[test]
fn a_hold_at_or_after_the_deadline_does_not_move_it() {
    let anchor = at("2026-06-01T09:00:00Z");
    let due = anchor.plus_micros(HOUR);
    let hold = Interval::new(due, due.plus_micros(HOUR));
    assert_eq!(deadline(&always(BERLIN), anchor, HOUR, &[hold]), Some(due));
    let earlier = Interval::new(due.plus_micros(-1), due.plus_micros(HOUR));
    assert_eq!(
        deadline(&always(BERLIN), anchor, HOUR, &[earlier]),
        Some(due.plus_micros(HOUR + 1))
    );
    let for_ever = Interval::new(anchor.plus_micros(1), Timestamp::NEVER);
    assert_eq!(deadline(&always(BERLIN), anchor, HOUR, &[for_ever]), None);
}

#[test]
fn t47_what_is_never_open_says_so() {
    let now = at("2026-06-01T09:00:00Z");
    let empty = Hours::of(Arc::new(Calendar::new(BERLIN, &[], vec![]).unwrap()));
    assert!(!empty.is_ever_open(now));
    assert_eq!(deadline(&empty, now, HOUR, &[]), None);
    assert_eq!(end_of_day(&empty, now, 1, &[]), None);
    assert!(working(BERLIN).is_ever_open(now));
}

#[test]
fn the_search_ends_five_years_after_its_start() {
    let anchor = at("2026-03-02T09:00:00Z");
    let years = 1_826 * 86_400 + 6 * 3_600;
    let held = |secs| [Interval::new(anchor, anchor.plus_secs(secs))];
    let hours = always(Tz::UTC);
    assert_eq!(
        deadline(&hours, anchor, 0, &held(years - 1)),
        Some(anchor.plus_secs(years - 1))
    );
    assert_eq!(deadline(&hours, anchor, 0, &held(years)), None);
    assert_eq!(
        deadline(&hours, anchor, years * MICROS, &[]),
        Some(anchor.plus_secs(years))
    );
    assert_eq!(deadline(&hours, anchor, years * MICROS + 1, &[]), None);
}

#[test]
fn united_intervals_are_sorted_joined_and_never_empty() {
    let piece = |from, to| Interval::new(Timestamp::from_micros(from), Timestamp::from_micros(to));
    let mut all = vec![
        piece(7, 9),
        piece(5, 5),
        piece(1, 2),
        piece(2, 4),
        piece(20, 19),
        piece(8, 8),
        piece(8, 12),
    ];
    unite(&mut all);
    assert_eq!(all, [piece(1, 4), piece(7, 12)]);
}

#[test]
fn t48_a_ticket_of_saturday_waits_for_monday() {
    let saturday = local(BERLIN, "2026-06-06 12:00");
    let hours = working(BERLIN);
    assert_eq!(
        counted(&hours, saturday, local(BERLIN, "2026-06-08 09:00"), &[]),
        0
    );
    assert_eq!(
        deadline(&hours, saturday, 0, &[]),
        Some(local(BERLIN, "2026-06-08 09:00"))
    );
    assert_eq!(
        deadline(&hours, saturday, HOUR, &[]),
        Some(local(BERLIN, "2026-06-08 10:00"))
    );
}

#[test]
fn t49_a_calendar_edited_at_noon_counts_the_old_way_before_and_the_new_way_after() {
    let calendar = |hours: &str| {
        let week: Vec<_> = (0..=4).map(|day| (day, range(hours))).collect();
        Arc::new(Calendar::new(BERLIN, &week, vec![]).unwrap())
    };
    let noon = local(BERLIN, "2026-06-01 12:00");
    let hours = Hours::versions(vec![
        (at("2026-01-01T00:00:00Z"), calendar("09:00-17:00")),
        (noon, calendar("08:00-20:00")),
    ]);
    assert_eq!(
        in_days(&hours, BERLIN, "2026-06-01 00:00", "2026-06-02 00:00"),
        11 * HOUR
    );
    let due = deadline(&hours, local(BERLIN, "2026-06-01 09:00"), 12 * HOUR, &[]);
    assert_eq!(due, Some(local(BERLIN, "2026-06-02 09:00")));
}

#[test]
fn t68_the_end_of_the_next_working_day() {
    let hours = working(BERLIN);
    let friday = local(BERLIN, "2026-06-05 16:59");
    let monday = Interval::new(
        local(BERLIN, "2026-06-08 00:00"),
        local(BERLIN, "2026-06-09 00:00"),
    );
    assert_eq!(
        end_of_day(&hours, friday, 1, &[]),
        Some(local(BERLIN, "2026-06-08 17:00"))
    );
    assert_eq!(
        end_of_day(&hours, friday, 1, &[monday]),
        Some(local(BERLIN, "2026-06-09 17:00"))
    );
    assert_eq!(
        end_of_day(&hours, friday, 0, &[]),
        Some(local(BERLIN, "2026-06-05 17:00"))
    );
    let evening = local(BERLIN, "2026-06-05 17:01");
    assert_eq!(
        end_of_day(&hours, evening, 0, &[]),
        Some(local(BERLIN, "2026-06-08 17:00"))
    );
    assert_eq!(
        end_of_day(&hours, evening, 1, &[]),
        Some(local(BERLIN, "2026-06-08 17:00"))
    );
}

#[test]
fn a_day_counts_unless_it_is_held_beyond_its_close() {
    let hours = working(BERLIN);
    let friday = |time: &str| local(BERLIN, &format!("2026-06-05 {time}"));
    let held = |from: &str, to: &str| {
        let hold = Interval::new(friday(from), friday(to));
        end_of_day(&hours, friday("10:00"), 0, &[hold])
    };
    let monday = Some(local(BERLIN, "2026-06-08 17:00"));
    assert_eq!(held("16:00", "17:00"), Some(friday("17:00")));
    assert_eq!(held("17:00", "18:00"), Some(friday("17:00")));
    assert_eq!(held("16:00", "17:01"), monday);
}

#[test]
fn the_search_for_a_working_day_ends_with_the_instant_five_years_on() {
    let anchor = at("2026-06-01T00:00:00Z");
    let one_day = |open: &str| {
        let day = once(2031, 6, 1, What::Open(vec![range(open)]));
        Hours::of(Arc::new(Calendar::new(Tz::UTC, &[], vec![day]).unwrap()))
    };
    let last = anchor.plus_secs(SEARCH_SECS);
    assert_eq!(last, at("2031-06-01T06:00:00Z"));
    assert_eq!(
        end_of_day(&one_day("00:00-06:00"), anchor, 1, &[]),
        Some(last)
    );
    assert_eq!(end_of_day(&one_day("00:00-06:01"), anchor, 1, &[]), None);
}

#[test]
fn a_night_shift_closes_the_next_morning_unless_that_date_is_closed() {
    let night = |exceptions| week(BERLIN, 3..=3, "22:00-06:00", exceptions);
    let wednesday = local(BERLIN, "2026-06-03 10:00");
    assert_eq!(
        end_of_day(&night(vec![]), wednesday, 1, &[]),
        Some(local(BERLIN, "2026-06-05 06:00"))
    );
    let friday_closed = night(vec![once(2026, 6, 5, What::Closed)]);
    assert_eq!(
        end_of_day(&friday_closed, wednesday, 1, &[]),
        Some(local(BERLIN, "2026-06-05 00:00"))
    );
}

#[test]
fn an_exception_governs_its_local_date_and_nothing_else() {
    let night = |what| week(BERLIN, 3..=3, "22:00-06:00", vec![once(2026, 6, 4, what)]);
    let thursday_closed = night(What::Closed);
    assert_eq!(
        thursday_closed.open_intervals(
            local(BERLIN, "2026-06-04 00:00"),
            local(BERLIN, "2026-06-06 00:00")
        ),
        [Interval::new(
            local(BERLIN, "2026-06-05 00:00"),
            local(BERLIN, "2026-06-05 06:00")
        )]
    );
    let closed_at_times = night(What::ClosedFor(vec![range("22:00-23:00")]));
    assert_eq!(
        in_days(
            &closed_at_times,
            BERLIN,
            "2026-06-04 00:00",
            "2026-06-06 00:00"
        ),
        7 * HOUR
    );
}

#[test]
fn midnight_that_repeats_in_havana() {
    let zone = Tz::America__Havana;
    let evening = |exceptions| week(zone, 5..=5, "20:00-24:00", exceptions);
    let measure = |hours: &Hours| in_days(hours, zone, "2025-11-01 12:00", "2025-11-03 12:00");
    assert_eq!(measure(&evening(vec![])), 5 * HOUR);
    assert_eq!(
        measure(&evening(vec![once(2025, 11, 2, What::Closed)])),
        4 * HOUR
    );
    assert_eq!(
        measure(&evening(vec![once(2025, 11, 1, What::Closed)])),
        HOUR
    );
    let special = once(2025, 11, 1, What::Open(vec![range("20:00-24:00")]));
    assert_eq!(
        measure(&evening(vec![special, once(2025, 11, 2, What::Closed)])),
        5 * HOUR
    );
}

#[test]
fn the_date_that_samoa_skipped_is_empty() {
    let zone = Tz::Pacific__Apia;
    let hours = always(zone);
    let (from, to) = (at("2011-12-29T10:00:00Z"), at("2011-12-31T10:00:00Z"));
    assert_eq!(counted(&hours, from, to, &[]), 48 * HOUR);
    let friday = week(zone, 4..=4, "00:00-24:00", vec![]);
    assert_eq!(counted(&friday, from, to, &[]), 0);
}

/// The plain reading of 4.7, minute by minute, for calendars whose edges are whole minutes and zones with whole-minute offsets.
fn is_open_slowly(zone: Tz, days: &[(u8, Range)], closed: Option<NaiveDate>, minute: i64) -> bool {
    let instant = Timestamp::from_micros(minute * MINUTE);
    let date = instant.in_zone(zone).date_naive();
    if closed == Some(date) {
        return false;
    }
    let edge = |day: NaiveDate, minutes: u16, last: bool| -> Timestamp {
        let naive = day.and_hms_opt(0, 0, 0).unwrap() + chrono::TimeDelta::minutes(minutes.into());
        match naive.and_local_timezone(zone) {
            chrono::LocalResult::Single(one) => one.into(),
            chrono::LocalResult::Ambiguous(a, b) => if last { b } else { a }.into(),
            chrono::LocalResult::None => chrono_tz::GapInfo::new(&naive, &zone)
                .unwrap()
                .end
                .unwrap()
                .into(),
        }
    };
    (0..=2).any(|back| {
        let day = date - chrono::Days::new(back);
        let number = chrono::Datelike::weekday(&day).num_days_from_monday() as u8;
        days.iter().filter(|(d, _)| *d == number).any(|(_, r)| {
            edge(day, r.from_minute(), false) <= instant && instant < edge(day, r.to_minute(), true)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The fast walk, its tables and its leaps agree with the definition, around changes of offset too.
    #[test]
    fn the_walk_agrees_with_the_definition(
        zone in prop::sample::select(vec![BERLIN, Tz::America__New_York, Tz::Australia__Lord_Howe, Tz::Africa__Cairo]),
        ranges in prop::collection::vec((0u8..7, 0u16..1439, 1u16..1440), 0..4),
        start_day in 20_500i64..20_800,
        length in 1i64..3_000,
        closed_in in prop::option::of(0i64..3),
    ) {
        let days: Vec<(u8, Range)> = ranges.iter().filter_map(|(d, a, b)| Range::new(*a, *b).ok().map(|r| (*d, r))).collect();
        let closed = closed_in.map(|n| NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + chrono::Days::new((start_day + n) as u64));
        let exceptions = closed.iter().map(|d| Exception { name: "c".into(), when: When::Once { from: *d, to: *d }, what: What::Closed }).collect();
        let hours = Hours::of(Arc::new(Calendar::new(zone, &days, exceptions).unwrap()));
        let first = start_day * 1440;
        let expected = (first..first + length).filter(|m| is_open_slowly(zone, &days, closed, *m)).count() as i64;
        let from = Timestamp::from_micros(first * MINUTE);
        prop_assert_eq!(counted(&hours, from, from.plus_micros(length * MINUTE), &[]), expected * MINUTE);
    }

    /// A deadline is the earliest instant at which the budget is counted: one microsecond before, it isn't; leaps change nothing.
    #[test]
    fn a_deadline_is_the_earliest_instant(
        budget in 1i64..5_000 * HOUR,
        start in 1_780_000_000_000_000i64..1_800_000_000_000_000,
        hold in prop::option::of((0i64..200 * HOUR, 1i64..200 * HOUR)),
    ) {
        let hours = week(BERLIN, 0..=4, "09:00-17:00", vec![once(2026, 12, 25, What::Closed)]);
        let anchor = Timestamp::from_micros(start);
        let holds: Vec<Interval> = hold.iter().map(|(after, len)| {
            Interval::new(anchor.plus_micros(*after), anchor.plus_micros(after + len))
        }).collect();
        let due = deadline(&hours, anchor, budget, &holds).unwrap();
        prop_assert_eq!(counted(&hours, anchor, due, &holds), budget);
        prop_assert_eq!(counted(&hours, anchor, due.plus_micros(-1), &holds), budget - 1);
    }
}

#[test]
fn together_each_calendar_keeps_its_own_versions() {
    let short = week(BERLIN, 0..=4, "09:00-12:00", Vec::new());
    let noon = local(BERLIN, "2026-06-01 12:00");
    let changing = |from: &Hours, to: &Hours| {
        let one = |hours: &Hours| hours.stretches[0].calendars[0].clone();
        Arc::new(Hours::versions(vec![
            (Timestamp::from_micros(0), one(from)),
            (noon, one(to)),
        ]))
    };
    let new_york = Arc::new(working(Tz::America__New_York));
    let both = Hours::together(&[changing(&working(BERLIN), &short), new_york.clone()]);
    let from = local(BERLIN, "2026-06-01 00:00");
    let to = local(BERLIN, "2026-06-02 00:00");
    // Berlin 9 to 12 by then, New York 15 to 23 Berlin time.
    assert_eq!(counted(&both, from, to, &[]), 11 * HOUR);
    let earlier = (
        local(BERLIN, "2026-05-29 00:00"),
        local(BERLIN, "2026-05-30 00:00"),
    );
    assert_eq!(counted(&both, earlier.0, earlier.1, &[]), 14 * HOUR);
    assert_eq!(both.zone(from), BERLIN);
    assert_eq!(
        Hours::together(&[new_york]).zone(from),
        Tz::America__New_York
    );
}

#[test]
fn versions_hold_from_their_instants_and_keep_their_week_in_another_zone() {
    let calendar = |hours: &str| {
        let ranges: Vec<_> = (0..=4).map(|day| (day, range(hours))).collect();
        Arc::new(Calendar::new(BERLIN, &ranges, Vec::new()).unwrap())
    };
    let (first, second, third) = (
        at("2026-01-01T00:00:00Z"),
        at("2026-06-01T00:00:00Z"),
        at("2026-09-01T00:00:00Z"),
    );
    let hours = Hours::versions(vec![
        (first, calendar("09:00-17:00")),
        (second, calendar("08:00-16:00")),
        (third, calendar("10:00-18:00")),
    ]);
    // The first was never otherwise before; from its instant on each holds, and not before.
    for (when, since) in [
        (first, None),
        (second.plus_micros(-1), None),
        (second, Some(second)),
        (third.plus_micros(-1), Some(second)),
        (third.plus_secs(86_400), Some(third)),
    ] {
        assert_eq!(hours.in_force_since(when), since, "{when:?}");
    }
    let changes = |from, until| hours.changes(from, until).collect::<Vec<_>>();
    assert_eq!(changes(first, third.plus_secs(1)), [second, third]);
    // Neither end counts.
    assert_eq!(changes(second, third), [] as [Timestamp; 0]);
    assert_eq!(changes(second.plus_micros(-1), third), [second]);
    assert_eq!(changes(third, third.plus_secs(1)), []);
    assert_eq!(changes(first.plus_secs(-1), second), []);

    let moved = hours.in_zone(Tz::Asia__Tokyo);
    let monday = local(Tz::Asia__Tokyo, "2026-06-08 08:00");
    let end = local(Tz::Asia__Tokyo, "2026-06-08 16:00");
    assert_eq!(
        counted(&moved, monday.plus_secs(-3_600), end.plus_secs(3_600), &[]),
        8 * HOUR
    );
    assert_eq!(counted(&moved, monday, end, &[]), 8 * HOUR);
    // In its own zone nothing moves.
    let same = hours.in_zone(BERLIN);
    let monday = local(BERLIN, "2026-06-08 08:00");
    assert_eq!(
        counted(&same, monday, monday.plus_secs(8 * 3_600), &[]),
        8 * HOUR
    );
}
