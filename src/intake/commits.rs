//! Commits as they lie in a repository -> values.
//!
//! The raw object is read by one parser wherever its bytes come from: git2 here, `git cat-file` in the hook (SHA-256
//! repositories, which git2 can't open). Strange bytes make strange text, never an error: git stores any.

use crate::domain::git::{Commit, FileChange, Oid, PATHS, Signature, TouchedPath};
use crate::domain::timestamp::Timestamp;

/// Reads a raw commit object. `None` if it isn't one (no author or committer line).
pub fn commit(oid: Oid, raw: &[u8]) -> Option<Commit> {
    let (mut parents, mut author, mut committer, mut encoding) = (Vec::new(), None, None, None);
    let rest = headers(raw, |name, value| match name {
        b"parent" => parents.extend(std::str::from_utf8(value).ok().and_then(Oid::parse)),
        b"author" => author = Some(value),
        b"committer" => committer = Some(value),
        b"encoding" => encoding = Some(String::from_utf8_lossy(value).into_owned()),
        _ => {}
    });
    let encoding = encoding.as_deref();
    Some(Commit {
        oid,
        parents,
        author: signature(author?, encoding),
        committer: signature(committer?, encoding),
        message: decode(rest, encoding),
    })
}

/// Reads the lines `name value` that a raw object begins with; the rest, behind an empty line, is its message.
fn headers<'a>(raw: &'a [u8], mut found: impl FnMut(&'a [u8], &'a [u8])) -> &'a [u8] {
    let mut rest = raw;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        // Signatures continue on lines that begin with a blank.
        if let Some(blank) = line.iter().position(|byte| *byte == b' ') {
            found(&line[..blank], &line[blank + 1..]);
        }
    }
    rest
}

/// Who made a raw tag object, when, and what they said with it. Old ones name nobody.
pub fn tag(raw: &[u8]) -> (Option<Signature>, String) {
    let mut tagger = None;
    let rest = headers(raw, |name, value| {
        if name == b"tagger" {
            tagger = Some(signature(value, None));
        }
    });
    let message = decode(rest, None);
    // A signature follows the message, and is none of it.
    let signed = [
        "-----BEGIN PGP SIGNATURE-----",
        "-----BEGIN SSH SIGNATURE-----",
    ];
    let end = signed.iter().filter_map(|mark| message.find(mark)).min();
    let message = message[..end.unwrap_or(message.len())].to_owned();
    (tagger, message)
}

/// `Ada Lovelace <ada@example.org> 1763000000 +0100`. The zone is how they wrote it, not when: it is dropped.
fn signature(bytes: &[u8], encoding: Option<&str>) -> Signature {
    let text = decode(bytes, encoding);
    let (who, when) = text.rsplit_once('>').unwrap_or((&text, ""));
    let (name, email) = who.split_once('<').unwrap_or((who, ""));
    let secs: i64 = when
        .split_whitespace()
        .next()
        .and_then(|secs| secs.parse().ok())
        .unwrap_or(0);
    let clean = |text: &str| {
        text.chars()
            .filter(|c| !c.is_control())
            .collect::<String>()
            .trim()
            .to_owned()
    };
    Signature {
        name: clean(name),
        email: clean(email),
        // Years outside what a database column and a calendar can hold are written as the epoch.
        at: Timestamp::from_micros(if (0..253_402_214_400).contains(&secs) {
            secs * 1_000_000
        } else {
            0
        }),
    }
}

