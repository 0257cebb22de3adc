//! People and what they belong to: staff, customers and their contacts, teams, services.
//!
//! Nobody is ever deleted: what somebody did keeps their name. Deactivating ends sessions and tokens and takes them off lists.

use std::collections::BTreeSet;

use chrono_tz::Tz;

use super::access::{Reach, Role, Roles};
use super::delivery::Channel;
use super::id::{CalendarId, ContactId, CustomerId, PersonId, ServiceId, TeamId, WayId};
use super::refusal::{FieldError, Refusal};
use super::text::{self, EmailAddress, NAME_CHARS, one_line, optional_line};
use super::word::words;

/// Addresses of one contact: who has more is a list.
pub const MOST_ADDRESSES: usize = 20;

/// Somebody of the staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub id: PersonId,
    pub name: String,
    pub email: EmailAddress,
    pub zone: Tz,
    /// As they wrote it: for people to dial.
    pub phone: Option<String>,
    pub roles: Roles,
    pub is_active: bool,
    pub version: i64,
}

/// Somebody at a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    pub id: ContactId,
    pub customer_id: CustomerId,
    pub name: String,
    pub email: EmailAddress,
    pub phone: Option<String>,
    /// Their own, if it isn't their customer's.
    pub zone: Option<Tz>,
    pub reach: Reach,
    pub is_active: bool,
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    pub id: CustomerId,
    pub name: String,
    pub zone: Tz,
    /// A language tag for what is written to them.
    pub language: String,
    /// Mail from these domains is theirs, folded.
    pub domains: Vec<String>,
    /// What staff should know; never shown to the customer.
    pub note: String,
    pub is_active: bool,
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    pub id: TeamId,
    pub name: String,
    pub zone: Tz,
    /// Its working hours; `None`: those of the house.
    pub calendar_id: Option<CalendarId>,
    pub is_active: bool,
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub id: ServiceId,
    pub name: String,
    /// What customers may read.
    pub public_name: String,
    pub team_id: TeamId,
    pub runbook_url: Option<String>,
    /// Nodes that there are; one is a single point of failure.
    pub members_total: i16,
    /// Nodes that must live.
    pub members_needed: i16,
    pub is_active: bool,
    pub version: i64,
}

words! {
    /// Why somebody stands on a service's list.
    pub enum Part {
        /// Knows it: has your back.
        Expert = "expert",
        /// Needs to know when it fails.
        NeedToKnow = "need_to_know",
    }
}

/// What somebody chose for their own screens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScreenChoice {
    /// Clocks show when they are due instead of ticking.
    pub still_clocks: bool,
    /// Single keys do nothing.
    pub no_keys: bool,
}

/// One way to reach a person. Pages try them in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    pub id: WayId,
    pub channel: Channel,
    pub address: String,
}

/// What a form or a program says of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonDetails {
    pub name: String,
    pub email: EmailAddress,
    pub zone: Tz,
    pub phone: Option<String>,
}

impl PersonDetails {
    pub fn parse(
        person: &str,
        email: &str,
        zone: &str,
        dial: &str,
    ) -> Result<Self, Vec<FieldError>> {
        let mut wrong = Vec::new();
        let person = keep(&mut wrong, name(person));
        let email = keep(&mut wrong, EmailAddress::parse(email));
        let zone = keep(&mut wrong, text::zone("zone", zone));
        let dial = keep(&mut wrong, phone("phone", dial));
        match (person, email, zone, dial) {
            (Some(name), Some(email), Some(zone), Some(phone)) => Ok(Self {
                name,
                email,
                zone,
                phone,
            }),
            _ => Err(wrong),
        }
    }
}

/// What a form or a program says of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactDetails {
    pub name: String,
    pub email: EmailAddress,
    pub phone: Option<String>,
    pub zone: Option<Tz>,
    pub reach: Reach,
}

impl ContactDetails {
    /// An empty zone is the customer's.
    pub fn parse(
        person: &str,
        email: &str,
        dial: &str,
        zone: &str,
        reach: Reach,
    ) -> Result<Self, Vec<FieldError>> {
        let mut wrong = Vec::new();
        let person = keep(&mut wrong, name(person));
        let email = keep(&mut wrong, EmailAddress::parse(email));
        let dial = keep(&mut wrong, phone("phone", dial));
        let zone = match zone.trim() {
            "" => Some(None),
            zone => keep(&mut wrong, text::zone("zone", zone).map(Some)),
        };
        match (person, email, dial, zone) {
            (Some(name), Some(email), Some(phone), Some(zone)) => Ok(Self {
                name,
                email,
                phone,
                zone,
                reach,
            }),
            _ => Err(wrong),
        }
    }
}

