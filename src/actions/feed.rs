//! Signs of life of what tells us of changes: that nothing was told means that nothing changed only while it is alive.

use super::{allow, deployment_story};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::refusal::FieldError;
use crate::domain::text::{NAME_CHARS, one_line};
use crate::error::{Error, Fields, Result};
use crate::store::feed_beat::{self as rows, Beat};

/// How often it may be said to come, in seconds: a minute to 30 days.
const EVERY_SECS: std::ops::RangeInclusive<i64> = 60..=30 * 86_400;

/// Whatever is called so is alive, and has told of everything that changed there; it says so again within `every_secs`.
pub fn beat(ctx: &Ctx<'_>, source: &str, environment: &str, every_secs: i64) -> Result<Beat> {
    allow(&ctx.by, Action::RecordDeployment, Target::House)?;
    let mut fields = Fields::new();
    let source = fields.take(one_line("source", source, NAME_CHARS));
    let every = EVERY_SECS.contains(&every_secs).then_some(every_secs);
    let every = fields.take(every.ok_or_else(|| {
        FieldError::new("every_secs", "not-a-rhythm").with("value", every_secs.to_string())
    }));
    fields.check()?;
    let (Some(source), Some(every_secs)) = (source, every) else {
        return Err(Error::internal("a field was neither taken nor refused"));
    };
    ctx.write(|tx| {
        deployment_story::known_environment(tx, Some(environment))?;
        let beat = Beat {
            environment: environment.to_owned(),
            source: source.clone(),
            last_at: ctx.now,
            every_secs,
        };
        rows::put(tx, &beat)?;
        Ok(beat)
    })
}
