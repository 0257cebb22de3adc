//! What every page has: who looks, in which zone, which words, what the rail counts, what was just said.
//!
//! A handler makes a [`Page`] from its request and puts it into its template as `p`; `templates/base.html` draws the frame
//! around the content from it. Times are printed in the viewer's zone by the methods here.

use std::borrow::Cow;

use actix_web::{HttpMessage, HttpRequest};
use chrono_tz::Tz;

use super::assets::Assets;
use super::form::FormToken;
use super::marks::{self, Detail, Glyph, Markup, Tick};
use crate::domain::access::{self, Action, Principal, Target};
use crate::domain::id::Kind;
use crate::domain::severity::Severity;
use crate::domain::timestamp::Timestamp;
use crate::words::{Value, Words};

/// Who looks at the page. The session layer puts it into the request's extensions.
#[derive(Debug, Clone)]
pub struct Viewer {
    pub principal: Principal,
    pub zone: Tz,
    pub frame: Frame,
}

/// What the frame around a page shows of the house's state.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// The operator's name of this installation.
    pub house: String,
    pub open_tickets: Option<i64>,
    pub open_incidents: Option<i64>,
    pub open_changes: Option<i64>,
    /// Who is on call now for the viewer's team, and until when.
    pub on_call: Option<(String, Option<Timestamp>)>,
    /// No mail can go out: nobody can be paged.
    pub is_mute: bool,
    /// Who can set that right, by name; `none` if nobody can. Only where `is_mute`.
    pub admins: String,
    /// The check of the database after an unclean stop found faults.
    pub is_damaged: bool,
    /// No page gets through to anybody.
    pub is_unheard: bool,
    /// The incident about that.
    pub unheard: Option<String>,
    /// The disk is nearly full: nothing new is taken in.
    pub is_full: bool,
    /// People reach this over plain HTTP from elsewhere.
    pub is_in_the_clear: bool,
    /// Tickets whose stored clocks differ from their timelines; for whoever may read the audit.
    pub differing: i64,
    /// Clocks that run and can never fall due; for the same people.
    pub endless: i64,
    /// For how long, in seconds, no mail has come in where some is expected; for whoever may read mail.
    pub silent_secs: Option<i64>,
    /// A mailbox that can't be read, or not be tidied, for a while already; for the same people.
    pub unread: Option<String>,
    /// Mails that are held, of a blocked sender's the first of a day; for the same people.
    pub held: i64,
    /// Letters that can't leave; for the same people.
    pub stuck: i64,
    /// Who has answered no page for a day after a self-test, by name; for whoever can do something about it.
    pub unanswered: String,
    /// Clocks show due times instead of ticking.
    pub still_clocks: bool,
    /// Single-key shortcuts are off.
    pub no_keys: bool,
}

/// The request as the guard saw it: its id for people and logs, and the one instant that it happens at.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub id: String,
    pub now: Timestamp,
}

/// The cookie that carries one line over a redirect: a catalogue key beginning with `said-`, and perhaps one value.
pub const SAID_COOKIE: &str = "said";

/// The base object of every page.
pub struct Page {
    pub words: &'static Words,
    pub title: String,
    pub path: String,
    pub now: Timestamp,
    pub zone: Tz,
    pub request_id: String,
    pub viewer: Option<Viewer>,
    pub frame: Frame,
    pub said: Option<String>,
    csrf: String,
    assets: &'static Assets,
}

impl Page {
    /// A page with a title from the catalogue.
    pub fn new(req: &HttpRequest, title_key: &str) -> Self {
        let title = Words::english().t(title_key).into_owned();
        Self::titled(req, title)
    }

    /// A page with a title of its own, such as a ticket's.
    pub fn titled(req: &HttpRequest, title: impl Into<String>) -> Self {
        let words = Words::english();
        // Before anything is borrowed: reading the first cookie writes the parsed ones into the extensions.
        let said = req
            .cookie(SAID_COOKIE)
            .and_then(|cookie| said_text(words, cookie.value()));
        let extensions = req.extensions();
        let viewer = extensions.get::<Viewer>().cloned();
        let arrival = extensions.get::<Arrival>().cloned();
        let csrf = extensions
            .get::<FormToken>()
            .map_or_else(String::new, |token| token.0.clone());
        let (id, now) = arrival.map_or_else(
            || (String::new(), Timestamp::from_micros(0)),
            |arrival| (arrival.id, arrival.now),
        );
        Self {
            words,
            title: title.into(),
            path: req.path().to_owned(),
            now,
            zone: viewer.as_ref().map_or(Tz::UTC, |viewer| viewer.zone),
            request_id: id,
            frame: viewer
                .as_ref()
                .map_or_else(Frame::default, |viewer| viewer.frame.clone()),
            viewer,
            said,
            csrf,
            assets: Assets::get(),
        }
    }

