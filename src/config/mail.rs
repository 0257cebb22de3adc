//! The settings of mail: what the settings page knows too, whom signatures are believed from, and with what ours are made.

use std::path::{Path, PathBuf};

use super::{Dkim, Reader};
use crate::domain::mailbox::Mailbox;
use crate::domain::settings::{SettingKey, Settings};
use crate::intake::smime::Authorities;
use crate::outbound::dkim::Signer;

impl Reader {
    /// The keys that the settings page knows too, by the same rules.
    pub(super) fn mail(&mut self) -> Settings {
        let mut mail = Settings::default();
        let relay = self.text("smtp_relay");
        if mail.set(SettingKey::SmtpRelay, &relay).is_err() {
            // The value isn't quoted: it may hold a password.
            let (_, place) = self.values.get("smtp_relay").cloned().unwrap_or_default();
            self.faults.push(format!(
                "{place}: `smtp_relay` can't be read; `smtp://host:25` or `smtps://user:password@host` is wanted"
            ));
        }
        let from = self.text("mail_from");
        if mail.set(SettingKey::MailFrom, &from).is_err() {
            let wanted = "a mail address is wanted, such as `watchkeeper@example.org`";
            self.fault("mail_from", wanted);
        }
        mail
    }

    /// The mailboxes that are watched.
    pub(super) fn mailboxes(&mut self) -> Vec<Mailbox> {
        let mut mailboxes: Vec<Mailbox> = Vec::new();
        let (_, place) = self.values.get("imap").cloned().unwrap_or_default();
        for (at, url) in self.text("imap").split(',').enumerate() {
            if url.trim().is_empty() {
                continue;
            }
            // The value isn't quoted: it holds a password.
            let mut fault = |why: &str| {
                let at = at + 1;
                self.faults.push(format!(
                    "{place}: mailbox {at} of `imap` can't be read: {why}; `imaps://user:password@host/INBOX` is wanted"
                ));
            };
            match Mailbox::parse(url) {
                Ok(mailbox) if mailboxes.iter().any(|other| other.name() == mailbox.name()) => {
                    fault("it is named twice");
                }
                Ok(mailbox) => mailboxes.push(mailbox),
                Err(why) => fault(why),
            }
        }
        mailboxes
    }

    pub(super) fn check_authority(&mut self, name: &'static str) {
        let Some(path) = self.optional(name).map(PathBuf::from) else {
            return;
        };
        if let Err(why) = crate::tls::to_servers(Some(&path)) {
            let wanted = "a PEM file with the certificate of an authority is wanted";
            self.fault(name, &format!("{why}; {wanted}"));
        }
    }

    pub(super) fn authorities(&mut self) -> Authorities {
        let Some(path) = self.optional("smime_ca") else {
            return Authorities::default();
        };
        Authorities::read(Path::new(&path)).unwrap_or_else(|why| {
            self.fault(
                "smime_ca",
                &format!("{why}; a PEM file of certificates is wanted"),
            );
            Authorities::default()
        })
    }

    /// All three settings, or none.
    pub(super) fn dkim(&mut self) -> Option<Dkim> {
        let all = ["dkim_domain", "dkim_selector", "dkim_key"];
        let [Some(domain), Some(selector), Some(key)] = all.map(|name| self.optional(name)) else {
            let is_there = |name: &&&'static str| self.optional(name).is_some();
            let (given, missing): (Vec<&&str>, Vec<&&str>) = all.iter().partition(is_there);
            if let Some(first) = given.first() {
                let missing: Vec<String> = missing.iter().map(|it| format!("`{it}`")).collect();
                let wanted = format!("wanted beside it: {}", missing.join(", "));
                self.fault(first, &wanted);
            }
            return None;
        };
        if !is_dns_name(&domain) {
            self.fault("dkim_domain", "a domain is wanted, such as `example.org`");
        }
        if !is_dns_name(&selector) {
            self.fault("dkim_selector", "a DNS name is wanted, such as `watch2026`");
        }
        Some(Dkim {
            domain,
            selector,
            key: key.into(),
        })
    }

    pub(super) fn check_dkim(&mut self) {
        let Some(key) = self.optional("dkim_key") else {
            return;
        };
        let (domain, selector) = (self.text("dkim_domain"), self.text("dkim_selector"));
        if let Err(why) = Signer::read(&domain, &selector, Path::new(&key)) {
            let wanted =
                "a PEM file with a private key is wanted, RSA of at least 1024 bits or Ed25519";
            self.fault("dkim_key", &format!("{why}; {wanted}"));
        }
    }
}

/// Letters, digits and hyphens between dots: what a signature's tags can carry.
fn is_dns_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && label
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn faults(values: &[(&'static str, &str)]) -> String {
        let flags: Vec<_> = values
            .iter()
            .map(|(key, it)| (*key, (*it).to_owned()))
            .collect();
        Config::load_to_serve(&[], None, std::iter::empty(), &flags).unwrap_err()
    }

    #[test]
    fn what_signs_mail_is_there_as_a_whole_and_can_sign() {
        let error = faults(&[("dkim_selector", "w1")]);
        assert!(
            error.contains("--dkim-selector: `dkim_selector` is `w1`; wanted beside it: `dkim_domain`, `dkim_key`"),
            "{error}"
        );
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key.pem");
        std::fs::write(&key, "no key").unwrap();
        let key = key.to_string_lossy().into_owned();
        let error = faults(&[
            ("dkim_domain", "a b"),
            ("dkim_selector", "w1"),
            ("dkim_key", &key),
        ]);
        assert!(
            error.contains("`dkim_domain` is `a b`; a domain is wanted")
                && error.contains("key.pem: no private key"),
            "{error}"
        );
        let error = faults(&[
            ("dkim_domain", "example.org"),
            ("dkim_selector", "w1"),
            ("dkim_key", "/nowhere/k"),
        ]);
        assert!(
            error.contains("`dkim_key` is `/nowhere/k`; /nowhere/k: "),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }

    #[test]
    fn authorities_that_cannot_be_read_are_named() {
        let error = faults(&[("smime_ca", "/nowhere/ca.pem")]);
        assert!(
            error.contains("`smime_ca` is `/nowhere/ca.pem`; /nowhere/ca.pem: "),
            "{error}"
        );
        let error = faults(&[("smime_ca", "Cargo.toml")]);
        assert!(error.contains("there is no certificate in it"), "{error}");
    }
}
