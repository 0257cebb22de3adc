//! What people do in a ticket's room: each form calls one action. A refused form comes back with what was typed.

use actix_web::{HttpRequest, HttpResponse, web};

use super::inputs::stored;
use super::ticket::{self, Refused};
use super::ticket_preview::{self, Outcome};
use super::{ticket_look, ticket_mail, ticket_words, when};
use crate::actions::redact::{self, Redaction};
use crate::actions::ticket_answer::Readers;
use crate::actions::ticket_parts::ToldUs;
use crate::actions::ticket_restore::{Earlier, not_restored_for, restored_for};
use crate::actions::ticket_times::Times;
use crate::actions::{
    self, proposal, ticket as act, ticket_answer, ticket_hold, ticket_merge, ticket_parts as parts,
    ticket_take_back, ticket_talk, ticket_times,
};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::hold::NewHold;
use crate::domain::id::{CustomerId, Id, Kind, PersonId, TicketKey};
use crate::domain::refusal::FieldError;
use crate::domain::text::{self, Title};
use crate::domain::ticket::{Relation, State, WaitingOn};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Fields, Result};
use crate::http::form::Posted;
use crate::http::marks::{self, Detail};
use crate::http::page::Viewer;
use crate::http::reply::{self, Failure};
use crate::store;
use crate::store::ticket::Watcher;
use crate::words::Words;

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
    if ticket_words::is_asked(&verb, &posted) {
        let filled = ticket_words::used(&app, &viewer, key, verb, posted).await?;
        return ticket::page(&req, app, viewer, key, Some(filled)).await;
    }
    if ticket_look::is_asked(&verb, &posted) {
        let looked = ticket_look::looked(&app, &viewer, key, verb, posted).await?;
        return ticket::page(&req, app, viewer, key, Some(looked)).await;
    }
    let (asked, form) = (verb.clone(), posted.clone());
    let done = viewer
        .run(&app, move |ctx| {
            ticket_preview::attempt(ctx, key, &asked, &form, zone)
        })
        .await;
    let (refusal, errors) = match done {
        Ok(Outcome::Done(said)) => {
            return Ok(reply::see_saying(
                &format!("/{key}"),
                said,
                &key.to_string(),
            ));
        }
        Ok(Outcome::Preview(preview)) => {
            return ticket_preview::page(&req, key, &verb, &posted, *preview);
        }
        Err(Failure::House(Error::Refused(refusal))) => (Some(refusal), Vec::new()),
        Err(Failure::House(Error::Invalid(errors))) => (None, errors),
        Err(Failure::House(Error::Stale)) if verb == "plan" => (None, Vec::new()),
        Err(other) => return Err(other),
    };
    let posted = ticket_look::with_files(&app, &viewer, &verb, posted).await?;
    let refused = Refused {
        is_stale: refusal.is_none() && errors.is_empty(),
        verb,
        posted,
        refusal,
        errors,
        look: None,
    };
    ticket::page(&req, app, viewer, key, Some(refused)).await
}

