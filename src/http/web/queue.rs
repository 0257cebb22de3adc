//! The queue: one list in deadline order, one box to filter it. The address is the state: a filter can be mailed to somebody.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::names::{Names, Wanted};
use super::row::TicketRow;
use crate::actions;
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::id::{Id, Kind, PersonId};
use crate::domain::query::{Is, Owner, Query, Sort};
use crate::domain::refusal::FieldError;
use crate::domain::search::Question;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::http::form::Posted;
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure, coded};
use crate::store::queue::{Cursor, Filter, Slice};
use crate::store::search::{self, Eyes};
use crate::store::view::SavedView;
use crate::store::{self, Conn};

const ROWS: i64 = 50;
/// Counts beyond this are shown as "99+": counting on would cost more than it tells.
const COUNTED: i64 = 100;
/// Tickets that a search for words may bring into the list.
const FOUND: i64 = 500;
/// Rows of one CSV export.
const EXPORTED: i64 = 10_000;

/// A chip above the list: a filter that people need often, with its count.
pub struct Chip {
    pub label: String,
    pub query: &'static str,
    pub count: String,
    pub is_here: bool,
}

#[derive(Template)]
#[template(path = "queue/list.html")]
struct QueuePage {
    p: Page,
    heading: String,
    q: String,
    problems: Vec<String>,
    summary: String,
    chips: Vec<Chip>,
    rows: Vec<TicketRow>,
    next: Option<String>,
    is_first: bool,
    views: Vec<SavedView>,
    is_filtered: bool,
    /// The list of changes, beside which the calendar of them is.
    is_of_changes: bool,
}

#[derive(Default)]
struct Found {
    rows: Vec<crate::domain::ticket::Ticket>,
    names: Names,
    next: Option<Cursor>,
    chips: [i64; 4],
    open: i64,
    late: i64,
    soon: i64,
    views: Vec<SavedView>,
}

/// `GET /queue`
pub async fn list(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
) -> std::result::Result<HttpResponse, Failure> {
    let page = Page::new(&req, "queue-title");
    let asked = param(&req, "q");
    let q = asked.clone().unwrap_or_else(|| "is:open".to_owned());
    show(&req, app, viewer, page, q, asked.is_some()).await
}

/// `GET /incidents`, `/changes`, `/tasks`, `/post-mortems`: the queue of one kind.
pub async fn incidents(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
) -> std::result::Result<HttpResponse, Failure> {
    of_kind(req, app, viewer, Kind::Incident).await
}

pub async fn changes(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
) -> std::result::Result<HttpResponse, Failure> {
    of_kind(req, app, viewer, Kind::Change).await
}

pub async fn tasks(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
) -> std::result::Result<HttpResponse, Failure> {
    of_kind(req, app, viewer, Kind::Task).await
}

pub async fn post_mortems(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
) -> std::result::Result<HttpResponse, Failure> {
    of_kind(req, app, viewer, Kind::PostMortem).await
}

async fn of_kind(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    kind: Kind,
) -> std::result::Result<HttpResponse, Failure> {
    let (title, q) = match kind {
        Kind::Incident => ("incidents-title", "is:open type:incident"),
        Kind::Change => ("changes-title", "is:open type:change"),
        Kind::Task => ("tasks-title", "is:open type:task"),
        Kind::PostMortem => ("post-mortems-title", "type:post_mortem is:any"),
    };
    let page = Page::new(&req, title);
    show(
        &req,
        app,
        viewer,
        page,
        param(&req, "q").unwrap_or_else(|| q.to_owned()),
        true,
    )
    .await
}

