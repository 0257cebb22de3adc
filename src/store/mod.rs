//! The only SQL. Reads take `&mut Conn`, writes take `&mut Tx`, which only [`Store::write`] can make.

pub mod backend;
pub mod blob;
pub mod column;
pub mod installation;
pub mod migrate;
pub mod outbox;
pub mod schema;
pub mod ticket;
pub mod timeline;
pub mod customer;
pub mod house;
pub mod login;
pub mod people;
pub mod settings;
mod writer;

pub use backend::{Conn, Store, Tx};