/// Does it; the key of what the next page says.
pub(super) fn do_it(
    ctx: &Ctx<'_>,
    key: TicketKey,
    verb: &str,
    posted: &Posted,
    zone: chrono_tz::Tz,
) -> Result<&'static str> {
    let text = |name: &str| posted.text(name).to_owned();
    let rev = ticket_preview::rev(posted);
    match verb {
        "note" => {
            if goes_out(posted) {
                let said = say(ctx, key, verb, posted, zone)?;
                return Ok(ticket_words::or_waits(&said, "said-note-sent"));
            }
            // Files alone are evidence; text alone is a note; both are evidence with a word about it.
            let files = stored(ctx, posted)?;
            if files.is_empty() {
                act::note(ctx, key, posted.text("body"))?;
            } else {
                parts::attach(ctx, key, posted.text("body"), &files)?;
            }
            Ok("said-noted")
        }
        "reply" => {
            let said = say(ctx, key, verb, posted, zone)?;
            Ok(ticket_words::or_waits(&said, "said-replied"))
        }
        "update" => {
            let said = say(ctx, key, verb, posted, zone)?;
            Ok(ticket_words::or_waits(&said, "said-updated"))
        }
        "spoke" => act::spoke_with_customer(ctx, key, whose(posted)?, posted.text("body"))
            .map(|_| "said-spoke"),
        "take" => {
            // On an incident it also answers the pages that are out.
            let ticket = match key.kind {
                Kind::Incident => actions::page::acknowledge(ctx, key)?,
                Kind::Change | Kind::Task | Kind::PostMortem => act::take(ctx, key, rev)?,
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
                act::assign(ctx, key, rev, to)?;
            } else {
                act::hand_over(ctx, key, rev, to, posted.text("note"))?;
            }
            Ok("said-passed")
        }
        "put-back" => act::unassign(ctx, key, rev).map(|_| "said-put-back"),
        "step" => {
            let to: State = posted
                .text("to")
                .parse()
                .map_err(|()| FieldError::new("to", "required"))?;
            act::step(ctx, key, rev, to, posted.text("why"))?;
            Ok("said-moved")
        }
        "resolve" => {
            let children = posted.all("children").map(ticket_key);
            let children = children.collect::<Result<Vec<_>>>()?;
            act::resolve_with(ctx, key, rev, posted.text("why"), &children)?;
            Ok("said-resolved")
        }
        "not-over" => actions::fix::decline(ctx, key, posted.text("why")).map(|_| "said-not-over"),
        "suspect" => super::suspects::act(ctx, key, posted),
        "restore" => {
            act::step(ctx, key, rev, State::Restored, posted.text("why")).map(|_| "said-restored")
        }
        "reopen" => act::reopen(ctx, key, rev, posted.text("why")).map(|_| "said-reopened"),
        "hold" => {
            ticket_hold::hold(ctx, key, rev, &new_hold(posted, zone, ctx.now)?)?;
            Ok("said-held")
        }
        "release" => {
            let one = Id::parse(posted.text("hold"));
            ticket_hold::release(ctx, key, rev, one).map(|_| "said-released")
        }
        "severity" => {
            let to = posted
                .text("severity")
                .parse()
                .map_err(|()| FieldError::new("severity", "required"))?;
            act::change_severity(ctx, key, rev, to, posted.text("why"))?;
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
        "times" => {
            ticket_times::correct(ctx, key, rev, &times(posted, zone, ctx.now)?)?;
            Ok("said-changed")
        }
        "merge" => {
            let into = ticket_key(posted.text("other"))?;
            ticket_merge::merge(ctx, key, rev, into, posted.text("why"))?;
            Ok("said-merged")
        }
        "unmerge" => {
            ticket_merge::unmerge(ctx, key, rev, posted.text("why")).map(|_| "said-unmerged")
        }
        "share" => {
            let said = say(ctx, key, verb, posted, zone)?;
            Ok(ticket_words::or_waits(&said, "said-shared"))
        }
        "say-approve" => {
            let seen = posted.text("seen").parse().ok();
            proposal::approve(ctx, key, ticket_words::seq(posted)?, seen)
                .map_err(|error| on_wall_clock(error, ctx, zone))?;
            Ok("said-words-approved")
        }
        "say-back" => {
            let why = posted.text("why");
            proposal::send_back(ctx, key, ticket_words::seq(posted)?, why)?;
            Ok("said-words-sent-back")
        }
        "say-withdraw" => {
            proposal::withdraw(ctx, key, ticket_words::seq(posted)?)?;
            Ok("said-words-withdrawn")
        }
        "no-reply" => {
            ticket_talk::no_reply_needed(ctx, key, rev, whose(posted)?, posted.text("why"))
                .map(|_| "said-no-reply")
        }
        "callback" => {
            let until = needed(
                "until",
                when::instant("until", posted.text("until"), zone, ctx.now)?,
            )?;
            let to = whose(posted)?;
            act::promise_callback(ctx, key, rev, to, posted.text("number"), until)?;
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
            let told = reported_at.map(|at| ToldUs {
                at,
                why: posted.text("why"),
                evidence: posted.text("evidence"),
            });
            parts::add_affected(ctx, key, customer, told)?;
            Ok("said-changed")
        }
        "take-back" => {
            let seq = posted.text("seq").parse().map_err(|_| Error::NotFound)?;
            let (why, evidence) = (posted.text("why"), posted.text("evidence"));
            ticket_take_back::take_back(ctx, key, rev, seq, why, evidence)?;
            Ok("said-taken-back")
        }
        "works-again" => {
            let at = when::instant("restored_at", posted.text("restored_at"), zone, ctx.now)?;
            let earlier = at.map(|at| Earlier {
                at,
                why: posted.text("why"),
                evidence: posted.text("evidence"),
            });
            restored_for(ctx, key, rev, hit(posted)?, earlier)?;
            Ok("said-works-again")
        }
        "not-restored" => {
            not_restored_for(ctx, key, rev, hit(posted)?, posted.text("why"))?;
            Ok("said-not-restored")
        }
        "link" | "unlink" => {
            let relation: Relation = posted
                .text("relation")
                .parse()
                .map_err(|()| FieldError::new("relation", "required"))?;
            let to = ticket_key(posted.text("other"))?;
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
            redact::redact(ctx, key, seq, &redaction(posted)?)?;
            Ok("said-redacted")
        }
        "block" => ticket_mail::block(ctx, key, posted),
        "join" => ticket_mail::answer(ctx, key, posted),
        _ => super::change::act(ctx, key, verb, posted, zone),
    }
}

