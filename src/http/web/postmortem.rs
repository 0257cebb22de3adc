//! A post-mortem: what happened in sections with their questions, the meeting with the rule that found its slot, the tasks that
//! came out of it. What was refused is shown again as it was sent.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;
use chrono_tz::Tz;

use super::inputs::Answer;
use super::row;
use super::when;
use crate::actions::meeting::{self, Choice};
use crate::actions::postmortem::{self, NewAction};
use crate::actions::{allow_ticket, ticket as act};
use crate::app::{App, Ctx};
use crate::domain::access::Action;
use crate::domain::id::{Id, Kind, PersonId, TicketKey};
use crate::domain::people::Person;
use crate::domain::postmortem::{Guest, MEETING_SECS, Meeting, MeetingState, Readiness, Section};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::severity::{Priority, Severity};
use crate::domain::task::{ActionType, shown_priority};
use crate::domain::text::Title;
use crate::domain::ticket::{State, Ticket};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Fields, Result};
use crate::http::form::{Form, Posted};
use crate::http::marks::Glyph;
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::store;
use crate::store::postmortem::ActionItem;

/// Everything the page shows, read in one go.
struct Known {
    ticket: Ticket,
    incident: Option<Ticket>,
    sections: Vec<(Section, String)>,
    meeting: Option<Meeting>,
    guests: Vec<Guest>,
    actions: Vec<(ActionItem, Ticket)>,
    people: Vec<Person>,
    /// Invitations can leave the house: an address of ours and a sender are set.
    can_invite: bool,
    readiness: Readiness,
}

/// A form of this page that was refused.
struct Refused {
    verb: String,
    posted: Posted,
    refusal: Option<Refusal>,
    errors: Vec<FieldError>,
    /// Somebody else wrote meanwhile.
    is_stale: bool,
}

struct SectionLine {
    name: &'static str,
    label: String,
    prompt: String,
    text: String,
    rows: u8,
}

struct MeetingLine {
    starts_at: Timestamp,
    ends_at: Timestamp,
    deadline_at: Timestamp,
    is_late: bool,
    is_planned: bool,
    state: String,
    rule: String,
    place: String,
    guests: String,
}

struct ActionLine {
    key: String,
    title: String,
    owner: String,
    due_at: Option<Timestamp>,
    kind: String,
    priority: Priority,
    state: String,
    glyph: Glyph,
    commitment: String,
}

#[derive(Template)]
#[template(path = "postmortem/page.html")]
struct PostMortemPage {
    p: Page,
    key: String,
    title: String,
    severity: Option<Severity>,
    kind: Kind,
    state: String,
    glyph: Glyph,
    owner: String,
    incident: Option<(String, String)>,
    sections: Vec<SectionLine>,
    meeting: Option<MeetingLine>,
    can_invite: bool,
    actions: Vec<ActionLine>,
    write: Form,
    meet: Form,
    action: Form,
    step: Form,
    steps: Vec<(String, String)>,
    /// Steps that can't be taken yet, and why.
    not_yet: Vec<(String, String)>,
    people: Vec<(String, String)>,
    types: Vec<(String, String)>,
    refusal: Option<String>,
    may_edit: bool,
    may_write: bool,
    is_open: bool,
    budget_days: i64,
}

/// `GET /PM-4`
pub async fn show(
    req: &HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    key: TicketKey,
) -> Answer {
    page(req, app, viewer, key, None).await
}

async fn page(
    req: &HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    key: TicketKey,
    refused: Option<Refused>,
) -> Answer {
    let known = viewer.run(&app, move |ctx| load(ctx, key)).await?;
    let p = Page::titled(req, format!("{key} {}", known.ticket.title));
    let status = match &refused {
        Some(refused) if refused.is_stale => StatusCode::CONFLICT,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    reply::page_with(status, &drawn(p, known, refused))
}

fn load(ctx: &Ctx<'_>, key: TicketKey) -> Result<Known> {
    ctx.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
        if !ctx.by.is_staff() || key.kind != Kind::PostMortem {
            return Err(Error::NotFound);
        }
        allow_ticket(conn, &ctx.by, Action::ReadTickets, &ticket)?;
        let record = store::postmortem::by_ticket(conn, ticket.id)?;
        let incident = match record.and_then(|record| record.incident_id) {
            Some(incident) => store::ticket::by_id(conn, incident)?,
            None => None,
        };
        let meeting = store::postmortem::meeting_of(conn, ticket.id)?;
        let guests = match &meeting {
            Some(meeting) => store::postmortem::guests(conn, meeting.id)?,
            None => Vec::new(),
        };
        let settings = crate::actions::settings::in_force_with(ctx.app, conn)?;
        Ok(Known {
            sections: store::postmortem::sections(conn, ticket.id)?,
            actions: postmortem::actions(conn, ticket.id)?,
            people: store::people::persons(conn)?,
            can_invite: settings.public_url.is_some() && settings.mail_from.is_some(),
            readiness: postmortem::readiness(conn, ctx, &ticket)?,
            ticket,
            incident,
            meeting,
            guests,
        })
    })
}

