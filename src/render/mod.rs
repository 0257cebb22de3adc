//! Values into what leaves the house: letters, calendars, reports. No store, no network.

pub mod agenda;
pub mod audit_evidence;
pub mod calendar;
pub mod cells;
pub mod coverage;
pub mod dora;
pub mod event;
pub mod letter;
pub mod page;
pub mod pdf;
pub mod postmortem;
pub mod proof;
pub mod push;
pub mod report;
pub mod sheet;
pub mod shifts;
mod sla_csv;
pub mod sla_report;
pub mod tar;
