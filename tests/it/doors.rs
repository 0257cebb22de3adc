//! What stands at the doors: the keeper's command line, cookies over HTTPS, two browsers at the set-up link, bodies that
//! trickle, a disk that fills, a house that nobody can be paged from.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use watchkeeper::actions::{intake, login, ticket as act};
use watchkeeper::app::App;
use watchkeeper::domain::access::{Role, Roles, Scopes};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::intake::{Verdict, Way};
use watchkeeper::domain::notify::Unsent;
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::domain::timeline::Door;
use watchkeeper::domain::trouble::Least;
use watchkeeper::error::Error;
use watchkeeper::http::guard::Pace;
use watchkeeper::listen::session::Dialect;
use watchkeeper::outbound::Post;
use watchkeeper::store;
use watchkeeper::store::backend::DatabaseUrl;
use watchkeeper::store::people::Holder;

use crate::accounts::{PASSWORD, SET_UP, as_person, founded};
use crate::both_databases;
use crate::desk::{Desk, On};
use crate::git_bench::WATCHKEEPER;
use crate::mail_door::{Listening, one_mail};
use crate::program::token_of;
use crate::served::Served;
use crate::visitor::{Answer, Visitor};

/// The desk's application, to be set differently before anybody else holds it.
fn app_of(desk: &mut Desk) -> &mut App {
    Arc::get_mut(&mut desk.app).expect("nobody else holds it yet")
}

/// `watchkeeper admin …` on the desk's database; whether it succeeded, and all that it said.
fn admin(desk: &Desk, args: &[&str], typed: &str) -> (bool, String) {
    let database = match &desk.app.config.database {
        DatabaseUrl::Sqlite(file) => file.display().to_string(),
        DatabaseUrl::Postgres(address) => address.clone(),
    };
    let mut command = Command::new(WATCHKEEPER)
        .arg("admin")
        .args(args)
        .args(["--database", &database])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = command.stdin.take().expect("a pipe");
    stdin.write_all(typed.as_bytes()).expect("it listens");
    drop(stdin);
    let output = command.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said.into_owned())
}

both_databases!(
    e37_a_copy_beside_its_original_gets_a_key_of_its_own_and_takes_the_originals_letters_for_another_ones,
    |desk| {
        desk.let_letters_go();
        founded(&desk);
        crate::mail::contoso(&desk);
        crate::mail::takes_mail(&desk, "support@watch.example.org", |_| {});
        let carol = "carol@contoso.example";
        let head = "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>";
        crate::mail::mail(&desk, carol, head, "Down.");
        let letter = crate::mail::to(&desk.letters(), carol).clone();

        let (fine, said) = admin(&desk, &["new-key"], "");
        assert!(!fine && said.contains("--yes"), "{said}");
        let key = |desk: &Desk| store::installation::signing_key(&desk.app.store).unwrap();
        assert_eq!(key(&desk), desk.app.signing_key, "nothing was done");
        let (fine, said) = admin(&desk, &["new-key", "--yes"], "");
        assert!(fine && said.contains("start it again"), "{said}");
        assert_ne!(key(&desk), desk.app.signing_key);
        let deeds = |conn: &mut store::Conn| store::settings::audit_page(conn, None, 5);
        let deeds = desk.app.store.read(deeds).unwrap();
        assert!(deeds.iter().any(|line| line.deed == "signing-key-renewed"));

        // The server, started again.
        let mut desk = desk;
        app_of(&mut desk).signing_key = key(&desk);
        for head in [
            format!("To: {}\r\nSubject: Re: x", letter.reply_to.as_deref().unwrap()),
            format!("Subject: Re: x\r\nIn-Reply-To: <{}>", letter.message_id),
        ] {
            let raw = format!("From: {carol}\r\n{head}\r\n\r\nMore.\r\n");
            let answered = crate::mail::deliver(&desk, Some(carol), raw.as_bytes());
            assert_eq!(answered.verdict, Some(Verdict::Opened), "{head}");
            assert_eq!(answered.because.get("forged"), Some("yes"), "{head}");
        }
    }
);

