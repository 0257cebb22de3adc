//! A ticket's room: what is promised next, what is known, who does what, the tape, and every action as a form.
//!
//! One page for all kinds; what a kind doesn't have isn't drawn. A form that was refused is shown again as it was sent.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::change::{self, ChangeView, CommitsView};
use super::clock;
use super::names::{Names, Wanted};
use super::queue::param;
use super::row::{self, TicketRow};
use super::tape::{self, Item};
use crate::actions;
use crate::app::{App, Ctx};
use crate::domain::access::Action;
use crate::domain::id::{Kind, PersonId, TicketKey};
use crate::domain::people::Part;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::severity::{Priority, Severity};
use crate::domain::ticket::{Relation, Role, State, Ticket, WaitingOn};
use crate::domain::timeline::EntryKind;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::http::form::{Form, Posted};
use crate::http::marks::{Glyph, Tick};
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::store::blob::Attachment;
use crate::store::sla::ClockRow;
use crate::store::ticket::{Affected, Watcher};
use crate::store::timeline::Recorded;
use crate::store::{self, Conn};

/// Entries on one page of the tape.
const ENTRIES: i64 = 60;

/// A form of this page that was refused.
pub struct Refused {
    pub verb: String,
    pub posted: Posted,
    pub refusal: Option<Refusal>,
    pub errors: Vec<FieldError>,
}

/// Which entries the tape shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lens {
    All,
    Key,
    Talk,
}

/// Somebody and what they are here.
pub struct Reachable {
    pub name: String,
    pub phone: String,
}

pub struct ClockLine {
    pub label: String,
    pub tick: Tick,
    pub line: String,
    pub explain: Option<String>,
}

pub struct AffectedLine {
    pub name: String,
    pub impact_at: Timestamp,
    pub reported_at: Option<Timestamp>,
    pub restored_at: Option<Timestamp>,
}

pub struct LinkLine {
    pub relation: String,
    pub row: TicketRow,
    /// The relation's word and the other key, for taking it away; only from this side.
    pub removable: Option<(String, String)>,
}

pub struct WatcherLine {
    pub name: String,
    pub is_me: bool,
}

struct ServiceLine {
    name: String,
    runbook_url: Option<String>,
    is_single_point: bool,
    experts: Vec<Reachable>,
    need_to_know: Vec<Reachable>,
}

/// Everything the page shows, read in one go.
struct Room {
    ticket: Ticket,
    names: Names,
    entries: Vec<Recorded>,
    files: Vec<Attachment>,
    older: Option<i64>,
    affected: Vec<Affected>,
    links: Vec<(store::ticket::Link, Ticket)>,
    roles: Vec<(Role, PersonId)>,
    watchers: Vec<Watcher>,
    watcher_names: Vec<String>,
    labels: Vec<String>,
    services: Vec<ServiceLine>,
    requester: Option<String>,
    people: Vec<(String, String)>,
    customers: Vec<String>,
    now_card: Option<Recorded>,
    newest_seq: i64,
    clocks: Vec<ClockRow>,
    change: change::Known,
}