async fn show(
    req: &HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    page: Page,
    q: String,
    is_filtered: bool,
) -> std::result::Result<HttpResponse, Failure> {
    let from = param(req, "from").and_then(|text| Cursor::parse(&text));
    let asked = q.clone();
    let found = viewer
        .run(&app, move |ctx| find(ctx, &asked, from, ROWS))
        .await;
    // A filter that can't be read says so at the box; the chips and the rest of the page stay.
    let (found, errors) = match found {
        Ok(found) => (found, Vec::new()),
        Err(Failure::House(Error::Invalid(errors))) => {
            let rest = viewer
                .run(&app, move |ctx| find(ctx, "is:open", None, 0))
                .await?;
            (rest, errors)
        }
        Err(other) => return Err(other),
    };
    let words = page.words;
    let status = if errors.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let template = QueuePage {
        is_of_changes: req.path() == "/changes",
        heading: page.title.clone(),
        problems: errors.iter().map(|error| words.problem(error)).collect(),
        summary: words
            .with(
                "queue-summary",
                &[
                    ("open", capped(found.open).into()),
                    ("late", capped(found.late).into()),
                    ("soon", capped(found.soon).into()),
                ],
            )
            .into_owned(),
        chips: chips(&page, &found, &q),
        rows: found
            .rows
            .iter()
            .map(|ticket| TicketRow::of(ticket, &found.names, words, page.now))
            .collect(),
        next: found.next.map(|cursor| cursor.text()),
        is_first: from.is_none(),
        views: found.views,
        is_filtered,
        q,
        p: page,
    };
    reply::page_with(status, &template)
}

const CHIPS: [(&str, &str); 4] = [
    ("queue-chip-mine", "is:open owner:me"),
    ("queue-chip-nobody", "is:open owner:nobody"),
    ("queue-chip-soon", "is:open due:30m"),
    ("queue-chip-replied", "is:open is:replied"),
];

fn chips(page: &Page, found: &Found, q: &str) -> Vec<Chip> {
    CHIPS
        .iter()
        .zip(found.chips)
        .map(|(&(label, query), count)| Chip {
            label: page.t(label).into_owned(),
            query,
            count: capped(count),
            is_here: q == query,
        })
        .collect()
}

/// A count that was stopped at `COUNTED`.
pub fn capped(count: i64) -> String {
    if count >= COUNTED {
        format!("{}+", COUNTED - 1)
    } else {
        count.to_string()
    }
}

fn find(ctx: &Ctx<'_>, q: &str, from: Option<Cursor>, most: i64) -> Result<Found> {
    actions::allow(&ctx.by, Action::ReadTickets, Target::House)?;
    let query = Query::parse(q)?;
    ctx.read(|conn| {
        let me = ctx.by.person();
        let filter = resolved(conn, &query, me, ctx.now)?;
        let Slice { tickets, next } =
            store::queue::slice(conn, &filter, query.sort.unwrap_or(Sort::Due), from, most)?;
        let names = Names::load(conn, Wanted::of_tickets(&tickets))?.burning(
            actions::sla_burn::of_tickets(ctx.app, conn, &tickets, ctx.now)?,
        );
        let mut chips = [0; 4];
        for (at, (_, q)) in CHIPS.iter().enumerate() {
            let query = Query::parse(q)?;
            let filter = resolved(conn, &query, me, ctx.now)?;
            chips[at] = store::queue::count_up_to(conn, &filter, COUNTED)?;
        }
        let open = Filter::default();
        let late = Filter {
            due_before: Some(ctx.now),
            held: Some(false),
            ..Filter::default()
        };
        Ok(Found {
            rows: tickets,
            names,
            next,
            soon: chips[2],
            chips,
            open: store::queue::count_up_to(conn, &open, COUNTED)?,
            late: store::queue::count_up_to(conn, &late, COUNTED)?,
            views: match me {
                Some(me) => store::view::visible_to(conn, me)?,
                None => Vec::new(),
            },
        })
    })
}

