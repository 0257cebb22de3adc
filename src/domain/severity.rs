//! How bad an incident is, and how soon other work matters.

use super::word::words;

words! {
    /// The five severities, worst first.
    pub enum Severity {
        Disaster = "disaster",
        High = "high",
        Average = "average",
        Warning = "warning",
        Information = "information",
    }
}

impl Severity {
    /// 1 (disaster) to 5 (information): for sorting and drawing, never stored as the meaning.
    pub const fn rank(self) -> i16 {
        self as i16 + 1
    }

    /// By default an incident this bad gets a post-mortem when it is resolved.
    pub const fn asks_for_post_mortem(self) -> bool {
        matches!(self, Severity::Disaster | Severity::High)
    }
}

words! {
    /// A task's urgency, most urgent first.
    pub enum Priority { Urgent = "urgent", High = "high", Normal = "normal", Low = "low" }
}

words! {
    /// A change's risk, most risky first.
    pub enum Risk { High = "high", Medium = "medium", Low = "low" }
}
