//! A revert tried in memory: whether taking the commits between two versions back still fits what the branch is now, and what of
//! them can't be taken back. Nothing is written into the repository.

use std::path::Path;

use git2::{Delta, Index, Oid, Repository, Tree};

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
    Some(Tried {
        conflicts: collisions(&index)?,
        irreversible: irreversible(&git, &tip, &new, &old)?,
    })
}

/// Tries to take these commits back on `tip`, one after the other: merges by their first parent. `None` if the repository can't be
/// read, or lacks one of them.
pub fn attempt_each(repository: &Path, tip: &str, commits: &[String]) -> Option<Tried> {
    let git = Repository::open_bare(repository).ok()?;
    // The trees between two of them are nobody's: they stay in memory.
    let odb = git.odb().ok()?;
    odb.add_new_mempack_backend(1_000).ok()?;
    let tip = git
        .find_commit(Oid::from_str(tip).ok()?)
        .ok()?
        .tree()
        .ok()?;
    let mut now = tip.clone();
    let mut conflicts: Vec<String> = Vec::new();
    let mut found: Vec<String> = Vec::new();
    for oid in commits {
        let commit = git.find_commit(Oid::from_str(oid).ok()?).ok()?;
        let new = commit.tree().ok()?;
        let old = match commit.parent(0) {
            Ok(parent) => parent.tree().ok()?,
            // The first of all: without it there is nothing.
            Err(_) => git
                .find_tree(git.treebuilder(None).ok()?.write().ok()?)
                .ok()?,
        };
        let mut index = git.merge_trees(&new, &now, &old, None).ok()?;
        for path in collisions(&index)? {
            if !conflicts.contains(&path) {
                conflicts.push(path);
            }
        }
        for path in irreversible(&git, &tip, &new, &old)? {
            if !found.contains(&path) {
                found.push(path);
            }
        }
        if index.has_conflicts() {
            // What comes after it can't be tried: somebody decides first.
            break;
        }
        now = git.find_tree(index.write_tree_to(&git).ok()?).ok()?;
    }
    conflicts.sort();
    conflicts.truncate(FILES);
    found.sort();
    found.truncate(FILES);
    Some(Tried {
        conflicts,
        irreversible: found,
    })
}

/// Files in which the two sides collide.
fn collisions(index: &Index) -> Option<Vec<String>> {
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
    fn commits_are_taken_back_one_after_the_other_and_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let git = Repository::init_bare(folder.path()).unwrap();
        let who = Signature::now("Ada", "ada@example.org").unwrap();
        let commit = |text: &str, other: &str, parents: &[&str]| {
            let mut tree = git.treebuilder(None).unwrap();
            for (name, text) in [("pool.toml", text), ("a.txt", other)] {
                let blob = git.blob(text.as_bytes()).unwrap();
                tree.insert(name, blob, 0o100_644).unwrap();
            }
            let tree = git.find_tree(tree.write().unwrap()).unwrap();
            let parents: Vec<_> = parents
                .iter()
                .map(|oid| git.find_commit(Oid::from_str(oid).unwrap()).unwrap())
                .collect();
            let parents: Vec<_> = parents.iter().collect();
            let oid = git.commit(None, &who, &who, "x", &tree, &parents).unwrap();
            oid.to_string()
        };
        let start = commit("size = 400\n", "a\n", &[]);
        let one = commit("size = 600\n", "a\n", &[&start]);
        let elsewhere = commit("size = 600\n", "b\n", &[&one]);
        let two = commit("size = 800\n", "b\n", &[&elsewhere]);
        let before = walk(&folder.path().join("objects"));
        let tried = |tip: &str, commits: &[&String]| {
            let commits: Vec<String> = commits.iter().map(|it| (*it).clone()).collect();
            attempt_each(folder.path(), tip, &commits).map(|it| it.conflicts)
        };
        let clean = Some(Vec::new());
        let pool = Some(vec!["pool.toml".to_owned()]);
        assert_eq!(tried(&two, &[&two, &one]), clean, "the newer one makes way");
        assert_eq!(
            tried(&two, &[&one]),
            pool,
            "under the newer one it doesn't fit"
        );
        assert_eq!(tried(&two, &[&one, &two]), pool);
        assert_eq!(tried(&elsewhere, &[&one]), clean);
        assert_eq!(tried(&two, &[&"0".repeat(40)]), None);
        assert_eq!(tried(&start, &[&start]), clean);
        assert_eq!(walk(&folder.path().join("objects")), before);
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
