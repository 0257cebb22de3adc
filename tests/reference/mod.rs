//! The engine and a second, slow implementation of the same text, side by side. The stories (`tests/it/reference.rs`) compare a
//! seeded sample, `cargo bench --bench reference` every change of offset of every zone.

pub mod cases;
pub mod slow;
