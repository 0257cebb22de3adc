//! A git repository, read by the `git` program where its own configuration and object format count: what a push brought, and
//! repositories elsewhere.

mod facts;
mod news;
mod program;
mod remote;
mod tags;

pub use facts::by_program_alone;
pub use news::{News, Parts, unheld};
pub use program::Git;
pub use remote::{Mirror, Refs, Remote, Unreached};
pub use tags::read_tags;
