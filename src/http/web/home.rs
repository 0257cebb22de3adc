//! My shift: am I on call, when am I next, is anything on fire, what is mine.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::inputs::Answer;
use super::names::{Names, Wanted};
use super::row::TicketRow;
use crate::actions;
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::id::{Kind, MailId, PersonId, TeamId, TicketId, TicketKey};
use crate::domain::oncall::{Shift, Stretch, stretches};
use crate::domain::query::Sort;
use crate::domain::severity::Severity;
use crate::domain::ticket::{State, Ticket};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::http::frame;
use crate::http::marks::{Burns, Tick};
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::store::intake::StoredMail;
use crate::store::proposal::Proposal;
use crate::store::queue::{self, Filter};
use crate::store::{self, Conn};

/// How far ahead shifts are looked for.
const AHEAD_SECS: i64 = 28 * 86_400;

/// Mails that ask to join a ticket; the ledger of mail has the others.
const MOST_JOINS: i64 = 5;

/// More words than this wait nowhere.
const MOST_WAITING: i64 = 200;

/// Whether the viewer is on call, and who else.
struct Watch {
    /// The viewer is on call.
    is_mine: bool,
    /// When that ends, how long it is, and who is next; `None` if no end is planned.
    mine: Option<(Timestamp, Tick)>,
    next_name: String,
    /// Who is on call if it isn't the viewer; "" is nobody.
    now_name: String,
    /// Nobody is on call, or there is no rota at all.
    is_gap: bool,
    has_rota: bool,
    /// From when, and until when, as far as that is planned.
    coming: Vec<(Timestamp, Option<Timestamp>)>,
}

#[derive(Template)]
#[template(path = "home/shift.html")]
struct HomePage {
    p: Page,
    greeting: String,
    watch: Watch,
    fire: Vec<TicketRow>,
    mine: Vec<TicketRow>,
    unowned: Vec<TicketRow>,
    replied: Vec<TicketRow>,
    changes: Vec<TicketRow>,
    /// Tickets with words that wait for a second person, for who can be it; and how many words.
    words: Vec<TicketRow>,
    word_count: usize,
    joins: Vec<Join>,
}

/// A mail that asks to join a ticket, for those who may read mail.
struct Join {
    mail: MailId,
    key: TicketKey,
    from: String,
    until: Timestamp,
}

struct Found {
    watch: Watch,
    names: Names,
    fire: Vec<Ticket>,
    mine: Vec<Ticket>,
    unowned: Vec<Ticket>,
    replied: Vec<Ticket>,
    changes: Vec<Ticket>,
    words: Vec<Ticket>,
    word_count: usize,
    joins: Vec<Join>,
}

/// `GET /`
pub async fn shift(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    if !viewer.principal.is_staff() {
        return Ok(portal());
    }
    let found = viewer.run(&app, load).await?;
    let page = Page::new(&req, "home-title");
    let words = page.words;
    let rows = |tickets: &[Ticket]| -> Vec<TicketRow> {
        tickets
            .iter()
            .map(|ticket| TicketRow::of(ticket, &found.names, words, page.now))
            .collect()
    };
    let template = HomePage {
        greeting: greeting(&page),
        fire: rows(&found.fire),
        mine: rows(&found.mine),
        unowned: rows(&found.unowned),
        replied: rows(&found.replied),
        changes: rows(&found.changes),
        words: rows(&found.words),
        word_count: found.word_count,
        joins: found.joins,
        watch: found.watch,
        p: page,
    };
    reply::page(&template)
}

/// Customers have a home of their own.
fn portal() -> HttpResponse {
    reply::see("/portal")
}

/// By the hour of the viewer's own clock.
fn greeting(page: &Page) -> String {
    use chrono::Timelike;
    let key = match page.now.in_zone(page.zone).hour() {
        5..12 => "home-morning",
        12..18 => "home-afternoon",
        18..22 => "home-evening",
        _ => "home-night",
    };
    let first = page
        .name()
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned();
    page.t1(key, "name", first).into_owned()
}

