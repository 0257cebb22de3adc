//! The agreement editor: whom it is with, and a row for each promise. What the promises come to is shown while they are written; the
//! clocks that would move are shown before it is saved.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::agreement_policy::{self, PolicyChoices};
use super::agreement_rows::{read, written};
use super::agreement_view::{Promises, promises};
use super::inputs::{Answer, Tick, id_of, invalid, rev, ticked_ids, with_who};
use super::names::{Names, Wanted};
use super::terms::{self, Moves, digest, effect};
use crate::actions::agreement::{self, AgreementDetails};
use crate::actions::{self, allow};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target as Of};
use crate::domain::id::{AgreementId, CustomerId, Id, Kind};
use crate::domain::refusal::FieldError;
use crate::domain::severity::Severity;
use crate::domain::sla_agreement::{
    Agreement, Anchor, HoldsFor, MOST_PROMISES, Metric, Promisee, Target, USUAL_BACKDATE_DAYS,
};
use crate::domain::sla_book::Book;
use crate::domain::sla_version::{Effect, Layer};
use crate::domain::ticket::WaitingOn;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::store;
use crate::words::Words;

/// How many empty rows the form offers for more promises.
const SPARE_ROWS: usize = 3;

type Choices = Vec<(String, String)>;

#[derive(Template)]
#[template(path = "agreement/edit.html")]
struct EditPage {
    p: Page,
    action: String,
    id: String,
    form: Form,
    is_new: bool,
    is_house: bool,
    customers: Vec<Tick>,
    /// Each row's number, and whether its fold stands open.
    rows: Vec<(String, bool)>,
    policy: PolicyChoices,
    metrics: Choices,
    kinds: Choices,
    severities: Choices,
    services: Choices,
    /// Of the agreement's customers.
    parties: Choices,
    calendars: Choices,
    promisees: Choices,
    anchors: Choices,
    waits: Choices,
    problems: Vec<String>,
    planned: Vec<String>,
    may_correct: bool,
    look: Promises,
    moves: Option<Moves>,
}

/// What the form's selects choose from, and the agreement, if there is one already.
struct Known {
    book: std::sync::Arc<Book>,
    id: Option<AgreementId>,
    customers: Choices,
    services: Choices,
}

fn load(ctx: &Ctx<'_>, id: Option<AgreementId>) -> Result<Known> {
    allow(&ctx.by, Action::ManageAgreements, Of::House)?;
    ctx.read(|conn| {
        let book = actions::sla::book(ctx.app, conn)?;
        if let Some(id) = id {
            book.agreement(id).ok_or(Error::NotFound)?;
        }
        let mut customers: Choices = store::customer::all(conn)?
            .into_iter()
            .filter(|customer| customer.is_active)
            .map(|customer| (customer.id.to_string(), customer.name))
            .collect();
        customers.sort_by_key(|(_, name)| name.to_lowercase());
        let mut services: Choices = store::house::services(conn)?
            .into_iter()
            .filter(|service| service.is_active)
            .map(|service| (service.id.to_string(), service.name))
            .collect();
        services.sort_by_key(|(_, name)| name.to_lowercase());
        Ok(Known {
            book,
            id,
            customers,
            services,
        })
    })
}

impl Known {
    fn layers(&self) -> impl Iterator<Item = (&Layer, &Agreement)> {
        let known = self.id.and_then(|id| self.book.agreement(id));
        known.into_iter().flat_map(|known| {
            known
                .layers
                .iter()
                .map(|(layer, version)| (layer, &*version.agreement))
        })
    }

    /// The version to begin from: the one that was asked for, else what holds now, else what was written last.
    fn begin(&self, asked: Option<i64>, now: Timestamp) -> Option<(&Layer, &Agreement)> {
        let known = self.book.agreement(self.id?)?;
        let holds = known.at(now).map(|agreement| agreement.version);
        let number = asked.or(holds);
        self.layers()
            .find(|(layer, _)| Some(layer.number) == number)
            .or_else(|| self.layers().last())
    }

    fn newest(&self) -> i64 {
        self.layers().last().map_or(0, |(layer, _)| layer.number)
    }

    fn is_house(&self) -> bool {
        self.layers().any(|(_, it)| it.holds_for.is_house())
    }
}

