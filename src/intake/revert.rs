//! A revert tried in memory: whether taking the commits between two versions back still fits what the branch is now. Nothing is
//! written into the repository.

use std::path::Path;

use git2::{Oid, Repository};

/// Files named of a revert that doesn't fit; there may be more.
const FILES: usize = 20;

/// The files in which taking `new` back to `old` collides with `tip`: none, and it is clean. `None` if the repository can't be read, or
/// lacks one of the commits.
pub fn collisions(repository: &Path, tip: &str, new: &str, old: &str) -> Option<Vec<String>> {
    let git = Repository::open_bare(repository).ok()?;
    let tree = |oid: &str| git.find_commit(Oid::from_str(oid).ok()?).ok()?.tree().ok();
    let (tip, new, old) = (tree(tip)?, tree(new)?, tree(old)?);
    // What changed from `new` to the tip, put onto `old`: the revert of everything between the two.
    let index = git.merge_trees(&new, &tip, &old, None).ok()?;
    let mut files: Vec<String> = Vec::new();
    for conflict in index.conflicts().ok()? {
        let conflict = conflict.ok()?;
        let side = conflict.our.or(conflict.their).or(conflict.ancestor)?;
        let path = String::from_utf8_lossy(&side.path).replace(char::is_control, "");
        if !files.contains(&path) {
            files.push(path);
        }
    }
    files.sort();
    files.truncate(FILES);
    Some(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use git2::Signature;

    #[test]
    fn a_revert_collides_where_a_later_commit_touched_the_same_lines_and_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let git = Repository::init_bare(folder.path()).unwrap();
        let who = Signature::now("Ada", "ada@example.org").unwrap();
        let commit = |files: &[(&str, &str)]| {
            let mut tree = git.treebuilder(None).unwrap();
            for (name, text) in files {
                let blob = git.blob(text.as_bytes()).unwrap();
                tree.insert(name, blob, 0o100_644).unwrap();
            }
            let tree = git.find_tree(tree.write().unwrap()).unwrap();
            let oid = git.commit(None, &who, &who, "x", &tree, &[]).unwrap();
            oid.to_string()
        };
        let old = commit(&[("pool.toml", "size = 400\n"), ("a.txt", "a\n")]);
        let new = commit(&[("pool.toml", "size = 600\n"), ("a.txt", "a\n")]);
        let elsewhere = commit(&[("pool.toml", "size = 600\n"), ("a.txt", "b\n")]);
        let there = commit(&[("pool.toml", "size = 800\n"), ("a.txt", "a\n")]);
        let objects = || walk(&folder.path().join("objects"));
        let before = objects();
        let tried = |tip: &str| collisions(folder.path(), tip, &new, &old);
        assert_eq!(tried(&new), Some(Vec::new()));
        assert_eq!(tried(&elsewhere), Some(Vec::new()));
        assert_eq!(tried(&there), Some(vec!["pool.toml".to_owned()]));
        assert_eq!(tried(&"0".repeat(40)), None);
        assert_eq!(
            collisions(&folder.path().join("no"), &new, &new, &old),
            None
        );
        assert_eq!(objects(), before);
    }

    fn walk(folder: &Path) -> usize {
        let entries = std::fs::read_dir(folder)
            .unwrap()
            .map(|it| it.unwrap().path());
        entries
            .map(|it| if it.is_dir() { walk(&it) } else { 1 })
            .sum()
    }
}
