//! Mail that came in: the raw mail's row, its verdict, the blocked.

use diesel::prelude::*;

use super::backend::{Conn, MultiBackend, Tx, direct};
use super::blob::Hash;
use super::column::text_column;
use super::fixed::{fixed_update, in_fours};
use super::schema::core::delivery;
use super::schema::mail::{blocked_sender, mail};
use super::timeline::{facts_json, facts_of};
use crate::domain::delivery::DeliveryKind;
use crate::domain::id::{DeliveryId, Id, MailId, PersonId, TicketId};
use crate::domain::intake::{HeldFor, MailState, Verdict, Way};
use crate::domain::timeline::Facts;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

text_column!(Way, MailState, Verdict, HeldFor);

/// A mail as it stands in the ledger; its bytes lie under `raw`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMail {
    pub id: MailId,
    pub received_at: Timestamp,
    pub way: Way,
    /// `Some("")`: the null return path.
    pub envelope_from: Option<String>,
    pub envelope_to: Vec<String>,
    pub raw: Hash,
    pub size_bytes: i64,
    pub state: MailState,
    pub verdict: Option<Verdict>,
    pub held_for: Option<HeldFor>,
    pub detail: String,
    pub ticket: Option<TicketId>,
    pub entry_seq: Option<i64>,
    pub duplicate_of: Option<MailId>,
    pub message_id: Option<String>,
    pub dedupe_key: Option<String>,
    pub from_shown: String,
    /// Folded.
    pub from_address: Option<String>,
    pub subject: String,
    pub attempts: i32,
    pub settled_at: Option<Timestamp>,
    /// What decided: see `actions::intake_why`.
    pub because: Facts,
    /// While it asks to join a ticket: until when somebody decides.
    pub join_due_at: Option<Timestamp>,
    /// When whoever has the ticket is warned of that; unset once they were.
    pub join_warn_at: Option<Timestamp>,
    /// Held without a word: another one of the same block was shown that day.
    pub is_quiet: bool,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = mail, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(super) struct Row {
    id: MailId,
    received_at: Timestamp,
    way: Way,
    envelope_from: Option<String>,
    envelope_to: String,
    raw_hash: Vec<u8>,
    size_bytes: i64,
    state: MailState,
    verdict: Option<Verdict>,
    held_for: Option<HeldFor>,
    detail: String,
    ticket_id: Option<TicketId>,
    entry_seq: Option<i64>,
    duplicate_of: Option<MailId>,
    message_id: Option<String>,
    dedupe_key: Option<String>,
    from_shown: String,
    from_address: Option<String>,
    subject: String,
    attempts: i32,
    settled_at: Option<Timestamp>,
    because: String,
    join_due_at: Option<Timestamp>,
    join_warn_at: Option<Timestamp>,
    is_quiet: bool,
}

impl Row {
    fn of(value: &StoredMail) -> Self {
        Row {
            id: value.id,
            received_at: value.received_at,
            way: value.way,
            envelope_from: value.envelope_from.clone(),
            envelope_to: serde_json::Value::from(value.envelope_to.clone()).to_string(),
            raw_hash: value.raw.0.to_vec(),
            size_bytes: value.size_bytes,
            state: value.state,
            verdict: value.verdict,
            held_for: value.held_for,
            detail: value.detail.clone(),
            ticket_id: value.ticket,
            entry_seq: value.entry_seq,
            duplicate_of: value.duplicate_of,
            message_id: value.message_id.clone(),
            dedupe_key: value.dedupe_key.clone(),
            from_shown: value.from_shown.clone(),
            from_address: value.from_address.clone(),
            subject: value.subject.clone(),
            attempts: value.attempts,
            settled_at: value.settled_at,
            because: facts_json(&value.because),
            join_due_at: value.join_due_at,
            join_warn_at: value.join_warn_at,
            is_quiet: value.is_quiet,
        }
    }

    fn mail(self) -> Result<StoredMail> {
        let envelope_to = serde_json::from_str(&self.envelope_to)
            .map_err(|error| Error::internal(format!("recipients of mail {}: {error}", self.id)))?;
        Ok(StoredMail {
            id: self.id,
            received_at: self.received_at,
            way: self.way,
            envelope_from: self.envelope_from,
            envelope_to,
            raw: Hash::from_column(self.raw_hash)?,
            size_bytes: self.size_bytes,
            state: self.state,
            verdict: self.verdict,
            held_for: self.held_for,
            detail: self.detail,
            ticket: self.ticket_id,
            entry_seq: self.entry_seq,
            duplicate_of: self.duplicate_of,
            message_id: self.message_id,
            dedupe_key: self.dedupe_key,
            from_shown: self.from_shown,
            from_address: self.from_address,
            subject: self.subject,
            attempts: self.attempts,
            settled_at: self.settled_at,
            because: facts_of(&self.because),
            join_due_at: self.join_due_at,
            join_warn_at: self.join_warn_at,
            is_quiet: self.is_quiet,
        })
    }
}

