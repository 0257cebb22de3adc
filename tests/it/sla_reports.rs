//! What became of the promises: counted in the customer's month, with the list behind each number, by team and never by person,
//! with what is given back; and as it was, once the period is locked.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use watchkeeper::actions::ticket as act;
use watchkeeper::domain::access::{Role, Roles, Scopes};
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::ticket::{State, Ticket};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::store::people::Holder;

use crate::accounts::founded;
use crate::both_databases;
use crate::desk::{Desk, Staff};
use crate::program::{Program, token_of};
use crate::proof::{HOUR, contoso, opened};
use crate::visitor::{Answer, Visitor};

fn at(desk: &Desk, text: &str) {
    desk.app.time.set(Timestamp::parse_rfc3339(text).unwrap());
    desk.settle();
}

fn answer(desk: &Desk, who: &Staff, ticket: &Ticket) {
    act::spoke_with_customer(&desk.as_person(who), ticket.key, None, "We are on it").unwrap();
}

#[track_caller]
fn says(answer: &Answer, text: &str) {
    assert!(
        answer.text.contains(text),
        "{text:?} isn't in\n{}",
        answer.text
    );
}

struct June {
    p: Program,
    customer: String,
}

/// The end of June at Contoso, which counts in New York: one answer in time, one in the night of the 30th there (which is July in
/// Greenwich) and an hour of working time late, one ticket cancelled, one open.
fn june(desk: Desk) -> June {
    founded(&desk);
    let p = Program::new(desk);
    let (desk, ada) = (&p.desk, &p.ada);
    desk.let_letters_go();
    let customer = contoso(desk, ada, &[(Metric::Respond, HOUR)]);
    at(desk, "2026-06-30T19:00:00Z");
    let late = opened(desk, ada, customer, "Uplink down");
    let in_time = opened(desk, ada, customer, "Phones down");
    let spam = opened(desk, ada, customer, "Win a prize");
    opened(desk, ada, customer, "Printer down");
    at(desk, "2026-06-30T19:30:00Z");
    answer(desk, ada, &in_time);
    act::resolve(&desk.as_person(ada), in_time.key, None, "restarted").unwrap();
    act::step(
        &desk.as_person(ada),
        spam.key,
        None,
        State::Cancelled,
        "spam",
    )
    .unwrap();
    at(desk, "2026-07-01T02:30:00Z");
    answer(desk, ada, &late);
    act::resolve(&desk.as_person(ada), late.key, None, "restarted").unwrap();
    at(desk, "2026-07-02T08:00:00Z");
    June {
        customer: customer.to_string(),
        p,
    }
}

impl June {
    fn place(&self, zone: &str, more: &str) -> String {
        let customer = &self.customer;
        format!("customer_id={customer}&from=2026-06-01&to=2026-06-30&zone={zone}{more}")
    }

    fn report(&self, zone: &str) -> Value {
        let said = self
            .p
            .get(&format!("/api/v1/sla-report?{}", self.place(zone, "")));
        assert_eq!(said.status, 200, "{}", said.body);
        said.body
    }

    fn browser(&self, who: &Staff) -> Visitor {
        Visitor::logged_in(&self.p.server, &self.p.desk.app, Holder::Person(who.id))
    }

    /// The page's address.
    fn page(&self, zone: &str) -> String {
        let customer = &self.customer;
        format!("/reports/sla?customer={customer}&from=2026-06-01&to=2026-06-30&zone={zone}")
    }
}

both_databases!(
    t66_a_promise_counts_in_the_local_month_in_which_it_ended,
    |desk| {
        let june = june(desk);
        let there = june.report("America/New_York");
        let respond = &there["sections"][0]["promises"][0];
        assert_eq!(there["sections"][0]["name"], "Gold");
        assert_eq!(
            [
                &respond["met"],
                &respond["missed"],
                &respond["cancelled"],
                &respond["open"]
            ],
            [1, 1, 1, 1]
        );
        assert_eq!(respond["open_late"], 1, "due at 16:00 there");
        assert_eq!(there["until_at"], "2026-07-01T04:00:00Z");
        // In Greenwich the night of the 30th is July: it was open, and late, when June ended.
        let greenwich = june.report("UTC");
        let respond = &greenwich["sections"][0]["promises"][0];
        assert_eq!(
            [
                &respond["met"],
                &respond["missed"],
                &respond["open"],
                &respond["open_late"]
            ],
            [1, 0, 2, 2]
        );
        let july = june.p.get(&format!(
            "/api/v1/sla-report?customer_id={}&from=2026-07-01&to=2026-07-31&zone=UTC",
            june.customer
        ));
        assert_eq!(july.body["sections"][0]["promises"][0]["missed"], 1);
        assert_eq!(july.text("/as_of"), "2026-07-02T08:00:00Z", "it isn't over");
    }
);

