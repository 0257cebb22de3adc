//! What people may change while the house runs. The process's own configuration (`config.rs`) goes before it where both know a key.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::NaiveTime;
use chrono_tz::Tz;

use super::approval::Side;
use super::conflict::Levels;
use super::people::web_address;
use super::refusal::FieldError;
use super::severity::Severity;
use super::sla_notice::{Hearer, Hearers, Moment};
use super::text::{EmailAddress, NAME_CHARS, one_line, zone};
use super::word::words;
use super::wording::OwnWords;

words! {
    /// Every setting there is.
    pub enum SettingKey {
        HouseName = "house_name",
        HouseZone = "house_zone",
        PublicUrl = "public_url",
        SmtpRelay = "smtp_relay",
        MailFrom = "mail_from",
        NightFrom = "night_from",
        NightTo = "night_to",
        PostMortemFor = "post_mortem_for",
        CloseAfterDays = "close_after_days",
        ClockWarning = "clock_warning",
        ClockBreach = "clock_breach",
        ClockAfter = "clock_after",
        GlassReviewHours = "glass_review_hours",
        OwnWords = "own_words",
        SelfTestHours = "self_test_hours",
        GitLogins = "git_logins",
        ConflictLevels = "conflict_levels",
        MailAnswersPerHour = "mail_answers_per_hour",
        MailReopensPerHour = "mail_reopens_per_hour",
        MailStrangersPerHour = "mail_strangers_per_hour",
        MailJoinMinutes = "mail_join_minutes",
        WhenFixed = "when_fixed",
        ApproversApart = "approvers_apart",
    }
}

words! {
    /// What happens to an incident whose fix is live.
    pub enum WhenFixed {
        /// Its page says so, and somebody decides.
        Propose = "propose",
        /// It is resolved, if whoever pushed the fix might do so.
        Resolve = "resolve",
    }
}

impl SettingKey {
    /// Its value holds a password: shown masked, and never written to the audit.
    pub const fn is_secret(self) -> bool {
        matches!(self, SettingKey::SmtpRelay)
    }
}

/// All settings; what was never set has its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub house_name: String,
    /// For what belongs to nobody: the house agreement, system mail.
    pub house_zone: Tz,
    /// Without a slash at its end. Needed for everything that leaves the house.
    pub public_url: Option<String>,
    /// `smtp://host:25`, `smtps://user:password@host`.
    pub smtp_relay: Option<String>,
    pub mail_from: Option<EmailAddress>,
    /// Night minutes of the ledger lie between these, in the person's zone.
    pub night_from: NaiveTime,
    pub night_to: NaiveTime,
    /// Resolving an incident this severe opens its post-mortem.
    pub post_mortem_for: Vec<Severity>,
    /// A resolved incident closes after this long.
    pub close_after_days: i64,
    /// Who hears that a clock nears its deadline.
    pub clock_warning: Hearers,
    /// Who hears that it is past it.
    pub clock_breach: Hearers,
    /// Who hears, and when, that it is past it still.
    pub clock_after: Hearers,
    /// So long after somebody broke the glass somebody else has looked at it.
    pub glass_review_hours: i64,
    /// When own words to a customer need a second person.
    pub own_words: OwnWords,
    /// So often everybody who may be called is sent a self-test page; 0: never.
    pub self_test_hours: i64,
    /// Who somebody is whom a git server calls by a login, folded; whom it calls by their address needs none.
    pub git_logins: BTreeMap<String, EmailAddress>,
    /// What a conflict means for a change that is about to begin.
    pub conflict_levels: Levels,
    /// Automatic answers to one address within an hour; its next mails are held.
    pub mail_answers_per_hour: i64,
    /// Replies that reopen one ticket within an hour; the next one is held.
    pub mail_reopens_per_hour: i64,
    /// Automatic answers to strangers within an hour, all together; the next ones aren't sent. 0: never any.
    pub mail_strangers_per_hour: i64,
    /// What happens to an incident whose fix is live.
    pub when_fixed: WhenFixed,
    /// Who can't approve a change besides whoever wanted, planned or wrote it.
    pub approvers_apart: Vec<Side>,
    /// So long a mail may ask to join a ticket where no agreement says how soon somebody takes that one.
    pub mail_join_minutes: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            house_name: "Watchkeeper".to_owned(),
            house_zone: Tz::UTC,
            public_url: None,
            smtp_relay: None,
            mail_from: None,
            night_from: NaiveTime::from_hms_opt(22, 0, 0).unwrap_or_default(),
            night_to: NaiveTime::from_hms_opt(6, 0, 0).unwrap_or_default(),
            post_mortem_for: Severity::ALL
                .iter()
                .copied()
                .filter(|severity| severity.asks_for_post_mortem())
                .collect(),
            close_after_days: 7,
            clock_warning: Hearers::usual(Moment::Warning),
            clock_breach: Hearers::usual(Moment::Breach),
            clock_after: Hearers::usual(Moment::After),
            // Auditors expect it within a day.
            glass_review_hours: 24,
            own_words: OwnWords::Free,
            self_test_hours: 168,
            git_logins: BTreeMap::new(),
            conflict_levels: Levels::default(),
            mail_answers_per_hour: 10,
            mail_reopens_per_hour: 5,
            // More strangers than that in an hour is somebody who uses us to write to them.
            mail_strangers_per_hour: 60,
            when_fixed: WhenFixed::Propose,
            approvers_apart: Vec::new(),
            mail_join_minutes: 30,
        }
    }
}

