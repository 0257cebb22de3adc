//! Deployments: what is live where, since when and by whom; the ledger behind it; one deployment with how it is taken back.

use std::collections::{BTreeMap, HashMap};

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::deploy_queue::QueueLine;
use super::inputs::{Answer, id_of};
use super::queue::param;
use super::when;
use crate::actions::deployment_queue::{self as queue, Line};
use crate::actions::deployment_story::{self as story, Detail, Told};
use crate::actions::glass_count::{self, Count, Counted};
use crate::app::{App, Ctx};
use crate::domain::access::Action;
use crate::domain::ancestry::Way;
use crate::domain::deployment::{Check, Deployment, Freshness, Lane, Revert, Status, Step};
use crate::domain::id::{DeploymentId, Id, ServiceId, TicketKey};
use crate::domain::people::Service;
use crate::domain::plain_sight::plain_sight;
use crate::domain::refusal::FieldError;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::http::form::Form;
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, coded};
use crate::store::deployment::Filter;
use crate::store::{self};

/// Deployments on one page of the list.
const ROWS: i64 = 50;

#[derive(Template)]
#[template(path = "deploy/list.html")]
struct ListPage {
    p: Page,
    form: Form,
    environments: Vec<String>,
    environment_choices: Vec<(String, String)>,
    services: Vec<(String, String)>,
    statuses: Vec<(String, String)>,
    /// The moment that is shown, if it isn't now.
    at: Option<Timestamp>,
    /// What waits; only where now is shown.
    queue: Vec<QueueLine>,
    /// Whether whoever looks may let it go or withdraw it.
    may_record: bool,
    live: Vec<LiveRow>,
    rows: Vec<DeployLine>,
    next: Option<String>,
    is_first: bool,
    /// Only where now is shown.
    glass: Option<GlassMonth>,
}

/// The broken glass of a month.
struct GlassMonth {
    month: String,
    /// Where the month before is shown, and the one after.
    before: String,
    after: Option<String>,
    lines: Vec<GlassLine>,
}

/// How often one team broke the glass for one reason.
struct GlassLine {
    team: String,
    reason: String,
    count: usize,
    keys: Vec<String>,
    /// Where a standing change begins, if it is time for one.
    begin: Option<String>,
}

impl GlassLine {
    fn of(it: Counted, p: &Page) -> Self {
        let begin = it.line.is_habit().then(|| {
            let what = it.service.clone().unwrap_or_default();
            let title = p.t2(
                "glass-standing-of",
                "service",
                what,
                "reason",
                it.line.reason.clone(),
            );
            let keys: Vec<String> = it.line.keys.iter().map(ToString::to_string).collect();
            let body = p.t1("glass-standing-why", "keys", keys.join(", "));
            let service = it.line.service.map(|id| id.to_string());
            format!(
                "/new?kind=change&title={}&service={}&body={}",
                coded(title.trim()),
                service.unwrap_or_default(),
                coded(&body)
            )
        });
        Self {
            team: it.team.unwrap_or_default(),
            count: it.line.count,
            keys: it.line.keys.iter().map(ToString::to_string).collect(),
            reason: it.line.reason,
            begin,
        }
    }
}

/// A service, and what is live of it in each environment.
struct LiveRow {
    service: String,
    id: ServiceId,
    cells: Vec<Cell>,
}

/// What is live of a service in one environment: one line a target.
struct Cell {
    lines: Vec<DeployLine>,
    /// The targets have different versions.
    is_mixed: bool,
}

impl Cell {
    fn of(lines: Vec<DeployLine>) -> Self {
        Self {
            is_mixed: lines.iter().any(|it| it.version != lines[0].version),
            lines,
        }
    }
}

/// A deployment as pages tell it.
pub struct DeployLine {
    pub id: DeploymentId,
    pub service: String,
    pub service_id: ServiceId,
    pub place: String,
    pub target: String,
    pub version: String,
    pub before: Option<String>,
    pub status: &'static str,
    pub step: &'static str,
    pub is_back: bool,
    /// A check after it said so last.
    pub is_red: bool,
    pub is_live: bool,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub who: String,
    pub tickets: Vec<(TicketKey, String)>,
    pub freeze: Option<String>,
    pub glass: Option<String>,
    /// What is live there by now, if it isn't this.
    pub now_live: Option<String>,
    /// How it is taken back, where that was asked for.
    pub revert: Option<RevertView>,
}

