//! The timeline as a tape: what each entry says in words, with the quiet between them and the days.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use chrono_tz::Tz;

use super::names::{Names, Wanted};
use super::tape_commit;
use super::tape_kinds::dot;
pub use super::tape_kinds::{is_key, is_talk};
use crate::domain::correction::{self, BY_HAND, Corrections};
use crate::domain::id::{AttachmentId, Id, MailId};
use crate::domain::plain_sight::plain_sight;
use crate::domain::quarantine::Danger;
use crate::domain::quote;
use crate::domain::timeline::{Actor, Audience, Door, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::domain::wording::Speaking;
use crate::http::marks::{self, Detail};
use crate::store::blob::Attachment;
use crate::store::timeline::Recorded;
use crate::words::{Value, Words};

/// What is said of entries elsewhere on the timeline.
pub const CORRECTIONS: &[EntryKind] = &[
    EntryKind::TakenBack,
    EntryKind::RestoredChanged,
    EntryKind::ResolvedChanged,
];

/// A quiet longer than this is said.
const QUIET_SECS: i64 = 15 * 60;

/// One line of the tape.
pub struct Item {
    pub seq: i64,
    pub at: Timestamp,
    pub recorded_later: Option<Timestamp>,
    /// `key`, `bad`, `ok` or "": the kind of dot.
    pub dot: &'static str,
    pub who: String,
    pub what: String,
    /// The text, quotes and signatures of mails apart.
    pub pieces: Vec<Piece>,
    pub is_redacted: bool,
    /// It says what the ticket is called.
    pub has_title: bool,
    /// Customers can read it.
    pub is_seen: bool,
    pub for_report: bool,
    /// Somebody of ours wrote it for staff: it may be shown to the customer.
    pub is_note: bool,
    pub door: String,
    /// It was taken back: by whom, and why.
    pub struck: Option<String>,
    /// Whoever may correct times may take it back.
    pub can_be_taken_back: bool,
    /// What is to be known of a mail: unverified, new on this ticket, and the like.
    pub marks: Vec<String>,
    /// The mail that it came by.
    pub mail: Option<MailId>,
    /// That mail has an HTML form too.
    pub has_html: bool,
    pub files: Vec<FileLine>,
    /// Words that came back and may be tried again: the entry that has them.
    pub again: Option<i64>,
    /// The day begins here (newest first: the line before it, upwards, is of another day).
    pub day: Option<Timestamp>,
    /// The quiet between this entry and the older one below it.
    pub quiet: Option<String>,
}

impl Item {
    /// Whether there is anything that could still be redacted: text, a file, a title.
    pub fn can_be_redacted(&self) -> bool {
        self.has_text() || self.has_title || self.files.iter().any(|file| !file.is_redacted)
    }

    /// Its text reads otherwise in the character set that somebody chose: that is shown, and what was read first stands folded below.
    pub fn read_again(&mut self, note: &Recorded, words: &Words) {
        if self.is_redacted {
            return;
        }
        let first = self.pieces.iter().map(|piece| piece.text.as_str());
        let first = first.collect::<Vec<_>>().join("\n");
        let as_mail = Recorded {
            door: Door::Mail,
            ..note.clone()
        };
        self.pieces = pieces(&as_mail);
        self.pieces.push(Piece {
            text: first,
            folded: Some("tape-first-reading"),
        });
        let said = [
            ("set", note.facts.get("read_in").unwrap_or_default().into()),
            ("name", note.actor_name.as_str().into()),
        ];
        self.marks
            .push(words.with("tape-read-again", &said).into_owned());
    }

    pub fn has_text(&self) -> bool {
        !self.is_redacted && !self.pieces.is_empty()
    }
}

/// A file on an entry.
pub struct FileLine {
    pub id: String,
    pub name: String,
    pub size: String,
    pub is_redacted: bool,
    /// It is in quarantine: what it would do when opened.
    pub danger: Option<Danger>,
    /// A picture that hangs on the ticket already: a logo under every mail. It can be redacted, and isn't shown again.
    pub is_repeat: bool,
}

/// The pictures among the files of one ticket, in their order, whose bytes hung on it before: shown once, they are only in the way.
pub fn repeats(files: &[Attachment]) -> HashSet<AttachmentId> {
    let mut seen = HashSet::new();
    files
        .iter()
        .filter(|file| file.media_type.starts_with("image/") && !seen.insert(file.hash))
        .map(|file| file.id)
        .collect()
}

/// A stretch of an entry's text.
pub struct Piece {
    pub text: String,
    /// There, but folded away: what it is, as a key of the catalogue.
    pub folded: Option<&'static str>,
}

/// What came by mail has its quotes and signatures folded; what people type here stands as they typed it.
pub fn pieces(entry: &Recorded) -> Vec<Piece> {
    if entry.body.is_empty() {
        return Vec::new();
    }
    if entry.door != Door::Mail || entry.redacted_at.is_some() {
        let text = match entry.door {
            Door::Git => plain_sight(&entry.body),
            _ => Cow::Borrowed(entry.body.as_str()),
        };
        return vec![Piece {
            text: text.into_owned(),
            folded: None,
        }];
    }
    let passages = quote::passages(&entry.body).into_iter();
    passages
        .map(|passage| Piece {
            text: entry.body[passage.range].trim_end().to_owned(),
            folded: passage.is_folded.then_some("tape-folded"),
        })
        .collect()
}

/// The ids that the entries' facts name.
pub fn wanted(entries: &[Recorded], wanted: &mut Wanted) {
    for entry in entries {
        for (name, value) in entry.facts.iter() {
            if !matches!(name, "from" | "to" | "customer") {
                continue;
            }
            match entry.kind {
                EntryKind::CustomerChanged => wanted.customers.extend(Id::parse(value)),
                EntryKind::TeamChanged => wanted.teams.extend(Id::parse(value)),
                EntryKind::ServiceChanged => wanted.services.extend(Id::parse(value)),
                _ => {}
            }
        }
    }
}

/// What may be said of one of several customers, and then names them.
const OF_ONE: &[EntryKind] = &[
    EntryKind::CustomerContact,
    EntryKind::NoReplyNeeded,
    EntryKind::CallbackPromised,
    EntryKind::CallbackDone,
];

/// The tape of `entries`, which come newest first. `corrections`: everything on the timeline of the kinds [`CORRECTIONS`].
pub fn items(
    entries: &[Recorded],
    corrections: &[Recorded],
    files: &[Attachment],
    names: &Names,
    words: &Words,
    now: Timestamp,
    zone: Tz,
) -> Vec<Item> {
    let mut by_seq: HashMap<i64, Vec<&Attachment>> = HashMap::new();
    for file in files {
        by_seq.entry(file.entry_seq).or_default().push(file);
    }
    let repeats = repeats(files);
    let known = Corrections::of(corrections.iter().map(Recorded::said));
    let struck = |entry: &Recorded| {
        if !known.strikes(&entry.said()) {
            return None;
        }
        let by = corrections
            .iter()
            .rfind(|it| it.said().takes_back(entry.seq))?;
        let said = [
            ("name", by.actor_name.as_str().into()),
            ("why", by.body.as_str().into()),
        ];
        Some(words.with("struck-by", &said).into_owned())
    };
    // It was sooner than it was said.
    let in_fact = |entry: &Recorded| {
        let (worked, resolved) = (known.worked_at(entry.seq), known.resolved_at(entry.seq));
        let said = [
            ("tape-worked-since", worked),
            ("tape-resolved-at", resolved),
        ];
        let said = said.into_iter().filter_map(|(key, at)| {
            let at = marks::time_text(words, at?, now, zone, Detail::Near);
            Some(words.with(key, &[("at", at.into())]).into_owned())
        });
        said.collect::<Vec<String>>()
    };
    let mut items: Vec<Item> = Vec::with_capacity(entries.len());
    let mut day_above = now.in_zone(zone).date_naive();
    for (place, entry) in entries.iter().enumerate() {
        let day = entry.effective_at.in_zone(zone).date_naive();
        let older = entries.get(place + 1);
        let quiet_secs = older.map_or(0, |older| entry.effective_at.secs_since(older.effective_at));
        items.push(Item {
            seq: entry.seq,
            at: entry.effective_at,
            recorded_later: (entry.recorded_at.secs_since(entry.effective_at) >= 60)
                .then_some(entry.recorded_at),
            dot: dot(entry.kind),
            who: who(entry, words),
            what: sentence(entry, names, words, now, zone),
            pieces: pieces(entry),
            is_redacted: entry.redacted_at.is_some(),
            has_title: matches!(entry.kind, EntryKind::Opened | EntryKind::TitleChanged),
            is_seen: entry.audience != Audience::Internal,
            for_report: entry.for_report,
            is_note: entry.kind == EntryKind::Note && entry.actor.person().is_some(),
            door: words.t(&format!("door-{}", entry.door)).into_owned(),
            can_be_taken_back: BY_HAND.contains(&entry.kind) && !known.strikes(&entry.said()),
            struck: struck(entry),
            marks: mail_marks(entry, words)
                .into_iter()
                .chain(in_fact(entry))
                .chain(tape_commit::marks(entry, words, now, zone))
                .collect(),
            mail: None,
            has_html: entry.facts.get("html").is_some(),
            files: by_seq
                .remove(&entry.seq)
                .unwrap_or_default()
                .into_iter()
                .map(|file| FileLine {
                    id: file.id.to_string(),
                    name: file.name.clone(),
                    size: size(file.size_bytes),
                    is_redacted: file.redacted_at.is_some(),
                    danger: file.quarantined_for(),
                    is_repeat: repeats.contains(&file.id),
                })
                .collect(),
            again: again(entry),
            day: (day != day_above).then_some(entry.effective_at),
            quiet: (quiet_secs >= QUIET_SECS).then(|| {
                words
                    .with("tape-quiet", &[("span", words.age(quiet_secs).into())])
                    .into_owned()
            }),
        });
        day_above = day;
    }
    items
}

/// A note that isn't shared stays what it is; an answer or an update has its form.
fn again(entry: &Recorded) -> Option<i64> {
    let came_back = matches!(
        entry.kind,
        EntryKind::WordsSentBack | EntryKind::WordsWithdrawn
    );
    let has_form = entry.facts.get("what") != Some(Speaking::Share.as_str());
    let seq = entry.facts.get("entry").filter(|_| came_back && has_form)?;
    seq.parse().ok()
}

/// Whether a mail's sender is proven, and what else its reader should know before trusting or answering it.
fn mail_marks(entry: &Recorded, words: &Words) -> Vec<String> {
    let is_unproven = entry.actor == Actor::Stranger || entry.facts.get("unverified").is_some();
    let mut marks = Vec::new();
    // Who it is, our relay vouches for; it is only that they may not.
    if let Some(who) = entry.facts.get("powerless") {
        let key = format!("tape-powerless-{who}");
        marks.push(words.t(&key).into_owned());
    } else if entry.door == Door::Mail && is_unproven {
        marks.push(words.t("mail-unverified").into_owned());
    }
    for (fact, key) in [
        ("newcomer", "tape-newcomer"),
        ("refuted", "tape-refuted"),
        ("answers_staff_letter", "tape-answers-staff"),
        ("encrypted", "tape-encrypted"),
        ("reader_failed", "tape-reader-failed"),
    ] {
        if entry.facts.get(fact).is_some() {
            marks.push(words.t(key).into_owned());
        }
    }
    if let Some(signer) = entry.facts.get("signer") {
        let signer = [("signer", Value::from(signer))];
        marks.push(words.with("sign-by", &signer).into_owned());
    }
    for outcome in entry.facts.get("signature").unwrap_or_default().split(' ') {
        let key = format!("sign-{}", outcome.replace('_', "-"));
        if words.has(&key) {
            marks.push(words.t(&key).into_owned());
        }
    }
    for (fact, key, place) in [
        ("caller", "tape-caller", "name"),
        ("severity_word", "tape-severity-word", "word"),
        ("read_in", "tape-read-in", "set"),
    ] {
        if let Some(said) = entry.facts.get(fact) {
            marks.push(words.with(key, &[(place, said.into())]).into_owned());
        }
    }
    if let Some(subject) = entry.facts.get("new_topic") {
        let subject = [("subject", Value::from(subject))];
        marks.push(words.with("tape-new-topic", &subject).into_owned());
    }
    marks
}

/// Whether the text of a kind is a sentence of its own: nobody did it, it happened.
const fn is_whole(kind: EntryKind) -> bool {
    matches!(
        kind,
        EntryKind::ClockWarned
            | EntryKind::ClockBreached
            | EntryKind::ClockStillLate
            | EntryKind::ClockRecomputed
            | EntryKind::DeadEnd
            | EntryKind::PageUndelivered
            | EntryKind::PageSuppressed
            | EntryKind::Unsatisfied
            | EntryKind::DeliveryFailed
            | EntryKind::HoldNudged
            | EntryKind::AgreementEnded
            | EntryKind::MeetingHeld
    )
}

fn who(entry: &Recorded, words: &Words) -> String {
    if is_whole(entry.kind) {
        return String::new();
    }
    if entry.actor_name.is_empty() {
        return words.t("tape-somebody").into_owned();
    }
    match entry.actor {
        Actor::System => words.t("tape-house").into_owned(),
        _ if entry.door == Door::Git => plain_sight(&entry.actor_name).into_owned(),
        _ => entry.actor_name.clone(),
    }
}

/// What an entry says after its actor's name: the text `entry-<kind>`, filled with its facts.
pub fn sentence(
    entry: &Recorded,
    names: &Names,
    words: &Words,
    now: Timestamp,
    zone: Tz,
) -> String {
    let kind = entry.kind.as_str().replace('_', "-");
    let mut values: Vec<(&str, Value<'_>)> = Vec::new();
    let said: Vec<(&str, String)> = entry
        .facts
        .iter()
        .map(|(name, value)| {
            let value = match entry.door {
                Door::Git => plain_sight(value),
                _ => Cow::Borrowed(value),
            };
            (
                name,
                fact(entry.kind, name, &value, names, words, now, zone),
            )
        })
        .collect();
    for (name, value) in &said {
        values.push((name, Value::from(value.as_str())));
    }
    let corrects = entry
        .corrects
        .map_or_else(String::new, |seq| seq.to_string());
    values.push(("corrects", Value::from(corrects.as_str())));
    // What a text may ask for and an entry may not have.
    for name in [
        "from",
        "to",
        "name",
        "until",
        "number",
        "label",
        "files",
        "customer",
        "relation",
        "role",
        "on",
        "field",
        "metric",
        "what",
        "late",
        "people",
        "commit",
        "commits",
        "repository",
        "author",
        "channel",
        "whom",
        "into",
        "other",
        "title",
        "evidence",
        "entry",
        "cause",
        "subject",
        "by",
        "reason",
        "before",
        "after",
    ] {
        if entry.facts.get(name).is_none() {
            values.push((name, Value::from("")));
        }
    }
    let took_it = matches!(entry.kind, EntryKind::OwnerSet | EntryKind::RoleTaken)
        && entry.facts.get("name") == Some(entry.actor_name.as_str());
    let key = if took_it {
        format!("entry-{kind}-self")
    } else if entry.kind == EntryKind::Redacted && entry.facts.get("also_on").is_some() {
        format!("entry-{kind}-here")
    } else if entry.kind == EntryKind::UpdatePromised && entry.facts.get("later_than").is_some() {
        format!("entry-{kind}-later")
    } else if entry.facts.get(correction::CUSTOMER).is_some() && OF_ONE.contains(&entry.kind) {
        format!("entry-{kind}-of")
    } else if matches!(entry.kind, EntryKind::Reply | EntryKind::WordsProposed)
        && entry.facts.get("name").is_some()
    {
        format!("entry-{kind}-one")
    } else if entry.facts.get("for_name").is_some() {
        format!("entry-{kind}-for")
    } else if entry.facts.get("exempt").is_some() {
        format!("entry-{kind}-exempt")
    } else if entry.facts.get("entitled") == Some("no") {
        format!("entry-{kind}-unentitled")
    } else if entry.facts.get("freeze").is_some() {
        format!("entry-{kind}-frozen")
    } else if entry.facts.get("field") == Some("requester_address") {
        format!("entry-{kind}-answers")
    } else {
        format!("entry-{kind}")
    };
    let said = words.with(&key, &values).trim().to_owned();
    match entry.facts.instant("not_before") {
        Some(at) => {
            let at = marks::time_text(words, at, now, zone, Detail::Near);
            let condition = words.with("entry-not-before", &[("at", at.into())]);
            format!("{said} {condition}")
        }
        None => said,
    }
}

/// A fact's value in words: instants on the wall clock, enum words by their texts, ids by their names.
fn fact(
    kind: EntryKind,
    name: &str,
    value: &str,
    names: &Names,
    words: &Words,
    now: Timestamp,
    zone: Tz,
) -> String {
    if let Some(at) = Timestamp::parse_rfc3339(value) {
        return marks::time_text(words, at, now, zone, Detail::Near);
    }
    if let ("late_by", Ok(secs)) = (name, value.parse()) {
        return words.span(secs);
    }
    if name == "commit" {
        return value.chars().take(10).collect();
    }
    let family = match (kind, name) {
        (EntryKind::SeverityChanged, "from" | "to") | (_, "severity") => "severity",
        (EntryKind::PriorityChanged, "from" | "to") | (_, "priority") => "priority",
        (EntryKind::RiskChanged, "from" | "to") | (_, "risk") => "risk",
        (
            EntryKind::TitleChanged
            | EntryKind::DueChanged
            | EntryKind::Linked
            | EntryKind::Unlinked
            | EntryKind::Absorbed
            | EntryKind::Unmerged
            | EntryKind::Edited,
            "from" | "to",
        ) => "",
        (
            EntryKind::CustomerChanged | EntryKind::TeamChanged | EntryKind::ServiceChanged,
            "from" | "to",
        ) => {
            return uuid::Uuid::parse_str(value)
                .ok()
                .and_then(|id| names.any(id))
                .unwrap_or(value)
                .to_owned();
        }
        (_, "from" | "to" | "state") => "state",
        (_, "role") => "role",
        (_, "relation") => "relation",
        (EntryKind::Held | EntryKind::Released | EntryKind::HoldNudged, "on") => "waiting",
        (_, "metric") => "metric",
        (_, "outcome") => "outcome",
        (_, "verdict") => "verdict",
        (_, "channel") => "channel",
        _ => "",
    };
    let key = format!("{family}-{}", value.replace('_', "-"));
    if !family.is_empty() && words.has(&key) {
        words.t(&key).into_owned()
    } else {
        value.to_owned()
    }
}

/// `340 B`, `12 KB`, `3.4 MB`.
pub fn size(bytes: i64) -> String {
    match bytes {
        ..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KB", bytes / 1_024),
        _ => format!(
            "{}.{} MB",
            bytes / 1_048_576,
            bytes % 1_048_576 * 10 / 1_048_576
        ),
    }
}
