//! Ways in beside the web: mail comes in here, sent to us or fetched. They read the envelope and nothing else.

pub mod imap;
mod imap_line;
pub mod session;
pub mod smtp;
