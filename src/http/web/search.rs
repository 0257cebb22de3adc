//! Search over everything that was written: titles, timelines, mail. A number goes straight to its ticket.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::Answer;
use super::names::{Names, Wanted};
use super::queue::param;
use super::row::TicketRow;
use crate::actions;
use crate::app::{App, Ctx};
use crate::domain::access::{self, Action, Target};
use crate::domain::id::TicketKey;
use crate::domain::search::Question;
use crate::domain::ticket::Ticket;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::store;
use crate::store::intake::StoredMail;
use crate::store::search::{self, Eyes};
use crate::store::timeline::Recorded;

/// Hits that are shown; narrower words find the rest.
const SHOWN: i64 = 60;
/// Mails on no timeline that are shown.
const MAILS: i64 = 20;
/// Longest piece of a text around what was found, in characters.
const PIECE: usize = 180;

/// A ticket with the newest entry that answers.
struct Hit {
    row: TicketRow,
    who: String,
    at: Timestamp,
    piece: String,
    seq: i64,
}

#[derive(Template)]
#[template(path = "search/results.html")]
struct SearchPage {
    p: Page,
    q: String,
    hits: Vec<Hit>,
    /// Held, automatic and other mail that stands on no timeline.
    mails: Vec<StoredMail>,
    summary: String,
}

/// `GET /search?q=`
pub async fn find(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    if !viewer.principal.is_staff() {
        return Err(Error::NotFound.into());
    }
    let q = param(&req, "q").unwrap_or_default();
    if let Ok(key) = q.trim().parse::<TicketKey>() {
        return Ok(reply::see(&format!("/{key}")));
    }
    let asked = q.clone();
    let (found, mails, names, count) = viewer.run(&app, move |ctx| look(ctx, &asked)).await?;
    let p = Page::new(&req, "nav-search");
    let words = p.words;
    let hits: Vec<Hit> = found
        .iter()
        .map(|(ticket, entry)| Hit {
            row: TicketRow::of(ticket, &names, words, p.now),
            who: entry.actor_name.clone(),
            at: entry.effective_at,
            piece: piece(&entry.body, &q),
            seq: entry.seq,
        })
        .collect();
    let summary = if count >= search::COUNTED {
        words.with("search-many", &[("n", (search::COUNTED - 1).into())])
    } else {
        words.with(
            "search-count",
            &[("n", count.into()), ("tickets", (hits.len() as i64).into())],
        )
    };
    reply::page(&SearchPage {
        summary: summary.into_owned(),
        hits,
        mails,
        q,
        p,
    })
}

type Found = (Vec<(Ticket, Recorded)>, Vec<StoredMail>, Names, i64);

fn look(ctx: &Ctx<'_>, q: &str) -> Result<Found> {
    actions::allow(&ctx.by, Action::ReadTickets, Target::House)?;
    let question = Question::parse(q);
    let may_read_mail = access::may(&ctx.by, Action::ReadMail, Target::House).is_ok();
    ctx.read(|conn| {
        let mails = match may_read_mail {
            true => search::find_mail(conn, &question, MAILS)?,
            false => Vec::new(),
        };
        let mails = store::mail_found::by_ids(conn, &mails)?;
        let (hits, count) = search::find(conn, &question, Eyes::Staff, SHOWN)?;
        let ids: Vec<_> = hits.iter().map(|hit| hit.ticket_id).collect();
        let tickets = store::ticket::by_ids(conn, &ids)?;
        let names = Names::load(conn, Wanted::of_tickets(&tickets))?.burning(
            actions::sla_burn::of_tickets(ctx.app, conn, &tickets, ctx.now)?,
        );
        let entries = store::timeline::by_ids(
            conn,
            &hits.iter().map(|hit| hit.entry_id).collect::<Vec<_>>(),
        )?;
        // One line per ticket, with its newest answer.
        let mut found: Vec<(Ticket, Recorded)> = Vec::new();
        for hit in &hits {
            let known = found.iter().any(|(ticket, _)| ticket.id == hit.ticket_id);
            let ticket = tickets.iter().find(|ticket| ticket.id == hit.ticket_id);
            let entry = entries.iter().find(|entry| entry.id == hit.entry_id);
            if let (false, Some(ticket), Some(entry)) = (known, ticket, entry) {
                found.push((ticket.clone(), entry.clone()));
            }
        }
        Ok((found, mails, names, count))
    })
}

/// The part of a text around the first word asked for.
fn piece(text: &str, q: &str) -> String {
    let folded = text.to_lowercase();
    let word = q
        .split_whitespace()
        .map(|word| word.trim_end_matches('*').to_lowercase());
    let at = word
        .filter_map(|word| folded.find(&word))
        .min()
        .unwrap_or(0);
    // Folding may change how many characters stand before it: the place is a hint, not an index.
    let skipped = folded[..at].chars().count().saturating_sub(PIECE / 3);
    let cut: String = text.chars().skip(skipped).take(PIECE).collect();
    let more = if text.chars().count() > skipped + PIECE {
        "…"
    } else {
        ""
    };
    let before = if skipped > 0 { "…" } else { "" };
    format!("{before}{}{more}", cut.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_shows_the_word_in_its_surroundings() {
        assert_eq!(piece("DB master down", "master"), "DB master down");
        let long = format!("{} needle {}", "hay ".repeat(100), "hay ".repeat(100));
        let shown = piece(&long, "NEEDLE");
        assert!(
            shown.starts_with('…') && shown.ends_with('…') && shown.contains("needle"),
            "{shown}"
        );
        assert_eq!(piece("İstanbul ağ kesik", "kesik"), "İstanbul ağ kesik");
    }
}