pub(super) fn mails(rows: Vec<Row>) -> Result<Vec<StoredMail>> {
    rows.into_iter().map(Row::mail).collect()
}

pub fn insert(tx: &mut Tx, value: &StoredMail) -> Result<()> {
    direct!(tx, |own| diesel::insert_into(mail::table)
        .values(Row::of(value))
        .execute(own))?;
    Ok(())
}

pub fn by_id(conn: &mut Conn, id: MailId) -> Result<Option<StoredMail>> {
    let row: Option<Row> = direct!(conn, |own| mail::table
        .find(id)
        .select(Row::as_select())
        .get_result(own))
    .optional()?;
    row.map(Row::mail).transpose()
}

/// The oldest mails that nobody has looked at.
pub fn waiting(conn: &mut Conn, most: i64) -> Result<Vec<StoredMail>> {
    mails(
        mail::table
            .filter(mail::state.eq(MailState::Waiting))
            .order((mail::received_at, mail::id))
            .limit(most)
            .select(Row::as_select())
            .load(conn)?,
    )
}

/// How many wait, and since when.
pub fn backlog(conn: &mut Conn) -> Result<(i64, Option<Timestamp>)> {
    let waiting = mail::table.filter(mail::state.eq(MailState::Waiting));
    let count = waiting.count().get_result(conn)?;
    let oldest = waiting
        .order((mail::received_at, mail::id))
        .select(mail::received_at)
        .first(conn)
        .optional()?;
    Ok((count, oldest))
}

/// Makes this transaction the one that decides about the mail; no if another one already has.
pub fn claim(tx: &mut Tx, id: MailId, state: MailState) -> Result<bool> {
    let others = MailState::ALL.iter().filter(|other| **other != state);
    let mut others = others.copied();
    let (one, two) = (others.next().unwrap_or(state), others.next());
    // "Not in another state" is planned once: SQLite looks at each value that is held against a partial index's.
    let ours = mail::id
        .eq(id)
        .and(mail::state.ne(one))
        .and(mail::state.ne(two.unwrap_or(one)));
    let claimed = fixed_update(mail::table, ours, mail::attempts.eq(mail::attempts + 1));
    Ok(direct!(tx, |own| claimed.execute(own))? == 1)
}

/// Writes what was found out and decided.
pub fn update(tx: &mut Tx, value: &StoredMail) -> Result<()> {
    let statement = fixed_update(mail::table, mail::id.eq(value.id), Row::of(value));
    direct!(tx, |own| statement.execute(own))?;
    Ok(())
}

pub fn by_key(conn: &mut Conn, key: &str) -> Result<Option<MailId>> {
    Ok(direct!(conn, |own| mail::table
        .filter(mail::dedupe_key.eq(key))
        .select(mail::id)
        .get_result(own))
    .optional()?)
}

/// An earlier mail with equal bytes that came after `since`.
pub fn by_raw(conn: &mut Conn, raw: Hash, but: MailId, since: Timestamp) -> Result<Option<MailId>> {
    Ok(mail::table
        .filter(mail::raw_hash.eq(raw.0.to_vec()))
        .filter(mail::received_at.ge(since))
        .filter(mail::id.ne(but))
        .filter(mail::state.eq(MailState::Settled))
        .filter(mail::verdict.ne(Verdict::Duplicate))
        .order((mail::received_at, mail::id))
        .select(mail::id)
        .first(conn)
        .optional()?)
}

/// Whether these bytes arrived at that instant.
pub fn has_arrived(conn: &mut Conn, raw: Hash, at: Timestamp) -> Result<bool> {
    let there = mail::table
        .filter(mail::raw_hash.eq(raw.0.to_vec()))
        .filter(mail::received_at.eq(at));
    Ok(diesel::select(diesel::dsl::exists(there)).get_result(conn)?)
}

