//! Words for customers in a ticket's room: wordings to choose from, and own words that wait for a second person.

use actix_web::web;

use super::inputs::invalid;
use super::ticket::Refused;
use crate::actions::proposal::{self, Said};
use crate::actions::{allow, roster, wording};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::id::{Id, TicketId, TicketKey};
use crate::domain::refusal::FieldError;
use crate::domain::timestamp::Timestamp;
use crate::domain::wording::{OwnWords, Speaking};
use crate::error::{Error, Result};
use crate::http::form::Posted;
use crate::http::page::Viewer;
use crate::http::reply::Failure;
use crate::store::{self, Conn};

/// What the room shows of them.
pub struct WordsSide {
    /// Ids and names.
    pub wordings: Vec<(String, String)>,
    pub waiting: Vec<Waiting>,
    /// What the reader's own words have to wait for, as a text of the catalogue; `None`: nothing.
    pub rule: Option<&'static str>,
}

pub struct Waiting {
    pub seq: i64,
    pub what: Speaking,
    /// The one of the customers who were hit that it is for.
    pub to: Option<String>,
    pub who: String,
    pub at: Timestamp,
    pub text: String,
    pub next_update_at: Option<Timestamp>,
    /// The passage because of which it waits.
    pub reason: Option<String>,
    pub is_mine: bool,
}

impl Waiting {
    /// The text that says what it is.
    pub fn title(&self) -> &'static str {
        match self.what {
            Speaking::Reply => "words-wait-reply",
            Speaking::Update => "words-wait-update",
            Speaking::Share => "words-wait-share",
        }
    }

    pub fn is_at(&self, seq: &str) -> bool {
        self.seq.to_string() == seq
    }
}

pub fn load(conn: &mut Conn, ctx: &Ctx<'_>, ticket: TicketId) -> Result<WordsSide> {
    let mut waiting = Vec::new();
    for it in store::proposal::of_ticket(conn, ticket)? {
        let Some(entry) = store::timeline::by_seq(conn, ticket, it.seq)? else {
            continue;
        };
        waiting.push(Waiting {
            seq: it.seq,
            what: it.what,
            at: it.proposed_at,
            next_update_at: it.next_update_at,
            reason: entry.facts.get("reason").map(str::to_owned),
            to: entry.facts.get("name").map(str::to_owned),
            is_mine: entry.actor == ctx.actor(),
            who: entry.actor_name,
            text: entry.body,
        });
    }
    let wordings = store::wording::active(conn)?.into_iter();
    let mut wordings: Vec<_> = wordings.map(|it| (it.id.to_string(), it.name)).collect();
    wordings.sort_by_key(|(_, name)| name.to_lowercase());
    let is_free = allow(&ctx.by, Action::SpeakFreely, Target::House).is_ok();
    let rule = match roster::in_force(ctx.app, conn, ctx.now)?.settings.own_words {
        OwnWords::Always if !is_free => Some("words-rule-always"),
        OwnWords::Promises if !is_free => Some("words-rule-promises"),
        OwnWords::Free | OwnWords::Promises | OwnWords::Always => None,
    };
    Ok(WordsSide {
        wordings,
        waiting,
        rule,
    })
}

/// What the next page says: that it was said, or that it waits.
pub fn or_waits(said: &Said, done: &'static str) -> &'static str {
    if said.waits {
        "said-words-proposed"
    } else {
        done
    }
}

/// The entry that a form is about.
pub fn seq(posted: &Posted) -> Result<i64> {
    posted.text("seq").parse().map_err(|_| Error::NotFound)
}

/// Whether a form asks for the text of a wording, and is not to be sent yet.
pub fn is_asked(verb: &str, posted: &Posted) -> bool {
    matches!(verb, "reply" | "update") && posted.ticked("use")
}

/// The form with the wording's text in it. What was typed stays.
pub async fn used(
    app: &web::Data<App>,
    viewer: &Viewer,
    key: TicketKey,
    verb: String,
    mut posted: Posted,
) -> std::result::Result<Refused, Failure> {
    let (chosen, typed) = (
        posted.text("wording").to_owned(),
        posted.text("body").to_owned(),
    );
    let filled = viewer
        .run(app, move |ctx| {
            let id = Id::parse(&chosen).ok_or_else(|| FieldError::new("wording", "required"))?;
            wording::used(ctx, key, id, &typed)
        })
        .await;
    let errors = match invalid(filled)? {
        Ok(text) => {
            posted.texts.retain(|(name, _)| name != "body");
            posted.texts.push(("body".to_owned(), text));
            Vec::new()
        }
        Err(errors) => errors,
    };
    Ok(Refused {
        verb,
        posted,
        refusal: None,
        errors,
        is_stale: false,
        look: None,
    })
}

/// The form with words in it that came back.
pub async fn again(
    app: &web::Data<App>,
    viewer: &Viewer,
    key: TicketKey,
    seq: i64,
) -> std::result::Result<Option<Refused>, Failure> {
    let again = viewer
        .run(app, move |ctx| proposal::again(ctx, key, seq))
        .await?;
    let verb = match again.what {
        Speaking::Reply => "reply",
        Speaking::Update => "update",
        Speaking::Share => return Ok(None),
    };
    let to = again.customer.map_or_else(String::new, |id| id.to_string());
    let seen = viewer.run(app, move |ctx| {
        let ticket = ctx.read(|conn| store::ticket::by_key(conn, key))?;
        Ok(ticket.ok_or(Error::NotFound)?.entry_count)
    });
    let posted = Posted {
        texts: vec![
            ("body".to_owned(), again.text),
            ("seen".to_owned(), seen.await?.to_string()),
            ("customer".to_owned(), to),
        ],
        ..Posted::default()
    };
    Ok(Some(Refused {
        verb: verb.to_owned(),
        posted,
        refusal: None,
        errors: Vec::new(),
        is_stale: false,
        look: None,
    }))
}
