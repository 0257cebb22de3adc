//! Small pieces of markup with a meaning of their own: severity shapes, state glyphs, burn lines, clocks, times, avatars.
//!
//! Each says its meaning at least twice (shape and number, glyph and word, length and text), so that no colour is ever needed.
//! They are values that templates print; whatever they contain was escaped when they were made.

use std::fmt;

use askama::filters::HtmlSafe;
use chrono_tz::Tz;

use crate::domain::id::Kind;
use crate::domain::severity::Severity;
use crate::domain::sla_burn::Burn;
use crate::domain::timestamp::Timestamp;
use crate::words::Words;

/// Finished markup: a template prints it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Markup(String);

impl Markup {
    /// Text becomes markup by escaping.
    pub fn text(text: &str) -> Self {
        Self(escaped(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(in crate::http) fn trusted(html: String) -> Self {
        Self(html)
    }
}

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl HtmlSafe for Markup {}

/// `text` with the five characters escaped that mean something in HTML.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The mark of a severity: octagon 1, triangle 2, diamond 3, circle 4, flat bar 5. `big` is the one of the night page.
pub fn severity(words: &Words, severity: Severity) -> Markup {
    severity_sized(words, severity, "")
}

/// As [`severity`], 56 px: for the one thing on the page at night.
pub fn severity_big(words: &Words, severity: Severity) -> Markup {
    severity_sized(words, severity, " xl")
}

fn severity_sized(words: &Words, severity: Severity, size: &str) -> Markup {
    let rank = severity.rank();
    let (shape, y) = match severity {
        Severity::Disaster => (
            r#"<path class="f" d="M7 1h8l6 6v8l-6 6H7l-6-6V7z" stroke-width="1.2"/>"#,
            15,
        ),
        Severity::High => (
            r#"<path class="f" d="M11 1.2l10.2 18.6H.8z" stroke-width="1.2" stroke-linejoin="round"/>"#,
            17,
        ),
        Severity::Average => (
            r#"<path class="f" d="M11 .9L21.1 11 11 21.1.9 11z" stroke-width="1.2"/>"#,
            15,
        ),
        Severity::Warning => (
            r#"<circle class="f" cx="11" cy="11" r="9.6" stroke-width="1.2"/>"#,
            15,
        ),
        Severity::Information => (
            r#"<rect class="f" x="2.6" y="5.6" width="16.8" height="10.8" rx="2" stroke-width="1.2"/>"#,
            15,
        ),
    };
    let label = escaped(&words.t(severity_key(severity)));
    Markup(format!(
        r#"<svg class="sev s{rank}{size}" viewBox="0 0 22 22" role="img" aria-label="{label}">{shape}<text x="11" y="{y}" aria-hidden="true">{rank}</text></svg>"#
    ))
}

/// The mark of a ticket that has no severity: a letter in a plain square. Tasks T, changes C, post-mortems P.
pub fn kind(words: &Words, kind: Kind) -> Markup {
    let (letter, key) = match kind {
        Kind::Incident => ("I", "kind-incident"),
        Kind::Change => ("C", "kind-change"),
        Kind::Task => ("T", "kind-task"),
        Kind::PostMortem => ("P", "kind-post-mortem"),
    };
    let label = escaped(&words.t(key));
    Markup(format!(
        r#"<svg class="sev s0" viewBox="0 0 22 22" role="img" aria-label="{label}"><rect class="f" x="2" y="2" width="18" height="18" rx="3" stroke-width="1.4"/><text x="11" y="15" aria-hidden="true">{letter}</text></svg>"#
    ))
}

/// The catalogue key of a severity's name.
pub const fn severity_key(severity: Severity) -> &'static str {
    match severity {
        Severity::Disaster => "severity-disaster",
        Severity::High => "severity-high",
        Severity::Average => "severity-average",
        Severity::Warning => "severity-warning",
        Severity::Information => "severity-information",
    }
}

/// The shape before a state's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyph {
    /// Dashed ring: nobody began.
    New,
    /// Half disc: being worked on.
    Working,
    /// Ring with bars: waiting for someone.
    Waiting,
    /// Square with a bar: held back.
    Held,
    /// Disc with a tick: done.
    Done,
    /// Ring with a slash: cancelled or rejected.
    Rejected,
}

/// A state: its glyph, and beside it its word.
pub fn state(glyph: Glyph, word: &str) -> Markup {
    let id = match glyph {
        Glyph::New => "new",
        Glyph::Working => "work",
        Glyph::Waiting => "wait",
        Glyph::Held => "stop",
        Glyph::Done => "done",
        Glyph::Rejected => "reject",
    };
    Markup(format!(
        r##"<span class="state"><svg aria-hidden="true"><use href="#i-{id}"/></svg>{}</span>"##,
        escaped(word)
    ))
}

/// Two letters of a name in a ring; the name is read out.
pub fn avatar(name: &str) -> Markup {
    let mut initials: String = name
        .split_whitespace()
        .filter_map(|word| word.chars().next())
        .take(2)
        .collect();
    if initials.chars().count() < 2 {
        initials = name.trim().chars().take(2).collect();
    }
    Markup(format!(
        r#"<span class="ava" title="{name}"><span aria-hidden="true">{}</span><span class="vh">{name}</span></span>"#,
        escaped(&initials.to_uppercase()),
        name = escaped(name)
    ))
}

/// How a clock stands, as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// Runs out at `due_at`.
    Running { due_at: Timestamp, burns: Burns },
    /// Held: waiting for somebody. Since how long, and how long that still lasts, if either is known.
    Held {
        held_secs: Option<i64>,
        left_secs: Option<i64>,
        total_secs: i64,
    },
    /// Fulfilled in time.
    Met,
    /// Fulfilled too late, or given up after its limit.
    Missed { late_secs: i64 },
    /// Runs without a limit, or no clock at all.
    None,
}

