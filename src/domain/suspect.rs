//! Which change is behind an incident: suspects ranked by a formula whose every part can be shown, and alibis.
//!
//! ```text
//! score = 100 · T · (0.55·S + 0.20·P + 0.15·R + 0.10·H) · V
//! ```
//! T: how long before the onset it ended. S: how near it is. P: whether its words are the incident's. R: how risky it was. H: how often its
//! like was a cause. V: what is known of how it went. Recency alone makes nobody a suspect. Weights are those of
//! `freeze-approval-suspects` 5.5.

use std::collections::{HashMap, HashSet};

use super::service_map::Tie;
use super::timestamp::Timestamp;
use super::word::words;

words! {
    /// How near a candidate is to what broke.
    pub enum Near {
        SameService = "same_service",
        /// The service that broke calls it.
        Upstream = "upstream",
        /// A host, a database or a network that both use.
        Shared = "shared",
        /// It calls the service that broke, and may have asked too much of it.
        Downstream = "downstream",
        TwoHops = "two_hops",
        /// The same team, or the same repository.
        SameTeam = "same_team",
        SameEnvironment = "same_environment",
    }
}

impl Near {
    /// As services hang together.
    pub const fn by(tie: Tie) -> Self {
        match tie {
            Tie::Same => Near::SameService,
            Tie::Upstream => Near::Upstream,
            Tie::Shared => Near::Shared,
            Tie::Downstream => Near::Downstream,
            Tie::TwoHops => Near::TwoHops,
        }
    }

    const fn weight(self) -> f64 {
        match self {
            Near::SameService => 1.0,
            Near::Upstream => 0.8,
            Near::Shared => 0.6,
            Near::Downstream | Near::TwoHops => 0.4,
            Near::SameTeam => 0.15,
            Near::SameEnvironment => 0.05,
        }
    }
}

words! {
    /// How soon its effects show.
    pub enum Pace {
        /// Half as likely every 4 hours.
        Quick = "quick",
        /// Batch runs, capacity, certificates: half as likely every 24 hours.
        Slow = "slow",
    }
}

/// What made it risky.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Risk {
    /// An emergency, or through a freeze.
    pub is_emergency: bool,
    pub is_migration: bool,
    /// It brought something that nobody can take back. Weighs as a migration, and no more beside one.
    pub is_irreversible: bool,
    pub has_no_way_back: bool,
    pub files: i64,
    /// Nothing was changed there for 14 days.
    pub is_first_in_a_while: bool,
}

impl Risk {
    /// 0.1 to 1.
    pub fn weight(&self) -> f64 {
        let files = 0.1 * (self.files.max(1) as f64).log10();
        let parts = [
            (self.is_emergency, 0.3),
            (self.is_migration || self.is_irreversible, 0.3),
            (self.has_no_way_back, 0.2),
            (self.is_first_in_a_while, 0.2),
        ];
        let known: f64 = parts
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, weight)| weight)
            .sum();
        (0.1 + known + files).min(1.0)
    }
}

/// How often its like was judged, and found to be a cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    pub confirmed: i64,
    pub judged: i64,
}

impl History {
    /// Laplace-smoothed.
    pub fn weight(self) -> f64 {
        (self.confirmed + 1) as f64 / (self.judged + 10) as f64
    }
}

words! {
    /// What is known of how it went.
    pub enum Evidence {
        Failed = "failed",
        /// A check of its health was red afterwards.
        CheckRed = "check_red",
        CheckGreen = "check_green",
        /// It was taken back before the onset.
        TakenBack = "taken_back",
    }
}

impl Evidence {
    const fn weight(self) -> f64 {
        match self {
            Evidence::Failed | Evidence::CheckRed => 1.3,
            Evidence::CheckGreen => 0.5,
            Evidence::TakenBack => 0.3,
        }
    }
}

words! {
    /// Why it can't have been it.
    pub enum Alibi {
        StartedAfter = "started_after",
        /// Committed only, or live in another environment.
        NotLive = "not_live",
        /// Another region or canary.
        OtherTarget = "other_target",
        /// It was taken back, and the incident went on.
        TakenBackInVain = "taken_back_in_vain",
        /// The same version runs well where the incident isn't.
        WellElsewhere = "well_elsewhere",
    }
}

