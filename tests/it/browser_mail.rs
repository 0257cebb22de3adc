//! B1 in a real browser: every way past a filter that is known, come by mail and looked at on the mail's own page. That nothing of it is
//! in the cleaned page is for the tests of the cleaner; here counts what a browser does with it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::store::people::Holder;

use crate::browser::Browser;
use crate::desk::{Desk, On};
use crate::mail::{deliver_all, takes_mail};
use crate::served::Served;
use crate::visitor::Visitor;

#[path = "../../src/intake/reading/evasion_tests.rs"]
mod evasions;

/// Sees whether a page did anything: what it runs by itself is over by then.
const DID: &str = "return {
    title: document.title,
    alive: document.querySelectorAll('script,style,link,iframe,object,embed,form,svg,math,base,meta[http-equiv]').length,
    handlers: [...document.querySelectorAll('*')].flatMap(it => [...it.attributes])
        .filter(it => it.name.startsWith('on') || it.name === 'style').map(it => it.name),
    fetched: performance.getEntriesByType('resource').map(it => it.name).filter(it => !it.startsWith('data:')),
    links: [...document.links].map(it => it.protocol)
        .filter(it => !['http:', 'https:', 'mailto:', 'tel:'].includes(it)),
}";

/// Everything outside: who calls it has got out. It answers with a page that fetches a picture from elsewhere.
fn world() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let calls = Arc::clone(&heard);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let calls = Arc::clone(&calls);
            std::thread::spawn(move || {
                let mut bytes = [0; 1_024];
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let size = stream.read(&mut bytes).unwrap_or(0);
                let said = String::from_utf8_lossy(&bytes[..size]).into_owned();
                if size > 0 {
                    calls.lock().unwrap().push(said);
                }
                let page = "<img src=http://caught.example/x.gif>";
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                    page.len()
                );
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    (port, heard)
}

/// What of the world was called that a mail could have meant; a browser has errands of its own, and the trap's page has an icon.
fn errands(heard: &Mutex<Vec<String>>) -> Vec<String> {
    let heard = heard.lock().unwrap();
    let of_mails = heard
        .iter()
        .filter(|call| call.contains(".example") && !call.contains("trap.example"));
    of_mails.cloned().collect()
}

#[test]
fn b1_no_evasion_runs_fetches_or_asks_anything_in_a_real_browser() {
    let desk = Desk::new(On::Sqlite);
    desk.let_letters_go();
    takes_mail(&desk, "support@watch.example.org", |_| {});
    let all: Vec<&str> = [evasions::EVASIONS, evasions::MUTATIONS].concat();
    assert!(all.len() > 200, "{}", all.len());
    let mails: Vec<(String, String)> = (0..)
        .zip(&all)
        .map(|(n, html)| {
            let from = format!("m{n}@evil.example");
            let raw = format!(
                "From: {from}\r\nTo: support@watch.example.org\r\nSubject: {n}\r\nMessage-ID: <{n}@evil.example>\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<p>seen{n}</p>{html}\r\n"
            );
            (from, raw)
        })
        .collect();
    let taken = deliver_all(&desk, &mails);
    let served = Served::new(&desk.app);
    let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
    let session = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id)).session;

    let (port, heard) = world();
    let browser = Browser::in_a_world_at(&served.url(), port);
    // Each of the traps snaps when there is something: a dialog, a call of the world.
    browser.go("data:text/html,<script>alert(7)</script>");
    assert_eq!(browser.dialog().as_deref(), Some("7"));
    browser.go("http://trap.example/");
    let began = std::time::Instant::now();
    let is_caught = |call: &String| call.contains("Host: caught.example");
    while !heard.lock().unwrap().iter().any(is_caught) {
        assert!(began.elapsed() < crate::browser::PATIENCE, "a deaf trap");
        crate::waiting::look_again();
    }
    heard.lock().unwrap().clear();

    browser.bring(&session.expect("a session"));
    for ((n, html), mail) in (0..).zip(&all).zip(&taken) {
        let place = format!("/mail/in/{}/html", mail.id);
        browser.go(&place);
        assert_eq!(browser.dialog(), None, "{html}");
        assert_eq!(browser.place(), place, "{html} led elsewhere");
        browser.sees(&format!("seen{n}"));
        let did = browser.runs(DID, vec![]);
        assert_eq!(
            did,
            json!({"title": "", "alive": 0, "handlers": [], "fetched": [], "links": []}),
            "{html}"
        );
    }
    // Also not on the ticket and the mail's own page, where its words are.
    for ((_, html), mail) in (0..).zip(&all).zip(&taken).step_by(10) {
        browser.go(&format!("/mail/in/{}", mail.id));
        assert_eq!(browser.dialog(), None, "{html}");
    }
    assert_eq!(errands(&heard), Vec::<String>::new());
}