impl Settings {
    /// Who hears of a clock at such a moment.
    pub fn hearers(&self, moment: Moment) -> &Hearers {
        match moment {
            Moment::Warning => &self.clock_warning,
            Moment::Breach => &self.clock_breach,
            Moment::After => &self.clock_after,
        }
    }

    /// Whether these ever hear of clocks.
    pub fn tells(&self, hearer: Hearer) -> bool {
        let mut moments = Moment::ALL.iter();
        moments.any(|moment| self.hearers(*moment).name(hearer))
    }

    /// The value of `key` as text, the form in which it is typed and stored. Empty: not set.
    pub fn text(&self, key: SettingKey) -> String {
        match key {
            SettingKey::HouseName => self.house_name.clone(),
            SettingKey::HouseZone => self.house_zone.name().to_owned(),
            SettingKey::PublicUrl => self.public_url.clone().unwrap_or_default(),
            SettingKey::SmtpRelay => self.smtp_relay.clone().unwrap_or_default(),
            SettingKey::MailFrom => self
                .mail_from
                .as_ref()
                .map(EmailAddress::to_string)
                .unwrap_or_default(),
            SettingKey::NightFrom => self.night_from.format("%H:%M").to_string(),
            SettingKey::NightTo => self.night_to.format("%H:%M").to_string(),
            SettingKey::PostMortemFor => {
                let words: Vec<_> = self.post_mortem_for.iter().map(|s| s.as_str()).collect();
                words.join(" ")
            }
            SettingKey::CloseAfterDays => self.close_after_days.to_string(),
            SettingKey::ClockWarning => self.clock_warning.to_string(),
            SettingKey::ClockBreach => self.clock_breach.to_string(),
            SettingKey::ClockAfter => self.clock_after.to_string(),
            SettingKey::GlassReviewHours => self.glass_review_hours.to_string(),
            SettingKey::OwnWords => self.own_words.to_string(),
            SettingKey::WhenFixed => self.when_fixed.to_string(),
            SettingKey::ApproversApart => {
                let words: Vec<&str> = self.approvers_apart.iter().map(|it| it.as_str()).collect();
                words.join(" ")
            }
            SettingKey::SelfTestHours => self.self_test_hours.to_string(),
            SettingKey::GitLogins => {
                let lines = self.git_logins.iter();
                let lines: Vec<String> = lines.map(|(login, to)| format!("{login} {to}")).collect();
                lines.join("\n")
            }
            SettingKey::ConflictLevels => self.conflict_levels.to_string(),
            SettingKey::MailAnswersPerHour => self.mail_answers_per_hour.to_string(),
            SettingKey::MailReopensPerHour => self.mail_reopens_per_hour.to_string(),
            SettingKey::MailStrangersPerHour => self.mail_strangers_per_hour.to_string(),
            SettingKey::MailJoinMinutes => self.mail_join_minutes.to_string(),
        }
    }