impl DeployLine {
    pub fn of(told: Told) -> Self {
        let it = told.deployment;
        Self {
            id: it.id,
            service: told.service,
            service_id: it.lane.service,
            place: it.lane.place(),
            who: it.who().to_owned(),
            ended_at: it.ended_at(),
            target: it.lane.target,
            version: it.version,
            before: told.before,
            status: it.status.as_str(),
            step: it.step.as_str(),
            is_back: it.step == Step::Rollback,
            is_red: it.check == Some(Check::Red),
            is_live: told.is_live,
            started_at: it.started_at,
            tickets: told.tickets,
            freeze: it.freeze,
            glass: it.glass,
            now_live: None,
            revert: None,
        }
    }
}

/// What the address asks for.
#[derive(Clone, Default)]
struct Asked {
    environment: String,
    service: String,
    status: String,
    at: String,
    from: String,
    month: String,
}

impl Asked {
    fn of(req: &HttpRequest) -> Self {
        let text = |name| param(req, name).unwrap_or_default();
        Self {
            environment: text("env"),
            service: text("service"),
            status: text("status"),
            at: text("at"),
            from: text("from"),
            month: text("month"),
        }
    }

    /// The same list from another place on, or with the glass of another month.
    fn with(&self, what: &str, value: &str) -> String {
        let mut place = format!("/deployments?{what}={value}");
        for (name, value) in [
            ("env", &self.environment),
            ("service", &self.service),
            ("status", &self.status),
        ] {
            if !value.is_empty() {
                place.push_str(&format!("&{name}={}", coded(value)));
            }
        }
        place
    }
}

struct Known {
    environments: Vec<String>,
    services: Vec<Service>,
    live: Vec<Told>,
    queue: Vec<Line>,
    rows: Vec<Told>,
    next: Option<DeploymentId>,
    glass: Option<Count>,
}

fn load(ctx: &Ctx<'_>, asked: &Asked, at: Option<Timestamp>) -> Result<Known> {
    let live = story::live(ctx, None, at)?;
    let queue = match at {
        None => queue::list(ctx)?,
        Some(_) => Vec::new(),
    };
    let glass = match at.is_none() && asked.from.is_empty() {
        true => {
            let month = Some(asked.month.as_str()).filter(|it| !it.is_empty());
            Some(glass_count::of_month(ctx, month)?)
        }
        false => None,
    };
    ctx.read(|conn| {
        let mut services = store::house::services(conn)?;
        services.sort_by_key(|it| it.name.to_lowercase());
        let from: Option<DeploymentId> = Id::parse(&asked.from);
        let after = match from {
            Some(id) => store::deployment::by_id(conn, id)?.map(|it| (it.started_at, it.id)),
            // The list ends at the moment that is looked at.
            None => at.map(|at| (at.plus_secs(1), Id::from_uuid(uuid::Uuid::nil()))),
        };
        let filter = Filter {
            environment: Some(asked.environment.clone()).filter(|it| !it.is_empty()),
            service: Id::parse(&asked.service),
            status: asked.status.parse().ok(),
            after,
        };
        let mut found = store::deployment::list(conn, &filter, ROWS + 1)?;
        let is_last = found.len() as i64 <= ROWS;
        found.truncate(ROWS as usize);
        Ok(Known {
            environments: store::house::environments(conn)?,
            services,
            live,
            queue,
            next: found.last().filter(|_| !is_last).map(|it| it.id),
            rows: story::told(conn, found)?,
            glass,
        })
    })
}

