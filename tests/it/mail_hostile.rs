//! What others have been broken by: the rest of class B (hostile content) of the list of attacks, by their numbers. Its other half stands in
//! `mail_attacks`; what hides in text is also told by `domain::plain_sight`.

use std::time::Instant;

use serde_json::json;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::file_link::FileLink;
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::intake::Verdict;
use watchkeeper::http::api::ROUTES;
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::access_matrix::{house, routes};
use crate::both_databases;
use crate::git_bench::Bench;
use crate::mail::{contoso, deliver, ticket};
use crate::program::Program;
use crate::served::Served;
use crate::visitor::Visitor;

const CAROL: &str = "carol@contoso.example";

/// An answer with its head: what a browser goes by.
struct Told {
    status: u16,
    heads: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Told {
    fn head(&self, name: &str) -> &str {
        let found = self.heads.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// Asks with a session, with a token, or as nobody.
fn ask(method: &str, url: &str, session: Option<&str>, token: Option<&str>) -> Told {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .build();
    let agent: ureq::Agent = config.into();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    if let Some(session) = session {
        request = request.header("cookie", format!("watchkeeper={session}"));
    }
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let mut answer = agent.run(request.body(()).unwrap()).expect("it answers");
    let heads = answer.headers().iter();
    let heads = heads
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    Told {
        status: answer.status().as_u16(),
        heads,
        body: answer.body_mut().read_to_vec().expect("a body"),
    }
}

both_databases!(
    b3_a_file_is_saved_and_never_shown_whatever_it_says_that_it_is_by_every_door,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let p = Program::new(desk);
        let desk = &p.desk;
        let page = "<html><script>alert(document.cookie)</script></html>";
        let lies = [
            ("photo.png", "image/png", page),
            ("photo.png.html", "image/png", page),
            ("page.html", "text/html", page),
            (
                "drawing.svg",
                "image/svg+xml",
                "<svg xmlns='http://www.w3.org/2000/svg'><!--<script>--><script>alert(1)</script></svg>",
            ),
            (
                "paper.pdf",
                "application/pdf",
                "%PDF-1.4 /OpenAction << /S /JavaScript /JS (app.alert(1)) >>",
            ),
            (
                "style.css",
                "text/css",
                "body{background:url(http://track.example)}",
            ),
            (
                "odd",
                "text/html; charset=utf-7",
                "+ADw-script+AD4-alert(1)",
            ),
            ("feed.xml", "application/xhtml+xml", page),
            ("split.txt", "text/plain\r\n\tX: y", page),
        ];
        let mut raw = format!(
            "From: {CAROL}\r\nSubject: Files\r\nMessage-ID: <f1@contoso.example>\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nSee.\r\n"
        );
        for (name, kind, bytes) in lies {
            raw.push_str(&format!("--x\r\nContent-Type: {kind}\r\nContent-Disposition: inline; filename=\"{name}\"\r\n\r\n{bytes}\r\n"));
        }
        raw.push_str("--x--\r\n");
        let taken = deliver(desk, Some(CAROL), raw.as_bytes());
        assert_eq!(taken.verdict, Some(Verdict::Opened));
        let opened = ticket(desk, "INC-1");
        let files = desk
            .app
            .store
            .read(|conn| store::blob::attachments(conn, opened.id));
        let files = files.unwrap();
        assert_eq!(files.len(), lies.len());
        let staff = Visitor::logged_in(&p.server, &desk.app, Holder::Person(p.ada.id));
        let carol = Holder::Contact(opened.requester.unwrap());
        let carol = Visitor::logged_in(&p.server, &desk.app, carol);
        let base = p.server.url();
        let mut saved = 0;
        for file in &files {
            let link = FileLink::new(file.id, desk.now()).token(&desk.app.signing_key);
            let doors = [
                (
                    format!("/INC-1/files/{}", file.id),
                    staff.session.as_deref(),
                    None,
                ),
                (
                    format!("/portal/INC-1/files/{}", file.id),
                    carol.session.as_deref(),
                    None,
                ),
                (
                    format!("/api/v1/tickets/INC-1/attachments/{}/content", file.id),
                    None,
                    Some(p.token.as_str()),
                ),
                (format!("/file/{link}"), None, None),
            ];
            for (door, session, token) in doors {
                let told = ask("GET", &format!("{base}{door}"), session, token);
                let name = format!("{} by {door}", file.name);
                assert!(told.status < 500, "{name}: {}", told.status);
                assert_eq!(told.head("x-content-type-options"), "nosniff", "{name}");
                let policy = told.head("content-security-policy").to_owned();
                assert!(policy.starts_with("default-src 'none'"), "{name}: {policy}");
                let given = told
                    .body
                    .windows(8)
                    .any(|it| it == &lies[0].2.as_bytes()[6..14]);
                if told.status != 200 || told.head("content-type").starts_with("text/html") {
                    // A page of ours: that it is in quarantine, or isn't there.
                    assert!(!given, "{name}");
                    continue;
                }
                saved += 1;
                assert_eq!(policy, "default-src 'none'; sandbox", "{name}");
                assert_eq!(
                    told.head("content-type"),
                    "application/octet-stream",
                    "{name}"
                );
                let how = told.head("content-disposition");
                assert!(how.starts_with("attachment; filename=\""), "{name}: {how}");
            }
        }
        // Those that aren't in quarantine are given out by all four doors.
        let open = files
            .iter()
            .filter(|file| file.quarantined_for().is_none())
            .count();
        assert!(open >= 2, "{files:?}");
        assert!(saved >= 4 * open, "{saved} of {open}");
        // The mail as it came holds all of it.
        let raw = ask(
            "GET",
            &format!("{base}/mail/in/{}/raw", taken.id),
            staff.session.as_deref(),
            None,
        );
        assert_eq!(raw.status, 200);
        assert!(raw.head("content-disposition").starts_with("attachment"));
        assert!(raw.head("content-security-policy").contains("sandbox"));
    }
);

both_databases!(
    b4_whatever_is_asked_for_and_by_whomever_comes_with_a_policy,
    |desk| {
        let house = house(desk);
        let base = house.served.url();
        let admin = Visitor::logged_in(&house.served, &house.desk.app, house.holders["admin"]);
        let contact = Visitor::logged_in(&house.served, &house.desk.app, house.holders["contact"]);
        let mut asked = 0;
        let mut places: Vec<(String, String)> = routes()
            .into_iter()
            .map(|(method, pattern)| (method, house.address(&pattern)))
            .collect();
        places.extend(
            ROUTES
                .iter()
                .filter(|(method, ..)| *method == "GET")
                .map(|(method, path, _)| ((*method).to_owned(), house.address(path))),
        );
        // Style sheets and scripts by the names that a page has for them; addresses that nobody has.
        let page = admin.get("/queue").text;
        for end in [".css", ".js", ".svg"] {
            let at = page
                .find(end)
                .unwrap_or_else(|| panic!("{end} on the page"));
            let from = page[..at].rfind("/a/").expect("an asset");
            places.push(("GET".to_owned(), page[from..at + end.len()].to_owned()));
        }
        for odd in [
            "/a/none.css",
            "/nowhere",
            "/INC-999",
            "/api/v1/nowhere",
            "/openapi.json",
            "/api",
            "/%00",
            "/queue?q=%ff",
        ] {
            places.push(("GET".to_owned(), odd.to_owned()));
        }
        for (method, place) in &places {
            for session in [None, admin.session.as_deref(), contact.session.as_deref()] {
                // A form without its token is refused: with a page that has one too.
                let told = ask(method, &format!("{base}{place}"), session, None);
                let policy = told.head("content-security-policy");
                assert!(
                    policy.starts_with("default-src 'none'"),
                    "{method} {place}: {} {policy}",
                    told.status
                );
                assert!(
                    !policy.contains("unsafe") && !policy.contains('*'),
                    "{place}: {policy}"
                );
                assert_eq!(
                    told.head("x-content-type-options"),
                    "nosniff",
                    "{method} {place}"
                );
                asked += 1;
            }
        }
        assert!(asked > 400, "{asked}");
    }
);

both_databases!(b7_no_name_in_an_address_leads_out_of_the_house, |desk| {
    let house = house(desk);
    let base = house.served.url();
    let admin = Visitor::logged_in(&house.served, &house.desk.app, house.holders["admin"]);
    let climbs = [
        "../../../../../../etc/passwd",
        "..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "..%5c..%5c..%5cetc%5cpasswd",
        "....//....//....//etc/passwd",
        "%252e%252e%252fetc%252fpasswd",
        "/etc/passwd",
        "etc%2fpasswd%00.css",
        "..%c0%af..%c0%afetc/passwd",
        "Cargo.toml",
        "..%2fCargo.toml",
    ];
    // Wherever an address names what is given out.
    let doors = [
        "/a/",
        "/file/",
        "/feed/",
        "/reports/sla/",
        "/reports/stored/",
        "/INC-1/files/",
        "/INC-1/report/",
        "/portal/INC-1/files/",
        "/mail/in/",
        "/mail/out/",
        "/api/v1/mail/",
        "/api/v1/holiday-sets/",
        "/",
    ];
    for door in doors {
        for climb in climbs {
            for end in ["", "/raw", ".ics", "/html"] {
                let told = ask(
                    "GET",
                    &format!("{base}{door}{climb}{end}"),
                    admin.session.as_deref(),
                    None,
                );
                let text = String::from_utf8_lossy(&told.body).into_owned();
                assert!(
                    told.status < 500
                        && !text.contains("root:x:0")
                        && !text.contains("[dependencies]"),
                    "{door}{climb}{end}: {}",
                    told.status
                );
                assert!(told.status >= 300, "{door}{climb}{end}: {}", told.status);
            }
        }
    }
});

both_databases!(
    b11_a_picture_that_says_it_is_huge_is_bytes_and_nobody_has_a_picture_of_themselves,
    |desk| {
        desk.let_letters_go();
        let served = Served::new(&desk.app);
        let eve = desk.person("Eve", Roles::of(&[Role::Responder]));
        let visitor = Visitor::logged_in(&served, &desk.app, Holder::Person(eve.id));
        // 65,535 × 65,535 points of 16 bits in four colours: 34 GB for whoever unpacks it.
        let flood = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x10\x06\0\0\0\0\0\0\0"
            .as_slice();
        let mut raw = b"From: m@evil.example\r\nSubject: Look\r\nContent-Type: multipart/related; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<img src=cid:p>seen\r\n--x\r\nContent-Type: image/png\r\nContent-ID: <p>\r\nContent-Transfer-Encoding: base64\r\n\r\n".to_vec();
        raw.extend_from_slice(
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, flood).as_bytes(),
        );
        raw.extend_from_slice(b"\r\n--x--\r\n");
        let began = Instant::now();
        let taken = deliver(&desk, Some("m@evil.example"), &raw);
        assert_eq!(taken.verdict, Some(Verdict::Opened));
        let files = desk
            .app
            .store
            .read(|conn| store::blob::attachments(conn, taken.ticket.unwrap()));
        let files = files.unwrap();
        assert_eq!((files.len(), files[0].size_bytes), (1, flood.len() as i64));
        let form = [("body", "As evidence")];
        let sent = visitor.upload("/INC-1/note", &form, &[("flood.png", flood)]);
        assert_eq!(sent.status, 303, "{}", sent.text);
        for page in ["/INC-1", "/queue", "/people", "/profile"] {
            let page = visitor.get(page);
            assert_eq!(page.status, 200);
            // Nothing of ours shows a picture that somebody brought, and people are drawn by their letters.
            assert!(!page.text.contains("<img"), "{}", page.text);
        }
        let told = ask(
            "GET",
            &format!("{}/INC-1/files/{}", served.url(), files[0].id),
            visitor.session.as_deref(),
            None,
        );
        assert_eq!((told.status, told.body.as_slice()), (200, flood));
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
        // And nothing that we are built of could unpack one.
        let lock = std::fs::read_to_string("Cargo.lock").unwrap();
        for decoder in [
            "image",
            "png",
            "zune-png",
            "jpeg-decoder",
            "zune-jpeg",
            "gif",
            "image-webp",
        ] {
            let package = format!("name = \"{decoder}\"\n");
            assert!(!lock.contains(&package), "{decoder} came in");
        }
    }
);

both_databases!(
    b12_names_that_reach_into_every_object_are_unknown_names,
    |desk| {
        let p = Program::new(desk);
        contoso(&p.desk);
        for name in [
            "__proto__[isAdmin]",
            "__proto__.isAdmin",
            "constructor.prototype.isAdmin",
            "constructor[prototype][isAdmin]",
            "filter[__proto__][isAdmin]",
        ] {
            let coded = name.replace('[', "%5B").replace(']', "%5D");
            // A program hears that the name is none.
            for place in ["/api/v1/tickets", "/api/v1/customers", "/api/v1/mail"] {
                let said = p.call("GET", &format!("{place}?{coded}=1"), &[], None);
                assert_eq!(said.status, 422, "{place} {name}: {}", said.body);
                assert!(
                    said.body.to_string().contains(&name.replace('"', "\\\"")),
                    "{}",
                    said.body
                );
            }
            // A page takes no notice of it, and prints none.
            let visitor = Visitor::logged_in(&p.server, &p.desk.app, Holder::Person(p.ada.id));
            for place in ["/queue", "/search", "/mail/in", "/customers", "/ledger"] {
                let plain = visitor.get(place);
                let with = visitor.get(&format!("{place}?{coded}=polluted"));
                assert_eq!(with.status, plain.status, "{place} {name}");
                assert!(!with.text.contains("polluted"), "{place} {name}");
            }
        }
        for body in [
            json!({"title": "x", "__proto__": {"is_admin": true}}),
            json!({"title": "x", "constructor": {"prototype": {"is_admin": true}}}),
        ] {
            let said = p.call("POST", "/api/v1/tickets", &[], Some(&body.to_string()));
            assert_eq!(said.status, 422, "{}", said.body);
        }
        assert_eq!(p.get("/api/v1/tickets").body["items"], json!([]));
        // The scripts of the pages copy no names from an address or an answer into objects of theirs.
        for script in ["clock.js", "draft.js", "live.js", "keys.js"] {
            let text = std::fs::read_to_string(format!("static/{script}")).unwrap();
            for way in [
                "location.search",
                "Object.assign",
                "__proto__",
                "for (const key in",
                "innerHTML",
                "eval(",
                "document.write",
            ] {
                assert!(!text.contains(way), "{script}: {way}");
            }
        }
    }
);

both_databases!(
    b15_what_hides_in_a_commit_message_stands_on_the_page_by_its_number,
    |desk| {
        desk.let_letters_go();
        let bench = Bench::new(desk);
        let change = bench.open(Kind::Change, "Raise pool size");
        bench.commit("a.txt", "Start");
        bench.work(&["push", "-q", "origin", "main"]);
        let subject = "Allow \u{202e}nimda\u{202c} on\u{200b}ly 漢字";
        bench.commit(
            "b\u{2066}c.txt",
            &format!("{subject}\n\nRefs: {}", change.key),
        );
        bench.work(&["push", "-q", "origin", "main"]);
        // It is kept as it was written: what is compared and searched for are its own bytes.
        let commits = bench.commits(change.key);
        assert_eq!(commits[0].0.subject, subject);
        let ada = bench
            .desk
            .person("Ann", Roles::of(&[Role::Responder, Role::Lead]));
        let server = bench.server.as_ref().unwrap();
        let visitor = Visitor::logged_in(server, &bench.desk.app, Holder::Person(ada.id));
        let room = visitor.get(&format!("/{}", change.key)).text;
        let shown = "Allow ⟨U+202E⟩nimda⟨U+202C⟩ on⟨U+200B⟩ly 漢字";
        // In the list of its commits, and on the timeline.
        assert_eq!(room.matches(shown).count(), 2, "{room}");
        assert!(room.contains("b⟨U+2066⟩c.txt"), "{room}");
        for hidden in ['\u{202e}', '\u{202c}', '\u{200b}', '\u{2066}'] {
            assert!(!room.contains(hidden), "{hidden:?}");
        }
    }
);

both_databases!(
    b16_what_looks_like_markup_is_text_and_carries_no_class_style_or_link,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let p = Program::new(desk);
        let written = [
            "p(evil-class#evil-id). textile",
            "%(evil-class){color:red}textile%",
            "!(evil-class)http://track.example/p.png!",
            "\"link(evil-class)\":javascript:alert(1)",
            "{: .evil-class style=\"x\" }",
            "# Head {#evil-id .evil-class}",
            "![x](javascript:alert(1))",
            "[x](javascript:alert(1) \"t\")",
            "```evil-class onclick=alert(1)\ncode\n```",
            "<span class=\"evil-class\" style=\"position:fixed\">x</span>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "{{collapse(evil-class)}}",
        ]
        .join("\n\n");
        let visitor = Visitor::logged_in(&p.server, &p.desk.app, Holder::Person(p.ada.id));
        deliver(
            &p.desk,
            Some(CAROL),
            format!("From: {CAROL}\r\nSubject: Markup\r\nMessage-ID: <m1@contoso.example>\r\n\r\n{written}\r\n").as_bytes(),
        );
        for verb in ["note", "reply", "update"] {
            let sent = visitor.post(&format!("/INC-1/{verb}"), &[("body", &written)]);
            assert_eq!(sent.status, 303, "{verb}: {}", sent.text);
        }
        let carol = Holder::Contact(ticket(&p.desk, "INC-1").requester.unwrap());
        let carol = Visitor::logged_in(&p.server, &p.desk.app, carol);
        let pages = [visitor.get("/INC-1").text, carol.get("/portal/INC-1").text];
        let mut letters: Vec<String> = p
            .desk
            .letters()
            .into_iter()
            .filter_map(|it| it.html)
            .collect();
        // Those that carry what was written: an answer and an update.
        letters.retain(|it| it.contains("evil-class"));
        assert!(letters.len() >= 2, "{letters:?}");
        for page in pages.iter().chain(&letters) {
            assert!(page.contains("p(evil-class#evil-id). textile"), "{page}");
            for made in [
                "class=\"evil",
                "id=\"evil",
                "href=\"javascript:",
                "src=\"javascript:",
                "src=\"http://track",
                "style=\"position",
                "style=\"color:red",
                "onclick=\"",
            ] {
                assert!(!page.contains(made), "{made}\n{page}");
            }
            // Every tag that was written is text.
            assert!(
                page.contains("&#60;span class=&#34;evil-class&#34;") || page.contains("&lt;span"),
                "{page}"
            );
        }
    }
);
