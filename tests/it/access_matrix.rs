//! Every route × every role. The rows are taken from the route table itself, so that a new route without a row here fails; the
//! cells are what a request of that role is answered.
//!
//! A cell: `L` is sent to log in, `.` nothing is there (404), `x` known but not theirs (403), `+` let in (whatever the form's
//! content then leads to).

use std::collections::BTreeMap;

use chrono::NaiveDate;
use watchkeeper::actions::login::{self, NewToken};
use watchkeeper::actions::ticket_answer::Readers;
use watchkeeper::actions::{
    self, evidence, oncall, sla, sla_period, ticket, ticket_answer, webhook,
};
use watchkeeper::app::Ctx;
use watchkeeper::domain::access::{Reach, Role, Roles, Scope, Scopes, TokenOwner};
use watchkeeper::domain::approval;
use watchkeeper::domain::change::Sort;
use watchkeeper::domain::deployment::Typed;
use watchkeeper::domain::freeze;
use watchkeeper::domain::id::{Id, Kind};
use watchkeeper::domain::oncall::Change;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_report::Period;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::domain::timeline::Door;
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::accounts::{a_contact, a_customer, as_person, founded};
use crate::both_databases;
use crate::desk::Desk;
use crate::mail::mail;
use crate::served::Served;
use crate::visitor::{Answer, Visitor};

/// Who asks, in the order of the cells.
pub const ROLES: &[&str] = &[
    "anonymous",
    "contact",
    "viewer",
    "responder",
    "lead",
    "change_approver",
    "auditor",
    "admin",
];

/// Method, route, one cell per role of [`ROLES`].
const MATRIX: &str = include_str!("access_matrix.txt");

/// Routes without a row. This list may only shrink.
const UNCOVERED: &[&str] = &[];

/// The route table as it is written: method and pattern, in its order. `{key:…}` with a class of its own is any ticket's.
pub fn routes() -> Vec<(String, String)> {
    let source = std::fs::read_to_string("src/http/routes.rs").expect("the route table");
    let lines = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.flat_map(str::split_whitespace).collect();
    let constant = |name: &str| -> String {
        let after = code.split(&format!("const{name}:&str=\"")).nth(1);
        let value = after.and_then(|rest| rest.split('"').next());
        value
            .unwrap_or_else(|| panic!("the pattern {name}"))
            .to_owned()
    };
    let mut routes = Vec::new();
    for rest in code.split(".route(").skip(1) {
        let (pattern, rest) = match rest.strip_prefix('"') {
            Some(rest) => {
                let (pattern, rest) = rest.split_once("\",").expect("a pattern");
                (pattern.to_owned(), rest)
            }
            None => {
                let (name, rest) = rest.split_once(',').expect("a constant");
                (constant(name), rest)
            }
        };
        let method = rest.split("()").next().expect("a method").to_uppercase();
        // A repetition's braces would close the place too early.
        let plain = pattern
            .replace("{key:[A-Za-z]{2,3}-[0-9]+}", "{key}")
            .replace("{key:[Ii][Nn][Cc]-[0-9]+}", "{incident}")
            .replace("{key:[Pp][Mm]-[0-9]+}", "{post-mortem}");
        routes.push((method, plain));
    }
    assert!(routes.len() > 40, "{routes:?}");
    routes
}

/// Values for a route's places, and visitors for its roles.
pub struct House {
    pub desk: Desk,
    pub served: Served,
    pub holders: BTreeMap<&'static str, Holder>,
    pub ids: BTreeMap<&'static str, String>,
}

