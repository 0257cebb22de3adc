//! Evidence for auditors: the archive of a period.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Nothing, Reply};
use super::sla_report::days;
use super::value::{Number, ServiceUid};
use crate::actions::allow;
use crate::actions::audit_evidence::{self as evidence, Asked};
use crate::domain::access::{Action, Target};
use crate::domain::refusal::FieldError;
use crate::error::{Error, Fields};
use crate::render::{audit_evidence as render, tar};
use crate::words::Words;

/// As auditors usually ask.
const SAMPLE: i64 = 25;
const SEED: i64 = 42;

/// Of which days, and how many are drawn.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EvidenceQuery {
    /// First day, `2026-06-01`.
    #[serde(default)]
    from: String,
    /// Last day, `2026-06-30`.
    #[serde(default)]
    to: String,
    /// On whose wall clock the days are meant; UTC by default.
    #[param(example = "Europe/Stockholm")]
    zone: Option<String>,
    /// A service's id; all by default.
    #[param(value_type = Option<String>)]
    service: Option<ServiceUid>,
    /// The same seed draws the same sample again; 42 by default.
    #[param(value_type = Option<i64>)]
    seed: Option<Number>,
    /// How many deployments are drawn; 25 by default.
    #[param(value_type = Option<i64>)]
    sample: Option<Number>,
}

/// The archive.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvidenceFile {
    #[schema(example = "evidence-2026-06-01-2026-06-30.tar")]
    pub name: String,
    pub media_type: &'static str,
    /// Of the archive's bytes; `manifest.sha256` in it has the hash of each file.
    pub sha256: String,
    /// Deployments of the period.
    pub population: usize,
    /// How often each kind of exception was found; those that weren't are left out.
    pub exceptions: Vec<ExceptionCount>,
    /// Numbers of the deployments that were drawn, in the order of drawing.
    pub drawn: Vec<usize>,
    /// The archive in base 64.
    pub content: String,
}

/// How often something was out of order.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExceptionCount {
    #[schema(example = "late_approval")]
    pub exception: &'static str,
    pub count: usize,
}

/// Export evidence for an auditor
///
/// A tar archive: every deployment to production of a period, what was out of order, how complete the record is, and a sample that
/// the same seed draws again. For those who may read the audit.
#[utoipa::path(get, path = "/api/v1/audit/evidence", tag = "house", params(EvidenceQuery), responses((status = 200, description = "The archive", body = EvidenceFile)))]
pub async fn export(call: Call<Nothing>) -> Reply {
    let query: EvidenceQuery = call.query()?;
    call.read(move |ctx| {
        allow(&ctx.by, Action::ReadAudit, Target::House)?;
        let mut fields = Fields::new();
        let seed = u64::try_from(query.seed.map_or(SEED, |it| it.0));
        let seed = fields.take(seed.map_err(|_| FieldError::new("seed", "not-a-seed")));
        let sample = usize::try_from(query.sample.map_or(SAMPLE, |it| it.0));
        let sample = fields.take(sample.map_err(|_| FieldError::new("sample", "not-a-sample")));
        fields.check()?;
        let (Some(seed), Some(sample)) = (seed, sample) else {
            return Err(Error::internal("a checked call lacks a field"));
        };
        let asked = Asked {
            period: days(
                &query.from,
                &query.to,
                query.zone.as_deref(),
                chrono_tz::Tz::UTC,
            )?,
            service: query.service.map(|id| id.0),
            seed,
            sample,
        };
        let dossier = evidence::export(ctx, &asked)?;
        let files = render::write(&dossier, Words::english()).map_err(Error::internal)?;
        let bytes = tar::write(&files, dossier.made_at)
            .ok_or_else(|| Error::internal("a path is too long for an archive"))?;
        let exceptions = dossier.counts().into_iter().filter(|(_, count)| *count > 0);
        Answer::ok(&EvidenceFile {
            name: render::file_name(&dossier),
            media_type: "application/x-tar",
            sha256: render::hash(&bytes),
            population: dossier.items.len(),
            exceptions: exceptions
                .map(|(what, count)| ExceptionCount {
                    exception: what.as_str(),
                    count,
                })
                .collect(),
            drawn: dossier
                .drawn
                .iter()
                .map(|it| dossier.items[it.place].seq)
                .collect(),
            content: STANDARD.encode(bytes),
        })
    })
    .await
}
