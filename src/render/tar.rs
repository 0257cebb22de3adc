//! Files in one: a POSIX (ustar) archive, as every `tar` reads it. The same files are the same bytes: owner, rights and time are
//! fixed.

use crate::domain::timestamp::Timestamp;

const BLOCK: usize = 512;
/// Longest path: a name of one header, which is as long as we ever need.
const MOST_PATH: usize = 100;

/// An archive of these files, in this order; `at` is the time that each of them bears. `None`: a path is longer than 100 bytes.
pub fn write(files: &[(String, Vec<u8>)], at: Timestamp) -> Option<Vec<u8>> {
    let size: usize = files.iter().map(|(_, bytes)| bytes.len() + 2 * BLOCK).sum();
    let mut out = Vec::with_capacity(size + 2 * BLOCK);
    let secs = (at.micros() / 1_000_000).max(0) as u64;
    for (path, bytes) in files {
        out.extend_from_slice(&header(path, bytes.len() as u64, secs)?);
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    // Two empty blocks say that nothing follows.
    out.resize(out.len() + 2 * BLOCK, 0);
    Some(out)
}

fn header(path: &str, size: u64, secs: u64) -> Option<[u8; BLOCK]> {
    if path.len() > MOST_PATH {
        return None;
    }
    let mut head = [0_u8; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, path.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, format!("{secs:011o}\0").as_bytes());
    // The sum is taken with blanks in its own place.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_whole_blocks_and_its_sums_are_right() {
        let files = [
            ("a.txt".to_owned(), b"hello\n".to_vec()),
            ("sample/01/empty".to_owned(), Vec::new()),
            ("full".to_owned(), vec![7; BLOCK]),
        ];
        let at = Timestamp::from_micros(1_780_304_400_000_000);
        let bytes = write(&files, at).unwrap();
        // Three heads, two blocks of content, two at the end.
        assert_eq!(bytes.len(), 7 * BLOCK);
        assert_eq!(bytes, write(&files, at).unwrap());
        for place in [0, 2, 3] {
            let head = &bytes[place * BLOCK..(place + 1) * BLOCK];
            let told = std::str::from_utf8(&head[148..154]).unwrap();
            let own = u32::from_str_radix(told, 8).unwrap();
            let sum: u32 = head
                .iter()
                .enumerate()
                .map(|(at, byte)| match at {
                    148..156 => 32,
                    _ => u32::from(*byte),
                })
                .sum();
            assert_eq!(own, sum);
        }
        assert_eq!(&bytes[124..136], b"00000000006\0");
        assert!(write(&[("x".repeat(101), Vec::new())], at).is_none());
    }
}