#[derive(Template)]
#[template(path = "ticket/room.html")]
struct RoomPage {
    p: Page,
    key: String,
    kind: Kind,
    is_incident: bool,
    is_open: bool,
    title: String,
    severity: Option<Severity>,
    priority: Option<Priority>,
    glyph: Glyph,
    state: String,
    hold: Option<HoldLine>,
    customer: String,
    requester: Option<String>,
    owner: String,
    is_mine: bool,
    /// The customer wrote last.
    awaits_us: bool,
    me: String,
    team: String,
    next: Option<ClockLine>,
    clocks: Vec<ClockLine>,
    now_card: Option<(String, String, Timestamp)>,
    roles: Vec<(&'static str, String, String, bool)>,
    services: Vec<ServiceLine>,
    affected: Vec<AffectedLine>,
    links: Vec<LinkLine>,
    watchers: Vec<WatcherLine>,
    i_watch: bool,
    labels: Vec<String>,
    impact_at: Timestamp,
    logged_at: Timestamp,
    restored_at: Option<Timestamp>,
    resolved_at: Option<Timestamp>,
    due_at: Option<Timestamp>,
    callback: Option<(String, Option<Timestamp>)>,
    bridge_url: Option<String>,
    chat_url: Option<String>,
    items: Vec<Item>,
    lens: &'static str,
    older: Option<i64>,
    /// Steps of the state machine that have no button of their own.
    steps: Vec<(String, String)>,
    finish: Option<(String, String)>,
    can_restore: bool,
    can_reopen: bool,
    severities: Vec<(Severity, String)>,
    priorities: Vec<(String, String)>,
    people: Vec<(String, String)>,
    customers: Vec<String>,
    waiting: Vec<(String, String)>,
    relations: Vec<(String, String)>,
    role_choices: Vec<(String, String)>,
    reply_to: Option<String>,
    affected_count: usize,
    newest_seq: i64,
    refusal: Option<String>,
    verb: String,
    form: Form,
    may_work: bool,
    may_reply: bool,
    change: Option<ChangeView>,
    commits: Vec<CommitsView>,
}

struct HoldLine {
    reason: String,
    on: String,
    until: Option<Timestamp>,
}

impl RoomPage {
    /// The form of a verb: as it was sent if it was refused, empty otherwise.
    fn text(&self, verb: &str, name: &str) -> &str {
        if self.verb == verb {
            self.form.value(name)
        } else {
            ""
        }
    }

    fn has_severity(&self, severity: &Severity) -> bool {
        self.severity == Some(*severity)
    }

    fn is_at(&self, verb: &str) -> bool {
        self.verb == verb
    }

    fn problem(&self, verb: &str, name: &str) -> Option<String> {
        if self.verb == verb {
            self.form.problem(name)
        } else {
            None
        }
    }
}

/// `GET /INC-12`
pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    key: web::Path<String>,
) -> std::result::Result<HttpResponse, Failure> {
    let key: TicketKey = key.parse().map_err(|()| Error::NotFound)?;
    // One address per ticket.
    if req.path().trim_start_matches('/') != key.to_string() {
        return Ok(reply::see(&format!("/{key}")));
    }
    page(&req, app, viewer, key, None).await
}

/// The room, after a refused form with that form as it was sent.
pub async fn page(
    req: &HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    key: TicketKey,
    refused: Option<Refused>,
) -> std::result::Result<HttpResponse, Failure> {
    let lens = match param(req, "show").as_deref() {
        Some("key") => Lens::Key,
        Some("talk") => Lens::Talk,
        _ => Lens::All,
    };
    let before = param(req, "before").and_then(|text| text.parse().ok());
    let me = viewer.principal.person();
    let room = viewer
        .run(&app, move |ctx| load(ctx, key, lens, before))
        .await?;
    let page = Page::titled(req, format!("{key} {}", room.ticket.title));
    let status = if refused.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    reply::page_with(status, &drawn(page, room, lens, me, refused))
}

