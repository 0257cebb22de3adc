//! The demo's git repository: a bare one in the data folder, with the server's hook in it, into which the team pushes.
//!
//! It can be cloned, committed to and pushed to like any other; its history is made with git2, so that making it starts no editor
//! and reads nobody's git configuration.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use anyhow::Result;
use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Oid, Repository, RepositoryInitOptions, Signature, Time};

use super::house::Member;
use crate::actions::repository::{self, Typed};
use crate::app::App;
use crate::cli::hook::bare::Bare;
use crate::domain::id::ServiceId;
use crate::domain::timestamp::Timestamp;

const BRANCH: &str = "refs/heads/main";

pub(super) struct Storefront {
    git: Repository,
    bare: Bare,
    /// Refs moved since the last push: name, old, new.
    moved: RefCell<Vec<(String, Oid, Oid)>>,
}

/// What one commit says.
pub(super) struct Work<'a> {
    pub by: &'a Member,
    pub at: Timestamp,
    pub message: &'a str,
    /// Path and new content.
    pub files: &'a [(&'a str, &'a str)],
}

impl Storefront {
    pub fn folder(data: &Path) -> PathBuf {
        data.join("git").join("storefront.git")
    }

    /// Makes the repository and registers it, as an administrator does on the repositories page.
    pub fn found(
        app: &App,
        folder: PathBuf,
        public_url: &str,
        admin: &Member,
        service: ServiceId,
    ) -> Result<Self> {
        let mut options = RepositoryInitOptions::new();
        options.bare(true).mkpath(true).initial_head("main");
        let git = Repository::init_opts(&folder, &options)?;
        let typed = Typed {
            name: "storefront".to_owned(),
            service: Some(service),
            is_active: true,
            ..Typed::default()
        };
        let (_, token) = repository::register(&admin.at(app), &typed)?;
        Ok(Self {
            git,
            bare: Bare::set_up(folder, public_url, token)?,
            moved: RefCell::default(),
        })
    }

    /// Commits to the main branch.
    pub fn commit(&self, work: &Work<'_>) -> Result<Oid> {
        let parent = match self.git.find_reference(BRANCH) {
            Ok(found) => Some(found.peel_to_commit()?),
            Err(_) => None,
        };
        let before = match &parent {
            Some(parent) => parent.tree()?,
            None => {
                let empty = self.git.treebuilder(None)?.write()?;
                self.git.find_tree(empty)?
            }
        };
        let mut tree = TreeUpdateBuilder::new();
        for (path, text) in work.files {
            tree.upsert(*path, self.git.blob(text.as_bytes())?, FileMode::Blob);
        }
        let tree = self
            .git
            .find_tree(tree.create_updated(&self.git, &before)?)?;
        let secs = work.at.micros().div_euclid(1_000_000);
        let who = Signature::new(&work.by.name, work.by.email.as_str(), &Time::new(secs, 60))?;
        let parents: Vec<_> = parent.iter().collect();
        let oid = self
            .git
            .commit(Some(BRANCH), &who, &who, work.message, &tree, &parents)?;
        let old = parent.map_or(Oid::ZERO_SHA1, |parent| parent.id());
        self.move_ref(BRANCH, old, oid);
        Ok(oid)
    }

    /// Names the newest commit as a version.
    pub fn tag(&self, name: &str) -> Result<()> {
        let tip = self.git.find_reference(BRANCH)?.peel_to_commit()?;
        self.git.tag_lightweight(name, tip.as_object(), false)?;
        self.move_ref(&format!("refs/tags/{name}"), Oid::ZERO_SHA1, tip.id());
        Ok(())
    }

    fn move_ref(&self, name: &str, old: Oid, new: Oid) {
        let mut moved = self.moved.borrow_mut();
        match moved.iter_mut().find(|(known, _, _)| known == name) {
            Some(known) => known.2 = new,
            None => moved.push((name.to_owned(), old, new)),
        }
    }

    /// Pushes everything since the last time.
    pub fn push(&self, app: &App, by: &Member) -> Result<()> {
        let input: String = self
            .moved
            .take()
            .iter()
            .map(|(name, old, new)| format!("{old} {new} {name}\n"))
            .collect();
        let login = by.email.as_str().split('@').next().unwrap_or_default();
        self.bare.pushed(app, login, &input)?;
        Ok(())
    }
}
