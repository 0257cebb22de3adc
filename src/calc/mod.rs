//! The calculator: whatever Watchkeeper computes, asked without a ticket. A line of JSON in, a line of JSON out; the command
//! line (`watchkeeper calc`) and the API (`POST /api/v1/calc`) both call [`Calculator::answer`], so that both answer with the
//! same bytes.
//!
//! Nothing here computes: a question is read, `domain` (or `intake`, for mail) answers, and the answer is written. It needs no
//! house, reads no clock and keeps nothing but calendars that it has read already.

mod calendar;
mod commit;
#[cfg(test)]
mod commit_tests;
mod mail;
#[cfg(test)]
mod mail_tests;
mod read;
mod sla;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::value::RawValue;

use self::calendar::Calendars;
use self::read::{Fields, Place};
use crate::domain::refusal::FieldError;
use crate::words::Words;

/// The longest line that is looked at: some mails of the largest size that is taken in by default, in base 64.
pub const LINE_BYTES: usize = 100 * 1024 * 1024;

type Op = fn(&mut Calculator, &Fields<'_>, &mut Vec<u8>) -> Result<(), FieldError>;

/// What can be asked.
const OPS: &[(&str, Op)] = &[
    ("sla.due", sla::due),
    ("sla.elapsed", sla::elapsed),
    ("sla.timeline", sla::timeline),
    ("cal.open", sla::open),
    ("mail.parse", mail::parse),
    ("mail.reply", mail::reply),
    ("mail.class", mail::class),
    ("mail.thread", mail::thread),
    ("commit.parse", commit::parse),
];

/// Answers questions, one line at a time.
#[derive(Default)]
pub struct Calculator {
    calendars: Calendars,
}

/// Why a line has no answer. `code` is stable; `message` is for people.
#[derive(Serialize)]
struct Fault<'a> {
    code: &'a str,
    message: String,
    field: Option<&'a str>,
    /// Of a line that isn't a question at all, and so has no id: which it is, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
}

#[derive(Serialize)]
struct Failed<'a> {
    error: Fault<'a>,
}

impl Calculator {
    /// Appends the answer to `line`, the `number`th from 1, to `out`, with a line feed; nothing for a blank line.
    pub fn answer(&mut self, number: u64, line: &[u8], out: &mut Vec<u8>) {
        if line.trim_ascii().is_empty() {
            return;
        }
        if line.len() > LINE_BYTES {
            return Self::too_long(number, out);
        }
        let fields: Fields = match std::str::from_utf8(line) {
            Err(error) => {
                let why = format!("UTF-8 ends at byte {}", error.valid_up_to());
                return unreadable(number, "calc-not-json", "not-json", &why, out);
            }
            Ok(text) => match serde_json::from_str(text) {
                Ok(fields) => fields,
                Err(error) => {
                    // Each line is a document of its own: serde's line number would mislead.
                    let said = error.to_string();
                    let what = said.split(" at line ").next().unwrap_or_default();
                    let why = format!("{what} (column {})", error.column());
                    return unreadable(number, "calc-not-json", "not-json", &why, out);
                }
            },
        };
        out.extend_from_slice(b"{\"id\":");
        let id = fields.find("id").map_or("null", RawValue::get);
        out.extend_from_slice(id.as_bytes());
        let answered = out.len();
        if let Err(error) = self.ask(&fields, out) {
            out.truncate(answered);
            let fault = Fault {
                code: error.problem,
                message: Words::english().problem(&error),
                field: Some(&error.field),
                line: None,
            };
            append(out, &Failed { error: fault });
        }
        out.push(b'\n');
    }

    /// As [`Calculator::answer`] for a line of more than [`LINE_BYTES`], which nobody need keep.
    pub fn too_long(number: u64, out: &mut Vec<u8>) {
        let most = LINE_BYTES.to_string();
        unreadable(number, "calc-line-too-long", "line-too-long", &most, out);
    }

    fn ask(&mut self, fields: &Fields<'_>, out: &mut Vec<u8>) -> Result<(), FieldError> {
        let place = Place::LINE.field("op");
        let name = read::text(fields.need("op", &Place::LINE)?, &place)?;
        let Some((_, op)) = OPS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = OPS.iter().map(|(known, _)| *known).collect();
            return Err(place
                .refused("unknown-op", &name)
                .with("known", known.join(", ")));
        };
        op(self, fields, out)
    }
}

/// Writes an answer's members behind its id.
fn put(out: &mut Vec<u8>, answer: &impl Serialize) -> Result<(), FieldError> {
    append(out, answer);
    Ok(())
}

/// `{…}` as `,…}`: it stands behind another member.
fn append(out: &mut Vec<u8>, object: &impl Serialize) {
    let start = out.len();
    serde_json::to_writer(&mut *out, object).expect("an answer is plain JSON");
    out[start] = b',';
}

fn unreadable(number: u64, text: &str, code: &str, why: &str, out: &mut Vec<u8>) {
    let words = Words::english();
    let fault = Fault {
        code,
        message: words
            .with(text, &[("line", number.into()), ("why", why.into())])
            .into_owned(),
        field: None,
        line: Some(number),
    };
    out.extend_from_slice(b"{\"id\":null");
    append(out, &Failed { error: fault });
    out.push(b'\n');
}
