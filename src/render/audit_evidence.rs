//! What an auditor is handed, as files: the population, its exceptions, how complete it is, the sample, what was asked, and the hash
//! of each file as `sha256sum -c` reads it.
//!
//! Nothing depends on anything but the dossier, and only `query.json` says who asked when: two exports of one record differ there
//! (and in its line of the manifest) alone, unless a review has become overdue meanwhile.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::cells;
use crate::domain::audit_evidence::dossier::{Dossier, Drawn};
use crate::domain::audit_evidence::{ALGORITHM, Carried, Exception, Item};
use crate::domain::timestamp::Timestamp;
use crate::words::{Value as Said, Words};

mod forms;
mod sample;

/// Paths and bytes, sorted by path; the manifest is the last.
pub type Files = Vec<(String, Vec<u8>)>;

/// The name of the list of hashes.
pub const MANIFEST: &str = "manifest.sha256";
/// The name of its signature, if it is signed.
pub const SIGNATURE: &str = "manifest.sha256.sig";

pub fn write(of: &Dossier, words: &Words) -> Result<Files, csv::Error> {
    let (population, exceptions) = (population(of), exceptions(of));
    let told = completeness(of, words);
    let page = forms::page(of, &told, &exceptions, &population, words);
    let mut files = vec![
        ("population.csv".to_owned(), population.csv()?),
        ("population.jsonl".to_owned(), forms::jsonl(&population)),
        ("exceptions.csv".to_owned(), exceptions.csv()?),
        ("exceptions.jsonl".to_owned(), forms::jsonl(&exceptions)),
        ("completeness.txt".to_owned(), told.into_bytes()),
        ("index.html".to_owned(), page),
        ("query.json".to_owned(), query(of)),
    ];
    let width = of.drawn.len().to_string().len().max(2);
    for (place, drawn) in of.drawn.iter().enumerate() {
        let folder = format!("sample/{:0width$}", place + 1);
        for (name, bytes) in sample::write(of, drawn)? {
            files.push((format!("{folder}/{name}"), bytes));
        }
    }
    files.sort();
    let lines: String = files
        .iter()
        .map(|(path, bytes)| format!("{}  {path}\n", hash(bytes)))
        .collect();
    files.push((MANIFEST.to_owned(), lines.into_bytes()));
    Ok(files)
}

pub fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `evidence-2026-06-01-2026-06-30.tar`
pub fn file_name(of: &Dossier) -> String {
    let period = &of.asked.period;
    format!("evidence-{}-{}.tar", period.from_on, period.to_on)
}

fn at(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, Timestamp::rfc3339)
}

fn yes(is_so: bool) -> String {
    match is_so {
        true => "yes".to_owned(),
        false => "no".to_owned(),
    }
}

/// The columns of the population. Those of [`EMPTY`] are there because auditors ask for them.
const POPULATION: [&str; 34] = [
    "seq",
    "deployment",
    "service",
    "environment",
    "target",
    "version_before",
    "version",
    "repository",
    "commit",
    "artefact_digest",
    "status",
    "check",
    "started_at",
    "ended_at",
    "actor",
    "told_by",
    "source",
    "source_event_id",
    "recorded_at",
    "changes",
    "tier",
    "requesters",
    "approvers",
    "approved_at",
    "approved_before_deployment",
    "segregation_of_duties",
    "freeze",
    "override",
    "test_evidence",
    "run_url",
    "rollback",
    "emergency",
    "emergency_review_until",
    "emergency_reviewed_at",
];

/// Columns of whose facts nothing is kept.
const EMPTY: [&str; 1] = ["test_evidence"];

fn population(of: &Dossier) -> Table {
    Table {
        head: &POPULATION,
        rows: of.items.iter().map(row).collect(),
    }
}

/// A head and its rows, before they have a form.
struct Table {
    head: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Table {
    fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        cells::csv(self.head, self.rows.iter().cloned())
    }
}

