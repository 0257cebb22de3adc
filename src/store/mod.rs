//! The only SQL. Reads take `&mut Conn`, writes take `&mut Tx`, which only [`Store::write`] can make.
//!
//! Where at most one row can be it is asked for with `get_result`: `first` binds its limit, and SQLite plans a statement with a
//! bound limit anew at each run.

pub mod affected;
pub mod agenda;
pub mod approval;
pub mod approval_ask;
pub mod audit_evidence;
pub mod backend;
pub mod backup;
pub mod blob;
pub mod bouncing;
pub mod bulk;
pub mod calendar;
pub mod change;
pub mod column;
pub mod compensation;
pub mod contact_address;
pub mod coverage;
pub mod credit;
pub mod customer;
pub mod deployment;
pub mod dora;
mod fixed;
pub mod forge;
pub mod forge_delivery;
pub mod freeze;
pub mod git_link;
pub mod hold;
pub mod house;
pub mod idempotency;
pub mod installation;
pub mod intake;
pub mod intake_address;
pub mod kin;
pub mod login;
pub mod mail_found;
pub mod mail_health;
pub mod mail_mark;
pub mod mail_named;
pub mod mail_twin;
pub mod mailbox;
pub mod migrate;
pub mod oncall;
pub mod outage;
pub mod outbox;
pub mod page_log;
pub mod people;
pub mod period_lock;
pub mod portal;
pub mod postmortem;
pub mod proposal;
pub mod push_decision;
pub mod queue;
pub mod recount;
pub mod redact;
pub mod relocate;
pub mod repository;
pub mod revert_check;
pub mod room;
pub mod roster;
pub mod schema;
pub mod search;
pub mod self_test;
pub mod service_map;
pub mod settings;
pub mod sla;
pub mod sla_check;
pub mod sla_report;
pub mod slate;
pub mod statistics;
pub mod stored_report;
pub mod suspect;
pub mod ticket;
pub mod timeline;
pub mod token;
pub mod told;
pub mod trouble;
pub mod version;
pub mod view;
pub mod webhook;
pub mod wording;
mod writer;

pub use backend::{
    Conn, Join, Joint, Store, Tx, Work, answered, savepoint, statement, undo, within,
};
