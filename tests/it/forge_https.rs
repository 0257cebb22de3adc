//! Forges over HTTPS, as most are: a private repository behind `git http-backend`, a login for it, and bad days of its server.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;
use watchkeeper::actions::forge::{self as act, Typed};
use watchkeeper::domain::forge::{LOOK_SECS, Trouble, Verdict};
use watchkeeper::domain::id::{Kind, TicketKey};
use watchkeeper::jobs;

use crate::both_databases;
use crate::desk::{Desk, On};
use crate::forge_yard::{MAIN, Yard, github_push, hmac};
use crate::git_http::{GitHttp, LOGIN, Mood, TOKEN};
use crate::mail_server::certify;

/// A yard whose forge is reached over HTTPS, and a change to push for. Main is there and recorded.
struct Far {
    yard: Yard,
    http: GitHttp,
    change: TicketKey,
    _certificates: tempfile::TempDir,
}

impl Far {
    fn new(desk: Desk) -> Self {
        Self::with_format(desk, "sha1")
    }

    fn with_format(mut desk: Desk, format: &str) -> Self {
        let certificates = tempfile::tempdir().unwrap();
        certify(certificates.path());
        let app = Arc::get_mut(&mut desk.app).expect("nobody else holds it yet");
        app.config.git_ca = Some(certificates.path().join("ca.pem"));
        let yard = Yard::with_format(desk, "github", format);
        let http = GitHttp::new(yard.bench.folder.path(), certificates.path());
        let change = yard.bench.open(Kind::Change, "Pool").key;
        yard.bench.commit("a.txt", "Start");
        yard.push(&["main"]);
        let far = Self {
            yard,
            http,
            change,
            _certificates: certificates,
        };
        far.log_in(LOGIN, TOKEN);
        far.yard.bench.desk.settle();
        assert_eq!(far.yard.recorded().len(), 1, "{:?}", far.why());
        far
    }

    fn log_in(&self, login: &str, password: &str) {
        let typed = Typed {
            kind: "github".into(),
            clone_url: self.http.url("forge.git"),
            clone_login: login.into(),
            clone_password: password.into(),
        };
        act::set(&self.yard.by(), self.yard.id, None, &typed).unwrap();
    }

    fn pushed_and_told(&self, file: &str) {
        let moved = self.yard.pushed(file, self.change);
        self.yard.told("ada", MAIN, &moved);
    }

    fn faults(&self) -> i32 {
        self.yard.shown().forge.unwrap().standing.look.faults
    }

    /// What git said when it failed last.
    fn why(&self) -> Option<String> {
        self.yard.shown().forge.unwrap().standing.last_error
    }

    fn page(&self) -> String {
        let place = format!("/repositories/{}", self.yard.id);
        self.yard.visitor().get(&place).text
    }

    fn has(&self, subjects: &[&str]) {
        assert_eq!(self.yard.subjects(self.change), subjects);
    }
}

both_databases!(
    a_private_repository_is_fetched_over_https_with_its_token_and_not_without,
    |desk| {
        let far = Far::new(desk);
        far.pushed_and_told("one");
        far.yard.bench.desk.settle();
        far.has(&["Touch one"]);
        assert_eq!(far.yard.pushers(far.change), ["ada"]);

        // Without a login, and with a token that has run out.
        for (login, token) in [("", ""), (LOGIN, "glpat-ran-out")] {
            far.log_in(login, token);
            far.yard.bench.desk.settle();
            let why = far.why().unwrap();
            assert_eq!(Trouble::of(&why), Trouble::Login, "{why}");
            assert!(!why.contains("glpat"), "{why}");
            let page = far.page();
            assert!(page.contains("It wants a login") && !page.contains("glpat"));
        }
        far.pushed_and_told("two");
        far.yard.bench.desk.advance(30);
        assert_eq!(far.faults(), 2);
        assert_eq!(far.yard.verdicts()[0], Verdict::Waiting);
        far.has(&["Touch one"]);
        far.log_in(LOGIN, TOKEN);
        far.yard.bench.desk.settle();
        assert_eq!((far.why(), far.faults()), (None, 0));
        far.has(&["Touch one", "Touch two"]);

        // What nobody told: found by its refs alone.
        far.yard.pushed("lost", far.change);
        far.yard.push(&["HEAD~1:refs/heads/wip/x"]);
        far.yard.bench.desk.advance(LOOK_SECS - 1);
        far.has(&["Touch one", "Touch two"]);
        far.yard.bench.desk.advance(1);
        far.has(&["Touch one", "Touch two", "Touch lost"]);
        assert_eq!(far.yard.pushers(far.change), ["ada", "ada", "nobody"]);
        assert_eq!(far.yard.recorded().len(), 2);
    }
);