    /// Times on this page are those of another zone, as in a customer's report.
    pub fn in_zone(mut self, zone: Tz) -> Self {
        self.zone = zone;
        self
    }

    pub fn css(&self) -> &str {
        &self.assets.css
    }
    pub fn js(&self) -> &str {
        &self.assets.js
    }
    pub fn icon(&self) -> &str {
        &self.assets.icon
    }
    pub fn night_css(&self) -> &str {
        &self.assets.night
    }

    /// The viewer may do `action`: whether to offer it. The action itself asks again.
    pub fn may(&self, action: Action) -> bool {
        let may = |viewer: &Viewer| access::may(&viewer.principal, action, Target::House).is_ok();
        self.viewer.as_ref().is_some_and(may)
    }

    /// The viewer may say that something began earlier.
    pub fn may_backdate(&self) -> bool {
        self.may(Action::Backdate)
    }

    pub fn is_staff(&self) -> bool {
        self.viewer
            .as_ref()
            .is_some_and(|viewer| viewer.principal.is_staff())
    }

    pub fn name(&self) -> &str {
        self.viewer
            .as_ref()
            .map_or("", |viewer| viewer.principal.name())
    }

    /// `aria-current` for the link to `place`, where the page lies under it.
    pub fn here(&self, place: &str) -> Markup {
        let here = if place == "/" {
            self.path == "/"
        } else {
            self.path.starts_with(place)
        };
        Markup::trusted(if here {
            r#" aria-current="page""#.to_owned()
        } else {
            String::new()
        })
    }

    /// The hidden field that shows a form was made by a page of this session.
    pub fn token(&self) -> Markup {
        Markup::trusted(format!(
            r#"<input type="hidden" name="csrf" value="{}">"#,
            marks::escaped(&self.csrf)
        ))
    }

    /// The hidden field that makes this form one of its kind: sent twice, it opens one ticket.
    pub fn once(&self) -> Markup {
        Markup::trusted(format!(
            r#"<input type="hidden" name="{}" value="{}">"#,
            super::form::ONCE,
            marks::escaped(&self.request_id)
        ))
    }

    // Words

    pub fn t<'a>(&'a self, key: &'a str) -> Cow<'a, str> {
        self.words.t(key)
    }

