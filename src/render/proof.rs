//! A clock's proof in words: the terms, each step with what began it and whose it was, the sum. The page takes these sentences one
//! by one; [`text`] is all of them as plain text.

use chrono_tz::Tz;

use crate::domain::sla_agreement::{Anchor, Budget, Metric};
use crate::domain::sla_burn::over_secs;
use crate::domain::sla_clock::{CancelReason, Stop};
use crate::domain::sla_explain::{Cause, Step, StepKind};
use crate::domain::sla_holder::Holder;
use crate::domain::sla_proof::Proof;
use crate::domain::timestamp::Timestamp;
use crate::words::Words;

/// What stands behind a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    Text(String),
    At(Timestamp),
}

/// `<family>-<word>` of the catalogue; underscores become hyphens.
fn word(words: &Words, family: &str, word: &str) -> String {
    words
        .t(&format!("{family}-{}", word.replace('_', "-")))
        .into_owned()
}

/// `Mon 1 Jun 2026 09:00 CEST`, with seconds and their parts where there are any.
pub fn instant(at: Timestamp, zone: Tz, words: &Words) -> String {
    let pattern = words.t("time-full");
    match at.micros().rem_euclid(60_000_000) {
        0 => at.in_zone(zone).format(&pattern).to_string(),
        _ => {
            let exact = pattern.replace("%H:%M", "%H:%M:%S%.f");
            at.in_zone(zone).format(&exact).to_string()
        }
    }
}

/// What is promised: "Resolve".
pub fn metric(proof: &Proof, words: &Words) -> String {
    word(words, "metric", proof.clock.metric.as_str())
}

/// Everything that the arithmetic starts from: label and value.
pub fn terms(proof: &Proof, words: &Words) -> Vec<(String, Term)> {
    let t = |key: &str| words.t(key).into_owned();
    let clock = &proof.clock;
    let target = &clock.terms.target;
    let text = |text: String| Term::Text(text);
    let to = proof.customer.clone().unwrap_or_else(|| t("clock-house"));
    let mut terms = vec![
        (
            t("clock-state"),
            text(word(words, "clock-state", clock.state.as_str())),
        ),
        (t("clock-promised-to"), text(to)),
    ];
    if let Some(home) = &proof.home {
        let version = words.with("proof-version", &[("n", home.version.into())]);
        terms.push((
            t("clock-agreement"),
            text(format!("{}, {version}", home.name)),
        ));
    }
    if !proof.also_fit.is_empty() {
        terms.push((t("clock-also-fit"), text(proof.also_fit.join(", "))));
    }
    let budget = match target.budget {
        Budget::Counted { secs } => words.exact(secs * 1_000_000),
        Budget::EndOfDay { n } => words
            .with("clock-end-of-day", &[("n", i64::from(n).into())])
            .into_owned(),
        Budget::Fixed { .. } if target.id.is_some() => t("clock-fixed-agreed"),
        Budget::Fixed { .. } => t("clock-fixed"),
    };
    terms.push((t("clock-budget"), text(budget)));
    if let Some(by_hand) = clock.by_hand {
        let told = proof.told_by(by_hand.seq);
        let label = match told {
            Some(told) => words.with(
                "clock-promised-by",
                &[("actor", told.actor.as_str().into())],
            ),
            None => words.t("clock-promised-instead"),
        };
        terms.extend(
            clock
                .deadline_at
                .map(|at| (label.into_owned(), Term::At(at))),
        );
        terms.extend(
            by_hand
                .agreed_at
                .map(|at| (t("clock-agreed-at"), Term::At(at))),
        );
    }
    let hours = match &proof.calendar {
        Some(calendar) => format!("{calendar} ({})", proof.zone()),
        None => t("proof-round-the-clock"),
    };
    terms.push((t("clock-calendar"), text(hours)));
    let anchor = match (clock.cycle, clock.metric, target.anchor) {
        (2.., _, _) => "clock-anchor-cycle",
        (_, Metric::Log, _) | (_, _, Anchor::Impact) => "clock-anchor-impact",
        (_, _, Anchor::Reported) => "clock-anchor-reported",
        (_, _, Anchor::Logged) => "clock-anchor-logged",
    };
    terms.push((t(anchor), Term::At(clock.anchor_at)));
    let instants = [
        ("clock-deadline", clock.deadline_at),
        ("clock-ended", clock.ended_at),
        ("proof-breached", clock.breached_at),
    ];
    for (label, at) in instants {
        terms.extend(at.map(|at| (t(label), Term::At(at))));
    }
    if let Some(why) = clock.cancelled.filter(|why| *why != CancelReason::Merged) {
        let why = word(words, "cancelled", why.as_str());
        terms.push((t("proof-cancelled"), text(why)));
    }
    if clock.late_by_change {
        terms.push((t("clock-cause"), text(t("clock-late-by-change"))));
    }
    if clock.credit > 0 {
        terms.push((t("clock-carried"), text(words.exact(clock.credit))));
    }
    for it in &proof.withdrawn {
        let said = words.with(
            "clock-withdrawn",
            &[
                ("name", it.name.as_str().into()),
                ("cause", it.cause.as_str().into()),
                ("subject", it.subject.as_str().into()),
            ],
        );
        terms.push((said.into_owned(), Term::At(it.at)));
        terms.extend(it.deadline.map(|at| (t("clock-was-late"), Term::At(at))));
    }
    if clock.cancelled == Some(CancelReason::Merged) {
        terms.push((t("clock-cause"), text(t("clock-merged"))));
    }
    if !target.policy.holds_in.is_empty() {
        let states = target.policy.holds_in.iter();
        let states: Vec<String> = states.map(|it| word(words, "state", it.as_str())).collect();
        terms.push((t("clock-stops-in"), text(states.join(", "))));
    }
    let on: Vec<String> = target
        .stops_on
        .iter()
        .map(|on| word(words, "waiting", on.as_str()))
        .collect();
    let stops = if on.is_empty() {
        t("proof-stops-never")
    } else {
        on.join(", ")
    };
    terms.push((t("clock-stops"), text(stops)));
    for (threshold, at) in &clock.warnings {
        let values = [("threshold", threshold.to_string().into())];
        terms.push((
            words.with("clock-warns", &values).into_owned(),
            Term::At(*at),
        ));
    }
    terms
}

