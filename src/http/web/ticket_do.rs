//! What people do in a ticket's room: each form calls one action. A refused form comes back with what was typed.

use actix_web::{HttpRequest, HttpResponse, web};

use super::ticket::{self, Refused};
use super::ticket_mail;
use super::when;
use crate::actions::ticket_parts::Evidence;
use crate::actions::{self, ticket as act, ticket_parts as parts};
use crate::app::{App, Ctx};
use crate::domain::access::Action;
use crate::domain::id::{AttachmentId, Id, Kind, PersonId, TicketKey};
use crate::domain::refusal::FieldError;
use crate::domain::ticket::{Hold, Relation, State, WaitingOn};
use crate::domain::timeline::Audience;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Fields, Result};
use crate::http::form::Posted;
use crate::http::page::Viewer;
use crate::http::reply::{self, Failure};
use crate::store;
use crate::store::ticket::Watcher;

/// `POST /INC-12/{verb}`
pub async fn act(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
    posted: Posted,
) -> std::result::Result<HttpResponse, Failure> {
    let (key, verb) = path.into_inner();
    let key: TicketKey = key.parse().map_err(|()| Error::NotFound)?;
    let zone = viewer.zone;
    let (asked, form) = (verb.clone(), posted.clone());
    let done = viewer
        .run(&app, move |ctx| do_it(ctx, key, &asked, &form, zone))
        .await;
    let (refusal, errors) = match done {
        Ok(said) => {
            return Ok(reply::see_saying(
                &format!("/{key}"),
                said,
                &key.to_string(),
            ));
        }
        Err(Failure::House(Error::Refused(refusal))) => (Some(refusal), Vec::new()),
        Err(Failure::House(Error::Invalid(errors))) => (None, errors),
        Err(other) => return Err(other),
    };
    let refused = Refused {
        verb,
        posted,
        refusal,
        errors,
    };
    ticket::page(&req, app, viewer, key, Some(refused)).await
}

/// Does it; the key of what the next page says.
fn do_it(
    ctx: &Ctx<'_>,
    key: TicketKey,
    verb: &str,
    posted: &Posted,
    zone: chrono_tz::Tz,
) -> Result<&'static str> {
    let text = |name: &str| posted.text(name).to_owned();
    match verb {
        "note" => {
            // Files alone are evidence; text alone is a note; both are evidence with a word about it.
            let files = stored(ctx, posted)?;
            if files.is_empty() {
                act::note(ctx, key, posted.text("body"))?;
            } else {
                parts::attach(ctx, key, posted.text("body"), &files, Audience::Internal)?;
            }
            Ok("said-noted")
        }
        "reply" => {
            let next = when::instant("next_update", posted.text("next_update"), zone, ctx.now)?;
            act::reply(
                ctx,
                key,
                posted.text("body"),
                next,
                posted.text("seen").parse().ok(),
            )?;
            Ok("said-replied")
        }
        "update" => {
            let next = when::instant("next_update", posted.text("next_update"), zone, ctx.now)?;
            act::update(ctx, key, posted.text("body"), next)?;
            Ok("said-updated")
        }
        "spoke" => act::spoke_with_customer(ctx, key, posted.text("body")).map(|_| "said-spoke"),
        "take" => {
            // On an incident it also answers the pages that are out.
            let ticket = match key.kind {
                Kind::Incident => actions::page::acknowledge(ctx, key)?,
                Kind::Change | Kind::Task | Kind::PostMortem => act::take(ctx, key, None)?,
            };
            if ticket.owner != ctx.by.person() {
                act::take(ctx, key, None)?;
            }
            Ok("said-taken")
        }
        "page" => actions::page::ask(ctx, key, person("person", posted)?).map(|_| "said-paged"),
        "pass" => {
            let to = person("person", posted)?;
            if posted.text("note").trim().is_empty() {
                act::assign(ctx, key, None, to)?;
            } else {
                act::hand_over(ctx, key, None, to, posted.text("note"))?;
            }
            Ok("said-passed")
        }
        "put-back" => act::unassign(ctx, key, None).map(|_| "said-put-back"),
        "step" => {
            let to: State = posted
                .text("to")
                .parse()
                .map_err(|()| FieldError::new("to", "required"))?;
            act::step(ctx, key, None, to, posted.text("why"))?;
            Ok("said-moved")
        }
        "resolve" => act::resolve(ctx, key, None, posted.text("why")).map(|_| "said-resolved"),
        "restore" => {
            act::step(ctx, key, None, State::Restored, posted.text("why")).map(|_| "said-restored")
        }
        "reopen" => act::reopen(ctx, key, None, posted.text("why")).map(|_| "said-reopened"),
        "hold" => {
            let mut fields = Fields::new();
            let on = fields.take(
                posted
                    .text("on")
                    .parse::<WaitingOn>()
                    .map_err(|()| FieldError::new("on", "required")),
            );
            let until = fields.take(when::instant("until", posted.text("until"), zone, ctx.now));
            let reason = fields.take(crate::domain::text::one_line(
                "reason",
                posted.text("reason"),
                200,
            ));
            fields.check()?;
            if let (Some(on), Some(until), Some(reason)) = (on, until, reason) {
                act::hold(ctx, key, None, &Hold { reason, on, until })?;
            }
            Ok("said-held")
        }
        "release" => act::release(ctx, key, None).map(|_| "said-released"),
        "severity" => {
            let to = posted
                .text("severity")
                .parse()
                .map_err(|()| FieldError::new("severity", "required"))?;
            act::change_severity(ctx, key, None, to, posted.text("why"))?;
            Ok("said-severity")
        }
        "priority" => {
            let to = posted
                .text("priority")
                .parse()
                .map_err(|()| FieldError::new("priority", "required"))?;
            act::change_priority(ctx, key, None, to)?;
            Ok("said-changed")
        }
        "impact" => {
            let at = needed("at", when::instant("at", posted.text("at"), zone, ctx.now)?)?;
            actions::ticket_edit::set_impact(ctx, key, None, at, posted.text("why"))?;
            Ok("said-changed")
        }
        "callback" => {
            let until = needed(
                "until",
                when::instant("until", posted.text("until"), zone, ctx.now)?,
            )?;
            act::promise_callback(ctx, key, posted.text("number"), until)?;
            Ok("said-callback")
        }
        "role" => {
            let role = posted
                .text("role")
                .parse()
                .map_err(|()| FieldError::new("role", "required"))?;
            let to = match posted.text("person") {
                "" => None,
                _ => Some(person("person", posted)?),
            };
            parts::set_role(ctx, key, role, to)?;
            Ok("said-changed")
        }
        "label" => parts::label(ctx, key, posted.text("label")).map(|_| "said-changed"),
        "unlabel" => parts::unlabel(ctx, key, posted.text("label")).map(|_| "said-changed"),
        "watch" if !posted.ticked("live") => {
            parts::watch(ctx, key, Watcher::Person(watcher(ctx, posted)?)).map(|_| "said-watching")
        }
        "unwatch" => parts::unwatch(ctx, key, Watcher::Person(watcher(ctx, posted)?))
            .map(|_| "said-not-watching"),
        "affected" => {
            let name = text("customer");
            let customer = ctx.read(|conn| store::customer::by_name(conn, &name))?;
            let customer = customer.ok_or_else(|| {
                FieldError::new("customer", "unknown-customer").with("value", name)
            })?;
            let reported_at =
                when::instant("reported_at", posted.text("reported_at"), zone, ctx.now)?;
            parts::add_affected(ctx, key, customer, reported_at)?;
            Ok("said-changed")
        }
        "link" | "unlink" => {
            let relation: Relation = posted
                .text("relation")
                .parse()
                .map_err(|()| FieldError::new("relation", "required"))?;
            let other = posted.text("other").trim();
            let to: TicketKey = other.parse().map_err(|()| {
                FieldError::new("other", "unknown-ticket").with("value", other.to_owned())
            })?;
            if verb == "link" {
                parts::link(ctx, key, relation, to)?;
            } else {
                parts::unlink(ctx, key, relation, to)?;
            }
            Ok("said-changed")
        }
        "mark" => {
            let seq = posted.text("seq").parse().map_err(|_| Error::NotFound)?;
            parts::mark_for_report(ctx, key, seq, posted.ticked("mark"))?;
            Ok("said-changed")
        }
        "redact" => {
            let seq = posted.text("seq").parse().map_err(|_| Error::NotFound)?;
            parts::redact(ctx, key, seq, posted.text("why"))?;
            Ok("said-redacted")
        }
        "block" => ticket_mail::block(ctx, key, posted),
        "join" => ticket_mail::answer(ctx, key, posted),
        _ => super::change::act(ctx, key, verb, posted, zone),
    }
}