words! {
    /// How much it is suspected.
    pub enum Band { Prime = "prime", Possible = "possible", Listed = "listed" }
}

impl Band {
    /// By the unrounded score.
    pub fn of(score: f64) -> Self {
        match score {
            60.0.. => Band::Prime,
            30.0..60.0 => Band::Possible,
            _ => Band::Listed,
        }
    }
}

/// Something that was changed around the onset.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub started_at: Timestamp,
    /// `None`: it runs still.
    pub ended_at: Option<Timestamp>,
    pub near: Near,
    pub pace: Pace,
    /// Titles, purpose, expected side effects, changed paths.
    pub text: String,
    pub risk: Risk,
    pub history: History,
    pub evidence: Vec<Evidence>,
    pub alibi: Option<Alibi>,
}

/// How far clocks of build machines may be apart.
pub const SKEW_SECS: i64 = 120;
/// How long before the onset something may have ended.
pub const WINDOW_SECS: i64 = 72 * 3_600;
const FRESH_SECS: i64 = 15 * 60;

/// How much its time speaks against it: 1 while it ran and for a quarter of an hour, then less and less.
pub fn time(onset: Timestamp, started: Timestamp, ended: Option<Timestamp>, pace: Pace) -> f64 {
    let since = match ended {
        Some(end) if started <= onset && end <= onset => onset.secs_since(end),
        // Running at the onset, or begun within the skew of clocks.
        _ => 0,
    };
    let half_life = match pace {
        Pace::Quick => 4 * 3_600,
        Pace::Slow => 24 * 3_600,
    };
    match since - FRESH_SECS {
        ..=0 => 1.0,
        late => (-(late as f64) / f64::from(half_life)).exp2(),
    }
}

/// The formula.
pub fn score(
    time: f64,
    near: Near,
    symptom: f64,
    risk: f64,
    history: f64,
    evidence: &[Evidence],
) -> f64 {
    let parts = 0.55 * near.weight() + 0.20 * symptom + 0.15 * risk + 0.10 * history;
    let known: f64 = evidence.iter().map(|it| it.weight()).product();
    (100.0 * time * parts * known).min(100.0)
}

/// As people read it: half up.
pub fn shown(score: f64) -> i64 {
    (score + 0.5).floor() as i64
}

/// A candidate with what speaks against it.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    /// Its place among the candidates.
    pub place: usize,
    pub score: f64,
    pub band: Band,
    /// Seconds between its end and the onset; 0 if it ran then.
    pub before_secs: i64,
    /// Words that it shares with the incident.
    pub words: Vec<String>,
}

/// Everybody who was there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lineup {
    /// Most suspected first; of equals the one that ended last.
    pub suspects: Vec<Suspect>,
    /// Places of those who can't have been it, and why.
    pub alibis: Vec<(usize, Alibi)>,
}

/// Ranks the candidates for an incident that began at `onset` and reads so.
pub fn line_up(onset: Timestamp, symptom: &str, candidates: &[Candidate]) -> Lineup {
    let overlaps = Overlaps::of(symptom, candidates);
    let mut lineup = Lineup::default();
    for (place, it) in candidates.iter().enumerate() {
        let is_late = it.started_at > onset.plus_secs(SKEW_SECS);
        let alibi = if is_late {
            Some(Alibi::StartedAfter)
        } else {
            it.alibi
        };
        if let Some(alibi) = alibi {
            lineup.alibis.push((place, alibi));
            continue;
        }
        let (symptom, words) = overlaps.with(place);
        let time = time(onset, it.started_at, it.ended_at, it.pace);
        let score = score(
            time,
            it.near,
            symptom,
            it.risk.weight(),
            it.history.weight(),
            &it.evidence,
        );
        lineup.suspects.push(Suspect {
            place,
            score,
            band: Band::of(score),
            before_secs: it.ended_at.map_or(0, |end| onset.secs_since(end).max(0)),
            words,
        });
    }
    lineup.suspects.sort_by(|a, b| {
        let order = b.score.total_cmp(&a.score);
        order
            .then(a.before_secs.cmp(&b.before_secs))
            .then(a.place.cmp(&b.place))
    });
    lineup
}

