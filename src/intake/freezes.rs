//! An iCalendar file as windows: each event that can be said exactly becomes one, the rest is named with what is in the way.
//!
//! A window comes for good, on the wall clock of one zone. So an event that comes back a number of times, or but for some days, or from
//! next year on, is none; neither is one whose end lies on another day from time to time. Whole days, and times without a zone, are those
//! of the zone that whoever reads the file names.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Weekday};
use chrono_tz::Tz;

use super::ics::{Event as Lines, Moment, events, zone_named};
use crate::domain::freeze::{Event, When};
use crate::domain::timestamp::Timestamp;
use crate::domain::wall_clock;
use crate::domain::word::words;

/// Longest file, in bytes: a few hundred events.
pub const MOST_BYTES: usize = 512 * 1024;
/// Most events that are looked at; a house has a hundred windows.
const MOST_EVENTS: usize = 300;
/// Longest mark of an event, in bytes: a UUID with its host is a fifth of it.
const MOST_UID_BYTES: usize = 250;
const WEEK: TimeDelta = TimeDelta::days(7);
/// Longest event, in days: ten years.
const MOST_DAYS: i64 = 3_660;
/// The last day of a month that every month has.
const SAFE_DAY: u32 = 28;

words! {
    /// Why an event becomes no window.
    pub enum LeftOut {
        /// And there is no window of it.
        Cancelled = "cancelled",
        /// Without a UID, reading it again would make another window.
        NoUid = "no_uid",
        /// An event with its UID came before it.
        Twice = "twice",
        /// It has no start that can be read.
        NoStart = "no_start",
        /// It has no end after its start.
        NoEnd = "no_end",
        UnknownZone = "unknown_zone",
        /// It ends on the clock of another zone than it begins.
        TwoZones = "two_zones",
        /// Windows begin and end at a minute.
        Seconds = "seconds",
        /// All of it is over.
        Past = "past",
        /// It comes back, but not before a day that is still to come.
        NotYet = "not_yet",
        /// It is one occurrence of another event, at another time or not at all.
        Moved = "moved",
        /// It comes back but for some days, or on others besides.
        Exceptions = "exceptions",
        /// It comes back only so often, or until a day.
        Ends = "ends",
        /// It comes on several days of a week.
        SeveralDays = "several_days",
        /// It comes back otherwise than every week, every month or every year.
        OtherRule = "other_rule",
        /// It is on a day that not every month or year has.
        ShortMonth = "short_month",
        /// It ends on another day of the month or year from time to time.
        EndVaries = "end_varies",
        /// It begins again before it ends.
        TooLong = "too_long",
    }
}

/// An event that isn't taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub uid: String,
    pub name: String,
    pub why: LeftOut,
    /// What it says, where that helps: the name of a zone, a rule, a day.
    pub detail: String,
}

/// What a file holds, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    pub found: Vec<Event>,
    pub refused: Vec<Refused>,
    /// What is cancelled as a whole, each once: a window that it became before is switched off.
    pub cancelled: Vec<Refused>,
    /// There are more events than are looked at.
    pub is_cut: bool,
}

impl Reading {
    pub fn cancelled_uids(&self) -> Vec<String> {
        self.cancelled.iter().map(|it| it.uid.clone()).collect()
    }

    /// Of each event that nothing comes of, where something came of those with these UIDs.
    pub fn left_out(&self, has_window: impl Fn(&str) -> bool) -> impl Iterator<Item = &Refused> {
        let cancelled = self.cancelled.iter();
        let cancelled = cancelled.filter(move |it| !has_window(&it.uid));
        self.refused.iter().chain(cancelled)
    }
}

/// Reads a file at `now`; `zone` is that of whole days and of times without one.
pub fn read(text: &str, zone: Tz, now: Timestamp) -> Reading {
    let mut all = events(text);
    let mut reading = Reading {
        is_cut: all.len() > MOST_EVENTS,
        ..Reading::default()
    };
    all.truncate(MOST_EVENTS);
    let moved: BTreeSet<String> = all
        .iter()
        .filter(|event| event.first("RECURRENCE-ID").is_some())
        .map(uid)
        .collect();
    let mut seen = BTreeSet::new();
    let called_off = called_off(&all);
    for event in &all {
        let (uid, name) = (uid(event), event.name());
        let outcome = match mark(event, &uid, &mut seen, &called_off) {
            Ok(()) => window(event, moved.contains(&uid), zone, now),
            Err(why) => Err(why),
        };
        match outcome {
            Ok((zone, when)) => reading.found.push(Event {
                uid,
                name,
                zone,
                when,
            }),
            Err(No(why, detail)) => {
                let is_whole = why == LeftOut::Cancelled && called_off.contains(&uid);
                let list = match is_whole {
                    true if reading.cancelled.iter().any(|it| it.uid == uid) => continue,
                    true => &mut reading.cancelled,
                    false => &mut reading.refused,
                };
                list.push(Refused {
                    uid,
                    name,
                    why,
                    detail,
                });
            }
        }
    }
    reading
}

