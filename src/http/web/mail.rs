//! The mail that came in: what became of each one and why, the mail itself, and what a person may do about it.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::inputs::{Answer, id_of};
use super::queue::param;
use crate::actions::{allow, intake as act, mailbox};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::id::{Id, MailId, TicketKey};
use crate::domain::intake::{MailState, Verdict};
use crate::domain::letter::{Letter, Part, Remark};
use crate::domain::refusal::FieldError;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::http::form::Posted;
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::intake::mail;
use crate::intake::reading::charset::CHOICES;
use crate::intake::reading::clean::clean;
use crate::store::intake::{LedgerFilter, StoredMail};
use crate::store::mailbox::Standing;
use crate::store::{self, Conn};
use crate::words::Words;

/// Lines of one page of the ledger.
const LINES: i64 = 50;

/// Which part of the ledger is shown.
const SHOWN: &[&str] = &[
    "all",
    "held",
    "join_request",
    "opened",
    "appended",
    "automatic",
    "bounce",
    "duplicate",
    "unreadable",
];

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    show: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    sender: String,
}

#[derive(Template)]
#[template(path = "mail/ledger.html")]
struct LedgerPage {
    p: Page,
    shown: &'static str,
    sender: String,
    tabs: &'static [&'static str],
    mails: Vec<(StoredMail, Option<TicketKey>)>,
    next: Option<String>,
    waiting: i64,
    /// How the mailboxes stand that are watched.
    mailboxes: Vec<Standing>,
}

/// A place in a list by instant and id, as an address carries it.
pub(super) fn place<T>(at: Timestamp, id: Id<T>) -> String {
    format!("{}.{}", at.micros(), id)
}

pub(super) fn read_place<T>(text: &str) -> Option<(Timestamp, Id<T>)> {
    let (micros, id) = text.split_once('.')?;
    Some((Timestamp::from_micros(micros.parse().ok()?), Id::parse(id)?))
}

pub async fn ledger(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Answer {
    let shown = SHOWN
        .iter()
        .copied()
        .find(|show| *show == asked.show)
        .unwrap_or("all");
    let sender = asked.sender.trim().to_lowercase();
    let filter = LedgerFilter {
        state: (shown == "held").then_some(MailState::Held),
        verdict: if shown == "held" {
            None
        } else {
            shown.parse::<Verdict>().ok()
        },
        sender: Some(sender.clone()).filter(|sender| !sender.is_empty()),
    };
    let before = read_place(&asked.from);
    let (mails, waiting, mailboxes) = viewer
        .run(&app, move |ctx| {
            allow(&ctx.by, Action::ReadMail, Target::House)?;
            ctx.read(|conn| {
                let mails = mails(conn, &filter, before)?;
                let ids: Vec<_> = mails.iter().filter_map(|mail| mail.ticket).collect();
                let tickets = store::ticket::by_ids(conn, &ids)?;
                let key_of = |mail: &StoredMail| {
                    tickets
                        .iter()
                        .find(|ticket| Some(ticket.id) == mail.ticket)
                        .map(|ticket| ticket.key)
                };
                let lines: Vec<_> = mails
                    .into_iter()
                    .map(|mail| (key_of(&mail), mail))
                    .map(|(key, mail)| (mail, key))
                    .collect();
                let mailboxes = mailbox::standings(ctx.app, conn)?;
                Ok((lines, store::intake::backlog(conn)?.0, mailboxes))
            })
        })
        .await?;
    let next = match mails.last() {
        Some((last, _)) if mails.len() as i64 == LINES => Some(place(last.received_at, last.id)),
        _ => None,
    };
    reply::page(&LedgerPage {
        p: Page::new(&req, "mail-in-title"),
        shown,
        sender,
        tabs: SHOWN,
        mails,
        next,
        waiting,
        mailboxes,
    })
}

/// A page of the ledger; of the mails that ask to join a ticket those first that are decided about first, as long as one page has them all.
fn mails(
    conn: &mut Conn,
    filter: &LedgerFilter,
    before: Option<(Timestamp, MailId)>,
) -> Result<Vec<StoredMail>> {
    let asks = filter.verdict == Some(Verdict::JoinRequest);
    if asks && filter.sender.is_none() && before.is_none() {
        let ahead = store::mail_join::ahead(conn, LINES)?;
        if (ahead.len() as i64) < LINES {
            return Ok(ahead);
        }
    }
    store::intake::ledger(conn, filter, before, LINES)
}

#[derive(Template)]
#[template(path = "mail/show.html")]
struct MailPage {
    p: Page,
    mail: StoredMail,
    letter: Letter,
    key: Option<TicketKey>,
    /// Where copies of it were delivered to.
    also_to: Vec<String>,
    /// Tickets that it opened besides, for addresses that ask for their own.
    other_keys: Vec<TicketKey>,
    /// Other mails under its Message-ID.
    namesakes: Vec<MailId>,
    files: Vec<Part>,
    may_handle: bool,
    /// What decided about it, a sentence each.
    reasons: Vec<String>,
    /// What is known of its sender, as the catalogue says it.
    proof: &'static str,
    /// The character set that its text is shown in by hand; "" where nobody chose one.
    chosen_set: String,
    sets: &'static [&'static str],
}

