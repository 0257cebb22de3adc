//! Forges: their webhooks over real HTTP, and what is fetched from a real repository with the real git.

use diesel::prelude::*;
use serde_json::{Value, json};
use watchkeeper::actions::forge::{self as act, Shown, Typed};
use watchkeeper::actions::repository;
use watchkeeper::app::Ctx;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::forge::{Doubt, KEPT_SECS, LOOK_SECS, Verdict};
use watchkeeper::domain::id::{Kind, RepositoryId, TicketKey};
use watchkeeper::domain::ticket::State;
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::secrets;
use watchkeeper::store;
use watchkeeper::store::Conn;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::{Desk, Staff};
use crate::git_bench::Bench;
use crate::program::Program;
use crate::visitor::Visitor;

/// Operations that are called here.
pub const CALLED: &[&str] = &[
    "forge :: read",
    "forge :: set",
    "forge :: remove",
    "forge :: rotate",
    "forge :: drop_old_secret",
    "forge :: look",
    "forge_door :: receive",
];

const ZERO: &str = "0000000000000000000000000000000000000000";
const MAIN: &str = "refs/heads/main";

/// A forge with a repository that has no hook of ours: `forge.git`, into which the bench's clone pushes.
pub struct Yard {
    pub bench: Bench,
    root: Staff,
    pub id: RepositoryId,
    secret: String,
    count: std::cell::Cell<i64>,
}

/// What the door answered.
struct Said {
    status: u16,
    body: Value,
}

impl Yard {
    pub fn new(desk: Desk, kind: &str) -> Self {
        Self::with_format(desk, kind, "sha1")
    }

    fn with_format(desk: Desk, kind: &str, format: &str) -> Self {
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

    fn by(&self) -> Ctx<'_> {
        self.bench.desk.as_person(&self.root)
    }

    pub fn shown(&self) -> Shown {
        act::read(&self.by(), self.id, 100).unwrap()
    }

    /// Pushes to the forge, which tells nobody.
    fn push(&self, args: &[&str]) {
        let mut all = vec!["push", "-q", "forge"];
        all.extend(args);
        self.bench.work(&all);
    }

    /// A commit on main that names the ticket, pushed to the forge. Where main was and is.
    fn pushed(&self, file: &str, key: TicketKey) -> (String, String) {
        let before = self.tip(MAIN);
        let subject = format!("Touch {file}\n\nRefs: {key}");
        self.bench.commit(file, &subject);
        self.push(&["main"]);
        (before, self.tip(MAIN))
    }

