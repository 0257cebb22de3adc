//! A yard for stories about forges: a real repository without a hook of ours, and webhooks over real HTTP.

use diesel::prelude::*;
use serde_json::{Value, json};
use watchkeeper::actions::forge::{self as act, Shown, Typed};
use watchkeeper::actions::repository;
use watchkeeper::app::Ctx;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::forge::Verdict;
use watchkeeper::domain::id::{RepositoryId, TicketKey};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::secrets;
use watchkeeper::store;
use watchkeeper::store::Conn;
use watchkeeper::store::people::Holder;

use crate::desk::{Desk, Staff};
use crate::git_bench::Bench;
use crate::visitor::Visitor;

pub const ZERO: &str = "0000000000000000000000000000000000000000";
pub const MAIN: &str = "refs/heads/main";

/// A forge with a repository that has no hook of ours: `forge.git`, into which the bench's clone pushes.
pub struct Yard {
    pub bench: Bench,
    pub root: Staff,
    pub id: RepositoryId,
    pub secret: String,
    count: std::cell::Cell<i64>,
}

/// What the door answered.
pub struct Said {
    pub status: u16,
    pub body: Value,
}

impl Yard {
    pub fn new(desk: Desk, kind: &str) -> Self {
        Self::with_format(desk, kind, "sha1")
    }

    pub fn with_format(desk: Desk, kind: &str, format: &str) -> Self {
        let bench = Bench::with_format(desk, format);
        let format = format!("--object-format={format}");
        let init = ["init", "-q", "--bare", "-b", "main", &format, "forge.git"];
        bench.git(bench.folder.path(), &init);
        bench.work(&["remote", "add", "forge", "../forge.git"]);
        let root = bench.desk.person("Rita", Roles::of(&[Role::Admin]));
        let by = bench.desk.as_person(&root);
        let id = repository::list(&by).unwrap().remove(0).repository.id;
        let typed = Typed {
            kind: kind.to_owned(),
            clone_url: format!("file://{}", bench.path("forge.git").display()),
            ..Typed::default()
        };
        let (_, secret) = act::set(&by, id, None, &typed).unwrap();
        Self {
            secret: secret.expect("the first has a new secret"),
            root,
            id,
            bench,
            count: std::cell::Cell::new(0),
        }
    }

