//! Approvals through the doors: in the browser, by the API, and whose commits a push brings.

use serde_json::{Value, json};
use watchkeeper::actions::{approval_stand_in as away, change, ticket_edit};
use watchkeeper::domain::access::{Roles, Scopes};
use watchkeeper::domain::approval::{Needs, When};
use watchkeeper::domain::text::Title;
use watchkeeper::store::people::Holder;

use crate::api_walk::Two;
use crate::approvals::{APPROVER, House};
use crate::both_databases;
use crate::program::token_of;
use crate::served::Served;
use crate::visitor::Visitor;

/// Operations that are called here.
pub const CALLED: &[&str] = &[
    "approval :: list",
    "approval :: read",
    "approval :: add",
    "approval :: edit",
    "approval :: list_stand_ins",
    "approval :: add_stand_in",
    "approval :: end_stand_in",
];

/// The value of a hidden field of the form that goes to this address.
fn hidden(page: &str, action: &str, name: &str) -> String {
    let (_, form) = page
        .split_once(&format!("action=\"{action}\""))
        .unwrap_or_else(|| panic!("no form to {action} in {page}"));
    let (form, _) = form.split_once("</form>").expect("its end");
    let (_, value) = form
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap_or_else(|| panic!("no {name} in {form}"));
    value.split('"').next().unwrap_or_default().to_owned()
}

both_databases!(
    a_change_is_approved_on_its_page_and_the_page_says_by_whom_and_what_changed,
    |desk| {
        let house = House::new(desk);
        house.rule(
            When::default(),
            Needs {
                approvers: 2,
                ..Needs::HOUSE
            },
        );
        let key = house.opened();
        let served = Served::new(&house.desk.app);
        let enter = |id| Visitor::logged_in(&served, &house.desk.app, Holder::Person(id));
        let (ann, ben, cleo) = (
            enter(house.ann.id),
            enter(house.ben.id),
            enter(house.cleo.id),
        );
        let place = format!("/{key}");
        let says = |visitor: &Visitor, texts: &[&str]| {
            let page = visitor.get(&place).text;
            for text in texts {
                assert!(page.contains(text), "{text}: {page}");
            }
            page
        };
        // Who has to approve is said before anybody is asked.
        says(&ann, &["Production", "2 approvers", "Ask for approval"]);
        assert_eq!(ann.post(&format!("{place}/ask"), &[]).status, 303);
        let approve = format!("{place}/approve");
        let own = says(&ann, &["Still needed", "2 approvers"]);
        assert!(!own.contains(&approve), "not her own");
        let vote = |visitor: &Visitor, whom: &str| {
            let page = visitor.get(&place).text;
            let rev = hidden(&page, &approve, "rev");
            let digest = hidden(&page, &approve, "digest");
            assert!(page.contains(&digest[..8]), "its first digits are shown");
            visitor.post(
                &approve,
                &[("rev", &rev), ("digest", &digest), ("for", whom)],
            )
        };
        assert_eq!(vote(&ben, "").status, 303);
        says(&ann, &["Ben", "one approver", "still needed: one approver"]);
        assert_eq!(vote(&cleo, "").status, 303);
        let page = says(&ann, &["Cleo", "Approved", "Start"]);
        assert!(
            page.contains(&format!("action=\"{place}/start\"")),
            "{page}"
        );

        // Another title and an earlier end: field by field, for everybody who approved.
        let edit = ticket_edit::Edit {
            title: Some(Title::parse("Halve <pool> size").unwrap()),
            ..ticket_edit::Edit::default()
        };
        ticket_edit::edit(&house.desk.as_person(&house.ann), key, None, &edit).unwrap();
        let page = says(
            &ben,
            &[
                "Not the change any more that was approved",
                "Changed since Ben approved",
                "Changed since Cleo approved",
                "Raise pool size",
                "Halve &#60;pool&#62; size",
                "Approve it as it is now",
                "2 approvers",
            ],
        );
        assert!(!page.contains(&format!("action=\"{place}/start\"")));
        let refused = ann.post(&format!("{place}/start"), &[]);
        assert_eq!(refused.status, 422);
        assert!(
            refused.text.contains("Ask for its approval again"),
            "{}",
            refused.text
        );
        says(&ann, &["Ask for approval again"]);
        // A form from before the edit approves nothing.
        let rev = hidden(&page, &approve, "rev");
        let zeros = "0".repeat(64);
        let old = [("rev", rev.as_str()), ("digest", zeros.as_str())];
        assert_eq!(ben.post(&approve, &old).status, 409);
        assert_eq!(vote(&ben, "").status, 303);
        let page = says(&ann, &["Changed since Cleo approved"]);
        assert!(!page.contains("Changed since Ben approved"), "{page}");

        // Cleo is away, and Ben is asked in her name: on the page there is one to choose.
        let ends = house.desk.now().plus_secs(86_400);
        away::add(&house.desk.as_person(&house.cleo), house.ben.id, None, ends).unwrap();
        let page = says(&ben, &["In whose name", "for Cleo", "my own"]);
        assert!(page.contains(&house.cleo.id.to_string()));
        let dora = enter(house.desk.person("Dora", APPROVER).id);
        let page = dora.get(&place).text;
        assert!(!page.contains("In whose name"), "{page}");
        assert_eq!(vote(&dora, "").status, 303);
        assert_eq!(ann.post(&format!("{place}/start"), &[]).status, 303);
    }
);

