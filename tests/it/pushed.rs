//! A repository as the record has it: commits told one push at a time, without git.

use std::cell::{Cell, RefCell};

use watchkeeper::actions::git;
use watchkeeper::actions::repository::{self, Typed};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::commit_message::{Mode, Rules, parse};
use watchkeeper::domain::git::{
    FileChange, Oid, Push, RefMove, ReportedCommit, Signature, TouchedPath,
};
use watchkeeper::domain::id::{RepositoryId, ServiceId};
use watchkeeper::domain::timeline::Door;

use crate::desk::Desk;

/// The default branch of a repository of a service.
pub struct Pushed {
    pub id: RepositoryId,
    tip: RefCell<Option<String>>,
    count: Cell<u64>,
    /// What the next commit changes.
    paths: RefCell<Vec<String>>,
    /// Makes this repository's commits its own.
    salt: u64,
}

const ZERO: &str = "0000000000000000000000000000000000000000";

impl Pushed {
    pub fn new(desk: &Desk, name: &str, service: Option<ServiceId>) -> Self {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let admin = desk.person(&format!("Keeper-{plain}"), Roles::of(&[Role::Admin]));
        let typed = Typed {
            name: name.into(),
            default_branch: "main".into(),
            service,
            ..Typed::default()
        };
        let (repository, _) = repository::register(&desk.as_person(&admin), &typed).unwrap();
        Self {
            id: repository.id,
            tip: RefCell::new(None),
            count: Cell::new(0),
            paths: RefCell::default(),
            salt: name
                .bytes()
                .fold(1, |salt, byte| salt * 31 + u64::from(byte))
                % 0xffff_ffff,
        }
    }

    /// What the hook will call the next push, before its refs move.
    pub fn next_push_id(&self) -> String {
        format!("push-{}-{}", self.id, self.count.get() + 1)
    }

    /// A commit on the branch, written now and pushed now. Its id.
    pub fn commit(&self, desk: &Desk, message: &str) -> String {
        self.by(desk, "Ada Lovelace", "ada@example.org", message, &[])
    }

    /// A commit that changes these files.
    pub fn touching(&self, desk: &Desk, paths: &[&str]) -> String {
        *self.paths.borrow_mut() = paths.iter().map(|path| (*path).to_owned()).collect();
        self.commit(desk, "Step")
    }

    /// The same, by somebody, with more parents than the branch.
    pub fn by(
        &self,
        desk: &Desk,
        name: &str,
        email: &str,
        message: &str,
        more: &[String],
    ) -> String {
        let push_id = self.next_push_id();
        let n = self.count.get() + 1;
        self.count.set(n);
        let oid = format!("{:08x}{n:032x}", self.salt);
        let parse_oid = |text: &str| Oid::parse(text).unwrap();
        let tip = self.tip.replace(Some(oid.clone()));
        let parents = tip.iter().chain(more).map(|it| parse_oid(it)).collect();
        let touched = |path| TouchedPath {
            change: FileChange::Modified,
            path,
        };
        let paths: Vec<TouchedPath> = self.paths.take().into_iter().map(touched).collect();
        let read = parse(message, &Mode::Server, &Rules::house(None));
        let who = Signature {
            name: name.into(),
            email: email.into(),
            at: desk.now(),
        };
        let push = Push {
            push_id,
            pusher: Some("ada".into()),
            parser: 1,
            refs: vec![RefMove {
                name: "refs/heads/main".into(),
                old: parse_oid(tip.as_deref().unwrap_or(ZERO)),
                new: parse_oid(&oid),
                dropped: 0,
                version_before: None,
                version_after: None,
                tag: None,
            }],
            commits: vec![ReportedCommit {
                oid: parse_oid(&oid),
                parents,
                author: who.clone(),
                committer: who,
                subject: read.subject().to_owned(),
                links: read.links,
                facts: read.facts,
                flags: read.flags,
                path_count: paths.len().max(1) as i32,
                paths,
                by_ref: 0,
            }],
            gone: Vec::new(),
            is_bulk: false,
            is_last: true,
            tips_hash: None,
        };
        git::record_push(&desk.app.system("hook", Door::Git), self.id, &push).unwrap();
        oid
    }
}