/// BM25's usual constants.
const K1: f64 = 1.2;
const B: f64 = 0.75;
/// As if so many other changes were there: a word of the only candidate isn't common.
const OTHERS: f64 = 20.0;
/// A relevance that counts as one half.
const HALF: f64 = 4.0;

/// Too common to say anything.
const STOP: &[&str] = &[
    "the", "and", "for", "with", "from", "that", "this", "has", "have", "was", "were", "are",
    "not", "our", "your", "their", "since", "they", "who", "what", "when", "all", "its", "into",
    "than", "then", "error", "errors", "incident", "service", "change",
];

/// Which words of the incident stand in which candidate.
struct Overlaps {
    terms: Vec<String>,
    idf: Vec<f64>,
    /// For each candidate: places in `terms`, and how often each stands there.
    found: Vec<Vec<(usize, u32)>>,
    lengths: Vec<u32>,
    average: f64,
}

fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() >= 3)
}

impl Overlaps {
    fn of(symptom: &str, candidates: &[Candidate]) -> Self {
        let symptom = symptom.to_lowercase();
        let mut seen = HashSet::new();
        let terms: Vec<String> = tokens(&symptom)
            .filter(|word| !STOP.contains(word) && seen.insert(*word))
            .map(str::to_owned)
            .collect();
        let place: HashMap<&str, usize> = terms
            .iter()
            .enumerate()
            .map(|(at, word)| (word.as_str(), at))
            .collect();
        let mut holders = vec![0_u32; terms.len()];
        let (mut found, mut lengths) = (Vec::new(), Vec::new());
        for it in candidates {
            let text = it.text.to_lowercase();
            let mut here: Vec<(usize, u32)> = Vec::new();
            let mut length = 0;
            for word in tokens(&text) {
                length += 1;
                let Some(at) = place.get(word) else { continue };
                match here.iter_mut().find(|(known, _)| known == at) {
                    Some((_, count)) => *count += 1,
                    None => {
                        here.push((*at, 1));
                        holders[*at] += 1;
                    }
                }
            }
            found.push(here);
            lengths.push(length);
        }
        let all = candidates.len() as f64 + OTHERS;
        let idf = holders.iter().map(|n| {
            let n = f64::from(*n);
            (1.0 + (all - n + 0.5) / (n + 0.5)).ln()
        });
        let sum: u32 = lengths.iter().sum();
        Self {
            idf: idf.collect(),
            average: f64::from(sum.max(1)) / (candidates.len().max(1)) as f64,
            terms,
            found,
            lengths,
        }
    }

    /// The relevance of a candidate, 0 to 1, and the words it comes from.
    fn with(&self, candidate: usize) -> (f64, Vec<String>) {
        let length = f64::from(self.lengths[candidate]);
        let norm = K1 * (1.0 - B + B * length / self.average);
        let mut relevance = 0.0;
        let mut words = Vec::new();
        for (term, count) in &self.found[candidate] {
            let count = f64::from(*count);
            relevance += self.idf[*term] * count * (K1 + 1.0) / (count + norm);
            words.push(self.terms[*term].clone());
        }
        (relevance / (relevance + HALF), words)
    }
}

/// What tells us of changes, and how often it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    pub name: String,
    pub last_at: Timestamp,
    /// Nearly all of its gaps are shorter than this; `None`: it has said too little for that to be known.
    pub rhythm_secs: Option<i64>,
    /// It says itself how often it speaks: a quarter more is no silence yet.
    pub is_declared: bool,
}

/// Gaps that a feed's rhythm is known from, at least.
const GAPS: usize = 5;
/// A feed is never called silent after less.
const SHORTEST_SECS: i64 = 15 * 60;
/// A repository may rest for so long before somebody is asked to look.
const FORGOTTEN_SECS: i64 = 14 * 86_400;

impl Feed {
    /// A feed by the instants at which it spoke, in any order; `None` if it never did.
    pub fn of(name: String, mut spoke: Vec<Timestamp>) -> Option<Self> {
        spoke.sort();
        spoke.dedup();
        let last_at = *spoke.last()?;
        let mut gaps: Vec<i64> = spoke
            .windows(2)
            .map(|two| two[1].secs_since(two[0]))
            .collect();
        gaps.sort();
        let rhythm_secs = match gaps.len() {
            ..GAPS => None,
            n => gaps.get((n * 95).div_ceil(100) - 1).copied(),
        };
        Some(Self {
            name,
            last_at,
            rhythm_secs,
            is_declared: false,
        })
    }

