//! The second net under a text that leaves the house: what must never reach a customer, found before it is sent.
//!
//! The first net is the allow-list (an entry is internal until somebody marks it for the report). This scanner looks at the
//! words that got through: people, internal names, other customers, machines, secrets. Dictionaries come from the record, shapes
//! are recognised here. It reads text as a person would: soft hyphens and zero-width characters hide nothing.

use std::collections::BTreeSet;

use super::word::words;

mod shape;

words! {
    /// What was found. `leak-…` in the catalogue says what to write instead.
    pub enum Leak {
        StaffName = "staff_name",
        InternalName = "internal_name",
        OtherCustomer = "other_customer",
        MailAddress = "mail_address",
        NetworkAddress = "network_address",
        HostName = "host_name",
        Identifier = "identifier",
        TicketKey = "ticket_key",
        Path = "path",
        Secret = "secret",
        MachineText = "machine_text",
        Blame = "blame",
        Vague = "vague",
    }
}

impl Leak {
    /// Blocks an export; the others advise.
    pub const fn blocks(self) -> bool {
        !matches!(self, Leak::Blame | Leak::Vague)
    }
}

/// One thing that was found, as it stands in the text. A secret is shown by its first characters only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub leak: Leak,
    pub text: String,
    /// Where: the name of the part that holds it.
    pub place: String,
}

/// What the record knows that a customer shouldn't.
#[derive(Debug, Clone, Default)]
pub struct Dictionary {
    /// Names and log-in names of everybody on the staff.
    pub people: Vec<String>,
    /// Internal name and public name of each service.
    pub services: Vec<(String, String)>,
    pub teams: Vec<String>,
    pub other_customers: Vec<String>,
    /// Domains of our own machines; hosts below them are internal.
    pub own_domains: Vec<String>,
    /// Phrases that are right here even so: the customer's own name, public names, the contact address.
    pub allowed: Vec<String>,
}

impl Dictionary {
    /// `text` with internal service names replaced by what the customer calls them, longest name first.
    pub fn in_public_words(&self, text: &str) -> String {
        let mut services: Vec<_> = self
            .services
            .iter()
            .filter(|(internal, public)| !same(internal, public) && !public.trim().is_empty())
            .collect();
        services.sort_by_key(|(internal, _)| std::cmp::Reverse(internal.len()));
        let mut text = text.to_owned();
        for (internal, public) in services {
            if !contains_phrase(public, internal) {
                text = replace_phrase(&text, internal, public);
            }
        }
        text
    }

    /// Everything in `text` that must not leave, in the order of [`Leak`], each once.
    pub fn scan(&self, place: &str, text: &str) -> Vec<Finding> {
        let mut text = visible(text);
        let mut found = BTreeSet::new();
        let mut add = |leak, text: &str| {
            found.insert((leak, text.to_owned()));
        };
        // Before the allowed phrases are taken out: "Checkout_DB" begins with the public name "Checkout".
        for internal in self.internal_names() {
            for hit in phrases(&text, internal) {
                add(Leak::InternalName, hit);
            }
        }
        for phrase in self.allowed_phrases() {
            text = replace_phrase(&text, phrase, " ");
        }
        for name in &self.people {
            staff_name(name, &text, &mut add);
        }
        for customer in &self.other_customers {
            for hit in phrases(&text, customer) {
                add(Leak::OtherCustomer, hit);
            }
        }
        for chunk in chunks(&text) {
            self.chunk(chunk, &mut add);
        }
        shape::machine_text(&text, &mut add);
        shape::assigned_secrets(&text, &mut add);
        for (leak, list) in [(Leak::Blame, &BLAME[..]), (Leak::Vague, &VAGUE[..])] {
            for phrase in list {
                for hit in phrases(&text, phrase) {
                    add(leak, hit);
                }
            }
        }
        found
            .into_iter()
            .map(|(leak, text)| Finding {
                leak,
                text,
                place: place.to_owned(),
            })
            .collect()
    }

    fn allowed_phrases(&self) -> impl Iterator<Item = &String> {
        let public = self.services.iter().map(|(_, public)| public);
        self.allowed.iter().chain(public)
    }

    /// Names that only we use. One that stands inside a public name ("web" in "web shop") is everybody's word.
    fn internal_names(&self) -> impl Iterator<Item = &String> {
        let services = self.services.iter().map(|(internal, _)| internal);
        services.chain(&self.teams).filter(|internal| {
            !self
                .allowed_phrases()
                .any(|public| contains_phrase(public, internal))
        })
    }

