//! The files of one deployment of the sample.

use serde_json::json;

use super::super::cells;
use super::{Files, at, pretty, yes};
use crate::domain::audit_evidence::dossier::{Dossier, Drawn, Request};
use crate::domain::deployment::Check;
use crate::domain::timestamp::Timestamp;

pub fn write(of: &Dossier, drawn: &Drawn) -> Result<Files, csv::Error> {
    let item = &of.items[drawn.place];
    let it = &item.it;
    let keys: Vec<String> = item.changes.iter().map(|it| it.key.to_string()).collect();
    let deployment = json!({
        "seq": item.seq,
        "id": it.id.to_string(),
        "service": item.service,
        "environment": it.lane.environment,
        "target": it.lane.target,
        "seq_in_lane": it.seq,
        "version_before": item.before,
        "version": it.version,
        "step": it.step.as_str(),
        "repository": item.repository,
        "commit": it.commit,
        "artefact_digest": it.artefact,
        "revision": it.revision,
        "status": it.status.as_str(),
        "check": it.check.map(Check::as_str),
        "started_at": it.started_at.rfc3339(),
        "ended_at": it.ended_at().map(Timestamp::rfc3339),
        "actor": it.actor,
        "told_by": it.by_name,
        "source": it.source,
        "source_event_id": it.source_event_id,
        "recorded_at": it.recorded_at.rfc3339(),
        "run_url": it.url,
        "freeze": it.freeze,
        "override": it.glass.is_some(),
        "changes": keys,
    });
    let requests: Vec<_> = drawn.requests.iter().map(request).collect();
    Ok(vec![
        ("deployment.json".to_owned(), pretty(&deployment)),
        ("request.json".to_owned(), pretty(&json!(requests))),
        ("approvals.csv".to_owned(), approvals(of, drawn)?),
        ("timeline.csv".to_owned(), timeline(drawn)?),
        ("commits.csv".to_owned(), commits(drawn)?),
        ("revert.json".to_owned(), pretty(&revert(drawn))),
        ("incidents.csv".to_owned(), incidents(drawn)?),
        ("chain.jsonl".to_owned(), chain(drawn)),
    ])
}

/// A link a line.
fn chain(drawn: &Drawn) -> Vec<u8> {
    let mut lines = String::new();
    for it in &drawn.links {
        let line = json!({
            "seq": it.seq,
            "before": it.before,
            "canonical": it.canonical,
            "hash": it.hash,
        });
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    lines.into_bytes()
}

fn request(of: &Request) -> serde_json::Value {
    let plan = &of.change.plan;
    let some = |at: Option<Timestamp>| at.map(Timestamp::rfc3339);
    let glass = of.glass.as_ref().map(|it| {
        let review = it.review.as_ref().map(|review| {
            json!({
                "by": review.by_name,
                "at": review.at.rfc3339(),
                "verdict": review.verdict.as_str(),
                "text": review.text,
            })
        });
        json!({
            "by": it.by_name,
            "at": it.at.rfc3339(),
            "reason": it.reason,
            "review_until": some(it.review_until),
            "review": review,
        })
    });
    json!({
        "change": of.key.to_string(),
        "title": of.title,
        "opened_at": of.opened_at.rfc3339(),
        "requested_by": of.requested_by,
        "approval_asked_by": of.asked_by,
        "state_now": of.state,
        "outcome": of.outcome,
        "risk": of.risk,
        "purpose": plan.purpose,
        "side_effects": plan.side_effects,
        "revert_plan": plan.revert,
        "version_before": plan.version_before,
        "version_after": plan.version_after,
        "artefact": plan.artefact,
        "planned_from": some(plan.starts_at),
        "planned_until": some(plan.ends_at),
        "broken_glass": glass,
    })
}

fn approvals(of: &Dossier, drawn: &Drawn) -> Result<Vec<u8>, csv::Error> {
    let head = [
        "change",
        "approver",
        "approved_at",
        "taken_back_at",
        "stood_at_deployment",
        "rule",
        "digest",
    ];
    let item = &of.items[drawn.place];
    let started_at = item.it.started_at;
    let rows = item.changes.iter().flat_map(|change| {
        let stood = change.approval_at(started_at);
        change.approvals.iter().flat_map(move |it| {
            let line = move |name: &str, given: Timestamp, digest: &Option<String>| {
                vec![
                    change.key.to_string(),
                    name.to_owned(),
                    given.rfc3339(),
                    at(it.until),
                    yes(stood == Some(it)),
                    it.rule.clone().unwrap_or_default(),
                    digest.clone().unwrap_or_default(),
                ]
            };
            let others = it.others.iter();
            let others = others.map(move |other| line(&other.by_name, other.at, &other.digest));
            others.chain([line(&it.by_name, it.at, &it.digest)])
        })
    });
    cells::csv(&head, rows)
}

fn timeline(drawn: &Drawn) -> Result<Vec<u8>, csv::Error> {
    let head = [
        "change",
        "entry",
        "at",
        "recorded_at",
        "actor",
        "door",
        "kind",
        "text",
        "facts",
        "redacted",
    ];
    let rows = drawn.timeline.iter().map(|it| {
        let facts: Vec<String> = it
            .facts
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        vec![
            it.ticket.to_string(),
            it.seq.to_string(),
            it.effective_at.rfc3339(),
            it.recorded_at.rfc3339(),
            it.actor.clone(),
            it.door.to_string(),
            it.kind.to_string(),
            it.text.clone(),
            facts.join("; "),
            yes(it.is_redacted),
        ]
    });
    cells::csv(&head, rows)
}

fn commits(drawn: &Drawn) -> Result<Vec<u8>, csv::Error> {
    let head = [
        "commit",
        "change",
        "committed_at",
        "author",
        "subject",
        "files",
        "paths",
    ];
    let added = drawn.commits.iter().map(|it| {
        let paths: Vec<String> = it
            .paths
            .iter()
            .map(|touched| format!("{} {}", touched.change, touched.path))
            .collect();
        vec![
            it.oid.clone(),
            "added".to_owned(),
            it.committed_at.rfc3339(),
            it.author.clone(),
            it.subject
                .clone()
                .unwrap_or_else(|| "[redacted]".to_owned()),
            it.path_count.to_string(),
            paths.join("; "),
        ]
    });
    let removed = drawn.removed.iter().map(|oid| {
        let mut row = vec![oid.clone(), "removed".to_owned()];
        row.resize(head.len(), String::new());
        row
    });
    cells::csv(&head, added.chain(removed))
}

fn revert(drawn: &Drawn) -> serde_json::Value {
    let (from, lines) = match &drawn.revert {
        Some(revert) => (Some(revert.from.as_str()), revert.lines.clone()),
        None => (None, Vec::new()),
    };
    let tried = drawn.freshness.as_ref();
    json!({
        "from": from,
        "commands": lines,
        "tried_at": tried.map(|it| it.checked_at.rfc3339()),
        "conflicts": tried.map(|it| it.conflicts.clone()),
        "irreversible": tried.map(|it| it.irreversible.clone()),
    })
}

fn incidents(drawn: &Drawn) -> Result<Vec<u8>, csv::Error> {
    let head = [
        "incident",
        "how",
        "title",
        "severity",
        "state_now",
        "impact_at",
        "over_at",
    ];
    let rows = drawn.incidents.iter().map(|it| {
        vec![
            it.key.to_string(),
            it.how.clone(),
            it.title.clone(),
            it.severity.unwrap_or_default().to_owned(),
            it.state.to_owned(),
            it.impact_at.rfc3339(),
            at(it.restored_at),
        ]
    });
    cells::csv(&head, rows)
}
