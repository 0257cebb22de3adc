//! Listeners beside the web: mail comes in here. They read the envelope and nothing else.

pub mod session;
pub mod smtp;
