//! The doors of the deployment ledger: a pipeline's token, the API, and one line on the command line.

use std::process::Output;

use serde_json::json;
use watchkeeper::actions::login;
use watchkeeper::domain::access::{Role, Roles, Scope, Scopes, TokenOwner};

use crate::both_databases;
use crate::deploy::a_house;
use crate::desk::{Desk, On};
use crate::git_bench::WATCHKEEPER;
use crate::program::Program;

/// Operations that are called here.
pub const CALLED: &[&str] = &[
    "deployment :: list",
    "deployment :: record",
    "deployment :: read",
    "deployment :: live",
    "deployment :: diff",
    "deploy_rule :: read",
    "deploy_rule :: edit",
    "suspect :: read",
    "suspect :: mark",
    "suspect_figures :: figures",
    "fix :: read",
    "fix :: decline",
    "feed :: beat",
];

both_databases!(
    a_pipelines_token_tells_of_deployments_and_can_do_nothing_else,
    |desk| {
        a_house(&desk);
        let p = Program::new(desk);
        let pipeline = {
            let new = login::NewToken {
                name: "pipeline".into(),
                owner: TokenOwner::Service,
                roles: Roles::of(&[Role::Responder]),
                scopes: Scopes::of(&[Scope::Deploy]),
                expires_at: None,
            };
            login::make_token(&p.desk.as_person(&p.ada), &new)
                .unwrap()
                .1
        };
        let body = json!({"service": "web", "environment": "prod", "version": "4.12.0", "status": "started", "source_event_id": "77"});
        let as_pipeline = |method: &str, path: &str, body: Option<&str>| {
            let token = format!("Bearer {pipeline}");
            let heads = [
                ("authorization", token.as_str()),
                ("content-type", "application/json"),
            ];
            p.send(method, path, &heads, body)
        };
        let said = as_pipeline("POST", "/api/v1/deployments", Some(&body.to_string()));
        assert_eq!(
            (said.status, said.text("/verdict").as_str()),
            (201, "accepted"),
            "{}",
            said.body
        );
        assert_eq!(said.text("/deployment/by_name"), "pipeline");
        let place = said.header("location").unwrap().to_owned();
        let again = as_pipeline("POST", "/api/v1/deployments", Some(&body.to_string()));
        assert_eq!(
            (again.status, again.body["is_news"].clone()),
            (200, json!(false))
        );
        for (method, path) in [
            ("GET", "/api/v1/deployments"),
            ("GET", "/api/v1/tickets"),
            ("POST", "/api/v1/tickets"),
        ] {
            let body = (method == "POST").then_some("{\"kind\":\"task\",\"title\":\"x\"}");
            assert_eq!(
                as_pipeline(method, path, body).status,
                403,
                "{method} {path}"
            );
        }
        let unknown = as_pipeline(
            "POST",
            "/api/v1/deployments",
            Some(
                "{\"service\":\"web\",\"environment\":\"prod\",\"version\":\"1\",\"status\":\"done\",\"force\":true}",
            ),
        );
        assert_eq!(unknown.status, 422, "{}", unknown.body);
        assert_eq!(p.get(&place).text("/deployment/status"), "started");
        read_back(&p);
    }
);

