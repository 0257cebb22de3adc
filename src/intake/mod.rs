//! Bytes from outside → values. Nothing here fails on strange input, and nothing here touches the store.

pub mod commits;
pub mod mail;
pub mod push;
