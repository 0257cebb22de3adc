//! Mail that came in and messages that went out, with their fate.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::files::Download;
use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{self, Page};
use super::value::{
    At, AttemptOutcomeWord, Bytes, ChannelWord, Closed, ContactUid, DeliveryKindWord,
    DeliveryStateWord, DeliveryUid, Facts, MailUid, Number, PageUid, PersonUid, TicketUid, Uid,
    Word, Words,
};
use crate::actions::{self, intake, outbox};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::delivery::DeliveryState;
use crate::domain::id::{DeliveryId, Id, MailId};
use crate::domain::intake::{MailState, Verdict};
use crate::domain::letter::Letter;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store;
use crate::store::intake::{LedgerFilter, StoredMail};

impl Closed for MailState {
    const NAME: &'static str = "MailState";
    const WORDS: &'static [Self] = MailState::ALL;
}
impl Closed for Verdict {
    const NAME: &'static str = "MailVerdict";
    const WORDS: &'static [Self] = Verdict::ALL;
}
type MailStateWord = Word<MailState>;
type VerdictWord = Word<Verdict>;

/// `instant_id` of the last line of the page before.
pub(super) fn place<M>(text: Option<&str>) -> Result<Option<(Timestamp, Id<M>)>> {
    let Some(text) = text else { return Ok(None) };
    let read = || {
        let (at, id) = text.split_once('_')?;
        Some((Timestamp::from_micros(at.parse().ok()?), Id::parse(id)?))
    };
    match read() {
        Some(place) => Ok(Some(place)),
        None => Err(paging::bad_cursor().into()),
    }
}

pub(super) fn place_text<M>(at: Timestamp, id: Id<M>) -> String {
    format!("{}_{}", at.micros(), id.uuid().simple())
}

/// A page of lines that were read with one more than was asked for.
pub(super) fn page_of<T, U>(
    mut lines: Vec<T>,
    limit: i64,
    place: impl Fn(&T) -> String,
    show: impl Fn(T) -> U,
) -> Page<U> {
    let has_more = lines.len() as i64 > limit;
    lines.truncate(limit as usize);
    Page {
        next: lines.last().filter(|_| has_more).map(place),
        items: lines.into_iter().map(show).collect(),
    }
}

/// A mail that came in. Its bytes are kept as they came.
#[derive(Debug, Serialize, ToSchema)]
pub struct Mail {
    pub id: MailUid,
    pub received_at: At,
    /// `smtp`, `lmtp`, `pipe`, `imap` or `maildir`.
    pub way: &'static str,
    pub state: MailStateWord,
    /// What became of it.
    pub verdict: Option<VerdictWord>,
    /// Why it waits for a person.
    pub held_for: Option<&'static str>,
    pub detail: String,
    /// What decided, by name: `route`, `proof`, `clue`, `pointer`, `key`, `standing`, `forged`, `taken_in_by`, `charset`.
    pub because: Facts,
    /// The mail that this one is a copy of; where it opened a ticket all the same, its address asks for one of its own.
    pub copy_of_id: Option<MailUid>,
    /// While it asks to join its ticket: until when somebody decides. Unanswered, it becomes a ticket of its own then.
    pub decide_until: Option<At>,
    pub ticket_id: Option<TicketUid>,
    pub entry_seq: Option<i64>,
    pub message_id: Option<String>,
    pub from_shown: String,
    pub subject: String,
    pub size_bytes: i64,
    pub settled_at: Option<At>,
}

impl Mail {
    fn of(of: StoredMail) -> Self {
        Self {
            id: Uid(of.id),
            received_at: At(of.received_at),
            way: of.way.as_str(),
            state: Word(of.state),
            verdict: of.verdict.map(Word),
            held_for: of.held_for.map(|why| why.as_str()),
            detail: of.detail,
            because: Facts(of.because),
            copy_of_id: of.duplicate_of.map(Uid),
            decide_until: of.join_due_at.map(At),
            ticket_id: of.ticket.map(Uid),
            entry_seq: of.entry_seq,
            message_id: of.message_id,
            from_shown: of.from_shown,
            subject: of.subject,
            size_bytes: of.size_bytes,
            settled_at: of.settled_at.map(At),
        }
    }
}

