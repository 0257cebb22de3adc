//! Values and rules. No I/O, no clock, no serialisation, no database: everything here is a total function over values.

pub mod access;
pub mod calendar;
pub mod change;
pub mod commit_message;
pub mod compensation;
pub mod delivery;
pub mod duration;
pub mod escalation;
pub mod git;
pub mod id;
pub mod letter;
pub mod login;
pub mod notify;
pub mod oncall;
pub mod outage;
pub mod page;
pub mod people;
pub mod postmortem;
pub mod query;
pub mod quote;
pub mod redaction;
pub mod refusal;
pub mod rotation;
pub mod search;
pub mod settings;
pub mod severity;
pub mod task;
pub mod text;
pub mod ticket;
pub mod timeline;
pub mod timestamp;
pub mod wall_clock;
pub mod word;
pub mod worktime;

mod zone;
