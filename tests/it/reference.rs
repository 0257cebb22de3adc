//! The clock engine against its definition: random calendars, zones and holds, answered twice. The whole of it, every change of
//! offset of every zone, is `cargo bench --bench reference`.

#[path = "../reference/mod.rs"]
mod definition;

use chrono_tz::Tz;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use definition::cases::{Case, case, changes, compare, some_day};

/// A zone and one of its changes of offset, or just some day.
fn anywhere() -> impl Strategy<Value = Case> {
    let zones: Vec<Tz> = chrono_tz::TZ_VARIANTS.to_vec();
    (
        prop::sample::select(zones),
        any::<prop::sample::Index>(),
        0i64..9_131,
    )
        .prop_flat_map(|(zone, which, day)| {
            let changes = changes(zone);
            let centre = if changes.is_empty() {
                some_day(day)
            } else {
                changes[which.index(changes.len())]
            };
            case(zone, centre)
        })
}

#[test]
fn the_engine_agrees_with_the_definition_around_changes_of_offset() {
    let config = Config::with_cases(100);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, b"sla-clocks 4.3 and 4.7 literally");
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(&anywhere(), |case| {
        compare(&case).map(|_| ()).map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// Two ways of reckoning it, one of them the engine's.
#[test]
fn easter_is_reckoned_alike() {
    use definition::slow::easter;
    for (year, month, day) in [
        (2026, 4, 5),
        (2027, 3, 28),
        (2038, 4, 25),
        (2285, 3, 22),
        (1981, 4, 19),
    ] {
        assert_eq!(
            easter(year),
            chrono::NaiveDate::from_ymd_opt(year, month, day).unwrap()
        );
    }
}
