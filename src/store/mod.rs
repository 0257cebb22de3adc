//! The only SQL. Reads take `&mut Conn`, writes take `&mut Tx`, which only [`Store::write`] can make.

pub mod backend;
pub mod column;
pub mod installation;
pub mod migrate;
pub mod schema;
mod writer;

pub use backend::{Conn, Store, Tx};