/// Whether the note's form is for customers too.
pub(super) fn goes_out(posted: &Posted) -> bool {
    !matches!(posted.text("audience"), "" | "internal")
}

/// Who may read it, as the note's form says.
fn readers(ctx: &Ctx<'_>, posted: &Posted) -> Result<Readers> {
    Ok(match posted.text("audience") {
        "" | "internal" => Readers::Team,
        "customer" => Readers::Customer(None),
        "all_affected" => Readers::AllAffected,
        _ => Readers::Customer(Some(one_of(ctx, "audience", posted)?)),
    })
}

/// The customer to whom something is said. Whoever may not say it hears that, whatever they sent.
fn one_of(ctx: &Ctx<'_>, field: &'static str, posted: &Posted) -> Result<CustomerId> {
    actions::allow(&ctx.by, Action::Reply, Target::House)?;
    whom(field, posted)
}

/// A customer, by id.
fn whom(field: &'static str, posted: &Posted) -> Result<CustomerId> {
    Ok(Id::parse(posted.text(field)).ok_or_else(|| FieldError::new(field, "required"))?)
}

/// Answers one customer, tells everybody affected, or lets the customer read a note.
pub(super) fn say(
    ctx: &Ctx<'_>,
    key: TicketKey,
    verb: &str,
    posted: &Posted,
    zone: chrono_tz::Tz,
) -> Result<proposal::Said> {
    let next = next_update(posted, zone, ctx.now)?;
    let (text, files) = (posted.text("body"), stored(ctx, posted)?);
    let seen = posted.text("seen").parse().ok();
    let said = match verb {
        "note" => ticket_answer::bring(ctx, key, text, &files, seen, readers(ctx, posted)?),
        "update" => act::update_with(ctx, key, text, next, &files),
        "share" => {
            let seq = posted.text("seq").parse().map_err(|_| Error::NotFound)?;
            ticket_answer::share(ctx, key, seq)
        }
        _ => {
            let to = match posted.text("customer") {
                "" => None,
                _ => Some(one_of(ctx, "customer", posted)?),
            };
            act::reply_to(ctx, key, to, text, next, seen, &files)
        }
    };
    said.map_err(|error| on_wall_clock(error, ctx, zone))
}

fn redaction(posted: &Posted) -> Result<Redaction> {
    let title = posted.text("title").trim();
    let files = posted.all("files").map(|text| {
        let unknown = FieldError::new("files", "no-such-file");
        Id::parse(text).ok_or_else(|| unknown.with("value", text.to_owned()))
    });
    Ok(Redaction {
        why: posted.text("why").to_owned(),
        text: posted.ticked("text"),
        files: files.collect::<std::result::Result<_, _>>()?,
        title: match title {
            "" => None,
            title => Some(Title::parse(title)?),
        },
    })
}

/// When they will hear from us again, as a form says it.
fn next_update(
    posted: &Posted,
    zone: chrono_tz::Tz,
    now: Timestamp,
) -> std::result::Result<Option<Timestamp>, FieldError> {
    when::instant("next_update_by", posted.text("next_update_by"), zone, now)
}

