//! Agreements and calendars: the list, and an editor for each. Saving makes a version that holds from now on.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::agreement_policy::{self, PolicyChoices};
use super::inputs::{Answer, id_of, invalid, rev};
use crate::actions::agreement::{self, AgreementDetails};
use crate::actions::{self, allow};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target as Of};
use crate::domain::id::{AgreementId, CustomerId, Id, Kind, ServiceId};
use crate::domain::refusal::FieldError;
use crate::domain::severity::Severity;
use crate::domain::sla_agreement::{
    Agreement, Anchor, MOST_PROMISES, Metric, Promisee, Target, Threshold, USUAL_BACKDATE_DAYS,
    budget_text, parse_budget,
};
use crate::domain::ticket::WaitingOn;
use crate::error::{Error, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::store;
use crate::words::Words;

/// How many empty rows the form offers for more promises.
const SPARE_ROWS: usize = 3;

type Choices = Vec<(String, String)>;

#[derive(Template)]
#[template(path = "agreement/list.html")]
struct ListPage {
    p: Page,
    agreements: Vec<AgreementLine>,
    calendars: Vec<CalendarLine>,
    may_edit: bool,
}

struct AgreementLine {
    id: String,
    name: String,
    customer: String,
    promises: usize,
    version: i64,
}

struct CalendarLine {
    id: String,
    name: String,
    zone: String,
    is_open: bool,
    is_active: bool,
    version: i64,
}

/// `GET /agreements`
pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let (agreements, calendars) = viewer.run(&app, load_list).await?;
    let p = Page::new(&req, "agreements-title");
    let house = p.t("clock-house").into_owned();
    let agreements = agreements
        .into_iter()
        .map(|(agreement, customer)| AgreementLine {
            id: agreement.id.to_string(),
            promises: agreement.targets.len(),
            version: agreement.version,
            name: agreement.name,
            customer: customer.unwrap_or_else(|| house.clone()),
        })
        .collect();
    let may_edit = p.may(Action::ManageAgreements);
    reply::page(&ListPage {
        p,
        agreements,
        calendars,
        may_edit,
    })
}

type Listed = (Vec<(Agreement, Option<String>)>, Vec<CalendarLine>);

fn load_list(ctx: &Ctx<'_>) -> Result<Listed> {
    allow(&ctx.by, Action::ReadHouse, Of::House)?;
    ctx.read(|conn| {
        let book = actions::sla::book(ctx.app, conn)?;
        let ids: Vec<CustomerId> = book
            .agreements()
            .iter()
            .filter_map(|known| known.customer)
            .collect();
        let names = store::customer::names(conn, &ids)?;
        let mut agreements: Vec<(Agreement, Option<String>)> = book
            .agreements()
            .iter()
            .map(|known| {
                (
                    known.clone(),
                    known.customer.and_then(|id| names.get(&id).cloned()),
                )
            })
            .collect();
        agreements.sort_by_key(|(_, customer)| customer.as_ref().map(|name| name.to_lowercase()));
        let calendars = book
            .calendars
            .iter()
            .map(|known| CalendarLine {
                id: known.id.to_string(),
                name: known.name.clone(),
                zone: known.latest.zone().name().to_owned(),
                is_open: known.hours.is_open(ctx.now),
                is_active: known.is_active,
                version: known.version,
            })
            .collect();
        Ok((agreements, calendars))
    })
}

#[derive(Template)]
#[template(path = "agreement/edit.html")]
struct EditPage {
    p: Page,
    action: String,
    form: Form,
    is_new: bool,
    is_house: bool,
    customers: Choices,
    /// Each row's number, and whether its fold stands open.
    rows: Vec<(String, bool)>,
    policy: PolicyChoices,
    metrics: Choices,
    kinds: Choices,
    severities: Choices,
    services: Choices,
    calendars: Choices,
    promisees: Choices,
    anchors: Choices,
    waits: Choices,
    problems: Vec<String>,
}

/// What the form's selects choose from, and the agreement, if there is one already.
struct Known {
    agreement: Option<Agreement>,
    customers: Choices,
    services: Choices,
    calendars: Choices,
}

