//! An agreement's clause on credits: how availability is counted, which share gives back how much, and the cap.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::{Answer, id_of, invalid};
use crate::actions::{self, allow, credit};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::id::{AgreementId, Id};
use crate::domain::refusal::FieldError;
use crate::domain::severity::Severity;
use crate::domain::sla_agreement::Metric;
use crate::domain::sla_credit::{
    Basis, Clause, Counting, MOST_RULES, Millipercent, Rule, parse_share, share_text,
};
use crate::error::{Error, Fields, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply;

/// Empty rows for more thresholds.
const SPARE_ROWS: usize = 3;

#[derive(Template)]
#[template(path = "report/credits.html")]
struct CreditsPage {
    p: Page,
    id: String,
    agreement: String,
    /// Since which version the clause holds.
    since: String,
    form: Form,
    rows: Vec<RowView>,
    bases: Vec<(String, String)>,
    severities: Vec<(String, String)>,
    calendars: Vec<(String, String)>,
    problems: Vec<String>,
}

struct RowView {
    number: usize,
    basis: String,
    below: String,
    credit: String,
    problem: Option<String>,
}

struct Known {
    agreement: String,
    version: i64,
    clause: Option<(i64, Clause)>,
    calendars: Vec<(String, String)>,
}

fn load(ctx: &Ctx<'_>, id: AgreementId) -> Result<Known> {
    allow(&ctx.by, Action::ManageAgreements, Target::House)?;
    let (agreement, clause) = credit::read(ctx, id)?;
    let book = ctx.read(|conn| actions::sla::book(ctx.app, conn))?;
    Ok(Known {
        agreement: agreement.name,
        version: agreement.version,
        clause,
        calendars: book
            .calendars
            .iter()
            .filter(|known| known.is_active)
            .map(|known| (known.id.to_string(), known.name.clone()))
            .collect(),
    })
}

/// `GET /agreements/{id}/credits`
pub async fn form(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Answer {
    let id: AgreementId = id_of(&id)?;
    let known = viewer.run(&app, move |ctx| load(ctx, id)).await?;
    reply::page(&page_of(&req, id, known, None))
}

fn page_of(
    req: &HttpRequest,
    id: AgreementId,
    known: Known,
    kept: Option<(Posted, Vec<FieldError>)>,
) -> CreditsPage {
    let p = Page::new(req, "credits-title");
    let since = match &known.clause {
        Some((since, _)) if *since < known.version => {
            p.t1("credits-since", "n", *since).into_owned()
        }
        Some(_) => String::new(),
        None => p.t("credits-none").into_owned(),
    };
    let clause = known.clause.map(|(_, clause)| clause);
    let opened = |p: &Page| {
        let counting = clause.as_ref().map_or(Counting::USUAL, |it| it.counting);
        let mut form = Form::new(p.words)
            .with("severity", counting.severity)
            .with_some("calendar", counting.calendar)
            .with_some("cap", clause.as_ref().map(|it| share_text(it.cap)));
        if counting.excludes_maintenance {
            form = form.with("excludes_maintenance", "yes");
        }
        for (row, rule) in clause.iter().flat_map(|it| it.rules.iter().enumerate()) {
            form = form
                .with(&format!("basis-{row}"), rule.basis.as_str())
                .with(&format!("below-{row}"), share_text(rule.below))
                .with(&format!("credit-{row}"), share_text(rule.credit));
        }
        form
    };
    let form = match kept {
        Some((posted, errors)) => Form::kept(p.words, &posted, errors),
        None => opened(&p),
    };
    let used = (0..MOST_RULES)
        .rev()
        .find(|row| !form.value(&format!("below-{row}")).is_empty())
        .map_or(0, |row| row + 1);
    let rows = (0..(used + SPARE_ROWS).min(MOST_RULES))
        .map(|row| RowView {
            number: row,
            basis: form.value(&format!("basis-{row}")).to_owned(),
            below: form.value(&format!("below-{row}")).to_owned(),
            credit: form.value(&format!("credit-{row}")).to_owned(),
            problem: form
                .problem(&format!("below-{row}"))
                .or_else(|| form.problem(&format!("credit-{row}")))
                .or_else(|| form.problem(&format!("basis-{row}"))),
        })
        .collect();
    let mut bases = vec![(
        Basis::Availability.as_str().to_owned(),
        p.t("sla-availability").into_owned(),
    )];
    bases.extend(Metric::PROMISED.iter().map(|metric| {
        let word = metric.as_str();
        (word.to_owned(), p.word("metric", word))
    }));
    let mut calendars = vec![(String::new(), p.t("proof-round-the-clock").into_owned())];
    calendars.extend(known.calendars);
    CreditsPage {
        id: id.to_string(),
        agreement: known.agreement,
        since,
        problems: form.problem("rules").into_iter().collect(),
        rows,
        bases,
        severities: Severity::ALL
            .iter()
            .map(|severity| {
                let word = severity.as_str();
                (word.to_owned(), p.word("severity", word))
            })
            .collect(),
        calendars,
        form,
        p,
    }
}

/// `POST /agreements/{id}/credits`
pub async fn save(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let id: AgreementId = id_of(&id)?;
    let asked = posted.clone();
    let saved = viewer
        .run(&app, move |ctx| {
            allow(&ctx.by, Action::ManageAgreements, Target::House)?;
            credit::set(ctx, id, &clause_of(&asked)?)
        })
        .await;
    match invalid(saved)? {
        Ok(()) => Ok(reply::see_saying(
            &format!("/agreements/{id}/credits"),
            "said-saved",
            "",
        )),
        Err(errors) => {
            let known = viewer.run(&app, move |ctx| load(ctx, id)).await?;
            let page = page_of(&req, id, known, Some((posted, errors)));
            reply::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// A row without a share counts for nothing.
fn clause_of(posted: &Posted) -> Result<Clause> {
    let mut fields = Fields::new();
    let share = |field: String, text: &str| -> std::result::Result<Millipercent, FieldError> {
        let wrong = || FieldError::new(field.clone(), "not-a-share").with("value", text.to_owned());
        parse_share(text).ok_or_else(wrong)
    };
    let cap = match posted.text("cap").trim() {
        "" => Some(100_000),
        text => fields.take(share("cap".to_owned(), text)),
    };
    let severity: Option<Severity> = posted.text("severity").parse().ok();
    if severity.is_none() {
        fields.push(FieldError::new("severity", "required"));
    }
    let calendar = match posted.text("calendar") {
        "" => None,
        text => {
            let id = Id::parse(text);
            if id.is_none() {
                fields.push(FieldError::new("calendar", "unknown-calendar"));
            }
            id
        }
    };
    let mut rules = Vec::new();
    for row in 0..MOST_RULES {
        let (below, credit) = (format!("below-{row}"), format!("credit-{row}"));
        if posted.text(&below).trim().is_empty() && posted.text(&credit).trim().is_empty() {
            continue;
        }
        let basis = Basis::parse(posted.text(&format!("basis-{row}")));
        if basis.is_none() {
            fields.push(FieldError::new(format!("basis-{row}"), "required"));
        }
        let below = fields.take(share(below.clone(), posted.text(&below)));
        let credit = fields.take(share(credit.clone(), posted.text(&credit)));
        if let (Some(basis), Some(below), Some(credit)) = (basis, below, credit) {
            rules.push(Rule {
                basis,
                below,
                credit,
            });
        }
    }
    fields.check()?;
    let (Some(cap), Some(severity)) = (cap, severity) else {
        return Err(Error::internal("a checked form lacks a field"));
    };
    Ok(Clause {
        counting: Counting {
            calendar,
            severity,
            excludes_maintenance: posted.ticked("excludes_maintenance"),
        },
        cap,
        rules,
    })
}
