//! Every page of the product, in light and dark: axe-core finds nothing, nothing runs out of a narrow screen sideways, and no column or
//! line is wider on a large one than it is meant to be.
//!
//! Which pages there are is taken from the route table: a GET route that no visit reached fails the test, unless it stands in
//! [`NO_PAGES`] because what it answers is no page.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::access_matrix;
use crate::browser::{Browser, Screen, Scripts};
use crate::browser_asks::{BIG, EDITORS, ELEMENTS, LOOK, RUN, SIDEWAYS, WEIGHT, WIDE};
use crate::browser_steps::{self, INES, PASSWORD};
use crate::running::Running;

const AXE: &str = include_str!("../vendor/axe-core/axe.min.js");

/// GET routes that answer with a file, a feed or a program's data.
const NO_PAGES: &[&str] = &[
    "/healthz",
    "/readyz",
    "/metrics",
    "/a/{name}",
    "/queue.csv",
    "/ledger.csv",
    "/deployments/figures.csv",
    "/deployments/figures/list.csv",
    "/audit/evidence.tar",
    "/repositories/coverage.csv",
    "/repositories/coverage/list.csv",
    "/feed/{token}.ics",
    "/mail/in/{id}/raw",
    "/mail/in/{id}/html",
    "/{key}/files/{id}",
    "/portal/{key}/files/{id}",
    "/file/{token}",
    "/{key}/report/{customer}/{format}",
    "/reports/sla/{format:html|csv|pdf}",
    "/reports/stored/{id}/{format:html|csv|pdf}",
];

const DEMO_PASSWORD: &str = "keep the watch";

/// Pages besides those of the route table's file.
const MORE_PAGES: &[&str] = &["/api"];

/// A form that is sent empty shows what is wrong at each field: a page of its own.
const FORMS: &[&str] = &[
    "/new",
    "/call",
    "/customers/new",
    "/people/new",
    "/services/new",
    "/agreements/new",
    "/calendars/new",
    "/tokens",
    "/mail/addresses",
    "/repositories",
    "/webhooks",
    "/freezes",
    "/freezes/import",
    "/approvals",
    "/calendar",
    "/wordings",
];

#[test]
fn axe_finds_nothing_on_any_page_in_light_and_dark() {
    let seen = Seen::default();
    std::thread::scope(|scope| {
        let month = scope.spawn(|| a_house_with_a_month(&seen));
        let fresh = scope.spawn(|| a_fresh_house(&seen));
        let roles = scope.spawn(|| each_role_alone(&seen));
        for visit in [month, fresh, roles] {
            if let Err(why) = visit.join() {
                std::panic::resume_unwind(why);
            }
        }
    });
    let seen = seen.inner.into_inner().expect("nobody panicked");
    for role in ROLES {
        let reached = seen.of_role.get(role.name).copied().unwrap_or_default();
        assert!(reached > 15, "{}: {reached} pages", role.name);
    }
    let pages = access_matrix::routes()
        .into_iter()
        .filter(|(method, pattern)| method == "GET" && !NO_PAGES.contains(&pattern.as_str()))
        .map(|(_, pattern)| pattern)
        .chain(MORE_PAGES.iter().map(|page| (*page).to_owned()));
    let missed: Vec<String> = pages.filter(|page| !seen.patterns.contains(page)).collect();
    assert!(
        seen.findings.is_empty() && missed.is_empty(),
        "{} findings on {} pages:\n{}\nNo visit reached {missed:?}",
        seen.findings.len(),
        seen.pages,
        seen.findings.join("\n")
    );
}

/// A role that somebody has and no other, in which light they look, and somebody of the demo who gets it.
struct Part {
    name: &'static str,
    label: &'static str,
    is_dark: bool,
    who: &'static str,
    email: &'static str,
}

