//! How long it takes to line up 10,000 candidates behind an incident. Run it alone: `cargo bench --bench suspects`.

use std::time::Instant;

use watchkeeper::domain::suspect::{Candidate, History, Near, Pace, Risk, line_up};
use watchkeeper::domain::timestamp::Timestamp;

const CANDIDATES: usize = 10_000;
const ROUNDS: usize = 200;
const ONSET: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);
const WORDS: &[&str] = &[
    "raise",
    "pool",
    "checkout",
    "upstream",
    "rename",
    "column",
    "reports",
    "cache",
    "certificate",
    "renew",
    "queue",
    "worker",
    "retry",
    "timeout",
    "index",
    "orders",
    "invoice",
    "login",
    "session",
    "gateway",
];
const SYMPTOM: &str = "Checkout returns 502 for a third of requests. The error rate follows the new upstream pool; two of four \
    backends refuse connections, sessions time out and the queue of orders grows.";

/// The same candidates each time.
fn candidates() -> Vec<Candidate> {
    let mut dice = 88_172_645_463_325_252_u64;
    let mut roll = |sides: usize| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        (dice % sides as u64) as usize
    };
    (0..CANDIDATES)
        .map(|_| {
            let ended = ONSET.plus_secs(-(roll(72 * 3_600) as i64));
            let text: Vec<&str> = (0..20).map(|_| WORDS[roll(WORDS.len())]).collect();
            Candidate {
                started_at: ended.plus_secs(-(roll(900) as i64)),
                ended_at: (roll(50) > 0).then_some(ended),
                near: Near::ALL[roll(Near::ALL.len())],
                pace: Pace::Quick,
                text: text.join(" "),
                risk: Risk {
                    files: roll(40) as i64,
                    is_migration: roll(10) == 0,
                    ..Risk::default()
                },
                history: History::default(),
                evidence: Vec::new(),
                alibi: None,
            }
        })
        .collect()
}

fn main() {
    let all = candidates();
    let mut took: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            let lineup = line_up(ONSET, SYMPTOM, &all);
            assert_eq!(lineup.suspects.len(), CANDIDATES);
            began.elapsed().as_micros()
        })
        .collect();
    took.sort_unstable();
    let at = |share: usize| took[ROUNDS * share / 100] as f64 / 1_000.0;
    println!(
        "{CANDIDATES} candidates: median {:.1} ms, p95 {:.1} ms",
        at(50),
        at(95)
    );
}