both_databases!(
    behind_each_number_stands_its_list_and_the_same_record_is_the_same_bytes,
    |desk| {
        let june = june(desk);
        let ada = june.p.ada.clone();
        let browser = june.browser(&ada);
        let page = browser.get(&june.page("America/New_York"));
        assert_eq!(page.status, 200);
        says(&page, "50 % (1 of 2)");
        says(&page, "Operations");
        assert!(!page.text.contains("Ada</th>"), "nobody is ranked");
        let link = page
            .text
            .split("href=\"")
            .filter_map(|rest| rest.split('"').next())
            .find(|link| link.contains("outcome=missed") && link.contains("metric=respond"))
            .expect("the number has its list")
            .replace("&#38;", "&")
            .replace("&amp;", "&");
        let list = browser.get(&link);
        says(&list, "Uplink down");
        says(
            &list,
            "missed, 6 h 30 min late by the clock, 1 h of it in the agreed hours: Operations 1 h",
        );
        says(&list, "Tue 30 Jun 2026 22:30 EDT");
        assert!(!list.text.contains("Phones down"));
        let proof = list
            .text
            .split("href=\"")
            .filter_map(|rest| rest.split('"').next())
            .find(|link| link.contains("/clocks/"))
            .expect("and each line its proof")
            .to_owned();
        says(&browser.get(&proof), "Operations");

        let cycles = june.p.get(&format!(
            "/api/v1/sla-report/clocks?{}",
            june.place("America/New_York", "&metric=respond&outcome=missed")
        ));
        assert_eq!(cycles.text("/items/0/ticket"), "INC-1");
        let late = &cycles.body["items"][0]["late"][0];
        assert_eq!(
            (&late["bearer"], &late["team"]),
            (&json!("team"), &json!("Operations"))
        );
        assert_eq!(late["micros"], 3_600_000_000_i64);

        let file = |form: &str| {
            let place = june.place("America/New_York", "");
            let said = june
                .p
                .get(&format!("/api/v1/sla-report/files/{form}?{place}"));
            let bytes = STANDARD.decode(said.text("/content")).unwrap();
            let hash = said.text("/sha256");
            let own: String = Sha256::digest(&bytes)
                .iter()
                .map(|it| format!("{it:02x}"))
                .collect();
            assert_eq!(own, hash);
            (bytes, hash)
        };
        let content = june.report("America/New_York")["sha256"]
            .as_str()
            .unwrap()
            .to_owned();
        says(&page, &content);
        for form in ["csv", "html", "pdf"] {
            let (bytes, hash) = file(form);
            assert_eq!(file(form).0, bytes, "{form}");
            says(&page, &hash);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(
                form == "pdf" || text.contains(&content),
                "{form} names its content"
            );
            assert!(!text.contains("Ada"), "{form} names no person");
        }
        let (csv, _) = file("csv");
        let csv = String::from_utf8(csv).unwrap();
        assert!(
            csv.contains(",INC-1,Uplink down,1,2026-06-30T15:00:00-04:00,2026-06-30T16:00:00-04:00,2026-06-30T22:30:00-04:00,missed,,3600,Operations 3600,"),
            "{csv}"
        );
    }
);

both_databases!(
    nothing_is_added_up_by_person_and_the_refusal_says_why,
    |desk| {
        let june = june(desk);
        let place = june.place("UTC", "&late_by=person");
        let said = june.p.get(&format!("/api/v1/sla-report?{place}"));
        assert_eq!(
            (said.status, said.text("/rule").as_str()),
            (422, "no-ranking-of-people")
        );
        let ada = june.p.ada.clone();
        let customer = &june.customer;
        let refused = june.browser(&ada).get(&format!(
            "/reports/sla/list?customer={customer}&from=2026-06-01&to=2026-06-30&by=person"
        ));
        assert_eq!(refused.status, 422);
        says(
            &refused,
            "who is given the hardest tickets would look worst",
        );
    }
);

