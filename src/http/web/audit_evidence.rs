//! Evidence for auditors: what is asked for, and the archive.

use actix_web::{HttpRequest, web};
use askama::Template;
use chrono_tz::Tz;

use super::inputs::Answer;
use super::queue::param;
use super::span::{Span, zone_choices};
use crate::actions::allow;
use crate::actions::audit_evidence::{self as evidence, Asked};
use crate::app::App;
use crate::domain::access::{Action, Target};
use crate::domain::id::{Id, ServiceId};
use crate::domain::people::Service;
use crate::domain::refusal::FieldError;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Fields, Result};
use crate::http::form::Form;
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::render::{audit_evidence as render, tar};
use crate::store;
use crate::words::Words;

/// As auditors usually ask.
const SAMPLE: &str = "25";
const SEED: &str = "42";

#[derive(Template)]
#[template(path = "settings/evidence.html")]
struct EvidencePage {
    p: Page,
    form: Form,
    services: Vec<(String, String)>,
    zones: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
struct Query {
    span: Span,
    service: String,
    seed: String,
    sample: String,
}

impl Query {
    fn of(req: &HttpRequest, now: Timestamp, house: Tz) -> Self {
        let text = |name: &str, usual: &str| match param(req, name) {
            Some(text) if !text.trim().is_empty() => text.trim().to_owned(),
            _ => usual.to_owned(),
        };
        Self {
            span: Span::of(req, now, house),
            service: text("service", ""),
            seed: text("seed", SEED),
            sample: text("sample", SAMPLE),
        }
    }

    fn asked(&self, house: Tz) -> Result<Asked> {
        let mut fields = Fields::new();
        let seed: std::result::Result<u64, _> = self.seed.parse();
        let seed = fields.take(seed.map_err(|_| FieldError::new("seed", "not-a-seed")));
        let sample: std::result::Result<usize, _> = self.sample.parse();
        let sample = fields.take(sample.map_err(|_| FieldError::new("sample", "not-a-sample")));
        let service: Option<Option<ServiceId>> = match self.service.as_str() {
            "" => Some(None),
            text => {
                let unknown = FieldError::new("service", "unknown-service");
                fields.take(Id::parse(text).ok_or(unknown).map(Some))
            }
        };
        fields.check()?;
        let (Some(seed), Some(sample), Some(service)) = (seed, sample, service) else {
            return Err(Error::internal("a checked query lacks a field"));
        };
        Ok(Asked {
            period: self.span.period(house)?,
            service,
            seed,
            sample,
        })
    }
}

/// `GET /audit/evidence`
pub async fn form(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let p = Page::new(&req, "evidence-page-title");
    let query = Query::of(&req, p.now, viewer.zone);
    page(p, &app, &viewer, &query, Vec::new()).await
}

async fn page(
    p: Page,
    app: &web::Data<App>,
    viewer: &Viewer,
    query: &Query,
    errors: Vec<FieldError>,
) -> Answer {
    let services = viewer
        .run(app, |ctx| {
            allow(&ctx.by, Action::ReadAudit, Target::House)?;
            ctx.read(store::house::services)
        })
        .await?;
    let form = query
        .span
        .form(&p, errors)
        .with("service", &query.service)
        .with("seed", &query.seed)
        .with("sample", &query.sample);
    let page = EvidencePage {
        services: choices(services, &p),
        zones: zone_choices(&p),
        form,
        p,
    };
    reply::page_with(page.form.status(), &page)
}

/// Services by name, those of the past too; the first choice is all of them.
fn choices(mut services: Vec<Service>, p: &Page) -> Vec<(String, String)> {
    services.sort_by_key(|it| it.name.to_lowercase());
    let every = (String::new(), p.t("deploy-every-service").into_owned());
    let named = services.into_iter().map(|it| (it.id.to_string(), it.name));
    std::iter::once(every).chain(named).collect()
}

/// `GET /audit/evidence.tar`: the archive; the form again where something in it is wrong.
pub async fn export(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let p = Page::new(&req, "evidence-page-title");
    let house = viewer.zone;
    let query = Query::of(&req, p.now, house);
    let asked = query.clone();
    let made = viewer
        .run(&app, move |ctx| {
            allow(&ctx.by, Action::ReadAudit, Target::House)?;
            let outcome = asked
                .asked(house)
                .and_then(|asked| evidence::export(ctx, &asked));
            let dossier = match outcome {
                Ok(dossier) => dossier,
                Err(Error::Invalid(errors)) => return Ok(Err(errors)),
                Err(other) => return Err(other),
            };
            let files = render::write(&dossier, Words::english()).map_err(Error::internal)?;
            let bytes = tar::write(&files, dossier.made_at);
            let bytes =
                bytes.ok_or_else(|| Error::internal("a path is too long for an archive"))?;
            Ok(Ok((render::file_name(&dossier), bytes)))
        })
        .await?;
    match made {
        Ok((name, bytes)) => Ok(reply::download(&name, "application/x-tar", bytes)),
        Err(errors) => page(p, &app, &viewer, &query, errors).await,
    }
}
