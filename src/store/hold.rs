//! A ticket's holds: one JSON text in its row, and when somebody should look at them again.

use diesel::prelude::*;
use serde_json::{Value, json};

use super::Conn;
use super::schema::core::ticket;
use crate::domain::hold::Hold;
use crate::domain::id::{Id, TicketId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// Instants are microseconds, as in every column.
pub(super) fn text(holds: &[Hold]) -> String {
    let objects: Vec<Value> = holds
        .iter()
        .map(|hold| {
            json!({
                "id": hold.id.to_string(),
                "on": hold.on.as_str(),
                "whom": hold.whom,
                "reason": hold.reason,
                "since": hold.since.micros(),
                "until": hold.until.map(Timestamp::micros),
                "nudge_at": hold.nudge_at.map(Timestamp::micros),
                "by": hold.by,
            })
        })
        .collect();
    Value::Array(objects).to_string()
}

/// What [`text`] wrote. Nearly every ticket waits for nothing.
pub(super) fn of(text: &str) -> Vec<Hold> {
    if text == "[]" {
        return Vec::new();
    }
    let Ok(Value::Array(objects)) = serde_json::from_str(text) else {
        return Vec::new();
    };
    objects.iter().filter_map(hold).collect()
}

fn hold(object: &Value) -> Option<Hold> {
    let word = |name: &str| object[name].as_str();
    let instant = |name: &str| object[name].as_i64().map(Timestamp::from_micros);
    Some(Hold {
        id: Id::parse(word("id")?)?,
        on: word("on")?.parse().ok()?,
        whom: word("whom")?.to_owned(),
        reason: word("reason")?.to_owned(),
        since: instant("since")?,
        until: instant("until"),
        nudge_at: instant("nudge_at"),
        by: word("by")?.to_owned(),
    })
}

/// Open tickets of which some hold ends, or is to be reminded of, at `now`; longest due first.
pub fn tickets_due(conn: &mut Conn, now: Timestamp, most: i64) -> Result<Vec<TicketId>> {
    Ok(ticket::table
        .filter(ticket::hold_wake_at.le(now))
        // Not "is open": SQLite would walk all open tickets by that instead of the few that wait.
        .filter(ticket::is_open.ne(false))
        .order(ticket::hold_wake_at)
        .limit(most)
        .select(ticket::id)
        .load(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ticket::WaitingOn;

    #[test]
    fn holds_survive_their_text() {
        let now = Timestamp::from_micros(1_790_000_000_000_001);
        let hold = |until| Hold {
            id: Id::new(now),
            on: WaitingOn::Vendor,
            whom: "\"Metro\" Fibre".to_owned(),
            reason: "a splice\nat km 4".to_owned(),
            since: now,
            until,
            nudge_at: until,
            by: "Ada".to_owned(),
        };
        let holds = vec![hold(None), hold(Some(now.plus_secs(60)))];
        assert_eq!(of(&text(&holds)), holds);
        assert_eq!(text(&[]), "[]");
        assert!(of("[]").is_empty() && of("not json").is_empty());
    }
}