both_databases!(
    who_keeps_the_machine_lists_rescues_grants_and_sets_passwords,
    |desk| {
        founded(&desk);
        let (fine, said) = admin(&desk, &["list"], "");
        assert!(fine && said.contains("ada@harbour.example"), "{said}");
        assert!(said.contains("admin"), "{said}");

        // The last admin goes nowhere, by this door neither.
        let (fine, said) = admin(&desk, &["grant", "ada@harbour.example", "viewer"], "");
        assert!(!fine && said.contains("admin"), "{said}");
        let (fine, said) = admin(&desk, &["grant", "ada@harbour.example", "king"], "");
        assert!(!fine && said.contains("`king` is no grant"), "{said}");
        let (fine, said) = admin(&desk, &["grant", "nobody@harbour.example", "viewer"], "");
        assert!(!fine && said.contains("nobody has the address"), "{said}");

        // Somebody new is rescued into the house by a link that sets their password once.
        let (fine, said) = admin(&desk, &["rescue", "eve@harbour.example"], "");
        assert!(!fine && said.contains("--name and --zone"), "{said}");
        let new = ["--name", "Eve", "--zone", "Mars/Base"];
        let (fine, said) = admin(
            &desk,
            &[&["rescue", "eve@harbour.example"], &new[..]].concat(),
            "",
        );
        assert!(!fine && said.contains("is no time zone"), "{said}");
        let new = ["--name", "Eve", "--zone", "Europe/Oslo"];
        let (fine, said) = admin(
            &desk,
            &[&["rescue", "eve@harbour.example"], &new[..]].concat(),
            "",
        );
        assert!(fine, "{said}");
        let (_, path) = said
            .split_once("https://watch.example.org")
            .expect("a link");
        let path = path.split_whitespace().next().expect("a path").to_owned();
        let served = Served::new(&desk.app);
        let eve = Visitor::new(&served);
        let chosen = [
            ("password", "a buoy off the cape"),
            ("password_again", "a buoy off the cape"),
        ];
        assert_eq!(eve.get(&path).status, 200);
        assert_eq!(eve.post(&path, &chosen).status, 303);
        assert_eq!(eve.get(&path).status, 404, "it works once");

        let log_in = |email: &str, password: &str| {
            let form = [("email", email), ("password", password)];
            Visitor::new(&served).post("/log-in", &form)
        };
        let eve = log_in("eve@harbour.example", "a buoy off the cape").session();
        let eve = Visitor::new(&served).holding(eve);
        assert_eq!(eve.get("/people").status, 200);
        assert_eq!(eve.get("/settings").status, 200, "Eve is an admin");

        // Now there are two, and Ada's grants may change; her sessions end with them.
        let session = log_in("ada@harbour.example", PASSWORD).session();
        let browser = Visitor::new(&served).holding(session);
        let (fine, said) = admin(
            &desk,
            &["grant", "ada@harbour.example", "viewer", "lead"],
            "",
        );
        assert!(fine && said.contains("viewer lead"), "{said}");
        assert_eq!(browser.get("/settings").status, 303);

        let (fine, said) = admin(&desk, &["set-password", "ada@harbour.example"], "short\n");
        assert!(!fine && said.contains("At least 10"), "{said}");
        let (fine, said) = admin(
            &desk,
            &["set-password", "ada@harbour.example"],
            "three lamps and a bell\n",
        );
        assert!(fine, "{said}");
        assert_eq!(log_in("ada@harbour.example", PASSWORD).status, 422);
        assert_eq!(
            log_in("ada@harbour.example", "three lamps and a bell").status,
            303
        );

        // All of it stands in the audit, under the command's name.
        let lines = desk
            .app
            .store
            .read(|conn| store::settings::audit_page(conn, None, 100))
            .unwrap();
        let deeds: Vec<&str> = lines
            .iter()
            .filter(|line| line.actor_name == "admin command")
            .map(|line| line.deed.as_str())
            .collect();
        for deed in ["person-rescued", "roles-granted", "password-set"] {
            assert!(deeds.contains(&deed), "{deed} in {deeds:?}");
        }
    }
);