/// Which mail.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MailAsked {
    #[param(value_type = Option<String>)]
    state: Option<MailStateWord>,
    #[param(value_type = Option<String>)]
    verdict: Option<VerdictWord>,
    /// A mail address.
    sender: Option<String>,
    /// Items of the page, 1 to 200; 50 by default.
    #[param(value_type = Option<i64>)]
    limit: Option<Number>,
    /// `next` of the page before.
    after: Option<String>,
}

/// List mail that came in
///
/// Newest first.
#[utoipa::path(get, path = "/api/v1/mail", tag = "mail", params(MailAsked), responses((status = 200, description = "A page", body = Page<Mail>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let asked: MailAsked = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadMail, Target::House)?;
        let limit = paging::limit(asked.limit)?;
        let before = place(asked.after.as_deref())?;
        let filter = LedgerFilter {
            verdict: asked.verdict.map(|word| word.0),
            state: asked.state.map(|word| word.0),
            sender: asked.sender.as_ref().map(|text| text.to_lowercase()),
        };
        let lines = ctx.read(|conn| store::intake::ledger(conn, &filter, before, limit + 1))?;
        let place = |mail: &StoredMail| place_text(mail.received_at, mail.id);
        Answer::ok(&page_of(lines, limit, place, Mail::of))
    })
    .await
}

/// Read a mail's fate
#[utoipa::path(get, path = "/api/v1/mail/{id}", tag = "mail", responses((status = 200, description = "The mail", body = Mail)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let id: MailId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadMail, Target::House)?;
        let found = ctx.read(|conn| store::intake::by_id(conn, id))?;
        Answer::ok(&Mail::of(found.ok_or(Error::NotFound)?))
    })
    .await
}

/// Download a mail as it came
///
/// Byte for byte: its signatures still verify.
#[utoipa::path(get, path = "/api/v1/mail/{id}/raw", tag = "mail", responses((status = 200, description = "The mail", body = Bytes, content_type = "message/rfc822")))]
pub async fn raw(call: Call<Nothing>) -> Reply {
    let id: MailId = call.id("id")?;
    call.send(move |ctx| {
        actions::allow(&ctx.by, Action::ReadMail, Target::House)?;
        let (_, bytes) = stored(ctx, id)?;
        Ok(Download {
            name: "mail.eml".to_owned(),
            media_type: "message/rfc822",
            bytes,
        })
    })
    .await
}

/// A mail and its bytes.
fn stored(ctx: &Ctx<'_>, id: MailId) -> Result<(StoredMail, Vec<u8>)> {
    ctx.read(|conn| {
        let mail = store::intake::by_id(conn, id)?.ok_or(Error::NotFound)?;
        let raw = store::blob::get(conn, mail.raw)?.ok_or(Error::NotFound)?;
        Ok((mail, raw))
    })
}

/// Let a held mail go
///
/// It stays in the ledger, and nothing comes of it.
#[utoipa::path(post, path = "/api/v1/mail/{id}/drop", tag = "mail", responses((status = 200, description = "Dropped", body = Mail)))]
pub async fn drop_held(call: Call<Nothing>) -> Reply {
    let id: MailId = call.id("id")?;
    call.change(move |ctx, _| Answer::ok(&Mail::of(intake::drop_held(ctx, id)?)))
        .await
}

