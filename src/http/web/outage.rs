//! The outage report: what the customer will get, beside what the scanner found in it, with the form that writes it.
//!
//! The page shows exactly the sheet that is exported. Whoever approves sends back the hash of what they looked at.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;
use chrono_tz::Tz;

use super::inputs::{Answer, Tick, id_of, ticked_ids};
use super::when;
use crate::actions::outage::{self, Prepared};
use crate::actions::{allow, ticket as act};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::id::{CustomerId, TicketKey};
use crate::domain::outage::{
    DataLoss, DiscoveredBy, Edition, Format, Part, ReportState, Standing, Texts,
};
use crate::domain::people::Contact;
use crate::domain::refusal::{FieldError, Refusal};
use crate::error::{Error, Fields, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::render::{report, sheet};
use crate::store;

#[derive(Template)]
#[template(path = "outage/customers.html")]
struct CustomersPage {
    p: Page,
    key: String,
    customers: Vec<(String, String)>,
}

/// `GET /INC-12/report`: whose report? With one customer there is no question.
pub async fn choose(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    key: web::Path<String>,
) -> Answer {
    let key: TicketKey = key.parse().map_err(|()| Error::NotFound)?;
    let customers = viewer
        .run(&app, move |ctx| {
            let incident = act::read(ctx, key)?;
            if !ctx.by.is_staff() {
                return Err(Error::NotFound);
            }
            ctx.read(|conn| outage::customers(conn, &incident))
        })
        .await?;
    if let [only] = &customers[..] {
        return Ok(reply::see(&format!("/{key}/report/{}", only.id)));
    }
    let p = Page::new(&req, "report-page");
    reply::page(&CustomersPage {
        p,
        key: key.to_string(),
        customers: customers
            .into_iter()
            .map(|customer| (customer.id.to_string(), customer.name))
            .collect(),
    })
}

struct PartLine {
    name: &'static str,
    label: String,
    hint: String,
    rows: u8,
}

struct FindingLine {
    what: String,
    text: String,
    place: String,
    blocks: bool,
}

#[derive(Template)]
#[template(path = "outage/page.html")]
struct ReportPage {
    p: Page,
    key: String,
    incident: String,
    customer: String,
    customer_id: String,
    version: i64,
    state: String,
    is_draft: bool,
    is_saved: bool,
    is_approved: bool,
    standing: String,
    hash: String,
    preview: String,
    findings: Vec<FindingLine>,
    is_blocked: bool,
    lacks: Vec<String>,
    form: Form,
    parts: Vec<PartLine>,
    editions: Vec<(String, String)>,
    discovered: Vec<(String, String)>,
    data_loss: Vec<(String, String)>,
    contacts: Vec<Tick>,
    refusal: Option<String>,
    may_write: bool,
    may_approve: bool,
    may_send: bool,
    row_count: usize,
}

struct Refused {
    posted: Posted,
    refusal: Option<Refusal>,
    errors: Vec<FieldError>,
    is_write: bool,
    /// Somebody else wrote meanwhile.
    is_stale: bool,
}

/// `GET /INC-12/report/{customer}`
pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
) -> Answer {
    let (key, customer) = place(path)?;
    page(&req, app, viewer, key, customer, None).await
}

fn place(
    path: web::Path<(String, String)>,
) -> std::result::Result<(TicketKey, CustomerId), Failure> {
    let (key, customer) = path.into_inner();
    let key = key.parse().map_err(|()| Error::NotFound)?;
    Ok((key, id_of(&customer)?))
}

