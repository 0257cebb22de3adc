//! Editing what a ticket says of itself. When somebody else was faster, only what both changed is a conflict: then both texts
//! stand side by side and nothing typed is lost; everything else is simply saved.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::Answer;
use super::ticket_preview::{self, Preview};
use super::when;
use crate::actions;
use crate::actions::ticket_edit::{self, Edit};
use crate::app::{App, Ctx};
use crate::domain::access::Action;
use crate::domain::id::{Id, Kind, TicketKey};
use crate::domain::people::web_address;
use crate::domain::refusal::FieldError;
use crate::domain::text::Title;
use crate::domain::ticket::Ticket;
use crate::error::{Error, Fields, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::store;
use crate::words::Words;

/// The fields of the form, in its order, with the catalogue key of their label.
const FIELDS: [(&str, &str); 7] = [
    ("title", "col-title"),
    ("customer", "col-customer"),
    ("service", "service"),
    ("team", "team"),
    ("due_at", "metric-due"),
    ("bridge_url", "bridge"),
    ("chat_url", "chat"),
];

/// Those by which deadlines may move.
const MOVING: [&str; 3] = ["customer", "service", "due_at"];

/// A field that both have changed.
struct Clash {
    name: &'static str,
    label: String,
    theirs: String,
    yours: String,
}

#[derive(Template)]
#[template(path = "ticket/edit.html")]
struct EditPage {
    p: Page,
    key: String,
    has_due: bool,
    form: Form,
    version: i64,
    /// What the fields held when the form was made: who changed what is told by them.
    was: Vec<(String, String)>,
    clashes: Vec<Clash>,
    refusal: Option<String>,
    customers: Vec<String>,
    services: Vec<(String, String)>,
    teams: Vec<(String, String)>,
}

/// A ticket as the form's texts.
struct Standing {
    ticket: Ticket,
    values: Vec<(&'static str, String)>,
    customers: Vec<String>,
    services: Vec<(String, String)>,
    teams: Vec<(String, String)>,
}

impl Standing {
    fn value(&self, name: &str) -> &str {
        self.values
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("", |(_, value)| value)
    }
}

fn load(ctx: &Ctx<'_>, key: TicketKey, zone: chrono_tz::Tz) -> Result<Standing> {
    let words = Words::english();
    ctx.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
        actions::allow_ticket(conn, &ctx.by, Action::WorkOnTicket, &ticket)?;
        let customers = store::customer::all(conn)?;
        let customer = customers
            .iter()
            .find(|it| Some(it.id) == ticket.customer)
            .map(|it| it.name.clone());
        let none = (String::new(), words.t("choose-none").into_owned());
        let services = store::house::services(conn)?;
        let teams = store::house::teams(conn)?;
        let values = vec![
            ("title", ticket.title.to_string()),
            ("customer", customer.unwrap_or_default()),
            (
                "service",
                ticket.service.map(|id| id.to_string()).unwrap_or_default(),
            ),
            (
                "team",
                ticket.team.map(|id| id.to_string()).unwrap_or_default(),
            ),
            (
                "due_at",
                ticket
                    .due_at
                    .map(|at| at.in_zone(zone).format("%Y-%m-%dT%H:%M").to_string())
                    .unwrap_or_default(),
            ),
            ("bridge_url", ticket.bridge_url.clone().unwrap_or_default()),
            ("chat_url", ticket.chat_url.clone().unwrap_or_default()),
        ];
        let listed = |(id, name, is_active): (String, String, bool), current: Option<String>| {
            (is_active || current.as_deref() == Some(id.as_str())).then_some((id, name))
        };
        let service_now = ticket.service.map(|id| id.to_string());
        let team_now = ticket.team.map(|id| id.to_string());
        Ok(Standing {
            customers: customers
                .into_iter()
                .filter(|it| it.is_active)
                .take(200)
                .map(|it| it.name)
                .collect(),
            services: std::iter::once(none.clone())
                .chain(services.into_iter().filter_map(|it| {
                    listed(
                        (it.id.to_string(), it.name, it.is_active),
                        service_now.clone(),
                    )
                }))
                .collect(),
            teams: std::iter::once(none)
                .chain(teams.into_iter().filter_map(|it| {
                    listed((it.id.to_string(), it.name, it.is_active), team_now.clone())
                }))
                .collect(),
            values,
            ticket,
        })
    })
}

fn page(
    p: Page,
    standing: Standing,
    form: Form,
    clashes: Vec<Clash>,
    refusal: Option<String>,
) -> EditPage {
    EditPage {
        key: standing.ticket.key.to_string(),
        has_due: standing.ticket.key.kind == Kind::Task,
        version: standing.ticket.version,
        was: standing
            .values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        form,
        clashes,
        refusal,
        customers: standing.customers,
        services: standing.services,
        teams: standing.teams,
        p,
    }
}

/// `GET /INC-12/edit`
pub async fn form(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    key: web::Path<String>,
) -> Answer {
    let key: TicketKey = key.parse().map_err(|()| Error::NotFound)?;
    let zone = viewer.zone;
    let standing = viewer.run(&app, move |ctx| load(ctx, key, zone)).await?;
    let p = Page::new(&req, "edit-title");
    let form = standing
        .values
        .iter()
        .fold(Form::new(p.words), |form, (name, value)| {
            form.with(name, value)
        });
    reply::page(&page(p, standing, form, Vec::new(), None))
}

