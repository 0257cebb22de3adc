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
/// Bytes of all parts together that are decoded; the part that exceeds them stays as it came, and what follows it is one raw part.
pub const DECODED_BYTES: usize = 100 * 1024 * 1024;
/// Addresses of one header that are read.
pub const ADDRESSES: usize = 1_000;
/// Bytes of one text part that are decoded; an entry holds less.
pub const TEXT_BYTES: usize = 2 * 1024 * 1024;
/// Bytes of one HTML part that are decoded.
pub const HTML_BYTES: usize = 25 * 1024 * 1024;
/// Bytes that a character set is guessed from.
pub const GUESS_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::BODY_BYTES;

    /// What an operator reads is what is counted.
    #[test]
    fn e10_every_limit_is_in_the_readme() {
        let readme = include_str!("../../../README.md");
        let limits = readme
            .split("**Limits of one mail**")
            .nth(1)
            .and_then(|rest| rest.split("\n\n").next())
            .expect("a paragraph on limits")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let mega = |bytes: usize| bytes / 1024 / 1024;
        for said in [
            format!("{HEADERS} header lines and {} KB", HEADER_BYTES / 1024),
            format!("{PARAMETERS} parameters"),
            format!("{PARTS} parts"),
            format!("{DEPTH} levels"),
            format!("{} MB decoded altogether", mega(DECODED_BYTES)),
            format!("{ADDRESSES} addresses"),
            format!("{} MB of one text", mega(TEXT_BYTES)),
            format!("{} MB of one HTML form", mega(HTML_BYTES)),
            format!("{} KB of text on the timeline", BODY_BYTES / 1024),
        ] {
            assert!(limits.contains(&said), "{said}\n{limits}");
        }
    }
}
