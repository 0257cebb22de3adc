//! Reports of promises: which customer, which period, in which zone, and the numbers. `sla_list` is the list behind each of them.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;
use chrono::{Datelike, Days, Months, NaiveDate};
use chrono_tz::Tz;

use super::inputs::{Answer, zones};
use super::queue::param;
use crate::actions::allow;
use crate::actions::sla_period;
use crate::actions::sla_report::{self, Asked};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::id::{AgreementId, CustomerId, Id};
use crate::domain::people::Customer;
use crate::domain::refusal::FieldError;
use crate::domain::sla_holder::Bearer;
use crate::domain::sla_report::{Period, Section, SlaReport};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Fields, Result};
use crate::http::form::Form;
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, coded};
use crate::render::sla_report::{self as say, Form as Format};
use crate::store;
use crate::store::stored_report::Stored;

/// Stands for the house in a form.
const HOUSE: &str = "house";

/// What an address asks for.
#[derive(Debug, Clone, Default)]
pub struct Query {
    customer: String,
    from: String,
    to: String,
    zone: String,
    agreement: String,
}

impl Query {
    pub fn of(req: &HttpRequest) -> Self {
        let text = |name| param(req, name).unwrap_or_default().trim().to_owned();
        Self {
            customer: text("customer"),
            from: text("from"),
            to: text("to"),
            zone: text("zone"),
            agreement: text("agreement"),
        }
    }

    /// The report that is meant; its zone is the customer's unless another is named.
    pub fn asked(&self, customers: &[Customer], house: Tz) -> Result<Asked> {
        let mut fields = Fields::new();
        let customer = match self.customer.as_str() {
            HOUSE => Some(None),
            text => {
                let id: Option<CustomerId> = Id::parse(text);
                let known = id.filter(|id| customers.iter().any(|it| it.id == *id));
                if known.is_none() {
                    let value = text.to_owned();
                    fields
                        .push(FieldError::new("customer", "unknown-customer").with("value", value));
                }
                known.map(Some)
            }
        };
        let own = customer
            .flatten()
            .and_then(|id| customers.iter().find(|it| it.id == id));
        let zone = match self.zone.as_str() {
            "" => Some(own.map_or(house, |customer| customer.zone)),
            text => fields.take(crate::domain::text::zone("zone", text)),
        };
        let from = fields.take(date("from", &self.from));
        let to = fields.take(date("to", &self.to));
        let agreement = match self.agreement.as_str() {
            "" => None,
            text => {
                let id: Option<AgreementId> = Id::parse(text);
                Some(id.ok_or(Error::NotFound)?)
            }
        };
        fields.check()?;
        let (Some(customer), Some(zone), Some(from), Some(to)) = (customer, zone, from, to) else {
            return Err(Error::internal("a checked query lacks a field"));
        };
        Ok(Asked {
            customer,
            agreement,
            period: Period::new(from, to, zone)?,
        })
    }

    /// The address of something of the same report; `more` are further parameters, with their ampersands.
    pub fn place(&self, path: &str, more: &str) -> String {
        let Self {
            customer,
            from,
            to,
            zone,
            agreement,
        } = self;
        let mut place = format!(
            "{path}?customer={}&from={}&to={}",
            coded(customer),
            coded(from),
            coded(to)
        );
        for (name, value) in [("zone", zone), ("agreement", agreement)] {
            if !value.is_empty() {
                place.push_str(&format!("&{name}={}", coded(value)));
            }
        }
        place + more
    }
}

/// A date as a `date` field sends it.
pub fn date(field: &'static str, text: &str) -> std::result::Result<NaiveDate, FieldError> {
    match text.trim() {
        "" => Err(FieldError::new(field, "required")),
        text => crate::domain::text::date(field, text),
    }
}

#[derive(Template)]
#[template(path = "report/sla.html")]
struct SlaPage {
    p: Page,
    form: Form,
    customers: Vec<(String, String)>,
    zones: Vec<(String, String)>,
    /// Label and address of usual periods.
    periods: Vec<(String, String)>,
    shown: Option<Shown>,
}