both_databases!(
    an_agreement_gives_back_by_its_clause_and_never_more_than_its_cap,
    |desk| {
        let june = june(desk);
        let p = &june.p;
        let agreements = p.get("/api/v1/agreements");
        let all = agreements.body["items"].as_array().unwrap();
        let gold = all.iter().find(|it| it["name"] == "Gold").unwrap();
        let place = format!(
            "/api/v1/agreements/{}/credits",
            gold["id"].as_str().unwrap()
        );
        assert_eq!(p.get(&place).body["clause"], Value::Null);
        assert_eq!(
            june.report("America/New_York")["sections"][0]["credit"],
            Value::Null
        );
        let rule = |basis: &str, below: &str, credit: &str| json!({"basis": basis, "below": below, "credit": credit});
        let mut clause = json!({
            "cap": "12", "outage_severity": "high", "calendar_id": null, "excludes_maintenance": true,
            "rules": [rule("respond", "95", "5"), rule("respond", "40", "50"), rule("availability", "99.9", "10")],
        });
        let set = p.done("PUT", &place, clause.clone());
        assert_eq!(set.body["clause"]["rules"].as_array().unwrap().len(), 3);
        let credit = june.report("America/New_York")["sections"][0]["credit"].clone();
        // 1 of 2 answers is below 95 % but not below 40 %; the uplink was down for nine hours and the printer still is.
        assert_eq!(
            (&credit["before_cap"], &credit["percent"]),
            (&json!("15"), &json!("12"))
        );
        let served = &june.report("America/New_York")["sections"][0]["availability"][0];
        assert_eq!(served["service"], Value::Null);
        // From 15:00 to midnight: overlapping outages count once. What was cancelled was none.
        let down = served["total_micros"].as_i64().unwrap() - served["up_micros"].as_i64().unwrap();
        assert_eq!(down / 3_600_000_000, 9);
        assert_eq!(served["incidents"], json!(["INC-1", "INC-2", "INC-4"]));

        clause["rules"][1]["credit"] = json!("1");
        let refused = p.call("PUT", &place, &[], Some(&clause.to_string()));
        assert_eq!(refused.status, 422);
        assert_eq!(refused.faults()[0].1, "worse-gives-less");
        clause["rules"][1]["below"] = json!("120");
        let refused = p.call("PUT", &place, &[], Some(&clause.to_string()));
        assert_eq!(refused.faults()[0].1, "not-a-share");

        // The same by hand.
        let ada = p.ada.clone();
        let browser = june.browser(&ada);
        let place = format!("/agreements/{}/credits", gold["id"].as_str().unwrap());
        says(&browser.get(&place), "value=\"99.9\"");
        let form = |below: &'static str| {
            [
                ("basis-0", "respond"),
                ("below-0", below),
                ("credit-0", "7.5"),
                ("cap", ""),
                ("severity", "disaster"),
            ]
        };
        let wrong = browser.post(&place, &form("lots"));
        assert_eq!(wrong.status, 422);
        says(&wrong, "value=\"lots\"");
        says(&wrong, "Write a share in percent");
        assert_eq!(browser.post(&place, &form("95")).status, 303);
        let page = browser.get(&june.page("America/New_York"));
        says(&page, "7.5 % of the period&#39;s fee is given back.");
        says(&page, "No service was down.");
        says(
            &browser.get("/audit"),
            "changed what an agreement gives back",
        );
    }
);

both_databases!(
    a_locked_periods_report_stands_as_it_was_stored_until_an_admin_takes_the_lock_back,
    |desk| {
        let june = june(desk);
        let p = &june.p;
        let lead = p
            .desk
            .person("Lena", Roles::of(&[Role::Lead, Role::Responder]));
        let admin = p.desk.person("Root", Roles::of(&[Role::Admin]));
        let viewer = p.desk.person("Vic", Roles::of(&[Role::Viewer]));
        let form = [
            ("customer", june.customer.as_str()),
            ("from", "2026-06-01"),
            ("to", "2026-06-30"),
            ("zone", "America/New_York"),
            ("reason", "Handed over"),
        ];
        assert_eq!(
            june.browser(&viewer).post("/reports/periods", &form).status,
            403
        );
        let browser = june.browser(&lead);
        let not_over = browser.post(
            "/reports/periods",
            &[
                ("from", "2026-07-01"),
                ("to", "2026-07-31"),
                ("zone", "UTC"),
                ("reason", "x"),
            ],
        );
        assert_eq!(not_over.status, 422);
        says(&not_over, "A period can be locked once it is over.");
        assert_eq!(browser.post("/reports/periods", &form).status, 303);
        assert_eq!(browser.post("/reports/periods", &form).status, 422, "once");
        p.desk.settle();
        let before = june.report("America/New_York");
        let stored = &before["stored"];
        assert_eq!(stored["sha256"], before["sha256"]);
        let pdf = |p: &Program| {
            let place = june.place("America/New_York", "");
            p.get(&format!("/api/v1/sla-report/files/pdf?{place}"))
                .text("/content")
        };
        let kept = pdf(p);
        let page = browser.get(&june.page("America/New_York"));
        says(&page, "The record still says the same.");
        says(&page, "<article class=\"sheet\">");

        // The record moves on; what was handed over doesn't.
        let edit = json!({"title": "Uplink was down"});
        p.done("PATCH", "/api/v1/tickets/INC-1", edit);
        let after = june.report("America/New_York");
        assert_ne!(after["sha256"], before["sha256"]);
        assert_eq!(after["stored"], before["stored"]);
        assert_eq!(pdf(p), kept);
        says(
            &browser.get(&june.page("America/New_York")),
            "The record says something else now",
        );
        assert_eq!(
            june.report("UTC")["stored"],
            Value::Null,
            "that is another period"
        );

        // Nor can what ended in it be set back.
        let times = json!({"impact_at": "2026-06-30T18:00:00Z", "why": "the log says so",
            "evidence": "https://graphs.example.org/d/7"});
        let times = times.to_string();
        let refused = p.call("POST", "/api/v1/tickets/INC-1/times", &[], Some(&times));
        assert_eq!(
            (refused.status, refused.text("/rule").as_str()),
            (422, "period-locked"),
            "{}",
            refused.body
        );

        let locks = p.get("/api/v1/period-locks");
        let lock = locks.text("/items/0/id");
        assert_eq!(locks.text("/items/0/made_by"), "Lena");
        let place = format!("/reports/periods/{lock}/undo");
        assert_eq!(browser.post(&place, &[("reason", "oops")]).status, 403);
        let root = june.browser(&admin);
        assert_eq!(
            root.post(&place, &[("reason", " ")]).status,
            422,
            "not without a reason"
        );
        assert_eq!(root.post(&place, &[("reason", "Wrong month")]).status, 303);
        says(&root.get("/audit"), "Wrong month");
        assert_eq!(june.report("America/New_York")["stored"], Value::Null);
        assert_ne!(pdf(p), kept);
        // What was stored stays on record.
        let id = before["stored"]["id"].as_str().unwrap();
        let history = p.get(&format!("/api/v1/stored-reports/{id}/pdf"));
        assert_eq!(history.text("/content"), kept);
    }
);