    /// One blank-separated piece of text, without the punctuation around it.
    fn chunk(&self, chunk: &str, add: &mut impl FnMut(Leak, &str)) {
        if shape::is_secret(chunk) {
            let shown: String = chunk.chars().take(4).collect();
            add(Leak::Secret, &format!("{shown}…"));
        } else if shape::is_ticket_key(chunk) {
            add(Leak::TicketKey, chunk);
        } else if shape::is_mail_address(chunk) {
            add(Leak::MailAddress, chunk);
        } else if chunk.starts_with('@') && chunk.len() > 2 {
            add(Leak::StaffName, chunk);
        } else if shape::is_network_address(chunk) {
            add(Leak::NetworkAddress, chunk);
        } else if self.is_own_host(chunk) {
            add(Leak::HostName, chunk);
        } else if shape::is_path(chunk) {
            add(Leak::Path, chunk);
        } else {
            for part in chunk.split(['/', ',', ';', '=', '(', ')', '#', ':']) {
                if shape::is_ticket_key(part) {
                    add(Leak::TicketKey, part);
                } else if shape::is_identifier(part) {
                    add(Leak::Identifier, part);
                } else if shape::is_network_address(part) {
                    add(Leak::NetworkAddress, part);
                }
            }
        }
    }

    fn is_own_host(&self, chunk: &str) -> bool {
        let host = chunk
            .split_once("://")
            .map_or(chunk, |(_, rest)| rest)
            .split(['/', ':', '?', '#'])
            .next()
            .unwrap_or_default()
            .to_lowercase();
        let labels: Vec<&str> = host.split('.').filter(|label| !label.is_empty()).collect();
        let like_host = host
            .chars()
            .all(|c| c.is_alphanumeric() || c == '.' || c == '-' || c == '_');
        if !like_host || labels.is_empty() {
            return false;
        }
        let internal_zone = labels.len() > 1 && INTERNAL_ZONES.contains(&labels[labels.len() - 1]);
        let ours = self.own_domains.iter().any(|domain| {
            let domain = domain.to_lowercase();
            host.strip_suffix(&domain)
                .is_some_and(|rest| rest.ends_with('.'))
                || (host == domain && chunk.contains("://"))
        });
        let first = chunk.split('.').next().unwrap_or(chunk);
        internal_zone || ours || host == "localhost" || shape::is_numbered_host(first)
    }
}

const INTERNAL_ZONES: [&str; 9] = [
    "internal",
    "local",
    "lan",
    "corp",
    "intra",
    "intranet",
    "localdomain",
    "svc",
    "private",
];
/// Judging and admitting belongs to the people whose job it is, not into a report of facts.
const BLAME: [&str; 12] = [
    "human error",
    "operator error",
    "user error",
    "fault of",
    "to blame",
    "negligence",
    "negligent",
    "careless",
    "incompetent",
    "liable",
    "forgot",
    "will never happen again",
];
/// Phrases that say less than they seem to; a figure says more.
const VAGUE: [&str; 9] = [
    "small number of",
    "some users",
    "some customers",
    "a few users",
    "a few customers",
    "limited number of",
    "take this seriously",
    "take this very seriously",
    "any inconvenience",
];

/// A whole name in any case; a part of it only as it is written ("Will" is a name, "will" isn't).
fn staff_name(name: &str, text: &str, add: &mut impl FnMut(Leak, &str)) {
    let parts: Vec<&str> = words_of(name).map(|(_, word)| word).collect();
    for hit in phrases(text, name) {
        if parts.len() > 1 || hit.chars().count() >= 3 {
            add(Leak::StaffName, hit);
        }
    }
    for part in parts {
        let is_name =
            part.chars().count() >= 3 && part.chars().next().is_some_and(char::is_uppercase);
        if is_name && words_of(text).any(|(_, word)| word == part) {
            add(Leak::StaffName, part);
        }
    }
}

/// What a reader sees: characters without width go, blanks of every kind are blanks.
fn visible(text: &str) -> String {
    text.chars()
        .filter(|c| {
            !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
        })
        .map(|c| match c {
            '\n' => '\n',
            '\u{2010}' | '\u{2011}' => '-',
            c if c.is_whitespace() => ' ',
            c => c,
        })
        .collect()
}