async fn page(
    req: &HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    key: TicketKey,
    customer: CustomerId,
    refused: Option<Refused>,
) -> Answer {
    let (prepared, contacts) = viewer
        .run(&app, move |ctx| {
            let prepared = outage::prepare(ctx, key, customer)?;
            let contacts = ctx.read(|conn| store::people::contacts_of(conn, customer))?;
            Ok((prepared, contacts))
        })
        .await?;
    let p = Page::new(req, "report-page");
    let status = match &refused {
        Some(refused) if refused.is_stale => StatusCode::CONFLICT,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    reply::page_with(status, &drawn(p, prepared, contacts, refused))
}

fn drawn(
    p: Page,
    prepared: Prepared,
    contacts: Vec<Contact>,
    refused: Option<Refused>,
) -> ReportPage {
    let words = p.words;
    let report = &prepared.report;
    let texts = &report.texts;
    let state = prepared
        .stored
        .as_ref()
        .map_or(ReportState::Draft, |stored| stored.state);
    let fresh = Part::ALL.iter().fold(
        Form::new(words)
            .with("title", &texts.title)
            .with("edition", texts.edition)
            .with("discovered_by", texts.discovered_by)
            .with("data_loss", texts.data_loss)
            .with("contact", &texts.contact)
            .with_some(
                "next_update",
                texts.next_update_at.map(|at| p.field_time(&at)),
            ),
        |form, part| form.with(part.as_str(), texts.part(*part)),
    );
    let fresh = fresh.with_some("rev", prepared.stored.as_ref().map(|it| it.rev));
    let (form, refusal) = match refused {
        Some(refused) => {
            let said = match &refused.refusal {
                Some(refusal) => Some(words.refusal(refusal)),
                None if refused.is_stale => None,
                None => Some(p.t("form-wrong").into_owned()),
            };
            let form = match refused.is_write {
                true if refused.is_stale => {
                    Form::opened(Some(Form::stale(words, &refused.posted)), fresh)
                }
                true => Form::kept(words, &refused.posted, refused.errors),
                false => fresh,
            };
            (form, said)
        }
        None => (fresh, None),
    };
    let choices = |family: &str, all: &[&'static str]| -> Vec<(String, String)> {
        all.iter()
            .map(|word| {
                (
                    (*word).to_owned(),
                    words.t(&format!("{family}-{word}")).into_owned(),
                )
            })
            .collect()
    };
    let findings: Vec<FindingLine> = prepared
        .findings
        .iter()
        .map(|finding| FindingLine {
            what: p.word("leak", finding.leak.as_str()),
            text: finding.text.clone(),
            place: p.word("report-place", &finding.place),
            blocks: finding.leak.blocks(),
        })
        .collect();
    ReportPage {
        key: prepared.incident.key.to_string(),
        incident: prepared.incident.title.to_string(),
        customer: prepared.customer.name.clone(),
        customer_id: prepared.customer.id.to_string(),
        version: report.version,
        state: p.word("report-state", state.as_str()),
        is_draft: state == ReportState::Draft,
        is_saved: prepared.stored.is_some(),
        is_approved: matches!(state, ReportState::Approved | ReportState::Sent),
        standing: match report.standing {
            Standing::Draft => String::new(),
            Standing::Approved { .. } => p.t("report-is-approved").into_owned(),
            Standing::Waived { .. } => p.t("report-is-waived").into_owned(),
        },
        hash: report.hash(),
        preview: sheet::article(&report::sheet(report, words)),
        is_blocked: findings.iter().any(|finding| finding.blocks),
        findings,
        lacks: report
            .lacks()
            .into_iter()
            .map(|part| {
                words
                    .t(&format!("report-part-{}", part.as_str()))
                    .into_owned()
            })
            .collect(),
        form,
        parts: Part::ALL
            .iter()
            .map(|part| PartLine {
                name: part.as_str(),
                label: words
                    .t(&format!("report-part-{}", part.as_str()))
                    .into_owned(),
                hint: p.word("report-hint", part.as_str()),
                rows: match part {
                    Part::Summary | Part::Resolution | Part::Cause => 5,
                    _ => 3,
                },
            })
            .collect(),
        editions: choices(
            "report-edition",
            &Edition::ALL
                .iter()
                .map(|it| it.as_str())
                .collect::<Vec<_>>(),
        ),
        discovered: choices(
            "report-discovered",
            &DiscoveredBy::ALL
                .iter()
                .map(|it| it.as_str())
                .collect::<Vec<_>>(),
        ),
        data_loss: choices(
            "report-data-loss",
            &DataLoss::ALL
                .iter()
                .map(|it| it.as_str())
                .collect::<Vec<_>>(),
        ),
        contacts: contacts
            .into_iter()
            .filter(|contact| contact.is_active)
            .map(|contact| Tick {
                value: contact.id.to_string(),
                text: contact.name,
                hint: contact.email.to_string(),
                ticked: false,
            })
            .collect(),
        refusal,
        may_write: p.may(Action::WorkOnTicket),
        may_approve: p.may(Action::ApproveReport),
        may_send: p.may(Action::Reply),
        row_count: report.rows.len(),
        p,
    }
}

/// `GET /INC-12/report/{customer}/{name}.{format}`: the approved bytes, or the draft marked so.
pub async fn export(
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String, String)>,
) -> Answer {
    let (key, customer, format) = path.into_inner();
    let key: TicketKey = key.parse().map_err(|()| Error::NotFound)?;
    let customer = id_of(&customer)?;
    let format: Format = format.parse().map_err(|()| Error::NotFound)?;
    let export = viewer
        .run(&app, move |ctx| outage::export(ctx, key, customer, format))
        .await?;
    Ok(reply::download(
        &export.file_name,
        format.media_type(),
        export.bytes,
    ))
}

