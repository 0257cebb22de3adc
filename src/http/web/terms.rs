//! What the editors of agreements and calendars show alike: from when on an edit counts, the clocks that it would move, and the
//! versions there were.

use chrono_tz::Tz;

use super::names::{Names, Wanted};
use super::row;
use super::when::instant;
use crate::actions::recount::{Fate, Moved, Preview};
use crate::app::Ctx;
use crate::domain::id::Id;
use crate::domain::refusal::FieldError;
use crate::domain::sla_clock::ClockState;
use crate::domain::sla_version::{self, Effect, Finished, Layer};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::http::form::{Form, Posted};
use crate::store::blob::Hash;
use crate::words::Words;

/// Most clocks of one list; how many more there are is said.
const MOST_LINES: usize = 200;

/// From when on the form's edit counts. Times are read on the wall clock of `zone`.
pub fn effect(
    posted: &Posted,
    zone: Tz,
    now: Timestamp,
) -> std::result::Result<Effect, FieldError> {
    let from = || -> std::result::Result<Timestamp, FieldError> {
        instant("from", posted.text("from"), zone, now)?
            .ok_or_else(|| FieldError::new("from", "required"))
    };
    match posted.text("effect") {
        "" | "now" => Ok(Effect::FromNow),
        "from" => Ok(Effect::From(from()?)),
        "correction" => Ok(Effect::Correction {
            from: from()?,
            until: instant("until", posted.text("until"), zone, now)?,
            reason: posted.text("reason").to_owned(),
            finished: finished(posted),
        }),
        other => Err(FieldError::new("effect", "not-a-choice").with("value", other.to_owned())),
    }
}

fn finished(posted: &Posted) -> Finished {
    if posted.all("finished").any(|value| value == "all") {
        return Finished::All;
    }
    let clocks: Vec<_> = posted.all("finished").filter_map(Id::parse).collect();
    if clocks.is_empty() {
        Finished::Stay
    } else {
        Finished::These(clocks)
    }
}

/// A form as its row stands, with what was typed of when a change holds: that is the change's own, nobody else's.
pub fn with_effect(standing: Form, posted: &Posted) -> Form {
    ["effect", "from", "until", "reason", "finished"]
        .into_iter()
        .fold(standing, |form, name| form.with_all(name, posted.all(name)))
}

