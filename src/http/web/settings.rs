//! Settings of the house, and the audit.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;
use serde::Deserialize;

use super::inputs::{Answer, invalid, zones};
use crate::actions::{allow, house, settings};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::id::{AuditId, Id};
use crate::domain::notify::{Loudness, loudness};
use crate::domain::settings::{SettingKey, Settings, masked_relay};
use crate::domain::sla_notice::{self, Hearer, Moment};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::store;
use crate::store::settings::AuditLine;
use crate::store::timeline::facts_of;
use crate::words::Words;

#[derive(Template)]
#[template(path = "settings/show.html")]
struct SettingsPage {
    p: Page,
    form: Form,
    zones: Vec<(String, String)>,
    /// Keys that the process's own configuration decides: what is set here has no effect.
    overruled: Vec<&'static str>,
    relay: Option<String>,
    clocks: Vec<ClockRule>,
}

/// Who hears of clocks at one moment: a row per severity, a box per hearer.
struct ClockRule {
    name: &'static str,
    title: String,
    hearers: Vec<String>,
    rows: Vec<(String, Vec<Option<Tickbox>>)>,
}

struct Tickbox {
    value: String,
    label: String,
    is_ticked: bool,
}

const CLOCK_KEYS: [SettingKey; 2] = [SettingKey::ClockWarning, SettingKey::ClockBreach];

/// What makes sense at that moment.
fn hearers_at(key: SettingKey) -> impl Iterator<Item = Hearer> {
    Hearer::ALL
        .iter()
        .copied()
        .filter(move |hearer| match hearer {
            Hearer::AtOnce => key == SettingKey::ClockWarning,
            Hearer::Page => key == SettingKey::ClockBreach,
            Hearer::Owner | Hearer::Team | Hearer::OnDuty => true,
        })
}

fn clock_rules(form: &Form, words: &Words) -> Vec<ClockRule> {
    let word = |hearer: Hearer| {
        let key = format!("hearer-{}", hearer.as_str().replace('_', "-"));
        words.t(&key).into_owned()
    };
    CLOCK_KEYS
        .iter()
        .map(|key| ClockRule {
            name: key.as_str(),
            title: words
                .t(&format!("settings-{}", key.as_str().replace('_', "-")))
                .into_owned(),
            hearers: hearers_at(*key).map(&word).collect(),
            rows: sla_notice::severities()
                .map(|severity| {
                    let whose = sla_notice::whose(severity);
                    let label = words.t(&format!("severity-{whose}")).into_owned();
                    let boxes = hearers_at(*key)
                        .map(|hearer| {
                            let value = format!("{whose}:{hearer}");
                            // Nobody is ever paged for what has no severity, or a quiet one.
                            let pages = severity.is_some_and(|it| loudness(it) > Loudness::Silent);
                            (hearer != Hearer::Page || pages).then(|| Tickbox {
                                is_ticked: form.is_ticked(key.as_str(), &value),
                                label: format!("{label}: {}", word(hearer)),
                                value,
                            })
                        })
                        .collect();
                    (label, boxes)
                })
                .collect(),
        })
        .collect()
}

/// The ticked boxes as the setting's text.
fn typed_rules(posted: &Posted, key: SettingKey) -> String {
    let ticked: Vec<&str> = posted.all(key.as_str()).collect();
    let rules = sla_notice::severities().map(|severity| {
        let whose = sla_notice::whose(severity);
        let whom: Vec<&str> = ticked
            .iter()
            .filter_map(|value| value.strip_prefix(whose)?.strip_prefix(':'))
            .collect();
        format!("{whose}:{}", whom.join(","))
    });
    rules.collect::<Vec<_>>().join(" ")
}

struct Known {
    settings: Settings,
    environments: Vec<String>,
    overruled: Vec<&'static str>,
}

fn load(ctx: &Ctx<'_>) -> Result<Known> {
    allow(&ctx.by, Action::ManageSettings, Target::House)?;
    ctx.read(|conn| {
        Ok(Known {
            settings: store::settings::all(conn)?,
            environments: store::house::environments(conn)?,
            overruled: settings::overruled(ctx.app),
        })
    })
}