pub fn house(desk: Desk) -> House {
    let founded = founded(&desk);
    let by = as_person(&desk.app, founded.admin);
    let customer = a_customer(&by, "Contoso");
    let contact = a_contact(&by, customer, "Cleo", Reach::Own);
    let (other, token) = {
        let other = desk.person("Other", Roles::of(&[Role::Viewer]));
        let new = NewToken {
            name: "theirs".into(),
            owner: TokenOwner::Person(other.id),
            roles: Roles::NONE,
            scopes: Scopes::of(&[Scope::Read]),
            expires_at: None,
        };
        (
            other.id,
            login::make_token(&as_person(&desk.app, other.id), &new)
                .unwrap()
                .0,
        )
    };
    let opening = Opening {
        customer: Some(customer),
        requester: Some(contact),
        ..Opening::default()
    };
    let title = Title::parse("Uplink down").unwrap();
    ticket::open(&by, Kind::Incident, title, &opening).expect("a ticket");
    let worse = Opening {
        severity: Some(Severity::High),
        ..Opening::default()
    };
    let title = Title::parse("DB master down").unwrap();
    let incident = ticket::open(&by, Kind::Incident, title, &worse).expect("an incident");
    ticket::resolve(&by, incident.key, None, "restarted").expect("its end opens PM-1");
    let mut holders = BTreeMap::from([("contact", Holder::Contact(contact))]);
    for role in Role::ALL {
        let person = desk.person(role.as_str(), Roles::of(&[*role]));
        holders.insert(role.as_str(), Holder::Person(person.id));
    }
    let hook = webhook::Typed {
        name: "Chat".to_owned(),
        url: "https://chat.example.org/in".to_owned(),
        events: vec!["*".to_owned()],
        is_enabled: true,
    };
    let hook = webhook::add(&by, &hook).expect("a webhook");
    desk.let_letters_go();
    let paper = evidence::keep(&by, "graph.txt", "text/plain", b"flat").expect("kept");
    ticket_answer::bring(
        &by,
        "INC-1".parse().expect("a key"),
        "How it stands.",
        &[paper],
        None,
        Readers::AllAffected,
    )
    .expect("attached");
    desk.let_letters_go();
    let letter = mail(
        &desk,
        "noc@elsewhere.example",
        "Subject: Slow",
        "Since noon.",
    );
    let friday = freeze::Details::friday("No changes on Friday", chrono_tz::UTC);
    let friday = actions::freeze::add(&by, &friday).expect("a freeze");
    let (rule, stand_in) = approvals(&desk, &by);
    let wording = actions::wording::Typed {
        name: "On it".to_owned(),
        body: "We are on {ticket}.".to_owned(),
        is_active: true,
    };
    let wording = actions::wording::add(&by, &wording).expect("a wording");
    let feed = oncall::renew_feed(&by, None).expect("a feed");
    let (file, clock, agreement, calendar) = desk
        .app
        .store
        .read(|conn| {
            let ticket =
                store::ticket::by_key(conn, "INC-1".parse().expect("a key"))?.expect("open");
            let book = sla::book(&desk.app, conn)?;
            Ok((
                store::blob::attachments(conn, ticket.id)?[0].id.to_string(),
                store::sla::of_ticket(conn, ticket.id)?[0].id.to_string(),
                book.agreements()[0].id.to_string(),
                book.calendars[0].id.to_string(),
            ))
        })
        .expect("read");
    let away = oncall::add_override(
        &by,
        founded.team,
        Change::Add(other),
        desk.now().plus_secs(86_400),
        desk.now().plus_secs(2 * 86_400),
        "",
    )
    .expect("an override");
    let day = |day| NaiveDate::from_ymd_opt(2026, 5, day).expect("a day");
    let may = Period::new(day(1), day(31), chrono_tz::UTC).expect("a period");
    sla_period::lock(&by, &may, None, "reported").expect("May is over");
    while sla_period::store_reports(&by).expect("its reports are stored") {}
    let stored = desk.app.store.read(|conn| {
        let locks: Vec<_> = store::period_lock::all(conn)?
            .iter()
            .map(|lock| lock.id)
            .collect();
        store::stored_report::of_locks(conn, &locks)
    });
    let stored = stored.expect("read").remove(0);
    let deployed = actions::deployment::record(
        &desk.app.system("pipeline", Door::Api),
        Typed {
            service: "Everything".into(),
            environment: "prod".into(),
            version: "1.0".into(),
            status: "succeeded".into(),
            ..Typed::default()
        },
    );
    let deployed = deployed.expect("it is live");
    let queued = queued(&desk, &by);
    let nothing: Id<()> = Id::new(desk.now());
    let ids = BTreeMap::from([
        ("attachments", file.clone()),
        ("files", file),
        ("override", away.to_string()),
        ("stored", stored.id.to_string()),
        ("stored-reports", stored.id.to_string()),
        ("clocks", clock),
        ("agreements", agreement),
        ("calendars", calendar),
        ("in", letter.id.to_string()),
        ("feed", feed),
        ("freezes", friday.id.to_string()),
        ("approvals", rule.clone()),
        ("approval-rules", rule),
        ("away", stand_in.clone()),
        ("approval-stand-ins", stand_in),
        ("deployments", deployed.deployment.id.to_string()),
        ("queue", queued.clone()),
        ("deployment-queue", queued),
        ("wordings", wording.id.to_string()),
        ("people", other.to_string()),
        ("teams", founded.team.to_string()),
        ("services", founded.service.to_string()),
        ("customers", customer.to_string()),
        ("contact", contact.to_string()),
        ("tokens", token.to_string()),
        ("webhooks", hook.id.to_string()),
        ("nothing", nothing.to_string()),
    ]);
    let served = Served::new(&desk.app);
    House {
        desk,
        served,
        holders,
        ids,
    }
}