    /// Sets `key` from its text, or says what would be right.
    pub fn set(&mut self, key: SettingKey, text: &str) -> Result<(), FieldError> {
        let field = key.as_str();
        let text = text.trim();
        match key {
            SettingKey::HouseName => self.house_name = one_line(field, text, NAME_CHARS)?,
            SettingKey::HouseZone => self.house_zone = zone(field, text)?,
            SettingKey::PublicUrl => self.public_url = public_url(field, text)?,
            SettingKey::SmtpRelay => self.smtp_relay = smtp_relay(field, text)?,
            SettingKey::MailFrom => {
                self.mail_from = match text {
                    "" => None,
                    text => Some(EmailAddress::parse(text).map_err(|error| FieldError {
                        field: field.into(),
                        ..error
                    })?),
                }
            }
            SettingKey::NightFrom => self.night_from = time_of_day(field, text)?,
            SettingKey::NightTo => self.night_to = time_of_day(field, text)?,
            SettingKey::PostMortemFor => {
                let wrong =
                    || FieldError::new(field, "not-a-severity").with("value", text.to_owned());
                self.post_mortem_for = text
                    .split_whitespace()
                    .map(|word| word.parse().map_err(|()| wrong()))
                    .collect::<Result<_, _>>()?;
            }
            SettingKey::CloseAfterDays => {
                self.close_after_days = match text.parse() {
                    Ok(days @ 1..=90) => days,
                    _ => {
                        return Err(FieldError::new(field, "not-days")
                            .with("value", text.to_owned())
                            .with("max", "90"));
                    }
                }
            }
            SettingKey::ClockWarning => {
                self.clock_warning = Hearers::parse(field, Moment::Warning, text)?;
            }
            SettingKey::ClockBreach => {
                self.clock_breach = Hearers::parse(field, Moment::Breach, text)?;
            }
            SettingKey::ClockAfter => {
                self.clock_after = Hearers::parse(field, Moment::After, text)?;
            }
            SettingKey::GlassReviewHours => {
                self.glass_review_hours = match text.parse() {
                    Ok(hours @ 1..=168) => hours,
                    _ => {
                        return Err(FieldError::new(field, "not-hours")
                            .with("value", text.to_owned())
                            .with("max", "168"));
                    }
                }
            }
            SettingKey::OwnWords => {
                let known = OwnWords::ALL.iter().map(|it| it.as_str());
                self.own_words = word(field, text, known)?;
            }
            SettingKey::WhenFixed => {
                let known = WhenFixed::ALL.iter().map(|it| it.as_str());
                self.when_fixed = word(field, text, known)?;
            }
            SettingKey::ApproversApart => {
                let known = || Side::ALL.iter().map(|it| it.as_str());
                let mut sides = Vec::new();
                for one in text.split_whitespace() {
                    let side = word(field, one, known())?;
                    if !sides.contains(&side) {
                        sides.push(side);
                    }
                }
                self.approvers_apart = sides;
            }
            SettingKey::GitLogins => self.git_logins = git_logins(field, text)?,
            SettingKey::ConflictLevels => self.conflict_levels = Levels::parse(field, text)?,
            SettingKey::SelfTestHours => {
                self.self_test_hours = match text.parse() {
                    Ok(hours @ 0..=8760) => hours,
                    _ => {
                        return Err(FieldError::new(field, "not-hours-or-never")
                            .with("value", text.to_owned())
                            .with("max", "8760"));
                    }
                }
            }
            SettingKey::MailAnswersPerHour => {
                self.mail_answers_per_hour = budget(field, text, 1..=10_000)?;
            }
            SettingKey::MailReopensPerHour => {
                self.mail_reopens_per_hour = budget(field, text, 1..=10_000)?;
            }
            SettingKey::MailStrangersPerHour => {
                // Who expects thousands of them says so.
                self.mail_strangers_per_hour = budget(field, text, 0..=1_000_000)?;
            }
            SettingKey::MailJoinMinutes => {
                // A week: whoever waits longer for a word has gone elsewhere.
                self.mail_join_minutes = budget(field, text, 1..=10_080)?;
            }
        }
        Ok(())
    }
}

