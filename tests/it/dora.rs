//! Figures of delivery: a week whose every number can be worked by hand, and the list behind each.

use serde_json::{Value, json};
use watchkeeper::actions::{suspect, ticket, ticket_parts};
use watchkeeper::domain::deployment::Typed;
use watchkeeper::domain::id::{Id, Kind};
use watchkeeper::domain::suspect::{Blame, Kind as Suspected};
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Relation};

use crate::both_databases;
use crate::deploy::{a_house, tell, typed};
use crate::desk::Desk;
use crate::program::{Program, Said};
use crate::pushed::Pushed;
use crate::web::Browser;

const MIN: i64 = 60;
const DAY: i64 = 86_400;

/// Operations that are called here.
pub const CALLED: &[&str] = &["dora :: read"];

fn at(version: &str, commit: &str, status: &str) -> Typed {
    Typed {
        commit: commit.into(),
        ..typed(version, status)
    }
}

fn ids(said: &Said, pointer: &str) -> Vec<String> {
    let list = said.body.pointer(pointer).and_then(Value::as_array);
    let list = list.unwrap_or_else(|| panic!("{pointer} in {}", said.body));
    list.iter()
        .map(|it| it.as_str().unwrap().to_owned())
        .collect()
}

both_databases!(
    case_5_6_every_figure_of_a_week_is_a_list_of_its_deployments,
    |desk| {
        let (ann, _, web) = a_house(&desk);
        let line = Pushed::new(&desk, "infra/web", Some(web));
        let by = desk.as_person(&ann);
        let opening = || Opening {
            services: vec![web],
            ..Opening::default()
        };
        let open = |kind: Kind, title: &str| {
            let by = desk.as_person(&ann);
            ticket::open(&by, kind, Title::parse(title).unwrap(), &opening())
                .unwrap()
                .key
        };
        let tell = |desk: &Desk, typed: Typed| tell(desk, typed).unwrap().deployment.id;
        // Monday 09:00.
        let change = open(Kind::Change, "Raise pool size");
        let first = line.commit(&desk, "Start");
        let a = tell(&desk, at("1.0", &first, "succeeded"));
        desk.advance(60 * MIN);
        line.commit(&desk, &format!("Raise pool size\n\nRefs: {change}"));
        desk.advance(30 * MIN);
        let third = line.commit(&desk, "Say how full it is");
        desk.advance(30 * MIN);
        // 11:00: two commits, 60 and 30 minutes old.
        let b = tell(&desk, at("1.1", &third, "succeeded"));
        desk.advance(20 * MIN);
        let broken = open(Kind::Incident, "Checkout refuses connections");
        let subject = suspect::Subject {
            kind: Suspected::Deployment,
            id: Id::from_uuid(b.uuid()),
        };
        suspect::mark(&desk.as_person(&ann), broken, subject, Blame::Caused).unwrap();
        desk.advance(10 * MIN);
        // 11:30: back to what was there. It mends, and is no failure.
        let back = tell(&desk, at("1.0", &first, "succeeded"));
        desk.advance(10 * MIN);
        ticket::resolve(&desk.as_person(&ann), broken, None, "rolled back").unwrap();
        desk.advance(20 * MIN);
        let fourth = line.commit(&desk, &format!("Keep the pool open\n\nFixes: {broken}"));
        desk.advance(30 * MIN);
        // 12:30: the two from before come back, and are no news; one is, 30 minutes old.
        let mended = tell(&desk, at("1.2", &fourth, "succeeded"));
        desk.advance(30 * MIN);
        // 13:00, and again at 13:20.
        let failed = tell(&desk, typed("1.3", "failed"));
        desk.advance(20 * MIN);
        let again = tell(&desk, typed("1.3", "succeeded"));
        // Rehearsals are nobody's figures.
        let staging = Typed {
            environment: "staging".into(),
            ..typed("9.9", "failed")
        };
        tell(&desk, staging);
        desk.advance(40 * MIN);
        // 14:00: another one comes of the change; the last that brought it was at 12:30. It goes on.
        let slow = open(Kind::Incident, "Checkout is slow");
        ticket_parts::link(&by, slow, Relation::CausedBy, change).unwrap();
        let running = tell(&desk, typed("1.4", "started"));

        let p = Program::new(desk);
        let week = p.get("/api/v1/deployments/figures?from=2026-06-01&to=2026-06-07");
        assert_eq!(week.body["as_of"], json!(p.desk.now().rfc3339()));
        p.desk.advance(7 * DAY);
        let week = p.get("/api/v1/deployments/figures?from=2026-06-01&to=2026-06-07&zone=UTC");
        assert_eq!(week.status, 200, "{}", week.body);
        assert_eq!(week.body["as_of"], Value::Null);
        let text = |all: &[_]| -> Vec<String> { all.iter().map(ToString::to_string).collect() };
        let total = &week.body["total"];
        // 6 came to an end, 5 of them were live in this week.
        assert_eq!(
            ids(&week, "/total/all/deployments"),
            text(&[a, b, back, mended, failed, again])
        );
        assert_eq!(
            ids(&week, "/total/live/deployments"),
            text(&[a, b, back, mended, again])
        );
        assert_eq!(total["live_a_week"], "5");
        // 60, 30 and 30 minutes.
        assert_eq!(
            total["change_lead_time"],
            json!({"count": 3, "median_secs": 1_800, "p90_secs": 3_600, "deployments": text(&[b, mended])})
        );
        assert_eq!(
            ids(&week, "/total/lead_unknown/deployments"),
            text(&[a, again])
        );
        // One that an incident comes of by a finding, one by its change, one that failed: 3 of 6.
        assert_eq!(
            ids(&week, "/total/change_fail/deployments"),
            text(&[b, mended, failed])
        );
        assert_eq!(total["change_fail_percent"], "50");
        // 11:00 to 11:40, and 13:00 to 13:20; the third goes on.
        assert_eq!(
            total["failed_deployment_recovery_time"],
            json!({"count": 2, "median_secs": 1_800, "p90_secs": 2_400, "deployments": text(&[b, failed])})
        );
        assert_eq!(
            ids(&week, "/total/unrecovered/deployments"),
            text(&[mended])
        );
        // 1 of 6.
        assert_eq!(ids(&week, "/total/rework/deployments"), text(&[mended]));
        assert_eq!(total["rework_percent"], "16.7");
        assert_eq!(ids(&week, "/total/running/deployments"), text(&[running]));
        assert_eq!(
            week.body["weeks"][0]["figures"], *total,
            "the period is one week"
        );
        let found = |id| {
            let all = week.body["deployments"].as_array().unwrap().iter();
            all.into_iter()
                .find(|it| it["id"] == json!(format!("{id}")))
                .unwrap()
                .clone()
        };
        let of_b = found(b);
        assert_eq!(
            of_b["failed"],
            json!({
                "because": ["caused", "intervened"],
                "incidents": [broken.to_string()],
                "followed_by": mended.to_string(),
                "recovered_at": "2026-06-01T11:40:00Z",
                "recovery_secs": 2_400,
            })
        );
        assert_eq!(found(back)["failed"], Value::Null);
        assert_eq!(found(mended)["rework"], json!(["mends"]));
        let people: [&str; 4] = ["actor", "by_name", "author", "\"by\""];
        let said = week.body.to_string();
        for name in people {
            assert!(!said.contains(name), "{name}");
        }

        // Nothing is a share of nothing.
        let may = p.get("/api/v1/deployments/figures?from=2026-05-04&to=2026-05-10");
        assert_eq!(may.body["total"]["change_fail_percent"], Value::Null);
        assert_eq!(may.body["total"]["all"]["count"], 0);
        for (query, field) in [
            ("from=2026-06-07&to=2026-06-01", "to"),
            ("from=2027-01-01&to=2027-01-02", "from"),
            ("from=2026-06-01&to=2026-06-07&zone=Moon", "zone"),
            ("from=soon&to=2026-06-07", "from"),
        ] {
            let wrong = p.get(&format!("/api/v1/deployments/figures?{query}"));
            assert_eq!(wrong.faults()[0].0, field, "{query}: {}", wrong.body);
        }
        let other = idle_service(&p.desk);
        let theirs = p.get(&format!(
            "/api/v1/deployments/figures?from=2026-06-01&to=2026-06-07&service={other}"
        ));
        assert_eq!(theirs.body["total"]["all"]["count"], 0);

        let browser = Browser::of(&p.desk, &p.ada);
        let span = "from=2026-06-01&to=2026-06-14&zone=UTC";
        let page = browser.get(&format!("/deployments/figures?{span}"));
        page.is(200)
            .says("50 % (3 of 6)")
            .says("16.7 % (1 of 6)")
            .says("middle 30 min, 9 of 10 within 1 h (3 commits)")
            .says("middle 30 min, 9 of 10 within 40 min (2 times)")
            .says("5 a week (5 live)")
            .says("no deployments")
            .says("never of people")
            .says("One deployment failed and isn&#39;t right yet");
        // Each number leads to its list.
        let place = format!("/deployments/figures/list?{span}&number=failed&week=2026-06-01");
        page.says(&place.replace('&', "&#38;"));
        browser
            .get(&place)
            .is(200)
            .says("3 deployments.")
            .says(&b.to_string())
            .says(&broken.to_string())
            .says("mended within a day by")
            .says("it failed");
        browser
            .get("/deployments/figures/list?number=nothing")
            .is(404);
        browser
            .get("/deployments/figures?from=2026-06-07&to=2026-06-01")
            .is(422);
        browser.get("/deployments").says("/deployments/figures");
        let csv = browser
            .get(&format!("/deployments/figures.csv?{span}"))
            .text();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(
            lines[2],
            "week of 2026-06-01,2026-06-01T00:00:00Z,2026-06-08T00:00:00Z,6,5,5,3,1800,3600,2,3,50,2,1800,2400,1,1,16.7,1"
        );
        assert!(lines[3].ends_with(",0,0,0,0,,,0,0,,0,,,0,0,,0"), "{csv}");
        let csv = browser.get(&place.replace("list?", "list.csv?")).text();
        assert_eq!(csv.lines().count(), 4, "{csv}");
        assert!(
            csv.contains(&format!("{b},web,,1.1,succeeded,forward,")),
            "{csv}"
        );
    }
);

/// A service to which nothing was deployed.
fn idle_service(desk: &Desk) -> String {
    let services = desk
        .app
        .store
        .read(watchkeeper::store::house::services)
        .unwrap();
    let other = services.iter().find(|it| it.name != "web").unwrap();
    other.id.to_string()
}
