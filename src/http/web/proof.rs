//! The page on which a clock explains itself: why it is due then. As plain text under the same address with `.txt`, or for
//! whoever accepts nothing else.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, web};
use askama::Template;
use chrono_tz::Tz;

use super::clock::tick;
use super::inputs::{Answer, id_of};
use crate::actions::sla_proof;
use crate::app::App;
use crate::domain::id::{ClockId, TicketKey};
use crate::domain::sla_burn::over_secs;
use crate::domain::sla_explain::StepKind;
use crate::domain::sla_proof::Proof;
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Interval;
use crate::error::Error;
use crate::http::marks::Tick;
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::render::proof::{self as say, Grain, Term};
use crate::store::sla::ClockRow;

#[derive(Template)]
#[template(path = "ticket/clock.html")]
struct ClockPage {
    p: Page,
    key: String,
    id: String,
    ticket_title: String,
    metric: String,
    tick: Tick,
    deadline: Option<Timestamp>,
    /// Where the agreement counts.
    zone: Tz,
    /// The agreement's zone, if the reader's is another.
    theirs: Option<Tz>,
    zones: String,
    terms: Vec<(String, Term)>,
    used: String,
    steps: Vec<StepLine>,
    sum: String,
    shares: Vec<(String, String, String)>,
    siblings: Vec<(String, String, String)>,
}

struct StepLine {
    from: Timestamp,
    to: Timestamp,
    what: String,
    why: String,
    /// The entry that began it.
    seq: Option<i64>,
    whose: String,
    length: String,
    used: String,
    is_counted: bool,
    marks: Vec<String>,
    /// What follows it and isn't shown.
    folded: Option<String>,
}

/// `GET /INC-12/clocks/{id}`, `GET /INC-12/clocks/{id}.txt`
pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
) -> Answer {
    let (key, id) = path.into_inner();
    let key: TicketKey = key.parse().map_err(|()| Error::NotFound)?;
    let plain = id.strip_suffix(".txt");
    let is_text = plain.is_some() || accepts_text_only(&req);
    let id: ClockId = id_of(plain.unwrap_or(&id))?;
    let (row, proof) = viewer
        .run(&app, move |ctx| sla_proof::load(ctx, key, id))
        .await?;
    let page = Page::titled(&req, format!("{key} {}", proof.title));
    if is_text {
        return Ok(reply::bare(StatusCode::OK)
            .content_type("text/plain; charset=utf-8")
            .body(say::text(&proof, page.zone, page.words)));
    }
    reply::page(&drawn(page, &row, &proof))
}

fn accepts_text_only(req: &HttpRequest) -> bool {
    let accepted = req.headers().get(header::ACCEPT);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    accepted.is_some_and(|it| it.contains("text/plain") && !it.contains("text/html"))
}

fn drawn(p: Page, row: &ClockRow, proof: &Proof) -> ClockPage {
    let words = p.words;
    let explained = &proof.explanation;
    let zone = proof.zone();
    let theirs = (zone != p.zone).then_some(zone);
    let zones = match theirs {
        Some(_) => p.t2("proof-zones", "zone", zone.name(), "own", p.zone.name()),
        None => p.t1("proof-zone", "zone", zone.name()),
    }
    .into_owned();
    let steps = explained
        .steps
        .iter()
        .enumerate()
        .map(|(place, step)| StepLine {
            from: step.interval.from,
            to: step.interval.to,
            what: say::what(step, proof, words),
            why: say::why(step, proof, words),
            seq: step.cause.seq(),
            whose: say::whose_step(step, proof, words),
            marks: say::marks(step, proof, words),
            // Where it counts its ends are those of the sum.
            length: words.exact(match step.kind {
                StepKind::Counted => {
                    let before = step.used_after - step.interval.micros();
                    Grain::Seconds.between(before, step.used_after)
                }
                StepKind::Outside | StepKind::Stopped(_) => {
                    let Interval { from, to } = step.interval;
                    Grain::Seconds.between(from.micros(), to.micros())
                }
            }),
            used: words.exact(Grain::Seconds.between(0, step.used_after)),
            is_counted: step.kind == StepKind::Counted,
            folded: explained
                .folded
                .filter(|folded| folded.after == place)
                .map(|folded| {
                    let counted = words.exact(Grain::Seconds.between(0, folded.counted));
                    let count = folded.steps as i64;
                    p.t2("proof-folded", "count", count, "counted", counted)
                        .into_owned()
                }),
        })
        .collect();
    let siblings = proof
        .siblings
        .iter()
        .map(|other| {
            let name = words.with("clock-cycle", &[("n", i64::from(other.cycle).into())]);
            let mut state = p.word("clock-state", other.state.as_str());
            if other.breached_at.is_some() {
                state = format!("{state}, {}", p.t("step-late"));
            }
            (
                format!("/{}/clocks/{}", proof.key, other.id),
                name.into_owned(),
                state,
            )
        })
        .collect();
    ClockPage {
        key: proof.key.to_string(),
        id: row.id.to_string(),
        ticket_title: proof.title.clone(),
        metric: say::metric(proof, words),
        tick: tick(
            row,
            proof.burn(),
            Some(over_secs(&proof.clock, p.now)).filter(|_| row.breached_at.is_some()),
            proof.held_since,
            p.now,
        ),
        deadline: proof.clock.deadline_at,
        zone,
        theirs,
        zones,
        terms: say::terms(proof, words),
        used: say::used(proof, Grain::Seconds, words),
        steps,
        sum: say::sum(proof, Grain::Seconds, words),
        shares: say::shares(proof, Grain::Seconds, words),
        siblings,
        p,
    }
}