/// What a form or a program says of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerDetails {
    pub name: String,
    pub zone: Tz,
    pub language: String,
    pub domains: Vec<String>,
    pub note: String,
}

impl CustomerDetails {
    pub fn parse(
        company: &str,
        zone: &str,
        language: &str,
        mail_domains: &str,
        note: &str,
    ) -> Result<Self, Vec<FieldError>> {
        let mut wrong = Vec::new();
        let company = keep(&mut wrong, name(company));
        let zone = keep(&mut wrong, text::zone("zone", zone));
        let language = keep(&mut wrong, language_tag(language));
        let domains = keep(&mut wrong, domains(mail_domains));
        let note = keep(&mut wrong, text::body("note", note));
        match (company, zone, language, domains, note) {
            (Some(name), Some(zone), Some(language), Some(domains), Some(note)) => Ok(Self {
                name,
                zone,
                language,
                domains,
                note,
            }),
            _ => Err(wrong),
        }
    }
}

/// `en`, `de`, `pt-BR`; empty is English.
fn language_tag(tag: &str) -> Result<String, FieldError> {
    let tag = match tag.trim() {
        "" => "en",
        tag => tag,
    };
    let parts: Vec<&str> = tag.split('-').collect();
    let good = (2..=3).contains(&parts[0].len())
        && parts.len() <= 3
        && parts.iter().all(|part| {
            (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
    if good {
        Ok(tag.to_owned())
    } else {
        Err(FieldError::new("language", "not-a-language").with("value", tag.to_owned()))
    }
}

/// What a form or a program says of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceDetails {
    pub name: String,
    pub public_name: String,
    pub team_id: TeamId,
    pub runbook_url: Option<String>,
    pub members_total: i16,
    pub members_needed: i16,
}

impl ServiceDetails {
    /// Without a public name customers read the internal one.
    pub fn parse(
        service: &str,
        public_name: &str,
        team: Option<TeamId>,
        runbook: &str,
        total: &str,
        needed: &str,
    ) -> Result<Self, Vec<FieldError>> {
        let mut wrong = Vec::new();
        let service = keep(&mut wrong, name(service));
        let public = keep(
            &mut wrong,
            optional_line("public_name", public_name, NAME_CHARS),
        );
        let team = keep(
            &mut wrong,
            team.ok_or_else(|| FieldError::new("team", "required")),
        );
        let runbook = keep(&mut wrong, web_address("runbook_url", runbook));
        let nodes = keep(&mut wrong, members(total, needed));
        match (service, public, team, runbook, nodes) {
            (Some(name), Some(public), Some(team_id), Some(runbook_url), Some((total, needed))) => {
                Ok(Self {
                    public_name: public.unwrap_or_else(|| name.clone()),
                    name,
                    team_id,
                    runbook_url,
                    members_total: total,
                    members_needed: needed,
                })
            }
            _ => Err(wrong),
        }
    }
}

fn keep<T>(wrong: &mut Vec<FieldError>, result: Result<T, FieldError>) -> Option<T> {
    result.map_err(|error| wrong.push(error)).ok()
}

impl Service {
    /// Whether the loss of one node takes it down.
    pub fn is_single_point_of_failure(&self) -> bool {
        self.members_needed >= self.members_total
    }
}

/// How many nodes a service has and needs: 1 to 999, and no more needed than there are.
pub fn members(total: &str, needed: &str) -> Result<(i16, i16), FieldError> {
    let number = |field: &'static str, text: &str| match text.trim().parse::<i16>() {
        Ok(n) if (1..=999).contains(&n) => Ok(n),
        _ => Err(FieldError::new(field, "not-a-count")
            .with("value", text.trim().to_owned())
            .with("max", "999")),
    };
    let total = number("members_total", total)?;
    let needed = number("members_needed", needed)?;
    if needed > total {
        return Err(FieldError::new("members_needed", "more-than-total")
            .with("value", needed.to_string())
            .with("total", total.to_string()));
    }
    Ok((total, needed))
}

pub fn name(text: &str) -> Result<String, FieldError> {
    one_line("name", text, NAME_CHARS)
}

/// A telephone number as people write it: digits and ` +-/().`, at least three digits.
pub fn phone(field: &'static str, text: &str) -> Result<Option<String>, FieldError> {
    let Some(line) = optional_line(field, text, 40)? else {
        return Ok(None);
    };
    let digits = line.chars().filter(char::is_ascii_digit).count();
    let dialable = line
        .chars()
        .all(|c| c.is_ascii_digit() || " +-/().x".contains(c));
    if digits < 3 || !dialable {
        return Err(FieldError::new(field, "not-a-phone").with("value", line));
    }
    Ok(Some(line))
}

/// An address of the web: http or https with a host, no user part, one line.
pub fn web_address(field: &'static str, text: &str) -> Result<Option<String>, FieldError> {
    let Some(line) = optional_line(field, text, 500)? else {
        return Ok(None);
    };
    let rest = line
        .strip_prefix("https://")
        .or_else(|| line.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    match host {
        Some(host)
            if !host.is_empty() && !host.contains(['@', ' ', '\\']) && !line.contains(' ') =>
        {
            Ok(Some(line))
        }
        _ => Err(FieldError::new(field, "not-a-web-address").with("value", line)),
    }
}

/// Mail domains, one per line or blank or comma; folded, each once.
///
/// Domains that anybody can have an address at (`gmail.com`) would make strangers into contacts and are refused.
pub fn domains(text: &str) -> Result<Vec<String>, FieldError> {
    let mut found = BTreeSet::new();
    for word in text.split(|c: char| c.is_whitespace() || c == ',' || c == ';') {
        let domain = word.trim_start_matches('@').to_lowercase();
        if domain.is_empty() {
            continue;
        }
        let good = domain.contains('.') && EmailAddress::parse(&format!("x@{domain}")).is_ok();
        if !good {
            return Err(FieldError::new("domains", "not-a-domain").with("value", domain));
        }
        if PUBLIC_DOMAINS.contains(&domain.as_str()) {
            return Err(FieldError::new("domains", "public-domain").with("value", domain));
        }
        found.insert(domain);
    }
    Ok(found.into_iter().collect())
}

const PUBLIC_DOMAINS: &[&str] = &[
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "yahoo.com",
    "icloud.com",
    "me.com",
    "aol.com",
    "gmx.de",
    "gmx.net",
    "gmx.at",
    "gmx.ch",
    "web.de",
    "mail.com",
    "proton.me",
    "protonmail.com",
    "zoho.com",
    "yandex.com",
    "yandex.ru",
    "mail.ru",
    "qq.com",
    "163.com",
    "t-online.de",
    "freenet.de",
    "orange.fr",
    "free.fr",
    "libero.it",
    "seznam.cz",
    "wp.pl",
    "bluewin.ch",
    "posteo.de",
    "mailbox.org",
    "fastmail.com",
    "tutanota.com",
];

/// Whether `who` may lose `lost` (or leave) when `other_admins` active admins remain besides them.
pub fn check_last_admin(was: Roles, will_be: Roles, other_admins: i64) -> Result<(), Refusal> {
    let loses_it = was.has(Role::Admin) && !will_be.has(Role::Admin);
    if loses_it && other_admins == 0 {
        return Err(Refusal::new("last-admin"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_admin_stays() {
        let admin = Roles::of(&[Role::Admin, Role::Lead]);
        let lead = Roles::of(&[Role::Lead]);
        assert!(check_last_admin(admin, lead, 0).is_err());
        assert!(check_last_admin(admin, Roles::NONE, 0).is_err());
        assert!(check_last_admin(admin, lead, 1).is_ok());
        assert!(check_last_admin(admin, Roles::of(&[Role::Admin]), 0).is_ok());
        assert!(check_last_admin(lead, Roles::NONE, 0).is_ok());
    }

    #[test]
    fn a_service_needs_no_more_nodes_than_it_has() {
        assert_eq!(members("3", " 2 "), Ok((3, 2)));
        assert_eq!(members("2", "3").unwrap_err().problem, "more-than-total");
        for wrong in ["0", "-1", "1000", "two", ""] {
            assert_eq!(
                members(wrong, "1").unwrap_err().field,
                "members_total",
                "{wrong}"
            );
        }
    }

    #[test]
    fn phones_are_dialable_and_links_are_of_the_web() {
        assert_eq!(
            phone("phone", " +49 30/123-45 ").unwrap().unwrap(),
            "+49 30/123-45"
        );
        assert_eq!(phone("phone", "  "), Ok(None));
        for wrong in ["12", "call me", "<script>1234"] {
            assert!(phone("phone", wrong).is_err(), "{wrong}");
        }
        assert!(
            web_address("url", "https://wiki.example/run?a=1")
                .unwrap()
                .is_some()
        );
        for wrong in [
            "javascript:alert(1)",
            "https://",
            "ftp://x",
            "http://a@b/",
            "https://a b",
        ] {
            assert!(web_address("url", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn customer_domains_are_folded_and_never_everybodys() {
        assert_eq!(
            domains("Example.ORG, @sub.example.org\nexample.org").unwrap(),
            ["example.org", "sub.example.org"]
        );
        assert_eq!(domains("gmail.com").unwrap_err().problem, "public-domain");
        assert_eq!(domains("localhost").unwrap_err().problem, "not-a-domain");
        assert_eq!(domains(" ").unwrap(), Vec::<String>::new());
    }
}