/// The tickets that mails with this Message-ID landed on, each once: two of them mean that the id says nothing.
pub fn tickets_of_message(conn: &mut Conn, message_id: &str) -> Result<Vec<TicketId>> {
    let rows: Vec<Option<TicketId>> = direct!(conn, |own| mail::table
        .filter(mail::message_id.eq(message_id))
        .filter(mail::ticket_id.is_not_null())
        .filter(mail::verdict.eq_any([Verdict::Opened, Verdict::Appended]))
        // A copy that opened a ticket besides says nothing of where the thread goes on.
        .filter(mail::duplicate_of.is_null())
        .select(mail::ticket_id)
        .distinct()
        .limit(2)
        .load(own))?;
    Ok(rows.into_iter().flatten().collect())
}

/// Who wrote to a ticket or asks to join it: folded addresses, at most ten.
pub fn senders_of_ticket(conn: &mut Conn, ticket: TicketId) -> Result<Vec<String>> {
    let rows: Vec<Option<String>> = mail::table
        .filter(mail::ticket_id.eq(ticket))
        .filter(mail::from_address.is_not_null())
        .select(mail::from_address)
        .distinct()
        .order(mail::from_address)
        .limit(10)
        .load(conn)?;
    Ok(rows.into_iter().flatten().collect())
}

/// Whose mails count, by folded addresses.
#[derive(Debug)]
pub enum Writers {
    Only(Vec<String>),
    AllBut(Vec<String>),
}

/// Mails that stand on the ticket and have an id.
fn threaded(ticket: TicketId, writers: &Writers) -> mail::BoxedQuery<'_, MultiBackend> {
    let query = mail::table
        .filter(mail::ticket_id.eq(ticket))
        .filter(mail::message_id.is_not_null())
        .filter(mail::verdict.eq_any([Verdict::Opened, Verdict::Appended]))
        .into_boxed();
    match writers {
        Writers::Only(writers) => query.filter(mail::from_address.eq_any(writers)),
        Writers::AllBut(others) if others.is_empty() => query,
        Writers::AllBut(others) => query.filter(
            mail::from_address
                .is_null()
                .or(mail::from_address.ne_all(others)),
        ),
    }
}

/// The mail that opened the ticket or came last to it, for threading our answer: its bytes and its Message-ID.
pub fn last_mail(
    conn: &mut Conn,
    ticket: TicketId,
    writers: &Writers,
) -> Result<Option<(Hash, String)>> {
    let found: Option<(Vec<u8>, Option<String>)> = threaded(ticket, writers)
        .order((mail::received_at.desc(), mail::id.desc()))
        .select((mail::raw_hash, mail::message_id))
        .first(conn)
        .optional()?;
    match found {
        Some((raw, Some(id))) => Ok(Some((Hash::from_column(raw)?, id))),
        _ => Ok(None),
    }
}

/// The thread's first Message-ID: kept in References for ever, since relays cut the middle.
pub fn first_message_id(
    conn: &mut Conn,
    ticket: TicketId,
    writers: &Writers,
) -> Result<Option<String>> {
    let found: Option<Option<String>> = threaded(ticket, writers)
        .order((mail::received_at, mail::id))
        .select(mail::message_id)
        .first(conn)
        .optional()?;
    Ok(found.flatten())
}

/// How many mails with this subject the address has sent since.
pub fn same_subject_since(
    conn: &mut Conn,
    address: &str,
    subject: &str,
    since: Timestamp,
) -> Result<i64> {
    Ok(direct!(conn, |own| mail::table
        .filter(mail::from_address.eq(address))
        .filter(mail::received_at.ge(since))
        .filter(mail::subject.eq(subject))
        // Settled, said so that SQLite plans it once: it looks at each value that is held against a partial index's.
        .filter(mail::state.ne(MailState::Waiting))
        .filter(mail::state.ne(MailState::Held))
        .count()
        .get_result(own))?)
}

/// How many automatic answers were queued for the address since.
pub fn answers_since(conn: &mut Conn, address: &str, since: Timestamp) -> Result<i64> {
    Ok(direct!(conn, |own| delivery::table
        .filter(delivery::address.eq(address))
        .filter(delivery::queued_at.ge(since))
        .filter(delivery::kind.eq(DeliveryKind::AutoAnswer))
        .count()
        .get_result(own))?)
}

/// A letter of ours: which delivery, what for, about which ticket and entry.
pub type OwnLetter = (DeliveryId, DeliveryKind, Option<TicketId>, Option<i64>);

