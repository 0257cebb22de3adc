//! Search, and saved views of the queue.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{self, Page, Paging};
use super::value::{At, Key, MailUid, Number, PersonUid, Uid, ViewUid};
use crate::actions;
use crate::domain::access::{self, Action, Target};
use crate::domain::id::ViewId;
use crate::domain::refusal::FieldError;
use crate::domain::search::Question;
use crate::error::Error;
use crate::store;
use crate::store::search::{COUNTED, Eyes};

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Words that must all be there; `disk*` stands for all that begin so. Case and accents don't matter.
    q: Option<String>,
    /// Most hits, 1 to 200; 50 by default.
    #[param(value_type = Option<i64>)]
    limit: Option<Number>,
}

/// What was found, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Found {
    pub hits: Vec<Hit>,
    pub count: i64,
    /// There are more than `count`; counting stops there.
    pub is_capped: bool,
    /// Mails that answer and stand on no timeline (held, automatic, bounced), newest first; not counted. None for who may not read
    /// the mail ledger.
    pub mails: Vec<FoundMail>,
}

/// A mail that answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundMail {
    pub id: MailUid,
    pub subject: String,
    pub from: String,
    pub received_at: At,
}

/// An entry that answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hit {
    pub key: Key,
    pub title: String,
    pub entry_id: String,
}

/// Search tickets, their timelines and mail
#[utoipa::path(get, path = "/api/v1/search", tag = "search", params(Asked), responses((status = 200, description = "What was found", body = Found)))]
pub async fn find(call: Call<Nothing>) -> Reply {
    let asked: Asked = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadTickets, Target::House)?;
        let limit = paging::limit(asked.limit)?;
        let question = Question::parse(asked.q.as_deref().unwrap_or_default());
        if question.is_empty() {
            return Err(FieldError::new("q", "required").into());
        }
        let may_read_mail = access::may(&ctx.by, Action::ReadMail, Target::House).is_ok();
        let (hits, count, tickets, mails) = ctx.read(|conn| {
            let mails = match may_read_mail {
                true => store::search::find_mail(conn, &question, limit)?,
                false => Vec::new(),
            };
            let mails = store::mail_found::by_ids(conn, &mails)?;
            let (hits, count) = store::search::find(conn, &question, Eyes::Staff, limit)?;
            let mut ids: Vec<_> = hits.iter().map(|hit| hit.ticket_id).collect();
            ids.sort();
            ids.dedup();
            Ok((hits, count, store::ticket::by_ids(conn, &ids)?, mails))
        })?;
        let tickets: HashMap<_, _> = tickets.into_iter().map(|it| (it.id, it)).collect();
        Answer::ok(&Found {
            hits: hits
                .into_iter()
                .filter_map(|hit| {
                    let ticket = tickets.get(&hit.ticket_id)?;
                    Some(Hit {
                        key: Key(ticket.key),
                        title: ticket.title.as_str().to_owned(),
                        entry_id: hit.entry_id.to_string(),
                    })
                })
                .collect(),
            count,
            is_capped: count >= COUNTED,
            mails: mails
                .into_iter()
                .map(|mail| FoundMail {
                    id: Uid(mail.id),
                    subject: mail.subject,
                    from: mail.from_shown,
                    received_at: At(mail.received_at),
                })
                .collect(),
        })
    })
    .await
}

/// A filter of the queue that somebody gave a name.
#[derive(Debug, Serialize, ToSchema)]
pub struct View {
    pub id: ViewUid,
    pub person_id: PersonUid,
    pub name: String,
    /// In the queue's filter language.
    #[schema(example = "severity:high,disaster is:overdue")]
    pub query: String,
    pub is_shared: bool,
    pub made_at: At,
}

impl View {
    fn of(of: store::view::SavedView) -> Self {
        Self {
            id: Uid(of.id),
            person_id: Uid(of.person_id),
            name: of.name,
            query: of.query,
            is_shared: of.is_shared,
            made_at: At(of.made_at),
        }
    }
}

/// List saved views
///
/// The token's owner's own, and everybody's shared ones.
#[utoipa::path(get, path = "/api/v1/views", tag = "search", params(Paging), responses((status = 200, description = "A page", body = Page<View>)))]
pub async fn views(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadTickets, Target::House)?;
        let person = ctx.by.person().ok_or(Error::NotFound)?;
        let all = ctx.read(|conn| store::view::visible_to(conn, person))?;
        Answer::ok(&paging.cut(all, |it| it.id.to_string(), View::of)?)
    })
    .await
}

/// Read a saved view
#[utoipa::path(get, path = "/api/v1/views/{id}", tag = "search", responses((status = 200, description = "The view", body = View)))]
pub async fn view(call: Call<Nothing>) -> Reply {
    let id: ViewId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadTickets, Target::House)?;
        let person = ctx.by.person().ok_or(Error::NotFound)?;
        let all = ctx.read(|conn| store::view::visible_to(conn, person))?;
        let found = all.into_iter().find(|view| view.id == id);
        Answer::ok(&View::of(found.ok_or(Error::NotFound)?))
    })
    .await
}

/// A new saved view.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewView {
    name: String,
    /// In the queue's filter language.
    #[schema(example = "sev:high,disaster is:overdue")]
    query: String,
    /// Everybody may open it.
    #[serde(default)]
    is_shared: bool,
}

/// Save a view
///
/// It belongs to the token's owner.
#[utoipa::path(post, path = "/api/v1/views", tag = "search", request_body = NewView, responses((status = 201, description = "Saved", body = View)))]
pub async fn save_view(call: Call<NewView>) -> Reply {
    call.change(|ctx, new| {
        let view = actions::view::save(ctx, &new.name, &new.query, new.is_shared)?;
        Answer::created(format!("/api/v1/views/{}", view.id), &View::of(view))
    })
    .await
}

/// Delete a saved view
///
/// One of the token's owner's own.
#[utoipa::path(delete, path = "/api/v1/views/{id}", tag = "search", responses((status = 204, description = "Deleted")))]
pub async fn delete_view(call: Call<Nothing>) -> Reply {
    let id: ViewId = call.id("id")?;
    call.change(move |ctx, _| {
        actions::view::delete(ctx, id)?;
        Ok(Answer::nothing())
    })
    .await
}
