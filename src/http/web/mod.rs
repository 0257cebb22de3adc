//! The pages. One file per noun.

pub mod account;
pub mod inputs;
pub mod profile;
pub mod set_up;
