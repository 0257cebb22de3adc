//! Planning: a team's rotation, and what happens when nobody answers.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::{Answer, id_of, or_form, with_who, zones};
use super::oncall::local;
use crate::actions::oncall::Plan;
use crate::actions::{self, allow};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target as About};
use crate::domain::escalation::{self, MAX_STEPS, Step, Target};
use crate::domain::id::{Id, PersonId, TeamId};
use crate::domain::people::{Person, Team};
use crate::domain::refusal::FieldError;
use crate::domain::rotation::TurnUnit;
use crate::domain::text::zone;
use crate::error::{Error, Fields, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::store;

/// One place of the rotation, for the form: people are chosen in order.
struct Place {
    name: String,
    label: String,
}

#[derive(Template)]
#[template(path = "on-call/plan.html")]
struct PlanPage {
    p: Page,
    team: Team,
    form: Form,
    zones: Vec<(String, String)>,
    units: Vec<(String, String)>,
    people: Vec<(String, String)>,
    places: Vec<Place>,
    errors: Vec<String>,
}

struct Known {
    team: Team,
    members: Vec<PersonId>,
    people: Vec<Person>,
    schedule: Option<store::oncall::Schedule>,
    policy: Option<escalation::Policy>,
}

fn load(ctx: &Ctx<'_>, team: TeamId) -> Result<Known> {
    allow(&ctx.by, Action::PlanOncall, About::House)?;
    ctx.read(|conn| {
        let mut people = store::people::persons(conn)?;
        people.retain(|person| person.is_active);
        people.sort_by_key(|person| person.name.to_lowercase());
        Ok(Known {
            team: store::house::team(conn, team)?.ok_or(Error::NotFound)?,
            members: store::house::members(conn, team)?,
            people,
            schedule: store::oncall::by_team(conn, team)?,
            policy: store::oncall::policy_of(conn, team)?,
        })
    })
}

/// Fewest places that the form offers; always two more than there are people.
const PLACES: usize = 6;

fn choices(p: &Page, people: &[Person]) -> Vec<(String, String)> {
    let none = (String::new(), p.t("plan-nobody-here").into_owned());
    let some = people
        .iter()
        .map(|person| (person.id.to_string(), person.name.clone()));
    std::iter::once(none).chain(some).collect()
}

fn plan_page(req: &HttpRequest, known: Known, kept: Option<Form>) -> PlanPage {
    let p = Page::new(req, "plan-title");
    let standing = {
        let form = Form::new(p.words);
        match &known.schedule {
            Some(schedule) => {
                let hand_offs = &schedule.rotation.hand_offs;
                let form = form
                    .with("rev", schedule.version)
                    .with("zone", hand_offs.zone.name())
                    .with("anchor", hand_offs.anchor.format("%Y-%m-%dT%H:%M"))
                    .with("unit", hand_offs.unit)
                    .with("length", hand_offs.length);
                filled(form, &schedule.rotation.people)
            }
            None => {
                let today = p.now.in_zone(known.team.zone).date_naive();
                let form = form
                    .with("rev", 0)
                    .with("zone", known.team.zone.name())
                    .with("anchor", today.format("%Y-%m-%dT09:00"))
                    .with("unit", TurnUnit::Weeks)
                    .with("length", 1);
                filled(form, &known.members)
            }
        }
    };
    let form = Form::opened(kept, standing);
    let used = known
        .schedule
        .as_ref()
        .map_or(known.members.len(), |schedule| {
            schedule.rotation.people.len()
        });
    let places = (1..=(used + 2).max(PLACES))
        .map(|number| Place {
            name: format!("person-{number}"),
            label: p.t1("plan-place", "number", number as i64).into_owned(),
        })
        .collect();
    // Hours and months are what imported schedules may have; people plan by the day or the week.
    let units = [TurnUnit::Days, TurnUnit::Weeks]
        .iter()
        .map(|unit| (unit.as_str().to_owned(), p.word("turn-unit", unit.as_str())))
        .collect();
    PlanPage {
        people: choices(&p, &known.people),
        zones: zones(p.words),
        units,
        places,
        errors: form.errors_besides(&["zone", "anchor", "unit", "length"]),
        team: known.team,
        form,
        p,
    }
}

fn filled(form: Form, people: &[PersonId]) -> Form {
    (1..).zip(people).fold(form, |form, (number, person)| {
        form.with(&format!("person-{number}"), person)
    })
}

/// `GET /on-call/{team}/plan`
pub async fn plan_form(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    team: web::Path<String>,
) -> Answer {
    let team: TeamId = id_of(&team)?;
    let known = viewer.run(&app, move |ctx| load(ctx, team)).await?;
    reply::page(&plan_page(&req, known, None))
}

/// `POST /on-call/{team}/plan`
pub async fn plan(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    team: web::Path<String>,
    posted: Posted,
) -> Answer {
    let team: TeamId = id_of(&team)?;
    let form = posted.clone();
    let outcome = viewer
        .run(&app, move |ctx| {
            let (plan, seen) = read_plan(&form)?;
            actions::oncall::plan_rotation(ctx, team, &plan, seen).map(|_| ())
        })
        .await;
    match or_form(outcome, &posted)? {
        Ok(()) => Ok(reply::see_saying(
            &format!("/on-call/{team}"),
            "said-planned",
            "",
        )),
        Err(form) => {
            let known = viewer.run(&app, move |ctx| load(ctx, team)).await?;
            let doer = ("rotation", known.team.name.as_str());
            let form = with_who(&app, &viewer, Some(form), doer).await?;
            let page = plan_page(&req, known, form);
            reply::page_with(page.form.status(), &page)
        }
    }
}

fn read_plan(posted: &Posted) -> Result<(Plan, Option<i64>)> {
    let mut fields = Fields::new();
    let zone = fields.take(zone("zone", posted.text("zone")));
    let anchor = fields.take(local("anchor", posted.text("anchor")));
    let unit = fields.take(
        posted
            .text("unit")
            .parse::<TurnUnit>()
            .map_err(|()| FieldError::new("unit", "required")),
    );
    let length = fields.take(number("length", posted.text("length")));
    let people = fields.take(people_of(posted));
    fields.check()?;
    let (Some(zone), Some(anchor), Some(unit), Some(length), Some(people)) =
        (zone, anchor, unit, length, people)
    else {
        return Err(Error::internal("a checked plan is incomplete"));
    };
    let seen = posted.text("rev").parse().ok();
    Ok((
        Plan {
            zone,
            anchor,
            unit,
            length,
            people,
            keep: None,
        },
        seen,
    ))
}

/// The people in the order of their places; empty places don't count.
fn people_of(posted: &Posted) -> std::result::Result<Vec<PersonId>, FieldError> {
    let mut people = Vec::new();
    for (name, value) in &posted.texts {
        if name.starts_with("person-") && !value.is_empty() {
            people.push(Id::parse(value).ok_or_else(|| FieldError::new("people", "nobody-known"))?);
        }
    }
    Ok(people)
}

fn number(field: &'static str, text: &str) -> std::result::Result<i64, FieldError> {
    text.trim()
        .parse()
        .map_err(|_| FieldError::new(field, "not-a-number").with("value", text.trim().to_owned()))
}

#[derive(Template)]
#[template(path = "on-call/policy.html")]
struct PolicyPage {
    p: Page,
    team: Team,
    form: Form,
    targets: Vec<(String, String)>,
    steps: Vec<StepFields>,
    errors: Vec<String>,
}

/// The names of one step's fields.
struct StepFields {
    number: usize,
    first: String,
    second: String,
    delay: String,
    problem: Option<String>,
}

fn policy_page(req: &HttpRequest, known: Known, kept: Option<Form>) -> PolicyPage {
    let p = Page::new(req, "policy-edit-title");
    let policy = known.policy.unwrap_or_else(|| escalation::Policy {
        version: 0,
        ..escalation::Policy::first(Id::from_uuid(uuid::Uuid::nil()), known.team.id)
    });
    let standing = {
        let mut form = Form::new(p.words)
            .with("rev", policy.version)
            .with("repeat", policy.repeat)
            .with_some("ack-timeout", policy.ack_timeout_secs.map(|secs| secs / 60));
        for (number, step) in (1..).zip(&policy.steps) {
            form = form.with(&format!("step-{number}-delay"), step.delay_secs / 60);
            for (place, target) in ["a", "b"].iter().zip(&step.targets) {
                form = form.with(&format!("step-{number}-{place}"), target_word(target));
            }
        }
        form
    };
    let form = Form::opened(kept, standing);
    let mut targets = vec![
        (String::new(), p.t("policy-no-target").into_owned()),
        ("on_duty".to_owned(), p.t("target-on-duty").into_owned()),
        ("team".to_owned(), p.t("target-team").into_owned()),
    ];
    targets.extend(
        known
            .people
            .iter()
            .map(|person| (person.id.to_string(), person.name.clone())),
    );
    let count = (policy.steps.len() + 2).clamp(4, MAX_STEPS);
    let steps = (1..=count)
        .map(|number| StepFields {
            number,
            first: format!("step-{number}-a"),
            second: format!("step-{number}-b"),
            delay: format!("step-{number}-delay"),
            problem: form.problem(&format!("step-{number}-targets")),
        })
        .collect::<Vec<_>>();
    let mut printed: Vec<String> = vec!["repeat".to_owned(), "ack-timeout".to_owned()];
    printed.extend(
        steps
            .iter()
            .flat_map(|step| [step.delay.clone(), format!("step-{}-targets", step.number)]),
    );
    let printed: Vec<&str> = printed.iter().map(String::as_str).collect();
    PolicyPage {
        errors: form.errors_besides(&printed),
        team: known.team,
        form,
        targets,
        steps,
        p,
    }
}

fn target_word(target: &Target) -> String {
    match target {
        Target::OnDuty => "on_duty".to_owned(),
        Target::Team => "team".to_owned(),
        Target::Person(person) => person.to_string(),
    }
}

/// `GET /on-call/{team}/policy`
pub async fn policy_form(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    team: web::Path<String>,
) -> Answer {
    let team: TeamId = id_of(&team)?;
    let known = viewer.run(&app, move |ctx| load(ctx, team)).await?;
    reply::page(&policy_page(&req, known, None))
}

/// `POST /on-call/{team}/policy`
pub async fn policy(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    team: web::Path<String>,
    posted: Posted,
) -> Answer {
    let team: TeamId = id_of(&team)?;
    let form = posted.clone();
    let outcome = viewer
        .run(&app, move |ctx| save_policy(ctx, team, &form))
        .await;
    match or_form(outcome, &posted)? {
        Ok(()) => Ok(reply::see_saying(
            &format!("/on-call/{team}"),
            "said-policy-saved",
            "",
        )),
        Err(form) => {
            let known = viewer.run(&app, move |ctx| load(ctx, team)).await?;
            let doer = ("policy", known.team.name.as_str());
            let form = with_who(&app, &viewer, Some(form), doer).await?;
            let page = policy_page(&req, known, form);
            reply::page_with(page.form.status(), &page)
        }
    }
}

/// Steps without a target are left out, so that emptying one deletes it.
fn save_policy(ctx: &Ctx<'_>, team: TeamId, posted: &Posted) -> Result<()> {
    let mut fields = Fields::new();
    let mut steps = Vec::new();
    for n in 1..=MAX_STEPS {
        let mut targets = Vec::new();
        for place in ["a", "b"] {
            let target = match posted.text(&format!("step-{n}-{place}")) {
                "" => continue,
                "on_duty" => Target::OnDuty,
                "team" => Target::Team,
                id => match Id::parse(id) {
                    Some(person) => Target::Person(person),
                    None => {
                        fields.push(FieldError::new(format!("step-{n}-targets"), "nobody-known"));
                        continue;
                    }
                },
            };
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        if targets.is_empty() {
            continue;
        }
        let text = posted.text(&format!("step-{n}-delay")).trim();
        match text.parse::<i64>() {
            Ok(minutes) if escalation::DELAY_MINUTES.contains(&minutes) => {
                steps.push(Step {
                    targets,
                    delay_secs: minutes * 60,
                });
            }
            _ => fields.push(
                FieldError::new(format!("step-{n}-delay"), "out-of-range")
                    .with("min", escalation::DELAY_MINUTES.start().to_string())
                    .with("max", escalation::DELAY_MINUTES.end().to_string())
                    .with("got", text.to_owned()),
            ),
        }
    }
    let repeat = fields.take(number("repeat", posted.text("repeat")));
    let timeout = match posted.text("ack-timeout").trim() {
        "" => Some(None),
        text => fields
            .take(number("ack-timeout", text))
            .map(|minutes| Some(minutes.saturating_mul(60))),
    };
    let seen = posted.text("rev").parse::<i64>().unwrap_or(0);
    fields.check()?;
    let (Some(repeat), Some(timeout)) = (repeat, timeout) else {
        return Err(Error::internal("a checked policy is incomplete"));
    };
    actions::oncall::set_policy(ctx, team, &steps, repeat, timeout, seen).map(|_| ())
}