/// What is wrong with a field names its instants on the reader's wall clock.
fn on_wall_clock(error: Error, ctx: &Ctx<'_>, zone: chrono_tz::Tz) -> Error {
    let Error::Invalid(mut errors) = error else {
        return error;
    };
    for (_, value) in errors.iter_mut().flat_map(|error| &mut error.args) {
        if let Some(at) = Timestamp::parse_rfc3339(value) {
            let words = Words::english();
            *value = marks::time_text(words, at, ctx.now, zone, Detail::Full).into();
        }
    }
    Error::Invalid(errors)
}

fn person(field: &'static str, posted: &Posted) -> Result<PersonId> {
    Ok(Id::parse(posted.text(field)).ok_or_else(|| FieldError::new(field, "required"))?)
}

/// Which of the customers who were hit.
fn hit(posted: &Posted) -> Result<CustomerId> {
    whom("hit", posted)
}

/// Which of several customers, if one is named.
fn whose(posted: &Posted) -> Result<Option<CustomerId>> {
    match posted.text("customer_id") {
        "" => Ok(None),
        named => {
            let unknown =
                || FieldError::new("customer_id", "not-affected").with("value", named.to_owned());
            Ok(Some(Id::parse(named).ok_or_else(unknown)?))
        }
    }
}

/// Who is meant to watch: somebody chosen, or whoever asks.
fn watcher(ctx: &Ctx<'_>, posted: &Posted) -> Result<PersonId> {
    match posted.text("person") {
        "" => ctx.by.person().ok_or(Error::NotFound),
        _ => person("person", posted),
    }
}

fn ticket_key(text: &str) -> Result<TicketKey> {
    let text = text.trim();
    let unknown = || FieldError::new("other", "unknown-ticket").with("value", text.to_owned());
    Ok(text.parse().map_err(|()| unknown())?)
}

/// All faults of the hold's form at once.
fn new_hold(posted: &Posted, zone: chrono_tz::Tz, now: Timestamp) -> Result<NewHold> {
    let mut fields = Fields::new();
    let on = fields.take(
        posted
            .text("on")
            .parse::<WaitingOn>()
            .map_err(|()| FieldError::new("on", "required")),
    );
    let mut at =
        |name: &'static str| fields.take(when::instant(name, posted.text(name), zone, now));
    let (since, until, nudge_at) = (at("since"), at("until"), at("nudge_at"));
    let reason = fields.take(text::one_line("reason", posted.text("reason"), 200));
    let whom = fields.take(text::optional_line(
        "whom",
        posted.text("whom"),
        text::NAME_CHARS,
    ));
    fields.check()?;
    let hold = NewHold::new(on.unwrap_or(WaitingOn::Date), reason.unwrap_or_default());
    Ok(NewHold {
        whom: whom.flatten().unwrap_or_default(),
        since: since.flatten(),
        evidence: posted.text("evidence").to_owned(),
        until: until.flatten(),
        nudge_at: nudge_at.flatten(),
        ..hold
    })
}

/// Fields hold minutes: what wasn't touched says nothing.
fn times(posted: &Posted, zone: chrono_tz::Tz, now: Timestamp) -> Result<Times> {
    let mut fields = Fields::new();
    let was = |name: &str| posted.text(&format!("was-{name}")).trim().to_owned();
    let is_touched = |name: &str| posted.text(name).trim() != was(name);
    let mut times = Times {
        why: posted.text("why").to_owned(),
        evidence: posted.text("evidence").to_owned(),
        ..Times::default()
    };
    for (name, to) in [
        ("restored_at", &mut times.restored_at),
        ("resolved_at", &mut times.resolved_at),
    ] {
        if is_touched(name) {
            let at = fields.take(when::instant(name, posted.text(name), zone, now));
            *to = at.flatten();
        }
    }
    if is_touched("at") {
        let at = fields.take(when::instant("at", posted.text("at"), zone, now));
        times.impact_at = at.flatten();
    }
    for (name, value) in &posted.texts {
        let customer = name.strip_prefix("reported-").and_then(Id::parse);
        if let Some(customer) = customer.filter(|_| is_touched(name)) {
            let at = fields.take(when::instant("reported", value, zone, now));
            times.reported.push((customer, at.flatten()));
        }
    }
    fields.check()?;
    Ok(times)
}

fn needed(field: &'static str, at: Option<Timestamp>) -> Result<Timestamp> {
    Ok(at.ok_or_else(|| FieldError::new(field, "required"))?)
}