both_databases!(
    rules_and_who_stands_in_are_kept_in_the_browser_by_who_may,
    |desk| {
        let house = House::new(desk);
        let served = Served::new(&house.desk.app);
        let enter = |id| Visitor::logged_in(&served, &house.desk.app, Holder::Person(id));
        let root = enter(house.desk.person("Root", Roles::all()).id);
        let (ben, cleo) = (enter(house.ben.id), enter(house.cleo.id));
        assert!(root.get("/settings").text.contains("href=\"/approvals\""));
        assert!(root.get("/approvals").text.contains("No rule yet"));
        let team = house.databases.to_string();
        let web = house.web.to_string();
        let mut form = vec![
            ("name", "Shop in <production>"),
            ("approvers", "many"),
            ("valid", "soon"),
            ("team", team.as_str()),
            ("services", web.as_str()),
            ("environments", "prod"),
            ("min_risk", "medium"),
            ("kind", "normal"),
            ("active", "yes"),
        ];
        let wrong = root.post("/approvals", &form);
        assert_eq!(wrong.status, 422);
        for said in ["A number from 0 to 9", "15 min at least", "value=\"many\""] {
            assert!(wrong.text.contains(said), "{said}: {}", wrong.text);
        }
        (form[1], form[2]) = (("approvers", "1"), ("valid", "8 h"));
        assert_eq!(root.post("/approvals", &form).status, 303);
        let listed = root.get("/approvals").text;
        for said in [
            "Shop in &#60;production&#62;",
            "one approver from Databases",
            "Medium risk or more",
            "8 h",
            "web",
        ] {
            assert!(listed.contains(said), "{said}: {listed}");
        }
        let (_, id) = listed.split_once("href=\"/approvals/").expect("its page");
        let place = format!("/approvals/{}", id.split('"').next().unwrap());
        let shown = root.get(&place).text;
        assert!(
            shown.contains("value=\"8 h\"") && shown.contains("name=\"rev\" value=\"1\""),
            "{shown}"
        );
        // Others read it, and keep nothing.
        let read = ben.get("/approvals");
        assert!(read.text.contains("Shop in") && !read.text.contains("name=\"approvers\""));
        assert_eq!(ben.post("/approvals", &form).status, 403);
        // Retired; whoever saw the former version is told so.
        let mut off = form.clone();
        off.retain(|(name, _)| *name != "active");
        off.push(("rev", "1"));
        assert_eq!(ben.post(&place, &off).status, 403);
        assert_eq!(root.post(&place, &off).status, 303);
        assert!(root.get("/approvals").text.contains("retired"));
        let stale = root.post(&place, &off);
        assert_eq!(stale.status, 409);
        assert!(
            stale.text.contains("name=\"rev\" value=\"2\""),
            "{}",
            stale.text
        );
        assert!(
            root.get("/audit")
                .text
                .contains("changed a rule about approvals")
        );

        // While Cleo is away.
        let empty = cleo.post("/approvals/away", &[]);
        assert_eq!(empty.status, 422, "{}", empty.text);
        let to = house.ben.id.to_string();
        let away = [
            ("to", to.as_str()),
            ("starts_at", ""),
            ("ends_at", "2026-06-05T18:00"),
        ];
        assert_eq!(cleo.post("/approvals/away", &away).status, 303);
        let listed = ben.get("/approvals").text;
        assert!(listed.contains("Ben approves for Cleo"), "{listed}");
        assert!(!listed.contains("/end\""), "it is hers to end");
        let (_, id) = cleo
            .get("/approvals")
            .text
            .split_once("/approvals/away/")
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .expect("a form");
        let end = format!("/approvals/away/{}/end", id.split('/').next().unwrap());
        assert_eq!(ben.post(&end, &[]).status, 404);
        assert_eq!(cleo.post(&end, &[]).status, 303);
        assert!(ben.get("/approvals").text.contains("Nobody is away"));
    }
);

