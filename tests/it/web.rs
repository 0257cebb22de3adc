//! The pages as a browser meets them: what they weigh, what they refuse, and that nothing typed is lost.

use watchkeeper::actions::ticket as act;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::{Id, Kind};
use watchkeeper::domain::login::SessionTimes;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::secrets;
use watchkeeper::store::login::{self, Session};
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::{Desk, Staff};
use crate::served::Served;

/// A browser with somebody's session.
pub struct Browser {
    served: Served,
    agent: ureq::Agent,
    /// The session's.
    token: String,
}

pub struct Seen {
    status: u16,
    body: Vec<u8>,
    place: String,
}

impl Seen {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(
            self.text().contains(text),
            "{text:?} isn't in\n{}",
            self.text()
        );
        self
    }

    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

impl Browser {
    pub fn of(desk: &Desk, who: &Staff) -> Self {
        let now = desk.now();
        let token = secrets::new_token("").expect("a token");
        let write = |tx: &mut watchkeeper::store::Tx| {
            let login_id = Id::new(now);
            login::insert_login(tx, login_id, Holder::Person(who.id))?;
            let hash = secrets::hash_password("correct horse battery")?;
            login::set_password(tx, login_id, &hash, now)?;
            let session = Session {
                id: Id::new(now),
                login_id,
                times: SessionTimes {
                    made_at: now,
                    seen_at: now,
                },
                browser: String::new(),
                network: String::new(),
            };
            login::insert_session(tx, &session, &secrets::fingerprint(&token))
        };
        desk.app.store.write(write).expect("a session");
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0);
        Self {
            served: Served::new(&desk.app),
            agent: config.build().into(),
            token,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.served.url())
    }

    pub fn get(&self, path: &str) -> Seen {
        self.get_as(path, "identity")
    }

    fn get_as(&self, path: &str, encoding: &str) -> Seen {
        let asked = self
            .agent
            .get(self.url(path))
            .header("accept-encoding", encoding);
        seen(
            asked
                .header("cookie", format!("watchkeeper={}", self.token))
                .call(),
        )
    }

    /// A form as our own page sends it.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let token = secrets::derive(&self.token, "form");
        let mut fields = fields.to_vec();
        fields.push(("csrf", &token));
        self.send(
            path,
            &fields,
            &[
                ("cookie", &format!("watchkeeper={}", self.token)),
                ("sec-fetch-site", "same-origin"),
            ],
        )
    }

    fn send(&self, path: &str, fields: &[(&str, &str)], heads: &[(&str, &str)]) -> Seen {
        let mut asked = self.agent.post(self.url(path));
        for (name, value) in heads {
            asked = asked.header(*name, *value);
        }
        seen(asked.send_form(fields.iter().copied()))
    }
}

