//! What must not stay: an entry's text, files that hang on it, a title. Each is replaced by a tombstone that keeps its hash, on the
//! timeline, in the index, in the mail that brought it and in the letter that carried it out; that somebody did is an entry of
//! its own.
//!
//! What people wrote elsewhere from it (a post-mortem, a report, another ticket) is another text, and is edited there.

use super::record;
use super::ticket::{change, written};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::id::{AttachmentId, Kind, TicketId, TicketKey};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::text::Title;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Entry, EntryKind};
use crate::error::{Error, Result};
use crate::store::blob::{self, Attachment, Hash};
use crate::store::timeline::Recorded;
use crate::store::{self, Tx};

/// What must go from an entry. If a mail brought the entry, the mail goes as a whole, whatever of it is named here.
#[derive(Debug, Clone)]
pub struct Redaction {
    pub why: String,
    pub text: bool,
    /// Of the files on the entry.
    pub files: Vec<AttachmentId>,
    /// The ticket is called so from now on, and never was called anything else. The same title again takes former ones only.
    pub title: Option<Title>,
}

pub fn redact(ctx: &Ctx<'_>, key: TicketKey, seq: i64, asked: &Redaction) -> Result<Ticket> {
    let why = written("why", &asked.why)?;
    change(ctx, key, None, Action::Redact, |tx, ticket| {
        let entry = store::timeline::by_seq(tx, ticket.id, seq)?.ok_or(Error::NotFound)?;
        let mut hung = blob::attachments(tx, ticket.id)?;
        hung.retain(|file| file.entry_seq == seq);
        let files = chosen(&hung, &asked.files)?;
        let has_text = entry.redacted_at.is_none() && !entry.body.is_empty();
        if files.is_empty() && asked.title.is_none() && !(asked.text && has_text) {
            let rule = match asked.text && entry.redacted_at.is_some() {
                true => "already-redacted",
                false => "nothing-to-redact",
            };
            return Err(Refusal::new(rule).into());
        }
        let mut done = Entry::new(EntryKind::Redacted)
            .fact("entry", seq)
            .body(&why);
        if asked.text && has_text {
            let sent = Hash::of(entry.body.as_bytes());
            bury_text(tx, ctx, ticket, &entry, sent)?;
            done = done.fact("sha256", sent.hex());
        }
        let raw = store::redact::mails_of_entry(tx, ticket.id, seq)?;
        for raw in &raw {
            blob::redact(tx, *raw)?;
        }
        // Where a mail couldn't be read whole, it hangs on the entry itself.
        let whole_mails = hung.iter().filter(|file| raw.contains(&file.hash));
        let all = whole_mails.chain(files.iter().copied());
        let mut also_on = bury_files(tx, ctx, ticket, &entry, &hung, all)?;
        let besides = store::mail_twin::other_tickets(tx, ticket.id, seq)?;
        also_on.extend(keys_of(tx, &besides)?);
        also_on.sort_unstable();
        also_on.dedup();
        if !files.is_empty() {
            done = done.fact("files", files.len());
        }
        if !also_on.is_empty() {
            done = done.fact("also_on", also_on.join(", "));
        }
        if let Some(title) = &asked.title {
            let former = bury_title(tx, ctx, ticket, title)?;
            done = done.fact("title_sha256", former.hex());
        }
        // The ticket's documents are made anew from what is left.
        store::search::reindex(tx, ticket)?;
        Ok(vec![done])
    })
}

/// The files that were named; each has to hang on the entry, and to be there still.
fn chosen<'a>(hung: &'a [Attachment], asked: &[AttachmentId]) -> Result<Vec<&'a Attachment>> {
    let mut files: Vec<&Attachment> = Vec::new();
    for id in asked {
        let file = hung.iter().find(|file| file.id == *id);
        match file.filter(|file| file.redacted_at.is_none()) {
            Some(file) if !files.contains(&file) => files.push(file),
            Some(_) => {}
            None => {
                return Err(FieldError::new("files", "no-such-file")
                    .with("value", id.to_string())
                    .into());
            }
        }
    }
    Ok(files)
}

