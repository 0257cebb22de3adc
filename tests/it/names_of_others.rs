//! B13 of the list of attacks: names and titles that are HTML, wherever they are shown again: pages, what was just said, letters, tables to
//! download, reports, calendars. What somebody is called is text, and nothing else.

use serde_json::json;
use watchkeeper::actions::{customer as customers, freeze, people, ticket as act};
use watchkeeper::domain::access::{Reach, Roles};
use watchkeeper::domain::freeze::Details;
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::people::{CustomerDetails, PersonDetails};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::store::people::Holder;

use crate::accounts::{a_contact, founded};
use crate::both_databases;
use crate::desk::Staff;
use crate::program::Program;
use crate::proof::{HOUR, contoso};
use crate::visitor::Visitor;

/// Runs in a page that takes it for HTML, in an attribute too; is a formula in a table; ends a line of a calendar.
const EVIL: &str = "=1+<img src=x onerror=alert(1)>\"'&;,\\n{{7*7}}";

/// Where it would run: the tag itself, or a quote that was left as it is inside an attribute.
fn runs(text: &str) -> Option<usize> {
    let folded = text.to_lowercase();
    ["<img src=x", "=1+<", "onerror=alert(1)>\"'"]
        .iter()
        .find_map(|bad| folded.find(bad))
}

fn is_text_alone(place: &str, text: &str) {
    if let Some(at) = runs(text) {
        let from = text.floor_char_boundary(at.saturating_sub(200));
        let to = text.floor_char_boundary((at + 200).min(text.len()));
        panic!("{place}: …{}…", &text[from..to]);
    }
    assert!(
        !text.contains("=1+&lt;img src=x onerror=alert(1)&gt;\"\'&amp;;,\\n49"),
        "{place} reckons"
    );
}