/// Everything that reads the ledger, once.
fn read_back(p: &Program) {
    let body = json!({"service": "web", "environment": "prod", "version": "4.12.0", "status": "succeeded", "source_event_id": "r1", "artefact": "sha256:aa"});
    let told = p.done("POST", "/api/v1/deployments", body);
    p.desk.advance(60);
    let from = p.desk.now().rfc3339();
    p.desk.advance(60);
    let next = json!({"service": "web", "environment": "prod", "version": "4.12.1", "status": "succeeded", "source_event_id": "r2"});
    let next = p.done("POST", "/api/v1/deployments", next);
    let detail = p.get(&format!(
        "/api/v1/deployments/{}",
        next.text("/deployment/id")
    ));
    assert_eq!(detail.text("/deployment/version_before"), "4.12.0");
    assert_eq!(
        detail.text("/revert/lines/0"),
        "deploy web@4.12.0 sha256:aa to prod"
    );
    let page = p.get("/api/v1/deployments?environment=prod&limit=1&status=succeeded");
    assert_eq!(page.text("/items/0/version"), "4.12.1");
    let after = p.get(&format!("/api/v1/deployments?after={}", page.text("/next")));
    assert_eq!(after.text("/items/0/version"), "4.12.0");
    let bad = p.get("/api/v1/deployments?environment=moon");
    assert_eq!(
        bad.faults(),
        [("environment".to_owned(), "unknown-environment".to_owned())]
    );
    assert_eq!(p.get("/api/v1/live").text("/items/0/version"), "4.12.1");
    let then = p.get(&format!("/api/v1/live?environment=prod&at={from}"));
    assert_eq!(then.text("/items/0/version"), "4.12.0");
    let diff = p.get(&format!(
        "/api/v1/live/diff?service=web&environment=prod&from={from}"
    ));
    assert_eq!(diff.text("/targets/0/version_from"), "4.12.0");
    assert_eq!(diff.text("/targets/0/steps/0/version"), "4.12.1");
    let rule = format!(
        "/api/v1/services/{}/deploy-rule",
        told.text("/deployment/service_id")
    );
    assert_eq!(p.get(&rule).body["soak_minutes"], json!(1_440));
    p.done(
        "PATCH",
        &rule,
        json!({"revert": "deploy {service}@{prev.version}", "soak_minutes": 30}),
    );
    let wrong = p.call("PATCH", &rule, &[], Some("{\"soak_minutes\":0}"));
    assert_eq!(
        wrong.faults(),
        [("soak_minutes".to_owned(), "not-a-soak".to_owned())]
    );
    let wrong = p.call(
        "PATCH",
        &rule,
        &[("if-match", "\"7\"")],
        Some("{\"revert\":\"\"}"),
    );
    assert_eq!(wrong.status, 412);
    crate::suspects::by_api(p, &next.text("/deployment/id"));
    crate::fixes::by_api(p);
    crate::suspects_cleared::by_api(p);
}

fn run(url: &str, token: &str, args: &[&str]) -> Output {
    std::process::Command::new(WATCHKEEPER)
        .args(args)
        .args(["--url", url, "--token", token])
        .env_clear()
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    format!("{out}{}", String::from_utf8_lossy(&output.stderr))
}

#[test]
fn one_line_in_a_pipeline_prints_the_verdict_and_exits_by_it() {
    let desk = Desk::new(On::Sqlite);
    a_house(&desk);
    let p = Program::new(desk);
    let url = p.server.url();
    let deploy = |args: &[&str]| {
        let all: Vec<&str> = ["deploy"].iter().chain(args).copied().collect();
        let output = run(&url, &p.token, &all);
        (output.status.code(), said(&output))
    };
    let (code, text) = deploy(&["web@4.11.8", "--env", "prod", "--commit", "c0ffee1"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("web 4.11.8 is live in prod"), "{text}");
    p.desk.advance(60);
    let before = p.desk.now();
    p.desk.advance(60);
    let (code, text) = deploy(&["web@4.12.0", "--status", "started", "--id", "run-7"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("yes: web 4.12.0 may be deployed to prod"),
        "{text}"
    );
    let (_, text) = deploy(&["web@4.12.0", "--id", "run-7"]);
    assert!(text.contains("is live in prod"), "{text}");
    let (_, text) = deploy(&["web@4.12.0", "--id", "run-7"]);
    assert!(text.contains("known already"), "{text}");
    let (code, text) = deploy(&["web@4.12.0", "--env", "moon"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("Known: prod, staging"), "{text}");
    let (code, text) = deploy(&["web"]);
    assert_eq!(code, Some(2), "{text}");
    let nobody = run("http://127.0.0.1:9", &p.token, &["deploy", "web@1"]);
    assert_eq!(nobody.status.code(), Some(2), "{}", said(&nobody));

    let at = before.rfc3339();
    let then = run(&url, &p.token, &["at", &at, "--env", "prod"]);
    assert!(
        said(&then).contains("prod web 4.11.8 since"),
        "{}",
        said(&then)
    );
    let now = run(&url, &p.token, &["at", "now"]);
    assert!(said(&now).contains("prod web 4.12.0"), "{}", said(&now));
    let diff = run(&url, &p.token, &["diff", "web", &at, "--env", "prod"]);
    assert!(
        said(&diff).contains("web prod: 4.11.8 -> 4.12.0"),
        "{}",
        said(&diff)
    );
    let vague = run(&url, &p.token, &["at", "2026-06-01T10:00"]);
    assert_eq!(vague.status.code(), Some(2));
}
