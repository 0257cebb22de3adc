//! Locked periods: whose, which, why, by whom, with the reports that were stored under them; the form that locks one, and for
//! admins the one that takes a lock back.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;
use chrono_tz::Tz;

use super::inputs::{Answer, id_of, zones};
use super::sla_reports::{choices, date};
use crate::actions::{allow, sla_period};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::id::{CustomerId, Id, PeriodLockId, ReportId};
use crate::domain::people::Customer;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::sla_report::Period;
use crate::domain::text;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Fields, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::render::sla_report::Form as Format;
use crate::store;

#[derive(Template)]
#[template(path = "report/periods.html")]
struct PeriodsPage {
    p: Page,
    locks: Vec<LockLine>,
    form: Form,
    /// A refusal, or what is wrong with the reason of a lock to be taken back.
    refusal: Option<String>,
    customers: Vec<(String, String)>,
    zones: Vec<(String, String)>,
    may_lock: bool,
    may_undo: bool,
}

struct LockLine {
    id: String,
    period: String,
    zone: String,
    customer: String,
    reason: String,
    by: String,
    made_at: Timestamp,
    /// Its reports are still being stored.
    is_waiting: bool,
    /// Whose, the id, the content's hash.
    reports: Vec<(String, String, String)>,
}

struct Known {
    locks: Vec<LockLine>,
    customers: Vec<Customer>,
}

fn load(ctx: &Ctx<'_>, house: &str, everybody: &str) -> Result<Known> {
    allow(&ctx.by, Action::ExportReport, Target::House)?;
    ctx.read(|conn| {
        let mut customers = store::customer::all(conn)?;
        customers.sort_by_key(|customer| customer.name.to_lowercase());
        let name = |id: Option<CustomerId>, none: &str| match id {
            Some(id) => {
                let known = customers.iter().find(|it| it.id == id);
                known.map_or_else(String::new, |it| it.name.clone())
            }
            None => none.to_owned(),
        };
        let locks = store::period_lock::all(conn)?;
        let ids: Vec<PeriodLockId> = locks.iter().map(|lock| lock.id).collect();
        let stored = store::stored_report::of_locks(conn, &ids)?;
        let days = store::stored_report::days_of(conn)?;
        let mut lines: Vec<LockLine> = locks
            .into_iter()
            .map(|lock| {
                let set_for = days.iter().find(|(id, ..)| *id == lock.id);
                let day = |at: Timestamp| at.in_zone(Tz::UTC).format("%Y-%m-%d %H:%M").to_string();
                LockLine {
                    id: lock.id.to_string(),
                    period: match set_for {
                        Some((_, it, _)) => format!("{} – {}", it.from_on, it.to_on),
                        None => format!("{} – {}", day(lock.from_at), day(lock.until_at)),
                    },
                    zone: set_for
                        .map_or("UTC", |(_, it, _)| it.zone.name())
                        .to_owned(),
                    customer: name(lock.customer_id, everybody),
                    reason: lock.reason,
                    by: lock.made_by,
                    made_at: lock.made_at,
                    is_waiting: set_for.is_some_and(|(_, _, stored_at)| stored_at.is_none()),
                    reports: stored
                        .iter()
                        .filter(|it| it.lock == lock.id)
                        .map(|it| {
                            let whose = name(it.customer, house);
                            (whose, it.id.to_string(), it.content_hash.clone())
                        })
                        .collect(),
                }
            })
            .collect();
        lines.reverse();
        Ok(Known {
            locks: lines,
            customers,
        })
    })
}

async fn page(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    form: Option<Form>,
    refusal: Option<String>,
) -> Answer {
    let p = Page::new(req, "periods-title");
    let (house, everybody) = (
        p.t("clock-house").into_owned(),
        p.t("periods-everybody").into_owned(),
    );
    let known = viewer
        .run(app, move |ctx| load(ctx, &house, &everybody))
        .await?;
    let mut customers = choices(&known.customers, &p);
    // A lock is one customer's or everybody's; the house alone has none.
    customers.remove(1);
    customers[0].1 = p.t("periods-everybody").into_owned();
    let mut all_zones = zones(p.words);
    all_zones[0].1 = p.t("sla-zone-own").into_owned();
    let status = match (&form, &refusal) {
        (None, None) => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let page = PeriodsPage {
        locks: known.locks,
        form: form.unwrap_or_else(|| Form::new(p.words)),
        refusal,
        customers,
        zones: all_zones,
        may_lock: p.may(Action::LockPeriod),
        may_undo: p.may(Action::UnlockPeriod),
        p,
    };
    reply::page_with(status, &page)
}

/// `GET /reports/periods`
pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    page(&req, &app, &viewer, None, None).await
}