/// Pieces between blanks, without brackets, quotes and punctuation around them.
fn chunks(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
        .map(|chunk| {
            chunk
                .trim_start_matches(|c| "([{<\"'“‘«`*".contains(c))
                .trim_end_matches(|c| ")]}>\"'”’»`*,;.!?:".contains(c))
        })
        .filter(|chunk| !chunk.is_empty())
}

/// Words of letters and digits with where they start.
fn words_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split(|c: char| !c.is_alphanumeric())
        .filter_map(move |word| {
            let start = at + text[at..].find(word).unwrap_or(0);
            if word.is_empty() {
                return None;
            }
            at = start + word.len();
            Some((start, word))
        })
}

/// Where `phrase` stands in `text` as whole words in any case, with blanks, hyphens, dots, underscores or an at sign between them.
fn phrases<'t>(text: &'t str, phrase: &str) -> Vec<&'t str> {
    ranges(text, phrase)
        .into_iter()
        .map(|(start, end)| &text[start..end])
        .collect()
}

fn ranges(text: &str, phrase: &str) -> Vec<(usize, usize)> {
    let wanted: Vec<String> = words_of(phrase)
        .map(|(_, word)| word.to_lowercase())
        .collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let words: Vec<(usize, &str)> = words_of(text).collect();
    let mut found = Vec::new();
    let mut from = 0;
    while from + wanted.len() <= words.len() {
        let here = &words[from..from + wanted.len()];
        let same = here
            .iter()
            .zip(&wanted)
            .all(|((_, word), wanted)| word.to_lowercase() == *wanted);
        let joined = here.windows(2).all(|pair| {
            let gap = &text[pair[0].0 + pair[0].1.len()..pair[1].0];
            gap.chars().all(|c| " -_.@'’\n".contains(c))
        });
        if same && joined {
            let last = here[here.len() - 1];
            found.push((here[0].0, last.0 + last.1.len()));
            from += wanted.len();
        } else {
            from += 1;
        }
    }
    found
}

fn replace_phrase(text: &str, phrase: &str, by: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (start, end) in ranges(text, phrase) {
        out.push_str(&text[at..start]);
        out.push_str(by);
        at = end;
    }
    out.push_str(&text[at..]);
    out
}

fn contains_phrase(text: &str, phrase: &str) -> bool {
    !ranges(text, phrase).is_empty()
}