both_databases!(
    a_sha_256_repository_is_fetched_over_https_like_any_other,
    |desk| {
        let far = Far::with_format(desk, "sha256");
        far.pushed_and_told("one");
        far.yard.bench.desk.settle();
        far.has(&["Touch one"]);
    }
);

both_databases!(
    a_forge_on_a_bad_day_is_named_with_what_is_wrong_and_nothing_is_lost,
    |desk| {
        let far = Far::new(desk);
        let mut subjects = Vec::new();
        // The refs are asked for with two requests, what is new with three.
        for (nth, (mood, trouble, sentence)) in [
            (Mood::Says(0, 500), Trouble::Unwell, "an error of its own"),
            (Mood::Says(1, 503), Trouble::Unwell, "an error of its own"),
            (Mood::Says(4, 502), Trouble::Unwell, "an error of its own"),
            (Mood::Says(0, 429), Trouble::Unwell, "an error of its own"),
            (Mood::Says(0, 403), Trouble::Login, "It wants a login"),
            (
                Mood::Says(0, 404),
                Trouble::Missing,
                "There is no repository",
            ),
            (Mood::Says(0, 302), Trouble::Moved, "It has moved"),
            (Mood::BreaksOff(4), Trouble::Other, "What git says may help"),
        ]
        .into_iter()
        .enumerate()
        {
            let file = format!("file-{nth}");
            far.pushed_and_told(&file);
            far.http.is(mood);
            far.yard.bench.desk.settle();
            let why = far.why().unwrap_or_default();
            assert_eq!(Trouble::of(&why), trouble, "{mood:?}: {why}");
            let page = far.page();
            assert!(page.contains(sentence), "{mood:?}: {page}");
            assert_eq!(far.yard.verdicts()[0], Verdict::Waiting);
            far.has(&subjects.iter().map(String::as_str).collect::<Vec<_>>());
            far.http.is(Mood::Well);
            far.yard.bench.desk.advance(29);
            assert_eq!(
                (far.faults(), far.http.requests()),
                (1, 0),
                "it is left alone"
            );
            far.yard.bench.desk.advance(1);
            assert_eq!((far.why(), far.faults()), (None, 0), "{mood:?}");
            subjects.push(format!("Touch {file}"));
            far.has(&subjects.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(far.yard.verdicts()[0], Verdict::Taken);
        }
        let pushers = far.yard.pushers(far.change);
        assert!(pushers.iter().all(|who| who == "ada"), "{pushers:?}");
    }
);

#[test]
fn a_forge_that_never_answers_is_given_up_after_half_a_minute_and_asked_again() {
    let far = Far::new(Desk::new(On::Sqlite));
    far.pushed_and_told("one");
    far.http.is(Mood::Hangs(0));
    let began = Instant::now();
    far.yard.bench.desk.settle();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(60), "{took:?}");
    let why = far.why().unwrap();
    assert_eq!(Trouble::of(&why), Trouble::Slow, "{why}");
    assert!(far.page().contains("It answers too slowly, or not at all"));
    assert_eq!(far.yard.verdicts(), [Verdict::Waiting]);
    far.http.is(Mood::Well);
    far.yard.bench.desk.advance(30);
    far.has(&["Touch one"]);
}