/// All but the admin, who looks in both lights elsewhere. Three people play them, one after the other.
const ROLES: &[Part] = &[
    Part {
        name: "viewer",
        label: "Viewer",
        is_dark: true,
        who: "Tom Kerr",
        email: "tom@northstar.example",
    },
    Part {
        name: "responder",
        label: "Responder",
        is_dark: false,
        who: "Ana Lindt",
        email: "ana@northstar.example",
    },
    Part {
        name: "lead",
        label: "Lead",
        is_dark: true,
        who: "Jonas Berg",
        email: "jonas@northstar.example",
    },
    Part {
        name: "change_approver",
        label: "Change approver",
        is_dark: false,
        who: "Tom Kerr",
        email: "tom@northstar.example",
    },
    Part {
        name: "auditor",
        label: "Auditor",
        is_dark: true,
        who: "Jonas Berg",
        email: "jonas@northstar.example",
    },
];

/// The demo once more, by everybody who has one role and no other. Pages that look as they did for somebody before aren't looked
/// at again.
fn each_role_alone(seen: &Seen) {
    let house = Running::demo();
    let mut visit = Visit::new(&house, seen);
    for cast in [&ROLES[..3], &ROLES[3..]] {
        browser_steps::log_in_with(&visit.browser, INES, DEMO_PASSWORD);
        for part in cast {
            visit.browser.go("/people");
            visit.browser.follow(part.who);
            visit.browser.runs(
                "document.querySelectorAll('input[name=roles]').forEach(box => { box.checked = box.value === arguments[0] })",
                vec![json!(part.name)],
            );
            visit.browser.press("Save grants");
            visit.browser.sees(part.label);
        }
        for part in cast {
            browser_steps::log_in_with(&visit.browser, part.email, DEMO_PASSWORD);
            visit.part = Some(part);
            visit.walk("/");
        }
        visit.part = None;
    }
}

/// What was reached and found so far, by all visits.
#[derive(Default)]
struct Seen {
    inner: Mutex<Reached>,
}

#[derive(Default)]
struct Reached {
    patterns: BTreeSet<String>,
    pages: usize,
    findings: Vec<String>,
    /// How pages looked that were looked at, by whether it was dark.
    looks: BTreeSet<(bool, String)>,
    /// Pages that somebody of this role came to.
    of_role: BTreeMap<&'static str, usize>,
}

/// The demo: everything that links lead to, as staff, as a customer's contact, and as nobody.
fn a_house_with_a_month(seen: &Seen) {
    let house = Running::demo();
    let visit = Visit::new(&house, seen);
    visit.page("/log-in");
    visit.page("/forgotten");
    visit.page("/n/no-such-page");
    visit.page("/leave/no-such-link");
    browser_steps::log_in_with(&visit.browser, INES, DEMO_PASSWORD);
    visit.walk("/");
    for form in FORMS {
        visit.browser.go(form);
        visit.browser.send_unchecked("main form[method=post]");
        visit.look(&format!("{form}, sent empty"));
    }
    // What an edit would do to clocks, and the days of a file, before either is taken over.
    visit.browser.go("/agreements");
    visit.browser.follow("Stockholm office hours");
    visit.browser.follow("Edit");
    visit.browser.fill("Monday", "13:00-17:00, 16:00-18:00");
    visit.browser.press("Save");
    visit.browser.sees("What this does to clocks");
    visit.look("a calendar's clocks that would move");
    // That look has opened the drawer that they go into.
    visit.browser.fill(
        "Or its text",
        "BEGIN:VEVENT\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20300703\nEND:VEVENT",
    );
    visit.browser.press("Show its days");
    visit.browser.sees("Days in it");
    visit.look("the days of a file");
    visit.page("/profile/holidays?holidays=SE");
    // The report of promises, and the lists behind its numbers.
    visit.browser.go("/reports/sla");
    visit.browser.choose("Customer", "Northwind Traders");
    visit.browser.press("Show");
    visit.browser.follow("This month");
    visit.browser.sees("sha256");
    visit.look("a report of promises");
    let lists = visit.links().into_iter();
    let mut lists = lists.filter(|link| link.starts_with("/reports/sla/list"));
    visit.page(&lists.next().expect("a number with a list behind it"));
    visit.page("/nothing-here");
    what_forms_answer(&visit);
    visit.page("/queue?q=no:such&sort=1");
    visit.page("/search?q=replica");
    visit.page("/search?q=nothingtobefound");
    // A contact's side: invited from the house, at the link that the invitation carries.
    visit.browser.go("/customers");
    visit.browser.follow("Northwind");
    visit.browser.follow("Maja Falk");
    visit.browser.press("Invite to the portal");
    visit.look("the invitation's link");
    let invitation = house
        .letter("maja@northwind.example", "")
        .link("/invitation/");
    visit.browser.forget();
    visit.page(&invitation);
    visit.browser.fill("New password", PASSWORD);
    visit.browser.fill("The same again", PASSWORD);
    visit.browser.press("Set password");
    visit.browser.go("/log-in");
    visit.browser.fill("Mail address", "maja@northwind.example");
    visit.browser.fill("Password", PASSWORD);
    visit.browser.press("Log in");
    visit.walk("/portal");
    visit.browser.go("/portal/new");
    visit.browser.send_unchecked("main form[method=post]");
    visit.look("/portal/new, sent empty");
}

