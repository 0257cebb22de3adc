//! Signs of life of what tells us of changes: that nothing was told means that nothing changed only while it is alive.

use super::{allow, deployment_story};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::ServiceId;
use crate::domain::refusal::FieldError;
use crate::domain::text::{NAME_CHARS, one_line};
use crate::error::{Error, Fields, Result};
use crate::store::feed_beat::{self as rows, Beat};
use crate::store::{self, Tx};

/// How often it may be said to come, in seconds: a minute to 30 days.
const EVERY_SECS: std::ops::RangeInclusive<i64> = 60..=30 * 86_400;
/// Services that one feed names.
const SERVICES: usize = 200;

/// A sign of life as it was given.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    pub source: String,
    pub environment: String,
    pub every_secs: i64,
    /// Names or ids of services of whose changes it tells, beside those that it has told of.
    pub services: Vec<String>,
}

/// Whatever is called so is alive, and has told of everything that changed there; it says so again within `every_secs`. The services take
/// the place of those that it named before.
pub fn beat(ctx: &Ctx<'_>, typed: &Typed) -> Result<Beat> {
    allow(&ctx.by, Action::RecordDeployment, Target::House)?;
    let mut fields = Fields::new();
    let source = fields.take(one_line("source", &typed.source, NAME_CHARS));
    let every = typed.every_secs;
    let every = EVERY_SECS.contains(&every).then_some(every);
    let every = fields.take(every.ok_or_else(|| {
        FieldError::new("every_secs", "not-a-rhythm").with("value", typed.every_secs.to_string())
    }));
    if typed.services.len() > SERVICES {
        fields.push(
            FieldError::new("services", "too-many")
                .with("max", SERVICES.to_string())
                .with("got", typed.services.len().to_string()),
        );
    }
    fields.check()?;
    let (Some(source), Some(every_secs)) = (source, every) else {
        return Err(Error::internal("a field was neither taken nor refused"));
    };
    ctx.write(|tx| {
        deployment_story::known_environment(tx, Some(&typed.environment))?;
        let services = known(tx, &typed.services)?;
        let beat = Beat {
            environment: typed.environment.clone(),
            source: source.clone(),
            last_at: ctx.now,
            every_secs,
        };
        rows::put(tx, &beat, &services)?;
        Ok(beat)
    })
}

/// The services that are meant, each once.
fn known(tx: &mut Tx, named: &[String]) -> Result<Vec<ServiceId>> {
    let all = store::house::services(tx)?;
    let mut found = Vec::new();
    for name in named {
        let id = match ServiceId::parse(name) {
            Some(id) => all.iter().find(|it| it.id == id).map(|it| it.id),
            None => store::house::service_by_name(tx, name)?,
        };
        let id = id.ok_or_else(|| {
            FieldError::new("services", "unknown-service-name").with("value", name.clone())
        })?;
        if !found.contains(&id) {
            found.push(id);
        }
    }
    Ok(found)
}