/// What a step was to the clock.
pub fn what(step: &Step, proof: &Proof, words: &Words) -> String {
    match step.kind {
        StepKind::Counted => words.t("step-counted").into_owned(),
        StepKind::Outside => words.t("step-outside").into_owned(),
        StepKind::Stopped(Stop::Closed) => words.t("step-gap").into_owned(),
        StepKind::Stopped(Stop::Waiting(on)) => waiting(on.as_str(), proof, words),
        StepKind::Stopped(Stop::InState(state)) => word(words, "state", state.as_str()),
    }
}

/// "waiting for Contoso": by name where one is known.
fn waiting(on: &str, proof: &Proof, words: &Words) -> String {
    match (&proof.asker, on) {
        (Some(name), "customer") => words
            .with("waiting-for", &[("whom", name.as_str().into())])
            .into_owned(),
        _ => word(words, "waiting", on),
    }
}

/// What began a step.
pub fn why(step: &Step, proof: &Proof, words: &Words) -> String {
    let calendar = proof.calendar.as_deref().unwrap_or_default();
    let of_calendar = |key: &'static str| {
        words
            .with(key, &[("calendar", calendar.into())])
            .into_owned()
    };
    match (step.cause, proof.told(step.cause)) {
        (Cause::Anchor { .. } | Cause::Entry { .. }, Some(told)) => words
            .with(
                "cause-entry",
                &[
                    ("actor", told.actor.as_str().into()),
                    ("did", word(words, "did", told.kind.as_str()).into()),
                    ("door", word(words, "door", told.door.as_str()).into()),
                ],
            )
            .into_owned(),
        (Cause::Anchor { .. }, None) => words.t("cause-anchor").into_owned(),
        (Cause::Entry { .. }, None) => words.t("cause-unknown").into_owned(),
        (Cause::Hours, _) if step.kind == StepKind::Counted => of_calendar("cause-hours-begin"),
        (Cause::Hours, _) => of_calendar("cause-hours-end"),
        (Cause::Version, _) => of_calendar("cause-version"),
        (Cause::HoldEnd, _) => words.t("cause-hold-end").into_owned(),
        (Cause::Deadline, _) => words.t("cause-deadline").into_owned(),
        (Cause::Now, _) => words.t("cause-now").into_owned(),
    }
}