/// Pages that come of sending a form: what it would move, what somebody else changed meanwhile, a session that ended meanwhile.
fn what_forms_answer(visit: &Visit) {
    visit.browser.go("/queue");
    let links = visit.links().into_iter();
    let incident = links
        .map(|link| link.split(['?', '#']).next().unwrap_or_default().to_owned())
        .find(|link| link.starts_with("/INC-") && is_key(&link[1..]))
        .expect("an incident in the queue");
    visit.browser.go(&incident);
    visit.browser.runs(
        "const form = document.querySelector('form[action$=\"/hold\"]');
         form.noValidate = true;
         form.querySelector('[name=reason]').value = 'Which port?';
         form.requestSubmit(form.querySelector('[name=preview]'))",
        vec![],
    );
    visit.browser.will_see("Before it is saved");
    visit.look("what a hold would move");
    let edit = format!("{incident}/edit");
    visit.browser.go(&edit);
    let status = visit.browser.runs_async(
        "const [title, done] = arguments;
         const typed = new URLSearchParams(new FormData(document.querySelector('main form')));
         typed.set('title', title);
         fetch(location.href, {method: 'POST', body: typed}).then(it => done(it.status), it => done(String(it)))",
        vec![json!("Somebody else's title")],
    );
    assert_eq!(status, 200, "the first of two edits holds");
    visit.browser.fill("Title", "My title");
    visit.browser.press("Save");
    visit.browser.sees("Somebody else changed the same");
    visit.look("an edit that met another");
    visit.browser.go("/new");
    visit
        .browser
        .fill("What is it?", "Typed before the session ended");
    visit.browser.forget();
    visit.browser.press("Open it");
    visit.look("/log-in, with a text that is kept");
    visit.browser.fill("Mail address", INES);
    visit.browser.fill("Password", DEMO_PASSWORD);
    visit.browser.press("Log in");
    visit.browser.sees("Typed before the session ended");
    visit.look("what was sent when the session ended");
    visit.browser.follow("Drop it");
}

