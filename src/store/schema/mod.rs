//! The tables as diesel sees them, one file per room. Column names are the same on both databases.

pub mod accounts;
pub mod after;
pub mod api;
pub mod approval;
pub mod checks;
pub mod core;
pub mod deploy;
pub mod forge;
pub mod git;
pub mod mail;
pub mod oncall;
pub mod reports;
pub mod search;
pub mod sla;
pub mod views;
pub mod wording;
