//! The question about commit messages: `commit.parse`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use unicode_normalization::UnicodeNormalization;

use super::read::{self, Fields, Place};
use super::{Calculator, put};
use crate::domain::commit_message::{
    Link, Lint, Mode, Relation, Rules, Said, could_be_verb, parse_with_prefixes,
};
use crate::domain::id::Kind;
use crate::domain::people;
use crate::domain::refusal::FieldError;

/// The longest prefix, in bytes, and how many there may be: so reading takes time in proportion to the message.
const PREFIX_BYTES: usize = 64;
const PREFIXES: usize = 1_000;

pub fn parse(_: &mut Calculator, asked: &Fields<'_>, out: &mut Vec<u8>) -> Result<(), FieldError> {
    let line = Place::LINE;
    asked.only(&["id", "op", "message", "config", "options"], &line)?;
    let message = read::text(asked.need("message", &line)?, &line.field("message"))?;
    let (mut rules, prefixes) = match asked.find("config") {
        Some(raw) => config(raw, &line.field("config"))?,
        None => (Rules::house(None), house_prefixes()),
    };
    let mode = match asked.find("options") {
        Some(raw) => options(raw, &line.field("options"), &mut rules)?,
        None => Mode::Server,
    };
    let said = parse_with_prefixes(&message, &mode, &rules, &prefixes);
    put(out, &Parsed::of(&said))
}

fn house_prefixes() -> Vec<String> {
    let kinds = Kind::ALL.iter();
    kinds.map(|kind| format!("{}-", kind.prefix())).collect()
}

/// Whose grammar: what isn't given is ours.
fn config(raw: &RawValue, place: &Place<'_>) -> Result<(Rules, Vec<String>), FieldError> {
    let given = read::object(raw, place)?;
    given.only(&["prefixes", "close", "reopen", "refs", "base_url"], place)?;
    let base_url = match given.find("base_url") {
        Some(raw) => web_address(raw, &place.field("base_url"))?,
        None => None,
    };
    let mut rules = Rules::house(base_url.as_deref());
    let prefixes = match given.find("prefixes") {
        Some(raw) => prefixes(raw, &place.field("prefixes"))?,
        None => house_prefixes(),
    };
    // The strongest last: of a word in two lists, that is what it says.
    for (name, relation) in [
        ("refs", Relation::Refs),
        ("reopen", Relation::Reopens),
        ("close", Relation::Closes),
    ] {
        let Some(raw) = given.find(name) else {
            continue;
        };
        let verbs = verbs(raw, &place.field(name))?;
        rules.verbs.retain(|_, other| *other != relation);
        rules
            .verbs
            .extend(verbs.into_iter().map(|verb| (verb, relation)));
    }
    Ok((rules, prefixes))
}

fn web_address(raw: &RawValue, place: &Place<'_>) -> Result<Option<String>, FieldError> {
    let text = read::text(raw, place)?;
    people::web_address("base_url", &text).map_err(|error| FieldError {
        field: place.to_string().into(),
        ..error
    })
}

fn prefixes(raw: &RawValue, place: &Place<'_>) -> Result<Vec<String>, FieldError> {
    let items = read::list(raw, place)?;
    if items.len() > PREFIXES {
        return Err(place
            .wrong("too-many-prefixes")
            .with("max", PREFIXES.to_string()));
    }
    let mut prefixes = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let place = place.item(at);
        let text = read::text(item, &place)?;
        let fits = !text.is_empty()
            && text.len() <= PREFIX_BYTES
            && !text.starts_with(char::is_whitespace)
            && !text.contains(char::is_control);
        if !fits {
            return Err(place
                .refused("not-a-prefix", &text)
                .with("max", PREFIX_BYTES.to_string()));
        }
        prefixes.push(text.into_owned());
    }
    Ok(prefixes)
}

fn verbs(raw: &RawValue, place: &Place<'_>) -> Result<Vec<String>, FieldError> {
    let items = read::list(raw, place)?.into_iter().enumerate();
    items
        .map(|(at, item)| {
            let place = place.item(at);
            let text = read::text(item, &place)?;
            let verb: String = text.to_lowercase().nfc().collect();
            match could_be_verb(&verb) {
                true => Ok(verb),
                false => Err(place.refused("not-a-verb", &text)),
            }
        })
        .collect()
}