/// `GET /deployments`
pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let p = Page::new(&req, "deployments-title");
    let asked = Asked::of(&req);
    let read = when::instant("at", &asked.at, viewer.zone, p.now);
    let read = read.and_then(|at| match at {
        Some(at) if at > p.now => Err(FieldError::new("at", "in-future")),
        at => Ok(at),
    });
    let (at, errors) = match read {
        Ok(at) => (at, Vec::new()),
        Err(fault) => (None, vec![fault]),
    };
    let wanted = asked.clone();
    let known = viewer.run(&app, move |ctx| load(ctx, &wanted, at)).await?;
    let status = match errors.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let form = Form::failing(p.words, errors)
        .with("env", &asked.environment)
        .with("service", &asked.service)
        .with("status", &asked.status)
        .with("at", &asked.at);
    let every = |text: &'static str| (String::new(), p.t(text).into_owned());
    let statuses = Status::ALL.iter();
    let statuses =
        statuses.map(|it| (it.as_str().to_owned(), p.word("deploy-status", it.as_str())));
    let of_service = |it: &Service| (it.id.to_string(), it.name.clone());
    let page = ListPage {
        environment_choices: std::iter::once(every("deploy-everywhere"))
            .chain(known.environments.iter().map(|it| (it.clone(), it.clone())))
            .collect(),
        services: std::iter::once(every("deploy-every-service"))
            .chain(
                known
                    .services
                    .iter()
                    .filter(|it| it.is_active)
                    .map(of_service),
            )
            .collect(),
        statuses: std::iter::once(every("deploy-every-status"))
            .chain(statuses)
            .collect(),
        may_record: p.may(Action::RecordDeployment),
        queue: known.queue.into_iter().map(QueueLine::of).collect(),
        live: by_service(known.live, &known.environments),
        environments: known.environments,
        at,
        rows: known.rows.into_iter().map(DeployLine::of).collect(),
        next: known.next.map(|from| asked.with("from", &from.to_string())),
        is_first: asked.from.is_empty(),
        glass: known.glass.map(|it| GlassMonth {
            before: asked.with("month", &it.before),
            after: it.after.map(|after| asked.with("month", &after)),
            month: it.month,
            lines: it
                .lines
                .into_iter()
                .map(|it| GlassLine::of(it, &p))
                .collect(),
        }),
        form,
        p,
    };
    reply::page_with(status, &page)
}

/// The table: a row for each service, a cell for each environment.
fn by_service(live: Vec<Told>, environments: &[String]) -> Vec<LiveRow> {
    let mut rows: BTreeMap<(String, ServiceId), Vec<Vec<DeployLine>>> = BTreeMap::new();
    for told in live {
        let place = environments
            .iter()
            .position(|it| *it == told.deployment.lane.environment);
        let Some(place) = place else { continue };
        let key = (told.service.to_lowercase(), told.deployment.lane.service);
        let cells = rows
            .entry(key)
            .or_insert_with(|| environments.iter().map(|_| Vec::new()).collect());
        cells[place].push(DeployLine::of(told));
    }
    let row = |((_, id), cells): ((String, ServiceId), Vec<Vec<DeployLine>>)| LiveRow {
        service: cells
            .iter()
            .flatten()
            .next()
            .map_or_else(String::new, |it| it.service.clone()),
        id,
        cells: cells.into_iter().map(Cell::of).collect(),
    };
    rows.into_iter().map(row).collect()
}

/// A revert line as pages show it.
pub struct RevertView {
    pub from: &'static str,
    pub lines: String,
    /// Whether it still fits, where that could be tried.
    pub freshness: Option<FreshView>,
}

/// Whether a revert still fits.
pub struct FreshView {
    pub is_clean: bool,
    pub count: usize,
    pub files: String,
    /// What has no way back, by path; empty: nothing that we know of.
    pub irreversible: String,
    pub checked_at: Timestamp,
}

impl FreshView {
    pub fn of(freshness: Freshness) -> Self {
        Self {
            is_clean: freshness.conflicts.is_empty(),
            count: freshness.conflicts.len(),
            files: freshness.conflicts.join(", "),
            irreversible: freshness.irreversible.join(", "),
            checked_at: freshness.checked_at,
        }
    }
}

