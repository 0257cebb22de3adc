//! Watchkeeper: tickets, change control and SLA clocks for the people who keep production running.
//!
//! # The map of the house
//! ```text
//! edges     cli · listen · http (web, api) · jobs     parse, call one action, show
//! actions   one state change = one function = one transaction
//! beside    intake    bytes -> values
//!           render    values -> letters, calendars, reports
//!           outbound  hands bytes to a network
//!           calc      a question's line -> its answer's line; both of its doors call it
//! store     the only SQL
//! domain    values and rules: no I/O, no clock, no serde, no diesel
//! ```
//! A noun keeps its name on every floor: `domain::ticket` decides, `actions::ticket` does it in one transaction,
//! `store::ticket` keeps it, `http::web::ticket` and `http::api::ticket` show it.
//! Which floor may import which is a table in `tests/it/tidy.rs`, and a test.

#![forbid(unsafe_code)]

pub mod actions;
pub mod app;
pub mod calc;
pub mod cli;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod intake;
pub mod jobs;
pub mod listen;
pub mod outbound;
pub mod render;
pub mod secrets;
pub mod store;
pub mod telemetry;
pub mod time;
pub mod tls;
pub mod words;
