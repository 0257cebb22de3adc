//! The editors of agreements and calendars as a person meets them: what was understood, what would move, what there was before.

use watchkeeper::actions::ticket as act;
use watchkeeper::domain::id::{CustomerId, Id, Kind};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Ticket};
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use watchkeeper::actions::settings::Founded;

use crate::accounts::{a_customer, as_person, founded};
use crate::both_databases;
use crate::desk::Desk;
use crate::served::Served;
use crate::visitor::Visitor;

fn admin(desk: &Desk) -> (Served, Visitor, Founded) {
    desk.let_letters_go();
    let founded = founded(desk);
    let served = Served::new(&desk.app);
    let ada = Visitor::logged_in(&served, &desk.app, Holder::Person(founded.admin));
    (served, ada, founded)
}

/// The id of a calendar or agreement of this name, and the number of its newest version.
fn calendar(desk: &Desk, name: &str) -> (String, String) {
    let book = desk.app.store.read(store::sla::book).unwrap();
    let found = book.calendars.iter().find(|it| it.name == name).unwrap();
    (found.id.to_string(), found.version.to_string())
}

fn agreement(desk: &Desk, name: &str) -> (String, String) {
    let book = desk.app.store.read(store::sla::book).unwrap();
    let found = book.agreements().iter().find(|it| it.name == name).unwrap();
    (found.id.to_string(), found.version.to_string())
}

fn open(desk: &Desk, founded: &Founded, customer: CustomerId) -> Ticket {
    let opening = Opening {
        severity: Some(Severity::High),
        customer: Some(customer),
        ..Opening::default()
    };
    let title = Title::parse("Uplink down").unwrap();
    let by = as_person(&desk.app, founded.admin);
    act::open(&by, Kind::Incident, title, &opening).unwrap()
}