/// The UIDs of events that are cancelled as a whole, and weren't set anew since.
fn called_off(all: &[Lines]) -> BTreeSet<String> {
    let mut newest: BTreeMap<String, (i64, bool)> = BTreeMap::new();
    let whole = all.iter().filter(|it| it.first("RECURRENCE-ID").is_none());
    for event in whole {
        let sequence = event.first("SEQUENCE").map(|line| line.value.parse());
        let said = (
            sequence.and_then(Result::ok).unwrap_or(0),
            event.is_cancelled(),
        );
        let known = newest.entry(uid(event)).or_insert(said);
        *known = said.max(*known);
    }
    let off = newest.into_iter().filter(|(uid, (_, is_off))| {
        let is_known = !uid.is_empty() && uid.len() <= MOST_UID_BYTES;
        is_known && *is_off
    });
    off.map(|(uid, _)| uid).collect()
}

/// Why not, and what the event says.
struct No(LeftOut, String);

impl From<LeftOut> for No {
    fn from(why: LeftOut) -> Self {
        No(why, String::new())
    }
}

fn uid(event: &Lines) -> String {
    let found = event.first("UID");
    found.map(|line| line.value.clone()).unwrap_or_default()
}

/// What can be said before its times are read.
fn mark(
    event: &Lines,
    uid: &str,
    seen: &mut BTreeSet<String>,
    called_off: &BTreeSet<String>,
) -> Result<(), No> {
    if let Some(of) = event.first("RECURRENCE-ID")
        && event.is_cancelled()
    {
        return Err(No(LeftOut::Moved, of.value.clone()));
    }
    if event.is_cancelled() || called_off.contains(uid) {
        return Err(LeftOut::Cancelled.into());
    }
    if uid.is_empty() || uid.len() > MOST_UID_BYTES {
        return Err(LeftOut::NoUid.into());
    }
    if let Some(of) = event.first("RECURRENCE-ID") {
        return Err(No(LeftOut::Moved, of.value.clone()));
    }
    match seen.insert(uid.to_owned()) {
        true => Ok(()),
        false => Err(LeftOut::Twice.into()),
    }
}

fn window(event: &Lines, is_moved: bool, zone: Tz, now: Timestamp) -> Result<(Tz, When), No> {
    let start = start(event, zone)?;
    let rules: Vec<&str> = lines(event, "RRULE").collect();
    let rule = match rules.as_slice() {
        [] => None,
        [rule] => once_or_again(rule)?,
        [_, second, ..] => return Err(No(LeftOut::OtherRule, (*second).to_owned())),
    };
    let added = ["EXDATE", "RDATE", "EXRULE"];
    if let Some(name) = added.iter().find(|name| event.first(name).is_some()) {
        return Err(No(LeftOut::Exceptions, (*name).to_owned()));
    }
    if is_moved {
        return Err(No(LeftOut::Exceptions, "RECURRENCE-ID".to_owned()));
    }
    let end = end(event, start, zone, rule.is_some())?;
    if [start.at, end].iter().any(|at| at.second() != 0) {
        return Err(LeftOut::Seconds.into());
    }
    if end <= start.at {
        return Err(LeftOut::NoEnd.into());
    }
    let (from, to) = match &rule {
        None => once(start, end, now)?,
        Some(rule) => again(rule, start.at, end)?,
    };
    // What was put together fits together; if it doesn't, the rule was read wrong.
    let when = When::parse(&from, &to).map_err(|_| LeftOut::OtherRule)?;
    if rule.is_some() {
        let begins = wall_clock::instant(start.at, start.zone);
        let next = when.next(now, start.zone);
        if next.is_none_or(|(from, _)| from < begins) {
            return Err(No(LeftOut::NotYet, start.at.date().to_string()));
        }
    }
    Ok((start.zone, when))
}

fn lines<'a>(event: &'a Lines, name: &'a str) -> impl Iterator<Item = &'a str> {
    let found = event.0.iter().filter(move |line| line.name == name);
    found.map(|line| line.value.as_str())
}

/// A start on the wall clock of its zone.
#[derive(Debug, Clone, Copy)]
struct Start {
    at: NaiveDateTime,
    zone: Tz,
    is_day: bool,
}

