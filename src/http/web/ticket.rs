//! A ticket's room: what is promised next, what is known, who does what, the tape, and every action as a form.
//!
//! One page for all kinds; what a kind doesn't have isn't drawn. A form that was refused is shown again as it was sent.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono_tz::Tz;

use super::change::{self, ChangeView, CommitsView};
use super::clock;
use super::deployments::OnPage;
use super::fixes::{self, FixesView};
use super::holds::{HoldLine, hold_line};
use super::inputs::{CARRIED, carried_file};
use super::queue::param;
use super::room::{Lens, Reached, Room, ServiceLine, load};
use super::row::{self, TicketRow};
use super::suspects::{self, SuspectsView};
use super::tape::{self, Item};
use super::ticket_mail::MailSide;
use super::ticket_words::{self, WordsSide};
use crate::actions::letter_look::Look;
use crate::app::App;
use crate::domain::access::Action;
use crate::domain::id::{Kind, PersonId, TicketKey};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::severity::{Priority, Severity};
use crate::domain::ticket::{Relation, Role, State, WaitingOn};
use crate::domain::timestamp::Timestamp;
use crate::domain::wording;
use crate::error::Error;
use crate::http::form::{Form, Posted};
use crate::http::marks::{Glyph, Tick};
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::store::ticket::Watcher;
use crate::words::Words;

/// A form of this page that is shown again as it was sent: one that was refused, or one that isn't done yet.
pub struct Refused {
    pub verb: String,
    pub posted: Posted,
    pub refusal: Option<Refusal>,
    pub errors: Vec<FieldError>,
    /// Somebody else had changed the same meanwhile.
    pub is_stale: bool,
    /// What it would send, where that was asked.
    pub look: Option<Look>,
}

impl Refused {
    fn form(&self, words: &'static Words) -> Form {
        match self.is_stale {
            true => Form::stale(words, &self.posted),
            false => Form::kept(words, &self.posted, self.errors.clone()),
        }
    }
}

pub struct ClockLine {
    pub label: String,
    pub tick: Tick,
    pub line: String,
    pub explain: Option<String>,
    /// "held 2 h, waiting for Contoso".
    pub note: Option<String>,
    pub due_at: Option<Timestamp>,
    /// The agreement's zone, if the reader's is another.
    pub theirs: Option<Tz>,
}

pub struct AffectedLine {
    pub id: String,
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
    /// As it has risen by itself.
    shown_priority: Option<Priority>,
    glyph: Glyph,
    state: String,
    holds: Vec<HoldLine>,
    /// Key and title of where it goes on.
    merged_into: Option<(String, String)>,
    absorbed: Vec<TicketRow>,
    can_merge: bool,
    /// Keys and titles of parts of it that are open.
    open_children: Vec<(String, String)>,
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
    reached: Reached,
    look: Option<Look>,
    affected_count: usize,
    newest_seq: i64,
    refusal: Option<String>,
    verb: String,
    form: Form,
    may_work: bool,
    may_reply: bool,
    change: Option<ChangeView>,
    commits: Vec<CommitsView>,
    deployments: OnPage,
    suspects: Option<SuspectsView>,
    fixes: FixesView,
    may_page: bool,
    /// Pages are out and nobody has answered.
    is_paging: bool,
    mail: MailSide,
    words: WordsSide,
    may_speak: bool,
    may_handle_mail: bool,
    may_redact: bool,
    /// The entry whose form for redacting is open.
    redacting: Option<i64>,
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

    /// The text says when its reader hears next, which is filled when it is sent.
    fn leaves_open(&self, verb: &str) -> bool {
        wording::names_next_update(self.text(verb, "body"))
    }

    /// Whether there is a customer who could read what is written here.
    fn has_readers(&self) -> bool {
        self.reply_to.is_some() || self.affected_count > 0
    }

    /// What the form of this verb would send, where that was asked.
    fn looks(&self, verb: &str) -> Option<&Look> {
        self.look.as_ref().filter(|_| self.verb == verb)
    }

    /// The files that a form brings along since it was sent before: the field's value, and the name.
    fn carried(&self, verb: &str) -> Vec<(String, String)> {
        if self.verb != verb {
            return Vec::new();
        }
        let files = self.form.all(CARRIED);
        files
            .map(|file| (file.to_owned(), carried_file(file).2.to_owned()))
            .collect()
    }

    fn has_severity(&self, severity: &Severity) -> bool {
        self.severity == Some(*severity)
    }

    fn is_at(&self, verb: &str) -> bool {
        self.verb == verb
    }

    /// Whether a refused redaction had this ticked.
    fn chose(&self, name: &str, value: &str) -> bool {
        self.verb == "redact" && self.form.is_ticked(name, value)
    }

