//! The on-call ledger: who was on call, who was paged when, when the relay took it, when it was answered and by which door, what was
//! not sent and why, who worked, and how much of it was night. Facts only, by time; nobody is counted against anybody.

use std::collections::HashMap;

use actix_web::{HttpRequest, web};
use askama::Template;
use chrono::{Datelike, Months, NaiveDate};
use chrono_tz::Tz;

use super::inputs::Answer;
use super::names::{Names, Wanted};
use crate::actions::{self, allow};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::compensation::{Night, formula_safe};
use crate::domain::id::{Id, PageId, PersonId, TicketId, TicketKey};
use crate::domain::page::{PageEventKind, PageState};
use crate::domain::timestamp::Timestamp;
use crate::domain::wall_clock;
use crate::error::{Error, Result};
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::store::compensation::ShiftFact;
use crate::store::{self, Conn};
use crate::words::Words;

/// Most facts of one kind in one month that a page shows; the page says so when there were more.
const MOST: i64 = 5_000;

#[derive(serde::Deserialize)]
pub struct Asked {
    month: Option<String>,
    person: Option<String>,
    check: Option<String>,
}

impl Asked {
    /// One month, `2026-06`, of one person or of everybody.
    pub fn month(month: Option<String>, person: Option<PersonId>) -> Self {
        Self {
            month,
            person: person.map(|id| id.to_string()),
            check: None,
        }
    }
}

/// One line of the ledger.
struct Line {
    at: Timestamp,
    until: Option<Timestamp>,
    /// `shift`, `page`, `work` or `not_sent`: how it is said is in the catalogue.
    kind: &'static str,
    who: String,
    team: String,
    ticket: Option<TicketKey>,
    detail: String,
    /// The relay took it over.
    accepted_at: Option<Timestamp>,
    acked_at: Option<Timestamp>,
    door: Option<&'static str>,
    minutes: Option<i64>,
    night_minutes: Option<i64>,
    /// The beginning of its link in the chain; empty until it is chained.
    seal: String,
}

struct Ledger {
    month: NaiveDate,
    zone: Tz,
    lines: Vec<Line>,
    people: Vec<(String, String)>,
    person: Option<PersonId>,
    links: i64,
    head: String,
    is_cut: bool,
}

#[derive(Template)]
#[template(path = "on-call/ledger.html")]
struct LedgerPage {
    p: Page,
    month: String,
    before: String,
    after: String,
    lines: Vec<Line>,
    people: Vec<(String, String)>,
    person: String,
    links: i64,
    head: String,
    is_cut: bool,
    checked: Option<actions::compensation::Checked>,
}

/// The month that is asked for; the present one by default.
fn month_of(asked: Option<&str>, now: Timestamp, zone: Tz) -> Result<NaiveDate> {
    let today = now.in_zone(zone).date_naive();
    let first = match asked.filter(|text| !text.is_empty()) {
        None => today.with_day(1),
        Some(text) => NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok(),
    };
    first.ok_or(Error::NotFound)
}

fn load(ctx: &Ctx<'_>, asked: &Asked, zone: Tz) -> Result<Ledger> {
    let mut person = match asked.person.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => Some(PersonId::parse(text).ok_or(Error::NotFound)?),
        None => None,
    };
    if allow(&ctx.by, Action::ReadLedger, Target::House).is_err() {
        // Everybody may read what concerns themselves.
        allow(&ctx.by, Action::ReadHouse, Target::House)?;
        let own = ctx.by.person().ok_or(Error::NotFound)?;
        if person.is_some_and(|asked| asked != own) {
            return Err(Error::NotFound);
        }
        person = Some(own);
    }
    let month = month_of(asked.month.as_deref(), ctx.now, zone)?;
    let midnight = |day: NaiveDate| wall_clock::instant(day.and_time(chrono::NaiveTime::MIN), zone);
    let from = midnight(month);
    let to = midnight(
        month
            .checked_add_months(Months::new(1))
            .ok_or(Error::NotFound)?,
    );
    ctx.read(|conn| gather(conn, month, zone, from, to, person))
}