    /// As it says of itself: alive at `at`, and again within so many seconds.
    #[must_use]
    pub fn declared(mut self, at: Timestamp, every_secs: i64) -> Self {
        self.last_at = self.last_at.max(at);
        self.rhythm_secs = Some(every_secs);
        self.is_declared = true;
        self
    }

    /// For two weeks, or longer than nearly all of its gaps, it has said nothing: somebody should look whether it still can.
    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        let longest = self.rhythm_secs.unwrap_or(0).max(FORGOTTEN_SECS);
        now.secs_since(self.last_at) > longest
    }

    /// It can vouch for nothing having changed: it spoke as lately as it usually does.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        let silent = now.secs_since(self.last_at);
        let slack = |rhythm: i64| if self.is_declared { rhythm / 4 } else { 0 };
        self.rhythm_secs
            .is_some_and(|rhythm| silent <= (rhythm + slack(rhythm)).max(SHORTEST_SECS))
    }
}

words! {
    /// What can be said of changes as the cause.
    pub enum Verdict {
        /// Some candidate is suspected.
        Suspected = "suspected",
        /// Nothing changed, and every feed vouches for that.
        RuledOut = "ruled_out",
        /// Nothing is known to have changed, and some feed is silent.
        Unknown = "unknown",
    }
}

/// What the line-up says, with what the feeds can vouch for; `untold`: a service is concerned of which no feed tells.
pub fn verdict(lineup: &Lineup, feeds: &[Feed], untold: bool, now: Timestamp) -> Verdict {
    if lineup.suspects.iter().any(|it| it.band != Band::Listed) {
        return Verdict::Suspected;
    }
    match !untold && !feeds.is_empty() && feeds.iter().all(|it| it.is_fresh(now)) {
        true => Verdict::RuledOut,
        false => Verdict::Unknown,
    }
}

words! {
    /// What a responder found of a suspect.
    pub enum Blame {
        Caused = "caused",
        Contributed = "contributed",
        Cleared = "cleared",
    }
}

