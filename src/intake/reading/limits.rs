//! What is counted before the work begins. A thread can be neither killed nor capped, so nothing here may depend on time.

/// Header fields and bytes of one header block.
pub const HEADERS: usize = 1_000;
pub const HEADER_BYTES: usize = 256 * 1024;
/// Parameters of one header.
pub const PARAMETERS: usize = 64;
/// Parts that are kept one by one; the rest is one raw part.
pub const PARTS: usize = 500;
/// Levels of parts within parts; what is below is one raw part.
pub const DEPTH: usize = 20;
/// Addresses of one header that are read.
pub const ADDRESSES: usize = 1_000;
/// Bytes of one text part that are decoded; an entry holds less.
pub const TEXT_BYTES: usize = 2 * 1024 * 1024;
/// Bytes of one HTML part that are decoded.
pub const HTML_BYTES: usize = 25 * 1024 * 1024;
/// Bytes that a character set is guessed from.
pub const GUESS_BYTES: usize = 64 * 1024;