fn page_of(req: &HttpRequest, known: Known, kept: Option<Form>) -> SettingsPage {
    let p = Page::new(req, "settings-title");
    let form = kept.unwrap_or_else(|| {
        let mut form = Form::new(p.words).with("environments", known.environments.join("\n"));
        for key in SettingKey::ALL.iter().filter(|key| !key.is_secret()) {
            form = form.with(key.as_str(), known.settings.text(*key));
        }
        for moment in Moment::ALL {
            let key = match moment {
                Moment::Warning => SettingKey::ClockWarning,
                Moment::Breach => SettingKey::ClockBreach,
            };
            for severity in sla_notice::severities() {
                let whose = sla_notice::whose(severity);
                for hearer in known.settings.hearers(*moment).of(severity) {
                    form = form.with(key.as_str(), format!("{whose}:{hearer}"));
                }
            }
        }
        form
    });
    SettingsPage {
        zones: zones(p.words),
        overruled: known.overruled,
        relay: known.settings.smtp_relay.as_deref().map(masked_relay),
        clocks: clock_rules(&form, p.words),
        form,
        p,
    }
}

pub async fn show(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let known = viewer.run(&app, load).await?;
    reply::page(&page_of(&req, known, None))
}

pub async fn save(req: HttpRequest, app: web::Data<App>, viewer: Viewer, posted: Posted) -> Answer {
    let mut changes = Vec::new();
    for key in SettingKey::ALL {
        if CLOCK_KEYS.contains(key) {
            // No box ticked says "nobody"; a form without the boxes says nothing.
            if !posted.text("clocks").is_empty() {
                changes.push((*key, typed_rules(&posted, *key)));
            }
            continue;
        }
        let typed = posted.text(key.as_str());
        // The relay may hold a password and is never shown: an empty field leaves it, a tick takes it away.
        let leave = key.is_secret() && typed.trim().is_empty() && !posted.ticked("no_relay");
        if !leave {
            changes.push((*key, typed.to_owned()));
        }
    }
    let environments = posted.text("environments").to_owned();
    let saved = viewer
        .run(&app, move |ctx| {
            settings::change(ctx, &changes)?;
            house::set_environments(ctx, &environments)
        })
        .await;
    match invalid(saved)? {
        Ok(()) => Ok(reply::see_saying("/settings", "said-saved", "")),
        Err(errors) => {
            let known = viewer.run(&app, load).await?;
            let form = Form::kept(Words::english(), &posted, errors);
            let page = page_of(&req, known, Some(form));
            reply::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

#[derive(Template)]
#[template(path = "settings/audit.html")]
struct AuditPage {
    p: Page,
    lines: Vec<Line>,
    next: Option<String>,
}

struct Line {
    line: AuditLine,
    deed: String,
    facts: String,
}

#[derive(Deserialize)]
pub struct Place {
    from: Option<String>,
}

const PAGE: i64 = 100;

pub async fn audit(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    place: web::Query<Place>,
) -> Answer {
    let from = place.from.as_deref().and_then(cursor);
    let mut lines = viewer
        .run(&app, move |ctx| {
            allow(&ctx.by, Action::ReadAudit, Target::House)?;
            ctx.read(|conn| store::settings::audit_page(conn, from, PAGE + 1))
        })
        .await?;
    let more = lines.len() as i64 > PAGE;
    lines.truncate(PAGE as usize);
    let next = lines
        .last()
        .filter(|_| more)
        .map(|last| format!("{}_{}", last.at.micros(), last.id.uuid().simple()));
    let words = Words::english();
    let shown = |line: AuditLine| Line {
        deed: words.t(&format!("deed-{}", line.deed)).into_owned(),
        facts: facts_of(&line.facts)
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect::<Vec<_>>()
            .join(", "),
        line,
    };
    let lines = lines.into_iter().map(shown).collect();
    reply::page(&AuditPage {
        p: Page::new(&req, "audit-title"),
        lines,
        next,
    })
}

fn cursor(text: &str) -> Option<(Timestamp, AuditId)> {
    let (at, id) = text.split_once('_')?;
    Some((Timestamp::from_micros(at.parse().ok()?), Id::parse(id)?))
}