/// What a running clock's line is drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Burns {
    /// By the wall clock: it had so many seconds when it began (0 if that isn't known).
    Always { total_secs: i64 },
    /// By working time, as it stands when the page is made.
    AtWork(Burn),
}

impl Burns {
    /// Seconds that are left and that there were.
    fn share(self, due_at: Timestamp, now: Timestamp) -> (i64, i64) {
        match self {
            Burns::Always { total_secs } => (due_at.secs_since(now).max(0), total_secs),
            Burns::AtWork(burn) => (burn.left / 1_000_000, burn.total / 1_000_000),
        }
    }

    /// For the script: a line that doesn't burn by the wall clock says how much is left, whether it burns now and when that changes.
    fn data(self) -> String {
        match self {
            Burns::Always { total_secs } => {
                format!(r#" data-total="{}""#, total_secs.saturating_mul(1_000))
            }
            Burns::AtWork(burn) => {
                let turns = burn.until.map_or_else(String::new, |until| {
                    format!(r#" data-turns="{}""#, until.micros() / 1_000)
                });
                let open = if burn.is_open { "yes" } else { "no" };
                format!(
                    r#" data-total="{}" data-left="{}" data-open="{open}"{turns}"#,
                    burn.total / 1_000,
                    burn.left / 1_000
                )
            }
        }
    }
}

impl Tick {
    /// One of `go near over hold met missed`: the last fifth of the time is *near*.
    pub fn mood(self, now: Timestamp) -> &'static str {
        match self {
            Tick::Running { due_at, burns } => {
                let (left, total) = burns.share(due_at, now);
                if due_at < now {
                    "over"
                } else if total > 0 && left <= total / 5 {
                    "near"
                } else {
                    "go"
                }
            }
            Tick::Held { .. } => "hold",
            Tick::Met => "met",
            Tick::Missed { .. } => "missed",
            Tick::None => "none",
        }
    }

    /// Percent of the time that is left, 0 to 100.
    pub fn left_percent(self, now: Timestamp) -> i64 {
        let share = |left: i64, total: i64| {
            if total > 0 {
                (left * 100 / total).clamp(1, 100)
            } else {
                100
            }
        };
        match self {
            Tick::Running { due_at, burns } => {
                let (left, total) = burns.share(due_at, now);
                share(left, total)
            }
            Tick::Held {
                left_secs,
                total_secs,
                ..
            } => match left_secs {
                Some(left) if total_secs > 0 => share(left.max(0), total_secs),
                Some(_) | None => 60,
            },
            Tick::Met | Tick::Missed { .. } => 100,
            Tick::None => 0,
        }
    }
}

/// A clock's text. A running one ticks in the browser; `line` is the id of the burn line that follows it ("" for none).
pub fn clock(words: &Words, now: Timestamp, tick: Tick, line: &str) -> Markup {
    let mood = tick.mood(now);
    Markup(match tick {
        Tick::Running { due_at, burns } => {
            let left = due_at.secs_since(now);
            let text = if left < 0 {
                words.over(left)
            } else {
                words.span(left)
            };
            format!(
                r#"<span class="clock {mood}" role="timer" data-due="{}"{} data-burn="{line}">{}</span>"#,
                due_at.micros() / 1_000,
                burns.data(),
                escaped(&text)
            )
        }
        Tick::Held { held_secs, .. } => {
            // On a phone the word is enough; the rest is there where there is room.
            let rest = held_secs.map_or_else(String::new, |held| {
                format!(
                    r#"<span class="more"> {}</span>"#,
                    escaped(&words.span(held.max(0)))
                )
            });
            format!(
                r#"<span class="clock hold">{}{rest}</span>"#,
                escaped(&words.t("clock-held"))
            )
        }
        Tick::Met => format!(
            r#"<span class="clock met">{}</span>"#,
            escaped(&words.t("clock-met"))
        ),
        Tick::Missed { late_secs } => {
            format!(
                r#"<span class="clock missed">{}</span>"#,
                escaped(&words.over(late_secs))
            )
        }
        Tick::None => format!(
            r#"<span class="clock mut">{}</span>"#,
            escaped(&words.t("clock-none"))
        ),
    })
}

/// The rule under a row, which is its clock: length is the share of time left; overdue is a double rule; held is hatched.
pub fn burn(now: Timestamp, tick: Tick, id: &str) -> Markup {
    let width = tick.left_percent(now);
    let bar = match tick.mood(now) {
        "over" | "missed" => {
            r#"<rect class="over" width="100%" height="1.5"/><rect class="over" y="2.5" width="100%" height="1.5"/>"#
                .to_owned()
        }
        "none" => r#"<rect class="bg" y="1.5" width="100%" height="1"/>"#.to_owned(),
        mood => {
            let (y, height) = match mood {
                "near" => ("0", "4"),
                "hold" => ("0.5", "3"),
                _ => ("1", "2"),
            };
            let id = if id.is_empty() { String::new() } else { format!(r#" id="{id}""#) };
            format!(
                r#"<rect class="bg" y="1.5" width="100%" height="1"/><rect{id} class="{mood}" y="{y}" width="{width}%" height="{height}"/>"#
            )
        }
    };
    Markup(format!(
        r#"<svg class="burn" aria-hidden="true">{bar}</svg>"#
    ))
}

/// How much of a date a reader needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// `14:02` today, `Fri 14:02` within six days, `3 Nov 14:02` this year, else with the year.
    Near,
    /// `14:02`.
    Clock,
    /// `Sat 21 Nov 2026 14:02 CET`.
    Full,
    /// As `Full`, to the second; hovering shows its parts. In proofs.
    Exact,
    /// `Sat 21 Nov 2026`.
    Date,
}

/// An instant on the wall clock of `zone`, as plain text.
pub fn time_text(words: &Words, at: Timestamp, now: Timestamp, zone: Tz, detail: Detail) -> String {
    use chrono::Datelike;
    if detail == Detail::Exact {
        let whole = Timestamp::from_micros(at.micros().div_euclid(1_000_000) * 1_000_000);
        return crate::render::proof::instant(whole, zone, words);
    }
    let (at, now) = (at.in_zone(zone), now.in_zone(zone));
    let days = (at.date_naive() - now.date_naive()).num_days();
    let pattern = match detail {
        Detail::Clock => "time-clock",
        Detail::Full | Detail::Exact => "time-full",
        Detail::Date => "time-date",
        Detail::Near if days == 0 => "time-clock",
        Detail::Near if days.abs() < 7 => "time-week",
        Detail::Near if at.year() == now.year() => "time-year",
        Detail::Near => "time-far",
    };
    at.format(&words.t(pattern)).to_string()
}

/// An instant inside `<time datetime>`; hovering shows it in full with its zone.
pub fn time(words: &Words, at: Timestamp, now: Timestamp, zone: Tz, detail: Detail) -> Markup {
    let full = match detail {
        Detail::Exact => crate::render::proof::instant(at, zone, words),
        Detail::Near | Detail::Clock | Detail::Full | Detail::Date => {
            time_text(words, at, now, zone, Detail::Full)
        }
    };
    Markup(format!(
        r#"<time datetime="{}" title="{}">{}</time>"#,
        at.rfc3339(),
        escaped(&full),
        escaped(&time_text(words, at, now, zone, detail))
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_clock_is_near_in_its_last_fifth_and_over_after_its_limit() {
        let due_at = at("2026-11-21T04:00:00Z");
        let tick = Tick::Running {
            due_at,
            burns: Burns::Always { total_secs: 1_000 },
        };
        for (secs, mood, left) in [
            (1_000, "go", 100),
            (201, "go", 20),
            (200, "near", 20),
            (0, "near", 1),
            (-1, "over", 1),
        ] {
            let now = due_at.plus_secs(-secs);
            assert_eq!(
                (tick.mood(now), tick.left_percent(now)),
                (mood, left),
                "{secs} s left"
            );
        }
    }

    #[test]
    fn t54_a_line_of_working_time_is_drawn_from_what_is_left_of_it() {
        let now = at("2026-11-21T04:00:00Z");
        // Due after the weekend: by the wall clock almost nothing is used.
        let tick = |left_secs: i64| Tick::Running {
            due_at: now.plus_secs(60 * 3_600),
            burns: Burns::AtWork(Burn {
                left: left_secs * 1_000_000,
                total: 10_000_000_000,
                is_open: false,
                until: Some(now.plus_secs(3_600)),
            }),
        };
        for (left, mood, percent) in [
            (10_000, "go", 100),
            (2_001, "go", 20),
            (2_000, "near", 20),
            (1, "near", 1),
        ] {
            let tick = tick(left);
            assert_eq!(
                (tick.mood(now), tick.left_percent(now)),
                (mood, percent),
                "{left} s left"
            );
        }
        let clock = clock(Words::english(), now, tick(2_000), "b-1");
        let wanted = r#" data-total="10000000" data-left="2000000" data-open="no" data-turns="1795237200000""#;
        assert!(clock.as_str().contains(wanted), "{clock}");
        assert!(clock.as_str().contains("60 h"), "{clock}");
    }

    #[test]
    fn times_say_no_more_than_needed_in_the_readers_zone() {
        let words = Words::english();
        let zone: Tz = "Europe/Stockholm".parse().unwrap();
        let now = at("2026-11-21T04:07:00Z");
        for (instant, text) in [
            ("2026-11-21T03:00:00Z", "04:00"),
            ("2026-11-20T23:30:00Z", "00:30"),
            ("2026-11-20T22:30:00Z", "Fri 23:30"),
            ("2026-11-03T08:05:00Z", "3 Nov 09:05"),
            ("2025-11-03T08:05:00Z", "3 Nov 2025 09:05"),
        ] {
            assert_eq!(time_text(words, at(instant), now, zone, Detail::Near), text);
        }
        assert_eq!(
            time_text(words, now, now, zone, Detail::Full),
            "Sat 21 Nov 2026 05:07 CET"
        );
    }

    #[test]
    fn names_are_escaped_wherever_they_stand() {
        let mark = avatar("<b>\"Ada\" O'Neil");
        assert!(!mark.as_str().contains("<b>"), "{mark}");
        assert!(
            mark.as_str()
                .contains("&lt;b&gt;&quot;Ada&quot; O&#39;Neil"),
            "{mark}"
        );
    }
}
