//! The desk at which every story plays: the real application with a clock moved by hand and deliveries that are recorded
//! instead of sent.

use std::cell::Cell;
use std::sync::Arc;

use watchkeeper::app::{App, Ctx};
use watchkeeper::config::Config;
use watchkeeper::domain::access::{Principal, Roles};
use watchkeeper::domain::id::{Id, PersonId};
use watchkeeper::domain::people::Person;
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::text::EmailAddress;
use watchkeeper::domain::timeline::Door;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::domain::trouble::Least;
use watchkeeper::store::backend::DatabaseUrl;
use watchkeeper::store::{self, Store};
use watchkeeper::time::TimeSource;

/// Which database a story plays on.
#[derive(Debug, Clone, Copy)]
pub enum On {
    Sqlite,
    Postgres,
}

/// `both_databases!(name, |desk| …)`: the story as a SQLite and as a PostgreSQL test.
#[macro_export]
macro_rules! both_databases {
    ($(#[$meta:meta])* $name:ident, $story:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $(#[$meta])*
            #[test]
            fn on_sqlite() {
                let story: fn($crate::desk::Desk) = $story;
                story($crate::desk::Desk::new($crate::desk::On::Sqlite));
            }
            $(#[$meta])*
            #[test]
            fn on_postgres() {
                let story: fn($crate::desk::Desk) = $story;
                story($crate::desk::Desk::new($crate::desk::On::Postgres));
            }
        }
    };
}

/// Whoever drops it with letters that were sent or webhook calls that were made, and never looked at, has a story that doesn't say
/// what it causes: that fails.
pub struct Desk {
    pub app: Arc<App>,
    minds_letters: Cell<bool>,
    _folder: tempfile::TempDir,
}

impl Drop for Desk {
    fn drop(&mut self) {
        let Some(recorder) = self.app.post.recorder() else {
            return;
        };
        if !self.minds_letters.get() || std::thread::panicking() {
            return;
        }
        let letters = recorder.drain().into_iter();
        let letters = letters.map(|mail| format!("to {}: {}", mail.to, mail.subject));
        let calls = self.app.post.caller.drain().into_iter();
        let calls = calls.map(|call| format!("call of {}", call.url));
        let unasked: Vec<String> = letters.chain(calls).collect();
        assert!(
            unasked.is_empty(),
            "{} letters and calls that no line of the story asked for:\n{}",
            unasked.len(),
            unasked.join("\n")
        );
    }
}

/// Monday 2026-06-01, 09:00 UTC: a working day without a daylight saving change near.
pub const START: Timestamp = Timestamp::from_micros(1_780_304_400_000_000);

impl Desk {
    pub fn new(on: On) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config::in_folder(folder.path());
        config.public_url = Some("https://watch.example.org".to_owned());
        // How full this machine's disk is belongs into no story but those about it.
        config.min_free = Least {
            bytes: 0,
            percent: 0,
        };
        if let On::Postgres = on {
            config.database = DatabaseUrl::parse(&crate::cluster::new_database()).expect("a URL");
        }
        let store = Store::open(&config.database).expect("the database opens");
        store::migrate::up(&store).expect("the database migrates");
        // A week without a page would be one with a self-test; the stories about those set it themselves.
        store
            .write(|tx| store::settings::put(tx, SettingKey::SelfTestHours, "0", START))
            .expect("the setting is kept");
        let mut app = App::new(store, TimeSource::manual(START), config).expect("the app starts");
        app.post = watchkeeper::outbound::Post::recorded();
        Self {
            app: Arc::new(app),
            minds_letters: Cell::new(true),
            _folder: folder,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.app.time.now()
    }

    /// Lets time pass and the jobs do what became due.
    pub fn advance(&self, secs: i64) {
        self.app.time.set(self.now().plus_secs(secs));
        self.settle();
    }

    /// Runs every job until nothing is left to do.
    pub fn settle(&self) {
        watchkeeper::jobs::run_until_quiet(&self.app).expect("the jobs run");
    }

    /// What was sent since the last time somebody looked, after the jobs ran.
    pub fn letters(&self) -> Vec<watchkeeper::domain::outgoing::OutgoingMail> {
        self.settle();
        self.app
            .post
            .recorder()
            .expect("deliveries are recorded")
            .drain()
    }

    /// The webhook calls that were made since the last time somebody looked, after the jobs ran.
    pub fn calls(&self) -> Vec<watchkeeper::domain::outgoing::OutgoingCall> {
        self.settle();
        self.app.post.caller.drain()
    }

    /// This story is about something else: what is sent besides is not looked at.
    pub fn let_letters_go(&self) {
        self.minds_letters.set(false);
    }

    /// What the next hand-over is answered with.
    pub fn relay_answers(&self, answer: watchkeeper::domain::outgoing::Handover) {
        self.app
            .post
            .recorder()
            .expect("deliveries are recorded")
            .answer_next(answer);
    }

    /// Somebody of the staff with these roles; `name@watch.example.org` reaches them.
    pub fn person(&self, name: &str, roles: Roles) -> Staff {
        let email = format!("{}@watch.example.org", name.to_lowercase());
        let person = Person {
            id: Id::new(self.now()),
            name: name.to_owned(),
            email: EmailAddress::parse(&email).expect("an address"),
            zone: chrono_tz::Europe::Stockholm,
            phone: None,
            roles,
            is_active: true,
            version: 1,
        };
        let now = self.now();
        self.app
            .store
            .write(|tx| store::people::insert_person(tx, &person, now))
            .expect("the person is kept");
        Staff {
            id: person.id,
            name: person.name,
            roles,
        }
    }

    /// A unit of work by `who`, from the browser.
    pub fn as_person(&self, who: &Staff) -> Ctx<'_> {
        let by = Principal::Person {
            id: who.id,
            name: who.name.clone(),
            roles: who.roles,
        };
        self.app.ctx(by, Door::Web)
    }
}

#[derive(Debug, Clone)]
pub struct Staff {
    pub id: PersonId,
    pub name: String,
    pub roles: Roles,
}
