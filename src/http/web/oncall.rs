//! On call: who is, who is next, where nobody is; overrides; a calendar to subscribe to. Planning is next door in `oncall_plan`.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::NaiveDateTime;
use chrono_tz::Tz;

use super::inputs::{Answer, id_of, invalid};
use super::names::{Names, Wanted};
use super::when;
use crate::actions::{self, allow};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Principal, Target};
use crate::domain::escalation;
use crate::domain::id::{OverrideId, PersonId, TeamId};
use crate::domain::oncall::{Change, OverrideKind, Shift, gaps};
use crate::domain::people::{Person, Team};
use crate::domain::refusal::FieldError;
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Interval;
use crate::error::{Error, Fields, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::http::viewer::run_as;
use crate::render::shifts;
use crate::store::blob::Hash;
use crate::store::{self, Conn};

/// How far the page looks ahead for gaps and hand-offs, in days.
const AHEAD_DAYS: i64 = 14;
/// How many hand-offs it lists.
const HAND_OFFS: usize = 6;

#[derive(Template)]
#[template(path = "on-call/show.html")]
struct ShowPage {
    p: Page,
    team: Team,
    teams: Vec<Team>,
    zone: Tz,
    has_schedule: bool,
    now_on: Vec<String>,
    until: Option<Timestamp>,
    next: Vec<HandOff>,
    gaps: Vec<Gap>,
    overrides: Vec<OverrideRow>,
    steps: Vec<StepRow>,
    repeat: i64,
    form: Form,
    people: Vec<(String, String)>,
    kinds: Vec<(String, String)>,
    has_feed: bool,
    /// The address of a feed that was just made; shown once.
    feed: Option<String>,
    may_plan: bool,
    may_override: bool,
}

struct HandOff {
    at: Timestamp,
    people: Vec<String>,
}

struct Gap {
    from: Timestamp,
    to: Timestamp,
    secs: i64,
}

struct OverrideRow {
    id: OverrideId,
    kind: OverrideKind,
    incoming: String,
    outgoing: String,
    starts_at: Timestamp,
    ends_at: Timestamp,
    note: String,
}

pub struct StepRow {
    pub number: usize,
    pub targets: String,
    pub delay_secs: i64,
}

struct Known {
    team: Team,
    teams: Vec<Team>,
    schedule: Option<store::oncall::Schedule>,
    shifts: Vec<Shift>,
    overrides: Vec<store::oncall::NotedOverride>,
    policy: escalation::Policy,
    people: Vec<(String, String)>,
    names: Names,
    has_feed: bool,
    /// The instant that the shifts begin at: the request's own is a moment earlier, and nobody is on call then.
    now: Timestamp,
}

fn load(ctx: &Ctx<'_>, wanted: Option<TeamId>) -> Result<Known> {
    allow(&ctx.by, Action::ReadHouse, Target::House)?;
    ctx.read(|conn| {
        let teams: Vec<Team> = store::house::teams(conn)?
            .into_iter()
            .filter(|team| team.is_active)
            .collect();
        let own = match ctx.by.person() {
            Some(person) => store::house::teams_of(conn, person)?,
            None => Vec::new(),
        };
        let team = match wanted {
            Some(id) => teams.iter().find(|team| team.id == id),
            None => teams
                .iter()
                .find(|team| own.contains(&team.id))
                .or_else(|| teams.first()),
        };
        let team = team.cloned().ok_or(Error::NotFound)?;
        let to = ctx.now.plus_secs(AHEAD_DAYS * 86_400);
        let schedule = store::oncall::by_team(conn, team.id)?;
        let overrides = match &schedule {
            Some(schedule) => {
                store::oncall::overrides(conn, schedule.id, ctx.now, Timestamp::NEVER)?
            }
            None => Vec::new(),
        };
        let policy =
            store::oncall::policy_of(conn, team.id)?.unwrap_or_else(|| escalation::Policy {
                version: 0,
                ..escalation::Policy::first(nil(), team.id)
            });
        let shifts = actions::oncall::shifts(conn, team.id, ctx.now, to)?;
        let everybody = store::people::persons(conn)?;
        let mut people: Vec<(String, String)> = everybody
            .iter()
            .filter(|person| person.is_active)
            .map(|person| (person.id.to_string(), person.name.clone()))
            .collect();
        people.sort_by_key(|(_, name)| name.to_lowercase());
        let names = Names::load(
            conn,
            Wanted {
                people: everybody.iter().map(|person| person.id).collect(),
                ..Wanted::default()
            },
        )?;
        let feeds = match ctx.by.person() {
            Some(person) => store::oncall::feeds_of(conn, person)?,
            None => Vec::new(),
        };
        let has_feed = feeds.iter().any(|feed| feed.team_id == Some(team.id));
        Ok(Known {
            team,
            teams,
            schedule,
            shifts,
            overrides,
            policy,
            people,
            names,
            has_feed,
            now: ctx.now,
        })
    })
}

/// The id of a policy that was never stored.
fn nil<T>() -> crate::domain::id::Id<T> {
    crate::domain::id::Id::from_uuid(uuid::Uuid::nil())
}

/// Whom the steps page, in words.
pub fn step_rows(p: &Page, policy: &escalation::Policy, names: &Names) -> Vec<StepRow> {
    let said = |target: &escalation::Target| match target {
        escalation::Target::OnDuty => p.t("target-on-duty").into_owned(),
        escalation::Target::Team => p.t("target-team").into_owned(),
        escalation::Target::Person(person) => names.person(*person).to_owned(),
    };
    (1..)
        .zip(&policy.steps)
        .map(|(number, step)| StepRow {
            number,
            targets: step.targets.iter().map(said).collect::<Vec<_>>().join(", "),
            delay_secs: step.delay_secs,
        })
        .collect()
}

fn page_of(req: &HttpRequest, known: Known, form: Form, feed: Option<String>) -> ShowPage {
    let p = Page::new(req, "oncall-title");
    let now = known.now;
    let people_at = |at: Timestamp| -> Vec<PersonId> {
        let mut people: Vec<PersonId> = known
            .shifts
            .iter()
            .filter(|shift| shift.starts_at <= at && at < shift.ends_at)
            .filter_map(|shift| shift.person)
            .collect();
        people.sort_unstable();
        people
    };
    let named = |people: &[PersonId]| {
        people
            .iter()
            .map(|id| known.names.person(*id).to_owned())
            .collect::<Vec<_>>()
    };
    let mut edges: Vec<Timestamp> = known
        .shifts
        .iter()
        .map(|shift| shift.starts_at)
        .filter(|at| *at > now)
        .collect();
    edges.sort_unstable();
    edges.dedup();
    let mut before = people_at(now);
    let now_on = named(&before);
    let mut next = Vec::new();
    for at in edges {
        let people = people_at(at);
        if people != before {
            next.push(HandOff {
                at,
                people: named(&people),
            });
            before = people;
        }
    }
    let until = next.first().map(|hand_off| hand_off.at);
    next.truncate(HAND_OFFS);
    let gaps = if known.schedule.is_some() {
        gaps(&known.shifts)
            .into_iter()
            .map(|(from, to)| Gap {
                from,
                to,
                secs: to.secs_since(from),
            })
            .collect()
    } else {
        Vec::new()
    };
    let overrides = known.overrides.iter().map(|noted| {
        let name = |id: Option<PersonId>| {
            id.map(|id| known.names.person(id).to_owned())
                .unwrap_or_default()
        };
        OverrideRow {
            id: noted.over.id,
            kind: noted.over.change.kind(),
            incoming: name(noted.over.change.incoming()),
            outgoing: name(noted.over.change.outgoing().flatten()),
            starts_at: noted.over.starts_at,
            ends_at: noted.over.ends_at,
            note: noted.note.clone(),
        }
    });
    let kinds = OverrideKind::ALL
        .iter()
        .map(|kind| {
            (
                kind.as_str().to_owned(),
                p.word("override-kind", kind.as_str()),
            )
        })
        .collect();
    ShowPage {
        zone: p.zone,
        has_schedule: known.schedule.is_some(),
        now_on,
        until,
        next,
        gaps,
        overrides: overrides.collect(),
        steps: step_rows(&p, &known.policy, &known.names),
        repeat: known.policy.repeat,
        form,
        people: known.people,
        kinds,
        has_feed: known.has_feed,
        feed,
        may_plan: p.may(Action::PlanOncall),
        may_override: p.may(Action::OverrideShift),
        team: known.team,
        teams: known.teams,
        p,
    }
}

/// `GET /on-call`: the viewer's own team.
pub async fn own(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let known = viewer.run(&app, |ctx| load(ctx, None)).await?;
    let form = blank(&req, &viewer);
    reply::page(&page_of(&req, known, form, None))
}

/// `GET /on-call/{team}`
pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    team: web::Path<String>,
) -> Answer {
    let team = id_of(&team)?;
    let known = viewer.run(&app, move |ctx| load(ctx, Some(team))).await?;
    let form = blank(&req, &viewer);
    reply::page(&page_of(&req, known, form, None))
}