/// Marks of a step: late, ahead, after the end.
pub fn marks(step: &Step, proof: &Proof, words: &Words) -> Vec<String> {
    let mut marks = Vec::new();
    if step.is_late {
        marks.push("step-late");
    }
    if step.is_ahead {
        marks.push(match proof.clock.ended_at {
            Some(_) => "step-after-end",
            None => "step-ahead",
        });
    }
    marks.iter().map(|key| words.t(key).into_owned()).collect()
}

/// Whose a step's counted time was; empty for what lies after the clock's end.
pub fn whose_step(step: &Step, proof: &Proof, words: &Words) -> String {
    let is_over = step.is_ahead && proof.clock.ended_at.is_some();
    if step.kind != StepKind::Counted || is_over {
        return String::new();
    }
    whose(step.holder, proof, words)
}

/// Whose it was: "Ada, NetOps", "Contoso", "nobody".
pub fn whose(holder: Holder, proof: &Proof, words: &Words) -> String {
    let team = match holder {
        Holder::Person(_, Some(team)) => proof.name(Holder::Team(team)),
        _ => None,
    };
    match (proof.name(holder), team) {
        (Some(name), Some(team)) => format!("{name}, {team}"),
        (Some(name), None) => name.to_owned(),
        (None, _) => word(words, "holder", holder.word()),
    }
}

/// How finely lengths are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    Micros,
    /// For the eye. Of lengths that follow each other the ends are cut, so that they still add up to what stands below them.
    Seconds,
}

impl Grain {
    const fn cut(self, micros: i64) -> i64 {
        match self {
            Self::Micros => micros,
            Self::Seconds => micros.div_euclid(1_000_000) * 1_000_000,
        }
    }

    /// The length from one end to the other.
    pub const fn between(self, from: i64, to: i64) -> i64 {
        self.cut(to) - self.cut(from)
    }

    /// Lengths that follow each other.
    fn each(self, parts: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let mut sum = 0;
        let parts = parts.into_iter().map(|part| {
            sum += part;
            self.between(sum - part, sum)
        });
        parts.collect()
    }
}

/// How much is used of how much.
pub fn used(proof: &Proof, grain: Grain, words: &Words) -> String {
    let explained = &proof.explanation;
    let exact = |micros: i64| words.exact(grain.cut(micros)).into();
    let used = ("used", exact(explained.used));
    let over = over_secs(&proof.clock, proof.now) * 1_000_000;
    let by_the_clock = ("over", words.exact(over).into());
    match explained.budget {
        Some(budget) if explained.late == 0 && over > 0 => words.with(
            "clock-sum-over",
            &[used, ("budget", exact(budget)), by_the_clock],
        ),
        Some(budget) if explained.late / 1_000_000 < over / 1_000_000 => words.with(
            "clock-sum-late-over",
            &[
                used,
                ("budget", exact(budget)),
                ("late", exact(explained.late)),
                by_the_clock,
            ],
        ),
        Some(budget) if explained.late > 0 => words.with(
            "clock-sum-late",
            &[
                used,
                ("budget", exact(budget)),
                ("late", exact(explained.late)),
            ],
        ),
        Some(budget) => words.with(
            "clock-sum",
            &[
                used,
                ("budget", exact(budget)),
                ("percent", percent(proof).into()),
            ],
        ),
        None => words.with("clock-sum-open", &[used]),
    }
    .into_owned()
}

/// Never rounded up: 99.951 % is 99.95 %.
fn percent(proof: &Proof) -> String {
    let permyriad = proof.clock.used_permyriad(proof.now);
    format!("{}.{:02}", permyriad / 100, permyriad % 100)
}

/// The addition: "2 h + 1 h + 7 h = 10 h". Empty where nothing was counted yet.
pub fn sum(proof: &Proof, grain: Grain, words: &Words) -> String {
    let parts = grain.each(proof.explanation.sum.iter().copied());
    let total = words.exact(parts.iter().sum());
    match parts.len() {
        0 => String::new(),
        1 => total,
        2..=MOST_SUMMANDS => {
            let parts: Vec<String> = parts.iter().map(|part| words.exact(*part)).collect();
            format!("{} = {total}", parts.join(" + "))
        }
        count => words
            .with(
                "proof-sum-of-many",
                &[("count", (count as i64).into()), ("total", total.into())],
            )
            .into_owned(),
    }
}