/// What was typed, as one word: whoever saves has seen what exactly this would do.
pub fn digest(posted: &Posted) -> String {
    let mut text = String::new();
    for (name, value) in &posted.texts {
        if !matches!(name.as_str(), "csrf" | "finished" | "previewed" | "ics") {
            text.push_str(name);
            text.push('\u{1}');
            text.push_str(value);
            text.push('\u{2}');
        }
    }
    let hash = Hash::of(text.as_bytes());
    hash.0
        .iter()
        .take(12)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The clocks that an edit would move.
pub struct Moves {
    pub open: Vec<MovedLine>,
    pub finished: Vec<MovedLine>,
    pub locked: Vec<MovedLine>,
    /// Beyond the lines of each list.
    pub more: usize,
    pub unmoved: usize,
    /// The first of those that stay as they are.
    pub staying: Vec<MovedLine>,
    pub is_cut: bool,
    pub is_correction: bool,
    /// To be sent along with the same form.
    pub digest: String,
}

pub struct MovedLine {
    pub key: String,
    pub title: String,
    /// Empty: it begins with the change.
    pub clock: String,
    pub promise: String,
    pub whose: String,
    pub before: Option<Timestamp>,
    pub after: Option<Timestamp>,
    /// What becomes of it besides: `moved-…` in the catalogue.
    pub outcome: &'static str,
}

impl Moves {
    /// Nothing has to be shown before it is saved: no clock moves, and the past stays.
    pub fn is_plain(preview: &Preview, effect: &Effect) -> bool {
        preview.moved.is_empty() && !preview.is_cut && !effect.is_correction()
    }

    pub fn of(
        ctx: &Ctx<'_>,
        preview: &Preview,
        effect: &Effect,
        digest: String,
        words: &Words,
    ) -> Result<Self> {
        let all = preview.moved.iter().chain(&preview.staying);
        let wanted = Wanted {
            customers: all.filter_map(|it| it.customer).collect(),
            ..Wanted::default()
        };
        let names = ctx.read(|conn| Names::load(conn, wanted))?;
        let staying = preview.staying.iter().take(MOST_LINES);
        let staying = staying.map(|it| line(it, &names, words)).collect();
        let mut more = 0;
        let mut lines = |fate| -> Vec<MovedLine> {
            let all: Vec<&Moved> = preview.of(fate).collect();
            more += all.len().saturating_sub(MOST_LINES);
            all.iter()
                .take(MOST_LINES)
                .map(|moved| line(moved, &names, words))
                .collect()
        };
        Ok(Self {
            open: lines(Fate::Open),
            finished: lines(Fate::Finished),
            locked: lines(Fate::Locked),
            more,
            unmoved: preview.staying.len(),
            staying,
            is_cut: preview.is_cut,
            is_correction: effect.is_correction(),
            digest,
        })
    }
}

fn line(moved: &Moved, names: &Names, words: &Words) -> MovedLine {
    let outcome = match (
        moved.state_after,
        moved.before,
        moved.was_breached,
        moved.is_breached,
    ) {
        (ClockState::Cancelled, ..) => "moved-ends",
        (ClockState::Superseded, ..) => "moved-replaced",
        (_, None, ..) if moved.clock.is_none() => "moved-begins",
        (_, _, true, false) => "moved-withdrawn",
        (_, _, false, true) => "moved-late",
        _ => "",
    };
    MovedLine {
        key: moved.ticket.to_string(),
        title: moved.title.clone(),
        clock: moved.clock.map(|id| id.to_string()).unwrap_or_default(),
        promise: row::promise(Some(moved.metric.as_str()), words),
        whose: match moved.customer {
            Some(id) => names.customer(id).to_owned(),
            None => words.t("clock-house").into_owned(),
        },
        before: moved.before,
        after: moved.after,
        outcome,
    }
}

/// A version in the history.
pub struct VersionLine {
    pub number: i64,
    /// `None`: from the beginning.
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub is_now: bool,
    pub is_planned: bool,
    pub is_correction: bool,
    pub made_by: String,
    pub made_at: Timestamp,
    pub reason: String,
    /// What is different from the version that was written before it.
    pub changes: Vec<String>,
}

/// Every version, the newest first.
pub fn version_lines<T>(
    layers: &[(Layer, T)],
    now: Timestamp,
    changes: impl Fn(&T, &T) -> Vec<String>,
) -> Vec<VersionLine> {
    let holds = sla_version::at(layers, now).map(|(layer, _)| layer.number);
    let mut lines: Vec<VersionLine> = layers
        .iter()
        .enumerate()
        .map(|(place, (layer, value))| VersionLine {
            number: layer.number,
            from: (layer.number > 1).then_some(layer.from),
            until: layer.until,
            is_now: holds == Some(layer.number),
            is_planned: layer.is_planned(now),
            is_correction: layer.is_correction,
            made_by: layer.made_by.clone(),
            made_at: layer.made_at,
            reason: layer.reason.clone(),
            changes: place
                .checked_sub(1)
                .map(|before| changes(&layers[before].1, value))
                .unwrap_or_default(),
        })
        .collect();
    lines.reverse();
    lines
}

/// What stands in one list and not in the other: `+` for what came, `−` for what went.
pub fn differences(before: &[String], after: &[String]) -> Vec<String> {
    let went = before.iter().filter(|it| !after.contains(it));
    let came = after.iter().filter(|it| !before.contains(it));
    went.map(|it| format!("− {it}"))
        .chain(came.map(|it| format!("+ {it}")))
        .collect()
}
