//! A calendar to look at: its week painted, what was understood of it, the dates that differ in the next two years, and what it does
//! to a promise.

use std::sync::Arc;

use chrono_tz::Tz;

use crate::domain::calendar::{Calendar, Range};
use crate::domain::calendar_days::{
    Understood, at_local, examples, moments, special_days, understood,
};
use crate::domain::holidays::{self, Holiday};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Hours;
use crate::http::marks::{self, Detail, Markup};
use crate::http::page::Page;
use crate::words::Words;

/// Most dates that are listed.
const MOST_DATES: usize = 150;
/// The promises of the examples, in seconds.
const PROMISES: [i64; 2] = [4 * 3600, 16 * 3600];

pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

pub struct CalendarView {
    /// The calendar's plain week.
    pub weeks: [Week; 1],
    pub notes: Vec<String>,
    pub special: Vec<SpecialLine>,
    pub more_special: usize,
    /// Where its holidays come from, and until when they are known.
    pub source: Option<String>,
    pub promises: Vec<String>,
    pub examples: Vec<ExampleLine>,
}

pub struct DayRow {
    pub day: String,
    /// Where a bar begins and how wide it is, in minutes.
    pub bars: Vec<(u16, u16)>,
    pub text: String,
}

pub struct SpecialLine {
    pub date: String,
    pub names: String,
    pub open: String,
    pub is_holiday: bool,
}

pub struct ExampleLine {
    pub from: Markup,
    /// In the order of the promises.
    pub due: Vec<Markup>,
}

/// `09:00–17:00`, as people write it.
fn span(from: u16, to: u16) -> String {
    let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    format!("{}–{}", time(from), time(to))
}

fn spans(pieces: &[(u16, u16)], words: &Words) -> String {
    if pieces.is_empty() {
        return words.t("calendar-closed").into_owned();
    }
    let texts: Vec<String> = pieces.iter().map(|(from, to)| span(*from, *to)).collect();
    texts.join(", ")
}

pub fn day_name(words: &Words, day: usize) -> String {
    words.t(&format!("weekday-{}", DAYS[day % 7])).into_owned()
}

/// `Mon 30 Nov 12:00`; hovering shows it in full.
pub fn moment(words: &Words, at: Timestamp, now: Timestamp, zone: Tz) -> Markup {
    let full = marks::time_text(words, at, now, zone, Detail::Full);
    let short = at
        .in_zone(zone)
        .format(&words.t("time-example"))
        .to_string();
    Markup::trusted(format!(
        r#"<time datetime="{}" title="{}">{}</time>"#,
        at.rfc3339(),
        marks::escaped(&full),
        marks::escaped(&short)
    ))
}

/// A plain week, painted.
pub struct Week {
    /// The calendar's, where several are shown.
    pub name: String,
    pub zone: String,
    pub rows: Vec<DayRow>,
    /// Open time in it.
    pub total: String,
}

impl Week {
    pub fn of(name: String, calendar: &Calendar, words: &Words) -> Self {
        let open = calendar.open_by_weekday();
        let rows = open.iter().enumerate().map(|(day, pieces)| DayRow {
            day: day_name(words, day),
            bars: pieces.iter().map(|(from, to)| (*from, to - from)).collect(),
            text: spans(pieces, words),
        });
        let minutes = open.iter().flatten().map(|(from, to)| i64::from(to - from));
        Self {
            name,
            zone: calendar.zone().name().to_owned(),
            rows: rows.collect(),
            total: words.span(minutes.sum::<i64>() * 60),
        }
    }
}

/// `typed` are the ranges as they were written, by weekday; `calendar` is `own` with the days of its holiday sets.
pub fn view(
    p: &Page,
    typed: &[Vec<Range>; 7],
    calendar: &Arc<Calendar>,
    own: &Calendar,
    days: &[Holiday],
) -> CalendarView {
    let (words, now, zone) = (p.words, p.now, calendar.zone());
    let week = Week::of(String::new(), calendar, words);
    let notes = understood(typed, calendar)
        .iter()
        .map(|note| understood_text(note, words))
        .collect();
    let span = holidays::next_two_years(now.in_zone(zone).date_naive());
    let listed = special_days(calendar, own, days, span);
    let more_special = listed.len().saturating_sub(MOST_DATES);
    let special = listed
        .into_iter()
        .take(MOST_DATES)
        .map(|day| SpecialLine {
            date: marks::time_text(words, at_local(zone, day.on, 720), now, zone, Detail::Date),
            names: day.names.join(", "),
            open: spans(&day.open, words),
            is_holiday: day.is_holiday,
        })
        .collect();
    let hours = Hours::of(calendar.clone());
    let from = moments(calendar, now);
    let time = |at: Timestamp| moment(words, at, now, zone);
    let due: Vec<_> = PROMISES
        .iter()
        .map(|secs| examples(&hours, &from, *secs))
        .collect();
    let examples = from
        .iter()
        .enumerate()
        .map(|(place, from)| ExampleLine {
            from: time(*from),
            due: due
                .iter()
                .map(|of| match of[place].due {
                    Some(at) => time(at),
                    None => Markup::text(&words.t("never")),
                })
                .collect(),
        })
        .collect();
    let source = (!days.is_empty()).then(|| {
        words
            .with(
                "holidays-source",
                &[
                    ("source", holidays::source().into()),
                    (
                        "year",
                        i64::from(*holidays::years().end()).to_string().into(),
                    ),
                ],
            )
            .into_owned()
    });
    CalendarView {
        weeks: [week],
        notes,
        special,
        more_special,
        source,
        promises: PROMISES.iter().map(|secs| words.span(*secs)).collect(),
        examples,
    }
}

fn understood_text(note: &Understood, words: &Words) -> String {
    match note {
        Understood::PassesMidnight { day, range } => {
            let (from, to) = (range.from_minute(), range.to_minute());
            let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
            words.with(
                "calendar-passes-midnight",
                &[
                    ("day", day_name(words, *day).into()),
                    ("from", time(from).into()),
                    ("next", day_name(words, day + 1).into()),
                    ("to", time(to - 1440).into()),
                ],
            )
        }
        Understood::United { day, typed, range } => {
            let typed: Vec<String> = typed
                .iter()
                .map(|it| span(it.from_minute(), it.to_minute()))
                .collect();
            words.with(
                "calendar-united",
                &[
                    ("day", day_name(words, *day).into()),
                    ("typed", typed.join(", ").into()),
                    ("range", span(range.from_minute(), range.to_minute()).into()),
                ],
            )
        }
    }
    .into_owned()
}
