//! The clock engine against its definition around every change of offset of every zone, 2010 to 2034.
//!
//! ```sh
//! cargo bench --bench reference                       # 4 random cases for each change: some minutes
//! cargo bench --bench reference -- --cases 20 --seed 7 --zone America/Havana
//! ```
//! Each case is a random calendar (or a union, or versions) with holds, looked at around the change; zones without a change get
//! as many cases on days of their own. Exits with 1 if any answer differs. The suite runs a seeded sample
//! (`tests/it/reference.rs`).

#[path = "../tests/reference/mod.rs"]
mod reference;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use reference::cases::{case, changes, compare, some_day};

struct Options {
    cases: usize,
    seed: u64,
    zones: Vec<Tz>,
}

fn options() -> Options {
    let mut options = Options {
        cases: 4,
        seed: 20_261_121,
        zones: TZ_VARIANTS.to_vec(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .unwrap_or_else(|| panic!("{word} wants a value"))
        };
        match word.as_str() {
            "--cases" => options.cases = value().parse().expect("a number of cases"),
            "--seed" => options.seed = value().parse().expect("a number"),
            "--zone" => options.zones = vec![value().parse().expect("a zone")],
            "--bench" => {}
            other => panic!("unknown option {other}"),
        }
    }
    options
}

#[derive(Default)]
struct Tally {
    changes: usize,
    unchanging: usize,
    cases: u64,
    compared: u64,
    differences: Vec<String>,
}

/// The seed of one centre, so that a zone alone sees the same cases as in the whole.
fn runner(seed: u64, zone: Tz, centre: i64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&centre.to_le_bytes());
    for (at, byte) in zone.name().bytes().enumerate() {
        bytes[16 + at % 16] ^= byte;
    }
    TestRunner::new_with_rng(
        Config::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &bytes),
    )
}

fn look(zone: Tz, options: &Options) -> Tally {
    let mut tally = Tally::default();
    let mut centres = changes(zone);
    tally.changes = centres.len();
    if centres.is_empty() {
        tally.unchanging = 1;
        centres = (0..8).map(|n| some_day(n * 1_141 + 100)).collect();
    }
    for centre in centres {
        let mut runner = runner(options.seed, zone, centre);
        for _ in 0..options.cases {
            let case = case(zone, centre).new_tree(&mut runner);
            tally.cases += 1;
            match compare(&case.expect("a case").current()) {
                Ok(compared) => tally.compared += compared,
                Err(difference) => tally.differences.push(difference),
            }
        }
    }
    tally
}

fn main() {
    let options = options();
    let began = Instant::now();
    let next = AtomicUsize::new(0);
    let whole = Mutex::new(Tally::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(zone) = options.zones.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let tally = look(*zone, &options);
                    let mut whole = whole.lock().expect("no thread panics with it");
                    whole.changes += tally.changes;
                    whole.unchanging += tally.unchanging;
                    whole.cases += tally.cases;
                    whole.compared += tally.compared;
                    whole.differences.extend(tally.differences);
                }
            });
        }
    });
    let tally = whole.into_inner().expect("every thread ended well");
    for difference in tally.differences.iter().take(5) {
        println!("{difference}\n");
    }
    println!(
        "{} zones ({} without a change), {} changes of offset, {} cases, {} answers compared, {} differences, {:.0} s",
        options.zones.len(),
        tally.unchanging,
        tally.changes,
        tally.cases,
        tally.compared,
        tally.differences.len(),
        began.elapsed().as_secs_f64(),
    );
    if !tally.differences.is_empty() {
        std::process::exit(1);
    }
}