/// `GET /agreements/new` and `GET /agreements/{id}/edit`
pub async fn form(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: Option<web::Path<String>>,
    query: web::Query<Vec<(String, String)>>,
) -> Answer {
    let id: Option<AgreementId> = id.map(|id| id_of(&id)).transpose()?;
    let known = viewer.run(&app, move |ctx| load(ctx, id)).await?;
    let asked = query.iter().find(|(name, _)| name == "version");
    let asked = asked.and_then(|(_, number)| number.parse().ok());
    let p = Page::new(&req, "agreement-new");
    let (mut form, targets) = standing(&known, asked, p.now);
    if let Some((layer, _)) = known.begin(asked, p.now)
        && layer.is_planned(p.now)
    {
        form = form
            .with("effect", "from")
            .with("from", p.field_time(&layer.from));
    }
    let names = names(&app, &viewer, &targets).await?;
    reply::page(&page(&req, &known, form, Vec::new(), &targets, &names))
}

/// The form of the agreement as it stands, or as the version that was asked for was written, and its promises.
fn standing(known: &Known, asked: Option<i64>, now: Timestamp) -> (Form, Vec<Target>) {
    let mut form = Form::new(Words::english());
    let mut targets = Vec::new();
    if known.id.is_none() {
        form = form.with("backdate_days", USUAL_BACKDATE_DAYS);
    }
    if let Some((_, agreement)) = known.begin(asked, now) {
        form = form
            .with("name", &agreement.name)
            .with("backdate_days", agreement.backdate_days)
            .with("rev", known.newest());
        for customer in agreement.holds_for.customers() {
            form = form.with("customer", customer);
        }
        for (row, target) in agreement.targets.iter().enumerate() {
            form = written(form, row, target);
            targets.push((**target).clone());
        }
    }
    (form, targets)
}

async fn names(
    app: &web::Data<App>,
    viewer: &Viewer,
    targets: &[Target],
) -> std::result::Result<Names, Failure> {
    let wanted = Wanted {
        customers: targets.iter().filter_map(|it| it.customer).collect(),
        services: targets.iter().filter_map(|it| it.service).collect(),
        ..Wanted::default()
    };
    viewer
        .run(app, move |ctx| ctx.read(|conn| Names::load(conn, wanted)))
        .await
}

fn page(
    req: &HttpRequest,
    known: &Known,
    form: Form,
    problems: Vec<String>,
    targets: &[Target],
    names: &Names,
) -> EditPage {
    let newest = known.layers().last().map(|(_, it)| it.name.clone());
    let p = match newest {
        Some(name) => Page::titled(req, name),
        None => Page::new(req, "agreement-new"),
    };
    let word = |family: &str, word: &str| (word.to_owned(), p.word(family, word));
    let any = |choices: Choices| -> Choices {
        std::iter::once((String::new(), p.t("any").into_owned()))
            .chain(choices)
            .collect()
    };
    let filled = (0..MOST_PROMISES).rev().find(|row| {
        let budget = format!("{row}-budget");
        !form.value(&budget).is_empty() || form.clash(&budget).is_some()
    });
    let count = filled.map_or(0, |last| last + 1) + SPARE_ROWS;
    let is_theirs = |id: &str| form.is_ticked("customer", id);
    let parties = known.customers.iter().filter(|(id, _)| is_theirs(id));
    let calendars = known.book.calendars.iter().filter(|it| it.is_active);
    let planned = known
        .layers()
        .filter(|(layer, _)| layer.is_planned(p.now))
        .map(|(layer, _)| {
            let from = layer.from.in_zone(p.zone);
            let from = from.format(&p.t("time-full")).to_string();
            p.t2("version-planned", "number", layer.number, "from", from)
                .into_owned()
        })
        .collect();
    let look: Vec<&Target> = targets.iter().collect();
    EditPage {
        action: known
            .id
            .map_or("/agreements".to_owned(), |id| format!("/agreements/{id}")),
        id: known.id.map(|id| id.to_string()).unwrap_or_default(),
        is_new: known.id.is_none(),
        is_house: known.is_house(),
        customers: known
            .customers
            .iter()
            .map(|(id, name)| Tick {
                value: id.clone(),
                text: name.clone(),
                hint: String::new(),
                ticked: is_theirs(id),
            })
            .collect(),
        rows: (0..count.min(MOST_PROMISES))
            .map(|row| {
                let row = row.to_string();
                let is_open = agreement_policy::is_unusual(&form, &row);
                (row, is_open)
            })
            .collect(),
        policy: PolicyChoices::new(&p),
        metrics: Metric::PROMISED
            .iter()
            .map(|it| word("metric", it.as_str()))
            .collect(),
        kinds: Kind::ALL
            .iter()
            .map(|it| word("kind", it.as_str()))
            .collect(),
        severities: any(Severity::ALL
            .iter()
            .map(|it| word("severity", it.as_str()))
            .collect()),
        services: any(known.services.clone()),
        parties: any(parties.cloned().collect()),
        calendars: calendars
            .map(|known| (known.id.to_string(), known.name.clone()))
            .collect(),
        promisees: Promisee::ALL
            .iter()
            .map(|it| word("promisee", it.as_str()))
            .collect(),
        anchors: Anchor::ALL
            .iter()
            .map(|it| word("anchor", it.as_str()))
            .collect(),
        waits: WaitingOn::ALL
            .iter()
            .map(|it| word("waiting", it.as_str()))
            .collect(),
        problems,
        planned,
        may_correct: p.may(Action::CorrectTerms),
        look: promises(&p, &known.book, names, &look),
        moves: None,
        form,
        p,
    }
}