/// One request with these headers, as a proxy passes it on.
fn forwarded(served: &Served, path: &str, heads: &[(&str, &str)]) -> (u16, String) {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0);
    let agent: ureq::Agent = config.build().into();
    let mut asked = agent.get(format!("{}{path}", served.url()));
    for (name, value) in heads {
        asked = asked.header(*name, *value);
    }
    let mut answer = asked.call().expect("the server answers");
    let status = answer.status().as_u16();
    (
        status,
        answer.body_mut().read_to_string().unwrap_or_default(),
    )
}

both_databases!(
    over_https_the_session_has_a_cookie_that_no_other_host_and_no_plain_http_can_use,
    |mut desk| {
        app_of(&mut desk).config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        founded(&desk);
        let served = Served::new(&desk.app);
        let form = [("email", "ada@harbour.example"), ("password", PASSWORD)];
        let behind = |proto: &'static str| -> Answer {
            let heads = [
                ("x-forwarded-proto", proto),
                ("x-forwarded-for", "203.0.113.7"),
            ];
            Visitor::new(&served).post_bare("/log-in", &form, &heads)
        };
        let cookie = |answer: &Answer, name: &str| -> Option<String> {
            let found = answer
                .cookies
                .iter()
                .find(|it| it.starts_with(&format!("{name}=")));
            found.cloned()
        };
        let secure = behind("https");
        assert_eq!(secure.status, 303, "{}", secure.text);
        let set = cookie(&secure, "__Host-watchkeeper").expect("the cookie");
        for part in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            assert!(set.contains(part), "{part} in {set}");
        }
        assert!(!set.contains("Domain"), "{set}");
        assert_eq!(cookie(&secure, "watchkeeper"), None);
        let token = set["__Host-watchkeeper=".len()..]
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let (safe, plain) = (
            format!("__Host-watchkeeper={token}"),
            format!("watchkeeper={token}"),
        );
        let far = ("x-forwarded-for", "203.0.113.7");
        let https = ("x-forwarded-proto", "https");
        assert_eq!(
            forwarded(&served, "/people", &[("cookie", &safe), https, far]).0,
            200
        );
        // Neither name works on the other side.
        assert_eq!(
            forwarded(&served, "/people", &[("cookie", &plain), https, far]).0,
            303
        );
        assert_eq!(
            forwarded(&served, "/people", &[("cookie", &safe), far]).0,
            303
        );

        // Plain HTTP from elsewhere works, and every page says what that means.
        let open = behind("http");
        let set = cookie(&open, "watchkeeper").expect("the other cookie");
        assert!(!set.contains("Secure") && cookie(&open, "__Host-watchkeeper").is_none());
        let plain = set.split(';').next().unwrap().to_owned();
        let warning = watchkeeper::words::Words::english()
            .t("clear-label")
            .into_owned();
        let (status, page) = forwarded(&served, "/people", &[("cookie", &plain), far]);
        assert!(status == 200 && page.contains(&warning), "{status} {page}");
        let (_, page) = forwarded(&served, "/people", &[("cookie", &plain)]);
        assert!(!page.contains(&warning), "on this machine nobody listens");
    }
);

both_databases!(two_browsers_at_the_set_up_link_found_one_house, |desk| {
    let ctx = desk.app.system("start", Door::Cli);
    let path = login::set_up_path(&ctx)
        .unwrap()
        .expect("nobody has set it up");
    let served = Served::new(&desk.app);
    let start = Arc::new(std::sync::Barrier::new(2));
    let threads: Vec<_> = ["ada@harbour.example", "bob@harbour.example"]
        .into_iter()
        .map(|email| {
            let (browser, path, start) = (Visitor::new(&served), path.clone(), Arc::clone(&start));
            std::thread::spawn(move || {
                let mut form = SET_UP.to_vec();
                form[1] = ("email", email);
                start.wait();
                let answer = browser.post(&path, &form);
                (email, answer.status)
            })
        })
        .collect();
    let mut answers: Vec<(&str, u16)> = threads.into_iter().map(|it| it.join().unwrap()).collect();
    answers.sort_by_key(|(_, status)| *status);
    assert_eq!(answers[0].1, 303, "{answers:?}");
    assert!(matches!(answers[1].1, 404 | 409 | 422), "{answers:?}");
    let people = desk.app.store.read(store::people::persons).unwrap();
    let emails: Vec<&str> = people.iter().map(|person| person.email.as_str()).collect();
    assert_eq!(emails, [answers[0].0]);
    let teams = desk.app.store.read(store::house::teams).unwrap();
    assert_eq!(teams.len(), 1);
});

