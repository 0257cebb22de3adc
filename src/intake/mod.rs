//! Bytes from outside → values. Nothing here fails on strange input, and nothing here touches the store.

pub mod commits;
pub mod forge;
pub mod freezes;
pub mod git;
pub mod holidays;
mod ics;
pub mod mail;
#[cfg(test)]
mod mail_tests;
mod mail_trace;
mod mail_unread;
mod migration;
pub mod push;
pub mod push_gap;
pub mod push_verdict;
pub mod reading;
pub mod revert;
pub mod smime;
#[cfg(test)]
mod smime_tests;
mod windows_zones;
