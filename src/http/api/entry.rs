//! The timeline: reading it, and writing notes, replies and updates to it.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Nothing, Reply};
use super::letter_look::{TicketOrLetters, said_or_looked};
use super::paging::{self, Page};
use super::ticket::{IfMatch, Ticket, changed};
use super::value::{
    At, AttachmentUid, CustomerUid, DoorWord, EntryKindWord, Facts, Number, Uid, Word, WordingUid,
};
use super::what_if::{DryRun, TicketOrPreview, changed_or_tried};
use crate::actions::redact::{self, Redaction};
use crate::actions::ticket_parts::Evidence;
use crate::actions::{allow, ticket, ticket_answer, ticket_parts, ticket_talk, wording};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::{AttachmentId, TicketKey};
use crate::domain::refusal::FieldError;
use crate::domain::text::Title;
use crate::domain::timeline::{Actor, Audience};
use crate::error::{Error, Result};
use crate::store;
use crate::store::timeline::Recorded;

/// One entry of a ticket's timeline. Entries are never changed; order is `seq`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    pub seq: i64,
    pub kind: EntryKindWord,
    pub effective_at: At,
    pub recorded_at: At,
    /// `person`, `contact`, `token`, `stranger` or `system`.
    pub actor_kind: &'static str,
    pub actor_id: Option<String>,
    /// The actor's name when it was recorded.
    pub actor_name: String,
    pub door: DoorWord,
    /// `internal`, `customer` or `all_affected`.
    pub audience: &'static str,
    pub audience_customer_id: Option<CustomerUid>,
    /// Marked as fit for the outage report.
    pub for_report: bool,
    pub body: String,
    pub facts: Facts,
    /// The `seq` of the entry that this one corrects.
    pub corrects: Option<i64>,
    pub redacted_at: Option<At>,
}

impl Entry {
    pub fn of(entry: Recorded) -> Self {
        let actor_id = match &entry.actor {
            Actor::Person(id) => Some(id.to_string()),
            Actor::Contact(id) => Some(id.to_string()),
            Actor::Token(id) => Some(id.to_string()),
            Actor::Stranger | Actor::System => None,
        };
        let (audience, customer) = match entry.audience {
            Audience::Internal => ("internal", None),
            Audience::Customer(id) => ("customer", Some(Uid(id))),
            Audience::AllAffected => ("all_affected", None),
        };
        Self {
            seq: entry.seq,
            kind: Word(entry.kind),
            effective_at: At(entry.effective_at),
            recorded_at: At(entry.recorded_at),
            actor_kind: entry.actor.word(),
            actor_id,
            actor_name: entry.actor_name,
            door: Word(entry.door),
            audience,
            audience_customer_id: customer,
            for_report: entry.for_report,
            body: entry.body,
            facts: Facts(entry.facts),
            corrects: entry.corrects,
            redacted_at: entry.redacted_at.map(At),
        }
    }
}

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Items of the page, 1 to 200; 50 by default.
    #[param(value_type = Option<i64>)]
    limit: Option<Number>,
    /// `next` of the page before: entries with a smaller `seq`.
    #[param(value_type = Option<i64>)]
    after: Option<Number>,
}

/// Read a timeline
///
/// Newest first.
#[utoipa::path(get, path = "/api/v1/tickets/{key}/entries", tag = "timeline", params(Asked), responses((status = 200, description = "A page", body = Page<Entry>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let (key, asked) = (call.ticket("key")?, call.query::<Asked>()?);
    call.read(move |ctx| {
        let limit = paging::limit(asked.limit)?;
        let ticket = ticket::read(ctx, key)?;
        let before = asked.after.map(|seq| seq.0);
        let mut entries =
            ctx.read(|conn| store::timeline::page(conn, ticket.id, before, limit + 1))?;
        let has_more = entries.len() as i64 > limit;
        entries.truncate(limit as usize);
        let next = entries.last().filter(|_| has_more);
        Answer::ok(&Page {
            next: next.map(|entry| entry.seq.to_string()),
            items: entries.into_iter().map(Entry::of).collect(),
        })
    })
    .await
}

/// Read an entry
#[utoipa::path(get, path = "/api/v1/tickets/{key}/entries/{seq}", tag = "timeline", responses((status = 200, description = "The entry", body = Entry)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let (key, seq) = (call.ticket("key")?, call.number("seq")?);
    call.read(move |ctx| {
        let ticket = ticket::read(ctx, key)?;
        let entry = ctx.read(|conn| store::timeline::by_seq(conn, ticket.id, seq))?;
        Answer::ok(&Entry::of(entry.ok_or(Error::NotFound)?))
    })
    .await
}