fn bury_text(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    entry: &Recorded,
    sent: Hash,
) -> Result<()> {
    if store::outbox::is_frozen_as(tx, ticket.id, entry.seq, sent)? {
        blob::redact(tx, sent)?;
    }
    store::timeline::redact(tx, ticket.id, entry.seq, &sent.tombstone(), ctx.now)
}

/// The keys of tickets where the same bytes still hang: they are redacted there, by who knows what they mean there.
fn bury_files<'a>(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    entry: &Recorded,
    hung: &[Attachment],
    files: impl Iterator<Item = &'a Attachment>,
) -> Result<Vec<String>> {
    let (mut gone, mut elsewhere) = (Vec::new(), Vec::new());
    for file in files {
        gone.push(file.id);
        elsewhere.extend(blob::redact_file(tx, file, ctx.now)?);
    }
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let now_on = blob::attachments(tx, ticket.id)?;
    let names = now_on
        .iter()
        .filter(|file| hung.iter().any(|before| before.id == file.id))
        .map(|file| file.name.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    store::redact::file_names(tx, entry.id, &names)?;
    keys_of(tx, &elsewhere)
}

fn keys_of(tx: &mut Tx, tickets: &[TicketId]) -> Result<Vec<String>> {
    let found = store::ticket::by_ids(tx, tickets)?;
    Ok(found.iter().map(|other| other.key.to_string()).collect())
}

/// Gives the ticket another title, and its post-mortem, whose title repeats it; the hash of the former one.
fn bury_title(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &mut Ticket, title: &Title) -> Result<Hash> {
    let (hash, former) = retitle(tx, ticket, title)?;
    if ticket.key.kind != Kind::Incident {
        return Ok(hash);
    }
    let Some(known) = store::postmortem::of_incident(tx, ticket.id)? else {
        return Ok(hash);
    };
    let mut pm = store::ticket::by_id(tx, known.ticket_id)?.ok_or(Error::NotFound)?;
    let repeated = former
        .iter()
        .find(|former| pm.title.as_str().contains(former.as_str()));
    if let Some(repeated) = repeated {
        let anew = pm.title.as_str().replace(repeated.as_str(), title.as_str());
        let anew = Title::from_foreign(&anew, title.as_str());
        let (of_pm, _) = retitle(tx, &mut pm, &anew)?;
        store::search::reindex(tx, &pm)?;
        let done = Entry::new(EntryKind::Redacted)
            .fact("title_sha256", of_pm.hex())
            .fact("cause", ticket.key);
        record(tx, ctx, &mut pm, vec![done])?;
    }
    Ok(hash)
}

/// Gives it another title and takes the former ones from its timeline, and from letters that went out under them: the hash of the
/// last, and all of them, longest first.
fn retitle(tx: &mut Tx, ticket: &mut Ticket, title: &Title) -> Result<(Hash, Vec<String>)> {
    let last = std::mem::replace(&mut ticket.title, title.clone());
    let mut former = store::redact::former_titles(tx, ticket.id, title.as_str())?;
    if last != *title {
        former.push(last.to_string());
    }
    store::approval::retitle(tx, ticket.id, title.as_str())?;
    former.sort_by_key(|former| std::cmp::Reverse(former.len()));
    former.dedup();
    for sent in store::redact::sent_bytes(tx, ticket.id)? {
        let bytes = blob::get(tx, sent)?.unwrap_or_default();
        if former.iter().any(|former| carries(&bytes, former)) {
            blob::redact(tx, sent)?;
        }
    }
    Ok((Hash::of(last.as_str().as_bytes()), former))
}

/// Whether a letter says so. Calendars fold their lines and escape commas.
fn carries(bytes: &[u8], text: &str) -> bool {
    let letter = String::from_utf8_lossy(bytes).replace("\r\n ", "");
    letter.contains(text) || letter.replace('\\', "").contains(&text.replace('\\', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folded_and_escaped_title_is_found() {
        let calendar = b"SUMMARY:Post-mortem: DB mas\r\n ter down\\, again\r\n";
        assert!(carries(calendar, "DB master down, again"));
        assert!(!carries(calendar, "DB master up"));
    }
}