/// What was typed. Errors name their row as people count them.
struct Asked {
    details: AgreementDetails,
    effect: Effect,
    /// In which row of the form each promise stands.
    rows: Vec<usize>,
}

fn asked(posted: &Posted, p: &Page, is_new: bool) -> std::result::Result<Asked, Vec<FieldError>> {
    let (targets, rows, mut errors) = read(posted);
    let customers = ticked_ids(posted, "customer").unwrap_or_default();
    if is_new && customers.is_empty() {
        errors.push(FieldError::new("customer", "required"));
    }
    let effect = effect(posted, p.zone, p.now).map_err(|error| errors.push(error));
    let days = posted.text("backdate_days").trim();
    let backdate_days = match days {
        "" => Ok(USUAL_BACKDATE_DAYS),
        days => days.parse().map_err(|_| {
            let wrong = FieldError::new("backdate_days", "not-a-number");
            errors.push(wrong.with("value", days.to_owned()));
        }),
    };
    match (effect, backdate_days) {
        (Ok(effect), Ok(backdate_days)) if errors.is_empty() => Ok(Asked {
            details: AgreementDetails {
                backdate_days,
                holds_for: HoldsFor::Customers(customers),
                name: posted.text("name").to_owned(),
                targets,
                is_active: !posted.ticked("retire"),
            },
            effect,
            rows,
        }),
        _ => Err(errors),
    }
}

/// Names the form's row instead of the promise's place, which doesn't count empty rows.
fn by_row(mut errors: Vec<FieldError>, rows: &[usize]) -> Vec<FieldError> {
    for error in &mut errors {
        let place = error.field.strip_prefix("targets.");
        let place = place.and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
        let Some(row) = place.and_then(|place| rows.get(place)) else {
            continue;
        };
        // It says which row is asked first: that one, too, is counted as the form does.
        for (name, value) in &mut error.args {
            if *name == "by"
                && let Some(first) = value.parse::<usize>().ok().and_then(|by| rows.get(by - 1))
            {
                *value = (first + 1).to_string().into();
            }
        }
        error.field = (row + 1).to_string().into();
    }
    errors
}

/// The sentences for the top of the form, one for each row that is wrong.
fn row_problems(errors: &[FieldError]) -> Vec<String> {
    let words = Words::english();
    let of_rows = errors
        .iter()
        .filter(|error| error.field.parse::<usize>().is_ok());
    of_rows
        .map(|error| {
            let (row, text) = (error.field.as_ref().into(), words.problem(error).into());
            words
                .with("promise-wrong", &[("row", row), ("text", text)])
                .into_owned()
        })
        .collect()
}

/// The page with what was typed.
async fn drawn(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    id: Option<AgreementId>,
    posted: &Posted,
    errors: Vec<FieldError>,
) -> std::result::Result<EditPage, Failure> {
    let known = viewer.run(app, move |ctx| load(ctx, id)).await?;
    let (targets, _, wrong) = read(posted);
    let errors = if errors.is_empty() { wrong } else { errors };
    let problems = row_problems(&errors);
    let names = names(app, viewer, &targets).await?;
    let form = Form::kept(Words::english(), posted, errors);
    Ok(page(req, &known, form, problems, &targets, &names))
}