struct Shown {
    title: String,
    period: String,
    is_draft: bool,
    as_of: Option<String>,
    hash: String,
    /// Form, address, hash of its bytes.
    files: Vec<(&'static str, String, String)>,
    sections: Vec<SectionView>,
    stored: Option<StoredView>,
}

struct StoredView {
    article: String,
    made_at: Timestamp,
    hash: String,
    /// The record still says the same.
    is_same: bool,
}

struct SectionView {
    title: String,
    /// Only this agreement's promises; `None` where they are alone already.
    alone: Option<String>,
    rows: Vec<MetricRow>,
    /// Whose, how much, the list behind it.
    late: Vec<(String, String, String)>,
    counting: String,
    availability: Option<Vec<ServedRow>>,
    owed: Vec<String>,
    credit: Option<String>,
    clause: Option<String>,
}

struct MetricRow {
    metric: String,
    kept: String,
    met: Number,
    missed: Number,
    not_needed: Number,
    cancelled: Number,
    moved: Number,
    open: Number,
}

/// A number and the list behind it.
struct Number {
    text: String,
    place: Option<String>,
}

struct ServedRow {
    service: String,
    available: String,
    down: String,
    incidents: Vec<String>,
}

struct Loaded {
    customers: Vec<Customer>,
    outcome: std::result::Result<Option<Found>, Vec<FieldError>>,
}

struct Found {
    report: SlaReport,
    files: Vec<(Format, String)>,
    stored: Option<(Stored, Vec<u8>)>,
}

/// `GET /reports/sla`
pub async fn show(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let mut query = Query::of(&req);
    let house = viewer.zone;
    let asked = query.clone();
    let loaded = viewer
        .run(&app, move |ctx| load(ctx, &asked, house))
        .await?;
    let p = Page::new(&req, "sla-title");
    let today = p.now.in_zone(p.zone).date_naive();
    let periods = usual(today)
        .into_iter()
        .map(|(key, from, to)| {
            let other = Query {
                from: from.to_string(),
                to: to.to_string(),
                ..query.clone()
            };
            (p.t(key).into_owned(), other.place("/reports/sla", ""))
        })
        .collect();
    if query.from.is_empty() && query.to.is_empty() {
        let (_, from, to) = usual(today)[1];
        (query.from, query.to) = (from.to_string(), to.to_string());
    }
    let (found, errors) = match loaded.outcome {
        Ok(found) => (found, Vec::new()),
        Err(errors) => (None, errors),
    };
    let status = match errors.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let form = Form::failing(p.words, errors)
        .with("customer", &query.customer)
        .with("from", &query.from)
        .with("to", &query.to)
        .with("zone", &query.zone);
    let mut all_zones = zones(p.words);
    all_zones[0].1 = p.t("sla-zone-own").into_owned();
    let page = SlaPage {
        customers: choices(&loaded.customers, &p),
        zones: all_zones,
        periods,
        shown: found.map(|found| shown(found, &query, &p)),
        form,
        p,
    };
    reply::page_with(status, &page)
}

/// The customers to choose from, the house among them.
pub fn choices(customers: &[Customer], p: &Page) -> Vec<(String, String)> {
    let mut all = vec![
        (String::new(), p.t("sla-choose").into_owned()),
        (HOUSE.to_owned(), p.t("clock-house").into_owned()),
    ];
    all.extend(
        customers
            .iter()
            .map(|customer| (customer.id.to_string(), customer.name.clone())),
    );
    all
}

/// This month, the last one, the last quarter: key of its label, first and last day.
fn usual(today: NaiveDate) -> [(&'static str, NaiveDate, NaiveDate); 3] {
    let this = today.with_day(1).unwrap_or(today);
    let last = this - Months::new(1);
    let before = |day: NaiveDate| day - Days::new(1);
    let quarter = this - Months::new(u32::from(this.month0() as u8 % 3));
    [
        ("sla-this-month", this, before(this + Months::new(1))),
        ("sla-last-month", last, before(this)),
        (
            "sla-last-quarter",
            quarter - Months::new(3),
            before(quarter),
        ),
    ]
}

fn load(ctx: &Ctx<'_>, query: &Query, house: Tz) -> Result<Loaded> {
    allow(&ctx.by, Action::ExportReport, Target::House)?;
    let mut customers = ctx.read(store::customer::all)?;
    customers.sort_by_key(|customer| customer.name.to_lowercase());
    if query.customer.is_empty() {
        return Ok(Loaded {
            customers,
            outcome: Ok(None),
        });
    }
    let outcome = match found(ctx, query, &customers, house) {
        Ok(found) => Ok(Some(found)),
        Err(Error::Invalid(errors)) => Err(errors),
        Err(other) => return Err(other),
    };
    Ok(Loaded { customers, outcome })
}

fn found(ctx: &Ctx<'_>, query: &Query, customers: &[Customer], house: Tz) -> Result<Found> {
    let asked = query.asked(customers, house)?;
    let report = sla_report::prepare(ctx, &asked)?;
    let files = sla_period::file_hashes(ctx, &asked, &report)?;
    let stored = match sla_period::standing(ctx, &asked)? {
        Some(stored) => {
            let export = sla_period::of_stored(ctx, stored.id, Format::Html)?;
            Some((stored, export.bytes))
        }
        None => None,
    };
    Ok(Found {
        report,
        files,
        stored,
    })
}

fn shown(found: Found, query: &Query, p: &Page) -> Shown {
    let words = p.words;
    let report = &found.report;
    let hash = report.hash();
    let whose = match &report.customer {
        Some((_, name)) => name.clone(),
        None => p.t("clock-house").into_owned(),
    };
    Shown {
        title: p.t1("sla-report-of", "name", whose).into_owned(),
        period: say::period(report, words),
        is_draft: report.as_of.is_some(),
        as_of: report.as_of.map(|at| {
            let at = say::stamp(at, report, words);
            p.t1("sla-draft-sentence", "at", at).into_owned()
        }),
        files: found
            .files
            .iter()
            .map(|(form, hash)| {
                let place = query.place(&format!("/reports/sla/{form}"), "");
                (form.as_str(), place, hash.clone())
            })
            .collect(),
        sections: report
            .sections
            .iter()
            .map(|section| section_view(section, report, query, p))
            .collect(),
        stored: found.stored.map(|(stored, bytes)| StoredView {
            article: article(&bytes),
            made_at: stored.made_at,
            is_same: stored.content_hash == hash,
            hash: stored.content_hash,
        }),
        hash,
    }
}

/// The part of a stored document that a page can hold: our own renderer wrote it, and its text is escaped.
fn article(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let from = text.find("<article").unwrap_or(0);
    let to = text.rfind("</article>").map_or(text.len(), |at| at + 10);
    text[from..to].to_owned()
}

fn section_view(section: &Section, report: &SlaReport, query: &Query, p: &Page) -> SectionView {
    let words = p.words;
    let id = section.agreement.map(|id| id.to_string());
    let of = id.clone().unwrap_or_else(|| "hand".to_owned());
    let list = |more: String| query.place("/reports/sla/list", &format!("&of={of}{more}"));
    let rows = section
        .counts()
        .into_iter()
        .map(|(metric, count)| {
            let number = |n: i64, text: String, what: &str| Number {
                text,
                place: (n > 0).then(|| list(format!("&metric={metric}&outcome={what}"))),
            };
            let cancelled = say::with_late(count.cancelled, count.cancelled_late, words);
            MetricRow {
                metric: p.word("metric", metric.as_str()),
                kept: say::kept(count, words),
                met: number(count.met, count.met.to_string(), "met"),
                missed: number(count.missed, count.missed.to_string(), "missed"),
                not_needed: number(count.not_needed, count.not_needed.to_string(), "not_needed"),
                cancelled: number(count.cancelled, cancelled, "cancelled"),
                moved: number(count.moved, count.moved.to_string(), "moved"),
                open: number(
                    count.open,
                    say::with_late(count.open, count.open_late, words),
                    "open",
                ),
            }
        })
        .collect();
    let late = section
        .late()
        .into_iter()
        .map(|(bearer, micros)| {
            let by = match bearer {
                Bearer::Team(Some(team)) => team.to_string(),
                other => other.word().to_owned(),
            };
            (
                say::bearer(report, bearer, words),
                words.length(micros),
                list(format!("&outcome=missed&by={by}")),
            )
        })
        .collect();
    let credit = section.credit();
    SectionView {
        title: say::title(section, words),
        alone: id
            .as_ref()
            .filter(|_| query.agreement.is_empty() && report.sections.len() > 1)
            .map(|id| query.place("/reports/sla", &format!("&agreement={id}"))),
        rows,
        late,
        counting: say::counting(section, words),
        availability: section.availability.as_ref().map(|served| {
            served
                .iter()
                .map(|it| ServedRow {
                    service: match &it.service {
                        Some(service) => service.clone(),
                        None => p.t("sla-no-service").into_owned(),
                    },
                    available: say::uptime(it.uptime.up(), it.uptime.total, words),
                    down: words.length(it.uptime.down),
                    incidents: it.incidents.iter().map(|key| key.to_string()).collect(),
                })
                .collect()
        }),
        owed: credit
            .iter()
            .flat_map(|credit| credit.owed.iter().map(|owed| say::owed(owed, words)))
            .collect(),
        credit: credit.map(|credit| say::credit_sum(section, &credit, words)),
        clause: id
            .filter(|_| p.may(Action::ManageAgreements))
            .map(|id| format!("/agreements/{id}/credits")),
    }
}

/// `GET /reports/sla/{form}`: the report as a file.
pub async fn export(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    form: web::Path<String>,
) -> Answer {
    let form: Format = form.parse().map_err(|()| Error::NotFound)?;
    let (query, house) = (Query::of(&req), viewer.zone);
    let export = viewer
        .run(&app, move |ctx| {
            allow(&ctx.by, Action::ExportReport, Target::House)?;
            let customers = ctx.read(store::customer::all)?;
            let asked = query.asked(&customers, house)?;
            sla_period::export(ctx, &asked, form)
        })
        .await?;
    Ok(reply::download(
        &export.file_name,
        form.media_type(),
        export.bytes,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_periods_are_whole_months_and_quarters() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let of =
            |today: &str| usual(day(today)).map(|(_, from, to)| (from.to_string(), to.to_string()));
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(
            of("2026-03-31"),
            [
                pair("2026-03-01", "2026-03-31"),
                pair("2026-02-01", "2026-02-28"),
                pair("2025-10-01", "2025-12-31"),
            ]
        );
        assert_eq!(of("2026-11-28")[2], pair("2026-07-01", "2026-09-30"));
    }
}
