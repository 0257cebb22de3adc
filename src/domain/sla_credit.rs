//! What is given back when less was kept than agreed: a clause of thresholds with a cap, and the arithmetic that applies it.
//!
//! Shares are compared as the fractions they are, never as rounded percentages: 27 of 28 is below 96.43 % and above 96.42 %.

use super::id::CalendarId;
use super::refusal::FieldError;
use super::severity::Severity;
use super::sla_agreement::Metric;

/// Thousandths of a percent: 99.95 % is 99,950.
pub type Millipercent = i64;

const WHOLE: Millipercent = 100_000;
/// Most thresholds of one clause.
pub const MOST_RULES: usize = 20;

/// What a threshold is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// The share of this promise's cycles that were kept.
    Kept(Metric),
    /// The share of the agreed time in which the service that fared worst worked.
    Availability,
}

impl Basis {
    /// Its one spelling: a metric's, or `availability`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Basis::Kept(metric) => metric.as_str(),
            Basis::Availability => "availability",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "availability" => Some(Self::Availability),
            other => {
                let metric = other.parse().ok()?;
                Metric::PROMISED
                    .contains(&metric)
                    .then_some(Self::Kept(metric))
            }
        }
    }
}

/// Below this share, so much is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub basis: Basis,
    pub below: Millipercent,
    /// Of the period's fee.
    pub credit: Millipercent,
}

/// How availability is counted under an agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counting {
    /// The agreed time; `None`: round the clock.
    pub calendar: Option<CalendarId>,
    /// Incidents of this severity and worse are outages.
    pub severity: Severity,
    /// Maintenance that was announced counts neither as time nor as outage.
    pub excludes_maintenance: bool,
}

impl Counting {
    /// How it is counted where no clause says otherwise.
    pub const USUAL: Counting = Counting {
        calendar: None,
        severity: Severity::High,
        excludes_maintenance: true,
    };

    pub fn is_outage(&self, severity: Option<Severity>) -> bool {
        severity.is_some_and(|it| it.rank() <= self.severity.rank())
    }
}

/// An agreement's clause on credits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    pub counting: Counting,
    /// Never more than this is given back for one period.
    pub cap: Millipercent,
    pub rules: Vec<Rule>,
}

impl Clause {
    /// Refuses what can't be meant: shares outside 0–100 %, a rule twice, a worse share that gives back less.
    pub fn checked(mut self) -> Result<Self, Vec<FieldError>> {
        let mut faults = Vec::new();
        if !(0..=WHOLE).contains(&self.cap) {
            faults.push(FieldError::new("cap", "not-a-share"));
        }
        if self.rules.len() > MOST_RULES {
            let most = MOST_RULES.to_string();
            faults.push(FieldError::new("rules", "too-many-rules").with("max", most));
        }
        for (place, rule) in self.rules.iter().enumerate() {
            if !(1..=WHOLE).contains(&rule.below) {
                faults.push(FieldError::new(format!("below-{place}"), "not-a-share"));
            }
            if !(1..=WHOLE).contains(&rule.credit) {
                faults.push(FieldError::new(format!("credit-{place}"), "not-a-share"));
            }
        }
        self.rules
            .sort_by_key(|rule| (rule.basis, std::cmp::Reverse(rule.below)));
        for pair in self.rules.windows(2) {
            let [milder, worse] = pair else { continue };
            if milder.basis != worse.basis {
                continue;
            }
            if milder.below == worse.below {
                faults.push(FieldError::new("rules", "rule-twice"));
            } else if worse.credit < milder.credit {
                faults.push(FieldError::new("rules", "worse-gives-less"));
            }
        }
        if faults.is_empty() {
            Ok(self)
        } else {
            Err(faults)
        }
    }
}

