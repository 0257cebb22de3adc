//! What `watchkeeper mail explain --json` says: the same as its text, in one document whose words are those of the ledger and don't
//! change with the language.

use serde::Serialize;

use super::mail_explain::{class, happened, proof, readers, says};
use crate::actions::intake_explain::{Explained, Outcome};
use crate::domain::letter::{Letter, Nature};
use crate::domain::quarantine::Danger;
use crate::domain::text::EmailAddress;

#[derive(Serialize)]
struct Told<'e> {
    envelope: Envelope<'e>,
    read: Read<'e>,
    sender: Sender<'e>,
    class: Class<'e>,
    thread: Thread<'e>,
    route: Option<Way<'e>>,
    outcome: Comes<'e>,
}

#[derive(Serialize)]
struct Envelope<'e> {
    sender: Option<&'e str>,
    to: &'e [String],
}

#[derive(Serialize)]
struct Read<'e> {
    from: &'e str,
    to: Vec<&'e str>,
    cc: Vec<&'e str>,
    subject: &'e str,
    message_id: Option<&'e str>,
    dated_at: Option<String>,
    charsets: &'e [String],
    text_bytes: usize,
    parts: Vec<File<'e>>,
    remarks: Vec<&'static str>,
    /// Whose certificate signed it.
    signer: Option<&'e str>,
}

#[derive(Serialize)]
struct File<'e> {
    name: &'e str,
    media_type: &'e str,
    bytes: usize,
    /// It goes into quarantine, since it would do this when opened.
    danger: Option<&'static str>,
}

#[derive(Serialize)]
struct Sender<'e> {
    shown: &'e str,
    address: Option<&'e str>,
    who: &'static str,
    customer: Option<&'e str>,
    proof: &'static str,
    forwarded_by: Option<&'e str>,
}

#[derive(Serialize)]
struct Class<'e> {
    class: &'static str,
    rule: Option<&'static str>,
    wants_no_answer: bool,
    by_our_list: bool,
    #[serde(rename = "loop")]
    looped: Option<&'static str>,
    alert: Option<Alert<'e>>,
    bounce: Option<Bounced<'e>>,
}

#[derive(Serialize)]
struct Alert<'e> {
    happened: &'static str,
    fingerprint: &'e str,
}

#[derive(Serialize)]
struct Bounced<'e> {
    is_permanent: bool,
    status: &'e str,
    recipient: Option<&'e str>,
    about: &'e [String],
}

#[derive(Serialize)]
struct Thread<'e> {
    pointers: Vec<Pointed<'e>>,
    is_forged: bool,
    found: Option<FoundTicket<'e>>,
}

#[derive(Serialize)]
struct Pointed<'e> {
    place: &'static str,
    text: &'e str,
    says: &'static str,
    ticket: Option<String>,
    decided: bool,
}

#[derive(Serialize)]
struct FoundTicket<'e> {
    ticket: String,
    title: &'e str,
    by: &'static str,
    standing: &'static str,
    landing: &'static str,
}

#[derive(Serialize)]
struct Way<'e> {
    place: &'static str,
    address: &'e str,
    rule: &'e str,
    kind: &'static str,
    severity: Option<&'static str>,
    customer: Option<&'e str>,
    service: Option<&'e str>,
    team: Option<&'e str>,
}

#[derive(Serialize)]
struct Comes<'e> {
    verdict: Option<&'static str>,
    held_for: Option<&'static str>,
    detail: &'e str,
    ticket: Option<String>,
    state: Option<&'static str>,
    /// Who reads the entry that it becomes.
    entry: Option<&'static str>,
    opens: Option<Opens<'e>>,
    /// Other addresses of ours that open a ticket of their own besides.
    besides: Vec<&'e str>,
    letters: Vec<Going<'e>>,
}

#[derive(Serialize)]
struct Opens<'e> {
    kind: &'static str,
    title: &'e str,
    severity: Option<&'static str>,
    customer: Option<&'e str>,
    service: Option<&'e str>,
    team: Option<&'e str>,
}

#[derive(Serialize)]
struct Going<'e> {
    kind: &'static str,
    to: &'e str,
}