fn drawn(p: Page, known: Known, refused: Option<Refused>) -> PostMortemPage {
    let words = p.words;
    let ticket = &known.ticket;
    let name = |id: Option<PersonId>| {
        known
            .people
            .iter()
            .find(|person| Some(person.id) == id)
            .map_or_else(String::new, |person| person.name.clone())
    };
    let (verb, refusal) = match &refused {
        Some(refused) => (
            refused.verb.as_str(),
            match &refused.refusal {
                None if refused.is_stale => None,
                Some(refusal) => Some(words.refusal(refusal)),
                None => Some(p.t("form-wrong").into_owned()),
            },
        ),
        None => ("", None),
    };
    let kept = |name: &str, fresh: Form| match &refused {
        Some(refused) if verb == name && refused.is_stale => {
            Form::opened(Some(Form::stale(words, &refused.posted)), fresh)
        }
        Some(refused) if verb == name => Form::kept(words, &refused.posted, refused.errors.clone()),
        _ => fresh,
    };
    let write = known
        .sections
        .iter()
        .fold(Form::new(words), |form, (section, text)| {
            form.with(section.as_str(), text)
        })
        .with("rev", ticket.version);
    let planned = known
        .meeting
        .as_ref()
        .filter(|meeting| meeting.state == MeetingState::Planned);
    let meet = match planned {
        Some(meeting) => Form::new(words)
            .with("starts_at", p.field_time(&meeting.slot.starts_at))
            .with(
                "minutes",
                meeting.slot.ends_at.secs_since(meeting.slot.starts_at) / 60,
            )
            .with("place", &meeting.place),
        None => Form::new(words).with("minutes", MEETING_SECS / 60),
    };
    let write = kept("write", write);
    let (mut steps, mut not_yet) = (Vec::new(), Vec::new());
    for state in ticket.state.next(Kind::PostMortem) {
        let named = p.word("pm-step", state.as_str());
        match known.readiness.allow(ticket, *state) {
            Ok(()) => steps.push((state.as_str().to_owned(), named)),
            Err(refusal) => not_yet.push((named, words.refusal(&refusal))),
        }
    }
    let may_edit = p.may(Action::EditPostMortem);
    let people = std::iter::once((String::new(), p.t("pm-choose-person").into_owned()))
        .chain(
            known
                .people
                .iter()
                .filter(|person| person.is_active)
                .map(|person| (person.id.to_string(), person.name.clone())),
        )
        .collect();
    PostMortemPage {
        key: ticket.key.to_string(),
        title: ticket.title.to_string(),
        severity: ticket.severity,
        kind: Kind::PostMortem,
        state: p.word("state", ticket.state.as_str()),
        glyph: row::glyph(ticket.state),
        owner: name(ticket.owner),
        incident: known
            .incident
            .as_ref()
            .map(|incident| (incident.key.to_string(), incident.title.to_string())),
        sections: known
            .sections
            .iter()
            .map(|(section, _)| SectionLine {
                name: section.as_str(),
                label: p.word("pm-section", section.as_str()),
                prompt: p.word("pm-prompt", section.as_str()),
                text: write.value(section.as_str()).to_owned(),
                rows: match section {
                    Section::Timeline => 12,
                    Section::Factors => 8,
                    _ => 4,
                },
            })
            .collect(),
        meeting: known.meeting.as_ref().map(|meeting| MeetingLine {
            starts_at: meeting.slot.starts_at,
            ends_at: meeting.slot.ends_at,
            deadline_at: meeting.deadline_at,
            is_late: meeting.state == MeetingState::Planned
                && meeting.slot.ends_at > meeting.deadline_at,
            is_planned: meeting.state == MeetingState::Planned,
            state: p.word("pm-meeting", meeting.state.as_str()),
            rule: meeting::rule_sentence(words, meeting.slot.rule),
            place: meeting.place.clone(),
            guests: known
                .guests
                .iter()
                .map(|guest| match guest.answer {
                    Some(answer) => {
                        let key = format!("guest-{answer}");
                        format!("{} ({})", guest.name, words.t(&key))
                    }
                    None => guest.name.clone(),
                })
                .collect::<Vec<_>>()
                .join(", "),
        }),
        can_invite: known.can_invite,
        actions: known
            .actions
            .iter()
            .map(|(item, task)| ActionLine {
                key: task.key.to_string(),
                title: task.title.to_string(),
                owner: name(task.owner),
                due_at: task.due_at,
                kind: p.word("pm-action", item.action_type.as_str()),
                priority: shown_priority(task, p.now).unwrap_or(Priority::Normal),
                state: p.word("state", task.state.as_str()),
                glyph: row::glyph(task.state),
                commitment: item.commitment.clone().unwrap_or_default(),
            })
            .collect(),
        meet: kept("meet", meet),
        action: kept("add-action", Form::new(words)).prefixed("a-"),
        step: kept("move", Form::new(words)).prefixed("s-"),
        write,
        steps,
        not_yet,
        people,
        types: ActionType::ALL
            .iter()
            .map(|kind| (kind.as_str().to_owned(), p.word("pm-action", kind.as_str())))
            .collect(),
        refusal,
        may_write: may_edit && matches!(ticket.state, State::Draft | State::InReview),
        may_edit,
        is_open: ticket.is_open(),
        budget_days: postmortem::budget_days(ticket.severity),
        p,
    }
}