impl MailPage {
    fn may_take_in(&self) -> bool {
        use Verdict::*;
        let settled = matches!(self.mail.verdict, Some(Automatic | Bounce | Held | Dropped));
        self.may_handle && settled
    }

    /// It was taken for a copy; a person may know better.
    fn may_be_no_copy(&self) -> bool {
        self.may_handle && self.mail.verdict == Some(Verdict::Duplicate)
    }

    /// It couldn't be read when it came, and now it can.
    fn may_read_again(&self) -> bool {
        let is_readable = !self.letter.remarks.contains(&Remark::Unreadable);
        self.may_handle && self.mail.verdict == Some(Verdict::Unreadable) && is_readable
    }

    /// What is known besides the verdict, in words where it has some.
    fn why(&self) -> String {
        let key = format!("mail-why-{}", self.mail.detail.replace('_', "-"));
        if self.p.words.has(&key) {
            self.p.words.t(&key).into_owned()
        } else {
            self.mail.detail.clone()
        }
    }

    /// The character set that its text is shown in can be kept, and its text so put on its ticket.
    fn may_put_right(&self) -> bool {
        let is_news = self.mail.because.get("charset") != Some(self.chosen_set.as_str());
        self.may_handle && !self.chosen_set.is_empty() && is_news
    }

    /// What people did about it: when, and what.
    fn deeds(&self) -> Vec<(Timestamp, String)> {
        let because = &self.mail.because;
        let said = |name: &str| because.get(name).unwrap_or_default();
        let of = |at: &str, by: &str, key: &str, place: &str, value: &str| {
            let values = [("name", said(by).into()), (place, value.into())];
            let words = self.p.words.with(key, &values).into_owned();
            Some((because.instant(at)?, words))
        };
        let why = said("taken_in_why");
        let taken_in = match (because.get("no_copy_of"), why) {
            (Some(_), _) => "mail-deed-no-copy",
            (None, "") => "mail-deed-taken-in",
            (None, _) => "mail-deed-taken-in-why",
        };
        let mut deeds: Vec<(Timestamp, String)> = [
            of("taken_in_at", "taken_in_by", taken_in, "why", why),
            of("dropped_at", "dropped_by", "mail-deed-dropped", "why", ""),
            of(
                "charset_at",
                "charset_by",
                "mail-deed-charset",
                "set",
                said("charset"),
            ),
        ]
        .into_iter()
        .flatten()
        .collect();
        deeds.sort_by_key(|(at, _)| *at);
        deeds
    }

    /// The mail that it was taken for a copy of.
    fn no_copy_of(&self) -> Option<&str> {
        self.mail.because.get("no_copy_of")
    }

    fn is_chosen(&self, set: &str) -> bool {
        self.chosen_set == set
    }

    fn is_held(&self) -> bool {
        self.mail.state == MailState::Held
    }

    fn asks_to_join(&self) -> bool {
        self.mail.verdict == Some(Verdict::JoinRequest)
    }
}