fn seen(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Seen {
    let mut answer = answer.expect("the server answers");
    let place = answer
        .headers()
        .get("location")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    Seen {
        status: answer.status().as_u16(),
        place,
        body: answer.body_mut().read_to_vec().expect("a body"),
    }
}

fn responder(desk: &Desk) -> Staff {
    desk.person("Ines", Roles::of(&[Role::Responder, Role::Admin]))
}

fn incident(desk: &Desk, who: &Staff, title: &str) -> String {
    let opening = Opening {
        severity: Some(Severity::High),
        ..Opening::default()
    };
    let title = Title::parse(title).expect("a title");
    act::open(&desk.as_person(who), Kind::Incident, title, &opening)
        .expect("it opens")
        .key
        .to_string()
}

/// Elements of a page, counted by their opening tags.
fn elements(html: &str) -> usize {
    html.as_bytes()
        .windows(2)
        .filter(|pair| pair[0] == b'<' && pair[1].is_ascii_alphabetic())
        .count()
}

both_databases!(pages_sheets_and_scripts_stay_within_their_budgets, |desk| {
    let ines = responder(&desk);
    let key = incident(&desk, &ines, "Checkout returns 502 for a third of requests");
    for n in 0..60 {
        incident(
            &desk,
            &ines,
            &format!("Replica {n} of orders-db is behind by more than a minute"),
        );
        let ticket = key.parse().expect("a key");
        act::note(
            &desk.as_person(&ines),
            ticket,
            &format!("Look number {n} at the graph."),
        )
        .expect("a note");
    }
    let browser = Browser::of(&desk, &ines);
    for path in [
        "/",
        "/queue",
        "/new",
        "/call",
        "/profile",
        &format!("/{key}"),
        &format!("/{key}/edit"),
    ] {
        let plain = browser.get(path);
        plain.is(200);
        let html = plain.text();
        let weight = browser.get_as(path, "gzip").body.len();
        assert!(weight <= 15 * 1024, "{path} weighs {weight} bytes");
        assert!(
            elements(&html) <= 1_500,
            "{path} has {} elements",
            elements(&html)
        );
        for inline in [
            " style=\"",
            "<style",
            "<script>",
            " onclick=",
            "javascript:",
        ] {
            assert!(!html.contains(inline), "{path} carries {inline}");
        }
    }
    let html = browser.get("/queue").text();
    for (start, most) in [("/a/app-", 12 * 1024), ("src=\"/a/app-", 25 * 1024)] {
        let from =
            html.find(start).expect("an address") + start.find("/a/").expect("it begins there");
        let address: String = html[from..].chars().take_while(|c| *c != '"').collect();
        let asset = browser.get_as(&address, "gzip");
        asset.is(200);
        assert!(
            asset.body.len() <= most,
            "{address} weighs {}",
            asset.body.len()
        );
    }
});

both_databases!(a_title_and_a_severity_open_an_incident, |desk| {
    let ines = responder(&desk);
    let browser = Browser::of(&desk, &ines);
    let opened = browser.post(
        "/new",
        &[
            ("kind", "incident"),
            ("title", "DB master down"),
            ("severity", "disaster"),
        ],
    );
    assert_eq!((opened.status, opened.place.as_str()), (303, "/INC-1"));
    browser
        .get("/INC-1")
        .is(200)
        .says("DB master down")
        .says("Severity")
        .says("Disaster");
    browser
        .get("/queue?q=sev:disaster%20master")
        .is(200)
        .says("INC-1");
    browser
        .get("/queue?q=sev:low")
        .is(422)
        .says("isn&#39;t understood")
        .says("value=\"sev:low\"");
    browser
        .get("/queue.csv?q=is:any")
        .is(200)
        .says("INC-1,DB master down,new,disaster");
});

both_databases!(a_refused_form_keeps_what_was_typed, |desk| {
    let ines = responder(&desk);
    let browser = Browser::of(&desk, &ines);
    let long = "x".repeat(201);
    browser
        .post(
            "/new",
            &[
                ("title", &long),
                ("severity", "high"),
                ("body", "seen on all hosts"),
            ],
        )
        .is(422)
        .says(&long)
        .says("At most 200 characters")
        .says("seen on all hosts");
    browser
        .post(
            "/call",
            &[
                ("title", "No checkout"),
                ("caller", ""),
                ("number", "+46 8 123"),
                ("in", "30"),
            ],
        )
        .is(422)
        .says("This is needed")
        .says("+46 8 123");
    let key = incident(&desk, &ines, "Uplink down");
    browser.post(
        &format!("/{key}/hold"),
        &[
            ("on", "vendor"),
            ("reason", "part ordered"),
            ("until", "2020-01-01T10:00"),
        ],
    );
    let refused = browser.post(
        &format!("/{key}/hold"),
        &[
            ("on", "vendor"),
            ("reason", "part ordered"),
            ("until", "2020-01-01T10:00"),
        ],
    );
    refused
        .is(422)
        .says("A hold ends in the future")
        .says("part ordered");
});

both_databases!(
    a_form_that_no_page_of_ours_made_is_refused_and_its_text_shown,
    |desk| {
        let ines = responder(&desk);
        let browser = Browser::of(&desk, &ines);
        let key = incident(&desk, &ines, "Uplink down");
        let cookie = format!("watchkeeper={}", browser.token);
        let place = format!("/{key}/note");
        let from_elsewhere = [
            ("cookie", cookie.as_str()),
            ("sec-fetch-site", "cross-site"),
        ];
        browser
            .send(&place, &[("body", "spam")], &from_elsewhere)
            .is(403);
        let other_origin = [
            ("cookie", cookie.as_str()),
            ("origin", "https://evil.example"),
        ];
        browser
            .send(&place, &[("body", "spam")], &other_origin)
            .is(403);
        let without_token = [
            ("cookie", cookie.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        browser
            .send(&place, &[("body", "three of four links")], &without_token)
            .is(403)
            .says("three of four links");
        let text = browser.get(&format!("/{key}")).text();
        assert!(!text.contains("spam") && !text.contains("three of four links"));
    }
);

both_databases!(an_ended_session_keeps_the_text, |desk| {
    let ines = responder(&desk);
    let browser = Browser::of(&desk, &ines);
    let key = incident(&desk, &ines, "Uplink down");
    let place = format!("/{key}/note");
    let ours = [("sec-fetch-site", "same-origin")];
    let refused = browser.send(&place, &[("body", "the vendor found it")], &ours);
    refused
        .is(401)
        .says("the vendor found it")
        .says("name=\"kept.body\"");
    let back = browser.send(
        "/log-in",
        &[
            ("email", "ines@watch.example.org"),
            ("password", "correct horse battery"),
            ("then", "/"),
            ("kept-to", &place),
            ("kept.body", "the vendor found it"),
        ],
        &ours,
    );
    back.is(200)
        .says("the vendor found it")
        .says(&format!("action=\"{place}\""));
});

both_databases!(
    an_edit_that_somebody_else_made_too_shows_both_texts,
    |desk| {
        let ines = responder(&desk);
        let browser = Browser::of(&desk, &ines);
        let key = incident(&desk, &ines, "Uplink down");
        let place = format!("/{key}/edit");
        let was = [("was-title", "Uplink down"), ("was-bridge_url", "")];
        let first = [
            ("title", "Uplink to Kista down"),
            ("bridge_url", ""),
            was[0],
            was[1],
        ];
        browser.post(&place, &first).is(303);
        let second = [
            ("title", "Both uplinks down"),
            ("bridge_url", ""),
            was[0],
            was[1],
        ];
        browser
            .post(&place, &second)
            .is(409)
            .says("Uplink to Kista down")
            .says("Both uplinks down");
        // What only one of them changed is no clash.
        let third = [
            ("title", "Uplink down"),
            ("bridge_url", "https://meet.example.org/1"),
            was[0],
            was[1],
        ];
        browser.post(&place, &third).is(303);
        browser
            .get(&format!("/{key}"))
            .says("Uplink to Kista down")
            .says("https://meet.example.org/1");
    }
);

both_databases!(what_is_absent_says_so_and_names_the_request, |desk| {
    let browser = Browser::of(&desk, &responder(&desk));
    browser
        .get("/nowhere")
        .is(404)
        .says("There is nothing here")
        .says("Request");
    browser.get("/INC-99").is(404);
    assert_eq!(browser.get("/inc-99").place, "/INC-99");
});