fn gather(
    conn: &mut Conn,
    month: NaiveDate,
    zone: Tz,
    from: Timestamp,
    to: Timestamp,
    person: Option<PersonId>,
) -> Result<Ledger> {
    let settings = store::settings::all(conn)?;
    let night = Night::between(settings.night_from, settings.night_to);
    let everybody = store::people::persons(conn)?;
    let zones: HashMap<PersonId, Tz> = everybody
        .iter()
        .map(|person| (person.id, person.zone))
        .collect();
    let zone_of = |person: Option<PersonId>| {
        person
            .and_then(|id| zones.get(&id))
            .copied()
            .unwrap_or(zone)
    };

    let shifts = store::compensation::shifts_between(conn, from, to, None, MOST)?;
    let pages = store::page_log::pages_between(conn, from, to, person, MOST)?;
    let unsent = store::page_log::unsent_between(conn, from, to, person, MOST)?;
    let work = store::compensation::work_between(conn, from, to, person, MOST)?;
    let is_cut = [shifts.len(), pages.len(), unsent.len(), work.len()]
        .iter()
        .any(|n| i64::try_from(*n) == Ok(MOST));
    let ids: Vec<PageId> = pages.iter().map(|page| page.id).collect();
    let events = store::page_log::events_of_pages(conn, &ids)?;

    let names = Names::load(
        conn,
        Wanted {
            people: everybody.iter().map(|person| person.id).collect(),
            teams: shifts
                .iter()
                .map(|shift| shift.team_id)
                .chain(unsent.iter().filter_map(|event| event.team_id))
                .collect(),
            ..Wanted::default()
        },
    )?;
    let mut about: Vec<TicketId> = pages.iter().filter_map(|page| page.ticket_id).collect();
    about.extend(unsent.iter().filter_map(|event| event.ticket_id));
    about.extend(work.iter().map(|work| work.ticket_id));
    about.sort_unstable();
    about.dedup();
    let mut keys: HashMap<TicketId, TicketKey> = HashMap::new();
    for some in about.chunks(500) {
        keys.extend(
            store::ticket::by_ids(conn, some)?
                .into_iter()
                .map(|ticket| (ticket.id, ticket.key)),
        );
    }
    let facts: Vec<Id<()>> = shifts
        .iter()
        .map(|fact| fact.id.uuid())
        .chain(events.iter().map(|event| event.id.uuid()))
        .chain(unsent.iter().map(|event| event.id.uuid()))
        .chain(work.iter().map(|fact| fact.id.uuid()))
        .map(Id::from_uuid)
        .collect();
    let seals: HashMap<uuid::Uuid, String> = store::compensation::links_of(conn, &facts)?
        .into_iter()
        .map(|link| (link.fact_id.uuid(), link.hash.chars().take(8).collect()))
        .collect();
    let seal = |id: uuid::Uuid| seals.get(&id).cloned().unwrap_or_default();
    let words = Words::english();

    let mut lines = Vec::new();
    for shift in joined(
        shifts
            .iter()
            .filter(|shift| person.is_none() || shift.person_id == person),
    ) {
        let (start, end) = (shift.starts_at.max(from), shift.ends_at.min(to));
        let is_gap = shift.person_id.is_none();
        lines.push(Line {
            at: shift.starts_at,
            until: Some(shift.ends_at),
            kind: if is_gap { "gap" } else { "shift" },
            who: shift
                .person_id
                .map(|id| names.person(id).to_owned())
                .unwrap_or_default(),
            team: names.team(shift.team_id).to_owned(),
            ticket: None,
            detail: words
                .t(&format!("shift-because-{}", shift.because))
                .into_owned(),
            accepted_at: None,
            acked_at: None,
            door: None,
            minutes: Some(end.secs_since(start) / 60),
            night_minutes: (!is_gap).then(|| night.minutes(start, end, zone_of(shift.person_id))),
            seal: seal(shift.id.uuid()),
        });
    }
    for page in &pages {
        let own = || events.iter().filter(|event| event.page_id == Some(page.id));
        let ack = own().find(|event| event.kind == PageEventKind::Acked);
        let held_back = own()
            .find(|event| event.kind == PageEventKind::Suppressed)
            .and_then(|event| event.reason);
        let state = match (page.state, held_back) {
            (PageState::Suppressed, Some(why)) => words
                .t(&format!("unsent-{}", why.as_str().replace('_', "-")))
                .into_owned(),
            (state, _) => words.t(&format!("page-state-{state}")).into_owned(),
        };
        let kind = words
            .t(&format!(
                "page-kind-{}",
                page.kind.as_str().replace('_', "-")
            ))
            .into_owned();
        lines.push(Line {
            at: page.queued_at,
            until: None,
            kind: "page",
            who: names.person(page.person_id).to_owned(),
            team: String::new(),
            ticket: page.ticket_id.and_then(|id| keys.get(&id)).copied(),
            detail: format!("{kind}: {state}"),
            accepted_at: page.accepted_at,
            acked_at: ack.map(|event| event.at),
            door: ack.and_then(|event| event.door).map(|door| door.as_str()),
            minutes: None,
            night_minutes: None,
            seal: own()
                .next_back()
                .map(|event| seal(event.id.uuid()))
                .unwrap_or_default(),
        });
    }
    for event in unsent.iter().filter(|event| event.page_id.is_none()) {
        let why = event
            .reason
            .map_or("", |why| why.as_str())
            .replace('_', "-");
        lines.push(Line {
            at: event.at,
            until: None,
            kind: "not-sent",
            who: event
                .person_id
                .map(|id| names.person(id).to_owned())
                .unwrap_or_default(),
            team: event
                .team_id
                .map(|id| names.team(id).to_owned())
                .unwrap_or_default(),
            ticket: event.ticket_id.and_then(|id| keys.get(&id)).copied(),
            detail: words.t(&format!("unsent-{why}")).into_owned(),
            accepted_at: None,
            acked_at: None,
            door: None,
            minutes: None,
            night_minutes: None,
            seal: seal(event.id.uuid()),
        });
    }
    for fact in &work {
        let (start, end) = (fact.started_at.max(from), fact.ended_at.min(to));
        lines.push(Line {
            at: fact.started_at,
            until: Some(fact.ended_at),
            kind: "work",
            who: names.person(fact.person_id).to_owned(),
            team: String::new(),
            ticket: keys.get(&fact.ticket_id).copied(),
            detail: words.t("work-detail").into_owned(),
            accepted_at: None,
            acked_at: None,
            door: None,
            minutes: Some(end.secs_since(start) / 60),
            night_minutes: Some(night.minutes(start, end, zone_of(Some(fact.person_id)))),
            seal: seal(fact.id.uuid()),
        });
    }
    lines.sort_by_key(|line| std::cmp::Reverse(line.at));
    let head = store::compensation::head(conn)?;
    let mut people: Vec<(String, String)> = everybody
        .into_iter()
        .map(|person| (person.id.to_string(), person.name))
        .collect();
    people.sort_by_key(|(_, name)| name.to_lowercase());
    Ok(Ledger {
        month,
        zone,
        lines,
        people,
        person,
        links: head.as_ref().map_or(0, |link| link.seq),
        head: head.map(|link| link.hash).unwrap_or_default(),
        is_cut,
    })
}