/// Reads a share in percent, with up to three decimals: `99.95`, `5 %`.
pub fn parse_share(text: &str) -> Option<Millipercent> {
    let text = text.trim().trim_end_matches('%').trim_end();
    let (whole, decimals) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 3
        || decimals.len() > 3
        || !digits(whole)
        || !digits(decimals)
    {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let decimals: i64 = format!("{decimals:0<3}").parse().ok()?;
    Some(whole * 1_000 + decimals)
}

/// The form that [`parse_share`] reads: `99.95`.
pub fn share_text(share: Millipercent) -> String {
    let text = format!("{}.{:03}", share / 1_000, share % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `n` of `m` as thousandths of a percent, rounded down; `None` of nothing.
pub fn share(n: i64, m: i64) -> Option<Millipercent> {
    (m > 0).then(|| (i128::from(n) * i128::from(WHOLE) / i128::from(m)) as i64)
}

/// Whether `n` of `m` is less than the share.
fn is_below(n: i64, m: i64, share: Millipercent) -> bool {
    i128::from(n) * i128::from(WHOLE) < i128::from(share) * i128::from(m)
}

/// One threshold that was missed, and what it gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owed {
    pub rule: Rule,
    pub n: i64,
    pub m: i64,
}

/// What a clause gives back for a period.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credit {
    /// Of each basis the worst threshold that was missed.
    pub owed: Vec<Owed>,
    /// Their sum before the cap.
    pub sum: Millipercent,
    pub credit: Millipercent,
}

/// Applies a clause. `achieved` says of a basis how much of how much was kept; of what there was nothing to keep nothing is owed.
pub fn credit(clause: &Clause, achieved: impl Fn(Basis) -> Option<(i64, i64)>) -> Credit {
    let mut owed: Vec<Owed> = Vec::new();
    for rule in &clause.rules {
        let Some((n, m)) = achieved(rule.basis).filter(|(_, m)| *m > 0) else {
            continue;
        };
        if !is_below(n, m, rule.below) {
            continue;
        }
        let missed = Owed { rule: *rule, n, m };
        match owed.iter_mut().find(|it| it.rule.basis == rule.basis) {
            Some(known) if known.rule.credit < rule.credit => *known = missed,
            Some(_) => {}
            None => owed.push(missed),
        }
    }
    let sum: Millipercent = owed.iter().map(|it| it.rule.credit).sum();
    Credit {
        credit: sum.min(clause.cap),
        sum,
        owed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(rules: &[(Basis, i64, i64)], cap: i64) -> Clause {
        Clause {
            counting: Counting::USUAL,
            cap,
            rules: rules
                .iter()
                .map(|(basis, below, credit)| Rule {
                    basis: *basis,
                    below: *below,
                    credit: *credit,
                })
                .collect(),
        }
    }

    const RESPOND: Basis = Basis::Kept(Metric::Respond);

    #[test]
    fn the_worst_missed_threshold_of_each_basis_counts_up_to_the_cap() {
        let clause = clause(
            &[
                (RESPOND, 95_000, 5_000),
                (RESPOND, 90_000, 10_000),
                (Basis::Availability, 99_900, 10_000),
                (Basis::Availability, 99_000, 25_000),
                (Basis::Kept(Metric::Resolve), 90_000, 5_000),
            ],
            30_000,
        )
        .checked()
        .unwrap();
        let given = |respond: (i64, i64), availability: (i64, i64)| {
            credit(&clause, |basis| match basis {
                Basis::Availability => Some(availability),
                RESPOND => Some(respond),
                Basis::Kept(_) => Some((0, 0)),
            })
        };
        assert_eq!(given((95, 100), (999, 1000)).credit, 0, "kept to the point");
        assert_eq!(given((949, 1000), (999, 1000)).credit, 5_000);
        assert_eq!(given((89, 100), (1000, 1000)).credit, 10_000);
        let both = given((89, 100), (989, 1000));
        assert_eq!(
            (both.sum, both.credit, both.owed.len()),
            (35_000, 30_000, 2)
        );
    }

    #[test]
    fn fractions_are_compared_and_not_their_roundings() {
        // 27 of 28 is 96.428571… %.
        assert!(is_below(27, 28, 96_429) && !is_below(27, 28, 96_428));
        assert_eq!(share(27, 28), Some(96_428));
        assert_eq!(share(0, 0), None);
    }

    #[test]
    fn shares_survive_their_text() {
        for (text, expected) in [
            ("99.95", Some(99_950)),
            ("5 %", Some(5_000)),
            ("99,9%", Some(99_900)),
            ("100", Some(100_000)),
            ("0.001", Some(1)),
            ("", None),
            ("-1", None),
            ("99.9999", None),
            ("many", None),
        ] {
            assert_eq!(parse_share(text), expected, "{text}");
        }
        for share in [0, 1, 5_000, 99_950, 100_000] {
            assert_eq!(parse_share(&share_text(share)), Some(share));
        }
        assert_eq!(share_text(99_950), "99.95");
    }

    #[test]
    fn a_clause_that_cannot_be_meant_is_refused() {
        let problem = |rules: &[(Basis, i64, i64)], cap| {
            let faults = clause(rules, cap).checked().unwrap_err();
            faults[0].problem
        };
        assert_eq!(problem(&[], 100_001), "not-a-share");
        assert_eq!(problem(&[(RESPOND, 0, 1)], 1), "not-a-share");
        assert_eq!(
            problem(&[(RESPOND, 95_000, 1), (RESPOND, 95_000, 2)], 1),
            "rule-twice"
        );
        assert_eq!(
            problem(&[(RESPOND, 90_000, 1), (RESPOND, 95_000, 2)], 1),
            "worse-gives-less"
        );
        assert_eq!(Basis::parse("availability"), Some(Basis::Availability));
        assert_eq!(Basis::parse("due"), None, "no agreement promises that");
    }
}
