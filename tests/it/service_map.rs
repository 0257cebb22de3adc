//! Services that hang together: what a service calls and what it runs on is looked at when it breaks, and when changes are planned.

use serde_json::{Value, json};

use watchkeeper::actions::house::set_environments;
use watchkeeper::domain::id::Id;

use crate::agenda::planned;
use crate::api_walk::is;
use crate::both_databases;
use crate::program::Program;
use crate::web::Browser;

/// A service, by its name; what it calls and runs on.
fn service(p: &Program, team: &str, name: &str, calls: &[&str], runs_on: &[&str]) -> String {
    let asked = json!({"name": name, "team_id": team, "calls_ids": calls, "runs_on": runs_on});
    p.done("POST", "/api/v1/services", asked).text("/id")
}

fn team(p: &Program, name: &str) -> String {
    let asked = json!({"name": name, "zone": "Europe/Berlin"});
    p.done("POST", "/api/v1/teams", asked).text("/id")
}

/// Tells of a deployment of it that has just ended.
fn deploy(p: &Program, service: &str, version: &str) {
    let asked = json!({"service": service, "environment": "prod", "version": version, "status": "succeeded"});
    p.done("POST", "/api/v1/deployments", asked);
}

fn nears(answer: &Value) -> Vec<(String, String)> {
    let suspects = answer["suspects"].as_array().unwrap();
    let word = |it: &Value, at: &str| it.pointer(at).unwrap().as_str().unwrap().to_owned();
    suspects
        .iter()
        .map(|it| (word(it, "/subject/what"), word(it, "/subject/near")))
        .collect()
}

both_databases!(
    what_a_service_hangs_on_is_suspected_before_what_it_has_nothing_to_do_with,
    |desk| {
        let p = Program::new(desk);
        p.desk.let_letters_go();
        set_environments(&p.desk.as_person(&p.ada), "prod\nstaging").unwrap();
        let teams = ["Front", "Data", "Docs"].map(|name| team(&p, name));
        let database = service(&p, &teams[1], "orders-db", &[], &["pg-1"]);
        service(&p, &teams[1], "queue", &[], &["PG-1"]);
        let shop = service(&p, &teams[1], "shop", &[&database], &[]);
        let web = service(&p, &teams[0], "web", &[&shop], &["k8s"]);
        service(&p, &teams[2], "docs", &[], &[]);
        service(&p, &teams[2], "app", &[&web], &[]);
        for name in ["docs", "orders-db", "queue", "app", "shop"] {
            deploy(&p, name, "2.0");
            p.desk.advance(60);
        }
        let key = p.opened(
            json!({"title": "All carts are empty", "service_ids": [web], "severity": "high"}),
        );
        let answer = p.get(&format!("/api/v1/tickets/{key}/suspects"));
        assert_eq!(answer.body["services"], json!(["web"]));
        assert_eq!(answer.body["around"], json!(["app", "shop"]));
        let said = nears(&answer.body);
        let said: Vec<(&str, &str)> = said.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(
            said,
            [
                ("shop 2.0", "upstream"),
                ("app 2.0", "downstream"),
                ("orders-db 2.0", "two_hops"),
                ("queue 2.0", "same_environment"),
                ("docs 2.0", "same_environment"),
            ]
        );
        // The queue has nothing to do with the web, but with the database it shares its host.
        let key = p.opened(
            json!({"title": "Slow queries", "service_ids": [database], "severity": "high"}),
        );
        let answer = p.get(&format!("/api/v1/tickets/{key}/suspects"));
        let said = nears(&answer.body);
        assert!(
            said.contains(&("queue 2.0".to_owned(), "shared".to_owned())),
            "{said:?}"
        );
        assert!(
            said.contains(&("shop 2.0".to_owned(), "downstream".to_owned())),
            "{said:?}"
        );
        let page = Browser::of(&p.desk, &p.ada).get(&format!("/{key}"));
        page.is(200)
            .says("shared infrastructure")
            .says("a service that calls it");
    }
);

