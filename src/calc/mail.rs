//! Questions about mail: `mail.parse`, `mail.reply`, `mail.class`, `mail.thread`.

use std::collections::{HashMap, HashSet};

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::read::{self, Fields, Place};
use super::{Calculator, put};
use crate::domain::intake::dedupe_key;
use crate::domain::letter::{Letter, Nature};
use crate::domain::quote;
use crate::domain::refusal::FieldError;
use crate::domain::text::EmailAddress;
use crate::intake::mail;
use crate::intake::reading::body::tidy;
use crate::intake::reading::html::text_of_html;

type Outcome = Result<(), FieldError>;

/// Padding may be missing: who asks by hand forgets it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn raw_mail(raw: &RawValue, place: &Place<'_>) -> Result<Vec<u8>, FieldError> {
    let text = read::text(raw, place)?;
    let joined: String;
    let text = match text.contains(char::is_whitespace) {
        true => {
            joined = text.split_whitespace().collect();
            joined.as_str()
        }
        false => text.as_ref(),
    };
    BASE64
        .decode(text)
        .map_err(|_| place.refused("not-base64", text))
}

fn letter(asked: &Fields<'_>) -> Result<Letter, FieldError> {
    let place = Place::LINE.field("raw_b64");
    let raw = raw_mail(asked.need("raw_b64", &Place::LINE)?, &place)?;
    Ok(mail::read(&raw, None))
}

#[derive(Serialize)]
struct Parsed<'l> {
    subject: &'l str,
    from_addr: String,
    from_name: &'l str,
    to: Vec<String>,
    message_id: Option<&'l str>,
    in_reply_to: &'l [String],
    references: &'l [String],
    text: &'l str,
    attachments: Vec<Attachment<'l>>,
}

#[derive(Serialize)]
struct Attachment<'l> {
    filename: Option<&'l str>,
    content_type: &'l str,
    size: usize,
    sha256: String,
    md5: String,
}

pub fn parse(_: &mut Calculator, asked: &Fields<'_>, out: &mut Vec<u8>) -> Outcome {
    asked.only(&["id", "op", "raw_b64"], &Place::LINE)?;
    let letter = letter(asked)?;
    let attachments = letter.parts.iter().map(|part| Attachment {
        filename: part.written_name.as_deref(),
        content_type: &part.media_type,
        size: part.bytes.len(),
        sha256: hex(&Sha256::digest(&part.bytes)),
        md5: hex(&md5::Md5::digest(&part.bytes)),
    });
    let from = letter.from.address.as_ref().map(EmailAddress::folded);
    put(
        out,
        &Parsed {
            subject: &letter.subject,
            from_addr: from.unwrap_or_default(),
            from_name: &letter.from.name,
            to: letter.to.iter().map(EmailAddress::folded).collect(),
            message_id: letter.message_id.as_deref(),
            in_reply_to: &letter.in_reply_to,
            references: &letter.references,
            text: &letter.text,
            attachments: attachments.collect(),
        },
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Serialize)]
struct Reply {
    reply: String,
}

pub fn reply(_: &mut Calculator, asked: &Fields<'_>, out: &mut Vec<u8>) -> Outcome {
    let line = Place::LINE;
    asked.only(&["id", "op", "text", "html", "raw_b64"], &line)?;
    let given = ["text", "html", "raw_b64"].map(|name| asked.find(name));
    let text = match given {
        [Some(text), None, None] => tidy(&read::text(text, &line.field("text"))?),
        [None, Some(html), None] => tidy(&text_of_html(&read::text(html, &line.field("html"))?)),
        [None, None, Some(_)] => letter(asked)?.text,
        [None, None, None] => return Err(line.field("text").wrong("required")),
        _ => return Err(line.field("text").wrong("one-of-text-html-raw")),
    };
    let reply = quote::typed(&text);
    put(out, &Reply { reply })
}

#[derive(Serialize)]
struct Class {
    auto: bool,
    bounce: bool,
}

pub fn class(_: &mut Calculator, asked: &Fields<'_>, out: &mut Vec<u8>) -> Outcome {
    asked.only(&["id", "op", "raw_b64"], &Place::LINE)?;
    let letter = letter(asked)?;
    put(
        out,
        &Class {
            auto: letter.wants_no_answer,
            bounce: matches!(letter.nature, Nature::Bounce(_)),
        },
    )
}

#[derive(Serialize)]
struct Groups {
    groups: Vec<usize>,
}

pub fn thread(_: &mut Calculator, asked: &Fields<'_>, out: &mut Vec<u8>) -> Outcome {
    let line = Place::LINE;
    asked.only(&["id", "op", "raw_b64s"], &line)?;
    let place = line.field("raw_b64s");
    let mut threads = Threads::default();
    let mut groups = Vec::new();
    for (at, raw) in read::list(asked.need("raw_b64s", &line)?, &place)?
        .into_iter()
        .enumerate()
    {
        let raw = raw_mail(raw, &place.item(at))?;
        groups.push(threads.place(&mail::read(&raw, None)));
    }
    put(out, &Groups { groups })
}

/// The tickets that a row of mails would make, by their ids alone.
#[derive(Default)]
struct Threads {
    /// Whom each ticket's mails name in From, To and Cc, folded. Tickets count from 1.
    known: Vec<HashSet<String>>,
    /// Message-ID → ticket; `None` where different mails have it, which then says nothing.
    by_id: HashMap<String, Option<usize>>,
    /// Mails that came before, by what two deliveries of one mail have in common.
    seen: HashMap<String, usize>,
}

impl Threads {
    fn place(&mut self, letter: &Letter) -> usize {
        let key = dedupe_key(letter);
        if let Some(ticket) = key.as_ref().and_then(|key| self.seen.get(key)) {
            return *ticket;
        }
        let sender = letter.from.address.as_ref().map(EmailAddress::folded);
        let mut ids = letter
            .in_reply_to
            .iter()
            .chain(letter.references.iter().rev());
        // The first hit decides. Who isn't known to its ticket asks to join, and has a ticket of their own until then.
        let hit = ids.find_map(|id| *self.by_id.get(id)?);
        let ticket = hit
            .filter(|ticket| {
                let known = &self.known[ticket - 1];
                sender.as_ref().is_some_and(|sender| known.contains(sender))
            })
            .unwrap_or_else(|| {
                self.known.push(HashSet::new());
                self.known.len()
            });
        let named = letter.to.iter().chain(&letter.cc).map(EmailAddress::folded);
        self.known[ticket - 1].extend(named.chain(sender));
        if let Some(id) = &letter.message_id {
            self.by_id
                .entry(id.clone())
                .and_modify(|known| *known = known.filter(|known| *known == ticket))
                .or_insert(Some(ticket));
        }
        if let Some(key) = key {
            self.seen.insert(key, ticket);
        }
        ticket
    }
}
