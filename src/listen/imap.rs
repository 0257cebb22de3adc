//! Mailboxes that are watched: what arrives in them is fetched, stored, and then marked there. IDLE tells of new mail where the
//! server knows it; else it is asked for now and then.
//!
//! Mails are listed by UID and taken in the order in which their server received them. Whatever breaks between storing and marking,
//! a mail is taken once: its UID is stored with it. One above the limit leaves its body where it is. Nothing is searched for by
//! text, and no header is read here: what a subject holds can't confuse the line.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_imap::types::UnsolicitedResponse;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::imap_line::{Fault, Line, connect};
use crate::actions::mailbox::{self as actions, Fetched, Place, Selected};
use crate::app::App;
use crate::domain::letter::header_bytes;
use crate::domain::mailbox::{After, First, Mailbox, wire_name};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// Longest IDLE: as long at most stays mail unseen whose server forgets to tell. Far below the 29 minutes of RFC 2177.
const IDLE: Duration = Duration::from_secs(60);
/// Between two looks where the server knows no IDLE.
const POLL: Duration = Duration::from_secs(30);
/// Longest wait for the answer to a command, other than one that brings mails.
const ANSWER: Duration = Duration::from_secs(60);
/// Longest wait for a list or for a few mails.
const FETCH: Duration = Duration::from_secs(600);
/// Mails that are fetched in one go, and bytes of them: memory holds no more.
const AT_ONCE: usize = 50;
const BYTES_AT_ONCE: usize = 8 * 1024 * 1024;
/// UIDs in one command: lines have their limits.
const UIDS_AT_ONCE: usize = 200;
/// Longest pause after a fault, in seconds.
const LONGEST_PAUSE_SECS: u64 = 300;

/// Watches every mailbox of the configuration until `stop` changes.
pub async fn watch(app: Arc<App>, tls: TlsConnector, stop: watch::Receiver<bool>) {
    if app.config.imap.is_empty() {
        return;
    }
    let mut running = JoinSet::new();
    for mailbox in app.config.imap.clone() {
        tracing::info!(mailbox = mailbox.name(), "watching for mail");
        running.spawn(keep(Arc::clone(&app), mailbox, tls.clone(), stop.clone()));
    }
    while running.join_next().await.is_some() {}
    // Another node may go on at once; if that fails, when the time is up.
    if let Err(fault) = here(&app, actions::release).await {
        tracing::debug!(%fault, "mailboxes stay held for a while");
    }
}

/// Visits one mailbox again and again. A stop may cut it anywhere: a crash may too.
async fn keep(app: Arc<App>, mailbox: Mailbox, tls: TlsConnector, mut stop: watch::Receiver<bool>) {
    let name = mailbox.name();
    let mut faults = 0_u32;
    loop {
        let ended = tokio::select! {
            ended = visit(&app, &mailbox, &tls, &mut faults) => ended,
            _ = stop.changed() => return,
        };
        let pause = match ended {
            // Another node reads it.
            Ok(()) => POLL,
            Err(fault) => {
                faults += 1;
                tracing::warn!(mailbox = name, %fault, faults, "a mailbox can't be read; it is tried again");
                note_fault(&app, &name, &fault).await;
                Duration::from_secs((2_u64 << faults.min(9)).min(LONGEST_PAUSE_SECS))
            }
        };
        tokio::select! {
            // A server that is down isn't called without rest.
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => return,
        }
    }
}

async fn note_fault(app: &Arc<App>, name: &str, fault: &Fault) {
    let (name, text) = (name.to_owned(), fault.to_string());
    if let Err(error) = here(app, move |app| actions::note_fault(app, &name, &text)).await {
        tracing::error!(%error, "a mailbox's fault could not be noted");
    }
}

/// Runs on the pool for work that may wait for the database.
async fn here<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&App) -> Result<T> + Send + 'static,
) -> std::result::Result<T, Fault> {
    let app = Arc::clone(app);
    match tokio::task::spawn_blocking(move || work(&app)).await {
        Ok(outcome) => outcome.map_err(|error| Fault::new(format!("the database: {error}"))),
        Err(error) => Err(Fault::new(error.to_string())),
    }
}

/// Reads a mailbox and waits for more, until something breaks or another node has it.
async fn visit(
    app: &Arc<App>,
    mailbox: &Mailbox,
    tls: &TlsConnector,
    faults: &mut u32,
) -> std::result::Result<(), Fault> {
    let name = mailbox.name();
    let hold = {
        let name = name.clone();
        move |app: &App| actions::hold(app, &name)
    };
    if !here(app, hold.clone()).await? {
        return Ok(());
    }
    let mut line = connect(mailbox, tls).await?;
    let folder = wire_name(&mailbox.folder);
    let found = timeout(ANSWER, line.session.select(&folder)).await??;
    let Some(uid_validity) = found.uid_validity else {
        return Err(Fault::new("the server has no lasting UIDs"));
    };
    let selected = Selected { name, uid_validity };
    let mut visit = Visit {
        app,
        mailbox,
        place: first_place(app, mailbox, &selected, found.uid_next, found.exists).await?,
        selected,
        untidy: None,
        withheld: None,
    };
    loop {
        visit.round(&mut line).await?;
        *faults = 0;
        line = line.rest().await?;
        if !here(app, hold.clone()).await? {
            return Ok(());
        }
    }
}

