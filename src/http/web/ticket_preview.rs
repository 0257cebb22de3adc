//! Old and new deadlines before anything is saved. A form that would move some is shown as a page to confirm; one that moves none
//! is saved at once. Works without script: the page carries what was typed.

use actix_web::HttpRequest;
use askama::Template;
use chrono_tz::Tz;

use super::inputs::Answer;
use super::names::{Names, Wanted};
use super::row;
use super::ticket_do::do_it;
use crate::actions::what_if::{self, Move, Stand};
use crate::app::Ctx;
use crate::domain::id::TicketKey;
use crate::domain::sla_clock::ClockState;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::http::form::Posted;
use crate::http::page::Page;
use crate::http::reply;
use crate::store;

/// The verbs by which clocks may move without being kept: these are looked at before they are done.
const MOVING: &[&str] = &[
    "severity",
    "hold",
    "release",
    "step",
    "restore",
    "take",
    "pass",
    "put-back",
    "reopen",
    "times",
    "affected",
    "works-again",
    "not-restored",
    "callback",
    "no-reply",
    "take-back",
    "merge",
    "unmerge",
    // those of a change
    "plan",
    "ask",
    "approve",
    "refuse",
    "redraft",
    "start",
    "finish",
    "break-glass",
];
/// What a form of ours carries besides what was typed.
const OURS: &[&str] = &["csrf", "preview", "confirmed", "rev"];

