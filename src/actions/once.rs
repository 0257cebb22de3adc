//! What is asked twice is done once: a program's call that is repeated after a lost answer, a form that is sent by a double tap.
//! The answer is kept in the transaction of the change, so that neither stands without the other.

use crate::app::Ctx;
use crate::error::{Result, is_unique_violation};
use crate::store::idempotency::{self, Kept};

/// Runs `work` unless it was done before under this key of `scope`; then what `replay` makes of the answer that was kept. Only
/// what succeeded is kept. `work` may run again.
pub fn once<T>(
    ctx: &Ctx<'_>,
    scope: &str,
    key: &str,
    work: impl Fn(&Ctx<'_>) -> Result<T>,
    kept: impl Fn(&T) -> Kept,
    replay: impl Fn(Kept) -> Result<T>,
) -> Result<T> {
    let since = ctx.now.plus_secs(-idempotency::KEPT_SECS);
    // Not asked first whether there is an answer: nearly everything is new, and what isn't is undone as a whole by its key.
    let attempt = || {
        ctx.as_one(&work, |tx, done| {
            idempotency::keep(tx, scope, key, &kept(done), ctx.now)
        })
    };
    let error = match attempt() {
        Ok(done) => return Ok(done),
        Err(error) => error,
    };
    // It was done before, or came twice at once and the other one was faster.
    let before = ctx.read(|conn| idempotency::find(conn, scope, key, since))?;
    if let Some(before) = before {
        return replay(before);
    }
    if is_unique_violation(&error) {
        // The key's old answer has had its day and wasn't swept yet.
        ctx.write(|tx| idempotency::forget_old(tx, scope, key, since))?;
        return attempt();
    }
    Err(error)
}