#[test]
fn a_service_that_ends_does_not_wait_for_a_forge_that_hangs_and_does_not_blame_it() {
    let far = Far::new(Desk::new(On::Sqlite));
    far.pushed_and_told("one");
    // While it fetches.
    far.http.is(Mood::Hangs(4));
    let began = Instant::now();
    let app = &far.yard.bench.desk.app;
    std::thread::scope(|scope| {
        let looking = Arc::clone(app);
        let looks = scope.spawn(move || jobs::run_until_quiet(&looking).unwrap());
        while far.http.requests() < 5 {
            assert!(began.elapsed() < Duration::from_secs(20), "it isn't asked");
            crate::waiting::look_again();
        }
        app.is_ending.store(true, Ordering::SeqCst);
        looks.join().unwrap();
    });
    assert!(began.elapsed() < Duration::from_secs(25), "it waited");
    assert_eq!((far.why(), far.faults()), (None, 0));
    assert_eq!(far.yard.verdicts(), [Verdict::Waiting]);
    app.is_ending.store(false, Ordering::SeqCst);
    far.http.is(Mood::Well);
    far.yard.bench.desk.settle();
    far.has(&["Touch one"]);
}

both_databases!(
    two_deliveries_at_once_are_both_taken_and_the_same_twice_is_one,
    |desk| {
        let far = Far::new(desk);
        let one = far.yard.pushed("one", far.change);
        let two = far.yard.pushed("two", far.change);
        let url = far.yard.bench.server.as_ref().unwrap().url();
        let place = format!("{url}/api/v1/forge/{}", far.yard.id);
        let deliver = |id: &str, who: &str, moved: &(String, String)| {
            let body = github_push(who, MAIN, &moved.0, &moved.1);
            let signature = format!("sha256={}", hmac(&far.yard.secret, &body));
            let (place, id) = (place.clone(), id.to_owned());
            move || {
                let mut answer = ureq::post(&place)
                    .header("content-type", "application/json")
                    .header("x-github-event", "push")
                    .header("x-github-delivery", &id)
                    .header("x-hub-signature-256", &signature)
                    .send(&body)
                    .unwrap();
                assert_eq!(answer.status(), 202);
                let text = answer.body_mut().read_to_string().unwrap();
                serde_json::from_str::<serde_json::Value>(&text).unwrap()
            }
        };
        let said: Vec<_> = std::thread::scope(|scope| {
            let calls = [
                scope.spawn(deliver("d-one", "ada", &one)),
                scope.spawn(deliver("d-two", "bob", &two)),
                scope.spawn(deliver("d-one", "ada", &one)),
                scope.spawn(deliver("d-two", "bob", &two)),
            ];
            calls.map(|call| call.join().unwrap()).to_vec()
        });
        for pair in [[&said[0], &said[2]], [&said[1], &said[3]]] {
            let mut words = pair.map(|said| said["verdict"].clone().to_string());
            words.sort();
            assert_eq!(
                words,
                [json!("known").to_string(), json!("taken").to_string()]
            );
        }
        // Two processes look at the same time.
        std::thread::scope(|scope| {
            for app in [0, 1].map(|_| far.yard.bench.desk.app.clone()) {
                scope.spawn(move || jobs::run_until_quiet(&app).unwrap());
            }
        });
        far.yard.bench.desk.settle();
        far.has(&["Touch one", "Touch two"]);
        assert_eq!(far.yard.verdicts(), [Verdict::Taken, Verdict::Taken]);
        let mut pushers = far.yard.pushers(far.change);
        pushers.sort();
        pushers.dedup();
        assert!(
            pushers.iter().all(|who| who == "ada" || who == "bob"),
            "{pushers:?}"
        );
        assert_eq!(far.yard.recorded()[0].1, two.1);
    }
);

#[test]
fn a_certificate_that_nobody_vouches_for_is_named() {
    let far = Far::new(Desk::new(On::Sqlite));
    let other = tempfile::tempdir().unwrap();
    certify(other.path());
    let http = GitHttp::new(far.yard.bench.folder.path(), other.path());
    let far = Far { http, ..far };
    far.log_in(LOGIN, TOKEN);
    far.yard.bench.desk.settle();
    let why = far.why().unwrap();
    assert_eq!(Trouble::of(&why), Trouble::Certificate, "{why}");
    assert!(far.page().contains("git_ca"));
    assert_eq!(far.http.requests(), 0, "nothing was told to it");
}