/// A text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Written {
    body: String,
}

/// Write a note
///
/// For the team; customers never see it.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/notes", tag = "timeline", request_body = Written, responses((status = 200, description = "Noted", body = Ticket)))]
pub async fn note(call: Call<Written>) -> Reply {
    let key = call.ticket("key")?;
    call.change(move |ctx, new| changed(ctx.app, &ticket::note(ctx, key, &new.body)?))
        .await
}

/// What is said to customers: a text or a wording.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// `{next_update}` in it is replaced by the next update that it promises.
    body: Option<String>,
    /// The text of a wording, with its places filled, instead of one of one's own.
    wording_id: Option<WordingUid>,
    /// When they will hear from us again: a promise with a clock, made to that customer alone. Later than agreed is refused, unless
    /// by a lead.
    next_update_by: Option<At>,
    /// Files of the ticket that go with it, brought as evidence before.
    #[serde(default)]
    files: Vec<AttachmentUid>,
    /// The newest `seq` that the writer saw. If the customer wrote since, the reply is refused.
    seen: Option<i64>,
    /// One of the customers who were hit, to whom alone it goes: their `respond` is met, and nobody else reads it. Without it the reply
    /// goes to whoever asked.
    customer_id: Option<CustomerUid>,
}

/// What is to be said.
fn text(
    ctx: &Ctx<'_>,
    key: TicketKey,
    body: Option<&String>,
    wording: Option<WordingUid>,
) -> Result<String> {
    match (body, wording) {
        (Some(body), None) => Ok(body.clone()),
        (None, Some(id)) => {
            wording::fill(ctx, key, id.0).map_err(|error| renamed(error, "wording", "wording_id"))
        }
        (None, None) => {
            allow(&ctx.by, Action::Reply, Target::House)?;
            Err(FieldError::new("body", "required").into())
        }
        (Some(_), Some(_)) => {
            allow(&ctx.by, Action::Reply, Target::House)?;
            Err(FieldError::new("wording_id", "text-and-wording").into())
        }
    }
}

/// The files that are to go with it.
fn files(ctx: &Ctx<'_>, key: TicketKey, ids: &[AttachmentUid]) -> Result<Vec<Evidence>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ticket = ticket::read(ctx, key)?;
    let ids: Vec<AttachmentId> = ids.iter().map(|id| id.0).collect();
    ctx.read(|conn| ticket_parts::files_named(conn, ticket.id, &ids))
}

/// Reply to the customer
///
/// Meets `respond` at this instant; the letter follows. Where the house wants it, own words wait for a second person: they meet
/// nothing until they are approved.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/replies", tag = "timeline", params(DryRun), request_body = Said, responses((status = 200, description = "Replied", body = TicketOrLetters), (status = 202, description = "It waits for a second person", body = Ticket)))]
pub async fn reply(call: Call<Said>) -> Reply {
    let key = call.ticket("key")?;
    said_or_looked(call, key, move |ctx, said: &Said| {
        let next = said.next_update_by.map(|at| at.0);
        let text = text(ctx, key, said.body.as_ref(), said.wording_id)?;
        let files = files(ctx, key, &said.files)?;
        let to = said.customer_id.map(|id| id.0);
        ticket::reply_to(ctx, key, to, &text, next, said.seen, &files)
            .map_err(|error| renamed(error, "customer", "customer_id"))
    })
    .await
}

/// What everybody affected is told: a text or a wording.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// `{next_update}` in it is replaced by the next update that it promises.
    body: Option<String>,
    /// The text of a wording, with its places filled, instead of one of one's own.
    wording_id: Option<WordingUid>,
    /// When they will hear from us again: a promise with a clock. Later than agreed with one of them is refused, unless by a lead.
    next_update_by: Option<At>,
    /// Files of the ticket that go with it, brought as evidence before.
    #[serde(default)]
    files: Vec<AttachmentUid>,
}

/// Update everybody affected
///
/// Closes one `update` cycle and opens the next. Own words may wait for a second person, as those of a reply.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/updates", tag = "timeline", params(DryRun), request_body = Told, responses((status = 200, description = "Told", body = TicketOrLetters), (status = 202, description = "It waits for a second person", body = Ticket)))]
pub async fn update(call: Call<Told>) -> Reply {
    let key = call.ticket("key")?;
    said_or_looked(call, key, move |ctx, told: &Told| {
        let next = told.next_update_by.map(|at| at.0);
        let text = text(ctx, key, told.body.as_ref(), told.wording_id)?;
        let files = files(ctx, key, &told.files)?;
        ticket::update_with(ctx, key, &text, next, &files)
    })
    .await
}