/// Stores the form's files; their bytes stand before the entry that refers to them.
fn stored(ctx: &Ctx<'_>, posted: &Posted) -> Result<Vec<Evidence>> {
    posted.check_files("file")?;
    posted
        .files
        .iter()
        .map(|file| actions::evidence::keep(ctx, &file.name, &file.media_type, &file.bytes))
        .collect()
}

fn person(field: &'static str, posted: &Posted) -> Result<PersonId> {
    Ok(Id::parse(posted.text(field)).ok_or_else(|| FieldError::new(field, "required"))?)
}

/// Who is meant to watch: somebody chosen, or whoever asks.
fn watcher(ctx: &Ctx<'_>, posted: &Posted) -> Result<PersonId> {
    match posted.text("person") {
        "" => ctx.by.person().ok_or(Error::NotFound),
        _ => person("person", posted),
    }
}

fn needed(field: &'static str, at: Option<Timestamp>) -> Result<Timestamp> {
    Ok(at.ok_or_else(|| FieldError::new(field, "required"))?)
}

/// `GET /INC-12/files/{id}`: evidence, as a download only, whatever it claims to be.
pub async fn file(
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
) -> std::result::Result<HttpResponse, Failure> {
    let (key, id) = path.into_inner();
    let (name, bytes) = viewer
        .run(&app, move |ctx| {
            let key: TicketKey = key.parse().map_err(|()| Error::NotFound)?;
            let id: AttachmentId = Id::parse(&id).ok_or(Error::NotFound)?;
            ctx.read(|conn| {
                let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
                if !ctx.by.is_staff() {
                    return Err(Error::NotFound);
                }
                actions::allow_ticket(conn, &ctx.by, Action::ReadTickets, &ticket)?;
                let found =
                    store::blob::attachment(conn, id)?.filter(|file| file.ticket == ticket.id);
                let file = found.ok_or(Error::NotFound)?;
                let bytes = store::blob::get(conn, file.hash)?.ok_or(Error::NotFound)?;
                Ok((file.name, bytes))
            })
        })
        .await?;
    Ok(reply::download(&name, "application/octet-stream", bytes))
}