/// A login and an address on each line.
fn git_logins(
    field: &'static str,
    text: &str,
) -> Result<BTreeMap<String, EmailAddress>, FieldError> {
    let mut logins = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let wrong = || FieldError::new(field, "not-a-git-login").with("value", line.to_owned());
        let mut words = line.split_whitespace();
        let (Some(login), Some(to), None) = (words.next(), words.next(), words.next()) else {
            return Err(wrong());
        };
        let to = EmailAddress::parse(to).map_err(|_| wrong())?;
        if logins.insert(login.to_lowercase(), to).is_some() {
            return Err(FieldError::new(field, "git-login-twice").with("value", login.to_owned()));
        }
    }
    Ok(logins)
}

/// So many of something within an hour.
fn budget(field: &'static str, text: &str, may: RangeInclusive<i64>) -> Result<i64, FieldError> {
    let number = text.parse().ok();
    let wrong = || {
        FieldError::new(field, "not-an-hourly-limit")
            .with("value", text.to_owned())
            .with("min", may.start().to_string())
            .with("max", may.end().to_string())
    };
    number
        .filter(|number| may.contains(number))
        .ok_or_else(wrong)
}

/// One of a set of words.
fn word<T: std::str::FromStr>(
    field: &'static str,
    text: &str,
    known: impl Iterator<Item = &'static str>,
) -> Result<T, FieldError> {
    text.parse().map_err(|_| {
        FieldError::new(field, "unknown-word")
            .with("value", text.to_owned())
            .with("accepted", known.collect::<Vec<_>>().join(", "))
    })
}

/// A web address with nothing behind its host: links, Message-IDs and calendar ids are made from it.
fn public_url(field: &'static str, text: &str) -> Result<Option<String>, FieldError> {
    let Some(url) = web_address(field, text.trim_end_matches('/'))? else {
        return Ok(None);
    };
    let behind = url.split_once("://").map_or("", |(_, rest)| rest);
    if behind.contains(['/', '?', '#']) {
        return Err(FieldError::new(field, "not-a-public-url").with("value", url));
    }
    Ok(Some(url))
}

/// `smtp://` or `smtps://`, perhaps a user and password, a host, perhaps a port.
fn smtp_relay(field: &'static str, text: &str) -> Result<Option<String>, FieldError> {
    if text.is_empty() {
        return Ok(None);
    }
    let line = one_line(field, text, 500)?;
    let rest = line
        .strip_prefix("smtp://")
        .or_else(|| line.strip_prefix("smtps://"));
    let host = rest.map(|rest| rest.rsplit_once('@').map_or(rest, |(_, host)| host));
    let good = host.is_some_and(|host| {
        let (name, port) = match host.rsplit_once(':') {
            // Colons in brackets are an IPv6 address's own.
            Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
            _ => (host, None),
        };
        let named = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || ".-_[]:".contains(c));
        named && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
    });
    if good && !line.contains(' ') {
        Ok(Some(line))
    } else {
        // The value isn't quoted: it may hold a password.
        Err(FieldError::new(field, "not-a-relay"))
    }
}

fn time_of_day(field: &'static str, text: &str) -> Result<NaiveTime, FieldError> {
    NaiveTime::parse_from_str(text, "%H:%M")
        .map_err(|_| FieldError::new(field, "not-a-time-of-day").with("value", text.to_owned()))
}

