//! A revert tried in memory: whether taking the commits between two versions back still fits what the branch is now, and what of
//! them can't be taken back. Nothing is written into the repository.

use std::path::Path;

use git2::{Delta, Oid, Repository, Tree};

use super::migration::is_irreversible;

/// Files named of a revert that doesn't fit; there may be more.
const FILES: usize = 20;

/// What came of trying it.
#[derive(Debug, PartialEq, Eq)]
pub struct Tried {
    /// Files in which it collides with the tip: none, and it is clean.
    pub conflicts: Vec<String>,
    /// Steps of a schema that came with it, of which nobody wrote the way back.
    pub irreversible: Vec<String>,
}

/// Tries to take `new` back to `old` on `tip`. `None` if the repository can't be read, or lacks one of the commits.
pub fn attempt(repository: &Path, tip: &str, new: &str, old: &str) -> Option<Tried> {
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
    Some(Tried {
        conflicts: files,
        irreversible: irreversible(&git, &tip, &new, &old)?,
    })
}

/// The way back may have been written later: the tip is asked too.
fn irreversible(
    git: &Repository,
    tip: &Tree<'_>,
    new: &Tree<'_>,
    old: &Tree<'_>,
) -> Option<Vec<String>> {
    let read = |path: &str| {
        let found = [tip, new].into_iter().find_map(|tree| {
            let entry = tree.get_path(Path::new(path)).ok()?;
            git.find_blob(entry.id()).ok()
        });
        found.map(|blob| String::from_utf8_lossy(blob.content()).into_owned())
    };
    let diff = git.diff_tree_to_tree(Some(old), Some(new), None).ok()?;
    let added = diff.deltas().filter(|it| it.status() == Delta::Added);
    let paths = added.filter_map(|it| Some(it.new_file().path()?.to_str()?.to_owned()));
    let mut found: Vec<String> = paths
        .filter(|path| is_irreversible(path, read))
        .map(|path| path.replace(char::is_control, ""))
        .take(FILES)
        .collect();
    found.sort();
    Some(found)
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
        let tried = |tip: &str| attempt(folder.path(), tip, &new, &old).map(|it| it.conflicts);
        assert_eq!(tried(&new), Some(Vec::new()));
        assert_eq!(tried(&elsewhere), Some(Vec::new()));
        assert_eq!(tried(&there), Some(vec!["pool.toml".to_owned()]));
        assert_eq!(tried(&"0".repeat(40)), None);
        assert_eq!(attempt(&folder.path().join("no"), &new, &new, &old), None);
        assert_eq!(objects(), before);
    }

    #[test]
    fn what_came_along_without_a_way_back_is_named_unless_it_was_written_since() {
        let folder = tempfile::tempdir().unwrap();
        let git = Repository::init_bare(folder.path()).unwrap();
        let who = Signature::now("Ada", "ada@example.org").unwrap();
        let commit = |files: &[(&str, &str)]| {
            let mut steps = git.treebuilder(None).unwrap();
            for (name, text) in files {
                let blob = git.blob(text.as_bytes()).unwrap();
                steps.insert(name, blob, 0o100_644).unwrap();
            }
            let mut tree = git.treebuilder(None).unwrap();
            let steps = steps.write().unwrap();
            tree.insert("migrations", steps, 0o040_000).unwrap();
            let tree = git.find_tree(tree.write().unwrap()).unwrap();
            let oid = git.commit(None, &who, &who, "x", &tree, &[]).unwrap();
            oid.to_string()
        };
        let (early, drop) = (("1.sql", "CREATE"), ("2.sql", "DROP"));
        let old = commit(&[early]);
        let new = commit(&[early, drop]);
        let later = commit(&[early, drop, ("2.down.sql", "CREATE")]);
        let tried = |tip: &str| attempt(folder.path(), tip, &new, &old).unwrap();
        assert_eq!(tried(&new).irreversible, ["migrations/2.sql"]);
        assert!(tried(&later).irreversible.is_empty());
        let back = attempt(folder.path(), &new, &old, &new).unwrap();
        assert!(back.irreversible.is_empty(), "nothing came along");
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