/// The text in its declared encoding: UTF-8, or Latin-1 and its Windows cousin; anything else with replacements.
///
/// Keys are ASCII, so that a wrong guess can spoil words but no link.
fn decode(bytes: &[u8], encoding: Option<&str>) -> String {
    let latin = encoding.is_some_and(|name| {
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        matches!(
            name.to_ascii_lowercase().as_str(),
            "iso88591" | "latin1" | "iso885915" | "latin9" | "windows1252" | "cp1252"
        )
    });
    if latin {
        bytes.iter().map(|byte| char::from(*byte)).collect()
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// Reads one commit from an open repository; `None` if the object is something else.
pub fn read(repository: &git2::Repository, oid: &Oid) -> Result<Option<Commit>, git2::Error> {
    let objects = repository.odb()?;
    let object = objects.read(git2::Oid::from_str(oid.as_str())?)?;
    Ok(commit(oid.clone(), object.data()))
}

/// Files that differ from the first parent, at most [`PATHS`] of them, and the number of all.
pub fn touched(
    repository: &git2::Repository,
    oid: &Oid,
) -> Result<(Vec<TouchedPath>, i32), git2::Error> {
    let id = git2::Oid::from_str(oid.as_str())?;
    let commit = repository.find_commit(id)?;
    let before = match commit.parent(0) {
        Ok(parent) => Some(parent.tree()?),
        // The first commit, or the edge of a shallow clone.
        Err(_) => None,
    };
    let diff = repository.diff_tree_to_tree(before.as_ref(), Some(&commit.tree()?), None)?;
    let mut paths = Vec::new();
    let mut count = 0;
    for delta in diff.deltas() {
        let change = match delta.status() {
            git2::Delta::Added => FileChange::Added,
            git2::Delta::Deleted => FileChange::Deleted,
            git2::Delta::Renamed => FileChange::Renamed,
            git2::Delta::Copied => FileChange::Copied,
            git2::Delta::Typechange => FileChange::Retyped,
            _ => FileChange::Modified,
        };
        count += 1;
        let path = delta
            .new_file()
            .path_bytes()
            .or(delta.old_file().path_bytes());
        if paths.len() < PATHS
            && let Some(path) = path
        {
            paths.push(TouchedPath {
                change,
                path: String::from_utf8_lossy(path).into_owned(),
            });
        }
    }
    Ok((paths, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(digit: &str) -> Oid {
        Oid::parse(&digit.repeat(40)).unwrap()
    }

    #[test]
    fn a_raw_tag_is_read_without_its_signature() {
        let head = format!("object {}\ntype commit\ntag env/prod\n", "a".repeat(40));
        let signed = format!(
            "{head}tagger Ada <a@x> 1763000000 +0100\n\nOut\n\nRefs: CHG-9\n-----BEGIN SSH SIGNATURE-----\nRefs: CHG-1\n"
        );
        let (tagger, message) = tag(signed.as_bytes());
        let tagger = tagger.unwrap();
        assert_eq!(tagger.name, "Ada");
        assert_eq!(tagger.at.micros(), 1_763_000_000_000_000);
        assert_eq!(message, "Out\n\nRefs: CHG-9\n");
        // git's own first tags name nobody.
        let (tagger, message) = tag(format!("{head}\nv0.99").as_bytes());
        assert!(tagger.is_none());
        assert_eq!(message, "v0.99");
    }

    #[test]
    fn a_raw_commit_is_read_with_signature_and_encoding() {
        let mut raw = format!(
            "tree {0}\nparent {1}\nparent {2}\nauthor J\u{0} <j@x> 1763000000 +0100\n",
            "a".repeat(40),
            "b".repeat(40),
            "c".repeat(40)
        )
        .into_bytes();
        raw.extend(b"committer Ren\xe9 <r@x> 1763000060 -0500\nencoding ISO-8859-1\ngpgsig -----BEGIN\n author x\n\nR\xe9sum\xe9\n\nRefs: CHG-9\n");
        let commit = commit(oid("d"), &raw).unwrap();
        assert_eq!(commit.parents, [oid("b"), oid("c")]);
        assert_eq!(
            (commit.author.name.as_str(), commit.author.email.as_str()),
            ("J", "j@x")
        );
        assert_eq!(commit.committer.name, "René");
        assert_eq!(commit.committer.at.rfc3339(), "2025-11-13T02:14:20Z");
        assert_eq!(commit.message, "Résumé\n\nRefs: CHG-9\n");
    }

    #[test]
    fn strange_objects_are_no_error() {
        assert_eq!(commit(oid("d"), b"tree x\n\nhello"), None);
        assert_eq!(commit(oid("d"), b""), None);
        let odd = commit(
            oid("d"),
            b"author no date\ncommitter <<>> 99999999999999 +0000\n\n\xff",
        )
        .unwrap();
        assert_eq!(
            (odd.author.name.as_str(), odd.committer.at.micros()),
            ("no date", 0)
        );
        assert_eq!(odd.message, "\u{fffd}");
    }
}