/// "Cover me for two hours", by whoever looks.
fn blank(req: &HttpRequest, viewer: &Viewer) -> Form {
    let p = Page::new(req, "oncall-title");
    Form::new(p.words)
        .with("kind", OverrideKind::Replace)
        .with_some("person", viewer.principal.person())
        .with("starts_at", p.field_time(&p.now))
        .with("ends_at", p.field_time(&p.now.plus_secs(2 * 3_600)))
}

/// A date and time as a browser's field writes it; to the minute.
pub fn local(field: &'static str, text: &str) -> std::result::Result<NaiveDateTime, FieldError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(FieldError::new(field, "required"));
    }
    NaiveDateTime::parse_from_str(&text.replace(' ', "T"), "%Y-%m-%dT%H:%M")
        .map_err(|_| FieldError::new(field, "not-a-time").with("value", text.to_owned()))
}

/// `POST /on-call/{team}/override`
pub async fn add_override(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    team: web::Path<String>,
    posted: Posted,
) -> Answer {
    let team: TeamId = id_of(&team)?;
    let (form, zone) = (posted.clone(), viewer.zone);
    let outcome = viewer
        .run(&app, move |ctx| make_override(ctx, team, &form, zone))
        .await;
    let errors = match outcome {
        Err(Failure::House(Error::Refused(refusal))) if refusal.rule == "override-overlaps" => {
            // Beside the field that can be changed, with what was typed kept.
            let told = FieldError {
                field: "starts_at".into(),
                problem: "override-overlaps",
                args: refusal.args,
            };
            Err(vec![told])
        }
        other => invalid(other)?,
    };
    match errors {
        Ok(()) => Ok(reply::see_saying(
            &format!("/on-call/{team}"),
            "said-override-made",
            "",
        )),
        Err(errors) => {
            let known = viewer.run(&app, move |ctx| load(ctx, Some(team))).await?;
            let form = Form::kept(crate::words::Words::english(), &posted, errors);
            reply::page_with(
                StatusCode::UNPROCESSABLE_ENTITY,
                &page_of(&req, known, form, None),
            )
        }
    }
}