fn load(ctx: &Ctx<'_>, key: TicketKey, lens: Lens, before: Option<i64>) -> Result<Room> {
    ctx.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
        // Contacts have a page of their own, which shows them their part.
        if !ctx.by.is_staff() {
            return Err(Error::NotFound);
        }
        actions::allow_ticket(conn, &ctx.by, Action::ReadTickets, &ticket)?;
        let id = ticket.id;
        let (entries, older) = entries(conn, &ticket, lens, before)?;
        let affected = store::ticket::affected(conn, id)?;
        let links = store::ticket::links(conn, id)?;
        let others = store::ticket::by_ids(
            conn,
            &links.iter().map(|link| link.other).collect::<Vec<_>>(),
        )?;
        let roles = store::ticket::roles(conn, id)?;
        let watchers = store::ticket::watchers(conn, id)?;
        let mut wanted = Wanted::of_tickets(others.iter().chain([&ticket]));
        wanted
            .people
            .extend(roles.iter().map(|(_, person)| *person));
        wanted
            .customers
            .extend(affected.iter().map(|row| row.customer_id));
        tape::wanted(&entries, &mut wanted);
        let names = Names::load(conn, wanted)?;
        let persons = store::people::persons(conn)?;
        let mut people: Vec<(String, String)> = persons
            .iter()
            .filter(|person| person.is_active)
            .map(|person| (person.id.to_string(), person.name.clone()))
            .collect();
        people.sort_by_key(|(_, name)| name.to_lowercase());
        let services = store::ticket::services(conn, id)?
            .into_iter()
            .filter_map(|service| service_line(conn, service, &persons).transpose())
            .collect::<Result<Vec<_>>>()?;
        let watcher_names = watchers
            .iter()
            .map(|watcher| match watcher {
                Watcher::Person(id) => Ok(persons
                    .iter()
                    .find(|it| it.id == *id)
                    .map_or_else(String::new, |it| it.name.clone())),
                Watcher::Contact(id) => {
                    Ok(store::people::contact(conn, *id)?.map_or_else(String::new, |it| it.name))
                }
            })
            .collect::<Result<Vec<_>>>()?;
        let requester = match ticket.requester {
            Some(id) => store::people::contact(conn, id)?.map(|it| it.name),
            None => ticket.requester_address.clone(),
        };
        let mut customers: Vec<String> = store::customer::all(conn)?
            .into_iter()
            .filter(|it| it.is_active)
            .take(200)
            .map(|it| it.name)
            .collect();
        customers.sort_by_key(|name| name.to_lowercase());
        let now_card = store::timeline::of_kinds(conn, id, &[EntryKind::Update])?.pop();
        let change = change::load(conn, ctx, &ticket)?;
        Ok(Room {
            change,
            files: store::blob::attachments(conn, id)?,
            clocks: store::sla::of_ticket(conn, id)?,
            labels: store::ticket::labels(conn, id)?,
            links: links
                .into_iter()
                .filter_map(|link| {
                    others
                        .iter()
                        .find(|it| it.id == link.other)
                        .map(|it| (link, it.clone()))
                })
                .collect(),
            newest_seq: ticket.entry_count,
            ticket,
            names,
            entries,
            older,
            affected,
            roles,
            watchers,
            watcher_names,
            services,
            requester,
            people,
            customers,
            now_card,
        })
    })
}

/// One page of the tape, newest first, and where the older one begins.
fn entries(
    conn: &mut Conn,
    ticket: &Ticket,
    lens: Lens,
    before: Option<i64>,
) -> Result<(Vec<Recorded>, Option<i64>)> {
    if lens == Lens::All {
        let entries = store::timeline::page(conn, ticket.id, before, ENTRIES)?;
        let older = entries.last().map(|entry| entry.seq).filter(|seq| *seq > 1);
        return Ok((entries, older));
    }
    let matches = if lens == Lens::Key {
        tape::is_key
    } else {
        tape::is_talk
    };
    let kinds: Vec<EntryKind> = EntryKind::ALL
        .iter()
        .copied()
        .filter(|kind| matches(*kind))
        .collect();
    let mut entries = store::timeline::of_kinds(conn, ticket.id, &kinds)?;
    entries.reverse();
    entries.truncate(200);
    Ok((entries, None))
}