/// The page's text without its tags, blanks folded.
fn plain(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for letter in html.chars() {
        match letter {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            letter if !inside => text.push(letter),
            _ => {}
        }
    }
    let text = text
        .replace("&#39;", "'")
        .replace("&#34;", "\"")
        .replace("&quot;", "\"");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The value of a hidden field.
fn hidden(html: &str, name: &str) -> String {
    let after = html
        .split(&format!("name=\"{name}\" value=\""))
        .nth(1)
        .unwrap_or_else(|| panic!("no field {name}"));
    after.split('"').next().unwrap().to_owned()
}

const WEEK: [(&str, &str); 7] = [
    ("name", "Shifts"),
    ("zone", "Europe/Berlin"),
    ("mon", "22:00-06:00"),
    ("tue", "09:00-12:00, 11:00-17:00"),
    ("wed", "09:00-17:00"),
    ("holidays-0", "DE-BY"),
    ("exceptions", "2026-06-10 10:00-12:00 Half a day"),
];

both_databases!(
    what_was_typed_is_shown_as_it_is_understood_and_nothing_is_saved,
    |desk| {
        let (_served, ada, _) = admin(&desk);
        let shown = ada.post("/calendars/preview", &WEEK);
        assert_eq!(shown.status, 200, "{}", shown.text);
        let text = plain(&shown.text);
        for said in [
            "Monday 22:00 until 06:00 is understood as Monday 22:00 until Tuesday 06:00.",
            "Tuesday: 09:00–12:00, 11:00–17:00 are understood as 09:00–17:00.",
            // The tail of Monday's shift is Tuesday's morning.
            "Tuesday 00:00–06:00, 09:00–17:00",
            "Thu 4 Jun 2026 Corpus Christi public holiday closed",
            "Wed 10 Jun 2026 Half a day 10:00–12:00",
            "24 h a week are open.",
        ] {
            assert!(text.contains(said), "{said} in {text}");
        }
        // Bars are attributes of a drawing: the page's policy allows no style.
        assert!(
            shown
                .text
                .contains("<rect class=\"on\" x=\"1320\" width=\"120\"")
        );
        assert!(!shown.text.contains("style="));
        let book = desk.app.store.read(store::sla::book).unwrap();
        assert!(book.calendars.iter().all(|it| it.name != "Shifts"));
        // What can't be understood says so at its field, and the rest is kept.
        let mut wrong = WEEK;
        wrong[2] = ("mon", "09:00-09:00");
        let shown = ada.post("/calendars/preview", &wrong).text;
        assert!(plain(&shown).contains("\"09:00-09:00\" is no time at all"));
        assert!(shown.contains("value=\"09:00-09:00\"") && shown.contains("Half a day"));
    }
);

both_databases!(
    a_calendar_that_would_move_clocks_shows_them_before_it_is_saved,
    |desk| {
        let (_served, ada, founded) = admin(&desk);
        let by = as_person(&desk.app, founded.admin);
        let contoso = a_customer(&by, "Contoso");
        let (id, rev) = calendar(&desk, "Working hours");
        let customer = contoso.to_string();
        let signed = ada.post(
            "/agreements",
            &[
                ("name", "Gold"),
                ("customer", customer.as_str()),
                ("0-metric", "resolve"),
                ("0-budget", "4 h"),
                ("0-calendar", id.as_str()),
                ("0-kind", "incident"),
                ("0-promisee", "customer"),
                ("0-anchor", "logged"),
            ],
        );
        assert_eq!(signed.status, 303, "{}", signed.text);
        let ticket = open(&desk, &founded, contoso);
        let place = format!("/calendars/{id}");
        let form = |effect: &'static str,
                    from: &'static str,
                    reason: &'static str,
                    more: &[(&str, &str)]| {
            let mut fields = vec![
                ("of", id.as_str()),
                ("rev", rev.as_str()),
                ("name", "Working hours"),
                ("zone", "Europe/Stockholm"),
                ("mon", "13:00-17:00"),
                ("tue", "13:00-17:00"),
                ("effect", effect),
                ("from", from),
                ("reason", reason),
            ];
            fields.extend_from_slice(more);
            ada.post(&place, &fields)
        };
        let shown = form("now", "", "", &[]);
        assert_eq!(shown.status, 200, "{}", shown.text);
        let text = plain(&shown.text);
        assert!(text.contains("One clock that runs moves."), "{text}");
        assert!(text.contains(&format!("{} Uplink down", ticket.key)));
        assert_eq!(calendar(&desk, "Working hours").1, rev, "nothing is saved");
        // A correction is shown first, too; the same form with the word saves.
        let correction = ("correction", "2026-06-01T00:00", "the lift was broken");
        let shown = form(correction.0, correction.1, correction.2, &[]);
        let word = hidden(&shown.text, "previewed");
        assert_eq!(shown.status, 200);
        assert!(plain(&shown.text).contains("Clocks that had ended"));
        let other = form(
            correction.0,
            correction.1,
            "another reason",
            &[("previewed", word.as_str())],
        );
        assert_eq!(other.status, 200, "what was shown isn't what is sent");
        let saved = form(
            correction.0,
            correction.1,
            correction.2,
            &[("previewed", word.as_str()), ("finished", "all")],
        );
        assert_eq!((saved.status, saved.place.as_str()), (303, place.as_str()));
        let text = plain(&ada.get(&place).text);
        for said in [
            "Version 2 holds now correction",
            "Reason: the lift was broken",
            "Wednesday: 09:00-17:00 → closed",
        ] {
            assert!(text.contains(said), "{said} in {text}");
        }
        desk.settle();
        let room = plain(&ada.get(&format!("/{}", ticket.key)).text);
        assert!(
            room.contains("corrected calendar Working hours (version 2): the lift was broken"),
            "{room}"
        );
        let list = plain(&ada.get("/agreements").text);
        assert!(
            list.contains("Calendar Working hours corrected, version 2"),
            "{list}"
        );
    }
);

both_databases!(
    days_of_an_icalendar_file_are_looked_through_before_they_are_taken_over,
    |desk| {
        let (_served, ada, _) = admin(&desk);
        let file = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Christmas\nDTSTART;VALUE=DATE:20261225\n\
                    DTEND;VALUE=DATE:20261227\nEND:VEVENT\nBEGIN:VEVENT\nSUMMARY:Old\n\
                    DTSTART;VALUE=DATE:20100101\nEND:VEVENT\nEND:VCALENDAR";
        let mut fields = WEEK.to_vec();
        // Whoever reads it sits in another zone than the file's author.
        fields[1] = ("zone", "Pacific/Auckland");
        let mut read = fields.clone();
        read.extend([("do", "read"), ("ics", file)]);
        let shown = ada.post("/calendars/import", &read);
        assert_eq!(shown.status, 200);
        let line = "2026-12-25..2026-12-26 closed Christmas";
        assert!(
            shown
                .text
                .contains(&format!("name=\"take\" value=\"{line}\" checked"))
        );
        assert!(plain(&shown.text).contains("Old: it is over"));
        let mut take = fields.clone();
        take.extend([("do", "take"), ("take", line)]);
        let taken = ada.post("/calendars/import", &take).text;
        assert!(taken.contains(&format!("Half a day\n{line}")), "{taken}");
        assert!(plain(&taken).contains("One line was added"));
        let book = desk.app.store.read(store::sla::book).unwrap();
        assert_eq!(book.calendars.len(), 2, "nothing is saved yet");
        let lines = format!("2026-06-10 10:00-12:00 Half a day\n{line}");
        fields[6] = ("exceptions", lines.as_str());
        assert_eq!(ada.post("/calendars", &fields).status, 303);
        let (id, _) = calendar(&desk, "Shifts");
        let text = plain(&ada.get(&format!("/calendars/{id}")).text);
        assert!(text.contains("Fri 25 Dec 2026 Christmas"), "{text}");
    }
);

both_databases!(
    an_agreement_shows_what_its_promises_come_to_and_which_are_in_vain,
    |desk| {
        let (_served, ada, founded) = admin(&desk);
        let by = as_person(&desk.app, founded.admin);
        let (contoso, northwind) = (a_customer(&by, "Contoso"), a_customer(&by, "Northwind"));
        let (working, _) = calendar(&desk, "Working hours");
        let (always, _) = calendar(&desk, "Round the clock");
        let (contoso, northwind) = (contoso.to_string(), northwind.to_string());
        let row = |n: usize, metric: &str, budget: &str| -> Vec<(String, String)> {
            [
                ("metric", metric),
                ("budget", budget),
                ("calendar", working.as_str()),
                ("kind", "incident"),
                ("promisee", "customer"),
                ("anchor", "logged"),
            ]
            .iter()
            .map(|(field, value)| (format!("{n}-{field}"), (*value).to_owned()))
            .collect()
        };
        let mut fields = vec![
            ("name".to_owned(), "Shared".to_owned()),
            ("customer".to_owned(), contoso.clone()),
            ("customer".to_owned(), northwind.clone()),
        ];
        fields.extend(row(0, "respond", "2 h"));
        fields.push(("0-also".to_owned(), always.clone()));
        // Row 2 is left empty; row 3 repeats row 1, row 4 promises nothing.
        fields.extend(row(2, "respond", "4 h"));
        fields.extend(row(3, "resolve", "0 min"));
        // Row 5 waits for what nobody would see.
        let by_vendor = |(name, value): (String, String)| match name.as_str() {
            "4-promisee" => (name, "vendor".to_owned()),
            _ => (name, value),
        };
        fields.extend(row(4, "update", "1 h").into_iter().map(by_vendor));
        let post = |place: &str, fields: &[(String, String)]| {
            let fields: Vec<(&str, &str)> = fields
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            ada.post(place, &fields)
        };
        let shown = post("/agreements/preview", &fields);
        assert_eq!(shown.status, 200, "{}", shown.text);
        let text = plain(&shown.text);
        for said in [
            "First response Incident 2 h Working hours + Round the clock",
            "Row 3: It never holds: row 1 holds for everything that this one is for.",
            "Row 4: A promise of no time can't be kept.",
            "Row 5: Nothing on a ticket shows when a vendor does that (update)",
        ] {
            assert!(text.contains(said), "{said} in {text}");
        }
        let refused = post("/agreements", &fields);
        assert_eq!(refused.status, 422);
        assert!(plain(&refused.text).contains("Row 3: It never holds"));
        fields.retain(|(name, _)| !["2-", "3-", "4-"].iter().any(|it| name.starts_with(it)));
        assert_eq!(post("/agreements", &fields).status, 303);
        let (id, rev) = agreement(&desk, "Shared");
        let place = format!("/agreements/{id}");
        let text = plain(&ada.get(&place).text);
        assert!(text.contains("Contoso Northwind"), "{text}");

        // A second version; the history says what it changed, and viewers may read it.
        fields.extend([
            ("rev".to_owned(), rev),
            ("of".to_owned(), id.clone()),
            ("effect".to_owned(), "from".to_owned()),
            ("from".to_owned(), "2026-07-01T00:00".to_owned()),
        ]);
        fields.retain(|(_, value)| *value != northwind);
        fields.extend(row(1, "resolve", "16 h"));
        fields.retain(|(name, _)| name != "backdate_days");
        fields.extend([
            ("1-on_change".to_owned(), "keep".to_owned()),
            ("1-holds_in".to_owned(), "restored".to_owned()),
            ("backdate_days".to_owned(), "3".to_owned()),
        ]);
        let shown = post(&place, &fields);
        assert_eq!(shown.status, 303, "{}", shown.text);
        let text = plain(&ada.get(&place).text);
        for said in [
            "Version 2 planned",
            "− Northwind",
            "Resolve · 16 h",
            "When the ticket changes: leave the promise as it was",
            "Stands while the ticket is: Restored",
            "Days back: 7 → 3",
        ] {
            assert!(text.contains(said), "{said} in {text}");
        }
        let planned = ada.get(&format!("{place}/edit?version=2")).text;
        assert!(
            planned.contains("name=\"from\" value=\"2026-07-01T00:00\""),
            "{planned}"
        );
        let list = plain(&ada.get("/agreements").text);
        assert!(list.contains("Shared another version from"), "{list}");
        assert_eq!(
            ada.post(&format!("{place}/move"), &[("to", "later")])
                .status,
            303
        );
        assert_eq!(ada.post(&format!("{place}/delete"), &[]).status, 303);
        assert_eq!(ada.get(&place).status, 404);
        let nothing = Id::<()>::new(desk.now()).to_string();
        assert_eq!(ada.get(&format!("/calendars/{nothing}")).status, 404);
    }
);

both_databases!(
    an_agreement_that_is_being_written_shows_when_its_promises_would_be_due,
    |desk| {
        let (_served, ada, founded) = admin(&desk);
        let by = as_person(&desk.app, founded.admin);
        let contoso = a_customer(&by, "Contoso").to_string();
        let (working, _) = calendar(&desk, "Working hours");
        let (always, _) = calendar(&desk, "Round the clock");
        // The examples' first moment is a Friday afternoon, an hour before Stockholm's offices close.
        let due = |hours: &str, budget: &str| {
            let fields = [
                ("name", "Gold"),
                ("customer", contoso.as_str()),
                ("0-metric", "resolve"),
                ("0-budget", budget),
                ("0-calendar", hours),
                ("0-kind", "incident"),
                ("0-promisee", "customer"),
                ("0-anchor", "logged"),
            ];
            let shown = ada.post("/agreements/preview", &fields);
            assert_eq!(shown.status, 200, "{}", shown.text);
            plain(&shown.text)
        };
        let office = due(&working, "2 h");
        let office_longer = due(&working, "10 h");
        let clock = due(&always, "2 h");
        // From Monday 11:00 and from Friday 16:30 in Stockholm; the office is open from nine to five.
        for (text, dues) in [
            (&office, ["1 Jun 13:00", "8 Jun 10:30"]),
            (&office_longer, ["2 Jun 13:00", "9 Jun 10:30"]),
            (&clock, ["1 Jun 13:00", "5 Jun 18:30"]),
        ] {
            for due in dues {
                assert!(text.contains(due), "{due}: {text}");
            }
        }
    }
);

both_databases!(
    somebodys_public_holidays_are_shown_before_they_are_saved,
    |desk| {
        let (_served, ada, founded) = admin(&desk);
        let text = plain(&ada.get("/profile/holidays?holidays=DE-BY").text);
        assert!(text.contains("Germany, Bayern") && text.contains("Thu 4 Jun 2026 Corpus Christi"));
        let kept = || {
            desk.app
                .store
                .read(|conn| store::people::holidays(conn, founded.admin))
                .unwrap()
        };
        assert_eq!(kept(), None);
        let wrong = ada.post("/profile/holidays", &[("holidays", "Bavaria")]);
        assert_eq!(wrong.status, 422);
        assert!(wrong.text.contains("value=\"Bavaria\""));
        assert_eq!(
            ada.post("/profile/holidays", &[("holidays", "de-by")])
                .status,
            303
        );
        assert_eq!(kept().as_deref(), Some("DE-BY"));
        assert_eq!(
            ada.post("/profile/holidays", &[("holidays", "")]).status,
            303
        );
        assert_eq!(kept(), None);
    }
);
