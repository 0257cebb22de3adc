//! Bytes by their SHA-256, in chunks. Written in transactions of their own *before* the one that refers to them, so that a large
//! upload never holds the writer; orphans are swept.

use std::collections::HashSet;

use diesel::prelude::*;
use sha2::{Digest, Sha256};

use super::backend::{Conn, Store, Tx, direct};
use super::schema::after::outage_file;
use super::schema::core::{attachment, blob, blob_chunk, delivery};
use super::schema::mail::mail;
use crate::domain::id::{AttachmentId, Id, TicketId};
use crate::domain::quarantine::Danger;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result, is_unique_violation};

super::column::text_column!(Danger);

/// Bytes per row: small enough that no single row is a burden on either database.
const CHUNK: usize = 256 * 1024;
/// Chunks per transaction: 4 MB, so that others get their turn.
const CHUNKS_AT_ONCE: usize = 16;

/// A SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What stands in the place of redacted bytes or text.
    pub fn tombstone(&self) -> String {
        format!("[redacted, sha256 {}]", self.hex())
    }

    pub fn parse(hex: &str) -> Option<Self> {
        if hex.len() != 64 || !hex.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }

    pub(super) fn from_column(bytes: Vec<u8>) -> Result<Self> {
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| Error::internal("a stored hash is not 32 bytes long"))
    }
}

/// Stores `bytes` durably and returns their hash. Known bytes are not written again.
pub fn put(store: &Store, bytes: &[u8], now: Timestamp) -> Result<Hash> {
    let hash = Hash::of(bytes);
    if store.read(|conn| is_whole(conn, hash, bytes.len()))? {
        return Ok(hash);
    }
    let chunks: Vec<(usize, &[u8])> = bytes.chunks(CHUNK).enumerate().collect();
    let groups = chunks.chunks(CHUNKS_AT_ONCE).collect::<Vec<_>>();
    // Even no bytes at all have a row.
    let groups = if groups.is_empty() {
        vec![&chunks[..]]
    } else {
        groups
    };
    for group in groups {
        let written = store.write(|tx| write_chunks(tx, hash, bytes.len(), group, now));
        match written {
            // Somebody else stores the same bytes at the same moment: theirs are as good.
            Err(error) if is_unique_violation(&error) => {}
            other => other?,
        }
    }
    Ok(hash)
}

/// As [`put`], inside a transaction that is open already: for small bytes such as a letter.
pub fn put_in(tx: &mut Tx, bytes: &[u8], now: Timestamp) -> Result<Hash> {
    let hash = Hash::of(bytes);
    if !is_whole(tx, hash, bytes.len())? {
        let chunks: Vec<(usize, &[u8])> = bytes.chunks(CHUNK).enumerate().collect();
        write_chunks(tx, hash, bytes.len(), &chunks, now)?;
    }
    Ok(hash)
}

fn write_chunks(
    tx: &mut Tx,
    hash: Hash,
    size: usize,
    chunks: &[(usize, &[u8])],
    now: Timestamp,
) -> Result<()> {
    let known: Option<i64> = direct!(tx, |own| blob::table
        .find(hash.0.to_vec())
        .select(blob::size_bytes)
        .get_result(own))
    .optional()?;
    if known.is_some_and(|known| known != size as i64) {
        // Redacted: a tombstone stands there.
        return Ok(());
    }
    if known.is_none() {
        direct!(tx, |own| diesel::insert_into(blob::table)
            .values((
                blob::hash.eq(hash.0.to_vec()),
                blob::size_bytes.eq(size as i64),
                blob::stored_at.eq(now),
            ))
            .execute(own))?;
    }
    for (seq, chunk) in chunks {
        let seq = *seq as i32;
        let there: Option<i32> = direct!(tx, |own| blob_chunk::table
            .find((hash.0.to_vec(), seq))
            .select(blob_chunk::seq)
            .get_result(own))
        .optional()?;
        if there.is_none() {
            direct!(tx, |own| diesel::insert_into(blob_chunk::table)
                .values((
                    blob_chunk::hash.eq(hash.0.to_vec()),
                    blob_chunk::seq.eq(seq),
                    blob_chunk::bytes.eq(chunk.to_vec()),
                ))
                .execute(own))?;
        }
    }
    Ok(())
}

