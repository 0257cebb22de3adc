//! How many `sla.due` questions a second `watchkeeper calc` answers on one core. To reach: 100,000 for due dates up to ten days
//! ahead, 20,000 for any.
//!
//! ```sh
//! taskset -c 0 cargo bench --bench calc                     # a million lines of each kind, five runs
//! taskset -c 0 cargo bench --bench calc -- --lines 200000 --runs 3
//! ```
//! Told by the clock on the wall and by processor time (which other work on the machine doesn't change), the median of the
//! runs each. The questions' files lie in a temporary folder (`TMPDIR`), half a gigabyte at a time.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use watchkeeper::domain::timestamp::Timestamp;

const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Tokyo",
    "Australia/Sydney",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Europe/London",
    "UTC",
];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const HOUR: u64 = 3_600;

/// Numbers in an order that looks like chance, the same each time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// A week of five days (every fourth round the clock), twelve holidays in each of two years, two half days.
fn calendar(dice: &mut Dice) -> String {
    let zone = ZONES[dice.below(8) as usize];
    let mut text = format!("{{\"tz\":\"{zone}\",\"weekly\":[");
    let always = dice.below(4) == 0;
    let (open, close) = (dice.below(120), dice.below(120));
    for (index, day) in DAYS.iter().take(if always { 7 } else { 5 }).enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let (from, to) = if always {
            ("00:00".to_owned(), "24:00".to_owned())
        } else {
            (
                format!("{:02}:{:02}", 8 + open / 60, open % 60),
                format!("{:02}:{:02}", 16 + close / 60, close % 60),
            )
        };
        write!(
            text,
            "{comma}{{\"day\":\"{day}\",\"from\":\"{from}\",\"to\":\"{to}\"}}"
        )
        .expect("a text");
    }
    text.push_str("],\"holidays\":[");
    for index in 0..24_u64 {
        let comma = if index > 0 { "," } else { "" };
        let (year, month, day) = (2026 + index / 12, index % 12 + 1, 1 + dice.below(28));
        write!(text, "{comma}\"{year}-{month:02}-{day:02}\"").expect("a text");
    }
    text.push_str("],\"special_days\":{\"2026-12-24\":[[\"09:00\",\"13:00\"]],\"2026-12-31\":[[\"09:00\",\"13:00\"]]}}");
    text
}

/// Which questions.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    /// Most of working time, in seconds.
    longest: u64,
    repeats: bool,
}

const KINDS: [Kind; 4] = [
    Kind {
        name: "up to 10 days ahead, 200 calendars",
        longest: 48 * HOUR,
        repeats: true,
    },
    Kind {
        name: "up to 10 days ahead, every line a calendar of its own",
        longest: 48 * HOUR,
        repeats: false,
    },
    Kind {
        name: "any, up to five years, 200 calendars",
        longest: 10_000 * HOUR,
        repeats: true,
    },
    Kind {
        name: "any, up to five years, every line a calendar of its own",
        longest: 10_000 * HOUR,
        repeats: false,
    },
];

fn write_questions(path: &Path, kind: Kind, lines: u64) {
    let mut dice = Dice(20_261_121);
    let known: Vec<String> = (0..200).map(|_| calendar(&mut dice)).collect();
    let mut file = BufWriter::new(File::create(path).expect("a file"));
    let year = Timestamp::parse_utc("2026-01-01T00:00:00Z").expect("an instant");
    for id in 0..lines {
        let start = year.plus_secs(dice.below(365 * 24 * HOUR) as i64);
        let duration = dice.below(kind.longest);
        // Every third has a pause of up to a day.
        let pauses = if dice.below(3) == 0 {
            let from = start.plus_secs(dice.below(duration + 1) as i64);
            let to = from.plus_secs(dice.below(24 * HOUR) as i64);
            format!("[[\"{}\",\"{}\"]]", from.rfc3339(), to.rfc3339())
        } else {
            "[]".to_owned()
        };
        let own;
        let calendar = if kind.repeats {
            &known[dice.below(200) as usize]
        } else {
            own = calendar(&mut dice);
            &own
        };
        writeln!(
            file,
            "{{\"id\":\"q{id}\",\"op\":\"sla.due\",\"calendar\":{calendar},\"start\":\"{}\",\"duration_s\":{duration},\"pauses\":{pauses}}}",
            start.rfc3339()
        )
        .expect("written");
    }
    file.flush().expect("written");
}

fn calc(questions: &Path, output: Stdio) {
    let status = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .arg("calc")
        .stdin(File::open(questions).expect("the questions"))
        .stdout(output)
        .status();
    assert!(status.expect("it runs").success());
}

/// Processor time of the children that ended, where the system tells (Linux; its unit has been 10 ms for ever).
fn children_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(13).take(2);
    let ticks: u64 = ticks.filter_map(|text| text.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn median(mut list: Vec<f64>) -> f64 {
    list.sort_by(f64::total_cmp);
    list[list.len() / 2]
}

/// Each line has its answer, and none is an error; how far ahead the due dates lie.
fn check(answers: &Path, lines: u64) -> u64 {
    let (mut seen, mut due) = (0, 0);
    for line in BufReader::new(File::open(answers).expect("the answers")).lines() {
        let line = line.expect("a line");
        assert!(!line.contains("\"error\""), "{line}");
        due += u64::from(!line.contains("null"));
        seen += 1;
    }
    assert_eq!(seen, lines);
    due
}

fn main() {
    let (mut lines, mut runs) = (1_000_000, 5);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().and_then(|text| text.parse().ok());
        match word.as_str() {
            "--lines" => lines = value().expect("a number of lines"),
            "--runs" => runs = value().expect("a number of runs"),
            "--bench" => {}
            other => panic!("unknown option {other}"),
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (questions, answers) = (
        folder.path().join("questions"),
        folder.path().join("answers"),
    );
    println!(
        "{:<56} {:>12} {:>14} {:>10}",
        "sla.due", "lines/s", "per core-second", "have one"
    );
    for kind in KINDS {
        write_questions(&questions, kind, lines);
        calc(&questions, File::create(&answers).expect("a file").into());
        let due = check(&answers, lines);
        let (mut by_wall, mut by_core) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            let (began, used) = (Instant::now(), children_time());
            calc(&questions, Stdio::null());
            by_wall.push(lines as f64 / began.elapsed().as_secs_f64());
            by_core.push(lines as f64 / (children_time() - used).as_secs_f64());
        }
        println!(
            "{:<56} {:>12.0} {:>15.0} {:>9.1}%",
            kind.name,
            median(by_wall),
            median(by_core),
            due as f64 * 100.0 / lines as f64
        );
    }
}
