//! Promises to look at: a table that a person reads, with what each of them comes to for a few moments.

use super::agreement_policy::unusual;
use super::calendar_view::{Week, moment};
use super::names::Names;
use super::row;
use crate::domain::calendar_days::moments;
use crate::domain::id::CalendarId;
use crate::domain::sla_agreement::{Anchor, Budget, Target, Threshold};
use crate::domain::sla_book::Book;
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime;
use crate::http::marks::Markup;
use crate::http::page::Page;
use crate::words::Words;

/// Most columns of examples.
const MOST_MOMENTS: usize = 2;

pub struct Promises {
    /// When the examples' tickets come in.
    pub moments: Vec<Markup>,
    pub rows: Vec<PromiseRow>,
    /// Of each calendar that they are counted in and that isn't always open.
    pub weeks: Vec<Week>,
}

pub struct PromiseRow {
    pub promise: String,
    /// For which tickets: kind, severity, service, customer.
    pub whose: String,
    pub within: String,
    pub hours: String,
    pub anchor: String,
    pub warn: String,
    pub stops: String,
    pub promisee: String,
    /// What of its finer settings isn't as usual.
    pub finer: Vec<String>,
    /// One for each moment.
    pub due: Vec<Markup>,
}

/// What is promised, in the order in which it stands.
pub fn promises(p: &Page, book: &Book, names: &Names, targets: &[&Target]) -> Promises {
    let words = p.words;
    let leader = targets.first().and_then(|it| book.calendar(it.calendar));
    // The second weekend moment says most about working hours, and something about every other.
    let mut at = leader
        .and_then(|known| known.at(p.now))
        .map(|(_, version)| moments(&version.calendar, p.now))
        .unwrap_or_default();
    at.truncate(MOST_MOMENTS);
    let zone = leader
        .and_then(|known| known.at(p.now))
        .map_or(p.zone, |(_, version)| version.calendar.zone());
    let time = |at: Timestamp| moment(words, at, p.now, zone);
    Promises {
        weeks: weeks(p, book, targets),
        moments: at.iter().map(|at| time(*at)).collect(),
        rows: targets
            .iter()
            .map(|target| PromiseRow {
                promise: row::promise(Some(target.metric.as_str()), words),
                whose: whose(p, names, target),
                within: within(words, target.budget),
                hours: hours(book, target.calendars()),
                anchor: anchor(words, target.anchor),
                warn: warn(target),
                stops: stops(p, target),
                promisee: p.word("promisee", target.promisee.as_str()),
                finer: unusual(p, &target.policy),
                due: at
                    .iter()
                    .map(|from| match due(book, target, *from) {
                        Some(at) => time(at),
                        None => Markup::text(&words.t("never")),
                    })
                    .collect(),
            })
            .collect(),
    }
}

/// The weeks of the calendars that occur, in their order.
fn weeks(p: &Page, book: &Book, targets: &[&Target]) -> Vec<Week> {
    let mut ids: Vec<CalendarId> = Vec::new();
    for id in targets.iter().flat_map(|target| target.calendars()) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let known = ids.into_iter().filter_map(|id| book.calendar(id));
    let held = known.filter_map(|known| {
        let (_, version) = known.at(p.now)?;
        let week = version.calendar.open_by_weekday();
        let is_always = week.iter().all(|day| day.as_slice() == [(0, 1440)]);
        (!is_always).then(|| Week::of(version.name.clone(), &version.calendar, p.words))
    });
    held.collect()
}

fn due(book: &Book, target: &Target, from: Timestamp) -> Option<Timestamp> {
    let hours = book.hours_of(target)?;
    match target.budget {
        Budget::Counted { secs } => worktime::deadline(&hours, from, secs * 1_000_000, &[]),
        Budget::EndOfDay { n } => worktime::end_of_day(&hours, from, n, &[]),
        Budget::Fixed { at } => Some(at),
    }
}

fn whose(p: &Page, names: &Names, target: &Target) -> String {
    let mut parts = vec![p.word("kind", target.kind.as_str())];
    parts.extend(target.severity.map(|it| p.word("severity", it.as_str())));
    parts.extend(target.service.map(|id| names.service(id).to_owned()));
    parts.extend(target.customer.map(|id| names.customer(id).to_owned()));
    parts.join(", ")
}

pub fn within(words: &Words, budget: Budget) -> String {
    match budget {
        Budget::Counted { secs } => words.span(secs),
        Budget::EndOfDay { n } => words
            .with("clock-end-of-day", &[("n", i64::from(n).into())])
            .into_owned(),
        Budget::Fixed { .. } => words.t("clock-fixed-agreed").into_owned(),
    }
}

/// The names of calendars; of several, work follows the sun.
pub fn hours(book: &Book, calendars: impl Iterator<Item = CalendarId>) -> String {
    let names: Vec<&str> = calendars
        .filter_map(|id| book.calendar(id))
        .map(|known| known.name.as_str())
        .collect();
    names.join(" + ")
}

fn anchor(words: &Words, anchor: Anchor) -> String {
    words
        .t(match anchor {
            Anchor::Impact => "anchor-impact",
            Anchor::Reported => "anchor-reported",
            Anchor::Logged => "anchor-logged",
        })
        .into_owned()
}

fn warn(target: &Target) -> String {
    let texts: Vec<String> = target.warn.iter().map(Threshold::to_string).collect();
    texts.join(", ")
}

fn stops(p: &Page, target: &Target) -> String {
    let texts: Vec<String> = target
        .stops_on
        .iter()
        .map(|on| p.word("waiting", on.as_str()))
        .collect();
    texts.join(", ")
}

/// A promise in one line, for comparing versions.
pub fn line(p: &Page, book: &Book, names: &Names, target: &Target) -> String {
    let mut parts = vec![
        whose(p, names, target),
        row::promise(Some(target.metric.as_str()), p.words),
        within(p.words, target.budget),
        hours(book, target.calendars()),
        p.word("promisee", target.promisee.as_str()),
        anchor(p.words, target.anchor),
    ];
    parts.extend(Some(warn(target)).filter(|it| !it.is_empty()));
    parts.extend(Some(stops(p, target)).filter(|it| !it.is_empty()));
    parts.extend(unusual(p, &target.policy));
    parts.join(" · ")
}