impl RevertView {
    pub fn of(revert: Revert) -> Self {
        Self {
            from: revert.from.as_str(),
            lines: revert.lines.join("\n"),
            freshness: None,
        }
    }
}

#[derive(Template)]
#[template(path = "deploy/show.html")]
struct ShowPage {
    p: Page,
    line: DeployLine,
    previous: Option<DeploymentId>,
    commit: Option<String>,
    artefact: Option<String>,
    check: Option<&'static str>,
    revision: Option<String>,
    url: Option<String>,
    source: String,
    told_by: String,
    recorded_at: Timestamp,
    /// Its commits are known.
    way: Option<&'static str>,
    added: Vec<(String, String, String)>,
    added_more: usize,
    removed: Vec<(String, String, String)>,
    removed_more: usize,
    revert: Option<RevertView>,
}

const fn way_word(way: Way) -> &'static str {
    match way {
        Way::Same => "same",
        Way::Forward => "forward",
        Way::Back => "back",
        Way::Sideways => "sideways",
    }
}

/// `GET /deployments/{id}`
pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Answer {
    let id: DeploymentId = id_of(&id)?;
    let Detail {
        told,
        previous,
        way,
        added,
        added_count,
        removed,
        removed_count,
        revert,
        freshness,
    } = viewer.run(&app, move |ctx| story::read(ctx, id)).await?;
    let it = told.deployment.clone();
    let commits = |of: Vec<store::git_commit::RecordedCommit>| -> Vec<(String, String, String)> {
        let commit = |it: store::git_commit::RecordedCommit| {
            (
                it.short().to_owned(),
                plain_sight(&it.subject).into_owned(),
                plain_sight(&it.author_name).into_owned(),
            )
        };
        of.into_iter().map(commit).collect()
    };
    let (added, removed) = (commits(added), commits(removed));
    let title = format!("{} {}", told.service, it.version);
    reply::page(&ShowPage {
        p: Page::titled(&req, title),
        line: DeployLine::of(told),
        previous: previous.map(|it| it.id),
        commit: it.commit,
        artefact: it.artefact,
        check: it.check.map(Check::as_str),
        revision: it.revision,
        url: it.url,
        source: it.source,
        told_by: it.by_name,
        recorded_at: it.recorded_at,
        way: way.map(way_word),
        added_more: added_count - added.len(),
        removed_more: removed_count - removed.len(),
        added,
        removed,
        revert: revert.map(|revert| RevertView {
            freshness: freshness.map(FreshView::of),
            ..RevertView::of(revert)
        }),
    })
}

/// What a ticket's page or a service's page shows of deployments.
#[derive(Default)]
pub struct OnPage {
    pub lines: Vec<DeployLine>,
    /// They are of several services.
    pub shows_service: bool,
}

impl OnPage {
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// Tells of these, with the way back of those that are live.
pub fn on_page(conn: &mut store::Conn, of: Vec<Deployment>, shows_service: bool) -> Result<OnPage> {
    let told = story::told(conn, of)?;
    let live: Vec<Deployment> = told
        .iter()
        .filter(|it| it.is_live)
        .map(|it| it.deployment.clone())
        .collect();
    let mut reverts = story::reverts(conn, &live)?;
    let ids: Vec<DeploymentId> = live.iter().map(|it| it.id).collect();
    let mut tried = store::revert_check::of(conn, &ids)?;
    let now: HashMap<Lane, String> = store::deployment::live(conn, None)?
        .into_iter()
        .map(|it| (it.lane, it.version))
        .collect();
    let lines = told.into_iter().map(|it| {
        let revert = reverts.remove(&it.deployment.id);
        let freshness = tried.remove(&it.deployment.id).map(FreshView::of);
        DeployLine {
            now_live: now
                .get(&it.deployment.lane)
                .filter(|_| !it.is_live)
                .cloned(),
            revert: revert.map(|revert| RevertView {
                freshness,
                ..RevertView::of(revert)
            }),
            ..DeployLine::of(it)
        }
    });
    Ok(OnPage {
        lines: lines.collect(),
        shows_service,
    })
}