both_databases!(approvals_are_kept_and_read_by_the_api, |desk| {
    desk.let_letters_go();
    let two = Two::new(desk);
    let p = &two.p;
    let made = p.done(
        "POST",
        "/api/v1/approval-rules",
        json!({"name": "Risky", "min_risk": "high", "approvers": 2, "valid_secs": 3_600, "team_id": two.team}),
    );
    let place = format!("/api/v1/approval-rules/{}", made.text("/id"));
    let wrong = json!({"valid_secs": 1, "approvers": 200}).to_string();
    let wrong = p.call("PATCH", &place, &[], Some(&wrong));
    let fault = |field: &str, problem: &str| (field.to_owned(), problem.to_owned());
    assert_eq!(
        wrong.faults(),
        [
            fault("approvers", "not-an-approver-count"),
            fault("valid_secs", "not-a-validity")
        ]
    );
    let edited = p.done(
        "PATCH",
        &place,
        json!({"team_id": null, "min_risk": "low", "kind": "normal"}),
    );
    assert_eq!(
        (
            &edited.body["team_id"],
            &edited.body["kind"],
            &edited.body["approvers"]
        ),
        (&Value::Null, &json!("normal"), &json!(2))
    );
    assert_eq!(p.get(&place).body["version"], 2);
    let listed = p.get("/api/v1/approval-rules").body;
    assert_eq!(listed["items"][0]["name"], "Risky");

    let key = p.opened(json!({"title": "Raise pool size", "kind": "change"}));
    let on = |rest: &str| format!("/api/v1/changes/{key}{rest}");
    p.done("POST", &on("/ask-approval"), Value::Null);
    let read = p.get(&on(""));
    let approval = &read.body["approval"];
    assert_eq!(
        (
            &approval["state"],
            &approval["needed"],
            &approval["needs"][0]["approvers"]
        ),
        (&json!("missing"), &json!("2 approvers"), &json!(2))
    );
    let tag = |said: &crate::program::Said| said.header("etag").expect("a version").to_owned();
    let short = json!({"digest": "abc"}).to_string();
    let refused = as_bob(&two, "POST", &on("/approve"), &tag(&read), &short);
    assert_eq!(refused, 412);
    let ballot = json!({"digest": approval["digest"]});
    let first = two.bob(
        "POST",
        &on("/approve"),
        &[("if-match", &tag(&read))],
        ballot,
    );
    assert_eq!(first.text("/state"), "awaiting_approval");

    // Cora is away, and Dan approves for her.
    let cora = p.desk.person("Cora", Roles::all());
    let dan = p.desk.person("Dan", Roles::all());
    let token = token_of(&p.desk, &cora, Scopes::all());
    let by_cora = |method: &str, path: &str, body: Option<&str>| {
        let bearer = format!("Bearer {token}");
        let heads = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        p.send(method, path, &heads, body)
    };
    let new = json!({"to": dan.id.to_string(), "ends_at": "2026-06-05T18:00:00Z"}).to_string();
    let named = by_cora("POST", "/api/v1/approval-stand-ins", Some(&new));
    assert_eq!(named.status, 201, "{}", named.body);
    let listed = p.get("/api/v1/approval-stand-ins").body;
    assert_eq!(listed["items"][0]["to"], json!(dan.id.to_string()));
    let by_dan = token_of(&p.desk, &dan, Scopes::all());
    let bearer = format!("Bearer {by_dan}");
    let etag = tag(&p.get(&on("")));
    let heads = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("if-match", etag.as_str()),
    ];
    let ballot = json!({"on_behalf_of": cora.id.to_string()}).to_string();
    let second = p.send("POST", &on("/approve"), &heads, Some(&ballot));
    assert_eq!(second.text("/state"), "approved", "{}", second.body);
    let approval = p.get(&on("")).body["approval"].clone();
    assert_eq!(
        (&approval["state"], &approval["until"]),
        (&json!("standing"), &json!("2026-06-01T10:00:00Z"))
    );
    let mut votes = approval["votes"].as_array().unwrap().iter();
    assert!(votes.any(|vote| vote["on_behalf_of"] == json!(cora.id.to_string())));
    let gone = by_cora(
        "DELETE",
        &format!("/api/v1/approval-stand-ins/{}", named.text("/id")),
        None,
    );
    assert_eq!(gone.status, 204);

    // Another version: what changed since is told, and by whom it was approved.
    p.done("PATCH", &on(""), json!({"version_after": "2.0"}));
    let read = p.get(&on(""));
    assert_eq!(read.text("/ticket/state"), "draft");
    let changed = &read.body["approval"]["votes"][0]["changed"][0];
    assert_eq!(
        (&changed["field"], &changed["before"], &changed["after"]),
        (&json!("version_after"), &json!(""), &json!("2.0"))
    );
});