fn same(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dictionary() -> Dictionary {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Dictionary {
            people: list(&["Ada Löwe", "ada.l", "Will Tang", "Jo Ng"]),
            services: vec![
                ("checkout-db".to_owned(), "Checkout".to_owned()),
                ("web".to_owned(), "Northwind web shop".to_owned()),
                ("mail".to_owned(), "Mail".to_owned()),
            ],
            teams: list(&["Red Pandas"]),
            other_customers: list(&["Contoso", "Fabrikam GmbH"]),
            own_domains: list(&["desk.example.org"]),
            allowed: list(&["Northwind", "support@example.com"]),
        }
    }

    fn found(text: &str) -> Vec<(Leak, String)> {
        dictionary()
            .scan("cause", text)
            .into_iter()
            .map(|finding| (finding.leak, finding.text))
            .collect()
    }

    #[test]
    fn what_must_never_leave_is_found() {
        for (text, leak, shown) in [
            ("Then Ada restarted it.", Leak::StaffName, "Ada"),
            ("ada löwe restarted it", Leak::StaffName, "ada löwe"),
            (
                "Ad\u{200b}a Lö\u{ad}we was asleep",
                Leak::StaffName,
                "Ada Löwe",
            ),
            ("Ada\u{a0}Löwe", Leak::StaffName, "Ada Löwe"),
            ("restarted by ada.l", Leak::StaffName, "ada.l"),
            ("thanks @tom", Leak::StaffName, "@tom"),
            ("the Checkout_DB primary", Leak::InternalName, "Checkout_DB"),
            ("the red pandas fixed it", Leak::InternalName, "red pandas"),
            ("as for CONTOSO", Leak::OtherCustomer, "CONTOSO"),
            (
                "Fabrikam GmbH had it too",
                Leak::OtherCustomer,
                "Fabrikam GmbH",
            ),
            (
                "write to noc@example.net.",
                Leak::MailAddress,
                "noc@example.net",
            ),
            ("on 10.1.2.3, then", Leak::NetworkAddress, "10.1.2.3"),
            ("(10.1.2.3:5432)", Leak::NetworkAddress, "10.1.2.3:5432"),
            ("net 10.0.0.0/8", Leak::NetworkAddress, "10.0.0.0/8"),
            ("peer fe80::1 down", Leak::NetworkAddress, "fe80::1"),
            (
                "port aa:bb:cc:dd:ee:0f",
                Leak::NetworkAddress,
                "aa:bb:cc:dd:ee:0f",
            ),
            ("host db.prod.internal", Leak::HostName, "db.prod.internal"),
            (
                "see https://git.desk.example.org/x",
                Leak::HostName,
                "https://git.desk.example.org/x",
            ),
            (
                "see https://desk.example.org/INC-12",
                Leak::HostName,
                "https://desk.example.org/INC-12",
            ),
            ("the node db-master-01 died", Leak::HostName, "db-master-01"),
            ("reverted 9f3ac1d", Leak::Identifier, "9f3ac1d"),
            (
                "run 01920a3b-4c5d-7e6f-8a9b-0c1d2e3f4a5b",
                Leak::Identifier,
                "01920a3b-4c5d-7e6f-8a9b-0c1d2e3f4a5b",
            ),
            ("see INC-12.", Leak::TicketKey, "INC-12"),
            ("caused by chg-609", Leak::TicketKey, "chg-609"),
            ("vendor case SUP-4711", Leak::TicketKey, "SUP-4711"),
            (
                "wrote /etc/postgresql/pg_hba.conf",
                Leak::Path,
                "/etc/postgresql/pg_hba.conf",
            ),
            ("in ~/bin", Leak::Path, "~/bin"),
            ("key AKIAIOSFODNN7EXAMPLE leaked", Leak::Secret, "AKIA…"),
            ("with q7Zp2mX9vKt4Lr8wB1nC", Leak::Secret, "q7Zp…"),
            ("the password: hunter2", Leak::Secret, "password…"),
            (
                "-----BEGIN RSA PRIVATE KEY-----",
                Leak::Secret,
                "-----BEGIN…",
            ),
            (
                "SELECT * FROM orders",
                Leak::MachineText,
                "SELECT * FROM orders",
            ),
            (
                "2026-11-21 04:07:09 ERROR pool is full",
                Leak::MachineText,
                "2026-11-21 04:07:09 ERROR pool is full",
            ),
            (
                "thread panicked at src/x.rs",
                Leak::MachineText,
                "thread panicked at src/x.rs",
            ),
            ("It was human error.", Leak::Blame, "human error"),
            ("A small number of orders", Leak::Vague, "small number of"),
        ] {
            assert!(
                found(text).contains(&(leak, shown.to_owned())),
                "{text:?} gave {:?}",
                found(text)
            );
        }
    }

    #[test]
    fn plain_words_pass() {
        for text in [
            "Between 04:07:09 and 04:54 UTC on 21 November 2026, 33% of orders failed.",
            "Northwind will see no further effect; the web shop of Northwind web shop users works.",
            "Mail was late. It will be mailed again.",
            "We follow ISO-8601 and TLS-1 with UTF-8; about 12,000 requests and/or orders.",
            "Questions: support@example.com.",
            "The cause was a full connection pool. A defaced cabbage faded decade.",
            "Our status page is https://status.example.com/.",
            "Version 3.4 and 24/7 support, no. 1234567.",
            "the token was renewed; a new password policy",
            "A digest of sha256 in base64 against covid-19.",
            "Please select an option from the list and update the set.",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn internal_service_names_become_public_ones() {
        let dictionary = dictionary();
        assert_eq!(
            dictionary.in_public_words("Checkout-DB failed, checkout_db came back; (checkout-db)"),
            "Checkout failed, Checkout came back; (Checkout)"
        );
        assert_eq!(
            dictionary.in_public_words("the Northwind web shop"),
            "the Northwind web shop",
            "a name inside its own public name isn't doubled"
        );
    }

    #[test]
    fn advice_does_not_block() {
        let advising: Vec<_> = Leak::ALL.iter().filter(|leak| !leak.blocks()).collect();
        assert_eq!(advising, [&Leak::Blame, &Leak::Vague]);
    }
}
