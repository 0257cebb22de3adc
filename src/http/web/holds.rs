//! What a ticket waits for, as its page says it.

use crate::domain::hold::Hold;
use crate::domain::timestamp::Timestamp;
use crate::http::page::Page;

/// One of a ticket's holds.
pub struct HoldLine {
    pub id: String,
    /// "held 2 h, waiting for Contoso"
    pub line: String,
    pub reason: String,
    pub until: Option<Timestamp>,
    pub nudge_at: Option<Timestamp>,
    pub by: String,
}

pub fn hold_line(hold: &Hold, p: &Page) -> HoldLine {
    let whom = match hold.whom.as_str() {
        "" => p.word("waiting-whom", hold.on.as_str()),
        whom => whom.to_owned(),
    };
    let span = p.words.span(p.now.secs_since(hold.since).max(0));
    let said = [("span", span.into()), ("whom", whom.into())];
    HoldLine {
        id: hold.id.to_string(),
        line: p.words.with("hold-line", &said).into_owned(),
        reason: hold.reason.clone(),
        until: hold.until,
        nudge_at: hold.nudge_at,
        by: hold.by.clone(),
    }
}