both_databases!(
    changes_of_services_that_hang_together_get_into_each_others_way,
    |desk| {
        let p = Program::new(desk);
        p.desk.let_letters_go();
        let team = team(&p, "Front");
        let database = service(&p, &team, "orders-db", &[], &["pg-1"]);
        let queue = service(&p, &team, "queue", &[], &["pg-1"]);
        let shop = service(&p, &team, "shop", &[&database], &[]);
        let docs = service(&p, &team, "docs", &[], &[]);
        let begins = 30 * 3_600;
        let change = |title: &str, service: &str| {
            let on = [Id::parse(service).unwrap()];
            planned(&p.desk, &p.ada, title, begins, begins + 3_600, &on).to_string()
        };
        let vacuum = change("Vacuum", &database);
        let others = [("Cart", &shop), ("Broker", &queue), ("Typo", &docs)];
        let [cart, broker, typo] = others.map(|(title, service)| change(title, service));
        let conflicts = |key: &str| {
            let answer = p.get("/api/v1/calendar");
            is(&answer, 200);
            let changes = answer.body["changes"].as_array().unwrap();
            let own = changes.iter().find(|it| it["key"] == key).unwrap();
            let conflicts = own["conflicts"].as_array().unwrap();
            let word = |it: &Value, name: &str| it[name].as_str().unwrap_or_default().to_owned();
            let mut all: Vec<(String, String)> = conflicts
                .iter()
                .map(|it| (word(it, "code"), word(it, "with")))
                .collect();
            all.sort();
            all
        };
        let said = |code: &str, with: &str| (code.to_owned(), with.to_owned());
        assert_eq!(
            conflicts(&vacuum),
            [
                said("downstream_busy", &cart),
                said("shared_infra", &broker)
            ]
        );
        assert_eq!(conflicts(&cart), [said("upstream_busy", &vacuum)]);
        assert_eq!(conflicts(&broker), [said("shared_infra", &vacuum)]);
        assert_eq!(conflicts(&typo), []);
        // The database breaks: the shop's change is held up by it once it is near.
        p.desk.advance(20 * 3_600);
        let broken =
            p.opened(json!({"title": "Disk full", "service_ids": [database], "severity": "high"}));
        assert!(conflicts(&cart).contains(&said("open_incident", &broken)));
        assert_eq!(conflicts(&typo), []);
    }
);

both_databases!(what_a_service_hangs_on_is_edited_on_its_page, |desk| {
    let p = Program::new(desk);
    let team = team(&p, "Front");
    let database = service(&p, &team, "orders-db", &[], &[]);
    let shop = service(&p, &team, "shop", &[], &[]);
    let at = format!("/api/v1/services/{shop}");
    let browser = Browser::of(&p.desk, &p.ada);
    let page = format!("/services/{shop}");
    let save = |calls: &str, runs_on: &str, rev: &str| {
        let fields = [
            ("name", "shop"),
            ("team", team.as_str()),
            ("members_total", "2"),
            ("members_needed", "1"),
            ("calls_ids", calls),
            ("runs_on", runs_on),
            ("rev", rev),
        ];
        browser.post(&page, &fields)
    };
    save(&database, "k8s, pg-1, K8S", "1").is(303);
    let known = p.get(&at).body;
    assert_eq!(known["calls_ids"], json!([database]));
    assert_eq!(known["runs_on"], json!(["k8s", "pg-1"]));
    browser
        .get(&page)
        .is(200)
        .says("orders-db</a>")
        .says("k8s, pg-1");
    browser
        .get(&format!("/services/{database}"))
        .is(200)
        .says("Called by");
    save(&shop, "k8s", "2")
        .is(422)
        .says("A service doesn&#39;t call itself.");
    let long = "x".repeat(61);
    save(&database, &long, "2").is(422).says(&long);
    assert_eq!(p.get(&at).body["version"], 2);
    let refused = p.call(
        "PATCH",
        &at,
        &[],
        Some(&json!({"calls_ids": [shop]}).to_string()),
    );
    is(&refused, 422);
    assert_eq!(
        refused.faults(),
        [("calls_ids".to_owned(), "calls-itself".to_owned())]
    );
    // What a program doesn't name stays.
    p.done("PATCH", &at, json!({"name": "shop-1"}));
    assert_eq!(p.get(&at).body["runs_on"], json!(["k8s", "pg-1"]));
});