/// Looks the names of a filter up. A name that nobody has is an error at the box.
pub fn resolved(
    conn: &mut Conn,
    query: &Query,
    me: Option<PersonId>,
    now: Timestamp,
) -> Result<Filter> {
    let mut errors = Vec::new();
    let mut filter = Filter {
        openness: query.openness,
        kinds: query.kinds.clone(),
        not_kinds: query.not_kinds.clone(),
        states: query.states.clone(),
        severities: query.severities.clone(),
        priorities: query.priorities.clone(),
        labels: query.labels.clone(),
        not_labels: query.not_labels.clone(),
        due_before: query.due_within_secs.map(|secs| now.plus_secs(secs)),
        ..Filter::default()
    };
    for (is, wanted) in query
        .is
        .iter()
        .map(|is| (*is, true))
        .chain(query.is_not.iter().map(|is| (*is, false)))
    {
        match is {
            Is::Overdue => filter.late = Some(wanted),
            Is::Held => filter.held = Some(wanted),
            Is::Replied => filter.awaits_us = Some(wanted),
            Is::Unowned => filter.unowned = Some(wanted),
        }
    }
    for owner in &query.owners {
        match owner {
            Owner::Me => filter.owners.extend(me),
            Owner::Nobody => filter.unowned = Some(true),
            Owner::Named(name) => {
                let people = store::people::persons(conn)?;
                let named = people
                    .iter()
                    .map(|person| (person.id, person.name.as_str(), person.email.as_str()));
                let known =
                    named.filter(|(_, known, email)| starts(known, name) || starts(email, name));
                filter.owners.extend(or_unknown(
                    known.map(|(id, ..)| id),
                    "owner",
                    name,
                    &mut errors,
                ));
            }
        }
    }
    if !query.customers.is_empty() {
        let all = store::customer::all(conn)?;
        for name in &query.customers {
            let known = all
                .iter()
                .filter(|customer| starts(&customer.name, name))
                .map(|customer| customer.id);
            filter
                .customers
                .extend(or_unknown(known, "customer", name, &mut errors));
        }
    }
    if !query.services.is_empty() {
        let all = store::house::services(conn)?;
        for name in &query.services {
            let known = all
                .iter()
                .filter(|service| starts(&service.name, name))
                .map(|service| service.id);
            filter
                .services
                .extend(or_unknown(known, "service", name, &mut errors));
        }
    }
    if !query.teams.is_empty() {
        let all = store::house::teams(conn)?;
        for name in &query.teams {
            let known = all
                .iter()
                .filter(|team| starts(&team.name, name))
                .map(|team| team.id);
            filter
                .teams
                .extend(or_unknown(known, "team", name, &mut errors));
        }
    }
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    if !query.words.is_empty() {
        let question = Question::parse(&query.words.join(" "));
        let (hits, _) = search::find(conn, &question, Eyes::Staff, FOUND)?;
        let mut ids: Vec<_> = hits.into_iter().map(|hit| hit.ticket_id).collect();
        ids.sort_unstable();
        ids.dedup();
        filter.ids = Some(ids);
    }
    Ok(filter)
}

fn starts(name: &str, beginning: &str) -> bool {
    name.to_lowercase().starts_with(&beginning.to_lowercase())
}

fn or_unknown<T>(
    known: impl Iterator<Item = T>,
    key: &'static str,
    name: &str,
    errors: &mut Vec<FieldError>,
) -> Vec<T> {
    let known: Vec<T> = known.collect();
    if known.is_empty() {
        errors.push(
            FieldError::new("q", "query-unknown-name")
                .with("key", key)
                .with("value", name.to_owned()),
        );
    }
    known
}

/// `GET /queue.csv`: what the filter shows, every page of it, for a spreadsheet.
pub async fn csv(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
) -> std::result::Result<HttpResponse, Failure> {
    let q = param(&req, "q").unwrap_or_else(|| "is:open".to_owned());
    let bytes = viewer.run(&app, move |ctx| export(ctx, &q)).await?;
    Ok(reply::download(
        "queue.csv",
        "text/csv; charset=utf-8",
        bytes,
    ))
}