    fn redacts(&self, seq: &i64) -> bool {
        self.redacting == Some(*seq)
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
    if key.kind == Kind::PostMortem && param(&req, "show").is_none() {
        return super::postmortem::show(&req, app, viewer, key).await;
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
    let redacting = param(req, "redact").and_then(|text| text.parse().ok());
    let me = viewer.principal.person();
    let refused = match param(req, "again").and_then(|text| text.parse().ok()) {
        Some(seq) if refused.is_none() => ticket_words::again(&app, &viewer, key, seq).await?,
        _ => refused,
    };
    let room = viewer
        .run(&app, move |ctx| load(ctx, key, lens, before))
        .await?;
    let page = Page::titled(req, format!("{key} {}", room.ticket.title));
    let is_wrong = |it: &Refused| it.refusal.is_some() || !it.errors.is_empty();
    let status = match &refused {
        Some(refused) if refused.is_stale => StatusCode::CONFLICT,
        Some(refused) if is_wrong(refused) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    reply::page_with(status, &drawn(page, room, lens, me, refused, redacting))
}

fn drawn(
    p: Page,
    mut room: Room,
    lens: Lens,
    me: Option<PersonId>,
    refused: Option<Refused>,
    redacting: Option<i64>,
) -> RoomPage {
    let words = p.words;
    let deployments = std::mem::take(&mut room.change.deployments);
    let suspects = room.suspects.take().map(|it| suspects::view(it, &p));
    let is_open = room.ticket.is_open();
    let fixes = fixes::view(std::mem::take(&mut room.fixes), is_open, &p);
    let ticket = &room.ticket;
    let kind = ticket.key.kind;
    let (glyph, state) = row::stand(ticket, words);
    let commits = change::commits_view(&room.change, &p);
    let kept = refused.as_ref().filter(|refused| refused.verb == "plan");
    let kept = kept.map(|it| it.form(words));
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
            explain: clock.explain.clone(),
            note: None,
            due_at: None,
            theirs: None,
        });
    let finish_state = match kind {
        Kind::Task => State::Done,
        _ => State::Resolved,
    };
    let next_states = ticket.state.next(kind);
    let can_reopen = !ticket.is_open()
        && ticket.merged_into.is_none()
        && next_states.iter().any(|state| state.is_open());
    let finish = next_states
        .contains(&finish_state)
        .then(|| says("step", finish_state.as_str()));
    let can_restore = next_states.contains(&State::Restored);
    // The rest stands in a list; but a change has forms of its own below its plan, and a post-mortem on its page.
    let in_list = |state: &State| match kind {
        Kind::Change => *state == State::Cancelled,
        Kind::PostMortem => false,
        Kind::Incident | Kind::Task => {
            let reopens = !ticket.is_open() && state.is_open();
            *state != finish_state && *state != State::Restored && !reopens
        }
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
    let (verb, form, refusal, look) = match refused {
        Some(refused) => (
            refused.verb,
            Form::kept(words, &refused.posted, refused.errors),
            refused.refusal.map(|refusal| words.refusal(&refusal)),
            refused.look,
        ),
        None => (String::new(), Form::new(words), None, None),
    };
    // A refused one stays open on its entry.
    let redacting = match verb.as_str() {
        "redact" => form.value("seq").parse().ok(),
        _ => redacting,
    };
    let mut items = tape::items(
        &room.entries,
        &room.corrections,
        &room.files,
        &room.names,
        words,
        p.now,
        p.zone,
    );
    room.show_mails(&mut items, words);
    RoomPage {
        key: ticket.key.to_string(),
        kind,
        is_incident: kind == Kind::Incident,
        is_open: ticket.is_open(),
        title: ticket.title.to_string(),
        severity: ticket.severity.filter(|_| kind == Kind::Incident),
        priority: ticket.priority,
        shown_priority: crate::domain::task::shown_priority(ticket, p.now),
        glyph,
        state,
        holds: ticket
            .holds
            .iter()
            .map(|hold| hold_line(hold, &p))
            .collect(),
        merged_into: room
            .survivor
            .as_ref()
            .map(|other| (other.key.to_string(), other.title.to_string())),
        absorbed: room
            .absorbed
            .iter()
            .map(|other| TicketRow::of(other, &room.names, words, p.now))
            .collect(),
        can_merge: matches!(kind, Kind::Incident | Kind::Task),
        open_children: room
            .open_children
            .iter()
            .map(|child| (child.key.to_string(), child.title.to_string()))
            .collect(),
        customer: ticket
            .customer
            .map_or_else(String::new, |id| room.names.customer(id).to_owned()),
        reply_to: room.requester.clone(),
        reached: room.reached,
        look,
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
                id: row.customer_id.to_string(),
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
        steps: next_states
            .iter()
            .filter(|state| in_list(state))
            .map(|state| says("step", state.as_str()))
            .collect(),
        finish,
        change,
        commits,
        deployments,
        suspects,
        fixes,
        can_restore,
        can_reopen,
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
        may_page: p.may(Action::PageSomeone),
        is_paging: room.is_paging,
        mail: room.mail,
        words: room.words,
        may_speak: p.may(Action::SpeakFreely),
        may_handle_mail: p.may(Action::HandleMail),
        may_redact: p.may(Action::Redact),
        redacting,
        p,
    }
}
