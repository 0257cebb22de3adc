//! What leaves the house: one message on one channel to one recipient.

use super::word::words;

words! {
    /// Why it is sent.
    pub enum DeliveryKind {
        Page = "page",
        Notice = "notice",
        Reply = "reply",
        AutoAnswer = "auto_answer",
        Invitation = "invitation",
        Report = "report",
        Account = "account",
        Webhook = "webhook",
        Test = "test",
    }
}

impl DeliveryKind {
    /// The order in which a backlog drains: 0 first.
    pub const fn urgency(self) -> i16 {
        match self {
            DeliveryKind::Page => 0,
            DeliveryKind::Test | DeliveryKind::Account => 1,
            DeliveryKind::Reply | DeliveryKind::Invitation => 2,
            DeliveryKind::AutoAnswer | DeliveryKind::Report => 3,
            DeliveryKind::Notice | DeliveryKind::Webhook => 4,
        }
    }

    /// After an unknown outcome a page is sent again with the same key, and so is a webhook, whose receiver remembers its id;
    /// anything else isn't.
    pub const fn repeats_when_unsure(self) -> bool {
        matches!(self, DeliveryKind::Page | DeliveryKind::Webhook)
    }
}

words! {
    pub enum Channel { Mail = "mail", Webhook = "webhook" }
}

words! {
    /// How far it came. `Accepted` is all that mail can know: the relay took it.
    pub enum DeliveryState {
        Queued = "queued",
        Accepted = "accepted",
        Unsure = "unsure",
        Dead = "dead",
        Cancelled = "cancelled",
        /// It went out with another notice to the same person.
        Joined = "joined",
    }
}

words! {
    pub enum AttemptOutcome {
        Started = "started",
        Accepted = "accepted",
        Deferred = "deferred",
        Refused = "refused",
        Unsure = "unsure",
    }
}
