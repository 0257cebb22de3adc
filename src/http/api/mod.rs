//! The doors for programs: JSON in, JSON out, a bearer token each time.

pub mod hook;