/// The page with what was typed beside what somebody else has written meanwhile: their newest version, which the form must follow.
async fn clashing(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    id: Option<AgreementId>,
    posted: &Posted,
) -> Answer {
    let known = viewer.run(app, move |ctx| load(ctx, id)).await?;
    let now = Page::new(req, "agreement-new").now;
    let (standing, _) = standing(&known, Some(known.newest()), now);
    let standing = terms::with_effect(standing, posted);
    let name = standing.value("name").to_owned();
    let kept = Some(Form::stale(Words::english(), posted));
    let kept = with_who(app, viewer, kept, ("agreement", &name)).await?;
    let (targets, _, _) = read(posted);
    let names = names(app, viewer, &targets).await?;
    let form = Form::opened(kept, standing);
    let page = page(req, &known, form, Vec::new(), &targets, &names);
    reply::page_with(page.form.status(), &page)
}

/// `POST /agreements/preview`: shows what was typed, and what is wrong with it; it saves nothing.
pub async fn preview(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    posted: Posted,
) -> Answer {
    let id: Option<AgreementId> = Id::parse(posted.text("of"));
    let (targets, rows, mut errors) = read(&posted);
    if errors.is_empty() {
        let customers: Vec<CustomerId> = ticked_ids(&posted, "customer").unwrap_or_default();
        let tried = viewer.run(&app, move |ctx| {
            allow(&ctx.by, Action::ManageAgreements, Of::House)?;
            agreement::try_out(ctx, id, &customers, &targets)
        });
        if let Err(found) = invalid(tried.await)? {
            errors = by_row(found, &rows);
        }
    }
    reply::page(&drawn(&req, &app, &viewer, id, &posted, errors).await?)
}

/// What came of a form that was sent to be saved.
enum Saved {
    Done(AgreementId),
    /// Nothing is written: this is what it would do.
    Shown(Box<Moves>),
}

/// `POST /agreements` and `POST /agreements/{id}`. What would move a clock, or correct the past, is shown first; the form is then sent
/// again with the word that says so.
pub async fn save(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: Option<web::Path<String>>,
    posted: Posted,
) -> Answer {
    let id: Option<AgreementId> = id.map(|id| id_of(&id)).transpose()?;
    let seen = if id.is_some() { rev(&posted)? } else { 0 };
    let p = Page::new(&req, "agreement-new");
    let (saved, rows) = match asked(&posted, &p, id.is_none()) {
        Err(errors) => (Err(Error::Invalid(errors).into()), Vec::new()),
        Ok(Asked {
            details,
            effect,
            rows,
        }) => {
            let typed = digest(&posted);
            let was_shown = posted.text("previewed") == typed;
            let save = move |ctx: &Ctx<'_>| match id {
                Some(id) if was_shown => {
                    agreement::change_agreement(ctx, id, seen, &details, &effect)?;
                    Ok(Saved::Done(id))
                }
                Some(id) => change_or_show(ctx, id, seen, &details, &effect, &typed),
                None => agreement::add_agreement(ctx, &details).map(Saved::Done),
            };
            (viewer.run(&app, save).await, rows)
        }
    };
    if matches!(saved, Err(Failure::House(Error::Stale))) {
        return clashing(&req, &app, &viewer, id, &posted).await;
    }
    match invalid(saved)? {
        Ok(Saved::Done(id)) => Ok(reply::see_saying(
            &format!("/agreements/{id}"),
            "said-saved",
            "",
        )),
        Ok(Saved::Shown(moves)) => {
            let mut page = drawn(&req, &app, &viewer, id, &posted, Vec::new()).await?;
            page.moves = Some(*moves);
            reply::page(&page)
        }
        Err(errors) => {
            let errors = by_row(errors, &rows);
            let page = drawn(&req, &app, &viewer, id, &posted, errors).await?;
            reply::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

fn change_or_show(
    ctx: &Ctx<'_>,
    id: AgreementId,
    seen: i64,
    details: &AgreementDetails,
    effect: &Effect,
    typed: &str,
) -> Result<Saved> {
    let preview = agreement::preview_agreement(ctx, id, seen, details, effect)?;
    if Moves::is_plain(&preview, effect) {
        agreement::change_agreement(ctx, id, seen, details, effect)?;
        return Ok(Saved::Done(id));
    }
    let words = Words::english();
    let moves = Moves::of(ctx, &preview, effect, typed.to_owned(), words)?;
    Ok(Saved::Shown(Box::new(moves)))
}