fn is_whole(conn: &mut Conn, hash: Hash, size: usize) -> Result<bool> {
    let known: Option<i64> = blob::table
        .find(hash.0.to_vec())
        .select(blob::size_bytes)
        .get_result(conn)
        .optional()?;
    if known != Some(size as i64) {
        return Ok(false);
    }
    let chunks: i64 = blob_chunk::table
        .filter(blob_chunk::hash.eq(hash.0.to_vec()))
        .count()
        .get_result(conn)?;
    Ok(chunks as usize == size.div_ceil(CHUNK))
}

/// The bytes, or `None` if they are unknown (or were swept).
pub fn get(conn: &mut Conn, hash: Hash) -> Result<Option<Vec<u8>>> {
    let size: Option<i64> = direct!(conn, |own| blob::table
        .find(hash.0.to_vec())
        .select(blob::size_bytes)
        .get_result(own))
    .optional()?;
    let Some(size) = size else { return Ok(None) };
    let chunks: Vec<Vec<u8>> = direct!(conn, |own| blob_chunk::table
        .filter(blob_chunk::hash.eq(hash.0.to_vec()))
        .order(blob_chunk::seq)
        .select(blob_chunk::bytes)
        .load(own))?;
    let bytes = chunks.concat();
    if bytes.len() as i64 != size {
        return Err(Error::internal(format!(
            "blob {} is incomplete",
            hash.hex()
        )));
    }
    Ok(Some(bytes))
}

/// The first bytes, as many as one chunk has: enough for a mail's header block.
pub fn head(conn: &mut Conn, hash: Hash) -> Result<Option<Vec<u8>>> {
    Ok(blob_chunk::table
        .filter(blob_chunk::hash.eq(hash.0.to_vec()))
        .order(blob_chunk::seq)
        .select(blob_chunk::bytes)
        .first(conn)
        .optional()?)
}

/// Removes bytes that were stored before `before` and that nothing has come to refer to: an upload whose change was
/// refused. Looks at `most` from `from` on, in the order of their hashes; how many went.
///
/// They are asked about once more where they go: somebody may have referred to them a moment ago.
pub fn sweep(store: &Store, from: Hash, before: Timestamp, most: i64) -> Result<usize> {
    let unwanted = store.read(|conn| {
        let hashes: Vec<Vec<u8>> = blob::table
            .filter(blob::hash.ge(from.0.to_vec()))
            .filter(blob::stored_at.lt(before))
            .order(blob::hash)
            .limit(most)
            .select(blob::hash)
            .load(conn)?;
        unwanted(conn, hashes)
    })?;
    if unwanted.is_empty() {
        return Ok(0);
    }
    store.write(|tx| {
        let gone = self::unwanted(tx, unwanted.clone())?;
        diesel::delete(blob_chunk::table.filter(blob_chunk::hash.eq_any(gone.clone())))
            .execute(&mut **tx)?;
        diesel::delete(blob::table.filter(blob::hash.eq_any(gone.clone()))).execute(&mut **tx)?;
        Ok(gone.len())
    })
}