fn service_line(
    conn: &mut Conn,
    id: crate::domain::id::ServiceId,
    persons: &[crate::domain::people::Person],
) -> Result<Option<ServiceLine>> {
    let Some(service) = store::house::service(conn, id)? else {
        return Ok(None);
    };
    let mut part = |part: Part| -> Result<Vec<Reachable>> {
        let ids = store::house::people_of_service(conn, id, part)?;
        let known = ids
            .iter()
            .filter_map(|id| persons.iter().find(|it| it.id == *id));
        Ok(known
            .map(|it| Reachable {
                name: it.name.clone(),
                phone: it.phone.clone().unwrap_or_default(),
            })
            .collect())
    };
    Ok(Some(ServiceLine {
        experts: part(Part::Expert)?,
        need_to_know: part(Part::NeedToKnow)?,
        is_single_point: service.is_single_point_of_failure(),
        name: service.name,
        runbook_url: service.runbook_url,
    }))
}

fn drawn(
    p: Page,
    room: Room,
    lens: Lens,
    me: Option<PersonId>,
    refused: Option<Refused>,
) -> RoomPage {
    let words = p.words;
    let ticket = &room.ticket;
    let kind = ticket.key.kind;
    let (glyph, state) = row::stand(ticket, words);
    let commits = change::commits_view(&room.change, &p);
    let kept = refused.as_ref().filter(|refused| refused.verb == "plan");
    let kept = kept.map(|it| Form::kept(words, &it.posted, it.errors.clone()));
    let change = change::view(&room.change, ticket, &p, kept);
    let says = |family: &str, word: &str| (word.to_owned(), p.word(family, word));
    let clocks = clock::lines(
        ticket.key,
        &room.clocks,
        |clock| {
            let name = clock.customer_id.map(|id| room.names.customer(id));
            name.unwrap_or_default().to_owned()
        },
        &p,
    );
    let next = clocks
        .iter()
        .filter(|clock| matches!(clock.tick, Tick::Running { .. }))
        .min_by_key(|clock| match clock.tick {
            Tick::Running { due_at, .. } => due_at,
            _ => Timestamp::NEVER,
        })
        .map(|clock| ClockLine {
            label: clock.label.clone(),
            tick: clock.tick,
            line: String::new(),
            explain: None,
        });
    let finish_state = match kind {
        Kind::Task => State::Done,
        _ => State::Resolved,
    };
    let steps: Vec<State> = ticket
        .state
        .next(kind)
        .iter()
        .copied()
        // A change's steps have forms of their own below its plan.
        .filter(|state| kind != Kind::Change || !ticket.is_open() || *state == State::Cancelled)
        .collect();
    let finish = steps
        .contains(&finish_state)
        .then(|| says("step", finish_state.as_str()));
    let is_own_button = |state: &State| {
        *state == finish_state || (*state == State::InProgress && !ticket.is_open())
    };
    let holder = |role: Role| {
        room.roles
            .iter()
            .find(|(known, _)| *known == role)
            .map(|(_, person)| *person)
    };
    let role_lines = Role::ALL
        .iter()
        .map(|role| {
            let person = holder(*role);
            let name =
                person.map_or_else(String::new, |person| room.names.person(person).to_owned());
            (
                role.as_str(),
                p.word("role", role.as_str()),
                name,
                person.is_some() && person == me,
            )
        })
        .collect();
    let (verb, form, refusal) = match refused {
        Some(refused) => (
            refused.verb,
            Form::kept(words, &refused.posted, refused.errors),
            refused.refusal.map(|refusal| words.refusal(&refusal)),
        ),
        None => (String::new(), Form::new(words), None),
    };
    let items = tape::items(
        &room.entries,
        &room.files,
        &room.names,
        words,
        p.now,
        p.zone,
    );
    RoomPage {
        key: ticket.key.to_string(),
        kind,
        is_incident: kind == Kind::Incident,
        is_open: ticket.is_open(),
        title: ticket.title.to_string(),
        severity: ticket.severity.filter(|_| kind == Kind::Incident),
        priority: ticket.priority,
        glyph,
        state,
        hold: ticket.hold.as_ref().map(|hold| HoldLine {
            reason: hold.reason.clone(),
            on: p.word("waiting", hold.on.as_str()),
            until: hold.until,
        }),
        customer: ticket
            .customer
            .map_or_else(String::new, |id| room.names.customer(id).to_owned()),
        reply_to: room.requester.clone(),
        requester: room.requester.clone(),
        owner: ticket
            .owner
            .map_or_else(String::new, |id| room.names.person(id).to_owned()),
        awaits_us: ticket.awaits_us,
        is_mine: me.is_some() && ticket.owner == me,
        me: me.map(|id| id.to_string()).unwrap_or_default(),
        team: ticket
            .team
            .map_or_else(String::new, |id| room.names.team(id).to_owned()),
        next,
        clocks,
        now_card: room.now_card.as_ref().map(|entry| {
            (
                entry.body.clone(),
                entry.actor_name.clone(),
                entry.effective_at,
            )
        }),
        roles: role_lines,
        affected_count: room.affected.len(),
        affected: room
            .affected
            .iter()
            .map(|row| AffectedLine {
                name: room.names.customer(row.customer_id).to_owned(),
                impact_at: row.impact_at,
                reported_at: row.reported_at,
                restored_at: row.restored_at,
            })
            .collect(),
        links: room
            .links
            .iter()
            .map(|(link, other)| {
                let word = link.relation.as_str();
                let relation = if link.outgoing {
                    p.word("relation", word)
                } else {
                    p.word("relation", &format!("{word}-back"))
                };
                LinkLine {
                    relation,
                    row: TicketRow::of(other, &room.names, words, p.now),
                    removable: link
                        .outgoing
                        .then(|| (word.to_owned(), other.key.to_string())),
                }
            })
            .collect(),
        i_watch: me.is_some_and(|me| room.watchers.contains(&Watcher::Person(me))),
        watchers: room
            .watchers
            .iter()
            .zip(&room.watcher_names)
            .map(|(watcher, name)| WatcherLine {
                name: name.clone(),
                is_me: matches!(watcher, Watcher::Person(id) if Some(*id) == me),
            })
            .collect(),
        labels: room.labels.clone(),
        impact_at: ticket.impact_at,
        logged_at: ticket.logged_at,
        restored_at: ticket.restored_at,
        resolved_at: ticket.resolved_at,
        due_at: ticket.due_at,
        callback: ticket
            .callback_number
            .clone()
            .map(|number| (number, ticket.callback_at)),
        bridge_url: ticket.bridge_url.clone(),
        chat_url: ticket.chat_url.clone(),
        items,
        lens: match lens {
            Lens::All => "",
            Lens::Key => "key",
            Lens::Talk => "talk",
        },
        older: room.older,
        steps: steps
            .iter()
            .filter(|state| !is_own_button(state) && **state != State::Restored)
            .map(|state| says("step", state.as_str()))
            .collect(),
        finish,
        change,
        commits,
        can_restore: steps.contains(&State::Restored),
        can_reopen: !ticket.is_open() && !steps.is_empty(),
        severities: Severity::ALL
            .iter()
            .map(|severity| (*severity, p.word("severity", severity.as_str())))
            .collect(),
        priorities: Priority::ALL
            .iter()
            .map(|priority| says("priority", priority.as_str()))
            .collect(),
        waiting: WaitingOn::ALL
            .iter()
            .map(|on| says("waiting", on.as_str()))
            .collect(),
        relations: Relation::ALL
            .iter()
            .map(|relation| says("relation", relation.as_str()))
            .collect(),
        role_choices: Role::ALL
            .iter()
            .map(|role| says("role", role.as_str()))
            .collect(),
        people: room.people,
        customers: room.customers,
        services: room.services,
        newest_seq: room.newest_seq,
        refusal,
        verb,
        form,
        may_work: p.may(Action::WorkOnTicket),
        may_reply: p.may(Action::Reply),
        p,
    }
}