/// What became of a form.
pub enum Outcome {
    /// Done; what the next page says.
    Done(&'static str),
    /// Not done yet: this is what it would move.
    Preview(Box<Preview>),
}

pub struct Preview {
    version: i64,
    title: String,
    moves: Vec<Move>,
    names: Names,
    /// Somebody changed the ticket after the first look.
    is_second: bool,
}

/// The version that a confirmed form was looked at with.
pub fn rev(posted: &Posted) -> Option<i64> {
    if posted.ticked("confirmed") {
        posted.text("rev").parse().ok()
    } else {
        None
    }
}

/// Does what a form of the ticket's room asks for, or says what it would move.
pub fn attempt(
    ctx: &Ctx<'_>,
    key: TicketKey,
    verb: &str,
    posted: &Posted,
    zone: Tz,
) -> Result<Outcome> {
    // Two things have that name: to hear of a ticket, and to put a change that is live on watch.
    let is_on_watch = verb == "watch" && posted.ticked("live");
    let may_move = is_on_watch || MOVING.contains(&verb);
    // Whoever merges sees what becomes of both.
    let always = verb == "merge";
    run(
        ctx,
        &touched(key, verb, posted),
        posted,
        may_move,
        always,
        |ctx, posted| do_it(ctx, key, verb, posted, zone),
    )
}

/// The tickets of which somebody wants to see the clocks.
fn touched(key: TicketKey, verb: &str, posted: &Posted) -> Vec<TicketKey> {
    let others = match verb {
        "merge" => posted.all("other").collect(),
        "resolve" => posted.all("children").collect(),
        _ => Vec::new(),
    };
    let others = others
        .into_iter()
        .filter_map(|text| text.trim().parse().ok());
    std::iter::once(key).chain(others).collect()
}

/// As [`attempt`], for any form about the first of `keys`.
pub fn run(
    ctx: &Ctx<'_>,
    keys: &[TicketKey],
    posted: &Posted,
    may_move: bool,
    always: bool,
    work: impl Fn(&Ctx<'_>, &Posted) -> Result<&'static str>,
) -> Result<Outcome> {
    let is_confirmed = posted.ticked("confirmed");
    let asks = posted.ticked("preview") || always && !is_confirmed;
    if asks || may_move && !is_confirmed {
        let preview = looked(ctx, keys, |ctx| work(ctx, posted))?;
        if asks || preview.moves.iter().any(Move::moves) {
            return Ok(Outcome::Preview(Box::new(preview)));
        }
    }
    match work(ctx, posted) {
        // What was confirmed isn't what would happen now.
        Err(Error::Stale) if is_confirmed => {
            let again = typed(posted);
            let mut preview = looked(ctx, keys, |ctx| work(ctx, &again))?;
            preview.is_second = true;
            Ok(Outcome::Preview(Box::new(preview)))
        }
        other => other.map(Outcome::Done),
    }
}

/// What was typed, without what a look at it added.
fn typed(posted: &Posted) -> Posted {
    let mut typed = posted.clone();
    typed
        .texts
        .retain(|(name, _)| !OURS.contains(&name.as_str()));
    typed
}

fn looked(
    ctx: &Ctx<'_>,
    keys: &[TicketKey],
    work: impl Fn(&Ctx<'_>) -> Result<&'static str>,
) -> Result<Preview> {
    let key = keys.first().copied().ok_or(Error::NotFound)?;
    let ticket = ctx.read(|conn| store::ticket::by_key(conn, key))?;
    let ticket = ticket.ok_or(Error::NotFound)?;
    let (_, mut moves) = what_if::of(ctx, keys, work)?;
    moves.sort_by_key(|it| !it.moves());
    let wanted = Wanted {
        customers: moves.iter().filter_map(|it| it.customer).collect(),
        ..Wanted::default()
    };
    Ok(Preview {
        version: ticket.version,
        title: ticket.title.to_string(),
        names: ctx.read(|conn| Names::load(conn, wanted))?,
        moves,
        is_second: false,
    })
}

#[derive(Template)]
#[template(path = "ticket/preview.html")]
struct PreviewPage {
    p: Page,
    key: String,
    title: String,
    /// Where the form goes when it is confirmed.
    action: String,
    what: String,
    is_second: bool,
    moves: Vec<MoveLine>,
    /// Promises that stay as they are.
    others: usize,
    has_several_tickets: bool,
    typed: Vec<(String, String)>,
    version: i64,
}

struct MoveLine {
    key: String,
    label: String,
    before: Side,
    after: Side,
}

/// One side of an arrow: a deadline, and what is to be said of it.
struct Side {
    due_at: Option<Timestamp>,
    word: String,
    is_late: bool,
}

/// The page that asks whether to save. `verb` is the form's own address below the ticket.
pub fn page(
    req: &HttpRequest,
    key: TicketKey,
    verb: &str,
    posted: &Posted,
    preview: Preview,
) -> Answer {
    let p = Page::titled(req, format!("{key} {}", preview.title));
    let moving = preview.moves.iter().filter(|it| it.moves());
    let moves: Vec<MoveLine> = moving.map(|it| line(it, &preview.names, &p)).collect();
    let mut tickets: Vec<TicketKey> = preview.moves.iter().map(|it| it.key).collect();
    tickets.sort_unstable();
    tickets.dedup();
    let what = format!("preview-{verb}");
    reply::page(&PreviewPage {
        key: key.to_string(),
        title: preview.title,
        action: format!("/{key}/{verb}"),
        what: p.t(&what).into_owned(),
        is_second: preview.is_second,
        others: preview.moves.len() - moves.len(),
        moves,
        has_several_tickets: tickets.len() > 1,
        typed: typed(posted).texts,
        version: preview.version,
        p,
    })
}

fn line(it: &Move, names: &Names, p: &Page) -> MoveLine {
    let promise = row::promise(Some(it.metric.as_str()), p.words);
    let label = match it.customer {
        Some(customer) => format!("{promise}, {}", names.customer(customer)),
        None => promise,
    };
    MoveLine {
        key: it.key.to_string(),
        label,
        before: side(it.before.as_ref(), p),
        after: side(it.after.as_ref(), p),
    }
}

fn side(stand: Option<&Stand>, p: &Page) -> Side {
    let Some(stand) = stand else {
        return Side {
            due_at: None,
            word: p.t("preview-none").into_owned(),
            is_late: false,
        };
    };
    let is_open = stand.state.is_open();
    Side {
        due_at: stand.deadline_at.filter(|_| is_open),
        word: match stand.state {
            ClockState::Running | ClockState::Scheduled => String::new(),
            ClockState::Held if stand.deadline_at.is_none() => {
                p.t("preview-held-open").into_owned()
            }
            state => p.word("clock-state", state.as_str()),
        },
        is_late: is_open && stand.breached_at.is_some(),
    }
}