fn load(ctx: &Ctx<'_>, id: Option<AgreementId>) -> Result<Known> {
    allow(&ctx.by, Action::ManageAgreements, Of::House)?;
    ctx.read(|conn| {
        let book = actions::sla::book(ctx.app, conn)?;
        let agreement = match id {
            Some(id) => {
                let found = book.agreements().iter().find(|known| known.id == id);
                Some(found.cloned().ok_or(Error::NotFound)?)
            }
            None => None,
        };
        let mut customers: Choices = store::customer::all(conn)?
            .into_iter()
            .filter(|customer| customer.is_active)
            .map(|customer| (customer.id.to_string(), customer.name))
            .collect();
        customers.sort_by_key(|(_, name)| name.to_lowercase());
        let mut services: Choices = store::house::services(conn)?
            .into_iter()
            .map(|service| (service.id.to_string(), service.name))
            .collect();
        services.sort_by_key(|(_, name)| name.to_lowercase());
        let calendars = book
            .calendars
            .iter()
            .filter(|known| known.is_active)
            .map(|known| (known.id.to_string(), known.name.clone()))
            .collect();
        Ok(Known {
            agreement,
            customers,
            services,
            calendars,
        })
    })
}

/// `GET /agreements/new` and `GET /agreements/{id}`
pub async fn form(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: Option<web::Path<String>>,
) -> Answer {
    let id: Option<AgreementId> = id.map(|id| id_of(&id)).transpose()?;
    let known = viewer.run(&app, move |ctx| load(ctx, id)).await?;
    let mut form = Form::new(Words::english());
    if known.agreement.is_none() {
        form = form.with("backdate_days", USUAL_BACKDATE_DAYS);
    }
    if let Some(agreement) = &known.agreement {
        form = form
            .with("name", &agreement.name)
            .with("backdate_days", agreement.backdate_days)
            .with("rev", agreement.version);
        for (row, target) in agreement.targets.iter().enumerate() {
            form = fill(form, row, target);
        }
    }
    reply::page(&edit_page(&req, known, form, Vec::new()))
}

fn fill(form: Form, row: usize, target: &Target) -> Form {
    let name = |field: &str| format!("{row}-{field}");
    let warn: Vec<String> = target.warn.iter().map(Threshold::to_string).collect();
    let form = form
        .with(&name("metric"), target.metric)
        .with(&name("kind"), target.kind)
        .with_some(&name("severity"), target.severity)
        .with_some(&name("service"), target.service)
        .with(&name("budget"), budget_text(target.budget))
        .with(&name("calendar"), target.calendar)
        .with(&name("promisee"), target.promisee)
        .with(&name("anchor"), target.anchor)
        .with(&name("warn"), warn.join(", "));
    let form = agreement_policy::fill(form, row, &target.policy);
    target
        .stops_on
        .iter()
        .fold(form, |form, on| form.with(&name("stops"), on))
}

fn edit_page(req: &HttpRequest, known: Known, form: Form, problems: Vec<String>) -> EditPage {
    let p = match &known.agreement {
        Some(agreement) => Page::titled(req, agreement.name.clone()),
        None => Page::new(req, "agreement-new"),
    };
    let word = |family: &str, word: &str| (word.to_owned(), p.word(family, word));
    let any = |choices: Choices| -> Choices {
        std::iter::once((String::new(), p.t("any").into_owned()))
            .chain(choices)
            .collect()
    };
    let filled = (0..MOST_PROMISES)
        .rev()
        .find(|row| !form.value(&format!("{row}-budget")).is_empty());
    let count = filled.map_or(0, |last| last + 1) + SPARE_ROWS;
    EditPage {
        action: known
            .agreement
            .as_ref()
            .map_or("/agreements".to_owned(), |it| {
                format!("/agreements/{}", it.id)
            }),
        is_new: known.agreement.is_none(),
        is_house: known
            .agreement
            .as_ref()
            .is_some_and(|it| it.customer.is_none()),
        customers: known.customers,
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
        services: any(known.services),
        calendars: known.calendars,
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
        form,
        p,
    }
}

/// Reads the promises; a row without a budget is none. Errors name their row as people count them.
fn targets(posted: &Posted) -> std::result::Result<Vec<Target>, Vec<FieldError>> {
    let (mut targets, mut errors) = (Vec::new(), Vec::new());
    for row in 0..MOST_PROMISES {
        if posted.text(&format!("{row}-budget")).trim().is_empty() {
            continue;
        }
        match target(posted, row) {
            Ok(target) => targets.push(target),
            Err(mut error) => {
                error.field = format!("{}", row + 1).into();
                errors.push(error);
            }
        }
    }
    if errors.is_empty() {
        Ok(targets)
    } else {
        Err(errors)
    }
}

