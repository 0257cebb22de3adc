//! Whether mail flows, for the health marks: nothing comes in where something always does, or nothing gets out.

use crate::app::App;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::{self, Conn};

/// Weeks that are looked back: mail that came at this hour in each of them is expected now.
const WEEKS: i64 = 4;
const WEEK_SECS: i64 = 7 * 86_400;
/// A letter that was tried and is still here after this long is stuck: a relay that is busy takes it before.
const STUCK_SECS: i64 = 15 * 60;
/// Counting stuck letters stops here.
const COUNTED: i64 = 1_000;

/// For how long nothing has come in, in seconds, if that is longer than the setting allows and each of the last four weeks had mail
/// at this hour. `None`: mail comes, or nobody would expect any.
pub fn silent_secs(app: &App, conn: &mut Conn, now: Timestamp) -> Result<Option<i64>> {
    let most = app.config.mail_silence_secs;
    let Some(last) = store::mail_health::last_until(conn, now)? else {
        return Ok(None);
    };
    let silent = now.secs_since(last);
    if most == 0 || silent < most {
        return Ok(None);
    }
    for week in 1..=WEEKS {
        let then = now.plus_secs(-week * WEEK_SECS);
        let before = store::mail_health::last_until(conn, then)?;
        if before.is_none_or(|at| then.secs_since(at) >= most) {
            return Ok(None);
        }
    }
    Ok(Some(silent))
}

/// How many letters a relay doesn't take.
pub fn stuck(conn: &mut Conn, now: Timestamp) -> Result<i64> {
    store::mail_health::stuck(conn, now.plus_secs(-STUCK_SECS), COUNTED)
}