/// Where to go on.
async fn first_place(
    app: &Arc<App>,
    mailbox: &Mailbox,
    selected: &Selected,
    uid_next: Option<u32>,
    exists: u32,
) -> std::result::Result<Place, Fault> {
    // A server without UIDNEXT: what is there is told apart by its time of arrival.
    let (of, first, uid_next) = (selected.clone(), mailbox.first, uid_next.unwrap_or(1));
    let place = here(app, move |app| actions::place(app, &of, first, uid_next)).await?;
    if mailbox.first == First::New && place.next_uid == uid_next && exists > 0 {
        tracing::info!(
            mailbox = selected.name,
            exists,
            "what lies in the mailbox already stays there; `first=all` would take it in"
        );
    }
    Ok(place)
}

/// A mail as the server lists it.
#[derive(Debug, Clone, Copy)]
struct Listed {
    uid: u32,
    at: Timestamp,
    size: usize,
}

struct Visit<'a> {
    app: &'a Arc<App>,
    mailbox: &'a Mailbox,
    selected: Selected,
    place: Place,
    /// What the server said when a mail couldn't be marked, moved or deleted.
    untidy: Option<String>,
    /// The first UID that was listed and not given.
    withheld: Option<u32>,
}

impl Visit<'_> {
    /// Takes in whatever has arrived.
    async fn round(&mut self, line: &mut Line) -> std::result::Result<(), Fault> {
        let listed = self.list(line).await?;
        let last = listed.iter().map(|mail| mail.uid).max();
        let (of, first) = (self.selected.clone(), self.place.next_uid);
        let taken = match listed.is_empty() {
            true => Default::default(),
            false => here(self.app, move |app| actions::taken(app, &of, first)).await?,
        };
        let (ours, mut fresh): (Vec<Listed>, Vec<Listed>) = listed
            .into_iter()
            .filter(|mail| self.place.begins_at.is_none_or(|begin| mail.at >= begin))
            .partition(|mail| taken.contains_key(&mail.uid));
        // Taken before the line broke, and perhaps not marked.
        let ours = ours.into_iter().map(|mail| mail.uid);
        let ours: Vec<u32> = ours.filter(|uid| taken[uid]).collect();
        self.tidy(line, &ours).await?;
        fresh.sort_by_key(|mail| (mail.at, mail.uid));
        let limit = self.app.config.mail_limit_bytes;
        while !fresh.is_empty() {
            let few = a_few(&fresh, limit);
            let now: Vec<Listed> = fresh.drain(..few).collect();
            let whole = self.take(line, &now).await?;
            self.tidy(line, &whole).await?;
            let name = self.selected.name.clone();
            here(self.app, move |app| actions::hold(app, &name)).await?;
        }
        if let Some(last) = last {
            // One that was listed and not given is asked for again: if it is gone, it isn't listed any more.
            let next = self.withheld.take().unwrap_or(last.saturating_add(1));
            let of = self.selected.clone();
            here(self.app, move |app| actions::set_place(app, &of, next)).await?;
            self.place = Place {
                next_uid: next,
                begins_at: self.place.begins_at.filter(|_| next <= 1),
            };
        }
        let name = self.selected.name.clone();
        match self.untidy.clone() {
            Some(fault) => here(self.app, move |app| actions::note_fault(app, &name, &fault)).await,
            None => here(self.app, move |app| actions::note_read(app, &name)).await,
        }
    }

    /// What is there from the next UID on. A server answers `n:*` with its last mail also if that is below `n`.
    async fn list(&self, line: &mut Line) -> std::result::Result<Vec<Listed>, Fault> {
        // News of before are answered by this list.
        while line.session.unsolicited_responses.try_recv().is_ok() {}
        line.has_news = false;
        let first = self.place.next_uid;
        let now = self.app.time.now();
        let set = format!("{first}:*");
        let asked = line.fetch(&set, "(UID INTERNALDATE RFC822.SIZE)");
        let given = timeout(FETCH, asked).await??.into_iter();
        let mut listed: Vec<Listed> = given
            .map(|mail| Listed {
                uid: mail.uid,
                at: mail.at.unwrap_or(now),
                size: mail.size,
            })
            .collect();
        listed.retain(|mail| mail.uid >= first);
        Ok(listed)
    }

    /// Fetches these and makes them ours, in their order. Returns those that are ours whole: of one above the limit the body is still
    /// there, and stays.
    async fn take(
        &mut self,
        line: &mut Line,
        mails: &[Listed],
    ) -> std::result::Result<Vec<u32>, Fault> {
        let limit = self.app.config.mail_limit_bytes;
        // A few that belong together are either all within the limit, or one that isn't.
        let is_large = mails.iter().any(|mail| mail.size > limit);
        let what = match is_large {
            true => "(UID BODY.PEEK[HEADER])",
            false => "(UID BODY.PEEK[])",
        };
        let set = uid_set(&mails.iter().map(|mail| mail.uid).collect::<Vec<_>>());
        let given = timeout(FETCH, line.fetch(&set, what)).await??.into_iter();
        let mut found: HashMap<u32, Vec<u8>> = given
            .filter_map(|mail| Some((mail.uid, mail.bytes?)))
            .collect();
        let mut whole = Vec::new();
        for mail in mails {
            let Some(mut bytes) = found.remove(&mail.uid) else {
                // Somebody deleted it between the list and now, most likely.
                tracing::warn!(
                    mailbox = self.selected.name,
                    uid = mail.uid,
                    "a mail was listed and not given"
                );
                self.withheld = Some(self.withheld.map_or(mail.uid, |uid| uid.min(mail.uid)));
                continue;
            };
            let size = match is_large {
                true => mail.size.max(bytes.len() + 1),
                false => bytes.len(),
            };
            if size > limit {
                // Some servers say less than they send.
                bytes.truncate(header_bytes(&bytes));
            } else {
                whole.push(mail.uid);
            }
            let (of, mail) = (self.selected.clone(), *mail);
            here(self.app, move |app| {
                let fetched = Fetched {
                    uid: mail.uid,
                    at: mail.at,
                    bytes: &bytes,
                    size,
                };
                actions::take(app, &of, &fetched)
            })
            .await?;
            metrics::counter!("watchkeeper_mail_accepted_total").increment(1);
        }
        Ok(whole)
    }

    /// Does with them what the configuration wants done with mail that is ours. A server that refuses is a fault to be shown, and no
    /// reason to take in less.
    async fn tidy(&mut self, line: &mut Line, uids: &[u32]) -> std::result::Result<(), Fault> {
        for few in uids.chunks(UIDS_AT_ONCE) {
            let done = timeout(FETCH, line.tidy(&self.mailbox.after, &uid_set(few))).await?;
            self.untidy = match done {
                Ok(()) => None,
                Err(async_imap::error::Error::No(said)) => {
                    let what = match &self.mailbox.after {
                        After::Seen | After::Keep => "marked as read",
                        After::Delete => "deleted",
                        After::Move(_) => "moved",
                    };
                    Some(format!("mail is taken in, but can't be {what}: {said}"))
                }
                Err(error) => return Err(error.into()),
            };
        }
        Ok(())
    }
}

