//! What people keep of themselves and of the house, in the browser: their screens, machines' tokens, a team's hours.

use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::accounts::{a_contact, a_customer, as_person, founded};
use crate::both_databases;
use crate::desk::Desk;
use crate::served::Served;
use crate::visitor::Visitor;

fn admin(desk: &Desk) -> (Served, Visitor, watchkeeper::actions::settings::Founded) {
    let founded = founded(desk);
    let served = Served::new(&desk.app);
    let visitor = Visitor::logged_in(&served, &desk.app, Holder::Person(founded.admin));
    (served, visitor, founded)
}

both_databases!(
    screens_keep_still_for_who_asks_and_for_nobody_else,
    |desk| {
        let (served, ada, founded) = admin(&desk);
        ada.post("/new", &[("title", "Uplink down"), ("severity", "high")]);
        let ticking = |page: &str| page.contains(" data-due=");
        let before = ada.get("/INC-1").text;
        assert!(ticking(&before) && !before.contains("data-keys=\"off\""));

        let done = ada.post(
            "/profile/screen",
            &[("still_clocks", "yes"), ("no_keys", "yes")],
        );
        assert_eq!((done.status, done.place.as_str()), (303, "/profile"));
        let after = ada.get("/INC-1").text;
        assert!(!ticking(&after), "{after}");
        assert!(after.contains("data-still=\"on\"") && after.contains("data-keys=\"off\""));
        assert_eq!(ada.get("/profile").text.matches(" checked").count(), 2);

        let bob = desk.person("Bob", Roles::of(&[Role::Responder]));
        let bob = Visitor::logged_in(&served, &desk.app, Holder::Person(bob.id));
        assert!(ticking(&bob.get("/INC-1").text));
        ada.post("/profile/screen", &[]);
        assert!(ticking(&ada.get("/INC-1").text));
        assert_ne!(founded.team.to_string(), "");
    }
);

both_databases!(a_machine_gets_a_token_with_grants_of_its_own, |desk| {
    let (served, ada, _founded) = admin(&desk);
    let refused = ada.post(
        "/tokens",
        &[
            ("owner", "machine"),
            ("name", "Backup robot"),
            ("expires", "soon"),
            ("scopes", "read"),
        ],
    );
    assert_eq!(refused.status, 422);
    assert!(
        refused.text.contains("value=\"Backup robot\"") && refused.text.contains("value=\"soon\"")
    );
    assert!(refused.text.contains("This is needed"), "no role was given");
    let made = ada.post(
        "/tokens",
        &[
            ("owner", "machine"),
            ("name", "Backup robot"),
            ("expires", ""),
            ("scopes", "read"),
            ("roles", "viewer"),
        ],
    );
    assert_eq!(made.status, 200);
    let (_, secret) = made
        .text
        .split_once(">wk_")
        .expect("the secret is shown once");
    let secret = format!("wk_{}", secret.split('<').next().unwrap());
    assert!(ada.get("/tokens").text.contains("a machine"));
    let status = |method: &str, path: &str| {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent: ureq::Agent = config.build().into();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", served.url()))
            .header("authorization", format!("Bearer {secret}"))
            .header("content-type", "application/json")
            .body("{\"title\":\"x\"}")
            .unwrap();
        agent.run(request).unwrap().status().as_u16()
    };
    assert_eq!(status("GET", "/api/v1/tickets"), 200);
    assert_eq!(status("POST", "/api/v1/tickets"), 403);

    // Who doesn't keep people makes tokens for themselves only.
    let bob = desk.person("Bob", Roles::of(&[Role::Responder]));
    let bob = Visitor::logged_in(&served, &desk.app, Holder::Person(bob.id));
    assert!(!bob.get("/tokens").text.contains("name=\"owner\""));
    let form = [
        ("owner", "machine"),
        ("name", "x"),
        ("scopes", "read"),
        ("roles", "admin"),
    ];
    assert_eq!(bob.post("/tokens", &form).status, 403);
});

both_databases!(a_teams_working_hours_are_chosen_on_its_page, |desk| {
    let (_served, ada, founded) = admin(&desk);
    let place = format!("/teams/{}", founded.team);
    let page = ada.get(&place).text;
    assert!(page.contains("those of the house"));
    let calendars = desk.app.store.read(store::calendar::all).unwrap();
    let office = calendars
        .iter()
        .find(|it| it.name == "Working hours")
        .unwrap();
    let id = office.id.to_string();
    let team = || {
        desk.app
            .store
            .read(|conn| store::house::team(conn, founded.team))
            .unwrap()
            .unwrap()
    };
    let rev = team().version.to_string();
    let members = founded.admin.to_string();
    let form = |calendar: &str| {
        ada.post(
            &place,
            &[
                ("rev", rev.as_str()),
                ("name", "Operations"),
                ("zone", "Europe/Stockholm"),
                ("calendar", calendar),
                ("members", members.as_str()),
            ],
        )
    };
    let nothing = watchkeeper::domain::id::Id::<()>::new(desk.now()).to_string();
    let refused = form(&nothing);
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("There is no such calendar in use."));
    assert_eq!(form(&id).status, 303);
    assert_eq!(team().calendar_id, Some(office.id));
    let page = ada.get(&place).text;
    assert!(page.contains(&format!("value=\"{id}\" selected")), "{page}");
});