/// A deployment that waits for the end of a window in staging.
fn queued(desk: &Desk, by: &Ctx<'_>) -> String {
    let now = desk.now().in_zone(chrono_tz::UTC).date_naive();
    let window = freeze::Details {
        name: "Rehearsal".to_owned(),
        when: freeze::When::parse(&format!("{now} 00:00"), &format!("{now} 23:00")).expect("a day"),
        scope: freeze::Scope {
            refs: Vec::new(),
            environments: vec!["staging".to_owned()],
            ..freeze::Scope::default()
        },
        ..freeze::Details::friday("", chrono_tz::UTC)
    };
    actions::freeze::add(by, &window).expect("a window");
    let wish = Typed {
        service: "Everything".into(),
        environment: "staging".into(),
        version: "1.1".into(),
        status: "started".into(),
        when_open: true,
        ..Typed::default()
    };
    let asked = actions::deployment::ask(&desk.app.system("pipeline", Door::Api), wish);
    match asked.expect("it is asked for") {
        actions::deployment::Asked::Waits { queued, .. } => queued.id.to_string(),
        other => panic!("{other:?}"),
    }
}

/// A rule about approvals, and somebody who stands in for another.
fn approvals(desk: &Desk, by: &Ctx<'_>) -> (String, String) {
    let details = approval::Details {
        name: "Two for the laboratory".to_owned(),
        when: approval::When {
            sort: Some(Sort::Emergency),
            ..approval::When::default()
        },
        needs: approval::Needs {
            approvers: 2,
            ..approval::Needs::HOUSE
        },
        binds_commits: false,
        valid_secs: approval::HOUSE_SECS,
        reminders: approval::Reminders::default(),
        is_active: true,
    };
    let rule = actions::approval_rule::add(by, &details).expect("a rule");
    (rule.id.to_string(), stand_in(desk))
}

fn stand_in(desk: &Desk) -> String {
    let approver = Roles::of(&[Role::ChangeApprover]);
    let (from, to) = (desk.person("Awa", approver), desk.person("Bo", approver));
    let ends = desk.now().plus_secs(86_400);
    let made = actions::approval_stand_in::add(&desk.as_person(&from), to.id, None, ends);
    made.expect("a stand-in").id.to_string()
}