/// A line's time on the wall clock of its own zone.
fn time(event: &Lines, name: &str, zone: Tz, none: LeftOut) -> Result<Start, No> {
    let line = event.first(name).ok_or(none)?;
    let is_utc = line.value.ends_with(['Z', 'z']);
    let named = line.param("TZID").filter(|_| !is_utc);
    let found = line.moments().first().copied();
    match found.ok_or_else(|| No(none, line.value.clone()))? {
        Moment::Day(day) => Ok(Start {
            at: day.and_time(chrono::NaiveTime::MIN),
            zone,
            is_day: true,
        }),
        Moment::Time(at, own) => match (own, named) {
            (None, Some(name)) if zone_named(name).is_none() => {
                Err(No(LeftOut::UnknownZone, name.to_owned()))
            }
            (own, _) => Ok(Start {
                at,
                zone: own.unwrap_or(zone),
                is_day: false,
            }),
        },
    }
}

fn start(event: &Lines, zone: Tz) -> Result<Start, No> {
    time(event, "DTSTART", zone, LeftOut::NoStart)
}

/// The end on the wall clock of the start's zone.
fn end(event: &Lines, start: Start, zone: Tz, comes_again: bool) -> Result<NaiveDateTime, No> {
    if event.first("DTEND").is_some() {
        let end = time(event, "DTEND", zone, LeftOut::NoEnd)?;
        if end.is_day != start.is_day {
            return Err(LeftOut::NoEnd.into());
        }
        return match (end.zone == start.zone, comes_again) {
            (true, _) => Ok(end.at),
            // Once it is one instant, on whatever clock; again and again the two clocks drift apart.
            (false, false) => {
                let at = wall_clock::instant(end.at, end.zone);
                Ok(at.in_zone(start.zone).naive_local())
            }
            (false, true) => Err(No(LeftOut::TwoZones, end.zone.name().to_owned())),
        };
    }
    let Some(line) = event.first("DURATION") else {
        return match start.is_day {
            true => Ok(start.at + TimeDelta::days(1)),
            false => Err(LeftOut::NoEnd.into()),
        };
    };
    let wrong = || No(LeftOut::NoEnd, line.value.clone());
    let (days, secs) = duration(&line.value).ok_or_else(wrong)?;
    let by_days = start.at.checked_add_signed(TimeDelta::days(days));
    let by_days = by_days.ok_or_else(wrong)?;
    if comes_again || secs == 0 {
        return by_days
            .checked_add_signed(TimeDelta::seconds(secs))
            .ok_or_else(wrong);
    }
    // Days are the calendar's, hours are exact.
    let at = wall_clock::instant(by_days, start.zone).plus_secs(secs);
    Ok(at.in_zone(start.zone).naive_local())
}

/// `P2D`, `PT4H30M`, `P1W`: days, and seconds besides.
fn duration(text: &str) -> Option<(i64, i64)> {
    let text = text.to_ascii_uppercase();
    let mut rest = text.strip_prefix('+').unwrap_or(&text).strip_prefix('P')?;
    let (mut days, mut secs, mut in_time) = (0_i64, 0_i64, false);
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix('T') {
            (rest, in_time) = (time, true);
            continue;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest.get(..digits)?.parse().ok()?;
        match (rest.get(digits..)?.chars().next()?, in_time) {
            ('W', false) => days = days.checked_add(number.checked_mul(7)?)?,
            ('D', false) => days = days.checked_add(number)?,
            ('H', true) => secs = secs.checked_add(number.checked_mul(3_600)?)?,
            ('M', true) => secs = secs.checked_add(number.checked_mul(60)?)?,
            ('S', true) => secs = secs.checked_add(number)?,
            _ => return None,
        }
        rest = rest.get(digits + 1..)?;
    }
    let fits = days <= MOST_DAYS && secs <= MOST_DAYS * 86_400;
    fits.then_some((days, secs))
}

type Edges = (String, String);

fn once(start: Start, end: NaiveDateTime, now: Timestamp) -> Result<Edges, No> {
    if wall_clock::instant(end, start.zone) <= now {
        return Err(No(LeftOut::Past, end.date().to_string()));
    }
    let text = |at: NaiveDateTime| at.format("%Y-%m-%d %H:%M").to_string();
    Ok((text(start.at), text(end)))
}

/// A rule's parts.
type Rule = BTreeMap<String, String>;