fn row(item: &Item) -> Vec<String> {
    let it = &item.it;
    // One of several changes says which it is about.
    let each = |say: &dyn Fn(&Carried) -> Option<String>| -> String {
        let said = item
            .changes
            .iter()
            .filter_map(|change| Some((change, say(change)?)));
        let said: Vec<String> = match item.changes.len() {
            1 => said.map(|(_, text)| text).collect(),
            _ => said
                .map(|(change, text)| format!("{}: {text}", change.key))
                .collect(),
        };
        said.join("; ")
    };
    let glass = |say: &dyn Fn(&crate::domain::change::Glass) -> Option<Timestamp>| {
        each(&|change| Some(say(change.glass.as_ref()?)?.rfc3339()))
    };
    let keys: Vec<String> = item.changes.iter().map(|it| it.key.to_string()).collect();
    let is_emergency = it.glass.is_some() || item.changes.iter().any(|it| it.glass.is_some());
    vec![
        item.seq.to_string(),
        it.id.to_string(),
        item.service.clone(),
        it.lane.environment.clone(),
        it.lane.target.clone(),
        item.before.clone().unwrap_or_default(),
        it.version.clone(),
        item.repository.clone().unwrap_or_default(),
        it.commit.clone().unwrap_or_default(),
        it.artefact.clone().unwrap_or_default(),
        it.status.to_string(),
        it.check.map(|check| check.to_string()).unwrap_or_default(),
        it.started_at.rfc3339(),
        at(it.ended_at()),
        it.actor.clone().unwrap_or_default(),
        it.by_name.clone(),
        it.source.clone(),
        it.source_event_id.clone(),
        it.recorded_at.rfc3339(),
        keys.join(" "),
        each(&|change| change.shown(it.started_at)?.rule.clone()),
        each(&|change| Some(change.requested_by.as_ref()?.name.clone())),
        each(&|change| Some(change.shown(it.started_at)?.names())),
        each(&|change| Some(change.shown(it.started_at)?.at.rfc3339())),
        yes(item.is_approved()),
        item.is_segregated().map(yes).unwrap_or_default(),
        it.freeze.clone().unwrap_or_default(),
        yes(it.glass.is_some()),
        String::new(),
        it.url.clone().unwrap_or_default(),
        yes(item.is_rollback()),
        yes(is_emergency),
        glass(&|it| it.review_until),
        glass(&|it| Some(it.review.as_ref()?.at)),
    ]
}

const EXCEPTIONS: [&str; 7] = [
    "seq",
    "deployment",
    "exception",
    "change",
    "who_or_what",
    "at",
    "until",
];

fn exceptions(of: &Dossier) -> Table {
    let mut rows = Vec::new();
    for item in &of.items {
        for found in item.exceptions(of.made_at) {
            rows.push(vec![
                item.seq.to_string(),
                item.it.id.to_string(),
                found.what.to_string(),
                found.change.map(|key| key.to_string()).unwrap_or_default(),
                found.who,
                at(found.at),
                String::new(),
            ]);
        }
    }
    for gap in &of.gaps {
        rows.push(vec![
            String::new(),
            String::new(),
            Exception::FeedGap.to_string(),
            String::new(),
            gap.source.clone(),
            gap.from.rfc3339(),
            gap.to.rfc3339(),
        ]);
    }
    Table {
        head: &EXCEPTIONS,
        rows,
    }
}

/// What begins a part of its own.
const PARTS: [&str; 6] = [
    "evidence-one",
    "evidence-two",
    "evidence-three",
    "evidence-exceptions",
    "evidence-empty",
    "evidence-sample",
];