impl House {
    /// An address that the pattern matches, with ids of things that are there where there are any.
    pub fn address(&self, pattern: &str) -> String {
        let mut address = String::new();
        let mut rest = pattern;
        while let Some((before, place)) = rest.split_once('{') {
            address.push_str(before);
            // What stands before a place says what it is a place for.
            let noun = address
                .trim_end_matches('/')
                .rsplit('/')
                .next()
                .unwrap_or_default();
            let noun = noun.to_owned();
            let (place, after) = place.split_once('}').expect("a place is closed");
            let (name, choices) = place.split_once(':').unwrap_or((place, ""));
            address.push_str(match name {
                "post-mortem" => "PM-1",
                // Only a post-mortem has these.
                "key" if pattern == "/{key}/post-mortem/{step}" || noun == "post-mortems" => "PM-1",
                "key" | "incident" => "INC-1",
                "contact" => &self.ids["contact"],
                "customer" => &self.ids["customers"],
                "team" => &self.ids["teams"],
                "verb" | "format" if choices.contains('|') => {
                    choices.split('|').next().expect("one")
                }
                // Twice is no mistake, and it stays there for the next who asks.
                "verb" if address.contains("/webhooks/") => "pause",
                "verb" if address.starts_with("/mail/in/") => "take-in",
                "verb" if address.contains("/forge/") => "look",
                "verb" => "note",
                "step" => "write",
                "format" => "html",
                "token" => self
                    .ids
                    .get(noun.as_str())
                    .map_or("nothing", String::as_str),
                "seq" => "1",
                "relation" => "related_to",
                "to" => "INC-2",
                "role" => "scribe",
                "code" => "SE",
                "override" => &self.ids["override"],
                "id" => self.ids.get(noun.as_str()).unwrap_or(&self.ids["nothing"]),
                _ => "nothing",
            });
            rest = after;
        }
        address + rest
    }

    /// What only whoever asks has, made anew for each who asks: some requests use it up.
    pub fn own(&self, role: &str, pattern: &str) -> Option<String> {
        let Holder::Person(person) = *self.holders.get(role)? else {
            return self.own_session(role, pattern);
        };
        match pattern {
            "/views/{id}/delete" | "/api/v1/views/{id}" => {
                let by = as_person(&self.desk.app, person);
                let view = actions::view::save(&by, "Mine", "is:open", false).expect("a view");
                Some(pattern.replace("{id}", &view.id.to_string()))
            }
            _ => self.own_session(role, pattern),
        }
    }

    fn own_session(&self, role: &str, pattern: &str) -> Option<String> {
        if pattern != "/profile/sessions/{id}/end" {
            return None;
        }
        let holder = *self.holders.get(role)?;
        // One that is open elsewhere.
        Visitor::logged_in(&self.served, &self.desk.app, holder);
        let sessions = self.desk.app.store.read(|conn| {
            let login = store::login::login_of_holder(conn, holder)?.expect("they log in");
            store::login::sessions_of(conn, login.id)
        });
        let session = sessions.expect("read").pop().expect("it is open");
        Some(pattern.replace("{id}", &session.id.to_string()))
    }

    fn ask(&self, role: &str, method: &str, address: &str) -> Answer {
        let visitor = match self.holders.get(role) {
            // A session for each request: some requests end it.
            Some(holder) => Visitor::logged_in(&self.served, &self.desk.app, *holder),
            None => Visitor::new(&self.served),
        };
        match method {
            "GET" => visitor.get(address),
            "POST" => {
                let mut form = FORM.to_vec();
                form.push(("team", &self.ids["teams"]));
                visitor.post(address, &form)
            }
            other => panic!("a {other} route needs a way to be asked"),
        }
    }
}

/// Fields enough for every form to come as far as the question who may send it.
const FORM: &[(&str, &str)] = &[
    ("rev", "1"),
    ("name", "Something"),
    ("email", "somebody@harbour.example"),
    ("zone", "Europe/Oslo"),
    ("reach", "own"),
    ("roles", "viewer"),
    ("scopes", "read"),
    ("title", "Something"),
    ("body", "Something happened"),
    ("members_total", "1"),
    ("members_needed", "1"),
    ("q", "is:open"),
    ("active", "yes"),
];

pub fn cell(answer: &Answer) -> char {
    match answer.status {
        401 => 'L',
        303 if answer.place.starts_with("/log-in?") || answer.place == "/log-in" => 'L',
        403 => 'x',
        404 => '.',
        500.. => '!',
        _ => '+',
    }
}

/// The rows of a table: two words that name one, and its cells.
pub fn rows_of(table: &str) -> BTreeMap<(String, String), String> {
    table
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let mut parts = line.split_whitespace();
            let mut part = || parts.next().expect("two words and cells").to_owned();
            ((part(), part()), part())
        })
        .collect()
}