both_databases!(what_is_closed_is_reopened_by_the_same_form, |desk| {
    let (_served, ada, founded) = admin(&desk);
    let by = as_person(&desk.app, founded.admin);
    let customer = a_customer(&by, "Contoso");
    let contact = a_contact(
        &by,
        customer,
        "Cleo",
        watchkeeper::domain::access::Reach::Own,
    );
    for (place, back) in [
        (
            format!("/services/{}", founded.service),
            format!("/services/{}", founded.service),
        ),
        // After its service: a team that owns one stays.
        (
            format!("/teams/{}", founded.team),
            format!("/teams/{}", founded.team),
        ),
        (
            format!("/customers/{customer}/contacts/{contact}"),
            format!("/customers/{customer}/contacts/{contact}"),
        ),
        (
            format!("/customers/{customer}"),
            format!("/customers/{customer}"),
        ),
    ] {
        let switch = format!("{place}/active");
        let closed = ada.post(&switch, &[]);
        assert_eq!(
            (closed.status, &closed.place),
            (303, &back),
            "{}",
            closed.text
        );
        assert!(
            ada.get(&place)
                .text
                .contains("name=\"active\" value=\"yes\""),
            "{place}"
        );
    }
    for place in [
        format!("/customers/{customer}"),
        format!("/customers/{customer}/contacts/{contact}"),
        format!("/teams/{}", founded.team),
        format!("/services/{}", founded.service),
    ] {
        let reopened = ada.post(&format!("{place}/active"), &[("active", "yes")]);
        assert_eq!(reopened.status, 303, "{}", reopened.text);
        assert!(
            !ada.get(&place)
                .text
                .contains("name=\"active\" value=\"yes\""),
            "{place}"
        );
    }
});

both_databases!(the_rail_shows_nobody_a_door_that_is_shut_to_them, |desk| {
    let (served, ada, _founded) = admin(&desk);
    let doors = |page: &str| {
        ["/mail/in", "/audit", "/settings"].map(|door| page.contains(&format!("href=\"{door}\"")))
    };
    assert_eq!(doors(&ada.get("/").text), [true, true, true]);
    for (role, wanted) in [
        (Role::Viewer, [false, false, false]),
        (Role::Responder, [true, false, false]),
        (Role::Lead, [true, false, false]),
        (Role::ChangeApprover, [false, false, false]),
        (Role::Auditor, [true, true, false]),
    ] {
        let person = desk.person(role.as_str(), Roles::of(&[role]));
        let visitor = Visitor::logged_in(&served, &desk.app, Holder::Person(person.id));
        assert_eq!(doors(&visitor.get("/").text), wanted, "{role}");
        for (door, is_shown) in ["/mail/in", "/audit", "/settings"].iter().zip(wanted) {
            let opened = visitor.get(door).status == 200;
            assert_eq!(opened, is_shown, "{role} at {door}");
        }
    }
});

both_databases!(a_view_is_saved_found_again_and_deleted, |desk| {
    let (served, ada, _founded) = admin(&desk);
    let bob = desk.person("Bob", Roles::of(&[Role::Responder]));
    let bob = Visitor::logged_in(&served, &desk.app, Holder::Person(bob.id));
    let view = [("name", "Burning now"), ("q", "severity:disaster")];
    let saved = ada.post("/views", &view);
    assert_eq!(saved.status, 303, "{}", saved.text);
    let page = ada.get("/queue").text;
    assert!(
        page.contains("Burning now") && page.contains("severity:disaster"),
        "{page}"
    );
    assert!(
        !bob.get("/queue").text.contains("Burning now"),
        "it is Ada's alone"
    );
    let shared = [("name", "All of ours"), ("q", "is:open"), ("shared", "yes")];
    ada.post("/views", &shared);
    assert!(bob.get("/queue").text.contains("All of ours"));
    let page = ada.get(&saved.place).text;
    let (_, after) = page.split_once("Burning now").expect("it is there");
    let (_, id) = after
        .split_once("action=\"/views/")
        .expect("a way to delete it");
    let place = format!("/views/{}", id.split('"').next().unwrap());
    assert_eq!(ada.post(&place, &[]).status, 303);
    let page = ada.get("/queue").text;
    assert!(
        !page.contains("Burning now") && page.contains("All of ours"),
        "{page}"
    );
});

both_databases!(
    an_incident_names_who_knows_its_service_and_who_needs_to_know,
    |desk| {
        let (served, ada, founded) = admin(&desk);
        let expert = desk.person("Edda", Roles::of(&[Role::Responder]));
        let boss = desk.person("Bosse", Roles::of(&[Role::Viewer]));
        let (expert, boss) = (expert.id.to_string(), boss.id.to_string());
        let team = founded.team.to_string();
        let place = format!("/services/{}", founded.service);
        let form = [
            ("rev", "1"),
            ("name", "Everything"),
            ("team", team.as_str()),
            ("members_total", "1"),
            ("members_needed", "1"),
            ("experts", expert.as_str()),
            ("need_to_know", boss.as_str()),
        ];
        let saved = ada.post(&place, &form);
        assert_eq!(saved.status, 303, "{}", saved.text);
        let service = founded.service.to_string();
        let new = [
            ("title", "All is dark"),
            ("severity", "warning"),
            ("service", service.as_str()),
        ];
        let opened = ada.post("/new", &new);
        let page = ada.get(&opened.place).text;
        let (_, knows) = page.split_once("Knows this service").expect("who knows it");
        let (knows, needs) = knows
            .split_once("Needs to know")
            .expect("who needs to know");
        assert!(
            knows.contains("Edda") && !knows.contains("Bosse"),
            "{knows}"
        );
        let (needs, _) = needs.split_once("</ul>").expect("a list");
        assert!(
            needs.contains("Bosse") && !needs.contains("Edda"),
            "{needs}"
        );
        desk.let_letters_go();
        drop(served);
    }
);
