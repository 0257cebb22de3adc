//! The running program as one value, and the context of one unit of work.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, OnceLock, RwLock};
use std::time::Duration;

use crate::config::Config;
use crate::domain::access::Principal;
use crate::domain::id::{MailId, TicketId};
use crate::domain::letter::{Letter, Remark};
use crate::domain::roster::Roster;
use crate::domain::sla_book::Book;
use crate::domain::timeline::{Actor, Door};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::intake::mail;
use crate::outbound::Post;
use crate::store::intake::StoredMail;
use crate::store::queue::Cursor;
use crate::store::{self, Conn, Join, Store, Tx};
use crate::time::TimeSource;

/// Of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The fact of a mail which version of the program ended while it read it; see `actions::intake_why`.
pub const ENDED_VERSION: &str = "ended_version";

/// Everything that is made once and shared by all threads.
pub struct App {
    pub store: Store,
    pub time: TimeSource,
    pub config: Config,
    /// Signs links, reply addresses and Message-IDs; made with the database and kept in it, so that every node has the same.
    pub signing_key: [u8; 32],
    pub wake: Wake,
    pub programs: Programs,
    /// Agreements and calendars as last read; `actions::sla::book` knows whether they still hold.
    pub book: RwLock<Option<Arc<Book>>>,
    /// Who can be called, as last read; `actions::roster` knows whether it still holds.
    pub roster: RwLock<Option<Arc<Roster>>>,
    /// Where the standing check of clocks has come to.
    pub rounds: Mutex<Rounds>,
    /// When this process last looked whom a self-test is due for.
    pub self_tests: Mutex<Option<Timestamp>>,
    /// By which everything leaves.
    pub post: Post,
    /// What the check after an unclean stop found wrong with the database, line by line; unset if it found nothing, or wasn't needed.
    pub damage: OnceLock<Vec<String>>,
    /// The jobs are told to stop: what takes long ends early, and is done again later.
    pub is_ending: AtomicBool,
    /// When this process began: a mail that waits since earlier may be what ended the one before.
    pub began_at: Timestamp,
    /// The mails of before that this process has begun to read; see `jobs::mailbox`.
    pub begun_mails: Mutex<HashSet<MailId>>,
    /// Another reader of mails than ours, for trials of what happens when one fails.
    pub mail_reader: OnceLock<mail::Reader>,
}

impl App {
    /// Opens a migrated database.
    pub fn new(store: Store, time: TimeSource, config: Config) -> Result<Self> {
        let signing_key = crate::store::installation::signing_key(&store)?;
        let post = Post::of(&config);
        Ok(Self {
            began_at: time.now(),
            begun_mails: Mutex::default(),
            mail_reader: OnceLock::new(),
            store,
            time,
            config,
            signing_key,
            wake: Wake::default(),
            programs: Programs::default(),
            book: RwLock::default(),
            roster: RwLock::default(),
            rounds: Mutex::default(),
            self_tests: Mutex::default(),
            post,
            damage: OnceLock::new(),
            is_ending: AtomicBool::new(false),
        })
    }

    /// A mail as it is read today, its signature judged for the day on which it came. Never panics: a reader that fails gives a letter
    /// that says so.
    pub fn read_mail(&self, raw: &[u8], envelope_from: Option<&str>, came_at: Timestamp) -> Letter {
        let reader = self.mail_reader.get().copied();
        let reader = reader.unwrap_or(mail::read_checked);
        mail::guarded(raw, envelope_from, || {
            reader(raw, envelope_from, &self.config.smime_ca, came_at)
        })
    }

    /// A stored mail as it is read today, its text in the character set that somebody chose for it. One that ended processes of this
    /// version isn't read: to look at a page must end none.
    pub fn read_stored(&self, mail: &StoredMail, raw: &[u8]) -> Letter {
        let from = mail.envelope_from.as_deref();
        if mail.because.get(ENDED_VERSION) == Some(VERSION) {
            return mail::unseen(raw, from);
        }
        let mut letter = self.read_mail(raw, from, mail.received_at);
        if let Some(set) = mail.because.get("charset")
            && !letter.remarks.contains(&Remark::ReaderFailed)
        {
            let chosen = mail::guarded(raw, from, || mail::read_in(raw, from, set));
            letter.subject = chosen.subject;
            letter.text = chosen.text;
            letter.charsets = chosen.charsets;
        }
        letter
    }

    /// A unit of work that begins now.
    pub fn ctx(&self, by: Principal, door: Door) -> Ctx<'_> {
        Ctx {
            app: self,
            now: self.time.now(),
            by,
            door,
            joined: None,
        }
    }

    /// A unit of work of our own: a job or a rule, by its name.
    pub fn system(&self, name: &'static str, door: Door) -> Ctx<'_> {
        self.ctx(Principal::System(name), door)
    }
}

/// One unit of work: who, by which door, and the one instant that it happens at.
#[derive(Clone)]
pub struct Ctx<'a> {
    pub app: &'a App,
    pub now: Timestamp,
    pub by: Principal,
    pub door: Door,
    /// The transaction that this unit of work has joined, see [`Ctx::as_one`].
    joined: Option<&'a dyn Join>,
}