/// Take a held mail in
///
/// It is decided about anew, and neither its hold nor an automatic mark counts, nor that it looks like a copy of another: it opens a
/// ticket or joins one. One that couldn't be read when it came is read again; `mail-still-unreadable` if it still can't.
#[utoipa::path(post, path = "/api/v1/mail/{id}/take-in", tag = "mail", request_body = TakeIn, responses((status = 200, description = "Taken in", body = Mail)))]
pub async fn take_in(call: Call<TakeIn>) -> Reply {
    settle(call, |ctx, id, letter, asked: TakeIn| {
        intake::take_in(ctx, id, letter, asked.reason.as_deref().unwrap_or_default())
    })
    .await
}

/// Why.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeIn {
    /// Required for one that was taken for a copy of another.
    #[schema(example = "two alarms with the same words")]
    reason: Option<String>,
}

/// Accept a request to join
///
/// The mail stands on the ticket's timeline, with the time of its own receipt.
#[utoipa::path(post, path = "/api/v1/mail/{id}/accept", tag = "mail", responses((status = 200, description = "Accepted", body = Mail)))]
pub async fn accept(call: Call<Nothing>) -> Reply {
    settle(call, |ctx, id, letter, _: Nothing| {
        intake::answer_join(ctx, id, letter, true)
    })
    .await
}

/// Refuse a request to join
///
/// The mail becomes a ticket of its own.
#[utoipa::path(post, path = "/api/v1/mail/{id}/refuse", tag = "mail", responses((status = 200, description = "Refused", body = Mail)))]
pub async fn refuse(call: Call<Nothing>) -> Reply {
    settle(call, |ctx, id, letter, _: Nothing| {
        intake::answer_join(ctx, id, letter, false)
    })
    .await
}

/// In which character set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Charset {
    #[schema(example = "koi8-r")]
    charset: String,
}

/// Read a mail in another character set
///
/// Whatever reads the mail from now on reads it so. If it stands on a ticket, its text, read so, stands there as a note that corrects the
/// mail's entry, and is shown in its place. The mail stays as it came.
#[utoipa::path(post, path = "/api/v1/mail/{id}/put-right", tag = "mail", request_body = Charset, responses((status = 200, description = "Put right", body = Mail)))]
pub async fn put_right(call: Call<Charset>) -> Reply {
    let id: MailId = call.id("id")?;
    call.change(move |ctx, asked| {
        actions::allow(&ctx.by, Action::HandleMail, Target::House)?;
        let (mail, raw) = stored(ctx, id)?;
        let letter = crate::http::web::mail::read_in(&mail, &raw, &asked.charset)?;
        let set = asked.charset.trim().to_lowercase();
        Answer::ok(&Mail::of(intake::put_right(ctx, id, &letter, &set)?))
    })
    .await
}

/// Decides about a stored mail, whose bytes are read anew.
async fn settle<T: DeserializeOwned + Clone + 'static>(
    call: Call<T>,
    decide: impl Fn(&Ctx<'_>, MailId, &Letter, T) -> Result<StoredMail> + Send + 'static,
) -> Reply {
    let id: MailId = call.id("id")?;
    call.change(move |ctx, asked| {
        actions::allow(&ctx.by, Action::HandleMail, Target::House)?;
        let (mail, raw) = stored(ctx, id)?;
        let letter = crate::http::web::mail::checked(ctx, &mail, &raw);
        Answer::ok(&Mail::of(decide(ctx, id, &letter, asked.clone())?))
    })
    .await
}

/// A message that leaves or left: one channel, one recipient.
#[derive(Debug, Serialize, ToSchema)]
pub struct Delivery {
    pub id: DeliveryUid,
    pub kind: DeliveryKindWord,
    pub channel: ChannelWord,
    pub ticket_id: Option<TicketUid>,
    pub entry_seq: Option<i64>,
    pub page_id: Option<PageUid>,
    pub person_id: Option<PersonUid>,
    pub contact_id: Option<ContactUid>,
    /// A mail address or a web address.
    pub address: String,
    /// `accepted` is all that mail can know: the relay took it. `unsure`: it may have arrived. `dead`: it won't be tried again.
    pub state: DeliveryStateWord,
    pub queued_at: At,
    pub next_attempt_at: At,
    pub attempts: i32,
    pub settled_at: Option<At>,
    pub last_error: Option<String>,
}

