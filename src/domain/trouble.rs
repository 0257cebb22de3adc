//! What can be wrong with the house itself while it runs.

use super::word::words;

words! {
    pub enum TroubleKind {
        /// No page gets through to anybody.
        Delivery = "delivery",
        /// The disk is nearly full: nothing new is taken in.
        Disk = "disk",
    }
}

/// A page that was tried and hasn't got through for so long, while nothing else has, means that no way works, in seconds: the first
/// step of an escalation waits as long.
pub const UNHEARD_SECS: i64 = 300;

/// After the end of an escalation that nobody heard, the call to the admins gets so long to come through, in seconds.
pub const GRACE_SECS: i64 = 60;

/// While no page gets through, it is tried anew this often, in seconds.
pub const CALL_AGAIN_SECS: i64 = 600;
