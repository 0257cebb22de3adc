//! The doors of forges: how each signs and what each says, over real HTTP; and how people and programs connect a forge.

use serde_json::{Value, json};
use watchkeeper::actions::forge::{self as act, Typed};
use watchkeeper::actions::repository;
use watchkeeper::domain::forge::Doubt;
use watchkeeper::domain::id::Kind;

use crate::both_databases;
use crate::forge_yard::{MAIN, Said, Yard, github_push, hmac};
use crate::program::Program;

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
        let visitor = yard.visitor();
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
