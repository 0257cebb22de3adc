//! Counting clocks anew after their terms changed.

use super::id::{RecountId, SubjectId, TicketId};
use super::sla_version::Finished;
use super::timestamp::Timestamp;
use super::word::words;

words! {
    /// Why clocks are counted anew.
    pub enum RecountCause {
        /// A calendar has other hours from now on, or from a date.
        CalendarChanged = "calendar_changed",
        /// What was written of a calendar's past was wrong.
        CalendarCorrected = "calendar_corrected",
        /// What was written of an agreement's past was wrong.
        AgreementCorrected = "agreement_corrected",
        /// An agreement ended, or a customer left it.
        AgreementEnded = "agreement_ended",
        /// A new version of the program brought new tz data.
        ZonesChanged = "zones_changed",
        /// A new version of the program brought new holiday data: calendars whose days it moved have a version of their own.
        HolidaysChanged = "holidays_changed",
    }
}

impl RecountCause {
    pub const fn is_correction(self) -> bool {
        matches!(
            self,
            RecountCause::CalendarCorrected | RecountCause::AgreementCorrected
        )
    }
}

/// One recount: what is asked for, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recount {
    pub id: RecountId,
    pub cause: RecountCause,
    /// The agreement or calendar; `None`: the tz data.
    pub subject_id: Option<SubjectId>,
    /// Its name, or the version of the data.
    pub subject: String,
    /// The version that brought it; 0 for tz data.
    pub number: i64,
    /// Nothing that ended before this instant is concerned.
    pub from_at: Timestamp,
    pub finished: Finished,
    pub made_by: String,
    pub reason: String,
    pub made_at: Timestamp,
    /// Not before this instant.
    pub due_at: Timestamp,
    /// Tickets are looked at in the order of their ids; until here they were.
    pub last_ticket: Option<TicketId>,
    pub looked_at: i64,
    pub moved: i64,
    pub done_at: Option<Timestamp>,
}
