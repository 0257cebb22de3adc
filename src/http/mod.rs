//! The web: pages for people, answers for programs. Handlers parse, call one action, and show.

pub mod api;
pub mod assets;
pub mod form;
pub mod frame;
pub mod guard;
pub mod health;
pub mod marks;
pub mod page;
pub mod reply;
pub mod routes;
pub mod server;
pub mod viewer;
pub mod web;
