//! The web: pages for people, answers for programs. Handlers parse, call one action, and show.

pub mod assets;
pub mod form;
pub mod guard;
pub mod marks;
pub mod page;
pub mod reply;
pub mod viewer;