words! {
    /// What a candidate is.
    pub enum Kind {
        Deployment = "deployment",
        /// A change in progress that nobody deployed.
        Change = "change",
        /// Commits that were pushed to a published branch.
        Push = "push",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);
    const MINUTE: i64 = 60;
    const HOUR: i64 = 3_600;

    fn ago(secs: i64) -> Timestamp {
        T0.plus_secs(-secs)
    }

    fn candidate(near: Near, ended: i64) -> Candidate {
        Candidate {
            started_at: ago(ended + 300),
            ended_at: Some(ago(ended)),
            near,
            pace: Pace::Quick,
            text: String::new(),
            risk: Risk::default(),
            history: History::default(),
            evidence: Vec::new(),
            alibi: None,
        }
    }

    fn risk(files: i64) -> Risk {
        Risk {
            files,
            ..Risk::default()
        }
    }

    /// Key, how long before the onset it ended, T's pace, S, P, R, H, V, the score, as shown, its band.
    type Row<'a> = (
        &'a str,
        i64,
        Pace,
        Near,
        f64,
        Risk,
        History,
        &'a [Evidence],
        f64,
        i64,
        Band,
    );

    /// The worked example of 5.5, row by row; P is given there.
    #[test]
    fn the_worked_example_of_5_5_comes_out_to_the_digit() {
        let none = History::default();
        let of = |confirmed, judged| History { confirmed, judged };
        let first = Risk {
            is_first_in_a_while: true,
            ..risk(1)
        };
        let nightly = Risk {
            is_migration: true,
            has_no_way_back: true,
            ..risk(1)
        };
        let (quick, slow) = (Pace::Quick, Pace::Slow);
        let (taken, green) = ([Evidence::TakenBack], [Evidence::CheckGreen]);
        let rows: [Row<'_>; 6] = [
            (
                "CHG-410",
                8 * MINUTE,
                quick,
                Near::SameService,
                0.8,
                risk(10),
                of(2, 5),
                &[],
                76.0,
                76,
                Band::Prime,
            ),
            (
                "CHG-409",
                35 * MINUTE,
                quick,
                Near::Upstream,
                0.9,
                first,
                none,
                &[],
                63.71,
                64,
                Band::Prime,
            ),
            (
                "CHG-398",
                20 * HOUR,
                slow,
                Near::Shared,
                0.6,
                nightly,
                of(4, 10),
                &[],
                31.94,
                32,
                Band::Possible,
            ),
            (
                "CHG-402",
                10 * MINUTE,
                quick,
                Near::SameService,
                0.3,
                risk(1),
                none,
                &taken,
                19.05,
                19,
                Band::Listed,
            ),
            (
                "CHG-405",
                5 * HOUR,
                quick,
                Near::SameService,
                0.4,
                risk(10),
                of(2, 5),
                &green,
                14.93,
                15,
                Band::Listed,
            ),
            (
                "CHG-411",
                3 * MINUTE,
                quick,
                Near::SameEnvironment,
                0.0,
                risk(1),
                none,
                &[],
                5.25,
                5,
                Band::Listed,
            ),
        ];
        for (key, ended, pace, near, symptom, risk, history, evidence, wanted, rounded, band) in
            rows
        {
            let time = time(T0, ago(ended + 300), Some(ago(ended)), pace);
            let found = score(
                time,
                near,
                symptom,
                risk.weight(),
                history.weight(),
                evidence,
            );
            assert!((found - wanted).abs() < 0.005, "{key}: {found}");
            assert_eq!((shown(found), Band::of(found)), (rounded, band), "{key}");
        }
    }

    #[test]
    fn time_counts_from_the_end_halves_every_four_hours_and_never_for_what_runs() {
        for (ended, pace, wanted) in [
            (Some(0), Pace::Quick, 1.0),
            (Some(15 * MINUTE), Pace::Quick, 1.0),
            (Some(15 * MINUTE + 4 * HOUR), Pace::Quick, 0.5),
            (Some(15 * MINUTE + 8 * HOUR), Pace::Quick, 0.25),
            (Some(15 * MINUTE + 24 * HOUR), Pace::Slow, 0.5),
            (None, Pace::Quick, 1.0),
        ] {
            let started = ago(100 * HOUR);
            let found = time(T0, started, ended.map(ago), pace);
            assert!((found - wanted).abs() < 1e-9, "{ended:?}: {found}");
        }
        // Begun within the skew of clocks, or ended after the onset: it ran then.
        assert_eq!(
            time(T0, T0.plus_secs(60), Some(T0.plus_secs(90)), Pace::Quick),
            1.0
        );
        assert_eq!(
            time(T0, ago(60), Some(T0.plus_secs(9 * HOUR)), Pace::Quick),
            1.0
        );
    }

    #[test]
    fn risk_is_capped_and_a_score_too() {
        let all = Risk {
            is_emergency: true,
            is_migration: true,
            is_irreversible: true,
            has_no_way_back: true,
            files: 1_000,
            is_first_in_a_while: true,
        };
        assert_eq!(all.weight(), 1.0);
        // A migration that can't be taken back counts once.
        for (is_migration, is_irreversible, weight) in [
            (false, false, 0.1),
            (true, false, 0.4),
            (false, true, 0.4),
            (true, true, 0.4),
        ] {
            let one = Risk {
                is_migration,
                is_irreversible,
                ..risk(1)
            };
            assert!((one.weight() - weight).abs() < 1e-9, "{one:?}");
        }
        assert!(
            (risk(0).weight() - 0.1).abs() < 1e-9,
            "no file counts as one"
        );
        let high = score(1.0, Near::SameService, 1.0, 1.0, 1.0, &[Evidence::Failed]);
        assert_eq!(high, 100.0);
        for (score, band) in [
            (60.0, Band::Prime),
            (59.999, Band::Possible),
            (30.0, Band::Possible),
            (29.999, Band::Listed),
        ] {
            assert_eq!(Band::of(score), band, "{score}");
        }
        assert_eq!((shown(31.5), shown(31.49)), (32, 31));
    }

    #[test]
    fn who_began_after_the_onset_or_was_not_live_has_an_alibi() {
        let mut late = candidate(Near::SameService, 0);
        late.started_at = T0.plus_secs(SKEW_SECS + 1);
        let mut in_time = late.clone();
        in_time.started_at = T0.plus_secs(SKEW_SECS);
        let mut staging = candidate(Near::SameService, MINUTE);
        staging.alibi = Some(Alibi::NotLive);
        let lineup = line_up(T0, "checkout fails", &[late, in_time, staging]);
        assert_eq!(
            lineup.alibis,
            [(0, Alibi::StartedAfter), (2, Alibi::NotLive)]
        );
        assert_eq!(lineup.suspects.len(), 1);
        assert_eq!(lineup.suspects[0].place, 1);
    }

    #[test]
    fn shared_words_rank_and_are_named_and_recency_alone_makes_no_suspect() {
        let with = |near, ended, text: &str| Candidate {
            text: text.to_owned(),
            ..candidate(near, ended)
        };
        let all = [
            with(Near::SameEnvironment, 3 * MINUTE, "docs: fix a typo"),
            with(
                Near::SameService,
                50 * MINUTE,
                "Raise the upstream pool of checkout",
            ),
            with(Near::SameService, 50 * MINUTE, "Rename a column of reports"),
        ];
        let lineup = line_up(
            T0,
            "Checkout returns 502, upstream refuses connections",
            &all,
        );
        let order: Vec<usize> = lineup.suspects.iter().map(|it| it.place).collect();
        assert_eq!(order, [1, 2, 0]);
        assert_eq!(lineup.suspects[0].words, ["upstream", "checkout"]);
        assert_eq!(lineup.suspects[2].band, Band::Listed);
        assert!(lineup.suspects[0].score > lineup.suspects[1].score + 5.0);
        assert_eq!(verdict(&lineup, &[], false, T0), Verdict::Suspected);
    }

    #[test]
    fn nobody_is_asked_to_look_after_a_feed_before_two_weeks_or_its_own_rhythm_are_over() {
        const DAY: i64 = 24 * HOUR;
        let feed = |secs: i64, count: i64| {
            let spoke = (0..count).map(|n| ago(n * secs)).collect();
            Feed::of("web".into(), spoke).unwrap()
        };
        let forgotten = |of: &Feed, secs: i64| of.is_forgotten(T0.plus_secs(secs));
        for often in [feed(HOUR, 30), feed(HOUR, 1), feed(40 * DAY, 5)] {
            assert!(!forgotten(&often, 14 * DAY));
            assert!(forgotten(&often, 14 * DAY + 1));
        }
        let rare = feed(20 * DAY, 30);
        assert!(!forgotten(&rare, 20 * DAY));
        assert!(forgotten(&rare, 20 * DAY + 1));
    }

    #[test]
    fn changes_are_ruled_out_only_where_every_feed_is_fresh() {
        let every =
            |secs: i64, last: i64| (0..30).map(|n| ago(last + n * secs)).collect::<Vec<_>>();
        let pipeline = Feed::of("pipeline".into(), every(HOUR, 3 * MINUTE)).unwrap();
        let terraform = Feed::of("terraform".into(), every(4 * HOUR, 26 * HOUR)).unwrap();
        let new = Feed::of("new".into(), every(HOUR, 0)[..5].to_vec()).unwrap();
        assert_eq!(terraform.rhythm_secs, Some(4 * HOUR));
        assert!(pipeline.is_fresh(T0) && !terraform.is_fresh(T0));
        assert!(!new.is_fresh(T0), "four gaps are no rhythm");
        let nobody = Lineup::default();
        assert_eq!(
            verdict(&nobody, std::slice::from_ref(&pipeline), false, T0),
            Verdict::RuledOut
        );
        assert_eq!(
            verdict(&nobody, &[pipeline, terraform], false, T0),
            Verdict::Unknown
        );
        assert_eq!(
            verdict(&nobody, &[], false, T0),
            Verdict::Unknown,
            "nobody vouches"
        );
        assert_eq!(Feed::of("x".into(), Vec::new()), None);
        // 19 of 20 gaps are short: the long one is no rhythm.
        let mut gaps: Vec<Timestamp> = (0..20).map(|n| ago(n * MINUTE)).collect();
        gaps.push(ago(50 * HOUR));
        assert_eq!(
            Feed::of("x".into(), gaps).unwrap().rhythm_secs,
            Some(MINUTE)
        );
    }
}