/// How many of the first are fetched in one go: a few within the limits, or one that is above `limit`.
fn a_few(mails: &[Listed], limit: usize) -> usize {
    let mut bytes = 0;
    let mut few = 0;
    for mail in mails.iter().take(AT_ONCE) {
        bytes += mail.size;
        let is_large = mail.size > limit;
        if few > 0 && (is_large || bytes > BYTES_AT_ONCE) {
            break;
        }
        few += 1;
        if is_large {
            break;
        }
    }
    few
}

fn uid_set(uids: &[u32]) -> String {
    let uids: Vec<String> = uids.iter().map(u32::to_string).collect();
    uids.join(",")
}

/// Whether a server told of new mail while nobody waited for it.
pub(super) fn is_news(said: &UnsolicitedResponse) -> bool {
    matches!(
        said,
        UnsolicitedResponse::Exists(_) | UnsolicitedResponse::Recent(_)
    )
}

impl Line {
    /// Waits until the server tells of something new, or long enough.
    async fn rest(mut self) -> std::result::Result<Line, Fault> {
        if !self.knows_idle {
            // Without IDLE nothing tells of new mail: it is asked for now and then.
            tokio::time::sleep(POLL).await;
            timeout(ANSWER, self.session.noop()).await??;
            return Ok(self);
        }
        let told = self.session.unsolicited_responses.clone();
        let mut idle = self.session.idle();
        timeout(ANSWER, idle.init()).await??;
        // Told between the list and the IDLE.
        let mut has_news = self.has_news;
        while let Ok(said) = told.try_recv() {
            has_news |= is_news(&said);
        }
        if !has_news {
            let (wait, _interrupt) = idle.wait_with_timeout(IDLE);
            wait.await?;
        }
        self.session = timeout(ANSWER, idle.done()).await??;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_fetched_together_and_one_above_the_limit_alone() {
        let mails = |sizes: &[usize]| -> Vec<Listed> {
            let mail = |size: &usize| Listed {
                uid: 1,
                at: Timestamp::from_micros(0),
                size: *size,
            };
            sizes.iter().map(mail).collect()
        };
        let limit = 50 * 1024 * 1024;
        assert_eq!(a_few(&mails(&[10; 80]), limit), AT_ONCE);
        assert_eq!(a_few(&mails(&[limit + 1, 10]), limit), 1);
        assert_eq!(a_few(&mails(&[10, 10, limit + 1, 10]), limit), 2);
        assert_eq!(a_few(&mails(&[limit, 10]), limit), 1);
        assert_eq!(a_few(&mails(&[5 << 20, 5 << 20]), limit), 1);
    }
}
