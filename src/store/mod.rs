//! The only SQL. Reads take `&mut Conn`, writes take `&mut Tx`, which only [`Store::write`] can make.

pub mod backend;
pub mod backup;
pub mod blob;
pub mod calendar;
pub mod change;
pub mod column;
pub mod compensation;
pub mod customer;
pub mod git_link;
pub mod house;
pub mod idempotency;
pub mod installation;
pub mod intake;
pub mod login;
pub mod migrate;
pub mod oncall;
pub mod outage;
pub mod outbox;
pub mod page_log;
pub mod people;
pub mod portal;
pub mod postmortem;
pub mod queue;
pub mod repository;
pub mod schema;
pub mod search;
pub mod settings;
pub mod sla;
pub mod ticket;
pub mod timeline;
pub mod token;
pub mod view;
pub mod webhook;
mod writer;

pub use backend::{Conn, Join, Joint, Store, Tx, savepoint, within};