    /// Where a ref of the forge is.
    fn tip(&self, name: &str) -> String {
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
    fn call(&self, headers: &[(&str, &str)], body: &str) -> Said {
        self.call_at(&self.id.to_string(), headers, body)
    }

    fn call_at(&self, id: &str, headers: &[(&str, &str)], body: &str) -> Said {
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
    fn github(&self, event: &str, id: &str, secret: &str, body: &str) -> Said {
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
    fn told(&self, who: &str, name: &str, (before, after): &(String, String)) -> String {
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

    fn subjects(&self, key: TicketKey) -> Vec<String> {
        let commits = self.bench.commits(key).into_iter();
        commits.map(|(commit, _)| commit.subject).collect()
    }

    /// Who pushed the commits that stand on a ticket, in the order of its timeline.
    fn pushers(&self, key: TicketKey) -> Vec<String> {
        let entries = self.bench.entries(key, EntryKind::CommitLinked).into_iter();
        let pusher = |entry: store::timeline::Recorded| {
            entry.facts.get("pusher").unwrap_or("nobody").to_owned()
        };
        entries.map(pusher).collect()
    }

    fn recorded(&self) -> Vec<(String, String)> {
        let read = |conn: &mut Conn| store::repository::recorded_tips(conn, self.id);
        self.bench.desk.app.store.read(read).unwrap()
    }

    /// The moves that lost commits, and how many.
    fn dropped(&self) -> Vec<(String, i64)> {
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

    fn verdicts(&self) -> Vec<Verdict> {
        let all = self.shown().deliveries.into_iter();
        all.map(|delivery| delivery.verdict).collect()
    }
}

fn hmac(secret: &str, body: &str) -> String {
    let mac = secrets::sign(secret.as_bytes(), body.as_bytes());
    mac.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn github_push(who: &str, name: &str, before: &str, after: &str) -> String {
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

both_databases!(
    a_webhook_puts_a_commit_on_the_change_that_it_names_without_a_hook_on_the_server,
    |desk| {
        let yard = Yard::new(desk, "github");
        let change = yard.bench.open(Kind::Change, "Raise pool size").key;
        yard.bench.commit("a.txt", "Start");
        yard.push(&["main"]);
        yard.bench.desk.settle();
        assert!(
            yard.shown()
                .forge
                .unwrap()
                .standing
                .look
                .looked_at
                .is_some()
        );

        let moved = yard.pushed("pool.toml", change);
        let first = yard.told("octocat", MAIN, &moved);
        assert_eq!(
            yard.verdicts(),
            [Verdict::Waiting],
            "accepted means durable"
        );
        assert_eq!(yard.subjects(change), Vec::<String>::new());
        yard.bench.desk.settle();
        assert_eq!(yard.subjects(change), ["Touch pool.toml"]);
        let [(commit, _)] = &yard.bench.commits(change)[..] else {
            panic!()
        };
        assert_eq!(commit.oid, moved.1);
        assert!(commit.published_at.is_some() && commit.acts);
        assert_eq!(commit.paths[0].path, "pool.toml");
        let [entry] = &yard.bench.entries(change, EntryKind::CommitLinked)[..] else {
            panic!()
        };
        assert_eq!(entry.facts.get("pusher"), Some("octocat"));
        assert_eq!(yard.verdicts(), [Verdict::Taken]);
        assert_eq!(yard.recorded(), [(MAIN.to_owned(), moved.1.clone())]);

        // The same delivery again, and the same push as another delivery.
        let body = github_push("octocat", MAIN, &moved.0, &moved.1);
        let again = yard.github("push", &first, &yard.secret, &body);
        assert_eq!(
            (again.status, again.body),
            (202, json!({"verdict": "known"}))
        );
        yard.told("octocat", MAIN, &moved);
        yard.bench.desk.settle();
        assert_eq!(yard.verdicts(), [Verdict::Taken, Verdict::Taken]);
        assert_eq!(yard.subjects(change), ["Touch pool.toml"]);
        assert_eq!(yard.bench.entries(change, EntryKind::CommitLinked).len(), 1);
        assert_eq!(yard.bench.ticket(change).state, State::Draft);
    }
);

both_databases!(each_push_is_its_own_pushers, |desk| {
    let yard = Yard::new(desk, "github");
    let change = yard.bench.open(Kind::Change, "Pool").key;
    yard.bench.commit("a.txt", "Start");
    yard.push(&["main"]);
    yard.bench.desk.settle();
    // Both are on the forge before we look.
    let one = yard.pushed("one", change);
    let two = yard.pushed("two", change);
    yard.told("ada", MAIN, &one);
    yard.told("bob", MAIN, &two);
    yard.bench.desk.settle();
    assert_eq!(yard.subjects(change), ["Touch one", "Touch two"]);
    assert_eq!(yard.pushers(change), ["ada", "bob"]);
    // The later one is told first, the earlier one when it is old news.
    let three = yard.pushed("three", change);
    let four = yard.pushed("four", change);
    yard.told("bob", MAIN, &four);
    yard.bench.desk.settle();
    yard.told("ada", MAIN, &three);
    yard.bench.desk.settle();
    assert_eq!(yard.subjects(change).len(), 4);
    assert_eq!(yard.recorded(), [(MAIN.to_owned(), four.1)]);
});

both_databases!(what_no_webhook_told_is_found_within_ten_minutes, |desk| {
    let yard = Yard::new(desk, "github");
    let change = yard.bench.open(Kind::Change, "Pool").key;
    yard.bench.commit("a.txt", "Start");
    yard.push(&["main"]);
    yard.bench.desk.settle();
    let (_, tip) = yard.pushed("lost", change);
    yard.bench.work(&["tag", "-a", "-m", "One", "v1"]);
    yard.push(&["v1"]);
    yard.bench.desk.advance(LOOK_SECS - 1);
    assert_eq!(yard.subjects(change), Vec::<String>::new());
    yard.bench.desk.advance(1);
    assert_eq!(yard.subjects(change), ["Touch lost"]);
    assert_eq!(yard.pushers(change), ["nobody"], "nobody said who it was");
    let tag = yard.tip("refs/tags/v1");
    assert_ne!(tag, tip, "an annotated tag is an object of its own");
    let both = [(MAIN.to_owned(), tip), ("refs/tags/v1".to_owned(), tag)];
    assert_eq!(yard.recorded(), both);
    // And what is gone.
    yard.push(&[":v1"]);
    yard.bench.desk.advance(LOOK_SECS);
    assert_eq!(yard.recorded(), both[..1]);
    assert!(yard.verdicts().is_empty(), "no delivery ever came");
});

both_databases!(
    forced_pushes_deleted_branches_and_tags_are_told_as_they_are,
    |desk| {
        let yard = Yard::new(desk, "github");
        let change = yard.bench.open(Kind::Change, "Pool").key;
        yard.bench.commit("a.txt", "Start");
        yard.push(&["main"]);
        yard.bench.desk.settle();
        let first = yard.pushed("pool.toml", change);
        yard.told("ada", MAIN, &first);
        yard.bench.desk.settle();

        // Amended and forced: the new commit stands beside the lost one.
        yard.bench.work(&[
            "commit",
            "-q",
            "--amend",
            "-m",
            &format!("Better\n\nRefs: {change}"),
        ]);
        yard.push(&["--force", "main"]);
        let forced = (first.1.clone(), yard.tip(MAIN));
        yard.told("ada", MAIN, &forced);
        yard.bench.desk.settle();
        assert_eq!(yard.subjects(change), ["Touch pool.toml", "Better"]);
        let dropped = yard.dropped();
        assert_eq!(dropped, [(MAIN.to_owned(), 1)]);

        yard.bench.work(&["tag", "-a", "-m", "One", "v1"]);
        yard.push(&["v1", "HEAD:refs/heads/wip/x"]);
        let (tag, wip) = ("refs/tags/v1", "refs/heads/wip/x");
        // Some forges tell an annotated tag's commit instead of the tag.
        yard.told("ada", tag, &(ZERO.to_owned(), yard.tip(MAIN)));
        yard.told("ada", wip, &(ZERO.to_owned(), yard.tip(wip)));
        yard.bench.desk.settle();
        let names = |yard: &Yard| {
            let all = yard.recorded().into_iter();
            all.map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(names(&yard), [MAIN, wip, tag]);
        assert_eq!(yard.recorded()[2].1, yard.tip(tag));
        let gone = (yard.tip(wip), ZERO.to_owned());
        yard.push(&[":wip/x", ":v1"]);
        yard.told("ada", wip, &gone);
        yard.told("ada", tag, &(forced.1.clone(), ZERO.to_owned()));
        yard.bench.desk.settle();
        assert_eq!(names(&yard), [MAIN]);
        assert_eq!(yard.subjects(change).len(), 2);
    }
);

both_databases!(a_sha_256_repository_is_fetched_like_any_other, |desk| {
    let yard = Yard::with_format(desk, "github", "sha256");
    let change = yard.bench.open(Kind::Change, "Pool").key;
    yard.bench.commit("a.txt", "Start");
    yard.push(&["main"]);
    yard.bench.desk.settle();
    let moved = yard.pushed("pool.toml", change);
    assert_eq!(moved.1.len(), 64);
    yard.told("ada", MAIN, &moved);
    yard.bench.desk.settle();
    assert_eq!(yard.subjects(change), ["Touch pool.toml"]);
    yard.push(&["HEAD:refs/heads/x"]);
    yard.push(&[":x"]);
    yard.bench.desk.advance(LOOK_SECS);
    assert_eq!(yard.recorded().len(), 1);
});

both_databases!(every_forge_is_understood_over_the_wire, |desk| {
    let yard = Yard::new(desk, "github");
    let change = yard.bench.open(Kind::Change, "Pool").key;
    yard.bench.commit("a.txt", "Start");
    yard.push(&["main"]);
    yard.bench.desk.settle();
    let url = yard.shown().forge.unwrap().clone_url;
    let now_is = |kind: &str| {
        let typed = Typed {
            kind: kind.to_owned(),
            clone_url: url.as_str().to_owned(),
            ..Typed::default()
        };
        assert_eq!(act::set(&yard.by(), yard.id, None, &typed).unwrap().1, None);
        // The look that this causes is over before the push.
        yard.bench.desk.settle();
    };
    let secret = yard.secret.clone();
    let mut told = 0;
    let mut tell = |who: &str, headers: &[(&str, &str)], body: Value, sign: Option<&str>| {
        let body = body.to_string();
        let signature = hmac(&secret, &body);
        let signature = sign.map(|before| format!("{before}{signature}"));
        let mut all = headers.to_vec();
        if let (Some(value), Some((name, _))) = (&signature, all.last()) {
            let name = *name;
            all.pop();
            all.push((name, value.as_str()));
        }
        let said = yard.call(&all, &body);
        assert_eq!(
            (said.status, said.body),
            (202, json!({"verdict": "taken"})),
            "{who}"
        );
        yard.bench.desk.settle();
        told += 1;
        assert_eq!(yard.subjects(change).len(), told, "{who}");
        assert_eq!(yard.pushers(change).last().map(String::as_str), Some(who));
    };

    now_is("gitlab");
    let gitlab = |(before, after): (String, String)| {
        json!({"object_kind": "push", "event_name": "push", "before": before, "after": after, "ref": MAIN,
               "checkout_sha": after, "user_username": "jsmith", "commits": [], "total_commits_count": 1})
    };
    let pushed = yard.pushed("gitlab", change);
    let headers = [
        ("x-gitlab-event", "Push Hook"),
        ("idempotency-key", "g-1"),
        ("x-gitlab-token", secret.as_str()),
    ];
    tell("jsmith", &headers, gitlab(pushed), None);

    // The same as GitLab's newer versions sign.
    let pushed = yard.pushed("gitlab-signed", change);
    let body = gitlab(pushed).to_string();
    let at = (yard.bench.desk.now().micros() / 1_000_000).to_string();
    let signed = watchkeeper::outbound::webhook::signature(&secret, "msg_1", &at, &body);
    let headers = [
        ("x-gitlab-event", "Push Hook"),
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", at.as_str()),
        ("webhook-signature", signed.as_str()),
    ];
    tell(
        "jsmith",
        &headers,
        serde_json::from_str(&body).unwrap(),
        None,
    );
    yard.bench
        .desk
        .app
        .time
        .set(yard.bench.desk.now().plus_secs(301));
    let late = yard.call(&headers, &body);
    assert_eq!(
        late.status, 401,
        "the same call is refused when it is old, whatever its id"
    );
    assert_eq!(yard.shown().deliveries[0].doubt, Some(Doubt::Late));

    now_is("gitea");
    let (before, after) = yard.pushed("gitea", change);
    let body = json!({"ref": MAIN, "before": before, "after": after, "compare_url": "x", "commits": [], "total_commits": 0,
                      "pusher": {"login": "tea"}, "sender": {"login": "tea"}});
    let headers = [
        ("x-gitea-event", "push"),
        ("x-gitea-delivery", "t-1"),
        ("x-gitea-signature", ""),
    ];
    tell("tea", &headers, body, Some(""));

    now_is("bitbucket_cloud");
    let (before, after) = yard.pushed("cloud", change);
    let side = |hash: &str| json!({"type": "branch", "name": "main", "target": {"type": "commit", "hash": hash}});
    let body = json!({"push": {"changes": [{"old": side(&before), "new": side(&after), "created": false, "forced": false, "closed": false,
                      "commits": [], "truncated": false}]}, "actor": {"nickname": "emma", "display_name": "Emma Paris"}});
    let headers = [
        ("x-event-key", "repo:push"),
        ("x-request-uuid", "c-1"),
        ("x-hub-signature", ""),
    ];
    tell("emma", &headers, body, Some("sha256="));

    now_is("bitbucket_dc");
    let (before, after) = yard.pushed("dc", change);
    let body = json!({"eventKey": "repo:refs_changed", "actor": {"name": "admin"}, "changes": [
        {"ref": {"id": MAIN, "displayId": "main", "type": "BRANCH"}, "refId": MAIN, "fromHash": before, "toHash": after, "type": "UPDATE"}]});
    let headers = [
        ("x-event-key", "repo:refs_changed"),
        ("x-request-id", "b-1"),
        ("x-hub-signature", ""),
    ];
    tell("admin", &headers, body, Some("sha256="));
});

both_databases!(
    a_call_that_is_not_signed_with_the_secret_is_refused_and_none_of_it_kept,
    |desk| {
        let yard = Yard::new(desk, "github");
        let change = yard.bench.open(Kind::Change, "Pool").key;
        yard.bench.commit("a.txt", "Start");
        yard.push(&["main"]);
        yard.bench.desk.settle();
        let moved = yard.pushed("pool.toml", change);
        let body = github_push("mallory", MAIN, &moved.0, &moved.1);
        let refused = |said: Said| {
            assert_eq!(said.status, 401, "{}", said.body);
            assert_eq!(said.body["type"], "urn:watchkeeper:problem:not-signed");
        };
        refused(yard.github("push", "d-1", "another secret", &body));
        refused(yard.github("push", "d-1", "another secret", "not even JSON"));
        let mut headers = vec![("x-github-event", "push"), ("x-github-delivery", "d-1")];
        refused(yard.call(&headers, &body));
        // Nobody learns whether there is such a repository.
        refused(yard.call_at("nothing", &headers, &body));
        let other = watchkeeper::domain::id::Id::<()>::new(yard.bench.desk.now()).to_string();
        let signature = format!("sha256={}", hmac(&yard.secret, &body));
        headers.push(("x-hub-signature-256", signature.as_str()));
        refused(yard.call_at(&other, &headers, &body));
        // What came signed, with another body.
        refused(yard.call(&headers, &body.replace("mallory", "ada")));

        yard.bench.desk.settle();
        assert_eq!(yard.subjects(change), Vec::<String>::new());
        let kept = yard.shown().deliveries;
        let doubts: Vec<_> = kept.iter().map(|it| it.doubt).collect();
        // Of many in a minute one for each reason.
        assert_eq!(doubts.len(), 2);
        assert!(
            doubts.contains(&Some(Doubt::WrongSignature))
                && doubts.contains(&Some(Doubt::Unsigned))
        );
        for delivery in kept {
            let nothing = (
                delivery.event.as_str(),
                &delivery.pusher,
                delivery.moves.len(),
                &delivery.delivery_id,
            );
            assert_eq!(nothing, ("", &None, 0, &None));
        }
        // A refused one takes no name away from a genuine one.
        let said = yard.github("push", "d-1", &yard.secret, &body);
        assert_eq!((said.status, said.body), (202, json!({"verdict": "taken"})));
        yard.bench.desk.settle();
        assert_eq!(yard.subjects(change), ["Touch pool.toml"]);

        // More than any push is: refused before it is all read.
        let large = "x".repeat(8 * 1024 * 1024 + 1);
        let said = yard.github("push", "d-2", &yard.secret, &large);
        assert_eq!(said.status, 413);
        // Genuine, and about something else.
        for (event, id, body) in [
            (
                "ping",
                "d-3",
                r#"{"zen":"Keep it logically awesome.","hook_id":1}"#,
            ),
            ("issues", "d-4", r#"{"action":"opened"}"#),
        ] {
            let said = yard.github(event, id, &yard.secret, body);
            assert_eq!(
                (said.status, said.body),
                (202, json!({"verdict": "ignored"}))
            );
        }
        // Genuine, and unreadable: something moved, and the forge is asked what.
        yard.pushed("more", change);
        let said = yard.github("push", "d-5", &yard.secret, "{}");
        assert_eq!((said.status, said.body), (202, json!({"verdict": "taken"})));
        yard.bench.desk.settle();
        assert_eq!(yard.subjects(change).len(), 2);
    }
);

both_databases!(
    two_secrets_hold_while_the_webhook_gets_the_new_one,
    |desk| {
        let yard = Yard::new(desk, "github");
        let ping = |id: &str, secret: &str| yard.github("ping", id, secret, "{}").status;
        let old = yard.secret.clone();
        let (_, new) = act::rotate(&yard.by(), yard.id, "").unwrap();
        assert_ne!(old, new);
        assert_eq!((ping("1", &old), ping("2", &new)), (202, 202));
        // One more would end the one that the forge still signs with.
        let refused = act::rotate(&yard.by(), yard.id, "")
            .map(|_| ())
            .unwrap_err();
        assert!(
            refused.to_string().contains("forge-old-secret-holds"),
            "{refused}"
        );
        act::drop_old_secret(&yard.by(), yard.id).unwrap();
        assert_eq!((ping("3", &old), ping("4", &new)), (401, 202));
        let refused = act::drop_old_secret(&yard.by(), yard.id)
            .map(|_| ())
            .unwrap_err();
        assert!(
            refused.to_string().contains("forge-no-old-secret"),
            "{refused}"
        );
        // One that the forge made.
        let weak = act::rotate(&yard.by(), yard.id, "short")
            .map(|_| ())
            .unwrap_err();
        assert!(weak.to_string().contains("weak-secret"), "{weak}");
        let (_, own) = act::rotate(&yard.by(), yard.id, "made-by-the-forge-0123").unwrap();
        assert_eq!(
            (own.as_str(), ping("5", &own)),
            ("made-by-the-forge-0123", 202)
        );
    }
);

both_databases!(
    a_forge_that_is_away_is_shown_and_tried_again_ever_more_seldom,
    |desk| {
        let yard = Yard::new(desk, "github");
        let change = yard.bench.open(Kind::Change, "Pool").key;
        yard.bench.commit("a.txt", "Start");
        yard.push(&["main"]);
        yard.bench.desk.settle();
        let moved = yard.pushed("pool.toml", change);
        let (forge, away) = (yard.bench.path("forge.git"), yard.bench.path("away.git"));
        std::fs::rename(&forge, &away).unwrap();
        yard.told("ada", MAIN, &moved);
        let began = yard.bench.desk.now();
        yard.bench.desk.settle();
        let standing = yard.shown().forge.unwrap().standing;
        assert_eq!(
            (standing.look.faults, standing.look.failing_since),
            (1, Some(began))
        );
        assert_eq!(
            yard.verdicts(),
            [Verdict::Waiting],
            "what was accepted is not lost"
        );
        let visitor = {
            let (server, app) = (yard.bench.server.as_ref().unwrap(), &yard.bench.desk.app);
            Visitor::logged_in(server, app, Holder::Person(yard.root.id))
        };
        let place = format!("/repositories/{}", yard.id);
        let page = visitor.get(&place).text;
        for part in [
            "There is no repository at this address",
            "does not appear to be a git repository",
            "waits to be looked at",
            "Tried once",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        // Half a minute, a minute, two minutes.
        for (secs, faults) in [(29, 1), (1, 2), (59, 2), (1, 3), (119, 3), (1, 4)] {
            yard.bench.desk.advance(secs);
            let standing = yard.shown().forge.unwrap().standing;
            assert_eq!(standing.look.faults, faults);
        }
        std::fs::rename(&away, &forge).unwrap();
        // Nobody has to wait for the next try.
        let looked = visitor.post(&format!("{place}/forge/look"), &[]);
        assert_eq!(
            (looked.status, looked.place.as_str()),
            (303, place.as_str())
        );
        yard.bench.desk.settle();
        let standing = yard.shown().forge.unwrap().standing;
        assert_eq!(
            (
                standing.look.faults,
                standing.look.failing_since,
                standing.last_error
            ),
            (0, None, None)
        );
        assert_eq!(yard.subjects(change), ["Touch pool.toml"]);
        assert_eq!(yard.pushers(change), ["ada"]);
        assert_eq!(yard.verdicts(), [Verdict::Taken]);

        // Another, empty repository in its place: nothing is believed to be deleted.
        std::fs::rename(&forge, &away).unwrap();
        yard.bench.git(
            yard.bench.folder.path(),
            &["init", "-q", "--bare", "forge.git"],
        );
        yard.bench.desk.advance(LOOK_SECS);
        assert_eq!(yard.recorded().len(), 1);
        assert!(
            visitor
                .get(&place)
                .text
                .contains("without branches and tags")
        );
    }
);

both_databases!(
    deliveries_are_known_for_two_weeks_and_a_mirror_as_long_as_its_forge,
    |desk| {
        let yard = Yard::new(desk, "github");
        yard.bench.commit("a.txt", "Start");
        yard.push(&["main"]);
        yard.bench.desk.settle();
        let mirrors = yard.bench.desk.app.config.data.join("mirrors");
        let count = || std::fs::read_dir(&mirrors).unwrap().count();
        assert_eq!(count(), 1);
        let ping = |verdict: &str| {
            let said = yard.github("ping", "p-1", &yard.secret, "{}");
            assert_eq!(
                (said.status, said.body),
                (202, json!({ "verdict": verdict }))
            );
        };
        ping("ignored");
        yard.bench.desk.advance(KEPT_SECS);
        ping("known");
        yard.bench.desk.advance(3_601);
        assert!(yard.verdicts().is_empty());
        ping("ignored");
        act::remove(&yard.by(), yard.id).unwrap();
        yard.bench.desk.settle();
        assert_eq!(count(), 0);
        assert_eq!(yard.github("ping", "p-2", &yard.secret, "{}").status, 401);
    }
);

both_databases!(a_retired_repository_is_left_alone, |desk| {
    let yard = Yard::new(desk, "github");
    let listed = repository::list(&yard.by()).unwrap().remove(0).repository;
    let typed = repository::Typed {
        name: listed.name,
        is_active: false,
        ..repository::Typed::default()
    };
    repository::edit(&yard.by(), yard.id, listed.version, &typed).unwrap();
    yard.bench.desk.settle();
    assert_eq!(yard.shown().forge.unwrap().standing.look.looked_at, None);
    assert_eq!(yard.github("ping", "1", &yard.secret, "{}").status, 401);
});

both_databases!(a_forge_is_connected_by_the_api, |desk| {
    let p = Program::new(desk);
    let repository = p.done("POST", "/api/v1/repositories", json!({"name": "infra/web"}));
    let place = format!(
        "/api/v1/repositories/{}/forge",
        repository.text("/repository/id")
    );
    assert_eq!(p.call("GET", &place, &[], None).status, 404);
    let body = json!({"kind": "gitlab", "clone_url": "https://git.example.org/web.git", "clone_login": "ci", "clone_password": "s3cret"});
    let made = p.done("PUT", &place, body.clone());
    assert!(made.text("/secret").starts_with("whsec_"));
    let seen = p.get(&place);
    assert_eq!(
        (
            seen.text("/kind").as_str(),
            seen.text("/clone_login").as_str()
        ),
        ("gitlab", "ci")
    );
    let shown = seen.body.to_string();
    assert!(
        !shown.contains("s3cret") && !shown.contains("whsec_"),
        "{shown}"
    );
    assert_eq!(seen.body["deliveries"], json!([]));

    let wrong = |body: Value| p.call("PUT", &place, &[], Some(&body.to_string())).faults();
    let fault = |field: &str, problem: &str| vec![(field.to_owned(), problem.to_owned())];
    let with = |name: &str, value: &str| {
        let mut body = body.clone();
        body[name] = value.into();
        body
    };
    assert_eq!(wrong(with("kind", "svn")), fault("kind", "unknown-word"));
    assert_eq!(
        wrong(with("clone_url", "--upload-pack=x")),
        fault("clone_url", "not-a-clone-url")
    );
    assert_eq!(
        wrong(with("clone_url", "https://a:b@x/web")),
        fault("clone_url", "clone-url-with-login")
    );
    assert_eq!(
        wrong(with("clone_url", "ssh://git@x/web")),
        fault("clone_login", "login-without-https")
    );
    // A password stays where it is, and goes to no other host.
    let mut without = with("clone_url", "https://git.example.org/other.git");
    without.as_object_mut().unwrap().remove("clone_password");
    assert_eq!(
        p.done("PUT", &place, without.clone()).body["secret"],
        Value::Null
    );
    without["clone_url"] = "https://elsewhere.example.org/web.git".into();
    assert_eq!(
        wrong(without),
        fault("clone_password", "clone-password-wanted")
    );
    let stale = p.call(
        "PUT",
        &place,
        &[("if-match", "\"1\"")],
        Some(&body.to_string()),
    );
    assert_eq!(stale.status, 412);

    let renewed = p.done("POST", &format!("{place}/secret"), json!({}));
    assert_ne!(renewed.text("/secret"), made.text("/secret"));
    assert_eq!(renewed.body["forge"]["has_old_secret"], true);
    p.done("POST", &format!("{place}/drop-old-secret"), Value::Null);
    p.done("POST", &format!("{place}/look"), Value::Null);
    p.done("DELETE", &place, Value::Null);
    assert_eq!(p.call("GET", &place, &[], None).status, 404);
    p.desk.letters();
});

both_databases!(
    a_repositorys_page_connects_its_forge_and_shows_the_secret_once,
    |desk| {
        let yard = Yard::new(desk, "github");
        act::remove(&yard.by(), yard.id).unwrap();
        let visitor = {
            let (server, app) = (yard.bench.server.as_ref().unwrap(), &yard.bench.desk.app);
            Visitor::logged_in(server, app, Holder::Person(yard.root.id))
        };
        let place = format!("/repositories/{}", yard.id);
        assert!(visitor.get(&place).text.contains("Connect</button>"));
        let url = format!("file://{}", yard.bench.path("forge.git").display());
        let wrong = visitor.post(
            &format!("{place}/forge"),
            &[("kind", "github"), ("clone_url", "web")],
        );
        assert_eq!(wrong.status, 422);
        assert!(
            wrong.text.contains("isn&#39;t taken as a clone URL")
                || wrong.text.contains("isn't taken as a clone URL"),
            "{}",
            wrong.text
        );
        let made = visitor.post(
            &format!("{place}/forge"),
            &[("kind", "github"), ("clone_url", &url)],
        );
        assert_eq!(made.status, 200);
        let from = made.text.find("whsec_").expect("the secret is shown");
        let secret: String = made.text[from..]
            .chars()
            .take_while(|c| *c != '<')
            .collect();
        let hook = format!("https://watch.example.org/api/v1/forge/{}", yard.id);
        let page = visitor.get(&place).text;
        assert!(
            page.contains(&hook) && page.contains("Just the push event"),
            "{page}"
        );
        assert!(!page.contains("whsec_"), "it is shown once");

        assert_eq!(yard.github("ping", "1", &secret, "{}").status, 202);
        assert_eq!(yard.github("push", "2", "wrong", "{}").status, 401);
        yard.bench.desk.settle();
        let page = visitor.get(&place).text;
        for part in [
            "ignored: not about branches or tags",
            "signed with another secret",
            "Last read",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        // Somebody else was faster.
        let version = yard.shown().forge.unwrap().version;
        let renewed = visitor.post(&format!("{place}/forge/secret"), &[("secret", "")]);
        assert!(renewed.text.contains("whsec_") && renewed.text.contains("Drop the old secret"));
        let version = version.to_string();
        let typed = [
            ("kind", "gitea"),
            ("clone_url", url.as_str()),
            ("rev", version.as_str()),
        ];
        let stale = visitor.post(&format!("{place}/forge"), &typed);
        assert_eq!(stale.status, 409);
        assert!(stale.text.contains("Rita"), "{}", stale.text);
        let weak = visitor.post(&format!("{place}/forge/drop-old-secret"), &[]);
        assert_eq!(weak.status, 303);
        let weak = visitor.post(&format!("{place}/forge/secret"), &[("secret", "short")]);
        assert_eq!(weak.status, 422);
        assert!(
            weak.text.contains("At least 16") && !weak.text.contains("short\""),
            "{}",
            weak.text
        );
        let gone = visitor.post(&format!("{place}/forge/remove"), &[]);
        assert_eq!(gone.status, 303);
        assert!(visitor.get(&place).text.contains("Connect</button>"));
    }
);