/// Sends a head and one byte of the body, and reads the head of the answer.
fn trickled(served: &Served, head: &str, first: &str) -> String {
    trickling(served, head, first).0
}

/// As [`trickled`], with the connection on which the answer came.
fn trickling(served: &Served, head: &str, first: &str) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(served.address()).expect("it listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a limit");
    let head = head.replace('\n', "\r\n");
    stream
        .write_all(format!("{head}\r\n\r\n{first}").as_bytes())
        .expect("it reads");
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while !answer.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let size = stream.read(&mut piece).expect("the server answers");
        assert!(size > 0, "the server closes without a word");
        answer.extend_from_slice(&piece[..size]);
    }
    (String::from_utf8_lossy(&answer).into_owned(), stream)
}

/// Sends one chunk after the other, and how long the other side listens to it.
fn listens_to(mut stream: TcpStream) -> Duration {
    let began = Instant::now();
    stream
        .set_read_timeout(Some(Duration::from_millis(100)))
        .expect("a limit");
    let mut rest = [0; 4096];
    while began.elapsed() < Duration::from_secs(20) {
        let is_sent = stream.write_all(b"1\r\nx\r\n").is_ok();
        let is_open = match stream.read(&mut rest) {
            Ok(size) => size > 0,
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        };
        if !is_sent || !is_open {
            break;
        }
    }
    began.elapsed()
}