/// Pieces of one shift that follow each other become one line; the facts stay as they are.
fn joined<'a>(shifts: impl Iterator<Item = &'a ShiftFact>) -> Vec<ShiftFact> {
    let mut lines: Vec<ShiftFact> = Vec::new();
    for shift in shifts {
        let before = lines
            .iter_mut()
            .rev()
            .find(|line| line.team_id == shift.team_id && line.person_id == shift.person_id);
        match before {
            Some(line) if line.ends_at == shift.starts_at && line.because == shift.because => {
                line.ends_at = shift.ends_at;
            }
            _ => lines.push(shift.clone()),
        }
    }
    lines
}

/// `GET /ledger`
pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Answer {
    let zone = viewer.zone;
    let asked = asked.into_inner();
    let wants_check = asked.check.is_some();
    let (ledger, checked) = viewer
        .run(&app, move |ctx| {
            let ledger = load(ctx, &asked, zone)?;
            let checked = if wants_check {
                Some(actions::compensation::check(ctx)?)
            } else {
                None
            };
            Ok((ledger, checked))
        })
        .await?;
    let near = |months: i32| {
        let day = if months < 0 {
            ledger.month.checked_sub_months(Months::new(1))
        } else {
            ledger.month.checked_add_months(Months::new(1))
        };
        day.unwrap_or(ledger.month).format("%Y-%m").to_string()
    };
    let page = LedgerPage {
        p: Page::new(&req, "ledger-title"),
        month: ledger.month.format("%Y-%m").to_string(),
        before: near(-1),
        after: near(1),
        person: ledger.person.map(|id| id.to_string()).unwrap_or_default(),
        lines: ledger.lines,
        people: ledger.people,
        links: ledger.links,
        head: ledger.head,
        is_cut: ledger.is_cut,
        checked,
    };
    reply::page(&page)
}

/// `GET /ledger.csv`: the same lines. No cell is a formula.
pub async fn csv(app: web::Data<App>, viewer: Viewer, asked: web::Query<Asked>) -> Answer {
    let zone = viewer.zone;
    let asked = asked.into_inner();
    let (name, bytes) = viewer.run(&app, move |ctx| file(ctx, &asked, zone)).await?;
    Ok(reply::download(&name, "text/csv; charset=utf-8", bytes))
}

/// One month as a file, and its name. Times are those of `zone`.
pub fn file(ctx: &Ctx<'_>, asked: &Asked, zone: Tz) -> Result<(String, Vec<u8>)> {
    let ledger = load(ctx, asked, zone)?;
    let name = format!("on-call-ledger-{}.csv", ledger.month.format("%Y-%m"));
    let bytes = write_csv(&ledger).map_err(Error::internal)?;
    Ok((name, bytes))
}

fn write_csv(ledger: &Ledger) -> std::result::Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record([
        "kind",
        "person",
        "team",
        "ticket",
        "from",
        "until",
        "accepted_at",
        "acknowledged_at",
        "door",
        "minutes",
        "night_minutes",
        "detail",
        "seal",
    ])?;
    let local = |at: Timestamp| {
        at.in_zone(ledger.zone)
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, false)
    };
    let some = |at: Option<Timestamp>| at.map(local).unwrap_or_default();
    let number = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
    for line in &ledger.lines {
        let cells = [
            line.kind.to_owned(),
            line.who.clone(),
            line.team.clone(),
            line.ticket.map(|key| key.to_string()).unwrap_or_default(),
            local(line.at),
            some(line.until),
            some(line.accepted_at),
            some(line.acked_at),
            line.door.unwrap_or_default().to_owned(),
            number(line.minutes),
            number(line.night_minutes),
            line.detail.clone(),
            line.seal.clone(),
        ];
        out.write_record(cells.iter().map(|cell| formula_safe(cell)))?;
    }
    out.into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}
