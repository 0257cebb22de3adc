//! The rows of the agreement editor: a promise each, written into a form and read out of it.

use super::agreement_policy;
use crate::domain::id::Id;
use crate::domain::refusal::FieldError;
use crate::domain::sla_agreement::{
    MOST_PROMISES, Metric, Target, Threshold, budget_text, parse_budget,
};
use crate::http::form::{Form, Posted};

/// The form with this promise in a row.
pub fn written(form: Form, row: usize, target: &Target) -> Form {
    let name = |field: &str| format!("{row}-{field}");
    let warn: Vec<String> = target.warn.iter().map(Threshold::to_string).collect();
    let form = form
        .with(&name("metric"), target.metric)
        .with(&name("kind"), target.kind)
        .with_some(&name("severity"), target.severity)
        .with_some(&name("service"), target.service)
        .with_some(&name("party"), target.customer)
        .with(&name("budget"), budget_text(target.budget))
        .with(&name("calendar"), target.calendar)
        .with(&name("promisee"), target.promisee)
        .with(&name("anchor"), target.anchor)
        .with(&name("warn"), warn.join(", "));
    let form = agreement_policy::fill(form, row, &target.policy);
    let form = target
        .also
        .iter()
        .fold(form, |form, id| form.with(&name("also"), id));
    target
        .stops_on
        .iter()
        .fold(form, |form, on| form.with(&name("stops"), on))
}

/// The promises that were typed, the row of each from 0, and what is wrong with the others; a row without a budget is none. Errors
/// name their row as people count them.
pub fn read(posted: &Posted) -> (Vec<Target>, Vec<usize>, Vec<FieldError>) {
    let (mut targets, mut rows, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..MOST_PROMISES {
        if posted.text(&format!("{row}-budget")).trim().is_empty() {
            continue;
        }
        match target(posted, row) {
            Ok(target) => {
                targets.push(target);
                rows.push(row);
            }
            Err(mut error) => {
                error.field = format!("{}", row + 1).into();
                errors.push(error);
            }
        }
    }
    (targets, rows, errors)
}

fn target(posted: &Posted, row: usize) -> Result<Target, FieldError> {
    let text = |field: &str| posted.text(&format!("{row}-{field}")).trim().to_owned();
    let unknown =
        |field: &'static str| FieldError::new(field, "not-a-choice").with("value", text(field));
    let metric: Metric = text("metric").parse().map_err(|()| unknown("metric"))?;
    let severity = match text("severity").as_str() {
        "" => None,
        word => Some(word.parse().map_err(|()| unknown("severity"))?),
    };
    let service = match text("service").as_str() {
        "" => None,
        id => Some(Id::parse(id).ok_or_else(|| unknown("service"))?),
    };
    let customer = match text("party").as_str() {
        "" => None,
        id => Some(Id::parse(id).ok_or_else(|| unknown("party"))?),
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
        .collect::<Result<_, _>>()?;
    let stops_on = posted
        .all(&format!("{row}-stops"))
        .map(|word| word.parse().map_err(|()| unknown("stops")))
        .collect::<Result<_, _>>()?;
    let calendar = Id::parse(&text("calendar")).ok_or_else(|| unknown("calendar"))?;
    let also = posted
        .all(&format!("{row}-also"))
        .map(|id| Id::parse(id).ok_or_else(|| unknown("also")))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Target {
        id: None,
        metric,
        promisee: text("promisee").parse().map_err(|()| unknown("promisee"))?,
        kind: text("kind").parse().map_err(|()| unknown("kind"))?,
        severity,
        service,
        customer,
        budget: parse_budget("budget", &text("budget"))?,
        calendar,
        // Ticked twice over is once.
        also: also.into_iter().filter(|id| *id != calendar).collect(),
        anchor: text("anchor").parse().map_err(|()| unknown("anchor"))?,
        warn,
        stops_on,
        policy: agreement_policy::read(posted, row)?,
    })
}
