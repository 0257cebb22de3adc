//! What decided about a mail, kept with it: by which address and rule it came, what our relay says of its sender, which pointer led to
//! its ticket and who the sender is to that one. Facts, so that pages and programs word them themselves.
//!
//! | fact | says |
//! |---|---|
//! | `route`, `route_place` | the address of ours that decided, and where it stood |
//! | `proof` | what our relay says of the sender: `proven`, `unproven`, `refuted` |
//! | `rights` | why one of ours has a stranger's: `onlooker` (no role that works on tickets), `former` (no access) |
//! | `clue`, `pointer`, `pointer_place` | the strongest clue that led to a ticket, as written, and where it stood |
//! | `key` | the ticket that it led to |
//! | `standing` | who the sender is to that ticket |
//! | `forged` | a token or an id of our shape that isn't ours |
//! | `ended_version` | processes of this version ended while they read it: that version reads it no more |
//! | `taken_in_by`, `taken_in_at`, `taken_in_why` | who had it taken in after all, when and why; `no_copy_of`: though it looked like a copy of that mail |
//! | `dropped_by`, `dropped_at` | who let a held one go |
//! | `charset`, `charset_by`, `charset_at` | the character set that a person chose for its text; `reread_seq`: the note that has it |

use super::intake_sender::{Sender, envelope_addresses};
use super::intake_verdict::Decision;
use crate::domain::letter::{Clue, Standing};
use crate::domain::mail_clue::{self, Pointer, Says, Who};
use crate::domain::mail_trace::Proof;
use crate::domain::ticket::Ticket;
use crate::store::intake::StoredMail;

/// Longest text of a mail's that is repeated in a reason.
const POINTER_CHARS: usize = 200;

impl Decision<'_> {
    /// By which way it came and who seems to have written it.
    pub(super) fn note_arrival(&self, mail: &mut StoredMail, sender: &Sender) {
        if let Some((place, address, _)) = self.house.way_in(mail, self.letter) {
            mail.because.set("route", address);
            mail.because.set("route_place", place.as_str());
        }
        let proof = match sender.proof {
            Proof::Proven => "proven",
            Proof::Unproven => "unproven",
            Proof::Refuted => "refuted",
        };
        mail.because.set("proof", proof);
        if sender.is_onlooker() {
            let why = if sender.is_former {
                Who::Former
            } else {
                Who::Onlooker
            };
            mail.because.set("rights", why);
        }
    }

    /// What led to the ticket, and who the sender is to it.
    pub(super) fn note_clue(
        &self,
        mail: &mut StoredMail,
        clue: Clue,
        ticket: &Ticket,
        standing: Standing,
    ) {
        mail.because.set("clue", clue.as_str());
        mail.because.set("key", ticket.key);
        mail.because.set("standing", standing.as_str());
        let envelope = envelope_addresses(mail);
        let pointers = mail_clue::pointers(&self.house.seal, self.letter, &envelope);
        if let Some(pointer) = pointers.iter().find(|pointer| is_of(pointer, clue)) {
            let text: String = pointer.text.chars().take(POINTER_CHARS).collect();
            mail.because.set("pointer", text);
            mail.because.set("pointer_place", pointer.place.as_str());
        }
    }
}

/// Whether this is the sort of pointer that the clue is made of. The first of its sort decided: they stand in the order in which they
/// are asked.
const fn is_of(pointer: &Pointer<'_>, clue: Clue) -> bool {
    matches!(
        (clue, pointer.says),
        (Clue::Signed, Says::Genuine(_))
            | (Clue::Foreign, Says::Foreign)
            | (Clue::Subject, Says::Named(_))
    )
}
