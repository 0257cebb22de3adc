//! The ticket that a mail opens: its kind, its title, what is known of it from the start.

use super::intake_sender::{Sender, answer_address};
use super::intake_verdict::Decision;
use crate::domain::id::Kind;
use crate::domain::letter::{self, Remark};
use crate::domain::signature::is_outcome;
use crate::domain::text::Title;
use crate::domain::ticket::Opening;
use crate::domain::timeline::Facts;
use crate::error::Result;
use crate::store::Tx;
use crate::store::intake::StoredMail;
use crate::words::Words;

impl Decision<'_> {
    /// The ticket that it would open: its kind, title and facts.
    pub(super) fn opening(
        &self,
        tx: &mut Tx,
        mail: &StoredMail,
        sender: &Sender,
    ) -> Result<(Kind, Title, Opening)> {
        let (letter, words) = (self.letter, Words::english());
        let rule = self.house.rule(mail, letter);
        let mut title = if self.is_unread() {
            let subject = letter::bare_subject(&letter.subject);
            let called = match subject.is_empty() {
                true => words.t("mail-unreadable-title"),
                false => words.with(
                    "mail-unreadable-title-of",
                    &[("subject", subject.as_str().into())],
                ),
            };
            Title::from_foreign(&called, "-")
        } else {
            Title::from_foreign(
                &letter::bare_subject(&letter.subject),
                &words.t("mail-no-subject"),
            )
        };
        let answer_to = answer_address(tx, letter, sender)?.or(sender.address.clone());
        let mut opening = Opening {
            severity: rule.and_then(|rule| rule.severity),
            body: self.text(),
            customer: sender.customer.or(rule.and_then(|rule| rule.customer)),
            requester: sender.contact.as_ref().map(|contact| contact.id),
            // Beside a contact it says where their answers go, if not to the address that we know.
            requester_address: answer_to
                .filter(|address| {
                    let known = sender
                        .contact
                        .as_ref()
                        .map(|contact| contact.email.folded());
                    known != Some(address.folded())
                })
                .map(|address| address.as_str().to_owned()),
            team: rule.and_then(|rule| rule.team),
            services: rule.and_then(|rule| rule.service).into_iter().collect(),
            // The clocks start when the mail came, however long it waited here.
            impact_at: Some(mail.received_at),
            reported_at: Some(mail.received_at),
            facts: self.form(mail, sender),
            ..Opening::default()
        };
        let kind = rule.map_or(Kind::Incident, |rule| rule.kind);
        if let Some(rule) = rule {
            let unread = self.is_unread().then(|| title.clone());
            self.heed(tx, rule, sender, kind, &mut title, &mut opening)?;
            title = unread.unwrap_or(title);
        }
        Ok((kind, title, opening))
    }

    pub(super) fn text(&self) -> String {
        if self.letter.text.trim().is_empty() {
            Words::english().t("mail-no-text").into_owned()
        } else {
            self.letter.text.clone()
        }
    }

    /// What its reader may want to know of the mail: whether it is surely its sender's, that it has an HTML form, that its text is
    /// hidden, how its signature stands.
    pub(super) fn form(&self, mail: &StoredMail, sender: &Sender) -> Facts {
        let letter = self.letter;
        let has = |remark| letter.remarks.contains(&remark);
        let encrypted = has(Remark::Encrypted).then_some("yes");
        let html = letter.html.as_ref().map(|_| "yes");
        let failed = has(Remark::ReaderFailed).then_some("yes");
        let facts = sender
            .marks()
            .with_some("reader_failed", failed)
            .with_some("encrypted", encrypted)
            .with_some("html", html)
            // A person chose it before the mail came here.
            .with_some("read_in", mail.because.get("charset"));
        let outcomes = letter.remarks.iter().filter(|it| is_outcome(**it));
        let outcomes: Vec<&str> = outcomes.map(|it| it.as_str()).collect();
        if outcomes.is_empty() {
            return facts;
        }
        let signer = letter.signer.as_ref().filter(|it| !it.is_empty());
        facts
            .with("signature", outcomes.join(" "))
            .with_some("signer", signer)
    }

    /// Nothing of it could be understood, or the reader failed on it.
    pub(super) fn is_unread(&self) -> bool {
        self.letter.remarks.contains(&Remark::Unreadable)
    }

    pub(super) fn unread_detail(&self) -> &'static str {
        match self.letter.remarks.contains(&Remark::ReaderFailed) {
            true => "reading-failed",
            false => "",
        }
    }
}