impl Ctx<'_> {
    /// One transaction; the jobs are woken once it is durable. `work` may run again, see [`Store::write`].
    pub fn write<T>(&self, work: impl Fn(&mut Tx) -> Result<T>) -> Result<T> {
        store::answered(work, |work| self.commit(work))
    }

    fn commit(&self, work: store::Work<'_>) -> Result<()> {
        if let Some(joined) = self.joined {
            return store::within(joined, |tx| store::savepoint(tx, work));
        }
        self.app.store.commit(work)?;
        self.app.wake.ring();
        Ok(())
    }

    pub fn read<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        match self.joined {
            Some(joined) => store::within(joined, |tx| work(tx)),
            None => self.app.store.read(work),
        }
    }

    /// Runs an action so that whatever it writes and what `seal` writes afterwards are one transaction: both stand or neither.
    /// The action gets a context whose `write` joins that transaction. Both closures may run again.
    pub fn as_one<T>(
        &self,
        action: impl Fn(&Ctx<'_>) -> Result<T>,
        seal: impl Fn(&mut Tx, &T) -> Result<()>,
    ) -> Result<T> {
        self.write(|tx| {
            // The joint borrows the transaction; its block gives it back.
            let value = {
                let joint = store::Joint::new(tx);
                action(&Ctx {
                    app: self.app,
                    now: self.now,
                    by: self.by.clone(),
                    door: self.door,
                    joined: Some(&joint),
                })?
            };
            seal(tx, &value)?;
            Ok(value)
        })
    }

    /// Runs an action and undoes whatever it wrote; only its answer remains. The action gets a context whose `write` joins the
    /// transaction that is rolled back, and may run again.
    pub fn undone<T>(&self, action: impl Fn(&Ctx<'_>) -> Result<T>) -> Result<T> {
        let book = Remembered::of(&self.app.book);
        let roster = Remembered::of(&self.app.roster);
        let answer = RefCell::new(None);
        let outcome: Result<()> = self.write(|tx| {
            let value = {
                let joint = store::Joint::new(tx);
                action(&Ctx {
                    app: self.app,
                    now: self.now,
                    by: self.by.clone(),
                    door: self.door,
                    joined: Some(&joint),
                })?
            };
            answer.replace(Some(value));
            Err(store::undo())
        });
        // What was read inside is of a state that never was.
        book.restore(&self.app.book);
        roster.restore(&self.app.roster);
        match (answer.into_inner(), outcome) {
            (Some(value), _) => Ok(value),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Err(crate::error::Error::internal("an action without an answer")),
        }
    }

    /// Who acts, as the timeline keeps it.
    pub fn actor(&self) -> Actor {
        use crate::domain::access::TokenOwner;
        match &self.by {
            Principal::Person { id, .. } => Actor::Person(*id),
            Principal::Contact { id, .. } => Actor::Contact(*id),
            Principal::Token {
                owner: TokenOwner::Person(id),
                ..
            } => Actor::Person(*id),
            Principal::Token { id, .. } => Actor::Token(*id),
            Principal::System(_) => Actor::System,
        }
    }
}

/// Something that is kept as last read, from before it may be read in a state that is undone.
struct Remembered<T>(Option<Arc<T>>);

impl<T> Remembered<T> {
    fn of(kept: &RwLock<Option<Arc<T>>>) -> Self {
        let kept = kept.read().unwrap_or_else(|poison| poison.into_inner());
        Self(kept.clone())
    }

    fn restore(self, kept: &RwLock<Option<Arc<T>>>) {
        *kept.write().unwrap_or_else(|poison| poison.into_inner()) = self.0;
    }
}

/// Where the standing check of clocks has come to; each process goes its own rounds.
#[derive(Debug, Default)]
pub struct Rounds {
    pub last_at: Option<Timestamp>,
    /// Among the open tickets, by what is due.
    pub open_after: Option<Cursor>,
    /// Among all tickets, by age.
    pub any_after: Option<TicketId>,
}

/// Tells waiting jobs that something was committed. Rings are not counted: one look finds all there is to do.
#[derive(Default)]
pub struct Wake {
    rings: Mutex<u64>,
    heard: Condvar,
}

impl Wake {
    pub fn ring(&self) {
        let mut rings = self
            .rings
            .lock()
            .unwrap_or_else(|poison| poison.into_inner());
        *rings = rings.wrapping_add(1);
        self.heard.notify_all();
    }

    /// How often it rang.
    pub fn rings(&self) -> u64 {
        *self
            .rings
            .lock()
            .unwrap_or_else(|poison| poison.into_inner())
    }

    /// Waits until a ring later than `seen` or until `patience` is over; the newest ring.
    pub fn wait(&self, seen: u64, patience: Duration) -> u64 {
        let rings = self
            .rings
            .lock()
            .unwrap_or_else(|poison| poison.into_inner());
        let (rings, _) = self
            .heard
            .wait_timeout_while(rings, patience, |rings| *rings == seen)
            .unwrap_or_else(|poison| poison.into_inner());
        *rings
    }
}

/// Who acts with which token, remembered for moments so that a busy program costs no reads. Whatever changes people, grants or
/// tokens empties it; another node's change counts when the moment is over.
#[derive(Default)]
pub struct Programs(Mutex<HashMap<Vec<u8>, (Principal, Timestamp)>>);

impl Programs {
    const REMEMBERED_SECS: i64 = 2;
    /// Beyond so many tokens at once it begins anew: bounded, and nobody has that many programs.
    const MOST: usize = 1_000;

    /// By the token's fingerprint.
    pub fn recall(&self, fingerprint: &[u8], now: Timestamp) -> Option<Principal> {
        let known = self.0.lock().unwrap_or_else(|poison| poison.into_inner());
        let (principal, until) = known.get(fingerprint)?;
        (now < *until).then(|| principal.clone())
    }

    pub fn remember(&self, fingerprint: Vec<u8>, principal: &Principal, now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(|poison| poison.into_inner());
        if known.len() >= Self::MOST {
            known.clear();
        }
        let until = now.plus_secs(Self::REMEMBERED_SECS);
        known.insert(fingerprint, (principal.clone(), until));
    }

    pub fn forget(&self) {
        self.0
            .lock()
            .unwrap_or_else(|poison| poison.into_inner())
            .clear();
    }
}