/// What decided about a mail, as it was kept with it; see `actions::intake_why`.
fn reasons(mail: &StoredMail) -> Vec<String> {
    let words = Words::english();
    let because = &mail.because;
    let place = |name: &str| {
        let place = because.get(name).unwrap_or_default().replace('_', "-");
        words.t(&format!("mail-place-{place}")).into_owned()
    };
    let mut reasons = Vec::new();
    if let Some(address) = because.get("route") {
        let values = [
            ("address", address.into()),
            ("place", place("route_place").into()),
        ];
        reasons.push(words.with("mail-because-route", &values).into_owned());
    }
    if because.get("forged").is_some() {
        reasons.push(words.t("mail-because-forged").into_owned());
    }
    if let Some(why) = because.get("rights") {
        reasons.push(words.t(&format!("mail-because-rights-{why}")).into_owned());
    }
    if let (Some(clue), Some(key)) = (because.get("clue"), because.get("key")) {
        let values = [
            ("key", key.into()),
            ("pointer", because.get("pointer").unwrap_or_default().into()),
            ("place", place("pointer_place").into()),
        ];
        let clue = format!("mail-because-clue-{}", clue.replace('_', "-"));
        reasons.push(words.with(&clue, &values).into_owned());
    } else if mail.verdict == Some(Verdict::Opened) {
        reasons.push(words.t("mail-because-new").into_owned());
    }
    if let Some(standing) = because.get("standing") {
        let standing = format!("mail-because-standing-{}", standing.replace('_', "-"));
        reasons.push(words.t(&standing).into_owned());
    }
    reasons
}

/// What is known of a mail's sender, as the catalogue says it.
pub(super) fn proof(mail: &StoredMail) -> &'static str {
    let because = &mail.because;
    match (because.get("proof"), because.get("rights")) {
        (Some("proven"), Some("former")) => "tape-powerless-former",
        (Some("proven"), Some(_)) => "tape-powerless-onlooker",
        (Some("proven"), None) => "mail-proven",
        (Some("refuted"), _) => "mail-refuted",
        _ => "mail-unverified",
    }
}

/// A stored mail, its bytes read anew.
pub(super) fn load(ctx: &Ctx<'_>, id: MailId) -> Result<(StoredMail, Vec<u8>)> {
    ctx.read(|conn| {
        let mail = store::intake::by_id(conn, id)?.ok_or(Error::NotFound)?;
        let raw = store::blob::get(conn, mail.raw)?.ok_or(Error::NotFound)?;
        Ok((mail, raw))
    })
}

/// A stored mail as it is read today, in the character set that somebody chose for it.
pub(in crate::http) fn checked(ctx: &Ctx<'_>, mail: &StoredMail, raw: &[u8]) -> Letter {
    ctx.app.read_stored(mail, raw)
}

/// A stored mail, its text in a character set that somebody chose.
pub(in crate::http) fn read_in(mail: &StoredMail, raw: &[u8], set: &str) -> Result<Letter> {
    let set = set.trim().to_lowercase();
    if !CHOICES.contains(&set.as_str()) {
        let unknown = FieldError::new("charset", "not-a-charset").with("value", set);
        return Err(unknown.with("accepted", CHOICES.join(", ")).into());
    }
    Ok(in_set(mail, raw, &set))
}

fn in_set(mail: &StoredMail, raw: &[u8], set: &str) -> Letter {
    let from = mail.envelope_from.as_deref();
    mail::guarded(raw, from, || mail::read_in(raw, from, set))
}

/// How the page shows it: in the set that is asked for, as the mail says itself where none is, and otherwise as it stands.
fn shown(
    ctx: &Ctx<'_>,
    mail: &StoredMail,
    raw: &[u8],
    is_asked: bool,
    set: Option<&str>,
) -> Letter {
    let from = mail.envelope_from.as_deref();
    let mut letter = match is_asked {
        true => ctx.app.read_mail(raw, from, mail.received_at),
        false => checked(ctx, mail, raw),
    };
    if let Some(set) = set {
        let read = in_set(mail, raw, set);
        letter.text = read.text;
        letter.charsets = read.charsets;
    }
    letter
}

pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Answer {
    let id: MailId = id_of(&id)?;
    let asked = param(&req, "charset");
    let is_asked = asked.is_some();
    let set = asked.filter(|set| CHOICES.contains(&set.as_str()));
    let chosen = set.clone();
    let (mail, letter, key, (also_to, namesakes, other_keys)) = viewer
        .run(&app, move |ctx| {
            allow(&ctx.by, Action::ReadMail, Target::House)?;
            let (mail, raw) = load(ctx, id)?;
            let letter = shown(ctx, &mail, &raw, is_asked, chosen.as_deref());
            let key = match mail.ticket {
                Some(ticket) => ctx
                    .read(|conn| store::ticket::by_id(conn, ticket))?
                    .map(|ticket| ticket.key),
                None => None,
            };
            let twins = ctx.read(|conn| {
                let mut also_to = store::mail_twin::copies_came_to(conn, mail.id)?;
                also_to.retain(|address| !mail.envelope_to.contains(address));
                let others = match mail.ticket.zip(mail.entry_seq) {
                    Some((ticket, seq)) => store::mail_twin::other_tickets(conn, ticket, seq)?,
                    None => Vec::new(),
                };
                let others = store::ticket::by_ids(conn, &others)?;
                Ok((
                    also_to,
                    store::mail_twin::under_the_same_id(conn, &mail)?,
                    others.iter().map(|other| other.key).collect::<Vec<_>>(),
                ))
            })?;
            Ok((mail, letter, key, twins))
        })
        .await?;
    let p = Page::new(&req, "mail-one-title");
    let may_handle = p.may(Action::HandleMail);
    let proof = proof(&mail);
    let mut letter = letter;
    let files = std::mem::take(&mut letter.parts);
    reply::page(&MailPage {
        reasons: reasons(&mail),
        proof,
        chosen_set: match is_asked {
            true => set.unwrap_or_default(),
            false => mail.because.get("charset").unwrap_or_default().to_owned(),
        },
        sets: CHOICES,
        p,
        mail,
        letter,
        key,
        also_to,
        other_keys,
        namesakes,
        files,
        may_handle,
    })
}

/// Says why a mail's HTML form isn't shown, and where its words are.
#[derive(Template)]
#[template(path = "mail/no_html.html")]
struct NoHtmlPage {
    p: Page,
    id: MailId,
}

/// The mail's HTML form, cleaned, on a page of its own where nothing runs and nothing is fetched; its own pictures are in it.
pub async fn html(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> std::result::Result<HttpResponse, Failure> {
    let id: MailId = id_of(&id)?;
    let page = viewer
        .run(&app, move |ctx| {
            allow(&ctx.by, Action::ReadMail, Target::House)?;
            let (mail, raw) = load(ctx, id)?;
            let letter = checked(ctx, &mail, &raw);
            let page = letter.html.as_deref().ok_or(Error::NotFound)?;
            Ok(clean(page, mail::pictures(&letter)))
        })
        .await?;
    match page {
        Some(page) => Ok(reply::shut_in(page)),
        None => reply::page(&NoHtmlPage {
            p: Page::new(&req, "mail-html-not-shown"),
            id,
        }),
    }
}

/// The mail's bytes, as they came: their signatures still verify.
pub async fn raw(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> std::result::Result<HttpResponse, Failure> {
    let id: MailId = id_of(&id)?;
    let raw = viewer
        .run(&app, move |ctx| {
            allow(&ctx.by, Action::ReadMail, Target::House)?;
            Ok(load(ctx, id)?.1)
        })
        .await?;
    Ok(reply::download("mail.eml", "message/rfc822", raw))
}

/// Take in, drop, accept or refuse, block the sender.
pub async fn handle(
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
    posted: Posted,
) -> Answer {
    let (id, verb) = path.into_inner();
    let id: MailId = id_of(&id)?;
    let reason = posted.text("reason").to_owned();
    let set = posted.text("charset").to_owned();
    let known = matches!(
        verb.as_str(),
        "take-in" | "drop" | "accept" | "refuse" | "block" | "put-right"
    );
    if !known {
        return Err(Error::NotFound.into());
    }
    viewer
        .run(&app, move |ctx| {
            allow(&ctx.by, Action::HandleMail, Target::House)?;
            let (stored, raw) = load(ctx, id)?;
            let letter = checked(ctx, &stored, &raw);
            match verb.as_str() {
                "take-in" => act::take_in(ctx, id, &letter, &reason).map(|_| ()),
                "drop" => act::drop_held(ctx, id).map(|_| ()),
                "put-right" => {
                    let letter = read_in(&stored, &raw, &set)?;
                    act::put_right(ctx, id, &letter, &set.trim().to_lowercase()).map(|_| ())
                }
                "accept" => act::answer_join(ctx, id, &letter, true).map(|_| ()),
                "refuse" => act::answer_join(ctx, id, &letter, false).map(|_| ()),
                _ => {
                    let sender = letter.from.address.ok_or(Error::NotFound)?;
                    act::block(ctx, sender.as_str(), &reason)
                }
            }
        })
        .await?;
    Ok(reply::see_saying(
        &format!("/mail/in/{id}"),
        "said-done",
        "",
    ))
}
