//! Cleaning before reading: byte order mark, line ends, the size cap, what the hook sees and the commit won't hold, patch tails.

use super::{Mode, tick};

/// More of a message is not read.
pub const MESSAGE_BYTES: usize = 64 * 1024;

const SCISSORS: &str = "------------------------ >8 ------------------------";

/// The message as it is read: `\n` line ends, no leading or trailing blank lines, nothing below scissors or a patch.
pub(super) fn normalise(message: &str, mode: &Mode) -> String {
    let message = message.strip_prefix('\u{feff}').unwrap_or(message);
    let message = message.split('\0').next().unwrap_or("");
    let message = &message[..floor(message, MESSAGE_BYTES)];
    tick(message.len());
    let message = message.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = message.split('\n').collect();
    if let Mode::Hook { editor, comment } = mode {
        drop_comments(&mut lines, *editor, comment);
    }
    if let Some(tail) = patch_tail(&lines) {
        lines.truncate(tail);
    }
    let is_text = |line: &&str| !line.trim().is_empty();
    let Some(first) = lines.iter().position(is_text) else {
        return String::new();
    };
    let last = lines.iter().rposition(is_text).unwrap_or(first);
    lines[first..=last].join("\n")
}

/// The scissors end the message in any case; comment lines are git's own only when an editor was opened.
fn drop_comments(lines: &mut Vec<&str>, editor: bool, comment: &str) {
    if comment.is_empty() {
        return;
    }
    if let Some(cut) = lines.iter().position(|line| is_scissors(line, comment)) {
        lines.truncate(cut);
    }
    if editor {
        lines.retain(|line| !line.starts_with(comment));
    }
}

pub(super) fn is_scissors(line: &str, comment: &str) -> bool {
    line.strip_prefix(comment)
        .is_some_and(|rest| rest.trim() == SCISSORS)
}

/// The line at which a diff begins, or the `---` that format-patch puts before its diff-stat. A lone `---` is text.
fn patch_tail(lines: &[&str]) -> Option<usize> {
    lines.iter().enumerate().position(|(number, line)| {
        line.starts_with("diff --git ")
            || *line == "---" && lines.get(number + 1).is_some_and(|next| is_diff_stat(next))
    })
}

/// ` src/a.rs | 12 ++--`
fn is_diff_stat(line: &str) -> bool {
    line.starts_with(' ')
        && line.split_once(" | ").is_some_and(|(_, count)| {
            let count = count.trim_start();
            count.starts_with(|c: char| c.is_ascii_digit()) || count.starts_with("Bin")
        })
}

/// The greatest character boundary at or below `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