both_databases!(
    b13_a_name_that_is_html_is_only_text_wherever_it_is_shown_again,
    |desk| {
        founded(&desk);
        let p = Program::new(desk);
        let (desk, ada) = (&p.desk, &p.ada);
        desk.let_letters_go();
        let boss = desk.as_person(ada);
        let of = contoso(desk, ada, &[(Metric::Respond, HOUR)]);
        let contact = a_contact(&boss, of, "Cleo", Reach::Customer);
        let eve = desk.person("Eve", Roles::all());

        // Everything that has a name is called so.
        let known = desk
            .app
            .store
            .read(|conn| watchkeeper::store::customer::by_id(conn, of))
            .unwrap()
            .unwrap();
        let details = CustomerDetails::parse(EVIL, "Europe/Oslo", "en", "", EVIL).unwrap();
        customers::edit(&boss, of, known.version, &details).unwrap();
        let details =
            PersonDetails::parse(EVIL, "eve@watch.example.org", "Europe/Oslo", "").unwrap();
        people::edit_profile(&desk.as_person(&eve), 1, &details).unwrap();
        let eve = Staff {
            name: EVIL.to_owned(),
            ..eve
        };
        let friday = freeze::add(&boss, &Details::friday(EVIL, chrono_tz::UTC)).unwrap();
        let browser = Visitor::logged_in(&p.server, &desk.app, Holder::Person(eve.id));
        let form = [("name", EVIL), ("zone", "Europe/Oslo")];
        let made = browser.post("/teams", &form);
        assert_eq!(made.status, 303, "{}", made.text);
        let opening = Opening {
            severity: Some(Severity::High),
            customer: Some(of),
            requester: Some(contact),
            body: EVIL.to_owned(),
            ..Opening::default()
        };
        let title = || Title::parse(EVIL).unwrap();
        let opened = act::open(&desk.as_person(&eve), Kind::Incident, title(), &opening).unwrap();
        let key = opened.key;
        act::take(&desk.as_person(&eve), key, None).unwrap();
        let label = act::reply(&desk.as_person(&eve), key, EVIL, None, None);
        label.unwrap();

        // Pages.
        let theirs = Visitor::logged_in(&p.server, &desk.app, Holder::Contact(contact));
        let freeze = format!("/freezes/{}", friday.id);
        let places = [
            "/",
            "/queue",
            "/INC-1",
            "/customers",
            &format!("/customers/{of}"),
            "/people",
            &format!("/people/{}", eve.id),
            "/teams",
            "/freezes",
            &freeze,
            "/calendar",
            "/on-call",
            "/services",
            "/settings",
            "/profile",
            "/audit",
            "/search?q=img",
            "/mail/in",
            "/mail/out",
            "/new",
            &format!("/reports/sla?customer={of}&from=2026-06-01&to=2026-06-30&zone=UTC"),
        ];
        let mut shown = 0;
        for place in places {
            let page = browser.get(place);
            assert!(
                page.status == 200 || page.status == 404,
                "{place}: {}",
                page.status
            );
            is_text_alone(place, &page.text);
            shown += usize::from(page.text.contains("onerror=alert(1)"));
        }
        assert!(shown >= 10, "it is shown on {shown} pages");
        for place in ["/portal", "/portal/INC-1"] {
            let page = theirs.get(place);
            assert_eq!(page.status, 200);
            assert!(page.text.contains("onerror=alert(1)"), "{place}");
            is_text_alone(place, &page.text);
        }

        // What was just said, over a redirect; and a cookie that somebody planted.
        let mut off: Vec<(&str, &str)> = vec![
            ("name", EVIL),
            ("zone", "UTC"),
            ("from", "fri 00:00"),
            ("to", "mon 07:00"),
            ("level", "block"),
        ];
        let version = friday.version.to_string();
        off.push(("rev", &version));
        let changed = browser.post(&freeze, &off);
        assert_eq!(changed.status, 303, "{}", changed.text);
        let next = browser.follow(&changed);
        assert!(next.text.contains("onerror=alert(1)"), "{}", next.text);
        is_text_alone("what was said", &next.text);
        for planted in [
            "said-changed|%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E",
            "<img src=x onerror=alert(1)>",
            "said-nothing|<img src=x>",
        ] {
            is_text_alone(planted, &browser.get_saying("/queue", planted).text);
        }
        // A form that comes back with it.
        let refused = browser.post("/teams", &form);
        assert_eq!(refused.status, 422);
        is_text_alone("a refused form", &refused.text);

        // Letters: the text has it as it is, the HTML form as text; no header line ends early.
        let letters = desk.letters();
        let reply = letters
            .iter()
            .find(|it| it.to.as_str().starts_with("cleo@"))
            .expect("Cleo is answered");
        assert!(reply.text.contains(EVIL), "{}", reply.text);
        for letter in &letters {
            is_text_alone("a letter", letter.html.as_deref().unwrap_or_default());
            let raw = watchkeeper::outbound::mail::bytes(letter).unwrap();
            let raw = String::from_utf8_lossy(&raw).into_owned();
            let (head, _) = raw.split_once("\r\n\r\n").unwrap();
            let is_field = |line: &str| {
                line.starts_with([' ', '\t'])
                    || line.split_once(": ").is_some_and(|(name, _)| {
                        name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                    })
            };
            assert!(head.lines().all(is_field), "{head}");
        }

        // Tables: no cell is a formula.
        for place in [
            "/queue.csv",
            &format!("/reports/sla/csv?customer={of}&from=2026-06-01&to=2026-06-30&zone=UTC"),
            "/ledger.csv?month=2026-06",
        ] {
            let table = browser.get(place);
            assert_eq!(table.status, 200, "{place} {}", table.text);
            for line in table.text.lines() {
                for cell in line.split([',', ';', '\t']) {
                    let cell = cell.trim_start_matches('"');
                    assert!(!cell.starts_with("=1+"), "{place}: {line}");
                }
            }
        }
        assert!(browser.get("/queue.csv").text.contains("'=1+<img"));

        // A report as a file: nothing in it acts by itself.
        let report = format!("customer={of}&from=2026-06-01&to=2026-06-30&zone=UTC");
        let page = browser.get(&format!("/reports/sla/html?{report}"));
        assert_eq!(page.status, 200);
        is_text_alone("the report", &page.text);
        let file = browser.get_bytes(&format!("/reports/sla/pdf?{report}"));
        assert!(file.starts_with(b"%PDF-"));
        for acts in [
            &b"/JavaScript"[..],
            b"/JS",
            b"/OpenAction",
            b"/AA",
            b"/Launch",
            b"/SubmitForm",
            b"/EmbeddedFile",
        ] {
            assert!(
                !file.windows(acts.len()).any(|it| it == acts),
                "{}",
                String::from_utf8_lossy(acts)
            );
        }

        // A calendar: each line is a property that we write, and the name stands in one.
        let url = p
            .done("POST", "/api/v1/calendar/feed", json!(null))
            .text("/url");
        // The window is on again.
        let now = desk
            .app
            .store
            .read(|conn| watchkeeper::store::freeze::by_id(conn, friday.id))
            .unwrap()
            .unwrap();
        freeze::edit(
            &boss,
            friday.id,
            now.version,
            &Details::friday(EVIL, chrono_tz::UTC),
        )
        .unwrap();
        let feed = Visitor::new(&p.server)
            .get(&url[url.find("/feed/").unwrap()..])
            .text;
        let unfolded = feed.replace("\r\n ", "");
        let known = [
            "BEGIN",
            "END",
            "VERSION",
            "PRODID",
            "CALSCALE",
            "METHOD",
            "NAME",
            "X-",
            "UID",
            "DTSTAMP",
            "DTSTART",
            "DTEND",
            "DURATION",
            "SUMMARY",
            "DESCRIPTION",
            "URL",
            "RRULE",
            "EXDATE",
            "STATUS",
            "TRANSP",
            "CATEGORIES",
            "SEQUENCE",
            "LAST-MODIFIED",
            "REFRESH-INTERVAL",
            "RECURRENCE-ID",
            "CLASS",
            "LOCATION",
        ];
        for line in unfolded.split("\r\n").filter(|line| !line.is_empty()) {
            assert!(known.iter().any(|name| line.starts_with(name)), "{line:?}");
        }
        assert!(
            unfolded.contains("<img src=x onerror=alert(1)>\"'&\\;\\,\\\\n"),
            "{unfolded}"
        );
    }
);