    /// The text of `key` with one place filled.
    pub fn t1<'a>(&'a self, key: &'a str, name: &str, value: impl Into<Value<'a>>) -> Cow<'a, str> {
        self.words.with(key, &[(name, value.into())])
    }

    /// The text of `key` with two places filled.
    pub fn t2<'a>(
        &'a self,
        key: &'a str,
        name: &str,
        value: impl Into<Value<'a>>,
        name2: &str,
        value2: impl Into<Value<'a>>,
    ) -> Cow<'a, str> {
        self.words
            .with(key, &[(name, value.into()), (name2, value2.into())])
    }

    /// The text `<family>-<word>`, as `state-in_progress`: how a closed enum's word is said. Underscores become hyphens.
    pub fn word(&self, family: &str, word: &str) -> String {
        self.words
            .t(&format!("{family}-{}", word.replace('_', "-")))
            .into_owned()
    }

    /// A length of time: `8 min 20 s`.
    pub fn span(&self, secs: &i64) -> String {
        self.words.span(*secs)
    }

    /// A value as it stands in an address.
    pub fn coded(&self, text: &str) -> String {
        super::reply::coded(text)
    }

    /// A filter of one term, as it stands in an address: `customer:"North wind"`.
    pub fn filter(&self, key: &str, value: &str) -> String {
        self.coded(&format!("{key}:\"{}\"", value.replace('"', "")))
    }

    // Times, in the viewer's zone

    /// As short as it can be said: `14:02` today, `Fri 14:02` this week.
    pub fn time(&self, at: &Timestamp) -> Markup {
        self.time_in(at, Detail::Near)
    }

    /// `14:02`.
    pub fn clock_time(&self, at: &Timestamp) -> Markup {
        self.time_in(at, Detail::Clock)
    }

    /// `Sat 21 Nov 2026 14:02 CET`.
    pub fn full_time(&self, at: &Timestamp) -> Markup {
        self.time_in(at, Detail::Full)
    }

    /// As [`Page::full_time`], in another zone.
    pub fn full_time_in(&self, at: &Timestamp, zone: &Tz) -> Markup {
        marks::time(self.words, *at, self.now, *zone, Detail::Full)
    }

    /// As [`Page::full_time`], to the second where it isn't a whole minute.
    pub fn exact_time(&self, at: &Timestamp) -> Markup {
        self.time_in(at, Detail::Exact)
    }

    /// From one instant to another in a zone: the second one's date only where it is another.
    pub fn exact_span(&self, from: &Timestamp, to: &Timestamp, zone: &Tz) -> Markup {
        let day = |at: &Timestamp| at.in_zone(*zone).date_naive();
        let end = if day(from) == day(to) {
            let at = to.in_zone(*zone);
            let pattern = match to.micros().rem_euclid(60_000_000) < 1_000_000 {
                true => "%H:%M",
                false => "%H:%M:%S",
            };
            let text = at.format(pattern).to_string();
            Markup::trusted(format!(
                r#"<time datetime="{}">{text}</time>"#,
                to.rfc3339()
            ))
        } else {
            self.exact_time_in(to, zone)
        };
        Markup::trusted(format!("{} – {end}", self.exact_time_in(from, zone)))
    }

    /// As [`Page::exact_time`], in another zone.
    pub fn exact_time_in(&self, at: &Timestamp, zone: &Tz) -> Markup {
        marks::time(self.words, *at, self.now, *zone, Detail::Exact)
    }

    /// `Sat 21 Nov 2026`.
    pub fn date(&self, at: &Timestamp) -> Markup {
        self.time_in(at, Detail::Date)
    }

    /// The end of what began at `from`: `14:02` on the same day, else as [`Page::full_time`].
    pub fn until(&self, from: &Timestamp, at: &Timestamp) -> Markup {
        let day = |at: &Timestamp| at.in_zone(self.zone).date_naive();
        if day(from) == day(at) {
            self.clock_time(at)
        } else {
            self.full_time(at)
        }
    }

    /// `14:02 (9 min ago)`: never the distance alone.
    pub fn time_ago(&self, at: &Timestamp) -> Markup {
        let distance = self.now.secs_since(*at);
        let key = if distance < 0 { "time-in" } else { "time-ago" };
        let said = self
            .words
            .with(key, &[("span", self.words.age(distance).into())]);
        Markup::trusted(format!("{} ({})", self.time(at), marks::escaped(&said)))
    }

    /// The value of a `datetime-local` field: `2026-11-21T14:02` in the viewer's zone.
    pub fn field_time(&self, at: &Timestamp) -> String {
        at.in_zone(self.zone).format("%Y-%m-%dT%H:%M").to_string()
    }

    fn time_in(&self, at: &Timestamp, detail: Detail) -> Markup {
        marks::time(self.words, *at, self.now, self.zone, detail)
    }

    // Marks

    pub fn severity(&self, severity: &Severity) -> Markup {
        marks::severity(self.words, *severity)
    }

    /// A ticket's mark: the severity's shape, or its kind's letter.
    pub fn mark(&self, severity: &Option<Severity>, kind: &Kind) -> Markup {
        match severity {
            Some(severity) => marks::severity(self.words, *severity),
            None => marks::kind(self.words, *kind),
        }
    }

    pub fn severity_big(&self, severity: &Severity) -> Markup {
        marks::severity_big(self.words, *severity)
    }

    pub fn state(&self, glyph: &Glyph, word: &str) -> Markup {
        marks::state(*glyph, word)
    }

    pub fn avatar(&self, name: &str) -> Markup {
        marks::avatar(name)
    }

    /// A clock's text; `line` is the id of its burn line, "" for none.
    pub fn clock(&self, tick: &Tick, line: &str) -> Markup {
        if self.frame.still_clocks
            && let Tick::Running { due_at, .. } = tick
        {
            let due = self
                .words
                .with("clock-due", &[("at", self.plain_time(due_at).into())]);
            let mood = tick.mood(self.now);
            return Markup::trusted(format!(
                r#"<span class="clock {mood}">{}</span>"#,
                marks::escaped(&due)
            ));
        }
        marks::clock(self.words, self.now, *tick, line)
    }

    /// One of `go near over hold met missed none`.
    pub fn mood(&self, tick: &Tick) -> &'static str {
        tick.mood(self.now)
    }

    pub fn burn(&self, tick: &Tick, id: &str) -> Markup {
        marks::burn(self.now, *tick, id)
    }

    fn plain_time(&self, at: &Timestamp) -> String {
        marks::time_text(self.words, *at, self.now, self.zone, Detail::Near)
    }

    // For the script

    /// The server's instant in milliseconds: what the browser's clocks are corrected by.
    pub fn now_millis(&self) -> i64 {
        self.now.micros() / 1_000
    }

    /// The units that ticking clocks print.
    pub fn units(&self) -> String {
        let over = self.words.with("clock-over", &[("span", "{}".into())]);
        ["unit-day", "unit-hour", "unit-minute", "unit-second"]
            .map(|key| self.t(key).into_owned())
            .join("|")
            + "|"
            + &over
    }
}

/// What a `said` cookie means: only catalogue texts made for it, so that a planted cookie can't put words into our mouth.
fn said_text(words: &Words, cookie: &str) -> Option<String> {
    let (key, value) = cookie.split_once('|').unwrap_or((cookie, ""));
    let known = key.starts_with("said-") && words.has(key);
    known.then(|| {
        words
            .with(
                key,
                &[("what", value.chars().take(80).collect::<String>().into())],
            )
            .into_owned()
    })
}