/// What was said to the customer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Spoken {
    body: String,
    /// One of those hit, if it wasn't the ticket's own customer.
    customer_id: Option<CustomerUid>,
}

/// Note a conversation
///
/// Staff spoke with the customer: counts as an answer, and keeps a promised call-back.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/conversations", tag = "timeline", request_body = Spoken, responses((status = 200, description = "Noted", body = Ticket)))]
pub async fn conversation(call: Call<Spoken>) -> Reply {
    let key = call.ticket("key")?;
    call.change(move |ctx, new| {
        let with = new.customer_id.map(|id| id.0);
        let ticket = ticket::spoke_with_customer(ctx, key, with, &new.body)?;
        changed(ctx.app, &ticket)
    })
    .await
}

/// Let the customer read a note
///
/// Counts as an answer at this moment; the letter follows. Like other own words it may wait for a second person.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/entries/{seq}/share", tag = "timeline", params(DryRun), responses((status = 200, description = "Shared", body = TicketOrLetters), (status = 202, description = "It waits for a second person", body = Ticket)))]
pub async fn share(call: Call<Nothing>) -> Reply {
    let (key, seq) = (call.ticket("key")?, call.number("seq")?);
    said_or_looked(call, key, move |ctx, _: &Nothing| {
        ticket_answer::share(ctx, key, seq)
    })
    .await
}

/// Whose words need no reply, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Spared {
    #[serde(default)]
    why: String,
    /// One of those hit; without it, whoever waits for an answer.
    customer_id: Option<CustomerUid>,
}

/// Say that no reply is needed
///
/// Cancels the `respond` clock, with a reason.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/no-reply-needed", tag = "timeline", params(IfMatch, DryRun), request_body = Spared, responses((status = 200, description = "Said", body = TicketOrPreview)))]
pub async fn no_reply_needed(call: Call<Spared>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, asked: &Spared| {
        let whose = asked.customer_id.map(|id| id.0);
        ticket_talk::no_reply_needed(ctx, key, rev, whose, &asked.why)
    })
    .await
}

/// Whether the entry goes into the outage report.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportMark {
    for_report: bool,
}

/// Mark an entry for the outage report
#[utoipa::path(put, path = "/api/v1/tickets/{key}/entries/{seq}/report-mark", tag = "timeline", request_body = ReportMark, responses((status = 200, description = "Marked", body = Ticket)))]
pub async fn mark(call: Call<ReportMark>) -> Reply {
    let (key, seq) = (call.ticket("key")?, call.number("seq")?);
    call.change(move |ctx, mark| {
        let ticket = ticket_parts::mark_for_report(ctx, key, seq, mark.for_report)?;
        changed(ctx.app, &ticket)
    })
    .await
}

/// What must go, and why. A mail that brought the entry goes as a whole, with its subject.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedactionAsked {
    why: String,
    /// The entry's text; true by default.
    text: Option<bool>,
    /// Files that hang on the entry.
    #[serde(default)]
    attachment_ids: Vec<AttachmentUid>,
    /// Another title, in the place of this one and of every former one. The same title takes former ones only.
    title: Option<String>,
}

/// Redact an entry
///
/// Text, files and titles are replaced by tombstones that keep their hashes, also in the mail that brought them and in the
/// letter that carried them out. This can't be undone.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/entries/{seq}/redact", tag = "timeline", request_body = RedactionAsked, responses((status = 200, description = "Redacted", body = Ticket)))]
pub async fn redact(call: Call<RedactionAsked>) -> Reply {
    let (key, seq) = (call.ticket("key")?, call.number("seq")?);
    call.change(move |ctx, asked| {
        let redaction = Redaction {
            why: asked.why.clone(),
            text: asked.text.unwrap_or(true),
            files: asked.attachment_ids.iter().map(|id| id.0).collect(),
            title: asked.title.as_deref().map(Title::parse).transpose()?,
        };
        let done = redact::redact(ctx, key, seq, &redaction);
        let done = done.map_err(|error| renamed(error, "files", "attachment_ids"))?;
        changed(ctx.app, &done)
    })
    .await
}

/// A field of the form has another name here.
pub fn renamed(error: Error, name: &str, here: &'static str) -> Error {
    match error {
        Error::Invalid(mut faults) => {
            for fault in faults.iter_mut().filter(|fault| fault.field == name) {
                fault.field = here.into();
            }
            Error::Invalid(faults)
        }
        other => other,
    }
}