/// A fresh installation: set-up, empty pages, links out of letters, the page in the night.
fn a_fresh_house(seen: &Seen) {
    let house = Running::fresh(None);
    let visit = Visit::new(&house, seen);
    visit.page("/log-in");
    visit.page(&house.set_up_path());
    visit.browser.send_unchecked("main form[method=post]");
    visit.look("set-up, sent empty");
    browser_steps::set_up(&house, &visit.browser);
    for empty in [
        "/",
        "/queue",
        "/on-call",
        "/ledger",
        "/mail/in",
        "/mail/out",
        "/mail/addresses",
        "/customers",
        "/tokens",
        "/repositories",
        "/post-mortems",
    ] {
        visit.page(empty);
    }
    visit.browser.go("/webhooks");
    visit.browser.fill("Name", "Chat");
    visit.browser.fill("Address", "https://chat.example.org/in");
    visit.browser.press("Add webhook");
    visit.look("/webhooks, its secret shown");
    visit.browser.follow("Chat");
    let hook = visit.browser.place();
    visit.page(&hook);
    visit.browser.go("/repositories");
    visit.browser.fill("Repository", "infra/web");
    visit.browser.press("Register");
    visit.browser.follow("infra/web");
    let repository = visit.browser.place();
    visit.page(&repository);
    visit.browser.fill("Clone URL", "web.git");
    visit.browser.press("Connect");
    visit.look("a forge's clone URL that isn't taken");
    visit.browser.fill("Clone URL", "file:///nowhere/web.git");
    visit.browser.press("Connect");
    visit.look("a forge, its secret shown");
    visit.page(&repository);
    visit.browser.go("/mail/addresses");
    visit.browser.fill("Address", "support@northstar.example");
    visit.browser.press("Save");
    visit.browser.follow("support@northstar.example");
    let address = visit.browser.place();
    visit.page(&address);
    visit.browser.go("/on-call");
    visit.browser.press("Send me a test page");
    visit.page(&house.letter(INES, "est page").link("/n/"));
    visit.browser.go("/new");
    visit.browser.fill("What is it?", "DB master down");
    visit.browser.tick("Disaster");
    visit.browser.press("Open it");
    visit.look("/INC-1, just opened");
    let night = house.letter(INES, "DB master down").link("/n/");
    visit.page(&night);
    visit.browser.press("I have it");
    visit.look("/n/{token}, answered");
    visit.browser.forget();
    visit.browser.go("/log-in");
    visit.browser.fill("Mail address", INES);
    visit.browser.fill("Password", "not the password");
    visit.browser.press("Log in");
    visit.look("/log-in, wrong password");
    visit.browser.go("/forgotten");
    visit.browser.fill("Mail address", INES);
    visit.browser.press("Send the link");
    visit.look("/forgotten, sent");
    visit.page(&house.letter(INES, "password").link("/reset/"));
}

/// One browser on its way through a house.
struct Visit<'a> {
    browser: Browser,
    seen: &'a Seen,
    patterns: Vec<String>,
    /// Who looks, if it is somebody of one role.
    part: Option<&'static Part>,
}

impl<'a> Visit<'a> {
    fn new(house: &Running, seen: &'a Seen) -> Self {
        let routes = access_matrix::routes().into_iter();
        let pages = routes.filter(|(method, _)| method == "GET");
        let mut patterns: Vec<String> = pages.map(|(_, pattern)| pattern).collect();
        patterns.extend(MORE_PAGES.iter().map(|page| (*page).to_owned()));
        // What is written out goes before what has places.
        patterns.sort_by_key(|pattern| pattern.matches('{').count());
        Self {
            browser: Browser::new(&house.url, Scripts::On),
            seen,
            patterns,
            part: None,
        }
    }

    /// Follows links from `start` until a few of each kind of page were looked at.
    fn walk(&self, start: &str) {
        let mut waiting = VecDeque::from([start.to_owned()]);
        let mut known = BTreeSet::from([start.to_owned()]);
        let mut looked: BTreeMap<String, usize> = BTreeMap::new();
        while let Some(place) = waiting.pop_front() {
            let Some(pattern) = self.pattern_of(&place) else {
                continue;
            };
            let path = place.split('?').next().unwrap_or_default();
            let (kind, most) = match pattern.as_str() {
                no_page if NO_PAGES.contains(&no_page) => continue,
                // Tickets by kind: each has a page of its own making.
                "/{key}" => {
                    let kind = path.split('-').next().unwrap_or_default().to_owned();
                    (kind, if self.part.is_some() { 2 } else { 3 })
                }
                // What the others look at more than once, somebody of one role looks at once.
                _ if self.part.is_some() => (pattern.clone(), 1),
                // Where only one customer was hit, this leads on to their report.
                "/{key}/report" => (pattern.clone(), 6),
                "/new" | "/portal/{key}" | "/{key}/clocks/{id}" => (pattern.clone(), 4),
                _ => (pattern.clone(), 1),
            };
            let count = looked.entry(kind).or_default();
            if *count == most {
                continue;
            }
            *count += 1;
            self.page(&place);
            for link in self.links() {
                if known.insert(link.clone()) {
                    waiting.push_back(link);
                }
            }
        }
    }

    /// Addresses of ours that this page links to, without what stands behind a `#`.
    fn links(&self) -> Vec<String> {
        let found = self.browser.runs(
            "return [...document.querySelectorAll('a[href]')]
                .filter(a => a.origin === location.origin)
                .map(a => a.pathname + a.search)",
            vec![],
        );
        let found = found.as_array().cloned().unwrap_or_default();
        let texts = found.iter().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }

    fn pattern_of(&self, place: &str) -> Option<String> {
        let path = place.split('?').next().unwrap_or_default();
        let fits = |pattern: &&String| {
            let (wanted, given) = (pattern.split('/'), path.split('/'));
            wanted.clone().count() == given.clone().count()
                && wanted.zip(given).all(|(wanted, given)| match wanted {
                    "{key}" => is_key(given),
                    _ => wanted == given || wanted.starts_with('{') && !given.is_empty(),
                })
        };
        self.patterns.iter().find(fits).cloned()
    }

    /// Goes there and looks.
    fn page(&self, place: &str) {
        self.browser.go(place);
        let reached = self.browser.place();
        if let Some(pattern) = self.pattern_of(&reached) {
            let mut seen = self.seen.inner.lock().expect("nobody panicked");
            seen.patterns.insert(pattern);
        }
        self.look(place);
    }

    /// Looks at the page that is open, in every light and from near and far.
    fn look(&self, name: &str) {
        let mut findings = Vec::new();
        self.browser.runs(
            "document.querySelectorAll('details.drawer').forEach(one => one.open = true)",
            vec![],
        );
        let lights = match self.part {
            Some(part) => vec![part.is_dark],
            None => vec![false, true],
        };
        let look = self.browser.runs(LOOK, vec![]);
        let look = look.as_str().expect("how it looks").to_owned();
        {
            let mut seen = self.seen.inner.lock().expect("nobody panicked");
            let before = seen.looks.len();
            seen.looks
                .extend(lights.iter().map(|is_dark| (*is_dark, look.clone())));
            if let Some(part) = self.part {
                *seen.of_role.entry(part.name).or_default() += 1;
                if seen.looks.len() == before {
                    return;
                }
            }
        }
        let is_editor = EDITORS.iter().any(|editor| name.starts_with(editor));
        let (weight, elements) = match is_editor {
            true => (18 * 1024, 3_500),
            false => (WEIGHT, ELEMENTS),
        };
        let big = self.browser.runs(BIG, vec![json!(weight), json!(elements)]);
        if !big.is_null() {
            findings.push(format!("{name}: {big}"));
        }
        for screen in [Screen::Narrow, Screen::Phone] {
            self.browser.at(screen);
            let wide = self.browser.runs(SIDEWAYS, vec![]);
            if !wide.is_null() {
                findings.push(format!("{name}: {screen:?} runs out sideways: {wide}"));
            }
        }
        self.browser.at(Screen::Wide);
        for ask in [SIDEWAYS, WIDE] {
            let wide = self.browser.runs(ask, vec![]);
            if !wide.is_null() {
                findings.push(format!("{name}, on a large screen: {wide}"));
            }
        }
        self.browser.at(Screen::Desk);
        self.browser.runs(AXE, vec![]);
        let mut inks = BTreeSet::new();
        for &is_dark in &lights {
            self.browser.in_the_dark(is_dark);
            let ran = self.browser.runs_async(RUN, vec![json!(is_dark)]);
            assert_eq!(
                ran["dark"], is_dark,
                "{name}: the colours are the other ones"
            );
            assert!(ran["passes"].as_u64() > Some(5), "{name}: {ran}");
            inks.insert(ran["ink"].to_string());
            for finding in ran["findings"].as_array().into_iter().flatten() {
                let light = if is_dark { "dark" } else { "light" };
                findings.push(format!(
                    "{name}, {light}: {}",
                    finding.as_str().unwrap_or("?")
                ));
            }
        }
        assert_eq!(inks.len(), lights.len(), "{name}: {inks:?} in {lights:?}");
        let mut seen = self.seen.inner.lock().expect("nobody panicked");
        seen.pages += 1;
        seen.findings.extend(findings);
    }
}

fn is_key(text: &str) -> bool {
    let Some((kind, number)) = text.split_once('-') else {
        return false;
    };
    (2..=3).contains(&kind.len())
        && kind.chars().all(|c| c.is_ascii_alphabetic())
        && !number.is_empty()
        && number.chars().all(|c| c.is_ascii_digit())
}