fn make_override(ctx: &Ctx<'_>, team: TeamId, posted: &Posted, zone: Tz) -> Result<()> {
    let mut fields = Fields::new();
    let at = |field, text: &str| {
        local(field, text)?;
        let at = when::instant(field, text, zone, ctx.now)?;
        at.ok_or_else(|| FieldError::new(field, "required"))
    };
    let starts_at = fields.take(at("starts_at", posted.text("starts_at")));
    let ends_at = fields.take(at("ends_at", posted.text("ends_at")));
    let kind = posted.text("kind").parse::<OverrideKind>();
    let kind = fields.take(kind.map_err(|()| FieldError::new("kind", "required")));
    let person = |name: &'static str| PersonId::parse(posted.text(name));
    let change = match kind {
        Some(OverrideKind::Remove) => Some(Change::Remove(person("of"))),
        Some(kind) => match person("person") {
            None => {
                fields.push(FieldError::new("person", "nobody-known"));
                None
            }
            Some(by) if kind == OverrideKind::Add => Some(Change::Add(by)),
            Some(by) => Some(Change::Replace {
                of: person("of"),
                by,
            }),
        },
        None => None,
    };
    fields.check()?;
    let (Some(change), Some(from), Some(to)) = (change, starts_at, ends_at) else {
        return Err(Error::internal("a checked override is incomplete"));
    };
    actions::oncall::add_override(ctx, team, change, from, to, posted.text("note")).map(|_| ())
}

/// `POST /on-call/{team}/override/{id}/withdraw`
pub async fn withdraw(
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
    _form: Posted,
) -> Answer {
    let (team, id): (TeamId, OverrideId) = (id_of(&path.0)?, id_of(&path.1)?);
    viewer
        .run(&app, move |ctx| {
            actions::oncall::withdraw_override(ctx, team, id)
        })
        .await?;
    Ok(reply::see_saying(
        &format!("/on-call/{team}"),
        "said-override-withdrawn",
        "",
    ))
}