fn export(ctx: &Ctx<'_>, q: &str) -> Result<Vec<u8>> {
    actions::allow(&ctx.by, Action::ReadTickets, Target::House)?;
    let query = Query::parse(q)?;
    let sort = query.sort.unwrap_or(Sort::Due);
    let (tickets, names) = ctx.read(|conn| {
        let filter = resolved(conn, &query, ctx.by.person(), ctx.now)?;
        let tickets = store::queue::slice(conn, &filter, sort, None, EXPORTED)?.tickets;
        let names = Names::load(conn, Wanted::of_tickets(&tickets))?;
        Ok((tickets, names))
    })?;
    let mut sheet = csv::Writer::from_writer(Vec::new());
    let head = [
        "key",
        "title",
        "state",
        "severity",
        "priority",
        "customer",
        "service",
        "team",
        "owner",
        "logged_at",
        "impact_at",
        "restored_at",
        "resolved_at",
        "next_due_at",
        "next_due",
        "is_late",
    ];
    let wrong = |error: csv::Error| Error::internal(format!("csv: {error}"));
    sheet.write_record(head).map_err(wrong)?;
    let instant = |at: Option<Timestamp>| at.map(Timestamp::rfc3339).unwrap_or_default();
    for ticket in &tickets {
        let due = Some(ticket.due.at).filter(|at| *at < Timestamp::NEVER);
        let row = [
            ticket.key.to_string(),
            harmless(ticket.title.as_str()),
            ticket.state.to_string(),
            ticket.severity.map(|it| it.to_string()).unwrap_or_default(),
            ticket.priority.map(|it| it.to_string()).unwrap_or_default(),
            harmless(ticket.customer.map_or("", |id| names.customer(id))),
            harmless(ticket.service.map_or("", |id| names.service(id))),
            harmless(ticket.team.map_or("", |id| names.team(id))),
            harmless(ticket.owner.map_or("", |id| names.person(id))),
            ticket.logged_at.rfc3339(),
            ticket.impact_at.rfc3339(),
            instant(ticket.restored_at),
            instant(ticket.resolved_at),
            instant(due),
            ticket.due.metric.clone().unwrap_or_default(),
            ticket.due.is_late.to_string(),
        ];
        sheet.write_record(row).map_err(wrong)?;
    }
    sheet
        .into_inner()
        .map_err(|error| Error::internal(format!("csv: {error}")))
}

/// A text that a spreadsheet would run as a formula gets an apostrophe in front (OWASP CSV injection).
pub fn harmless(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    }
}

/// `POST /views`: gives the filter a name.
pub async fn save_view(
    app: web::Data<App>,
    viewer: Viewer,
    posted: Posted,
) -> std::result::Result<HttpResponse, Failure> {
    let query = posted.text("q").trim().to_owned();
    let place = format!("/queue?q={}", coded(&query));
    viewer
        .run(&app, move |ctx| {
            actions::view::save(ctx, posted.text("name"), &query, posted.ticked("shared"))
        })
        .await?;
    Ok(reply::see_saying(&place, "said-view-saved", ""))
}

/// `POST /views/{id}/delete`: one's own only.
pub async fn delete_view(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    _posted: Posted,
) -> std::result::Result<HttpResponse, Failure> {
    viewer
        .run(&app, move |ctx| {
            let id = Id::parse(&id).ok_or(Error::NotFound)?;
            actions::view::delete(ctx, id)
        })
        .await?;
    Ok(reply::see_saying("/queue", "said-view-deleted", ""))
}

/// One parameter of the address.
pub fn param(req: &HttpRequest, name: &str) -> Option<String> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(req.query_string()).ok()?;
    pairs
        .into_inner()
        .into_iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_made_harmless_and_addresses_are_coded() {
        assert_eq!(harmless("=1+1"), "'=1+1");
        assert_eq!(harmless("DB down"), "DB down");
        assert_eq!(coded("is:open a&b ü"), "is:open%20a%26b%20%C3%BC");
        assert_eq!((capped(7), capped(100)), ("7".to_owned(), "99+".to_owned()));
    }
}