    pub fn by(&self) -> Ctx<'_> {
        self.bench.desk.as_person(&self.root)
    }

    /// The administrator's browser.
    pub fn visitor(&self) -> Visitor {
        let server = self.bench.server.as_ref().unwrap();
        Visitor::logged_in(server, &self.bench.desk.app, Holder::Person(self.root.id))
    }

    pub fn shown(&self) -> Shown {
        act::read(&self.by(), self.id, 100).unwrap()
    }

    /// Pushes to the forge, which tells nobody.
    pub fn push(&self, args: &[&str]) {
        let mut all = vec!["push", "-q", "forge"];
        all.extend(args);
        self.bench.work(&all);
    }

    /// A commit on main that names the ticket, pushed to the forge. Where main was and is.
    pub fn pushed(&self, file: &str, key: TicketKey) -> (String, String) {
        let before = self.tip(MAIN);
        let subject = format!("Touch {file}\n\nRefs: {key}");
        self.bench.commit(file, &subject);
        self.push(&["main"]);
        (before, self.tip(MAIN))
    }

    /// Where a ref of the forge is.
    pub fn tip(&self, name: &str) -> String {
        let forge = self.bench.path("forge.git");
        let found = self
            .bench
            .try_git(&forge, &["rev-parse", "-q", "--verify", name]);
        match found.status.success() {
            true => String::from_utf8(found.stdout).unwrap().trim().to_owned(),
            false => ZERO.to_owned(),
        }
    }

    /// The webhook calls, with these headers as they are.
    pub fn call(&self, headers: &[(&str, &str)], body: &str) -> Said {
        self.call_at(&self.id.to_string(), headers, body)
    }

    pub fn call_at(&self, id: &str, headers: &[(&str, &str)], body: &str) -> Said {
        let url = self.bench.server.as_ref().unwrap().url();
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent: ureq::Agent = config.build().into();
        let mut request = agent.post(format!("{url}/api/v1/forge/{id}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request.send(body).unwrap();
        Said {
            status: answer.status().as_u16(),
            body: serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap(),
        }
    }

    /// GitHub's webhook tells of an event, signed with this secret.
    pub fn github(&self, event: &str, id: &str, secret: &str, body: &str) -> Said {
        let signature = format!("sha256={}", hmac(secret, body));
        let headers = [
            ("content-type", "application/json"),
            ("x-github-event", event),
            ("x-github-delivery", id),
            ("x-hub-signature-256", signature.as_str()),
        ];
        self.call(&headers, body)
    }

    /// GitHub tells that somebody moved a ref; with a new id each time. What it was called.
    pub fn told(&self, who: &str, name: &str, (before, after): &(String, String)) -> String {
        self.count.set(self.count.get() + 1);
        let id = format!("d-{}", self.count.get());
        let body = github_push(who, name, before, after);
        let said = self.github("push", &id, &self.secret, &body);
        assert_eq!(
            (said.status, &said.body),
            (202, &json!({"verdict": "taken"}))
        );
        // Ids are made from the time: what comes later sorts later.
        self.bench
            .desk
            .app
            .time
            .set(self.bench.desk.now().plus_secs(1));
        id
    }

    pub fn subjects(&self, key: TicketKey) -> Vec<String> {
        let commits = self.bench.commits(key).into_iter();
        commits.map(|(commit, _)| commit.subject).collect()
    }

    /// Who pushed the commits that stand on a ticket, in the order of its timeline.
    pub fn pushers(&self, key: TicketKey) -> Vec<String> {
        let entries = self.bench.entries(key, EntryKind::CommitLinked).into_iter();
        let pusher = |entry: store::timeline::Recorded| {
            entry.facts.get("pusher").unwrap_or("nobody").to_owned()
        };
        entries.map(pusher).collect()
    }

    pub fn recorded(&self) -> Vec<(String, String)> {
        let read = |conn: &mut Conn| store::repository::recorded_tips(conn, self.id);
        self.bench.desk.app.store.read(read).unwrap()
    }

    /// The moves that lost commits, and how many.
    pub fn dropped(&self) -> Vec<(String, i64)> {
        #[derive(QueryableByName)]
        struct Move {
            #[diesel(sql_type = diesel::sql_types::Text)]
            name: String,
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            dropped: i64,
        }
        let asked = diesel::sql_query("SELECT name, dropped FROM ref_move WHERE dropped > 0");
        let found = self.bench.desk.app.store.read(|conn| {
            Ok(match conn {
                Conn::Sqlite(conn) => asked.load::<Move>(conn)?,
                Conn::Pg(conn) => asked.load::<Move>(conn)?,
            })
        });
        let found = found.unwrap().into_iter();
        found.map(|it| (it.name, it.dropped)).collect()
    }

    pub fn verdicts(&self) -> Vec<Verdict> {
        let all = self.shown().deliveries.into_iter();
        all.map(|delivery| delivery.verdict).collect()
    }
}

pub fn hmac(secret: &str, body: &str) -> String {
    let mac = secrets::sign(secret.as_bytes(), body.as_bytes());
    mac.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn github_push(who: &str, name: &str, before: &str, after: &str) -> String {
    json!({
        "ref": name, "before": before, "after": after, "base_ref": null, "forced": false,
        "created": before == ZERO, "deleted": after == ZERO, "compare": "https://github.com/team/web/compare/x...y",
        // Forges cut this list short; nothing of it is read.
        "commits": [{"id": "f".repeat(40), "message": "Closes: TSK-1"}], "head_commit": null,
        "pusher": {"name": who, "email": "x@users.noreply.github.com"}, "sender": {"login": who},
        "repository": {"full_name": "team/web"},
    })
    .to_string()
}