both_databases!(a_body_that_trickles_is_cut_and_told_so, |desk| {
    let ada = desk.person("Ada", Roles::all());
    let token = token_of(&desk, &ada, Scopes::all());
    let pace = Pace {
        patience: Duration::from_millis(200),
        bytes_per_sec: 1_000_000,
        least_bytes_per_sec: 1_000_000,
    };
    let served = Served::at(&desk.app, pace);
    let call = trickled(
        &served,
        &format!(
            "POST /api/v1/tickets HTTP/1.1\nHost: x\nAuthorization: Bearer {token}\nContent-Type: application/json\nContent-Length: 900"
        ),
        "{",
    );
    assert!(call.starts_with("HTTP/1.1 408 "), "{call}");
    assert!(call.contains("application/problem+json"), "{call}");
    assert!(call.to_lowercase().contains("connection: close"), "{call}");
    for kind in [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        let form = trickled(
            &served,
            &format!("POST /log-in HTTP/1.1\nHost: x\nContent-Type: {kind}\nContent-Length: 900"),
            "x",
        );
        assert!(form.starts_with("HTTP/1.1 408 "), "{kind}: {form}");
        assert!(form.contains("text/html"), "{form}");
    }
    // Without a length too: a chunk, and then nothing.
    let chunked = format!(
        "POST /api/v1/tickets HTTP/1.1\nHost: x\nAuthorization: Bearer {token}\nContent-Type: application/json\nTransfer-Encoding: chunked"
    );
    let (chunked, connection) = trickling(&served, &chunked, "1\r\n{\r\n");
    assert!(chunked.starts_with("HTTP/1.1 408 "), "{chunked}");
    let listened = listens_to(connection);
    assert!(listened < Duration::from_secs(5), "{listened:?}");
    // Nor is anybody listened to who was refused before their body came.
    let nobody = "POST /api/v1/tickets HTTP/1.1\nHost: x\nContent-Type: application/json\nTransfer-Encoding: chunked";
    let (nobody, connection) = trickling(&served, nobody, "1\r\n{\r\n");
    assert!(nobody.starts_with("HTTP/1.1 401 "), "{nobody}");
    assert!(
        nobody.to_lowercase().contains("connection: close"),
        "{nobody}"
    );
    let listened = listens_to(connection);
    assert!(listened < Duration::from_secs(5), "{listened:?}");
    // Who sends at once is heard.
    let whole = ureq::post(format!("{}/api/v1/tickets", served.url()))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .send(r#"{"title":"DB master down"}"#)
        .expect("it is opened");
    assert_eq!(whole.status().as_u16(), 201);
});

both_databases!(
    where_no_mail_can_leave_the_ledger_says_that_nobody_was_reached,
    |mut desk| {
        let app = app_of(&mut desk);
        app.post = Post::of(&app.config);
        let ada = founded(&desk).admin;
        let open = || {
            let opening = Opening {
                severity: Some(Severity::Disaster),
                ..Opening::default()
            };
            let title = Title::parse("DB master down").unwrap();
            act::open(&as_person(&desk.app, ada), Kind::Incident, title, &opening).unwrap()
        };
        let unreached = || {
            let facts = desk.app.store.read(|conn| {
                let (from, to) = (desk.now().plus_secs(-60), desk.now().plus_secs(60));
                store::page_log::events_between(conn, from, to, None, 100)
            });
            let facts = facts.unwrap();
            facts
                .iter()
                .filter(|fact| fact.reason == Some(Unsent::NoChannel))
                .count()
        };
        open();
        assert_eq!(unreached(), 1);
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada));
        // Every page says so, also those without the rail: to who can set it right, where; to others, whom to ask.
        for place in ["/ledger", "/api", "/nowhere"] {
            let page = browser.get(place).text;
            assert!(page.contains("Nobody can be paged."), "{place}");
            assert!(
                page.contains("<a href=\"/settings\">Set up mail</a>"),
                "{place}"
            );
        }
        let bob = desk.person("Bob", Roles::of(&[Role::Responder]));
        let bob = Visitor::logged_in(&served, &desk.app, Holder::Person(bob.id));
        let page = bob.get("/").text;
        assert!(page.contains("Nobody can be paged.") && page.contains("Ask Ada to set up mail."));
        assert!(!page.contains("/settings"), "{page}");
        // Nor does a test page claim to be on its way.
        let test = bob.post("/test-page", &[]);
        assert_eq!(test.status, 422);
        assert!(
            test.text.contains("no mail server is set up"),
            "{}",
            test.text
        );
        assert!(
            browser
                .get("/ledger")
                .text
                .contains("no way of sending is set up")
        );
        let now = desk.now();
        // One whose address can't be read would be none.
        let leads = |relay: &str| desk.app.post.leads_somewhere(Some(relay));
        assert!(!leads("mail.example.org") && leads("smtp://127.0.0.1:9"));
        assert!(bob.get("/").text.contains("Nobody can be paged."));
        // With a relay there is nothing to say.
        desk.app
            .store
            .write(|tx| store::settings::put(tx, SettingKey::SmtpRelay, "smtp://127.0.0.1:9", now))
            .unwrap();
        open();
        assert_eq!(unreached(), 1);
        assert!(!bob.get("/").text.contains("Nobody can be paged."));
        assert_eq!(bob.post("/test-page", &[]).status, 303);
    }
);

#[test]
fn mail_is_refused_for_the_time_being_while_the_disk_is_nearly_full() {
    // PostgreSQL's disk isn't ours to look at.
    let mut desk = Desk::new(On::Sqlite);
    app_of(&mut desk).config.min_free = Least {
        bytes: u64::MAX,
        percent: 0,
    };
    let to = ["support@watch.example.org".to_owned()];
    let raw = b"From: carol@contoso.example\r\nSubject: x\r\n\r\ny\r\n";
    let refused = intake::accept(&desk.app, Way::Pipe, None, &to, raw);
    assert!(matches!(refused, Err(Error::Full)), "{refused:?}");

    let listening = Listening::at(&desk, Dialect::Smtp);
    let said = listening.say(&one_mail("EHLO", "", "Subject: x\r\n\r\ny"));
    assert!(said.contains("452 4.3.1 not enough room"), "{said}");
    assert!(!said.contains("250 2.0.0 stored"));
}
