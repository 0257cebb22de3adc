//! A push before its refs move, as a hook tells of it.

use super::super::git::{Oid, ReportedCommit};
use super::super::id::TicketKey;
use super::super::timestamp::Timestamp;

/// A ref that a push would move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedRef {
    pub name: String,
    pub old: Oid,
    pub new: Oid,
    /// Commits of `old` that `new` no longer has.
    pub dropped: i64,
    /// What is new to it, newest first, as indices into [`AskedPush::commits`].
    pub commits: Vec<usize>,
    /// Tickets that the message of a tag which says what is live stands for.
    pub keys: Vec<TicketKey>,
}

/// What was said with `git push -o`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    pub ticket: Option<TicketKey>,
    pub no_ticket: Option<String>,
    pub break_glass: Option<String>,
    /// Say it all, and refuse.
    pub dry_run: bool,
    pub explain: bool,
}

/// A push before its refs move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedPush {
    /// Made by the hook; asking again does nothing a second time.
    pub push_id: String,
    /// As the transport told the hook.
    pub pusher: Option<String>,
    pub refs: Vec<AskedRef>,
    pub commits: Vec<ReportedCommit>,
    /// Some ref brings more than is looked at one by one.
    pub is_bulk: bool,
    pub options: Options,
    /// When the hook decided by itself, because the service was away.
    pub decided_at: Option<Timestamp>,
}
