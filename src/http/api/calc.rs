//! The calculator's door for programs.

use utoipa::ToSchema;

use super::call::{LINES_BYTES, Lines, Reply};
use crate::actions;
use crate::calc::Calculator;
use crate::domain::access::{Action, Target};

/// A line of the body.
#[derive(ToSchema)]
#[allow(dead_code)] // Drawn, not made: `calc` reads the lines.
pub struct Question {
    /// Anything; the answer carries it.
    #[schema(value_type = Object, example = "a1")]
    id: (),
    /// What is asked; the other fields are the question's own.
    #[schema(example = "sla.elapsed")]
    op: String,
}

/// A line of the answer: the id, and what was asked for or `error`.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct Answered {
    #[schema(value_type = Object, example = "a1")]
    id: (),
    error: Option<Unanswered>,
}

/// Why a line has no answer.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct Unanswered {
    /// Stable.
    #[schema(example = "not-utc")]
    code: String,
    /// In words, with what would be accepted.
    message: String,
    /// Which field; null if the line isn't a question at all.
    #[schema(example = "pauses[0][1]")]
    field: Option<String>,
    /// Of a line that isn't a question: its number.
    line: Option<u64>,
}

const _: () = assert!(LINES_BYTES == 16 * 1024 * 1024, "the text below says 16 MB");

/// Ask the calculator
///
/// Whatever Watchkeeper computes, without a ticket: a JSON object per line, and a line for each in return. Changes nothing and
/// reads nothing of the house. A line that has no answer says why; the others are answered. At most 16 MB at once; the program
/// (`watchkeeper calc`) answers the same lines without end.
///
/// A `calendar` is {"tz": zone, "weekly": [{"day": "mon", "from": "09:00", "to": "17:00"}], "holidays": [date], "special_days":
/// {date: [["09:00", "13:00"]]}}: local times; `to` before `from` runs past midnight, 24:00 is the next date's midnight. Instants are
/// 2026-11-21T03:07:09Z, lengths are seconds.
///
/// `sla.due` (`calendar`, `start`, `duration_s`, `pauses`: [[from, to or null]]) answers `due`; null if it isn't reached within
/// five years. `sla.elapsed` (`calendar`, `start`, `end`, `pauses`) answers `elapsed_s`. `sla.timeline` (`calendar`, `target_s`,
/// `now`, `events`: [{"at", "state": "running", "paused" or "stopped"}]) answers `elapsed_s`, `remaining_s`, `breached_at` and
/// `due`. `cal.open` (`calendar`, `at`: [instant]) answers `open`: [bool].
///
/// A mail is `raw_b64`, its bytes in base 64. `mail.parse` (`raw_b64`) answers `subject`, `from_addr` and `from_name` ("" if there
/// is none), `to`, `message_id` (or null), `in_reply_to`, `references`, `text` and `attachments`: [{"filename" or null,
/// "content_type", "size", "sha256", "md5"}], names as the mail has them, decoded and not cleaned. `mail.reply` (one of `text`,
/// `html`, `raw_b64`) answers `reply`: what was typed, without quotes and signature. `mail.class` (`raw_b64`) answers `auto` (must
/// not be answered automatically) and `bounce`. `mail.thread` (`raw_b64s`, in order of arrival) answers `groups`: one number per
/// mail, equal ones for one ticket, by Message-IDs alone and for senders whom the ticket's earlier mails name.
///
/// `commit.parse` (`message`; `config`: {"prefixes": ["CHG-", "#"], "close", "reopen", "refs": [word], "base_url"}, what isn't given is
/// our own grammar; `options`: {"hook": bool, "editor": bool, "comment": "#", "time": bool}) answers `refs`: {id: "close", "reopen" or
/// "refs"}, `trailers`: [[key, value]], `links`, `facts`, `flags` and `lint`. A prefix stands right before the digits; the id is the
/// key, or the digits alone if the prefix has no hyphen. The words replace our own verbs. Trailers are those of `git
/// interpret-trailers --parse --unfold`, and the ones that we read where git sees none.
#[utoipa::path(
    post,
    path = "/api/v1/calc",
    tag = "calculator",
    request_body(content = Question, content_type = "application/x-ndjson", description = "A question on each line"),
    responses((status = 200, description = "An answer on each line", body = Answered, content_type = "application/x-ndjson"))
)]
pub async fn ask(lines: Lines) -> Reply {
    lines
        .answer(|ctx, body| {
            actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
            let mut calculator = Calculator::default();
            let mut out = Vec::with_capacity(body.len() / 4);
            for (line, number) in body.split(|byte| *byte == b'\n').zip(1..) {
                calculator.answer(number, line, &mut out);
            }
            Ok(out)
        })
        .await
}