fn target(posted: &Posted, row: usize) -> std::result::Result<Target, FieldError> {
    let text = |field: &str| posted.text(&format!("{row}-{field}")).trim().to_owned();
    let unknown =
        |field: &'static str| FieldError::new(field, "not-a-choice").with("value", text(field));
    let id_or_none = |field: &'static str| -> std::result::Result<Option<ServiceId>, FieldError> {
        match text(field).as_str() {
            "" => Ok(None),
            id => Id::parse(id).map(Some).ok_or_else(|| unknown(field)),
        }
    };
    let metric: Metric = text("metric").parse().map_err(|()| unknown("metric"))?;
    let severity = match text("severity").as_str() {
        "" => None,
        word => Some(word.parse().map_err(|()| unknown("severity"))?),
    };
    let warn = text("warn");
    let warn = warn
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            Threshold::parse(part).ok_or_else(|| {
                FieldError::new("warn", "not-a-threshold").with("value", part.to_owned())
            })
        })
        .collect::<std::result::Result<_, _>>()?;
    let stops_on = posted
        .all(&format!("{row}-stops"))
        .map(|word| word.parse().map_err(|()| unknown("stops")))
        .collect::<std::result::Result<_, _>>()?;
    Ok(Target {
        id: None,
        metric,
        promisee: text("promisee").parse().map_err(|()| unknown("promisee"))?,
        kind: text("kind").parse().map_err(|()| unknown("kind"))?,
        severity,
        service: id_or_none("service")?,
        budget: parse_budget("budget", &text("budget"))?,
        calendar: Id::parse(&text("calendar")).ok_or_else(|| unknown("calendar"))?,
        anchor: text("anchor").parse().map_err(|()| unknown("anchor"))?,
        warn,
        stops_on,
        policy: agreement_policy::read(posted, row)?,
    })
}

/// `POST /agreements` and `POST /agreements/{id}`
pub async fn save(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: Option<web::Path<String>>,
    posted: Posted,
) -> Answer {
    let id: Option<AgreementId> = id.map(|id| id_of(&id)).transpose()?;
    let seen = if id.is_some() { rev(&posted)? } else { 0 };
    let details = targets(&posted).and_then(|targets| {
        let customer: Option<CustomerId> = Id::parse(posted.text("customer"));
        if id.is_none() && customer.is_none() {
            return Err(vec![FieldError::new("customer", "required")]);
        }
        let is_active = !posted.ticked("retire");
        let days = posted.text("backdate_days").trim();
        let backdate_days = match days {
            "" => USUAL_BACKDATE_DAYS,
            days => days.parse().map_err(|_| {
                let wrong = FieldError::new("backdate_days", "not-a-number");
                vec![wrong.with("value", days.to_owned())]
            })?,
        };
        Ok(AgreementDetails {
            backdate_days,
            customer,
            name: posted.text("name").to_owned(),
            targets,
            is_active,
        })
    });
    let saved = match details {
        Err(errors) => Err(Error::Invalid(errors).into()),
        Ok(details) => {
            let save = move |ctx: &Ctx<'_>| match id {
                Some(id) => agreement::change_agreement(ctx, id, seen, &details),
                None => agreement::add_agreement(ctx, &details).map(|_| ()),
            };
            viewer.run(&app, save).await
        }
    };
    match invalid(saved)? {
        Ok(()) => Ok(reply::see_saying("/agreements", "said-saved", "")),
        Err(errors) => {
            let words = Words::english();
            let of_rows = errors
                .iter()
                .filter(|error| error.field.parse::<usize>().is_ok());
            let problems = of_rows
                .map(|error| {
                    let (row, text) = (error.field.as_ref().into(), words.problem(error).into());
                    words
                        .with("promise-wrong", &[("row", row), ("text", text)])
                        .into_owned()
                })
                .collect();
            let known = viewer.run(&app, move |ctx| load(ctx, id)).await?;
            let form = Form::kept(words, &posted, errors);
            reply::page_with(
                StatusCode::UNPROCESSABLE_ENTITY,
                &edit_page(&req, known, form, problems),
            )
        }
    }
}