/// The rule of what comes back for good; `None`: it comes once.
fn once_or_again(text: &str) -> Result<Option<Rule>, No> {
    let parts = text.split(';').filter(|part| !part.trim().is_empty());
    let rule: Option<Rule> = parts
        .map(|part| {
            let (key, value) = part.split_once('=')?;
            let upper = |text: &str| text.trim().to_ascii_uppercase();
            Some((upper(key), upper(value)))
        })
        .collect();
    let other = || No(LeftOut::OtherRule, text.to_owned());
    let rule = rule.ok_or_else(other)?;
    if rule.get("COUNT").is_some_and(|count| count == "1") {
        return Ok(None);
    }
    if rule.contains_key("COUNT") || rule.contains_key("UNTIL") {
        return Err(No(LeftOut::Ends, text.to_owned()));
    }
    let is_every = rule.get("INTERVAL").is_none_or(|it| it == "1");
    let known = [
        "FREQ",
        "INTERVAL",
        "WKST",
        "BYDAY",
        "BYMONTH",
        "BYMONTHDAY",
        "BYSETPOS",
    ];
    if !is_every || !rule.keys().all(|key| known.contains(&key.as_str())) {
        return Err(other());
    }
    Ok(Some(rule))
}

/// The two ends of what comes back, in the words of a window.
fn again(rule: &Rule, start: NaiveDateTime, end: NaiveDateTime) -> Result<Edges, No> {
    let has = |key: &str| rule.contains_key(key);
    match rule.get("FREQ").map(String::as_str) {
        Some("WEEKLY") if !has("BYMONTH") && !has("BYMONTHDAY") && !has("BYSETPOS") => {
            weekly(rule, start, end)
        }
        Some("MONTHLY") if !has("BYMONTH") => monthly(rule, start, end),
        Some("YEARLY") if !has("BYDAY") && !has("BYSETPOS") => yearly(rule, start, end),
        _ => Err(other(rule)),
    }
}

fn other(rule: &Rule) -> No {
    let parts: Vec<String> = rule.iter().map(|(key, it)| format!("{key}={it}")).collect();
    No(LeftOut::OtherRule, parts.join(";"))
}

fn clock(at: NaiveDateTime) -> String {
    at.format("%H:%M").to_string()
}

fn on_weekday(at: NaiveDateTime) -> String {
    format!("{} {}", at.weekday(), clock(at))
}

fn on_day(at: NaiveDateTime) -> String {
    format!("day {} {}", at.day(), clock(at))
}

/// `3SA`, `-1FR` or `SA`.
fn by_day(text: &str) -> Option<(Option<i8>, Weekday)> {
    let (nth, day) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let day = match day {
        "MO" => Weekday::Mon,
        "TU" => Weekday::Tue,
        "WE" => Weekday::Wed,
        "TH" => Weekday::Thu,
        "FR" => Weekday::Fri,
        "SA" => Weekday::Sat,
        "SU" => Weekday::Sun,
        _ => return None,
    };
    match nth {
        "" => Some((None, day)),
        nth => Some((Some(nth.parse().ok()?), day)),
    }
}

fn weekly(rule: &Rule, start: NaiveDateTime, end: NaiveDateTime) -> Result<Edges, No> {
    if let Some(days) = rule.get("BYDAY") {
        if days.contains(',') {
            return Err(No(LeftOut::SeveralDays, days.clone()));
        }
        if by_day(days) != Some((None, start.weekday())) {
            return Err(other(rule));
        }
    }
    match end - start < WEEK {
        true => Ok((on_weekday(start), on_weekday(end))),
        false => Err(LeftOut::TooLong.into()),
    }
}

/// How many days the month of a date has after it.
fn days_left(date: NaiveDate) -> u32 {
    let next = date
        .with_day(1)
        .and_then(|first| first.checked_add_months(chrono::Months::new(1)));
    let left = next.map_or(0, |next| (next - date).num_days() - 1);
    u32::try_from(left).unwrap_or_default()
}

fn monthly(rule: &Rule, start: NaiveDateTime, end: NaiveDateTime) -> Result<Edges, No> {
    let is_last = days_left(start.date()) == 0;
    match (
        rule.get("BYDAY"),
        rule.get("BYMONTHDAY"),
        rule.get("BYSETPOS"),
    ) {
        (Some(day), None, place) => nth_weekday(rule, day, place, start, end),
        (None, Some(day), None) if day == "-1" && is_last => last_day(start, end),
        (None, day, None) => {
            let day = day.map_or(Some(start.day()), |day| day.parse().ok());
            if day != Some(start.day()) {
                return Err(other(rule));
            }
            if start.day() > SAFE_DAY {
                return Err(No(LeftOut::ShortMonth, start.day().to_string()));
            }
            let same_month = (end.year(), end.month()) == (start.year(), start.month());
            match same_month && end.day() <= SAFE_DAY {
                true => Ok((on_day(start), on_day(end))),
                false => Err(LeftOut::EndVaries.into()),
            }
        }
        _ => Err(other(rule)),
    }
}

