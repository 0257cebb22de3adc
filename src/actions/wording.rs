//! Wordings of the house: who keeps them, and how one reads on a ticket.

use super::{allow, allow_ticket, audit};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::{Id, TicketKey, WordingId};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::text::{self, NAME_CHARS, one_line};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::Facts;
use crate::domain::wording::{self, Filling, Wording};
use crate::error::{Error, Fields, Result, is_unique_violation};
use crate::store::wording as rows;
use crate::store::{self, Conn};
use crate::words::Words;

/// Wordings of one house: a list that somebody chooses from while a customer waits.
const MOST: usize = 200;

/// What somebody says of a wording.
#[derive(Debug, Clone)]
pub struct Typed {
    pub name: String,
    pub body: String,
    pub is_active: bool,
}

impl Typed {
    fn check(&self) -> Result<(String, String)> {
        let mut fields = Fields::new();
        let name = fields.take(one_line("name", &self.name, NAME_CHARS));
        let body = fields.take(wording::body("body", &self.body));
        fields.check()?;
        match (name, body) {
            (Some(name), Some(body)) => Ok((name, body)),
            _ => Err(Error::internal("a wording without a fault")),
        }
    }
}

/// Every wording, retired ones too; whoever writes to customers reads them.
pub fn list(ctx: &Ctx<'_>) -> Result<Vec<Wording>> {
    allow(&ctx.by, Action::ReadHouse, Target::House)?;
    ctx.read(rows::all)
}

pub fn read(ctx: &Ctx<'_>, id: WordingId) -> Result<Wording> {
    allow(&ctx.by, Action::ReadHouse, Target::House)?;
    ctx.read(|conn| rows::by_id(conn, id))?
        .ok_or(Error::NotFound)
}

pub fn add(ctx: &Ctx<'_>, typed: &Typed) -> Result<Wording> {
    allow(&ctx.by, Action::ManageSettings, Target::House)?;
    let (name, body) = typed.check()?;
    ctx.write(|tx| {
        if rows::all(tx)?.len() >= MOST {
            return Err(Refusal::new("too-many-wordings")
                .with("max", MOST.to_string())
                .into());
        }
        let wording = Wording {
            id: Id::new(ctx.now),
            name: name.clone(),
            body: body.clone(),
            is_active: typed.is_active,
            made_at: ctx.now,
            version: 1,
        };
        rows::insert(tx, &wording).map_err(|error| taken(error, &name))?;
        audit::note(tx, ctx, "wording-added", &wording.name, &Facts::new())?;
        Ok(wording)
    })
}

/// Changes it, or retires it; `rev` is the version that was seen.
pub fn edit(ctx: &Ctx<'_>, id: WordingId, rev: Option<i64>, typed: &Typed) -> Result<Wording> {
    allow(&ctx.by, Action::ManageSettings, Target::House)?;
    let (name, body) = typed.check()?;
    ctx.write(|tx| {
        let mut wording = rows::by_id(tx, id)?.ok_or(Error::NotFound)?;
        if rev.is_some_and(|rev| rev != wording.version) {
            return Err(Error::Stale);
        }
        let mut facts = Facts::new();
        if wording.name != name {
            facts.set("was", &wording.name);
        }
        if wording.is_active != typed.is_active {
            facts.set("is_active", typed.is_active);
        }
        wording.name.clone_from(&name);
        wording.body.clone_from(&body);
        wording.is_active = typed.is_active;
        rows::update(tx, &mut wording).map_err(|error| taken(error, &name))?;
        audit::note(tx, ctx, "wording-changed", &wording.name, &facts)?;
        Ok(wording)
    })
}

fn taken(error: Error, name: &str) -> Error {
    if is_unique_violation(&error) {
        return FieldError::new("name", "name-taken")
            .with("value", name.to_owned())
            .into();
    }
    error
}

/// How the wording reads on this ticket if whoever asks writes it. When the reader hears next stays open until it is sent.
pub fn fill(ctx: &Ctx<'_>, key: TicketKey, id: WordingId) -> Result<String> {
    used(ctx, key, id, "")
}

/// As [`fill`], below what was typed already; another wording that stands there unchanged gives way.
pub fn used(ctx: &Ctx<'_>, key: TicketKey, id: WordingId, typed: &str) -> Result<String> {
    let typed = text::body("body", typed)?;
    ctx.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
        allow_ticket(conn, &ctx.by, Action::Reply, &ticket)?;
        let wording = rows::by_id(conn, id)?.filter(|wording| wording.is_active);
        let wording = wording.ok_or_else(|| {
            FieldError::new("wording", "unknown-wording").with("value", id.to_string())
        })?;
        let filled = Places::of(conn, ctx, &ticket)?.fill(&wording.body)?;
        let is_free = typed.trim().is_empty() || named_by(conn, ctx, &ticket, &typed)?.is_some();
        Ok(match is_free {
            true => filled,
            false => format!("{typed}\n\n{filled}"),
        })
    })
}

/// The name of the wording that this text is, unchanged.
pub(super) fn named_by(
    conn: &mut Conn,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    text: &str,
) -> Result<Option<String>> {
    let wordings = rows::active(conn)?;
    if wordings.is_empty() {
        return Ok(None);
    }
    let places = Places::of(conn, ctx, ticket)?;
    for wording in wordings {
        if places.fill(&wording.body)? == text {
            return Ok(Some(wording.name));
        }
    }
    Ok(None)
}

/// What fills a wording on one ticket.
struct Places {
    ticket: String,
    title: String,
    service: String,
    me: String,
}

impl Places {
    fn of(conn: &mut Conn, ctx: &Ctx<'_>, ticket: &Ticket) -> Result<Self> {
        let service = match ticket.service {
            Some(id) => store::house::service(conn, id)?,
            None => None,
        };
        Ok(Self {
            ticket: ticket.key.to_string(),
            title: ticket.title.to_string(),
            service: match service {
                Some(service) => service.public_name,
                None => Words::english().t("wording-no-service").into_owned(),
            },
            me: ctx.by.name().to_owned(),
        })
    }

    /// As it would come back from a form, so that what is unchanged is found to be.
    fn fill(&self, body: &str) -> Result<String> {
        let filling = Filling {
            ticket: &self.ticket,
            title: &self.title,
            service: &self.service,
            me: &self.me,
        };
        let filled = wording::filled(body, &filling);
        Ok(text::body("body", &filled)?)
    }
}
