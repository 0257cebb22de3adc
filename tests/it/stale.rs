//! Two people at one form: whoever is later finds both texts on the page, and sends again if theirs shall hold.

use watchkeeper::actions::ticket as act;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::store::people::Holder;

use crate::accounts::{as_person, founded};
use crate::both_databases;
use crate::desk::Desk;
use crate::served::Served;
use crate::visitor::{Answer, Visitor};

/// The label of what somebody else wrote.
const THEIRS: &str = "Theirs, as it stands now";

/// The value of the form's hidden version.
fn rev(page: &Answer) -> String {
    let (_, rest) = page
        .text
        .split_once(r#"name="rev" value=""#)
        .unwrap_or_else(|| panic!("no version in {}", page.text));
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// What a page of lists links to behind `prefix`.
fn link(page: &Answer, prefix: &str) -> String {
    let start = format!("href=\"{prefix}");
    let (_, rest) = page.text.split_once(&start).expect("a link");
    format!("{prefix}{}", rest.split('"').next().unwrap_or_default())
}

/// One form: where it stands and goes, what is sent with it, which field two people write differently, and what is read of theirs.
struct Case<'a> {
    at: String,
    to: String,
    rest: Vec<(&'a str, String)>,
    field: &'a str,
    theirs: &'a str,
    reads: &'a str,
    mine: &'a str,
    /// Whether the page says who was faster.
    says_who: bool,
}

impl Case<'_> {
    fn send(&self, by: &Visitor, text: &str, rev: &str) -> Answer {
        let mut fields: Vec<(&str, &str)> = self
            .rest
            .iter()
            .filter(|(name, _)| *name != self.field)
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        fields.push((self.field, text));
        fields.push(("rev", rev));
        by.post(&self.to, &fields)
    }

    /// Ada opens the form, Ben is faster, Ada sees both and sends again.
    fn meet(&self, desk: &Desk, ada: &Visitor, ben: &Visitor) {
        let opened = ada.get(&self.at);
        assert_eq!(opened.status, 200, "{}: {}", self.at, opened.text);
        assert!(!opened.text.contains(THEIRS), "{}", self.at);
        let old = rev(&opened);
        desk.advance(60);
        let first = self.send(ben, self.theirs, &old);
        assert_eq!(first.status, 303, "{}: {}", self.to, first.text);
        let late = self.send(ada, self.mine, &old);
        assert_eq!(late.status, 409, "{}: {}", self.to, late.text);
        assert!(
            late.text.contains(THEIRS)
                && late.text.contains(self.reads)
                && late.text.contains(self.mine),
            "{}: {}",
            self.to,
            late.text
        );
        assert_eq!(
            late.text
                .contains("Ben changed this while you were typing."),
            self.says_who,
            "{}: {}",
            self.to,
            late.text
        );
        // Wrong and late: the version stays the old one, so that theirs is still not written over unseen.
        let new = rev(&late);
        assert_ne!(new, old, "{}", self.to);
        desk.advance(60);
        let again = self.send(ada, self.mine, &new);
        assert_eq!(again.status, 303, "{}: {}", self.to, again.text);
        let after = ada.get(&self.at);
        assert!(
            after.text.contains(self.mine) && !after.text.contains(THEIRS),
            "{}: {}",
            self.at,
            after.text
        );
    }
}

fn texts<'a>(fields: &[(&'a str, &str)]) -> Vec<(&'a str, String)> {
    let owned = |(name, value): &(&'a str, &str)| (*name, (*value).to_owned());
    fields.iter().map(owned).collect()
}

fn two(desk: &Desk) -> (Served, Visitor, Visitor, String) {
    let founded = founded(desk);
    let ben = desk.person(
        "Ben",
        Roles::of(&[Role::Admin, Role::Lead, Role::Responder]),
    );
    let served = Served::new(&desk.app);
    let ada = Visitor::logged_in(&served, &desk.app, Holder::Person(founded.admin));
    let ben = Visitor::logged_in(&served, &desk.app, Holder::Person(ben.id));
    (served, ada, ben, founded.team.to_string())
}

both_databases!(a_stale_form_of_the_house_shows_both_texts, |desk| {
    let (_served, ada, ben, team) = two(&desk);
    let customer = ada
        .post(
            "/customers",
            &[("name", "Contoso"), ("zone", "UTC"), ("language", "en")],
        )
        .place;
    let contact = [
        ("name", "Cleo"),
        ("email", "cleo@contoso.example"),
        ("reach", "own"),
    ];
    ada.post(&format!("{customer}/contacts"), &contact);
    let contact_place = link(&ada.get(&customer), &format!("{customer}/contacts/0"));
    let service = [
        ("name", "Mail"),
        ("public_name", "Mail"),
        ("team", team.as_str()),
        ("members_total", "1"),
        ("members_needed", "1"),
    ];
    let service_place = ada.post("/services", &service).place;
    let freeze = [
        ("name", "Release"),
        ("zone", "UTC"),
        ("from", "Fri 00:00"),
        ("to", "Sat 00:00"),
        ("level", "warn"),
        ("active", "yes"),
    ];
    ada.post("/freezes", &freeze);
    let freeze_place = link(&ada.get("/freezes"), "/freezes/0");
    let hook = [
        ("name", "Chat"),
        ("url", "https://chat.example/in"),
        ("events", "*"),
    ];
    ada.post("/webhooks", &hook);
    let hook_place = link(&ada.get("/webhooks"), "/webhooks/0");
    let wording = [
        ("name", "On it"),
        ("body", "We look."),
        ("is_active", "yes"),
    ];
    ada.post("/wordings", &wording);
    let wording_place = link(&ada.get("/wordings"), "/wordings/0");
    let repository = [
        ("name", "infra"),
        ("default_branch", "main"),
        ("is_active", "yes"),
    ];
    ada.post("/repositories", &repository);
    let repository_place = link(&ada.get("/repositories"), "/repositories/0");
    let address = [
        ("address", "help@watch.example.org"),
        ("kind", "incident"),
        ("separator", "+"),
        ("active", "yes"),
    ];
    ada.post("/mail/addresses", &address);
    let address_place = link(&ada.get("/mail/addresses"), "/mail/addresses/0");
    let person = desk.person("Lin", Roles::of(&[Role::Responder]));
    let team_place = format!("/teams/{team}");
    let one = |place: &str, rest: Vec<_>, field, theirs, mine| Case {
        at: place.to_owned(),
        to: place.to_owned(),
        rest,
        field,
        theirs,
        reads: theirs,
        mine,
        says_who: true,
    };
    let contact = texts(&contact);
    let cases = [
        one(
            &customer,
            texts(&[("name", "Contoso"), ("zone", "UTC"), ("language", "en")]),
            "note",
            "Prefers phone",
            "Prefers mail",
        ),
        one(&contact_place, contact, "phone", "+1 555 01", "+1 555 02"),
        one(
            &service_place,
            texts(&service),
            "runbook_url",
            "https://wiki.example/theirs",
            "https://wiki.example/mine",
        ),
        one(
            &freeze_place,
            texts(&freeze),
            "to",
            "Sat 06:00",
            "Sun 07:00",
        ),
        one(&hook_place, texts(&hook), "name", "Room", "Hall"),
        one(
            &wording_place,
            texts(&wording),
            "body",
            "We are at it.",
            "We see it.",
        ),
        one(
            &repository_place,
            texts(&repository),
            "default_branch",
            "trunk",
            "next",
        ),
        Case {
            reads: "Average",
            says_who: false,
            ..one(
                &address_place,
                texts(&address),
                "severity",
                "average",
                "high",
            )
        },
        Case {
            says_who: false,
            ..one(
                &format!("/people/{}", person.id),
                texts(&[
                    ("name", "Lin"),
                    ("email", "lin@watch.example.org"),
                    ("zone", "Europe/Stockholm"),
                ]),
                "phone",
                "+46 70 1",
                "+46 70 2",
            )
        },
        Case {
            reads: "Europe/Oslo",
            ..one(
                &team_place,
                texts(&[("name", "Operations")]),
                "zone",
                "Europe/Oslo",
                "Europe/Paris",
            )
        },
    ];
    for case in &cases {
        case.meet(&desk, &ada, &ben);
    }
    // Boxes are read out by name: Lin is a member by now, though Ada's form knew nobody.
    let old = rev(&ada.get(&team_place));
    let lin = person.id.to_string();
    let zone = ("zone", "Europe/Paris");
    let members = [
        ("name", "Operations"),
        zone,
        ("members", lin.as_str()),
        ("rev", old.as_str()),
    ];
    assert_eq!(ben.post(&team_place, &members).status, 303);
    let late = ada.post(&team_place, &[("name", "Operations"), zone, ("rev", &old)]);
    assert_eq!(late.status, 409);
    let (_, beside) = late.text.split_once(THEIRS).expect("their members");
    assert!(beside.contains("<p class=\"pre\">Lin</p>"), "{beside}");
    // A form that is wrong and late keeps the version it was made from.
    let wrong = ada.post(&team_place, &[("name", ""), zone, ("rev", &old)]);
    assert_eq!((wrong.status, rev(&wrong)), (422, old));
    desk.letters();
});

both_databases!(a_stale_plan_or_profile_shows_both_texts, |desk| {
    let (served, ada, ben, _) = two(&desk);
    let made = ada.post("/teams", &[("name", "Netops"), ("zone", "UTC")]);
    let team = made.place.trim_start_matches("/teams/").to_owned();
    let lin = desk.person("Lin", Roles::of(&[Role::Responder]));
    let lin_id = lin.id.to_string();
    let plan = format!("/on-call/{team}/plan");
    let fields = [
        ("zone", "UTC"),
        ("anchor", "2026-06-01T09:00"),
        ("unit", "weeks"),
        ("person-1", lin_id.as_str()),
    ];
    let mut first = fields.to_vec();
    first.extend([("length", "1"), ("rev", "0")]);
    assert_eq!(ada.post(&plan, &first).status, 303);
    // A first plan that somebody else has made meanwhile is not written over either.
    assert_eq!(ben.post(&plan, &first).status, 409);
    let case = |at: &str, rest: Vec<_>, field, theirs, mine| Case {
        at: at.to_owned(),
        to: at.to_owned(),
        rest,
        field,
        theirs,
        reads: theirs,
        mine,
        says_who: true,
    };
    case(&plan, texts(&fields), "length", "21", "22").meet(&desk, &ada, &ben);
    let policy = format!("/on-call/{team}/policy");
    let steps = [
        ("step-1-a", "on_duty"),
        ("step-1-delay", "5"),
        ("repeat", "1"),
    ];
    case(&policy, texts(&steps), "ack-timeout", "31", "32").meet(&desk, &ada, &ben);
    // Lin's own profile, at two windows.
    let lin = Visitor::logged_in(&served, &desk.app, Holder::Person(lin.id));
    let own = [("name", "Lin"), ("zone", "UTC")];
    let profile = Case {
        says_who: false,
        ..case("/profile", texts(&own), "phone", "+46 70 1", "+46 70 2")
    };
    profile.meet(&desk, &lin, &lin);
    desk.letters();
});

both_databases!(a_stale_agreement_or_calendar_shows_both_texts, |desk| {
    let (_served, ada, ben, _team) = two(&desk);
    let customer = ada
        .post(
            "/customers",
            &[("name", "Contoso"), ("zone", "UTC"), ("language", "en")],
        )
        .place;
    let customer = customer.trim_start_matches("/customers/");
    let calendar = [("name", "Days"), ("zone", "UTC"), ("mon", "09:00-17:00")];
    let made = ada.post("/calendars", &calendar);
    assert_eq!(made.status, 303, "{}", made.text);
    let listed = ada.get("/agreements").text;
    let days = listed
        .split("href=\"/calendars/")
        .find(|rest| rest.contains(">Days<"))
        .and_then(|rest| rest.split('"').next())
        .expect("the calendar")
        .to_owned();
    let at = format!("/calendars/{days}");
    Case {
        at: format!("{at}/edit"),
        to: at,
        rest: texts(&calendar),
        field: "tue",
        theirs: "10:00-11:00",
        reads: "10:00-11:00",
        mine: "12:00-13:00",
        says_who: true,
    }
    .meet(&desk, &ada, &ben);
    let agreement = [
        ("name", "Contoso gold"),
        ("customer", customer),
        ("backdate_days", "7"),
        ("0-metric", "respond"),
        ("0-kind", "incident"),
        ("0-calendar", days.as_str()),
        ("0-promisee", "customer"),
        ("0-anchor", "reported"),
        ("0-budget", "4 h"),
    ];
    let made = ada.post("/agreements", &agreement);
    assert_eq!(made.status, 303, "{}", made.text);
    Case {
        at: format!("{}/edit", made.place),
        to: made.place,
        rest: texts(&agreement),
        field: "0-budget",
        theirs: "5 h",
        reads: "5 h",
        mine: "6 h",
        says_who: true,
    }
    .meet(&desk, &ada, &ben);
});

both_databases!(
    a_stale_change_post_mortem_or_report_shows_both_texts,
    |desk| {
        let (_served, ada, ben, _team) = two(&desk);
        let root = desk
            .app
            .store
            .read(watchkeeper::store::people::persons)
            .unwrap();
        let root = root
            .iter()
            .find(|person| person.name != "Ben")
            .expect("the founder")
            .id;
        let opening = Opening {
            severity: Some(Severity::High),
            ..Opening::default()
        };
        let ctx = as_person(&desk.app, root);
        for kind in [Kind::Change, Kind::Incident] {
            act::open(
                &ctx,
                kind,
                Title::parse("Raise pool size").unwrap(),
                &opening,
            )
            .unwrap();
        }
        assert_eq!(ada.post("/INC-1/post-mortem", &[]).status, 303);
        let case = |at: &str, to: &str, field, theirs, mine| Case {
            at: at.to_owned(),
            to: to.to_owned(),
            rest: Vec::new(),
            field,
            theirs,
            reads: theirs,
            mine,
            says_who: false,
        };
        case(
            "/PM-1",
            "/PM-1/post-mortem/write",
            "overview",
            "A full disk.",
            "A slow disk.",
        )
        .meet(&desk, &ada, &ben);
        // The room has other versions on it before the plan's: the form's own counts.
        let plan = |rev: &str, text: &str, by: &Visitor| {
            by.post("/CHG-1/plan", &[("rev", rev), ("purpose", text)])
        };
        let rev_of = |text: &str| {
            let (_, form) = text
                .split_once("action=\"/CHG-1/plan\"")
                .expect("the plan's form");
            let (_, rest) = form
                .split_once("name=\"rev\" value=\"")
                .expect("its version");
            rest.split('"').next().unwrap_or_default().to_owned()
        };
        let old = rev_of(&ada.get("/CHG-1").text);
        assert_eq!(plan(&old, "More sessions", &ben).status, 303);
        let late = plan(&old, "Fewer waits", &ada);
        assert_eq!(late.status, 409, "{}", late.text);
        let (_, form) = late.text.split_once("action=\"/CHG-1/plan\"").unwrap();
        assert!(
            form.contains("Fewer waits") && form.contains(THEIRS) && form.contains("More sessions"),
            "{form}"
        );
        assert_eq!(plan(&rev_of(&late.text), "Fewer waits", &ada).status, 303);
        assert!(ada.get("/CHG-1").text.contains("Fewer waits"));
        desk.letters();
    }
);