/// Our own mail by its Message-ID.
pub fn delivery_by_message(conn: &mut Conn, message_id: &str) -> Result<Option<OwnLetter>> {
    Ok(delivery::table
        .filter(delivery::message_id.eq(message_id))
        .select((
            delivery::id,
            delivery::kind,
            delivery::ticket_id,
            delivery::entry_seq,
        ))
        .first(conn)
        .optional()?)
}

/// What the ledger's page asks for.
#[derive(Debug, Clone, Default)]
pub struct LedgerFilter {
    pub verdict: Option<Verdict>,
    pub state: Option<MailState>,
    /// A folded address.
    pub sender: Option<String>,
}

/// One page of the ledger, newest first; `before` is the last line of the page above.
pub fn ledger(
    conn: &mut Conn,
    filter: &LedgerFilter,
    before: Option<(Timestamp, MailId)>,
    most: i64,
) -> Result<Vec<StoredMail>> {
    let mut query = mail::table
        .order((mail::received_at.desc(), mail::id.desc()))
        .limit(most)
        .select(Row::as_select())
        .into_boxed();
    if let Some(verdict) = filter.verdict {
        query = query.filter(mail::verdict.eq(verdict));
    }
    if let Some(state) = filter.state {
        query = query.filter(mail::state.eq(state));
    }
    if let Some(sender) = &filter.sender {
        query = query.filter(mail::from_address.eq(sender.clone()));
    }
    if let Some((at, id)) = before {
        query = query.filter(
            mail::received_at
                .le(at)
                .and(mail::received_at.lt(at).or(mail::id.lt(id))),
        );
    }
    mails(query.load(conn)?)
}

/// Somebody whose mail is held unread.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Blocked {
    pub pattern: String,
    pub reason: String,
    pub blocked_at: Timestamp,
    pub blocked_by: Option<PersonId>,
}

pub fn blocked(conn: &mut Conn) -> Result<Vec<Blocked>> {
    Ok(blocked_sender::table
        .order(blocked_sender::blocked_at.desc())
        .load(conn)?)
}

/// The first of these patterns that is blocked.
pub fn find_block(conn: &mut Conn, patterns: &[String]) -> Result<Option<String>> {
    for four in in_fours(patterns) {
        let [one, two, three, four] = four;
        let is_one = blocked_sender::pattern
            .eq(one)
            .or(blocked_sender::pattern.eq(two))
            .or(blocked_sender::pattern.eq(three))
            .or(blocked_sender::pattern.eq(four));
        let found: Vec<String> = direct!(conn, |own| blocked_sender::table
            .filter(is_one)
            .select(blocked_sender::pattern)
            .load(own))?;
        if let Some(found) = found.into_iter().next() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Blocks; whether it was news.
pub fn block(tx: &mut Tx, new: &Blocked) -> Result<bool> {
    if find_block(tx, std::slice::from_ref(&new.pattern))?.is_some() {
        return Ok(false);
    }
    diesel::insert_into(blocked_sender::table)
        .values((
            blocked_sender::pattern.eq(&new.pattern),
            blocked_sender::reason.eq(&new.reason),
            blocked_sender::blocked_at.eq(new.blocked_at),
            blocked_sender::blocked_by.eq(new.blocked_by),
        ))
        .execute(&mut **tx)?;
    Ok(true)
}

pub fn unblock(tx: &mut Tx, pattern: &str) -> Result<bool> {
    Ok(diesel::delete(blocked_sender::table.find(pattern)).execute(&mut **tx)? > 0)
}

/// A new row for a mail that was just taken in.
pub fn arrived(
    way: Way,
    envelope_from: Option<&str>,
    envelope_to: &[String],
    raw: Hash,
    size: usize,
    now: Timestamp,
) -> StoredMail {
    StoredMail {
        id: Id::new(now),
        received_at: now,
        way,
        envelope_from: envelope_from.map(str::to_owned),
        envelope_to: envelope_to.to_vec(),
        raw,
        size_bytes: size as i64,
        state: MailState::Waiting,
        verdict: None,
        held_for: None,
        detail: String::new(),
        ticket: None,
        entry_seq: None,
        duplicate_of: None,
        message_id: None,
        dedupe_key: None,
        from_shown: String::new(),
        from_address: None,
        subject: String::new(),
        attempts: 0,
        settled_at: None,
        because: Facts::new(),
        join_due_at: None,
        join_warn_at: None,
        is_quiet: false,
    }
}
