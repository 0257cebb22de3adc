//! How far a redaction reaches beyond an entry's own text: the mail that brought it, titles, letters that were sent.

use diesel::prelude::*;

use super::Tx;
use super::blob::Hash;
use super::schema::core::{delivery, entry};
use super::schema::mail::mail;
use super::timeline::{facts_json, facts_of};
use crate::domain::id::{EntryId, MailId, TicketId};
use crate::domain::timeline::EntryKind;
use crate::error::Result;

/// Takes the subjects of the mails that made an entry, and of their copies; the hashes of their bytes.
pub fn mails_of_entry(tx: &mut Tx, ticket: TicketId, seq: i64) -> Result<Vec<Hash>> {
    let columns = (mail::id, mail::subject, mail::raw_hash);
    let mut all: Vec<(MailId, String, Vec<u8>)> = mail::table
        .filter(mail::ticket_id.eq(ticket))
        .filter(mail::entry_seq.eq(seq))
        .select(columns)
        .load(&mut **tx)?;
    let made: Vec<MailId> = all.iter().map(|(id, _, _)| *id).collect();
    let copies: Vec<(MailId, String, Vec<u8>)> = mail::table
        .filter(mail::ticket_id.eq(ticket))
        .filter(mail::duplicate_of.eq_any(made))
        .select(columns)
        .load(&mut **tx)?;
    all.extend(copies);
    let mut raw = Vec::with_capacity(all.len());
    for (id, subject, hash) in all {
        let tombstone = buried(&subject);
        diesel::update(mail::table.find(id))
            .set(mail::subject.eq(tombstone))
            .execute(&mut **tx)?;
        raw.push(Hash::from_column(hash)?);
    }
    Ok(raw)
}

/// Takes what the ticket was called before from the entries that say so; `title` is what it is called now. What it was called.
pub fn former_titles(tx: &mut Tx, ticket: TicketId, title: &str) -> Result<Vec<String>> {
    let named: Vec<(EntryId, String)> = entry::table
        .filter(entry::ticket_id.eq(ticket))
        .filter(entry::kind.eq(EntryKind::TitleChanged))
        .select((entry::id, entry::facts))
        .load(&mut **tx)?;
    let mut titles = Vec::new();
    for (id, facts) in named {
        let mut facts = facts_of(&facts);
        for name in ["from", "to"] {
            let former = facts.get(name).unwrap_or_default().to_owned();
            let tombstone = buried(&former);
            if former != title && former != tombstone {
                facts.set(name, tombstone);
                titles.push(former);
            }
        }
        diesel::update(entry::table.find(id))
            .set(entry::facts.eq(facts_json(&facts)))
            .execute(&mut **tx)?;
    }
    Ok(titles)
}

/// The bytes of letters about a ticket that were frozen and have left, each once.
pub fn sent_bytes(tx: &mut Tx, ticket: TicketId) -> Result<Vec<Hash>> {
    let hashes: Vec<Option<Vec<u8>>> = delivery::table
        .filter(delivery::ticket_id.eq(ticket))
        .filter(delivery::settled_at.is_not_null())
        .filter(delivery::frozen_hash.is_not_null())
        .select(delivery::frozen_hash)
        .distinct()
        .load(&mut **tx)?;
    hashes
        .into_iter()
        .flatten()
        .map(Hash::from_column)
        .collect()
}

/// Writes the names of files on an entry anew.
pub fn file_names(tx: &mut Tx, id: EntryId, names: &str) -> Result<()> {
    let facts: String = entry::table
        .find(id)
        .select(entry::facts)
        .get_result(&mut **tx)?;
    let mut facts = facts_of(&facts);
    if facts.get("files").is_some() {
        facts.set("files", names);
        diesel::update(entry::table.find(id))
            .set(entry::facts.eq(facts_json(&facts)))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// A text's tombstone. An empty text and a tombstone stay what they are.
fn buried(text: &str) -> String {
    let hash = Hash::of(text.as_bytes());
    let is_tombstone =
        text.len() == hash.tombstone().len() && text.starts_with("[redacted, sha256 ");
    if text.is_empty() || is_tombstone {
        text.to_owned()
    } else {
        hash.tombstone()
    }
}