/// Who asks, and whether time is noted.
fn options(raw: &RawValue, place: &Place<'_>, rules: &mut Rules) -> Result<Mode, FieldError> {
    let given = read::object(raw, place)?;
    given.only(&["hook", "editor", "comment", "time"], place)?;
    let truth = |name, default| match given.find(name) {
        Some(raw) => read::truth(raw, &place.field(name)),
        None => Ok(default),
    };
    rules.time_notes = truth("time", false)?;
    let (hook, editor) = (truth("hook", false)?, truth("editor", true)?);
    let comment = match given.find("comment") {
        Some(raw) => {
            let place = place.field("comment");
            let text = read::text(raw, &place)?;
            if text.is_empty() || text.contains('\n') {
                return Err(place.refused("not-a-comment-mark", &text));
            }
            text.into_owned()
        }
        None => "#".to_owned(),
    };
    Ok(match hook {
        true => Mode::Hook { editor, comment },
        false => Mode::Server,
    })
}

#[derive(Serialize)]
struct Parsed<'s> {
    refs: BTreeMap<&'s str, &'static str>,
    trailers: &'s [(String, String)],
    links: Vec<LinkSaid<'s>>,
    facts: FactsSaid<'s>,
    flags: FlagsSaid,
    lint: Vec<LintSaid<'s>>,
}

#[derive(Serialize)]
struct LinkSaid<'s> {
    key: &'s str,
    relation: &'static str,
    place: &'static str,
    /// Bytes of the message as it was cleaned.
    span: [usize; 2],
    line: u32,
    verb: Option<&'s str>,
    negated: bool,
}

#[derive(Serialize)]
struct FactsSaid<'s> {
    reverts: &'s [String],
    cherry_from: &'s [String],
    fixes_commit: &'s [String],
    caused_by: &'s [String],
    causes: &'s [String],
    change_id: Option<&'s str>,
    /// A change begins with it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    new_change: bool,
    side_effects: Option<&'s str>,
    rollback: Option<&'s str>,
    risk: Option<&'s str>,
    purpose: Option<&'s str>,
    no_ticket: Option<&'s str>,
    break_glass: Option<&'s str>,
    time: Vec<TimeSaid<'s>>,
    co_authors: &'s [String],
}

#[derive(Serialize)]
struct TimeSaid<'s> {
    key: Option<&'s str>,
    minutes: u32,
}

#[derive(Serialize)]
struct FlagsSaid {
    merge: bool,
    revert: bool,
    reapply: bool,
    autosquash: bool,
}

#[derive(Serialize)]
struct LintSaid<'s> {
    code: &'static str,
    span: [usize; 2],
    text: &'s str,
    /// What would be read, where that is plain.
    hint: Option<&'s str>,
}

impl<'s> Parsed<'s> {
    fn of(said: &'s Said) -> Self {
        let refs = said.links.iter().filter_map(|link| {
            let relation = match link.relation {
                Relation::Mention => return None,
                Relation::Closes => "close",
                Relation::Reopens => "reopen",
                _ => "refs",
            };
            Some((link.key.as_str(), relation))
        });
        let facts = &said.facts;
        Self {
            refs: refs.collect(),
            trailers: &said.trailers,
            links: said.links.iter().map(LinkSaid::of).collect(),
            facts: FactsSaid {
                reverts: &facts.reverts,
                cherry_from: &facts.cherry_from,
                fixes_commit: &facts.fixes_commit,
                caused_by: &facts.caused_by,
                causes: &facts.causes,
                change_id: facts.change_id.as_deref(),
                new_change: facts.new_change,
                side_effects: facts.side_effects.as_deref(),
                rollback: facts.rollback.as_deref(),
                risk: facts.risk.as_deref(),
                purpose: facts.purpose.as_deref(),
                no_ticket: facts.no_ticket.as_deref(),
                break_glass: facts.break_glass.as_deref(),
                time: said
                    .time
                    .iter()
                    .map(|note| TimeSaid {
                        key: note.key.as_deref(),
                        minutes: note.minutes,
                    })
                    .collect(),
                co_authors: &facts.co_authors,
            },
            flags: FlagsSaid {
                merge: said.flags.merge,
                revert: said.flags.revert,
                reapply: said.flags.reapply,
                autosquash: said.flags.autosquash,
            },
            lint: said.lint.iter().map(LintSaid::of).collect(),
        }
    }
}

impl<'s> LinkSaid<'s> {
    fn of(link: &'s Link<String>) -> Self {
        Self {
            key: &link.key,
            relation: link.relation.as_str(),
            place: link.place.as_str(),
            span: [link.span.start, link.span.end],
            line: link.line,
            verb: link.verb.as_deref(),
            negated: link.negated,
        }
    }
}

impl<'s> LintSaid<'s> {
    fn of(lint: &'s Lint) -> Self {
        Self {
            code: lint.code.as_str(),
            span: [lint.span.start, lint.span.end],
            text: &lint.text,
            hint: lint.instead.as_deref(),
        }
    }
}
