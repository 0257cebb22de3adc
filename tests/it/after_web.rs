//! After the incident, in the browser: the post-mortem's page, its meeting's mail, the outage report from draft to file.

use watchkeeper::actions::ticket as act;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::postmortem::Section;
use watchkeeper::store;

use crate::after::RESPONDER;
use crate::both_databases;
use crate::outage::outage_at;
use crate::web::Browser;

const LEAD: Roles = Roles::of(&[Role::Responder, Role::Lead]);

both_databases!(
    a_post_mortem_is_written_moved_and_closed_on_its_page,
    |desk| {
        let ada = desk.person("Ada", LEAD);
        let (broken, _) = outage_at(&desk, &ada);
        let browser = Browser::of(&desk, &ada);
        browser
            .get(&format!("/{}", broken.key))
            .is(200)
            .says("/INC-1/report");
        // The page says by which rule the meeting lies where it lies.
        browser
            .get("/PM-1")
            .is(200)
            .says("next working hour")
            .says("47 min")
            .says("INC-1");
        browser.get("/PM-1?show=all").is(200).says("PM-1");

        let key = broken.key.to_string().replace("INC", "PM").parse().unwrap();
        let version = |desk: &crate::desk::Desk| {
            let found = desk.app.store.read(|conn| store::ticket::by_key(conn, key));
            found.unwrap().unwrap().version.to_string()
        };
        let rev = version(&desk);
        let mut fields: Vec<(&str, &str)> = Section::ALL
            .iter()
            .map(|section| (section.as_str(), "A pool <limit> was too low"))
            .collect();
        fields.push(("rev", &rev));
        browser.post("/PM-1/post-mortem/write", &fields).is(303);
        browser
            .get("/PM-1")
            .says("A pool &lt;limit&gt; was too low");
        // Somebody else was faster: both texts are there.
        fields[0].1 = "typed meanwhile";
        browser
            .post("/PM-1/post-mortem/write", &fields)
            .is(409)
            .says("typed meanwhile")
            .says("Theirs, as it stands now");

        browser
            .post(
                "/PM-1/post-mortem/meet",
                &[("starts_at", "soon"), ("minutes", "60")],
            )
            .is(422)
            .says("soon");
        browser
            .post(
                "/PM-1/post-mortem/meet",
                &[
                    ("starts_at", "2026-06-01T17:00"),
                    ("minutes", "30"),
                    ("place", "Room 4"),
                ],
            )
            .is(303);
        browser
            .get("/PM-1")
            .says("Room 4")
            .says("chosen by a person");
        browser
            .post(
                "/PM-1/post-mortem/add-action",
                &[
                    ("title", "Investigate it"),
                    ("type", "prevent"),
                    ("person", &ada.id.to_string()),
                ],
            )
            .is(422)
            .says("Investigate it");
        browser
            .post(
                "/PM-1/post-mortem/add-action",
                &[
                    ("title", "Alert on the pool"),
                    ("type", "prevent"),
                    ("person", &ada.id.to_string()),
                ],
            )
            .is(303);
        browser.get("/PM-1").says("Alert on the pool").says("TSK-1");
        browser.post("/PM-1/post-mortem/held", &[]).is(303);
        browser
            .post("/PM-1/post-mortem/move", &[("to", "in_review")])
            .is(303);
        browser
            .post("/PM-1/post-mortem/move", &[("to", "reviewed")])
            .is(303);
        browser
            .post("/PM-1/post-mortem/move", &[("to", "closed")])
            .is(303);
        browser.get("/PM-1").is(200).says("Closed");
    }
);

both_databases!(
    a_report_is_previewed_blocked_saved_approved_and_downloaded,
    |desk| {
        let ada = desk.person("Ada", RESPONDER);
        let (broken, northwind) = outage_at(&desk, &ada);
        let browser = Browser::of(&desk, &ada);
        assert_eq!(broken.key.kind, Kind::Incident);
        let place = format!("/INC-1/report/{northwind}");
        browser.get("/INC-1/report").is(303);
        browser.get(&place).is(200).says("DRAFT");
        let mut fields = vec![
            ("title", "Orders could not be paid"),
            ("edition", "first"),
            ("discovered_by", "monitoring"),
            ("data_loss", "none"),
            ("summary", "Ada pulled the wrong cable."),
            ("resolution", "We moved to the standby."),
        ];
        browser.post(&place, &fields).is(303);
        browser.get(&place).says("a name of ours");
        browser.get(&format!("{place}/pdf")).is(422);

        fields[4].1 = "33% of orders failed.";
        fields.push(("rev", "1"));
        browser.post(&place, &fields).is(303);
        browser
            .get(&format!("{place}/md"))
            .is(200)
            .says("DRAFT")
            .says("33% of orders");
        browser
            .post(&place, &fields)
            .is(409)
            .says("33% of orders failed.");
        fields[0].1 = "";
        browser
            .post(&place, &fields)
            .is(422)
            .says("33% of orders failed.");

        let prepared =
            watchkeeper::actions::outage::prepare(&desk.as_person(&ada), broken.key, northwind);
        let hash = prepared.unwrap().report.hash();
        browser
            .post(&format!("{place}/approve"), &[("hash", &hash)])
            .is(303);
        browser.get(&format!("{place}/txt")).is(200).says(&hash);
        let pdf = browser.get(&format!("{place}/pdf")).is(200).text();
        assert!(pdf.starts_with("%PDF-"));
        act::note(&desk.as_person(&ada), broken.key, "later").unwrap();
    }
);