both_databases!(
    everybodys_period_is_locked_by_a_program_for_each_of_them,
    |desk| {
        let june = june(desk);
        let p = &june.p;
        let new = json!({"from": "2026-06-01", "to": "2026-06-30", "zone": "Europe/Oslo", "reason": "June"});
        let reader = token_of(
            &p.desk,
            &p.ada,
            Scopes::of(&[watchkeeper::domain::access::Scope::Read]),
        );
        let bearer = format!("Bearer {reader}");
        let heads = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let refused = p.send(
            "POST",
            "/api/v1/period-locks",
            &heads,
            Some(&new.to_string()),
        );
        assert_eq!(refused.status, 403, "a reading token locks nothing");
        let made = p.done("POST", "/api/v1/period-locks", new);
        assert_eq!(made.body["reports"], json!([]), "they are stored after it");
        p.desk.settle();
        let locks = p.get("/api/v1/period-locks");
        let reports = locks.body["items"][0]["reports"].as_array().unwrap();
        let whose: Vec<&Value> = reports.iter().map(|it| &it["customer_id"]).collect();
        assert_eq!(whose, [&json!(june.customer), &Value::Null]);
        let place = format!("/api/v1/period-locks/{}/undo", made.text("/id"));
        assert_eq!(
            p.done("POST", &place, json!({"reason": "too early"}))
                .status,
            204
        );
        assert_eq!(p.get("/api/v1/period-locks").body["items"], json!([]));
    }
);

both_databases!(a_report_that_cannot_be_meant_says_so_at_its_field, |desk| {
    let june = june(desk);
    let ada = june.p.ada.clone();
    let browser = june.browser(&ada);
    let fresh = browser.get("/reports/sla");
    assert_eq!(fresh.status, 200);
    says(&fresh, "value=\"2026-06-01\"");
    for (query, problem) in [
        (
            "customer=nobody&from=2026-06-01&to=2026-06-30",
            "No customer is called",
        ),
        ("customer=house&from=June&to=2026-06-30", "is no date"),
        (
            "customer=house&from=2026-06-30&to=2026-06-01",
            "The end must be after the start.",
        ),
        (
            "customer=house&from=2020-01-01&to=2026-06-01",
            "At most 366 days.",
        ),
        (
            "customer=house&from=2026-09-01&to=2026-09-30",
            "hasn&#39;t begun",
        ),
        (
            "customer=house&from=2026-06-01&to=2026-06-30&zone=Mars",
            "is no time zone",
        ),
    ] {
        let page = browser.get(&format!("/reports/sla?{query}"));
        assert_eq!(page.status, 422, "{query}");
        says(&page, problem);
    }
    let house = browser.get("/reports/sla?customer=house&from=2026-06-01&to=2026-06-30&zone=UTC");
    says(&house, "Promises to the house");
});
