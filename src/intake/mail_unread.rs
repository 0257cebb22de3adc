//! A mail that the reader fails on: a fault of ours, and no reason to lose it. What is known of it is its header, as far as that can be
//! read alone, and the first lines of its bytes; the raw mail has the rest.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::mail::{bare, read};
use super::smime::Authorities;
use crate::domain::letter::{Letter, Nature, Remark};
use crate::domain::timestamp::Timestamp;

/// What reads a mail: see [`read_checked`](super::mail::read_checked).
pub type Reader = fn(&[u8], Option<&str>, &Authorities, Timestamp) -> Letter;

/// Longest header that is read alone.
const HEAD_BYTES: usize = 64 * 1024;
/// Of the bytes below it so many are shown.
const SHOWN_BYTES: usize = 4 * 1024;

/// What `read` makes of the mail; where it panics, what [`failed`] does.
pub fn guarded(raw: &[u8], envelope_from: Option<&str>, read: impl FnOnce() -> Letter) -> Letter {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| failed(raw, envelope_from))
}

/// The letter of a mail that the reader fails on. It counts as a person's: whether it is an automatic one is not known for sure, and a
/// ticket too many is better than a mail that nobody sees. It is never answered by itself.
pub fn failed(raw: &[u8], envelope_from: Option<&str>) -> Letter {
    let (head, rest) = parts(raw);
    let by_header = catch_unwind(AssertUnwindSafe(|| read(head, envelope_from)));
    match by_header {
        Ok(letter) => unread(letter, rest),
        Err(_) => unseen(raw, envelope_from),
    }
}

/// As [`failed`], and not even the header is read.
pub fn unseen(raw: &[u8], envelope_from: Option<&str>) -> Letter {
    let letter = bare(envelope_from, String::new(), "utf-8".to_owned(), Vec::new());
    unread(letter, raw)
}

fn unread(mut letter: Letter, rest: &[u8]) -> Letter {
    letter.text = shown(rest);
    letter.html = None;
    letter.parts = Vec::new();
    letter.answer = None;
    letter.signer = None;
    letter.nature = Nature::Personal;
    letter.wants_no_answer = true;
    letter.remarks = vec![Remark::Unreadable, Remark::ReaderFailed];
    letter
}

/// The header, to its blank line, and what stands below.
fn parts(raw: &[u8]) -> (&[u8], &[u8]) {
    let some = &raw[..raw.len().min(HEAD_BYTES)];
    let by = |mark: &[u8]| memchr::memmem::find(some, mark).map(|at| at + mark.len());
    let ends = [by(b"\r\n\r\n"), by(b"\n\n")];
    match ends.into_iter().flatten().min() {
        Some(at) => raw.split_at(at),
        None => (&[], raw),
    }
}

/// The first lines as text, whatever they are.
fn shown(bytes: &[u8]) -> String {
    let some = &bytes[..bytes.len().min(SHOWN_BYTES)];
    let text = String::from_utf8_lossy(some).replace("\r\n", "\n");
    let is_shown = |one: &char| matches!(one, '\n' | '\t') || !one.is_control();
    let text: String = text.chars().filter(is_shown).collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_panics_leaves_a_letter_with_what_the_header_says() {
        let raw = b"From: Carol <carol@contoso.example>\r\nSubject: Uplink\r\nMessage-ID: <c1@contoso.example>\r\nAuto-Submitted: auto-replied\r\n\r\nSince\x00 noon \xff.\r\n";
        let letter = guarded(raw, None, || panic!("a fault of ours"));
        assert_eq!(letter.remarks, [Remark::Unreadable, Remark::ReaderFailed]);
        let from = letter.from.address.map(|address| address.folded());
        assert_eq!(from.as_deref(), Some("carol@contoso.example"));
        assert_eq!(letter.subject, "Uplink");
        assert_eq!(letter.message_id.as_deref(), Some("c1@contoso.example"));
        assert_eq!(letter.text, "Since noon \u{fffd}.");
        assert_eq!(letter.nature, Nature::Personal);
        assert!(letter.wants_no_answer);
    }

    #[test]
    fn bytes_without_a_header_are_shown_and_a_reader_that_works_is_left_alone() {
        let letter = guarded(b"\x01\x02 nothing", Some("a@x.example"), || panic!("x"));
        assert_eq!(letter.text, "nothing");
        assert_eq!(letter.from.shown, "a@x.example");
        let raw = b"From: a@x.example\r\nSubject: S\r\n\r\nText\r\n";
        assert_eq!(guarded(raw, None, || read(raw, None)), read(raw, None));
    }
}
