//! Bytes from outside → values. Nothing here fails on strange input, and nothing here touches the store.

pub mod commits;
pub mod holidays;
pub mod mail;
mod mail_text;
pub mod push;