fn nth_weekday(
    rule: &Rule,
    day: &str,
    place: Option<&String>,
    start: NaiveDateTime,
    end: NaiveDateTime,
) -> Result<Edges, No> {
    let place = place.map(|place| place.parse::<i8>());
    let (nth, day) = match (by_day(day), place) {
        (Some((Some(nth), day)), None) => (nth, day),
        // As Outlook says it.
        (Some((None, day)), Some(Ok(place))) => (place, day),
        _ => return Err(other(rule)),
    };
    let is_in_place = match nth {
        -1 => days_left(start.date()) < 7,
        nth => i64::from(nth) == i64::from((start.day() - 1) / 7 + 1),
    };
    if day != start.weekday() || !is_in_place {
        return Err(other(rule));
    }
    let words = match nth {
        -1 => "last",
        1 => "first",
        2 => "second",
        3 => "third",
        4 => "fourth",
        // Not every month has five.
        _ => return Err(No(LeftOut::ShortMonth, nth.to_string())),
    };
    match end - start < WEEK {
        true => Ok((format!("{words} {}", on_weekday(start)), on_weekday(end))),
        false => Err(LeftOut::TooLong.into()),
    }
}

fn last_day(start: NaiveDateTime, end: NaiveDateTime) -> Result<Edges, No> {
    let from = format!("last day {}", clock(start));
    if end.date() == start.date() {
        return Ok((from, format!("last day {}", clock(end))));
    }
    match (end.date() - start.date()).num_days() < i64::from(SAFE_DAY) {
        true => Ok((from, on_day(end))),
        false => Err(LeftOut::TooLong.into()),
    }
}

fn yearly(rule: &Rule, start: NaiveDateTime, end: NaiveDateTime) -> Result<Edges, No> {
    let says = |key: &str, value: u32| {
        let said = rule.get(key).map(|text| text.parse::<u32>());
        said.is_none_or(|said| said == Ok(value))
    };
    if !says("BYMONTH", start.month()) || !says("BYMONTHDAY", start.day()) {
        return Err(other(rule));
    }
    if (start.month(), start.day()) == (2, 29) {
        return Err(No(LeftOut::ShortMonth, "29".to_owned()));
    }
    let lasts = end - start;
    if lasts >= TimeDelta::days(365) {
        return Err(LeftOut::TooLong.into());
    }
    // A year before a leap year, a leap year and one after it: it ends on the same day in all of them, or it can't be said.
    let ends = [2027, 2028, 2029].iter().map(|year| {
        let end = start.with_year(*year)?.checked_add_signed(lasts)?;
        Some((end.month(), end.day()))
    });
    let ends: BTreeSet<Option<(u32, u32)>> = ends.collect();
    match (ends.len(), end.month(), end.day()) {
        (1, month, day) if (month, day) != (2, 29) => Ok((on_date(start), on_date(end))),
        _ => Err(LeftOut::EndVaries.into()),
    }
}