fn load(ctx: &Ctx<'_>) -> Result<Found> {
    actions::allow(&ctx.by, Action::ReadTickets, Target::House)?;
    ctx.read(|conn| {
        let me = ctx.by.person();
        let own = || Filter {
            owners: me.into_iter().collect(),
            ..Filter::default()
        };
        let fire = Filter {
            kinds: vec![Kind::Incident],
            severities: vec![Severity::Disaster, Severity::High],
            ..Filter::default()
        };
        let unowned = Filter {
            unowned: Some(true),
            kinds: vec![Kind::Incident],
            ..Filter::default()
        };
        let replied = Filter {
            awaits_us: Some(true),
            ..Filter::default()
        };
        let changes = Filter {
            kinds: vec![Kind::Change],
            states: vec![State::Approved, State::InProgress, State::OnWatch],
            ..Filter::default()
        };
        let mut list = |filter: &Filter, most| -> Result<Vec<Ticket>> {
            Ok(queue::slice(conn, filter, Sort::Due, None, most)?.tickets)
        };
        let fire = list(&fire, 8)?;
        let mine = if me.is_some() {
            list(&own(), 12)?
        } else {
            Vec::new()
        };
        let unowned = list(&unowned, 5)?;
        let replied = list(&replied, 5)?;
        let changes = list(&changes, 5)?;
        let waiting = match actions::allow(&ctx.by, Action::SpeakFreely, Target::House) {
            Ok(()) => store::proposal::waiting(conn, MOST_WAITING)?,
            Err(_) => Vec::new(),
        };
        let words = waiting_tickets(conn, &waiting)?;
        // What burns is said once.
        let burns = |ticket: &Ticket| fire.iter().any(|it| it.id == ticket.id);
        let mine: Vec<Ticket> = mine.into_iter().filter(|ticket| !burns(ticket)).collect();
        let unowned: Vec<Ticket> = unowned
            .into_iter()
            .filter(|ticket| !burns(ticket))
            .collect();
        let all = fire
            .iter()
            .chain(&mine)
            .chain(&unowned)
            .chain(&replied)
            .chain(&changes)
            .chain(&words);
        let all: Vec<Ticket> = all.cloned().collect();
        let names = Names::load(conn, Wanted::of_tickets(&all))?
            .burning(actions::sla_burn::of_tickets(ctx.app, conn, &all, ctx.now)?);
        let team = frame::team_of(conn, me)?;
        Ok(Found {
            watch: watch(conn, me, team, ctx.now)?,
            names,
            fire,
            mine,
            unowned,
            replied,
            changes,
            words,
            word_count: waiting.len(),
            joins: joins(conn, ctx)?,
        })
    })
}

/// The mails that ask to join a ticket, those first that are decided about first.
fn joins(conn: &mut Conn, ctx: &Ctx<'_>) -> Result<Vec<Join>> {
    if actions::allow(&ctx.by, Action::ReadMail, Target::House).is_err() {
        return Ok(Vec::new());
    }
    let mails = store::mail_join::ahead(conn, MOST_JOINS)?;
    let asked: Vec<TicketId> = mails.iter().filter_map(|mail| mail.ticket).collect();
    let tickets = store::ticket::by_ids(conn, &asked)?;
    let join = |mail: StoredMail| {
        let ticket = tickets.iter().find(|it| Some(it.id) == mail.ticket)?;
        Some(Join {
            mail: mail.id,
            key: ticket.key,
            from: mail.from_shown,
            until: mail.join_due_at?,
        })
    };
    Ok(mails.into_iter().filter_map(join).collect())
}

/// The tickets of what has waited longest.
fn waiting_tickets(conn: &mut Conn, waiting: &[Proposal]) -> Result<Vec<Ticket>> {
    let mut ids: Vec<TicketId> = Vec::new();
    for it in waiting {
        if !ids.contains(&it.ticket_id) && ids.len() < 5 {
            ids.push(it.ticket_id);
        }
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut tickets = store::ticket::by_ids(conn, &ids)?;
    tickets.sort_by_key(|ticket| ids.iter().position(|id| *id == ticket.id));
    Ok(tickets)
}

fn watch(
    conn: &mut Conn,
    me: Option<PersonId>,
    team: Option<TeamId>,
    now: Timestamp,
) -> Result<Watch> {
    let mut watch = Watch {
        is_mine: false,
        mine: None,
        next_name: String::new(),
        now_name: String::new(),
        is_gap: true,
        has_rota: false,
        coming: Vec::new(),
    };
    let Some(team) = team else {
        return Ok(watch);
    };
    let shifts = actions::oncall::shifts(
        conn,
        team,
        now.plus_secs(-AHEAD_SECS),
        now.plus_secs(AHEAD_SECS),
    )?;
    watch.has_rota = shifts.iter().any(|shift| shift.person.is_some());
    let name = |conn: &mut Conn, person: Option<PersonId>| -> Result<String> {
        match person {
            Some(person) => {
                Ok(store::people::person(conn, person)?.map_or_else(String::new, |it| it.name))
            }
            None => Ok(String::new()),
        }
    };
    let runs = |shift: &&Shift| shift.starts_at <= now && shift.ends_at > now;
    let own = me.map(|me| stretches(&shifts, me)).unwrap_or_default();
    let is_on = |stretch: &&Stretch| {
        stretch.starts_at <= now && stretch.ends_at.is_none_or(|ends_at| ends_at > now)
    };
    if let Some(mine) = own.iter().find(is_on) {
        watch.is_mine = true;
        watch.is_gap = false;
        watch.mine = mine.ends_at.map(|due_at| {
            let total_secs = due_at.secs_since(mine.starts_at);
            let burns = Burns::Always { total_secs };
            (due_at, Tick::Running { due_at, burns })
        });
        let after = shifts.iter().find(|shift| {
            mine.ends_at
                .is_some_and(|ends_at| shift.starts_at >= ends_at)
        });
        watch.next_name = name(conn, after.and_then(|shift| shift.person))?;
    } else if let Some(now_shift) = shifts.iter().find(runs) {
        watch.now_name = name(conn, now_shift.person)?;
        watch.is_gap = now_shift.person.is_none();
    }
    watch.coming = own
        .iter()
        .filter(|stretch| stretch.starts_at > now)
        .take(3)
        .map(|stretch| (stretch.starts_at, stretch.ends_at))
        .collect();
    Ok(watch)
}