/// Those of the hashes that no row refers to.
fn unwanted(conn: &mut Conn, mut hashes: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>> {
    let mut wanted: HashSet<Vec<u8>> = HashSet::new();
    let of_files: Vec<Vec<u8>> = attachment::table
        .filter(attachment::hash.eq_any(hashes.clone()))
        .select(attachment::hash)
        .load(conn)?;
    wanted.extend(of_files);
    let of_mails: Vec<Vec<u8>> = mail::table
        .filter(mail::raw_hash.eq_any(hashes.clone()))
        .select(mail::raw_hash)
        .load(conn)?;
    wanted.extend(of_mails);
    let of_letters: Vec<Option<Vec<u8>>> = delivery::table
        .filter(delivery::frozen_hash.eq_any(hashes.clone()))
        .select(delivery::frozen_hash)
        .load(conn)?;
    wanted.extend(of_letters.into_iter().flatten());
    let of_reports: Vec<Vec<u8>> = outage_file::table
        .filter(outage_file::hash.eq_any(hashes.clone()))
        .select(outage_file::hash)
        .load(conn)?;
    wanted.extend(of_reports);
    hashes.retain(|hash| !wanted.contains(hash));
    Ok(hashes)
}

/// Puts a tombstone in the place of stored bytes, for good: they keep their hash, which is no longer that of what is there, and
/// the same bytes coming again don't bring them back.
pub fn redact(tx: &mut Tx, hash: Hash) -> Result<()> {
    let tombstone = hash.tombstone().into_bytes();
    let known = diesel::update(blob::table.find(hash.0.to_vec()))
        .set(blob::size_bytes.eq(tombstone.len() as i64))
        .execute(&mut **tx)?;
    if known == 0 {
        return Ok(());
    }
    diesel::delete(blob_chunk::table.filter(blob_chunk::hash.eq(hash.0.to_vec())))
        .execute(&mut **tx)?;
    diesel::insert_into(blob_chunk::table)
        .values((
            blob_chunk::hash.eq(hash.0.to_vec()),
            blob_chunk::seq.eq(0),
            blob_chunk::bytes.eq(tombstone),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Whether a tombstone stands where these bytes were.
pub fn is_redacted(conn: &mut Conn, hash: Hash) -> Result<bool> {
    let tombstone = hash.tombstone();
    let size: Option<i64> = blob::table
        .find(hash.0.to_vec())
        .select(blob::size_bytes)
        .get_result(conn)
        .optional()?;
    // Most bytes have another length: nothing is read for them.
    Ok(size == Some(tombstone.len() as i64)
        && get(conn, hash)?.is_some_and(|bytes| bytes == tombstone.as_bytes()))
}

/// What a redacted file is called.
const REDACTED_NAME: &str = "[redacted]";

/// A file on a timeline entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    pub id: AttachmentId,
    pub ticket: TicketId,
    pub entry_seq: i64,
    pub hash: Hash,
    /// As shown; never a path of ours.
    pub name: String,
    /// As the sender claimed it; never believed when served.
    pub media_type: String,
    pub size_bytes: i64,
    /// Its name and its bytes are gone.
    pub redacted_at: Option<Timestamp>,
    /// What it would do when opened, if it came by mail and would do anything.
    pub danger: Option<Danger>,
}

impl Attachment {
    /// Why it is shut away: served to nobody but staff who take it out. What was redacted does nothing any more.
    pub fn quarantined_for(&self) -> Option<Danger> {
        self.danger.filter(|_| self.redacted_at.is_none())
    }
}

/// A file to hang on an entry; its bytes are stored already.
#[derive(Debug, Clone, Copy)]
pub struct NewFile<'a> {
    pub hash: Hash,
    pub name: &'a str,
    pub media_type: &'a str,
    pub size_bytes: i64,
    pub danger: Option<Danger>,
}

type AttachmentRow = (
    AttachmentId,
    TicketId,
    i64,
    Vec<u8>,
    String,
    String,
    i64,
    Option<Timestamp>,
    Option<Danger>,
);

pub fn attach(
    tx: &mut Tx,
    ticket: TicketId,
    entry_seq: i64,
    file: &NewFile<'_>,
    now: Timestamp,
) -> Result<AttachmentId> {
    let id = Id::new(now);
    // The same file may come again after it was redacted, by mail: it stays away.
    let is_redacted = is_redacted(tx, file.hash)?;
    let name = if is_redacted {
        REDACTED_NAME
    } else {
        file.name
    };
    diesel::insert_into(attachment::table)
        .values((
            attachment::id.eq(id),
            attachment::ticket_id.eq(ticket),
            attachment::entry_seq.eq(entry_seq),
            attachment::hash.eq(file.hash.0.to_vec()),
            attachment::name.eq(name),
            attachment::media_type.eq(file.media_type),
            attachment::size_bytes.eq(file.size_bytes),
            attachment::redacted_at.eq(is_redacted.then_some(now)),
            attachment::danger.eq(file.danger),
        ))
        .execute(&mut **tx)?;
    Ok(id)
}

/// Takes name and bytes from a file, for good. Bytes that hang on tickets besides stay for there; the answer is which.
pub fn redact_file(tx: &mut Tx, file: &Attachment, now: Timestamp) -> Result<Vec<TicketId>> {
    diesel::update(attachment::table.find(file.id))
        .set((
            attachment::name.eq(REDACTED_NAME),
            attachment::redacted_at.eq(Some(now)),
        ))
        .execute(&mut **tx)?;
    let mut elsewhere: Vec<TicketId> = attachment::table
        .filter(attachment::hash.eq(file.hash.0.to_vec()))
        .filter(attachment::redacted_at.is_null())
        .select(attachment::ticket_id)
        .load(&mut **tx)?;
    elsewhere.sort_unstable();
    elsewhere.dedup();
    if elsewhere.is_empty() {
        redact(tx, file.hash)?;
    }
    Ok(elsewhere)
}

/// The bytes of a file; a tombstone for one that was redacted, whoever else still has the same bytes.
pub fn of_file(conn: &mut Conn, file: &Attachment) -> Result<Option<Vec<u8>>> {
    match file.redacted_at {
        Some(_) => Ok(Some(file.hash.tombstone().into_bytes())),
        None => get(conn, file.hash),
    }
}

pub fn attachments(conn: &mut Conn, ticket: TicketId) -> Result<Vec<Attachment>> {
    let rows: Vec<AttachmentRow> = direct!(conn, |own| attachment::table
        .filter(attachment::ticket_id.eq(ticket))
        .order((attachment::entry_seq, attachment::id))
        .load(own))?;
    rows.into_iter().map(attachment_of).collect()
}

pub fn attachment(conn: &mut Conn, id: AttachmentId) -> Result<Option<Attachment>> {
    let row: Option<AttachmentRow> = attachment::table.find(id).get_result(conn).optional()?;
    row.map(attachment_of).transpose()
}

fn attachment_of(
    (id, ticket, entry_seq, hash, name, media_type, size_bytes, redacted_at, danger): AttachmentRow,
) -> Result<Attachment> {
    Ok(Attachment {
        id,
        ticket,
        entry_seq,
        hash: Hash::from_column(hash)?,
        name,
        media_type,
        size_bytes,
        redacted_at,
        danger,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::backend::DatabaseUrl;

    #[test]
    fn bytes_come_back_whole_and_are_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&DatabaseUrl::Sqlite(folder.path().join("b.db"))).unwrap();
        crate::store::migrate::up(&store).unwrap();
        let now = Timestamp::from_micros(1);
        for size in [0, 1, CHUNK, CHUNK + 1, CHUNK * (CHUNKS_AT_ONCE + 1)] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let hash = put(&store, &bytes, now).unwrap();
            assert_eq!(put(&store, &bytes, now).unwrap(), hash);
            assert_eq!(
                store.read(|conn| get(conn, hash)).unwrap().as_deref(),
                Some(&bytes[..]),
                "{size}"
            );
        }
        assert_eq!(store.read(|conn| get(conn, Hash([7; 32]))).unwrap(), None);
    }

    #[test]
    fn redacted_bytes_stay_away_even_when_they_come_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&DatabaseUrl::Sqlite(folder.path().join("b.db"))).unwrap();
        crate::store::migrate::up(&store).unwrap();
        let now = Timestamp::from_micros(1);
        for size in [5, CHUNK * 2 + 1] {
            let bytes = vec![b'x'; size];
            let hash = put(&store, &bytes, now).unwrap();
            store.write(|tx| redact(tx, hash)).unwrap();
            assert_eq!(put(&store, &bytes, now).unwrap(), hash);
            let kept = store.read(|conn| get(conn, hash)).unwrap().unwrap();
            assert_eq!(String::from_utf8(kept).unwrap(), hash.tombstone());
            assert!(store.read(|conn| is_redacted(conn, hash)).unwrap());
        }
        // As long as a tombstone, and none.
        let alike = vec![b'y'; Hash::of(b"").tombstone().len()];
        let hash = put(&store, &alike, now).unwrap();
        assert!(!store.read(|conn| is_redacted(conn, hash)).unwrap());
    }
}
