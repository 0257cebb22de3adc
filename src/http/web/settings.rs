//! Settings of the house, and the audit.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;
use serde::Deserialize;

use super::inputs::{Answer, invalid, zones};
use crate::actions::{allow, house, settings};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::approval::Side;
use crate::domain::conflict::{Code, Levels};
use crate::domain::freeze::Level;
use crate::domain::id::{AuditId, Id};
use crate::domain::notify::{Loudness, loudness};
use crate::domain::settings::{SettingKey, Settings, WhenFixed, masked_relay};
use crate::domain::severity::Severity;
use crate::domain::sla_agreement::Threshold;
use crate::domain::sla_notice::{self, Hearer, Moment, Step};
use crate::domain::timestamp::Timestamp;
use crate::domain::wording::OwnWords;
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
    own_words: Vec<(String, String)>,
    when_fixed: Vec<(String, String)>,
    conflicts: Vec<ConflictLevel>,
}

/// What a conflict means for a change that is about to begin.
struct ConflictLevel {
    /// Of its field; "": its windows say it.
    name: String,
    text: String,
    /// Each level's word, what it is called, and whether it is this one's.
    levels: Vec<(&'static str, String, bool)>,
}

/// The field of a code's level.
fn conflict_field(code: Code) -> String {
    format!("conflict_{code}")
}

fn conflict_levels(form: &Form, words: &Words) -> Vec<ConflictLevel> {
    let level = |code: &Code| {
        let name = conflict_field(*code);
        let typed = form.value(&name).to_owned();
        let chosen = typed.parse().unwrap_or(Level::Warn);
        let dashed = code.as_str().replace('_', "-");
        ConflictLevel {
            text: words.t(&format!("settings-conflict-{dashed}")).into_owned(),
            levels: Level::ALL
                .iter()
                .map(|it| {
                    let key = format!("settings-conflict-level-{it}");
                    (it.as_str(), words.t(&key).into_owned(), *it == chosen)
                })
                .collect(),
            name: match code.is_by_window() {
                true => String::new(),
                false => name,
            },
        }
    };
    Code::ALL.iter().map(level).collect()
}

/// Who hears of clocks at one moment: a row per severity and step, a box per hearer.
struct ClockRule {
    name: &'static str,
    title: String,
    hearers: Vec<String>,
    rows: Vec<ClockStep>,
    /// What a further step is made of; a breach is one moment and has none.
    further: Option<Further>,
}

struct ClockStep {
    label: String,
    /// What stands before the colon, of a step that can be taken away.
    head: Option<String>,
    is_dropped: bool,
    boxes: Vec<Option<Tickbox>>,
}

struct Further {
    severities: Vec<(&'static str, String)>,
    whose: String,
    when: String,
    hint: String,
    boxes: Vec<Option<Tickbox>>,
}

struct Tickbox {
    value: String,
    label: String,
    is_ticked: bool,
}

const CLOCK_KEYS: [(SettingKey, Moment); 3] = [
    (SettingKey::ClockWarning, Moment::Warning),
    (SettingKey::ClockBreach, Moment::Breach),
    (SettingKey::ClockAfter, Moment::After),
];

/// What the boxes of a step begin with that isn't known yet.
const NEW: &str = "new";

/// What makes sense at that moment.
fn hearers_at(moment: Moment) -> impl Iterator<Item = Hearer> {
    Hearer::ALL
        .iter()
        .copied()
        .filter(move |hearer| *hearer != Hearer::AtOnce || moment == Moment::Warning)
}

fn clock_rules(form: &Form, words: &Words) -> Vec<ClockRule> {
    let rules = CLOCK_KEYS
        .iter()
        .map(|(key, moment)| clock_rule(form, words, key.as_str(), *moment));
    rules.collect()
}

fn clock_rule(form: &Form, words: &Words, name: &'static str, moment: Moment) -> ClockRule {
    let word = |hearer: Hearer| {
        let key = format!("hearer-{}", hearer.as_str().replace('_', "-"));
        words.t(&key).into_owned()
    };
    let severity = |whose: &str| words.t(&format!("severity-{whose}")).into_owned();
    let boxes = |head: &str, label: &str| -> Vec<Option<Tickbox>> {
        let whose = head.split('@').next().unwrap_or_default();
        // Nobody is ever paged for what has no severity, or a quiet one.
        let is_quiet = |it: Severity| loudness(it) == Loudness::Silent;
        let pages = head == NEW || whose.parse().is_ok_and(|it| !is_quiet(it));
        hearers_at(moment)
            .map(|hearer| {
                let value = format!("{head}:{hearer}");
                (hearer != Hearer::Page || pages).then(|| Tickbox {
                    is_ticked: form.is_ticked(name, &value),
                    label: format!("{label}: {}", word(hearer)),
                    value,
                })
            })
            .collect()
    };
    let mut rows = Vec::new();
    let (row, drop) = (format!("{name}_row"), format!("{name}_drop"));
    for whose in sla_notice::severities().map(sla_notice::whose) {
        if moment != Moment::After {
            let label = severity(whose);
            rows.push(ClockStep {
                boxes: boxes(whose, &label),
                head: None,
                is_dropped: false,
                label,
            });
        }
        for head in form.all(&row) {
            let Some(at) = head.strip_prefix(whose).and_then(|it| it.strip_prefix('@')) else {
                continue;
            };
            let label = format!("{}, {}", severity(whose), step_label(words, moment, at));
            rows.push(ClockStep {
                boxes: boxes(head, &label),
                head: Some(head.to_owned()),
                is_dropped: form.is_ticked(&drop, head),
                label,
            });
        }
    }
    let key = name.replace('_', "-");
    let further = (moment != Moment::Breach).then(|| Further {
        severities: sla_notice::severities()
            .map(|it| (sla_notice::whose(it), severity(sla_notice::whose(it))))
            .collect(),
        whose: form.value(&format!("{name}_whose")).to_owned(),
        when: form.value(&format!("{name}_when")).to_owned(),
        hint: words.t(&format!("settings-{key}-when")).into_owned(),
        boxes: boxes(NEW, &words.t("settings-clock-further")),
    });
    ClockRule {
        name,
        title: words.t(&format!("settings-{key}")).into_owned(),
        hearers: hearers_at(moment).map(word).collect(),
        rows,
        further,
    }
}

/// `at 90%`, `30 min before`, `after 30 min`.
fn step_label(words: &Words, moment: Moment, at: &str) -> String {
    let (key, at) = match (moment, Threshold::parse(at)) {
        (Moment::Warning, Some(Threshold::Percent(percent))) => {
            ("settings-clock-at", format!("{percent}%"))
        }
        (Moment::Warning, Some(before)) => ("settings-clock-before", before.to_string()),
        (_, Some(after)) => ("settings-clock-past", after.to_string()),
        (_, None) => return at.to_owned(),
    };
    words.with(key, &[("at", at.into())]).into_owned()
}

/// The ticked boxes as the setting's text.
fn typed_rules(posted: &Posted, key: SettingKey, moment: Moment) -> String {
    let name = key.as_str();
    let field = |part: &str| format!("{name}_{part}");
    let (row, drop) = (field("row"), field("drop"));
    let dropped: Vec<&str> = posted.all(&drop).collect();
    let mut rules: Vec<(String, String)> = Vec::new();
    if moment != Moment::After {
        let each = sla_notice::severities().map(sla_notice::whose);
        rules.extend(each.map(|whose| (whose.to_owned(), whose.to_owned())));
    }
    let rows = posted.all(&row).filter(|head| !dropped.contains(head));
    rules.extend(rows.map(|head| (head.to_owned(), head.to_owned())));
    let when: String = posted.text(&field("when")).split_whitespace().collect();
    let is_new = |value: &str| {
        value
            .strip_prefix(NEW)
            .is_some_and(|it| it.starts_with(':'))
    };
    if !when.is_empty() || posted.all(name).any(is_new) {
        let head = format!("{}@{when}", posted.text(&field("whose")));
        rules.push((NEW.to_owned(), head));
    }
    let rules = rules.iter().map(|(boxes, head)| {
        let whom = posted
            .all(name)
            .filter_map(|value| value.strip_prefix(boxes.as_str())?.strip_prefix(':'));
        format!("{head}:{}", whom.collect::<Vec<_>>().join(","))
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
        for code in Levels::codes() {
            let level = known.settings.conflict_levels.of(code);
            form = form.with(&conflict_field(code), level);
        }
        for side in &known.settings.approvers_apart {
            form = form.with(&format!("apart_{side}"), "yes");
        }
        for (key, moment) in CLOCK_KEYS {
            for rule in known.settings.hearers(moment).rules() {
                let head = rule.head();
                for hearer in &rule.whom {
                    form = form.with(key.as_str(), format!("{head}:{hearer}"));
                }
                if rule.step != Step::Any {
                    form = form.with(&format!("{key}_row"), head);
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
        conflicts: conflict_levels(&form, p.words),
        own_words: OwnWords::ALL
            .iter()
            .map(|it| (it.to_string(), p.word("own-words", it.as_str())))
            .collect(),
        when_fixed: WhenFixed::ALL
            .iter()
            .map(|it| (it.to_string(), p.word("when-fixed", it.as_str())))
            .collect(),
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
        if let Some((_, moment)) = CLOCK_KEYS.iter().find(|(clock, _)| clock == key) {
            // No box ticked says "nobody"; a form without the boxes says nothing.
            if !posted.text("clocks").is_empty() {
                changes.push((*key, typed_rules(&posted, *key, *moment)));
            }
            continue;
        }
        if *key == SettingKey::ConflictLevels {
            // As with the boxes of clocks.
            if !posted.text("conflicts").is_empty() {
                let levels = Levels::codes().map(|code| {
                    let level = posted.text(&conflict_field(code));
                    let level = if level.is_empty() { "warn" } else { level };
                    format!("{code}:{level}")
                });
                changes.push((*key, levels.collect::<Vec<_>>().join(" ")));
            }
            continue;
        }
        if *key == SettingKey::ApproversApart {
            if !posted.text("apart").is_empty() {
                let ticked = Side::ALL.iter().map(|it| it.as_str());
                let ticked = ticked.filter(|it| posted.ticked(&format!("apart_{it}")));
                changes.push((*key, ticked.collect::<Vec<_>>().join(" ")));
            }
            continue;
        }
        let typed = posted.text(key.as_str());
        // The relay may hold a password and is never shown: an empty field leaves it, a tick takes it away.
        let is_empty = typed.trim().is_empty();
        let leave = match key {
            SettingKey::OwnWords
            | SettingKey::WhenFixed
            | SettingKey::SelfTestHours
            | SettingKey::MailAnswersPerHour
            | SettingKey::MailReopensPerHour
            | SettingKey::MailStrangersPerHour
            | SettingKey::MailJoinMinutes => is_empty,
            key => key.is_secret() && is_empty && !posted.ticked("no_relay"),
        };
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