/// `POST /reports/periods`
pub async fn lock(req: HttpRequest, app: web::Data<App>, viewer: Viewer, posted: Posted) -> Answer {
    let (house, asked) = (viewer.zone, posted.clone());
    let done = viewer
        .run(&app, move |ctx| {
            allow(&ctx.by, Action::LockPeriod, Target::House)?;
            let (period, customer) = meant(ctx, &asked, house)?;
            sla_period::lock(ctx, &period, customer, asked.text("reason"))
        })
        .await;
    after(
        &req,
        &app,
        &viewer,
        posted,
        done.map(|_| ()),
        "said-period-locked",
    )
    .await
}

fn meant(ctx: &Ctx<'_>, posted: &Posted, house: Tz) -> Result<(Period, Option<CustomerId>)> {
    let mut fields = Fields::new();
    let customer: Option<Customer> = match posted.text("customer") {
        "" => None,
        text => {
            let id: Option<CustomerId> = Id::parse(text);
            let known = match id {
                Some(id) => ctx.read(|conn| store::customer::by_id(conn, id))?,
                None => None,
            };
            if known.is_none() {
                let value = text.to_owned();
                fields.push(FieldError::new("customer", "unknown-customer").with("value", value));
            }
            known
        }
    };
    let zone = match posted.text("zone") {
        "" => Some(customer.as_ref().map_or(house, |it| it.zone)),
        name => fields.take(text::zone("zone", name)),
    };
    let from = fields.take(date("from", posted.text("from")));
    let to = fields.take(date("to", posted.text("to")));
    fields.check()?;
    let (Some(zone), Some(from), Some(to)) = (zone, from, to) else {
        return Err(Error::internal("a checked form lacks a field"));
    };
    Ok((Period::new(from, to, zone)?, customer.map(|it| it.id)))
}

/// `POST /reports/periods/{id}/undo`
pub async fn undo(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let id: PeriodLockId = id_of(&id)?;
    let reason = posted.text("reason").to_owned();
    let done = viewer
        .run(&app, move |ctx| sla_period::undo(ctx, id, &reason))
        .await;
    let done = done.map_err(|failure| match failure {
        // The page has one form for locking; this one's fault stands above it.
        Failure::House(Error::Invalid(_)) => Refusal::new("reason-needed").into(),
        other => other,
    });
    after(&req, &app, &viewer, posted, done, "said-period-unlocked").await
}

async fn after(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    posted: Posted,
    done: std::result::Result<(), Failure>,
    said: &'static str,
) -> Answer {
    let words = crate::words::Words::english();
    match done {
        Ok(()) => Ok(reply::see_saying("/reports/periods", said, "")),
        Err(Failure::House(Error::Invalid(mut errors))) => {
            // The period itself calls its end by another name than the form does.
            for error in errors.iter_mut().filter(|error| error.field == "until_at") {
                error.field = "to".into();
            }
            let form = Form::kept(words, &posted, errors);
            page(req, app, viewer, Some(form), None).await
        }
        Err(Failure::House(Error::Refused(refusal))) => {
            let form = Form::kept(words, &posted, Vec::new());
            page(req, app, viewer, Some(form), Some(words.refusal(&refusal))).await
        }
        Err(other) => Err(other),
    }
}

/// `GET /reports/stored/{id}/{form}`: the bytes as they were stored.
pub async fn export(
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
) -> Answer {
    let (id, form) = path.into_inner();
    let id: ReportId = id_of(&id)?;
    let form: Format = form.parse().map_err(|()| Error::NotFound)?;
    let export = viewer
        .run(&app, move |ctx| sla_period::of_stored(ctx, id, form))
        .await?;
    Ok(reply::download(
        &export.file_name,
        form.media_type(),
        export.bytes,
    ))
}