/// `POST /PM-4/post-mortem/{step}`: what only a post-mortem has.
pub async fn act(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
    posted: Posted,
) -> Answer {
    let (key, verb) = path.into_inner();
    let key: TicketKey = key.parse().map_err(|()| Error::NotFound)?;
    if key.kind != Kind::PostMortem {
        return Err(Error::NotFound.into());
    }
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
        Err(Failure::House(Error::Stale)) if verb == "write" => (None, Vec::new()),
        Err(other) => return Err(other),
    };
    let refused = Refused {
        is_stale: refusal.is_none() && errors.is_empty(),
        verb,
        posted,
        refusal,
        errors,
    };
    page(&req, app, viewer, key, Some(refused)).await
}

fn do_it(
    ctx: &Ctx<'_>,
    key: TicketKey,
    verb: &str,
    posted: &Posted,
    zone: Tz,
) -> Result<&'static str> {
    let person =
        || Id::parse(posted.text("person")).ok_or_else(|| FieldError::new("person", "required"));
    match verb {
        "write" => {
            let written: Vec<(Section, String)> = Section::ALL
                .iter()
                .map(|section| (*section, posted.text(section.as_str()).to_owned()))
                .collect();
            let rev = posted.text("rev").parse().ok();
            postmortem::write(ctx, key, rev, &written)?;
            Ok("said-saved")
        }
        "meet" => {
            let mut fields = Fields::new();
            let at = when::instant("starts_at", posted.text("starts_at"), zone, ctx.now)
                .and_then(|at| at.ok_or_else(|| FieldError::new("starts_at", "required")));
            let minutes = posted
                .text("minutes")
                .trim()
                .parse()
                .map_err(|_| FieldError::new("minutes", "not-minutes"));
            let (at, minutes) = (fields.take(at), fields.take(minutes));
            fields.check()?;
            if let (Some(starts_at), Some(minutes)) = (at, minutes) {
                let place = posted.text("place").to_owned();
                let choice = Choice {
                    starts_at,
                    minutes,
                    place,
                };
                meeting::choose(ctx, key, None, &choice)?;
            }
            Ok("said-meeting-set")
        }
        "held" => meeting::hold(ctx, key, None).map(|_| "said-meeting-held"),
        "cancel-meeting" => {
            meeting::cancel(ctx, key, None, posted.text("why")).map(|_| "said-meeting-cancelled")
        }
        "invite" => meeting::invite(ctx, key, person()?).map(|_| "said-invited-to-meeting"),
        "add-action" => {
            let mut fields = Fields::new();
            let title = fields.take(Title::parse(posted.text("title")));
            let owner = fields.take(person());
            let kind = posted.text("type").parse::<ActionType>();
            let kind = fields.take(kind.map_err(|()| FieldError::new("type", "required")));
            let due_at = fields.take(when::instant("due", posted.text("due"), zone, ctx.now));
            fields.check()?;
            if let (Some(title), Some(owner), Some(action_type), Some(due_at)) =
                (title, owner, kind, due_at)
            {
                let new = NewAction {
                    title,
                    outline: posted.text("outline").to_owned(),
                    action_type,
                    owner,
                    due_at,
                    commitment: posted.text("commitment").to_owned(),
                };
                postmortem::add_action(ctx, key, &new)?;
            }
            Ok("said-action-added")
        }
        "move" => {
            let to: State = posted
                .text("to")
                .parse()
                .map_err(|()| FieldError::new("to", "required"))?;
            act::step(ctx, key, None, to, posted.text("why"))?;
            Ok("said-moved")
        }
        _ => Err(Error::NotFound),
    }
}

/// `POST /INC-12/post-mortem`: opens it by hand; where there is one already, goes there.
pub async fn open(
    app: web::Data<App>,
    viewer: Viewer,
    key: web::Path<String>,
    _posted: Posted,
) -> Answer {
    let key: TicketKey = key.parse().map_err(|()| Error::NotFound)?;
    let opened = viewer
        .run(&app, move |ctx| postmortem::open(ctx, key))
        .await;
    match opened {
        Ok(pm) => {
            let key = pm.key.to_string();
            Ok(reply::see_saying(
                &format!("/{key}"),
                "said-opened-pm",
                &key,
            ))
        }
        Err(Failure::House(Error::Refused(refusal))) if refusal.rule == "has-post-mortem" => {
            let known = refusal.args.iter().find(|(name, _)| *name == "key");
            Ok(reply::see(&format!(
                "/{}",
                known.map_or("", |(_, key)| key)
            )))
        }
        Err(other) => Err(other),
    }
}