/// `POST /on-call/{team}/feed`: a new address, shown once; the old one stops working.
pub async fn renew_feed(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    team: web::Path<String>,
    _form: Posted,
) -> Answer {
    let team: TeamId = id_of(&team)?;
    let token = viewer
        .run(&app, move |ctx| {
            actions::oncall::renew_feed(ctx, Some(team))
        })
        .await?;
    let base = public_url(&app, &viewer).await?;
    let known = viewer.run(&app, move |ctx| load(ctx, Some(team))).await?;
    let form = blank(&req, &viewer);
    reply::page(&page_of(
        &req,
        known,
        form,
        Some(format!("{base}/feed/{token}.ics")),
    ))
}

/// `POST /on-call/{team}/feed/revoke`
pub async fn revoke_feed(
    app: web::Data<App>,
    viewer: Viewer,
    team: web::Path<String>,
    _form: Posted,
) -> Answer {
    let team: TeamId = id_of(&team)?;
    viewer
        .run(&app, move |ctx| {
            actions::oncall::revoke_feed(ctx, Some(team))
        })
        .await?;
    Ok(reply::see_saying(
        &format!("/on-call/{team}"),
        "said-feed-revoked",
        "",
    ))
}

async fn public_url(app: &web::Data<App>, viewer: &Viewer) -> std::result::Result<String, Failure> {
    viewer
        .run(app, |ctx| {
            let settings = ctx.read(store::settings::all)?;
            Ok(ctx
                .app
                .config
                .public_url
                .clone()
                .or(settings.public_url)
                .unwrap_or_default())
        })
        .await
}

/// `GET /feed/{token}.ics`: what a calendar program fetches. The token can do nothing else.
pub async fn feed(app: web::Data<App>, token: web::Path<String>) -> Answer {
    let token = token.into_inner();
    let calendar = run_as(
        &app,
        crate::domain::access::Principal::System("calendar feed"),
        crate::domain::timeline::Door::Link,
        move |ctx| {
            ctx.read(|conn| {
                let feed = store::oncall::feed(conn, Hash::of(token.as_bytes()))?
                    .ok_or(Error::NotFound)?;
                let owner = store::people::person(conn, feed.person_id)?;
                let owner = owner
                    .filter(|person| person.is_active)
                    .ok_or(Error::NotFound)?;
                let to = ctx.now.plus_secs(90 * 86_400);
                let Some(team) = feed.team_id else {
                    return changes_feed(ctx, conn, &owner, Interval::new(ctx.now, to));
                };
                let team = store::house::team(conn, team)?.ok_or(Error::NotFound)?;
                let shifts = actions::oncall::shifts(conn, team.id, ctx.now, to)?;
                let people: Vec<PersonId> =
                    shifts.iter().filter_map(|shift| shift.person).collect();
                let names = store::people::person_names(conn, &people)?;
                Ok(shifts::calendar(
                    crate::words::Words::english(),
                    &team,
                    &shifts,
                    &names,
                    ctx.now,
                ))
            })
        },
    )
    .await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/calendar; charset=utf-8"))
        .insert_header((header::CACHE_CONTROL, "private, max-age=300"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(calendar))
}

/// The calendar of changes, as its owner may read it.
fn changes_feed(
    ctx: &Ctx<'_>,
    conn: &mut Conn,
    owner: &Person,
    period: Interval,
) -> crate::error::Result<String> {
    let reader = Principal::Person {
        id: owner.id,
        name: owner.name.clone(),
        roles: owner.roles,
    };
    let agenda = actions::agenda::read_as(&reader, conn, period, ctx.now)?;
    let settings = store::settings::all(conn)?;
    let base = ctx.app.config.public_url.clone().or(settings.public_url);
    Ok(crate::render::agenda::calendar(
        crate::words::Words::english(),
        &agenda,
        base.as_deref().unwrap_or_default(),
        ctx.now,
    ))
}

/// `POST /test-page`: "send me a test page".
pub async fn test_page(app: web::Data<App>, viewer: Viewer, _form: Posted) -> Answer {
    viewer.run(&app, actions::page::send_test).await?;
    Ok(reply::see_saying("/on-call", "said-test-sent", ""))
}