/// What became of a posted edit.
enum Outcome {
    Saved,
    /// Nothing is saved yet: deadlines would move.
    Preview(Box<Preview>),
    Clash(Box<Standing>, Vec<&'static str>),
}

/// `POST /INC-12/edit`
pub async fn save(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    key: web::Path<String>,
    posted: Posted,
) -> Answer {
    let key: TicketKey = key.parse().map_err(|()| Error::NotFound)?;
    let (sent, zone) = (posted.clone(), viewer.zone);
    let done = viewer
        .run(&app, move |ctx| save_in(ctx, key, &sent, zone))
        .await;
    let p = Page::new(&req, "edit-title");
    let words = p.words;
    let (refusal, errors) = match done {
        Ok(Outcome::Saved) => {
            return Ok(reply::see_saying(
                &format!("/{key}"),
                "said-changed",
                &key.to_string(),
            ));
        }
        Ok(Outcome::Preview(preview)) => {
            return ticket_preview::page(&req, key, "edit", &posted, *preview);
        }
        Ok(Outcome::Clash(standing, names)) => {
            let clashes = FIELDS
                .iter()
                .filter(|(name, _)| names.contains(name))
                .map(|&(name, label)| Clash {
                    name,
                    label: words.t(label).into_owned(),
                    theirs: shown(&standing, name, standing.value(name)),
                    yours: shown(&standing, name, posted.text(name)),
                })
                .collect();
            let form = Form::kept(words, &posted, Vec::new());
            return reply::page_with(
                StatusCode::CONFLICT,
                &page(p, *standing, form, clashes, None),
            );
        }
        Err(Failure::House(Error::Refused(refusal))) => (Some(words.refusal(&refusal)), Vec::new()),
        Err(Failure::House(Error::Invalid(errors))) => (None, errors),
        Err(other) => return Err(other),
    };
    let standing = viewer.run(&app, move |ctx| load(ctx, key, zone)).await?;
    let form = Form::kept(words, &posted, errors);
    let mut template = page(p, standing, form, Vec::new(), refusal);
    // The next try is compared with what the first form was made from.
    for (name, value) in &mut template.was {
        *value = posted.text(&format!("was-{name}")).to_owned();
    }
    reply::page_with(StatusCode::UNPROCESSABLE_ENTITY, &template)
}

/// A value as people read it: names instead of ids.
fn shown(standing: &Standing, name: &str, value: &str) -> String {
    let list = match name {
        "service" => &standing.services,
        "team" => &standing.teams,
        _ => return value.to_owned(),
    };
    list.iter()
        .find(|(id, _)| id == value)
        .map_or_else(|| value.to_owned(), |(_, name)| name.clone())
}

/// Saves what the person changed. A field that somebody else changed meanwhile, to something else, is a clash.
fn save_in(ctx: &Ctx<'_>, key: TicketKey, posted: &Posted, zone: chrono_tz::Tz) -> Result<Outcome> {
    // Somebody may be faster between the look and the change; then look again.
    for _ in 0..3 {
        let standing = load(ctx, key, zone)?;
        let was = |name: &str| posted.text(&format!("was-{name}")).trim().to_owned();
        let changed: Vec<&'static str> = FIELDS
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| posted.text(name).trim() != was(name))
            .collect();
        let clashes: Vec<&'static str> = changed
            .iter()
            .copied()
            .filter(|name| {
                standing.value(name) != was(name)
                    && standing.value(name) != posted.text(name).trim()
            })
            .collect();
        if !clashes.is_empty() {
            return Ok(Outcome::Clash(Box::new(standing), clashes));
        }
        let edit = edit_of(ctx, posted, &changed, zone)?;
        let version = ticket_preview::rev(posted).unwrap_or(standing.ticket.version);
        let may_move = MOVING.iter().any(|name| changed.contains(name));
        let done = ticket_preview::run(ctx, &[key], posted, may_move, false, |ctx, posted| {
            // A second look is one at the ticket as it stands then.
            let version = ticket_preview::rev(posted).map_or(standing.ticket.version, |_| version);
            ticket_edit::edit(ctx, key, Some(version), &edit).map(|_| "said-changed")
        });
        match done {
            Ok(ticket_preview::Outcome::Done(_)) => return Ok(Outcome::Saved),
            Ok(ticket_preview::Outcome::Preview(preview)) => return Ok(Outcome::Preview(preview)),
            Err(Error::Stale) => {}
            Err(other) => return Err(other),
        }
    }
    Err(Error::Stale)
}

fn edit_of(
    ctx: &Ctx<'_>,
    posted: &Posted,
    changed: &[&'static str],
    zone: chrono_tz::Tz,
) -> Result<Edit> {
    let mut fields = Fields::new();
    let mut edit = Edit::default();
    for name in changed {
        let text = posted.text(name).trim();
        match *name {
            "title" => edit.title = fields.take(Title::parse(text)),
            "customer" if text.is_empty() => edit.customer = Some(None),
            "customer" => {
                let found = ctx.read(|conn| store::customer::by_name(conn, text))?;
                let known = found.ok_or_else(|| {
                    FieldError::new("customer", "unknown-customer").with("value", text.to_owned())
                });
                edit.customer = fields.take(known).map(Some);
            }
            "service" => edit.services = Some(Id::parse(text).into_iter().collect()),
            "team" => edit.team = Some(Id::parse(text)),
            "due_at" => edit.due_at = fields.take(when::instant("due_at", text, zone, ctx.now)),
            "bridge_url" => edit.bridge_url = fields.take(web_address("bridge_url", text)),
            "chat_url" => edit.chat_url = fields.take(web_address("chat_url", text)),
            _ => {}
        }
    }
    fields.check()?;
    Ok(edit)
}
