//! Own words to customers that wait for a second person.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::step::Why;
use super::ticket::{Ticket, changed};
use super::value::{At, CustomerUid, Key, SpeakingWord, Uid, Word};
use crate::actions::{allow, proposal as action};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::error::Result;
use crate::store;

/// Everything that waits, as far as anybody would look.
const MOST: i64 = 1_000;

/// What waits. The customer knows nothing of it, and no clock is met by it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Proposal {
    pub ticket: Key,
    /// Of the entry that has its text.
    pub seq: i64,
    pub what: SpeakingWord,
    pub body: String,
    pub author_name: String,
    pub proposed_at: At,
    /// What it promises once it goes out.
    pub next_update_by: Option<At>,
    /// The note that the customer is to read.
    pub note_seq: Option<i64>,
    /// The one of the customers who were hit that it is for; null: whoever asked, or everybody affected.
    pub customer_id: Option<CustomerUid>,
    /// The passage because of which it waits; null where all own words do.
    pub reason: Option<String>,
}

fn all(ctx: &Ctx<'_>) -> Result<Vec<Proposal>> {
    ctx.read(|conn| {
        let waiting = store::proposal::waiting(conn, MOST)?;
        let ids: Vec<_> = waiting.iter().map(|it| it.ticket_id).collect();
        let tickets = store::ticket::by_ids(conn, &ids)?;
        let mut all = Vec::with_capacity(waiting.len());
        for it in waiting {
            let entry = store::timeline::by_seq(conn, it.ticket_id, it.seq)?;
            let ticket = tickets.iter().find(|ticket| ticket.id == it.ticket_id);
            if let (Some(entry), Some(ticket)) = (entry, ticket) {
                all.push(Proposal {
                    ticket: Key(ticket.key),
                    seq: it.seq,
                    what: Word(it.what),
                    body: entry.body,
                    author_name: entry.actor_name,
                    proposed_at: At(it.proposed_at),
                    next_update_by: it.next_update_at.map(At),
                    note_seq: it.note_seq,
                    customer_id: it.customer_id.map(Uid),
                    reason: entry.facts.get("reason").map(str::to_owned),
                });
            }
        }
        Ok(all)
    })
}

/// List words that wait
///
/// Oldest first.
#[utoipa::path(get, path = "/api/v1/proposals", tag = "timeline", params(Paging), responses((status = 200, description = "A page", body = Page<Proposal>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        allow(&ctx.by, Action::ReadTickets, Target::House)?;
        let id = |it: &Proposal| format!("{}.{}", it.ticket.0, it.seq);
        Answer::ok(&paging.cut(all(ctx)?, id, |it| it)?)
    })
    .await
}

/// What was seen.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WordsSeen {
    /// The newest `seq` that was seen. If the customer wrote since, it is refused.
    seen: Option<i64>,
}

/// Approve words
///
/// They go out exactly as they were read, in the name of whoever wrote them, and meet their clocks at this instant.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/proposals/{seq}/approve", tag = "timeline", request_body = WordsSeen, responses((status = 200, description = "Said", body = Ticket)))]
pub async fn approve(call: Call<WordsSeen>) -> Reply {
    let (key, seq) = (call.ticket("key")?, call.number("seq")?);
    call.change(move |ctx, asked| changed(ctx.app, &action::approve(ctx, key, seq, asked.seen)?))
        .await
}

/// Send words back
///
/// With a reason; whoever wrote them is told.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/proposals/{seq}/send-back", tag = "timeline", request_body = Why, responses((status = 200, description = "Sent back", body = Ticket)))]
pub async fn send_back(call: Call<Why>) -> Reply {
    let (key, seq) = (call.ticket("key")?, call.number("seq")?);
    call.change(move |ctx, asked| changed(ctx.app, &action::send_back(ctx, key, seq, &asked.why)?))
        .await
}

/// Withdraw words
///
/// One's own.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/proposals/{seq}/withdraw", tag = "timeline", responses((status = 200, description = "Withdrawn", body = Ticket)))]
pub async fn withdraw(call: Call<Nothing>) -> Reply {
    let (key, seq) = (call.ticket("key")?, call.number("seq")?);
    call.change(move |ctx, _| changed(ctx.app, &action::withdraw(ctx, key, seq)?))
        .await
}