both_databases!(every_route_answers_every_role_as_the_matrix_says, |desk| {
    let rows = rows_of(MATRIX);
    let house = house(desk);
    let mut differences = Vec::new();
    let known: Vec<(String, String)> = routes();
    for (method, pattern) in &known {
        let name = format!("{method} {pattern}");
        if UNCOVERED.contains(&name.as_str()) {
            continue;
        }
        let address = house.address(pattern);
        let cells: String = ROLES
            .iter()
            .map(|role| {
                let own = house.own(role, pattern);
                cell(&house.ask(role, method, own.as_ref().unwrap_or(&address)))
            })
            .collect();
        match rows.get(&(method.clone(), pattern.clone())) {
            Some(expected) if *expected == cells => {}
            Some(expected) => differences.push(format!("{name:<60} {cells} instead of {expected}")),
            None => differences.push(format!("{name:<60} {cells} has no row")),
        }
    }
    for (method, pattern) in rows.keys() {
        if !known.contains(&(method.clone(), pattern.clone())) {
            differences.push(format!("{method} {pattern} is no route any more"));
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
});

/// One call of the API with an empty object as its body.
fn call(house: &House, method: &str, address: &str, heads: &[(&str, &str)]) -> u16 {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .build();
    let agent: ureq::Agent = config.into();
    let mut request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{}{address}", house.served.url()))
        .header("content-type", "application/json");
    for (name, value) in heads {
        request = request.header(*name, *value);
    }
    let body = if method == "GET" || method == "DELETE" {
        ""
    } else {
        "{}"
    };
    let request = request.body(body).expect("a request");
    agent
        .run(request)
        .expect("the server answers")
        .status()
        .as_u16()
}

both_databases!(
    the_api_opens_to_tokens_only_and_a_reading_token_changes_nothing,
    |desk| {
        let house = house(desk);
        let admin = house.holders["admin"];
        let Holder::Person(person) = admin else {
            panic!("an admin is staff")
        };
        let visitor = Visitor::logged_in(&house.served, &house.desk.app, admin);
        let cookie = format!("watchkeeper={}", visitor.session.expect("a session"));
        let new = NewToken {
            name: "reader".into(),
            owner: TokenOwner::Person(person),
            roles: Roles::NONE,
            scopes: Scopes::of(&[Scope::Read]),
            expires_at: None,
        };
        let by = as_person(&house.desk.app, person);
        let reader = format!("Bearer {}", login::make_token(&by, &new).unwrap().1);
        let mut findings = Vec::new();
        for (method, pattern, _) in watchkeeper::http::api::ROUTES {
            let address = house.address(pattern);
            for (who, heads) in [
                ("nobody", vec![]),
                ("a browser's session", vec![("cookie", cookie.as_str())]),
                (
                    "an unknown token",
                    vec![("authorization", "Bearer wk_unknown")],
                ),
            ] {
                let status = call(&house, method, &address, &heads);
                if status != 401 {
                    findings.push(format!("{method} {address}: {status} for {who}"));
                }
            }
            let status = call(&house, method, &address, &[("authorization", &reader)]);
            let reads = *method == "GET";
            if status >= 500 || !reads && status < 300 {
                findings.push(format!("{method} {address}: {status} for a reading token"));
            }
        }
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }
);

/// Their address is the secret: whoever has it needs no session, and no page of ours before it.
const BY_ADDRESS: &[&str] = &[];

both_databases!(no_form_is_taken_without_its_token, |desk| {
    let rows = rows_of(MATRIX);
    let house = house(desk);
    let mut taken = Vec::new();
    for (method, pattern) in routes().iter().filter(|(method, _)| method == "POST") {
        let cells = &rows[&(method.clone(), pattern.clone())];
        let address = house.address(pattern);
        for (role, cell_of) in ROLES.iter().zip(cells.chars()) {
            let Some(holder) = house.holders.get(role).filter(|_| cell_of == '+') else {
                continue;
            };
            let visitor = Visitor::logged_in(&house.served, &house.desk.app, *holder);
            let answer = visitor.post_bare(&address, FORM, &[]);
            if answer.status != 403 {
                taken.push(format!("{pattern} by {role}: {}", answer.status));
            }
        }
    }
    taken.retain(|line| !BY_ADDRESS.iter().any(|pattern| line.starts_with(pattern)));
    assert!(taken.is_empty(), "{}", taken.join("\n"));
});
