//! The pieces that read a mail: header lines, words, addresses, the tree of parts, transfer encodings, character sets, HTML.
//!
//! All of them are bounded by counts that are taken before the work, all of them are total: whatever the bytes are, there is an
//! answer. `mail-parser` reads dates; its tree is not used, since it takes a boundary in the middle of a line for one, leaves a
//! part without an end boundary undecoded, and gives up a whole part over one wrong `=`.

pub mod address;
pub mod body;
pub mod calendar_reply;
pub mod charset;
pub mod clean;
#[cfg(test)]
mod clean_tests;
pub mod cms;
#[cfg(test)]
mod evasion_tests;
pub mod header;
pub mod html;
pub mod limits;
pub mod name;
pub mod parameter;
pub mod part;
pub mod rtf;
pub mod signs;
pub mod tnef;
pub mod transfer;