impl Delivery {
    fn of(of: store::outbox::Delivery) -> Self {
        Self {
            id: Uid(of.id),
            kind: Word(of.kind),
            channel: Word(of.channel),
            ticket_id: of.ticket.map(Uid),
            entry_seq: of.entry_seq,
            page_id: of.page.map(Uid),
            person_id: of.person.map(Uid),
            contact_id: of.contact.map(Uid),
            address: of.address,
            state: Word(of.state),
            queued_at: At(of.queued_at),
            next_attempt_at: At(of.next_attempt_at),
            attempts: of.attempts,
            settled_at: of.settled_at.map(At),
            last_error: of.last_error,
        }
    }
}

/// Which messages.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryAsked {
    #[param(value_type = Option<String>, example = "dead")]
    state: Option<Words<DeliveryState>>,
    /// Items of the page, 1 to 200; 50 by default.
    #[param(value_type = Option<i64>)]
    limit: Option<Number>,
    /// `next` of the page before.
    after: Option<String>,
}

/// List messages that leave or left
///
/// Newest first; `state=dead` are those that nobody received.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = "mail", params(DeliveryAsked), responses((status = 200, description = "A page", body = Page<Delivery>)))]
pub async fn deliveries(call: Call<Nothing>) -> Reply {
    let asked: DeliveryAsked = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadMail, Target::House)?;
        let limit = paging::limit(asked.limit)?;
        let before = place(asked.after.as_deref())?;
        let state = match asked.state.as_ref().map(|words| words.0.as_slice()) {
            None => None,
            Some([one]) => Some(*one),
            Some(_) => {
                return Err(crate::domain::refusal::FieldError::new("state", "one-only").into());
            }
        };
        let lines = ctx.read(|conn| store::outbox::page(conn, state, before, limit + 1))?;
        let place = |it: &store::outbox::Delivery| place_text(it.queued_at, it.id);
        Answer::ok(&page_of(lines, limit, place, Delivery::of))
    })
    .await
}

/// A message with every try.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryTries {
    pub delivery: Delivery,
    pub tries: Vec<Try>,
}

/// One try.
#[derive(Debug, Serialize, ToSchema)]
pub struct Try {
    pub number: i32,
    pub started_at: At,
    pub ended_at: Option<At>,
    pub outcome: AttemptOutcomeWord,
    pub detail: String,
}

/// Read a message's fate
#[utoipa::path(get, path = "/api/v1/deliveries/{id}", tag = "mail", responses((status = 200, description = "The message and its tries", body = DeliveryTries)))]
pub async fn delivery(call: Call<Nothing>) -> Reply {
    let id: DeliveryId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadMail, Target::House)?;
        shown(ctx, id)
    })
    .await
}

fn shown(ctx: &crate::app::Ctx<'_>, id: DeliveryId) -> Result<Answer> {
    let (delivery, tries) = ctx.read(|conn| {
        let delivery = store::outbox::by_id(conn, id)?.ok_or(Error::NotFound)?;
        Ok((delivery, store::outbox::attempts(conn, id)?))
    })?;
    Answer::ok(&DeliveryTries {
        delivery: Delivery::of(delivery),
        tries: tries
            .into_iter()
            .map(|one| Try {
                number: one.number,
                started_at: At(one.started_at),
                ended_at: one.ended_at.map(At),
                outcome: Word(one.outcome),
                detail: one.detail,
            })
            .collect(),
    })
}

/// Send a message again
///
/// One that is dead, unsure or cancelled.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/replay", tag = "mail", responses((status = 200, description = "Queued again", body = DeliveryTries)))]
pub async fn replay(call: Call<Nothing>) -> Reply {
    let id: DeliveryId = call.id("id")?;
    call.change(move |ctx, _| {
        outbox::replay(ctx, id)?;
        shown(ctx, id)
    })
    .await
}
