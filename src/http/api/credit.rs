//! What agreements give back when less was kept than agreed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::clock::ClockAgreement;
use super::value::{CalendarUid, SeverityWord, Uid, Word};
use crate::actions::{allow, credit};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::AgreementId;
use crate::domain::refusal::FieldError;
use crate::domain::sla_agreement::Metric;
use crate::domain::sla_credit::{Basis, Clause, Counting, Rule, parse_share, share_text};
use crate::error::{Fields, Result};

/// What an agreement gives back.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreditClauseView {
    pub agreement: ClockAgreement,
    /// The version that the clause stands in; null without one.
    pub since_version: Option<i64>,
    /// Null without one.
    pub clause: Option<CreditClause>,
}

/// A clause on credits. Shares are percent as text with up to three decimals.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditClause {
    /// Never more than this share of the period's fee.
    #[schema(example = "25")]
    pub cap: String,
    pub rules: Vec<CreditRule>,
    /// An outage is an incident of this severity or worse.
    pub outage_severity: SeverityWord,
    /// The agreed hours; null: round the clock.
    pub calendar_id: Option<CalendarUid>,
    /// Announced maintenance isn't counted.
    pub excludes_maintenance: bool,
}

/// Below this share so much is given back.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditRule {
    /// A metric that agreements promise, or `availability`.
    #[schema(example = "availability")]
    pub basis: String,
    #[schema(example = "99.9")]
    pub below: String,
    #[schema(example = "10")]
    pub credit: String,
}

impl CreditClause {
    fn of(clause: &Clause) -> Self {
        Self {
            cap: share_text(clause.cap),
            rules: clause
                .rules
                .iter()
                .map(|rule| CreditRule {
                    basis: rule.basis.as_str().to_owned(),
                    below: share_text(rule.below),
                    credit: share_text(rule.credit),
                })
                .collect(),
            outage_severity: Word(clause.counting.severity),
            calendar_id: clause.counting.calendar.map(Uid),
            excludes_maintenance: clause.counting.excludes_maintenance,
        }
    }

    fn meant(&self) -> Result<Clause> {
        let mut fields = Fields::new();
        let share = |field: String, text: &str| {
            let wrong =
                || FieldError::new(field.clone(), "not-a-share").with("value", text.to_owned());
            parse_share(text).ok_or_else(wrong)
        };
        let cap = fields.take(share("cap".to_owned(), &self.cap));
        let mut rules = Vec::new();
        for (place, rule) in self.rules.iter().enumerate() {
            let basis = Basis::parse(&rule.basis);
            if basis.is_none() {
                let known: Vec<&str> = Metric::PROMISED.iter().map(|it| it.as_str()).collect();
                let accepted = format!("availability, {}", known.join(", "));
                let wrong = FieldError::new(format!("rules/{place}/basis"), "unknown-word");
                fields.push(
                    wrong
                        .with("value", rule.basis.clone())
                        .with("accepted", accepted),
                );
            }
            let below = fields.take(share(format!("rules/{place}/below"), &rule.below));
            let credit = fields.take(share(format!("rules/{place}/credit"), &rule.credit));
            if let (Some(basis), Some(below), Some(credit)) = (basis, below, credit) {
                rules.push(Rule {
                    basis,
                    below,
                    credit,
                });
            }
        }
        fields.check()?;
        Ok(Clause {
            counting: Counting {
                calendar: self.calendar_id.map(|id| id.0),
                severity: self.outage_severity.0,
                excludes_maintenance: self.excludes_maintenance,
            },
            cap: cap.unwrap_or_default(),
            rules,
        })
    }
}

fn clause_view(ctx: &Ctx<'_>, id: AgreementId) -> Result<Answer> {
    let (agreement, clause) = credit::read(ctx, id)?;
    Answer::ok(&CreditClauseView {
        agreement: ClockAgreement {
            id: Uid(agreement.id),
            name: agreement.name,
            version: agreement.version,
        },
        since_version: clause.as_ref().map(|(since, _)| *since),
        clause: clause.map(|(_, clause)| CreditClause::of(&clause)),
    })
}

/// Read what an agreement gives back
#[utoipa::path(get, path = "/api/v1/agreements/{id}/credits", tag = "clocks", responses((status = 200, description = "The clause that holds", body = CreditClauseView)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let id: AgreementId = call.id("id")?;
    call.read(move |ctx| clause_view(ctx, id)).await
}

/// Set what an agreement gives back
///
/// For the version in force: it holds for reports from that version on, also of past periods that aren't locked.
#[utoipa::path(put, path = "/api/v1/agreements/{id}/credits", tag = "clocks", request_body = CreditClause, responses((status = 200, description = "The clause as it holds now", body = CreditClauseView)))]
pub async fn set(call: Call<CreditClause>) -> Reply {
    let id: AgreementId = call.id("id")?;
    call.change(move |ctx, asked| {
        allow(&ctx.by, Action::ManageAgreements, Target::House)?;
        credit::set(ctx, id, &asked.meant()?)?;
        clause_view(ctx, id)
    })
    .await
}
