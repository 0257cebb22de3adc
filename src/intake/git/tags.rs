//! The commits that tags name, and what those say that tell what is live.

use super::program::{Git, next_object};
use crate::domain::commit_message::{Mode, Relation, Rules, parse};
use crate::domain::git::{Oid, RefMove};
use crate::domain::live_tag::{Tag, is_meant};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::intake::commits;

/// Reads the tags among `refs` that were set. One that names no commit stays without.
///
/// When it was made and what its message names is read of those alone that say what is live: a mirror brings thousands of others.
pub fn read_tags(git: &Git<'_>, refs: &mut [RefMove], base_url: Option<&str>) -> Result<()> {
    let is_set = |moved: &&mut RefMove| moved.is_tag() && !moved.new.is_zero();
    let mut tags: Vec<&mut RefMove> = refs.iter_mut().filter(is_set).collect();
    if tags.is_empty() {
        return Ok(());
    }
    let asked = tags
        .iter()
        .map(|it| format!("{0}\n{0}^{{commit}}\n", it.new));
    let asked: String = asked.collect();
    let check = "--batch-check=%(objectname) %(objecttype)";
    let answer = git.feed(&["cat-file", check, "--buffer"], asked.into_bytes())?;
    let answer = String::from_utf8_lossy(&answer);
    let mut lines = answer.lines();
    let mut messages = String::new();
    let mut told: Vec<(&mut RefMove, bool)> = Vec::new();
    for moved in tags.drain(..) {
        let (object, commit) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
        let Some(commit) = commit.strip_suffix(" commit").and_then(Oid::parse) else {
            continue;
        };
        moved.tag = Some(Tag {
            commit: commit.clone(),
            made_at: Timestamp::from_micros(0),
            tagger: None,
            keys: Vec::new(),
        });
        if is_meant(&moved.name) {
            let is_annotated = object.ends_with(" tag");
            if is_annotated {
                messages.push_str(&format!("{}\n", moved.new));
            }
            messages.push_str(&format!("{commit}\n"));
            told.push((moved, is_annotated));
        }
    }
    if told.is_empty() {
        return Ok(());
    }
    let rules = Rules::house(base_url);
    let objects = git.feed(&["cat-file", "--batch", "--buffer"], messages.into_bytes())?;
    let mut rest: &[u8] = &objects;
    for (moved, is_annotated) in told {
        let Some(tag) = moved.tag.as_mut() else {
            continue;
        };
        if is_annotated && let Some((_, raw)) = next_object(&mut rest)? {
            let (tagger, message) = commits::tag(raw);
            if let Some(tagger) = tagger {
                tag.made_at = tagger.at;
                tag.tagger = Some(tagger.name).filter(|name| !name.is_empty());
            }
            let links = parse(&message, &Mode::Server, &rules).links;
            let strong = links.iter().filter(|it| it.relation >= Relation::Refs);
            tag.keys = strong.map(|it| it.key).collect();
            tag.keys.dedup();
        }
        if let Some((oid, raw)) = next_object(&mut rest)?
            && tag.made_at == Timestamp::from_micros(0)
            && let Some(commit) = commits::commit(oid, raw)
        {
            tag.made_at = commit.committer.at;
        }
    }
    Ok(())
}