/// `POST /INC-12/report/{customer}`: keeps the draft.
pub async fn save(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
    posted: Posted,
) -> Answer {
    let (key, customer) = place(path)?;
    let (zone, form) = (viewer.zone, posted.clone());
    let done = viewer
        .run(&app, move |ctx| {
            // Who may not write hears that first, whatever is wrong with the form.
            allow(&ctx.by, Action::WorkOnTicket, Target::House)?;
            let texts = texts_of(&form, zone, ctx)?;
            let rev = form.text("rev").parse().ok();
            outage::save(ctx, key, customer, rev, &texts).map(|_| ())
        })
        .await;
    after(
        req,
        app,
        viewer,
        key,
        customer,
        posted,
        done,
        true,
        "said-saved",
    )
    .await
}

fn texts_of(posted: &Posted, zone: Tz, ctx: &Ctx<'_>) -> Result<Texts> {
    let mut fields = Fields::new();
    let required = |name: &'static str| FieldError::new(name, "required");
    let edition = fields.take(
        posted
            .text("edition")
            .parse()
            .map_err(|()| required("edition")),
    );
    let by = posted.text("discovered_by").parse();
    let discovered_by = fields.take(by.map_err(|()| required("discovered_by")));
    let lost = posted.text("data_loss").parse();
    let data_loss = fields.take(lost.map_err(|()| required("data_loss")));
    let next = when::instant("next_update", posted.text("next_update"), zone, ctx.now);
    let next_update_at = fields.take(next);
    fields.check()?;
    let (Some(edition), Some(discovered_by), Some(data_loss), Some(next_update_at)) =
        (edition, discovered_by, data_loss, next_update_at)
    else {
        return Err(Error::internal("a checked form lacks a field"));
    };
    Ok(Texts {
        title: posted.text("title").to_owned(),
        edition,
        discovered_by,
        data_loss,
        parts: Part::ALL
            .iter()
            .map(|part| (*part, posted.text(part.as_str()).to_owned()))
            .collect(),
        next_update_at: outage::next_report_at(next_update_at, ctx.now)?,
        contact: posted.text("contact").to_owned(),
    })
}

/// `POST /INC-12/report/{customer}/approve`
pub async fn approve(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
    posted: Posted,
) -> Answer {
    let (key, customer) = place(path)?;
    let seen = posted.text("hash").to_owned();
    let done = viewer
        .run(&app, move |ctx| outage::approve(ctx, key, customer, &seen))
        .await;
    let said = "said-report-approved";
    after(req, app, viewer, key, customer, posted, done, false, said).await
}

/// `POST /INC-12/report/{customer}/send`
pub async fn send(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
    posted: Posted,
) -> Answer {
    let (key, customer) = place(path)?;
    let contacts = ticked_ids(&posted, "contacts")?;
    let done = viewer
        .run(&app, move |ctx| outage::send(ctx, key, customer, &contacts))
        .await;
    let said = "said-report-sent";
    after(req, app, viewer, key, customer, posted, done, false, said).await
}

/// Back to the page: with what was said, or with what was refused and typed.
#[allow(clippy::too_many_arguments)]
async fn after(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    key: TicketKey,
    customer: CustomerId,
    posted: Posted,
    done: std::result::Result<(), Failure>,
    is_write: bool,
    said: &'static str,
) -> Answer {
    let (refusal, errors) = match done {
        Ok(()) => {
            let place = format!("/{key}/report/{customer}");
            return Ok(reply::see_saying(&place, said, &key.to_string()));
        }
        Err(Failure::House(Error::Refused(refusal))) => (Some(refusal), Vec::new()),
        Err(Failure::House(Error::Invalid(errors))) => (None, errors),
        Err(Failure::House(Error::Stale)) if is_write => (None, Vec::new()),
        Err(Failure::House(Error::Stale)) => (Some(Refusal::new("report-stale")), Vec::new()),
        Err(other) => return Err(other),
    };
    let refused = Refused {
        is_stale: refusal.is_none() && errors.is_empty(),
        posted,
        refusal,
        errors,
        is_write,
    };
    page(&req, app, viewer, key, customer, Some(refused)).await
}