/// A sum that fits on a line or two.
const MOST_SUMMANDS: usize = 16;

/// Whose the counted time was, one line a holder: name, length, of which late.
pub fn shares(proof: &Proof, grain: Grain, words: &Words) -> Vec<(String, String, String)> {
    let late = |micros: i64| match micros {
        0 => String::new(),
        _ => words.exact(micros),
    };
    let all = &proof.shares;
    let counted = grain.each(all.iter().map(|share| share.counted));
    let of_late = grain.each(all.iter().map(|share| share.late));
    all.iter()
        .zip(counted.into_iter().zip(of_late))
        .map(|(share, (counted, of_late))| {
            (
                whose(share.holder, proof, words),
                words.exact(counted),
                late(of_late),
            )
        })
        .collect()
}

/// The whole proof as plain text: instants in the agreement's zone, and in the reader's where that is another.
pub fn text(proof: &Proof, reader: Tz, words: &Words) -> String {
    let zone = proof.zone();
    let t = |key: &str| words.t(key).into_owned();
    let at = |at: Timestamp| match reader == zone {
        true => instant(at, zone, words),
        false => format!(
            "{} ({})",
            instant(at, zone, words),
            instant(at, reader, words)
        ),
    };
    let mut out = format!("{} {}\n", proof.key, proof.title);
    out.push_str(&format!(
        "{}\n\n{}\n",
        metric(proof, words),
        used(proof, Grain::Micros, words)
    ));
    out.push_str(&format!("\n{}\n", t("clock-terms")));
    for (label, term) in terms(proof, words) {
        let value = match term {
            Term::Text(text) => text,
            Term::At(instant) => at(instant),
        };
        out.push_str(&format!("  {label}: {value}\n"));
    }
    out.push_str(&format!("\n{}\n", t("clock-steps")));
    let folded = proof.explanation.folded;
    for (place, step) in proof.explanation.steps.iter().enumerate() {
        let length = words.exact(step.interval.micros());
        let (from, to) = (at(step.interval.from), at(step.interval.to));
        let mut parts = vec![what(step, proof, words), length];
        if step.kind == StepKind::Counted {
            let used = words.exact(step.used_after);
            parts.push(format!("{}: {used}", t("step-used")));
        }
        parts.extend(marks(step, proof, words));
        let whose = whose_step(step, proof, words);
        parts.extend((!whose.is_empty()).then_some(whose));
        out.push_str(&format!("  {from} - {to}\n      {}\n", parts.join("; ")));
        out.push_str(&format!("      {}\n", why(step, proof, words)));
        if let Some(folded) = folded.filter(|folded| folded.after == place) {
            let values = [
                ("count", (folded.steps as i64).into()),
                ("counted", words.exact(folded.counted).into()),
            ];
            out.push_str(&format!("  {}\n", words.with("proof-folded", &values)));
        }
    }
    let sum = sum(proof, Grain::Micros, words);
    if !sum.is_empty() {
        out.push_str(&format!("\n{}\n  {sum}\n", t("proof-sum")));
    }
    if !proof.shares.is_empty() {
        out.push_str(&format!("\n{}\n", t("proof-shares")));
        for (whose, counted, late) in shares(proof, Grain::Micros, words) {
            out.push_str(&format!("  {whose}: {counted}"));
            if !late.is_empty() {
                out.push_str(&format!(", {} {late}", t("step-late")));
            }
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_add_up_to_what_stands_below_them() {
        let parts = [1_500_000, 700_000, 900_000, 1_900_000];
        let whole = Grain::Seconds.each(parts);
        assert_eq!(whole, [1_000_000, 1_000_000, 1_000_000, 2_000_000]);
        assert_eq!(whole.iter().sum::<i64>(), parts.iter().sum::<i64>());
        assert_eq!(Grain::Micros.each(parts), parts);
        // What is still to come ends on the deadline's second.
        assert_eq!(Grain::Seconds.between(999_999, 3_000_000), 3_000_000);
    }
}