pub(super) fn json(letter: &Letter, found: &Explained) -> String {
    let told = Told {
        envelope: Envelope {
            sender: found.mail.envelope_from.as_deref(),
            to: &found.mail.envelope_to,
        },
        read: read_of(letter),
        sender: Sender {
            shown: &found.sender.shown,
            address: found.sender.address.as_deref(),
            who: found.sender.who.as_str(),
            customer: found.sender.customer.as_deref(),
            proof: proof(found.sender.proof),
            forwarded_by: found.sender.forwarded_by.as_deref(),
        },
        class: class_of(letter, found),
        thread: thread_of(found),
        route: found.route.as_ref().map(|route| Way {
            place: route.place.as_str(),
            address: route.address.as_str(),
            rule: route.rule.address.as_str(),
            kind: route.rule.kind.as_str(),
            severity: route.rule.severity.map(|severity| severity.as_str()),
            customer: route.names.customer.as_deref(),
            service: route.names.service.as_deref(),
            team: route.names.team.as_deref(),
        }),
        outcome: outcome_of(found),
    };
    let mut text = serde_json::to_string_pretty(&told).expect("plain values are JSON");
    text.push('\n');
    text
}

fn read_of(letter: &Letter) -> Read<'_> {
    let parts = letter.parts.iter().map(|part| File {
        name: &part.name,
        media_type: &part.media_type,
        bytes: part.bytes.len(),
        danger: part.danger.map(Danger::as_str),
    });
    Read {
        from: &letter.from.shown,
        to: letter.to.iter().map(EmailAddress::as_str).collect(),
        cc: letter.cc.iter().map(EmailAddress::as_str).collect(),
        subject: &letter.subject,
        message_id: letter.message_id.as_deref(),
        dated_at: letter.dated_at.map(|at| at.rfc3339()),
        charsets: &letter.charsets,
        text_bytes: letter.text.len(),
        parts: parts.collect(),
        remarks: letter
            .remarks
            .iter()
            .map(|remark| remark.as_str())
            .collect(),
        signer: letter.signer.as_deref(),
    }
}

fn class_of<'e>(letter: &'e Letter, found: &'e Explained) -> Class<'e> {
    let (class, rule) = class(&letter.nature);
    Class {
        class,
        rule,
        wants_no_answer: letter.wants_no_answer,
        by_our_list: found.by_our_list,
        looped: found.loop_sign.map(|sign| sign.as_str()),
        alert: found.alert.as_ref().map(|alert| Alert {
            happened: happened(alert.happened),
            fingerprint: &alert.fingerprint,
        }),
        bounce: match &letter.nature {
            Nature::Bounce(bounce) => Some(Bounced {
                is_permanent: bounce.is_permanent,
                status: &bounce.status,
                recipient: bounce.recipient.as_ref().map(EmailAddress::as_str),
                about: &bounce.about,
            }),
            Nature::Personal | Nature::Automatic(_) => None,
        },
    }
}

fn thread_of(found: &Explained) -> Thread<'_> {
    let decided = found.hit.as_ref().and_then(|hit| hit.pointer);
    let pointers = found.pointers.iter().enumerate().map(|(at, pointer)| {
        let (says, ticket) = says(pointer);
        Pointed {
            place: pointer.place.as_str(),
            text: &pointer.text,
            says,
            ticket,
            decided: decided == Some(at),
        }
    });
    Thread {
        pointers: pointers.collect(),
        is_forged: found.is_forged,
        found: found.hit.as_ref().map(|hit| FoundTicket {
            ticket: hit.ticket.key.to_string(),
            title: hit.ticket.title.as_str(),
            by: hit.by.as_str(),
            standing: hit.standing.as_str(),
            landing: hit.landing().as_str(),
        }),
    }
}

fn outcome_of(found: &Explained) -> Comes<'_> {
    let mail = &found.mail;
    let mut comes = Comes {
        verdict: mail.verdict.map(|verdict| verdict.as_str()),
        held_for: mail.held_for.map(|held| held.as_str()),
        detail: &mail.detail,
        ticket: None,
        state: None,
        entry: None,
        opens: None,
        besides: found.besides.iter().map(EmailAddress::as_str).collect(),
        letters: Vec::new(),
    };
    match &found.outcome {
        Outcome::Opens {
            ticket,
            names,
            answer_to,
            ..
        } => {
            comes.opens = Some(Opens {
                kind: ticket.key.kind.as_str(),
                title: ticket.title.as_str(),
                severity: ticket.severity.map(|severity| severity.as_str()),
                customer: names.customer.as_deref(),
                service: names.service.as_deref(),
                team: names.team.as_deref(),
            });
            comes
                .letters
                .extend(answer_to.as_ref().map(|address| Going {
                    kind: "auto_answer",
                    to: address.as_str(),
                }));
        }
        Outcome::Changes {
            ticket,
            entry,
            letters,
        } => {
            comes.ticket = Some(ticket.key.to_string());
            comes.state = Some(ticket.state.as_str());
            comes.entry = entry.as_ref().map(|entry| readers(&entry.audience));
            comes.letters = letters
                .iter()
                .map(|(kind, to)| Going {
                    kind: kind.as_str(),
                    to,
                })
                .collect();
        }
        Outcome::Nothing => {}
    }
    comes
}