fn on_date(at: NaiveDateTime) -> String {
    at.format("%-d %b %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: Tz = Tz::Europe__Berlin;

    /// Monday 1 June 2026, noon.
    fn now() -> Timestamp {
        Timestamp::parse_rfc3339("2026-06-01T12:00:00Z").unwrap()
    }

    fn file(events: &[&str]) -> String {
        let events = events.iter().map(|lines| {
            let lines = lines.replace('\n', "\r\n");
            format!("BEGIN:VEVENT\r\n{lines}\r\nEND:VEVENT\r\n")
        });
        let events: String = events.collect();
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n")
    }

    /// What one event becomes, or why it doesn't.
    fn becomes(event: &str) -> String {
        let reading = read(&file(&[&format!("UID:1\n{event}")]), BERLIN, now());
        match (reading.found.as_slice(), reading.refused.as_slice()) {
            ([it], []) => format!("{} to {} {}", it.when.from(), it.when.to(), it.zone.name()),
            ([], []) if reading.cancelled.len() == 1 => "cancelled".to_owned(),
            ([], [it]) if it.detail.is_empty() => it.why.to_string(),
            ([], [it]) => format!("{} {}", it.why, it.detail),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_once_is_a_window_on_its_own_clock() {
        for (event, window) in [
            (
                "DTSTART;TZID=America/New_York:20261220T180000\nDTEND;TZID=America/New_York:20270102T070000",
                "2026-12-20 18:00 to 2027-01-02 07:00 America/New_York",
            ),
            (
                "DTSTART;TZID=\"W. Europe Standard Time\":20261220T180000\nDURATION:P1DT2H",
                "2026-12-20 18:00 to 2026-12-21 20:00 Europe/Berlin",
            ),
            (
                "DTSTART;TZID=/mozilla.org/20050126_1/Europe/Stockholm:20261220T180000\nDURATION:PT90M",
                "2026-12-20 18:00 to 2026-12-20 19:30 Europe/Stockholm",
            ),
            (
                "DTSTART:20261220T180000\nDTEND:20261220T200000",
                "2026-12-20 18:00 to 2026-12-20 20:00 Europe/Berlin",
            ),
            (
                "DTSTART:20261220T180000Z\nDTEND:20261220T200000Z",
                "2026-12-20 18:00 to 2026-12-20 20:00 UTC",
            ),
            // It ends on another clock.
            (
                "DTSTART;TZID=Europe/Berlin:20261220T180000\nDTEND:20261220T200000Z",
                "2026-12-20 18:00 to 2026-12-20 21:00 Europe/Berlin",
            ),
            // Whole days: the end isn't part of it, and without one it is the day.
            (
                "DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227",
                "2026-12-24 00:00 to 2026-12-27 00:00 Europe/Berlin",
            ),
            (
                "DTSTART;VALUE=DATE:20261224",
                "2026-12-24 00:00 to 2026-12-25 00:00 Europe/Berlin",
            ),
            // 24 hours across the night in which the clocks go back end an hour earlier on the wall; a day doesn't.
            (
                "DTSTART:20261024T120000\nDURATION:PT24H",
                "2026-10-24 12:00 to 2026-10-25 11:00 Europe/Berlin",
            ),
            (
                "DTSTART:20261024T120000\nDURATION:P1D",
                "2026-10-24 12:00 to 2026-10-25 12:00 Europe/Berlin",
            ),
            (
                "DTSTART:20261220T180000\nDTEND:20261220T200000\nRRULE:FREQ=DAILY;COUNT=1",
                "2026-12-20 18:00 to 2026-12-20 20:00 Europe/Berlin",
            ),
            // It goes on just now.
            (
                "DTSTART:20260601T130000\nDTEND:20260601T150000",
                "2026-06-01 13:00 to 2026-06-01 15:00 Europe/Berlin",
            ),
        ] {
            assert_eq!(becomes(event), window, "{event}");
        }
    }

    #[test]
    fn what_comes_back_is_a_window_if_that_says_the_same() {
        for (event, window) in [
            (
                "DTSTART:20260529T000000\nDTEND:20260601T070000\nRRULE:FREQ=WEEKLY;WKST=MO",
                "Fri 00:00 to Mon 07:00 Europe/Berlin",
            ),
            (
                "DTSTART:20260529T000000Z\nDURATION:P2DT12H\nRRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=FR",
                "Fri 00:00 to Sun 12:00 UTC",
            ),
            (
                "DTSTART:20260516T000000\nDTEND:20260518T070000\nRRULE:FREQ=MONTHLY;BYDAY=3SA",
                "third Sat 00:00 to Mon 07:00 Europe/Berlin",
            ),
            (
                "DTSTART:20260529T180000\nDTEND:20260601T060000\nRRULE:FREQ=MONTHLY;BYDAY=-1FR",
                "last Fri 18:00 to Mon 06:00 Europe/Berlin",
            ),
            (
                "DTSTART:20260516T000000\nDTEND:20260518T070000\nRRULE:FREQ=MONTHLY;BYDAY=SA;BYSETPOS=3",
                "third Sat 00:00 to Mon 07:00 Europe/Berlin",
            ),
            (
                "DTSTART:20260525T180000\nDTEND:20260528T060000\nRRULE:FREQ=MONTHLY",
                "day 25 18:00 to day 28 06:00 Europe/Berlin",
            ),
            (
                "DTSTART;VALUE=DATE:20260531\nDTEND;VALUE=DATE:20260603\nRRULE:FREQ=MONTHLY;BYMONTHDAY=-1",
                "last day 00:00 to day 3 00:00 Europe/Berlin",
            ),
            (
                "DTSTART:20260531T180000\nDTEND:20260531T220000\nRRULE:FREQ=MONTHLY;BYMONTHDAY=-1",
                "last day 18:00 to last day 22:00 Europe/Berlin",
            ),
            (
                "DTSTART;VALUE=DATE:20251220\nDTEND;VALUE=DATE:20260103\nRRULE:FREQ=YEARLY",
                "20 Dec 00:00 to 3 Jan 00:00 Europe/Berlin",
            ),
            (
                "DTSTART;VALUE=DATE:20250501\nRRULE:FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=1",
                "1 May 00:00 to 2 May 00:00 Europe/Berlin",
            ),
        ] {
            assert_eq!(becomes(event), window, "{event}");
        }
    }

    #[test]
    fn what_a_window_cant_say_exactly_is_refused_with_its_reason() {
        let weekend = "DTSTART:20260529T000000\nDTEND:20260601T070000\n";
        let day = "DTSTART:20260529T000000\nDTEND:20260529T070000\n";
        for (event, reason) in [
            (format!("{weekend}RRULE:FREQ=WEEKLY;INTERVAL=2"), "other_rule"),
            (format!("{weekend}RRULE:FREQ=WEEKLY;COUNT=8"), "ends"),
            (format!("{weekend}RRULE:FREQ=WEEKLY;UNTIL=20270101T000000Z"), "ends"),
            (format!("{day}RRULE:FREQ=WEEKLY;BYDAY=MO,TU,FR"), "several_days MO,TU,FR"),
            (format!("{day}RRULE:FREQ=WEEKLY;BYDAY=MO"), "other_rule"),
            (format!("{day}RRULE:FREQ=DAILY"), "other_rule"),
            (format!("{day}RRULE:FREQ=SOMETIMES"), "other_rule"),
            (format!("{day}RRULE:nonsense"), "other_rule"),
            (format!("{day}RRULE:FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13"), "other_rule"),
            (format!("{day}RRULE:FREQ=MONTHLY;BYDAY=5FR"), "short_month 5"),
            (format!("{day}RRULE:FREQ=MONTHLY;BYDAY=3FR"), "other_rule"),
            (format!("{day}RRULE:FREQ=MONTHLY"), "short_month 29"),
            (format!("{day}RRULE:FREQ=YEARLY;BYDAY=-1FR;BYMONTH=5"), "other_rule"),
            (format!("{weekend}RRULE:FREQ=WEEKLY\nEXDATE:20260605T000000"), "exceptions EXDATE"),
            (
                "DTSTART:20260528T180000\nDTEND:20260529T060000\nRRULE:FREQ=MONTHLY".to_owned(),
                "end_varies",
            ),
            (
                "DTSTART;VALUE=DATE:20260220\nDTEND;VALUE=DATE:20260302\nRRULE:FREQ=YEARLY".to_owned(),
                "end_varies",
            ),
            (
                "DTSTART;VALUE=DATE:20240229\nRRULE:FREQ=YEARLY".to_owned(),
                "short_month 29",
            ),
            (
                "DTSTART:20260529T000000\nDTEND:20260605T000000\nRRULE:FREQ=WEEKLY".to_owned(),
                "too_long",
            ),
            (
                "DTSTART:20260605T000000\nDTEND:20260608T070000\nRRULE:FREQ=WEEKLY".to_owned(),
                "Fri 00:00 to Mon 07:00 Europe/Berlin",
            ),
            // It would be open next Friday already.
            (
                "DTSTART:20260612T000000\nDTEND:20260615T070000\nRRULE:FREQ=WEEKLY".to_owned(),
                "not_yet 2026-06-12",
            ),
            (
                "DTSTART;TZID=Mars/Olympus:20261220T180000\nDURATION:PT1H".to_owned(),
                "unknown_zone Mars/Olympus",
            ),
            (
                "DTSTART;TZID=Europe/Berlin:20260529T000000\nDTEND;TZID=Asia/Tokyo:20260529T100000\nRRULE:FREQ=WEEKLY"
                    .to_owned(),
                "two_zones Asia/Tokyo",
            ),
            ("DTSTART:20261220T180030\nDURATION:PT1H".to_owned(), "seconds"),
            ("DTSTART:20261220T180000".to_owned(), "no_end"),
            ("DTSTART:20261220T180000\nDURATION:-PT1H".to_owned(), "no_end -PT1H"),
            (
                "DTSTART:20261220T180000\nDTEND:20261220T180000".to_owned(),
                "no_end",
            ),
            ("SUMMARY:When?".to_owned(), "no_start"),
            ("DTSTART:soon\nDURATION:PT1H".to_owned(), "no_start soon"),
            (
                "DTSTART;VALUE=DATE:20200101".to_owned(),
                "past 2020-01-02",
            ),
            (
                "DTSTART;VALUE=DATE:20270101\nSTATUS:CANCELLED".to_owned(),
                "cancelled",
            ),
        ] {
            let found = becomes(&event);
            let found = match reason {
                "other_rule" | "ends" => found.split(' ').next().unwrap().to_owned(),
                _ => found,
            };
            assert_eq!(found, reason, "{event}");
        }
    }

    #[test]
    fn events_are_told_apart_by_their_uid() {
        let day = "DTSTART;VALUE=DATE:20270101";
        let reading = read(
            &file(&[
                &format!("UID:a\nSUMMARY:New Year\\, of course\n{day}"),
                &format!("UID:a\nSUMMARY:Again\n{day}"),
                &format!("SUMMARY:Nobody's\n{day}"),
                "UID:b\nSUMMARY:Weekend\nDTSTART:20260529T000000\nDTEND:20260601T070000\nRRULE:FREQ=WEEKLY",
                "UID:b\nSUMMARY:Weekend\nRECURRENCE-ID:20260605T000000\nDTSTART:20260606T000000\nDTEND:20260608T070000",
            ]),
            BERLIN,
            now(),
        );
        let names: Vec<&str> = reading.found.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["New Year, of course"]);
        let refused: Vec<_> = reading
            .refused
            .iter()
            .map(|it| (it.name.as_str(), it.why))
            .collect();
        assert_eq!(
            refused,
            [
                ("Again", LeftOut::Twice),
                ("Nobody's", LeftOut::NoUid),
                ("Weekend", LeftOut::Exceptions),
                ("Weekend", LeftOut::Moved),
            ]
        );
    }

    #[test]
    fn what_is_cancelled_as_a_whole_is_told_from_what_is_set_anew_and_from_one_occurrence() {
        let day = "DTSTART;VALUE=DATE:20270101";
        let looked = |text: &str| {
            let reading = read(text, BERLIN, now());
            let uids = |of: &[Refused]| of.iter().map(|it| it.uid.clone()).collect::<Vec<_>>();
            let found = reading.found.iter().map(|it| it.uid.clone());
            let refused = uids(&reading.refused);
            (found.collect::<Vec<_>>(), uids(&reading.cancelled), refused)
        };
        let strings = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let one = |lines: &str| file(&[lines]);
        let gone = (vec![], strings(&["a"]), vec![]);
        assert_eq!(looked(&one("UID:a\nSTATUS:Cancelled")), gone);
        // By the calendar: whatever its events say.
        let calendar = one(&format!("UID:a\n{day}\nSTATUS:CONFIRMED"));
        let by_method = calendar.replace("VERSION:2.0", "METHOD:CANCEL");
        assert_eq!(looked(&by_method), gone);
        let published = calendar.replace("VERSION:2.0", "METHOD:PUBLISH");
        assert_eq!(looked(&published), (strings(&["a"]), vec![], vec![]));
        // Of two calendars in one file each counts for its own.
        let other = one(&format!("UID:b\n{day}"));
        let both = looked(&format!("{by_method}{other}"));
        assert_eq!(both, (strings(&["b"]), strings(&["a"]), vec![]));
        // Set anew since, or cancelled since: the higher number counts.
        let set = |number: i64| format!("UID:a\n{day}\nSEQUENCE:{number}");
        let off = |number: i64| format!("UID:a\nSEQUENCE:{number}\nSTATUS:CANCELLED");
        let again = (strings(&["a"]), vec![], strings(&["a"]));
        assert_eq!(looked(&file(&[&off(1), &set(2)])), again);
        assert_eq!(looked(&file(&[&set(2), &off(1)])), again);
        let since = (vec![], strings(&["a"]), vec![]);
        assert_eq!(looked(&file(&[&set(1), &off(2)])), since);
        assert_eq!(looked(&file(&[&off(2), &set(2)])), since);
        // One occurrence, or nobody's.
        let occurrence = "UID:a\nRECURRENCE-ID:20260605T000000\nSTATUS:CANCELLED";
        assert_eq!(looked(&one(occurrence)), (vec![], vec![], strings(&["a"])));
        let nobodys = (vec![], vec![], strings(&[""]));
        assert_eq!(looked(&one("STATUS:CANCELLED")), nobodys);
    }

    #[test]
    fn strange_input_reads_as_nothing_and_too_much_is_cut() {
        for text in [
            "",
            "no calendar",
            "BEGIN:VEVENT",
            "END:VEVENT\n:\n;;",
            "\u{0}",
        ] {
            let reading = read(text, BERLIN, now());
            assert_eq!(reading, Reading::default(), "{text:?}");
        }
        for event in [
            "DTSTART:99999999\nDURATION:P99999999999999999999W",
            "DTSTART:20270101T000000\nDURATION:P9999999999W",
            "DTSTART:20270101T000000\nDURATION:É",
            "DTSTART:20260529T000000\nDURATION:PT1H\nRRULE:FREQ=MONTHLY;BYDAY=É",
            "DTSTART:20260529T000000\nDURATION:PT1H\nRRULE:FREQ=MONTHLY;BYDAY=FR;BYSETPOS=999",
            "DTSTART:20260529T000000\nDURATION:PT1H\nRRULE:FREQ=YEARLY;BYMONTH=99",
        ] {
            let reading = read(&file(&[&format!("UID:1\n{event}")]), BERLIN, now());
            assert_eq!(reading.found, [], "{event}");
            assert_eq!(reading.refused.len(), 1, "{event}");
        }
        let many: Vec<String> = (0..400)
            .map(|n| format!("UID:{n}\nDTSTART;VALUE=DATE:20270101"))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let reading = read(&file(&many), BERLIN, now());
        assert!(reading.is_cut);
        assert_eq!(reading.found.len(), MOST_EVENTS);
    }
}