fn as_bob(two: &Two, method: &str, path: &str, etag: &str, body: &str) -> u16 {
    let bearer = format!("Bearer {}", two.bob);
    let heads = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("if-match", etag),
    ];
    two.p.send(method, path, &heads, Some(body)).status
}

both_databases!(who_wrote_a_commit_of_a_change_doesnt_approve_it, |desk| {
    desk.let_letters_go();
    let two = Two::new(desk);
    let p = &two.p;
    let cora = p.desk.person("Cora", APPROVER);
    let dan = p.desk.person("Dan", APPROVER);
    let key = p.opened(json!({"title": "Raise pool size", "kind": "change"}));
    let repository = p.done("POST", "/api/v1/repositories", json!({"name": "infra/web"}));
    let place = format!("/api/v1/repositories/{}", repository.text("/repository/id"));
    let hook = p
        .done("POST", &format!("{place}/token"), Value::Null)
        .text("/token");
    let somebody = |name: &str| json!({"name": name, "email": format!("{name}@Watch.example.org"), "at": "2026-06-01T08:00:00Z"});
    let (zero, one) = ("0".repeat(40), "1".repeat(40));
    let link = json!({"key": key, "relation": "implements", "place": "trailer", "start": 24, "end": 29, "line": 3, "verb": null, "negated": false});
    let push = json!({
        "push_id": "push-1", "pusher": "ada", "parser": 1, "bulk": false, "last": true, "tips_hash": null,
        "refs": [{"name": "refs/heads/main", "old": zero, "new": one, "dropped": 0, "version_before": null, "version_after": null}],
        "commits": [{"oid": one, "parents": [], "author": somebody("cora"), "committer": somebody("ada"), "subject": "Raise pool size",
                     "links": [link], "facts": {"co_authors": ["dan@watch.example.org", "nobody@elsewhere.example"]}, "flags": {},
                     "paths": [], "path_count": 0, "by_ref": 0}],
    });
    let bearer = format!("Bearer {hook}");
    let heads = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let told = p.send(
        "POST",
        "/api/v1/hook/post-receive",
        &heads,
        Some(&push.to_string()),
    );
    assert_eq!(told.status, 200, "{}", told.body);
    let by_ada = p.desk.as_person(&p.ada);
    let parsed = key.parse().unwrap();
    let waiting = change::ask_approval(&by_ada, parsed, None).unwrap();
    for (who, name) in [(&cora, "its author"), (&dan, "who wrote it with her")] {
        let refused = change::approve(&p.desk.as_person(who), parsed, waiting.version);
        let Err(watchkeeper::error::Error::Refused(refusal)) = refused else {
            panic!("{name}: {refused:?}")
        };
        assert_eq!(refusal.rule, "wrote-its-commits", "{name}");
    }
    two.bob(
        "POST",
        &format!("/api/v1/changes/{key}/approve"),
        &[("if-match", &format!("\"{}\"", waiting.version))],
        Value::Null,
    );
});