/// Said so that somebody who never saw the program can follow it.
fn completeness(of: &Dossier, words: &Words) -> String {
    let mut out = String::new();
    let mut say = |key: &str, values: &[(&str, Said<'_>)]| {
        if PARTS.contains(&key) {
            out.push('\n');
        }
        out.push_str(&words.with(key, values));
        out.push('\n');
    };
    let n = |count: usize| -> Said<'static> { (count as i64).into() };
    let period = &of.asked.period;
    let span = period.interval();
    say(
        "evidence-title",
        &[
            ("environment", of.environment.clone().into()),
            ("from", span.from.rfc3339().into()),
            ("to", span.to.rfc3339().into()),
        ],
    );
    if of.is_running {
        say("evidence-running", &[("at", of.made_at.rfc3339().into())]);
    }
    say("evidence-one", &[("n", n(of.items.len()))]);
    for source in &of.sources {
        say(
            "evidence-source",
            &[
                ("name", source.name.clone().into()),
                ("n", n(source.count)),
                ("first", source.first_at.rfc3339().into()),
                ("last", source.last_at.rfc3339().into()),
                ("silence", words.span(source.longest_silence_secs).into()),
            ],
        );
    }
    let broken: Vec<_> = of.lanes.iter().filter(|it| !it.is_whole()).collect();
    say(
        "evidence-lanes",
        &[("n", n(of.lanes.len())), ("broken", n(broken.len()))],
    );
    for lane in broken {
        let numbers: [(&str, Said<'_>); 5] = [
            ("service", lane.service.clone().into()),
            ("target", lane.target.clone().into()),
            ("counted", lane.counted.into()),
            ("kept", lane.kept.into()),
            ("highest", lane.highest.into()),
        ];
        say("evidence-lane-broken", &numbers);
    }
    let tips = of.refs.published;
    say(
        "evidence-two",
        &[
            ("n", n(tips)),
            ("repositories", n(of.refs.repositories)),
            ("deployed", n(of.refs.deployed)),
            ("other", n(tips - of.refs.deployed)),
        ],
    );
    let unknown = of
        .items
        .iter()
        .filter(|it| it.it.commit.is_some() && it.it.repository.is_none());
    let without = of.items.iter().filter(|it| it.it.commit.is_none());
    say(
        "evidence-commits",
        &[
            ("unknown", n(unknown.count())),
            ("without", n(without.count())),
        ],
    );
    say("evidence-three", &[]);
    say("evidence-exceptions", &[]);
    for (what, count) in of.counts() {
        let key = format!("evidence-exception-{}", what.as_str().replace('_', "-"));
        let meaning = words.t(&key).into_owned();
        let values: [(&str, Said<'_>); 3] = [
            ("name", what.as_str().into()),
            ("n", n(count)),
            ("meaning", meaning.into()),
        ];
        say("evidence-exception", &values);
    }
    say("evidence-empty", &[("columns", EMPTY.join(", ").into())]);
    let absent = |has: &dyn Fn(&Item) -> bool| of.items.iter().filter(|it| !has(it)).count();
    let partly: [(&str, usize); 3] = [
        ("artefact_digest", absent(&|it| it.it.artefact.is_some())),
        ("commit", absent(&|it| it.it.commit.is_some())),
        ("run_url", absent(&|it| it.it.url.is_some())),
    ];
    for (column, absent) in partly {
        let values: [(&str, Said<'_>); 3] = [
            ("column", column.into()),
            ("n", n(absent)),
            ("of", n(of.items.len())),
        ];
        say("evidence-partly", &values);
    }
    say("evidence-lacks", &[]);
    match &of.head {
        Some((seq, hash)) => say(
            "evidence-chain",
            &[("seq", (*seq).into()), ("hash", hash.clone().into())],
        ),
        None => say("evidence-no-chain", &[]),
    }
    say(
        "evidence-sample",
        &[
            ("n", n(of.drawn.len())),
            ("seed", of.asked.seed.to_string().into()),
            ("how", ALGORITHM.into()),
        ],
    );
    out
}

/// Who asked what, when, of which program.
fn query(of: &Dossier) -> Vec<u8> {
    let period = &of.asked.period;
    let span = period.interval();
    let seq = |drawn: &Drawn| of.items[drawn.place].seq;
    let drawn: Vec<usize> = of.drawn.iter().map(seq).collect();
    let (chain_seq, chain_hash) = match &of.head {
        Some((seq, hash)) => (json!(seq), json!(hash)),
        None => (Value::Null, Value::Null),
    };
    pretty(&json!({
        "program": "watchkeeper",
        "version": env!("CARGO_PKG_VERSION"),
        "made_at": of.made_at.rfc3339(),
        "made_by": of.made_by,
        "environment": of.environment,
        "service": of.asked.service,
        "from": period.from_on.to_string(),
        "to": period.to_on.to_string(),
        "zone": period.zone.name(),
        "from_at": span.from.rfc3339(),
        "until_at": span.to.rfc3339(),
        "period_is_over": !of.is_running,
        "population": of.items.len(),
        "seed": of.asked.seed,
        "sample": of.asked.sample,
        "drawn": drawn,
        "drawn_how": ALGORITHM,
        "chain_seq": chain_seq,
        "chain_hash": chain_hash,
    }))
}

/// JSON that people can read, with its names in order.
fn pretty(value: &Value) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