/// A relay's address without its password, for pages and the audit.
pub fn masked_relay(relay: &str) -> String {
    let Some((scheme, rest)) = relay.split_once("://") else {
        return String::new();
    };
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{name}:…@{host}")
        }
        None => relay.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_may_be_an_ipv6_address_with_a_port_or_without() {
        let mut settings = Settings::default();
        for relay in [
            "smtp://[::1]",
            "smtp://[::1]:2525",
            "smtps://u:p@[2001:db8::1]",
        ] {
            settings.set(SettingKey::SmtpRelay, relay).unwrap();
            assert_eq!(settings.smtp_relay.as_deref(), Some(relay));
        }
    }

    #[test]
    fn every_setting_survives_its_text() {
        let mut settings = Settings::default();
        for (key, text) in [
            (SettingKey::HouseName, "Harbour Operations"),
            (SettingKey::HouseZone, "Europe/Stockholm"),
            (SettingKey::PublicUrl, "https://watch.example.org/"),
            (
                SettingKey::SmtpRelay,
                "smtps://w:pa@ss@mail.example.org:465",
            ),
            (SettingKey::MailFrom, "watch@example.org"),
            (SettingKey::NightFrom, "23:30"),
            (SettingKey::NightTo, "05:00"),
            (SettingKey::PostMortemFor, "disaster"),
            (SettingKey::CloseAfterDays, "14"),
            (SettingKey::SelfTestHours, "0"),
            (SettingKey::MailAnswersPerHour, "3"),
            (SettingKey::MailReopensPerHour, "1"),
            (SettingKey::MailStrangersPerHour, "0"),
            (SettingKey::MailJoinMinutes, "90"),
            (
                SettingKey::ClockBreach,
                "disaster:owner,page high: average:owner warning: information: other:",
            ),
            (
                SettingKey::ClockAfter,
                "disaster@30min:lead,page disaster@2h:team",
            ),
        ] {
            settings.set(key, text).unwrap();
            assert_eq!(settings.text(key), text.trim_end_matches('/'), "{key}");
        }
        let mut again = Settings::default();
        for key in SettingKey::ALL {
            again.set(*key, &settings.text(*key)).unwrap();
        }
        assert_eq!(again, settings);
    }

    #[test]
    fn what_cannot_be_right_is_refused_at_its_field() {
        let mut settings = Settings::default();
        for (key, text, problem) in [
            (SettingKey::HouseZone, "CET-ish", "unknown-zone"),
            (
                SettingKey::PublicUrl,
                "watch.example.org",
                "not-a-web-address",
            ),
            (
                SettingKey::PublicUrl,
                "https://x.example/path",
                "not-a-public-url",
            ),
            (SettingKey::SmtpRelay, "mail.example.org", "not-a-relay"),
            (SettingKey::SmtpRelay, "smtp://host:99999", "not-a-relay"),
            (SettingKey::MailFrom, "watch", "not-an-address"),
            (SettingKey::NightFrom, "25:00", "not-a-time-of-day"),
            (SettingKey::PostMortemFor, "severe", "not-a-severity"),
            (SettingKey::CloseAfterDays, "0", "not-days"),
            (SettingKey::GlassReviewHours, "169", "not-hours"),
            (SettingKey::OwnWords, "sometimes", "unknown-word"),
            (SettingKey::WhenFixed, "close", "unknown-word"),
            (SettingKey::ApproversApart, "pusher author", "unknown-word"),
            (SettingKey::SelfTestHours, "-1", "not-hours-or-never"),
            (SettingKey::SelfTestHours, "8761", "not-hours-or-never"),
            (SettingKey::MailAnswersPerHour, "0", "not-an-hourly-limit"),
            (
                SettingKey::MailReopensPerHour,
                "10001",
                "not-an-hourly-limit",
            ),
            (
                SettingKey::MailStrangersPerHour,
                "few",
                "not-an-hourly-limit",
            ),
            (SettingKey::MailJoinMinutes, "0", "not-an-hourly-limit"),
            (SettingKey::MailJoinMinutes, "10081", "not-an-hourly-limit"),
            (SettingKey::ClockAfter, "disaster:page", "not-a-clock-rule"),
        ] {
            let error = settings.set(key, text).unwrap_err();
            assert_eq!(
                (error.field.as_ref(), error.problem),
                (key.as_str(), problem)
            );
        }
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn a_relays_password_is_never_shown() {
        assert_eq!(
            masked_relay("smtps://w:secret@host:465"),
            "smtps://w:…@host:465"
        );
        assert_eq!(masked_relay("smtp://host"), "smtp://host");
    }
}
