//! Settings of the house, and the audit of who changed what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Nothing, Reply};
use super::mail::{page_of, place, place_text};
use super::paging::{self, Page};
use super::value::{
    At, AuditUid, Number, OwnWordsWord, SeverityWord, SideWord, Uid, WhenFixedWord, Word, given,
};
use crate::actions::{allow, house, settings as action};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::conflict::Levels;
use crate::domain::settings::{SettingKey, masked_relay};
use crate::domain::sla_notice::Hearers;
use crate::error::{Error, Result};
use crate::store;
use crate::store::settings::AuditLine;
use crate::store::timeline::facts_of;

/// What was set. Where the process's own configuration says something else, that holds: see `overruled`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Settings {
    pub house_name: String,
    /// For what belongs to nobody: the house agreement, mail of the house.
    #[schema(example = "Europe/Stockholm")]
    pub house_zone: String,
    /// The address under which people and letters find this installation.
    #[schema(example = "https://watch.example.org")]
    pub public_url: Option<String>,
    /// Its password is never shown.
    #[schema(example = "smtps://watch:…@mail.example.org")]
    pub smtp_relay: Option<String>,
    pub mail_from: Option<String>,
    /// Night minutes of the ledger lie between these, on the wall clock of the person's zone.
    #[schema(example = "22:00")]
    pub night_from: String,
    #[schema(example = "06:00")]
    pub night_to: String,
    /// Resolving an incident this severe opens its post-mortem.
    pub post_mortem_for: Vec<SeverityWord>,
    /// A resolved incident closes after this many days.
    pub close_after_days: i64,
    /// Who hears that a clock nears its deadline, by the ticket's severity, or `other` for what has none; `high@90%` or `high@30min`
    /// has its own rule for one warning of the agreements. `owner`, `team`, `on_duty`, `lead` (those of the team who lead),
    /// `watchers` hear by mail; `page` walks the escalation policy; `at_once` doesn't wait for the reader's working hours.
    pub clock_warning: BTreeMap<String, Vec<&'static str>>,
    /// Who hears that it is past it: the same words but `at_once`.
    pub clock_breach: BTreeMap<String, Vec<&'static str>>,
    /// Who hears, and when, that it is past it still: `high@30min` once it has been late for 30 minutes, waits not counted.
    pub clock_after: BTreeMap<String, Vec<&'static str>>,
    /// So many hours after somebody broke the glass of a change somebody else has looked at it.
    pub glass_review_hours: i64,
    /// When own words to a customer need a second person: never, when they name a time or a guarantee, or always.
    pub own_words: OwnWordsWord,
    /// So often, in hours, everybody who may be called is sent a self-test page; 0: never.
    pub self_test_hours: i64,
    /// Who somebody is whom a git server calls by a login; whom it calls by their address needs none.
    pub git_logins: BTreeMap<String, String>,
    /// What a conflict means for a change that is about to begin, by its code: `warn`, `approve` (it takes an approval that has seen it)
    /// or `block`. Freezes and maintenance windows have levels of their own.
    pub conflict_levels: BTreeMap<&'static str, &'static str>,
    /// Automatic answers to one address within an hour; its next mails are held.
    pub mail_answers_per_hour: i64,
    /// Replies that reopen one ticket within an hour; the next one is held.
    pub mail_reopens_per_hour: i64,
    /// Automatic answers to strangers within an hour, all together; 0: never any.
    pub mail_strangers_per_hour: i64,
    /// What happens to an incident whose fix is live: it is proposed to be over, or resolved by itself if whoever pushed the fix might
    /// do so.
    pub when_fixed: WhenFixedWord,
    /// Who can't approve a change besides whoever wanted, planned or wrote it: whoever pushed its commits, whoever begins or deploys it.
    pub approvers_apart: Vec<SideWord>,
    /// So many minutes a mail may ask to join a ticket where no agreement says how soon somebody takes that one.
    pub mail_join_minutes: i64,
    pub environments: Vec<String>,
    /// Settings that the configuration of the process decides: what is set here has no effect meanwhile.
    pub overruled: Vec<&'static str>,
}

fn shown(ctx: &Ctx<'_>) -> Result<Answer> {
    let (set, environments) = ctx.read(|conn| {
        let set = store::settings::all(conn)?;
        Ok((set, store::house::environments(conn)?))
    })?;
    let text = |key| set.text(key);
    Answer::ok(&Settings {
        night_from: text(SettingKey::NightFrom),
        night_to: text(SettingKey::NightTo),
        house_zone: text(SettingKey::HouseZone),
        mail_from: set.mail_from.as_ref().map(ToString::to_string),
        smtp_relay: set.smtp_relay.as_deref().map(masked_relay),
        post_mortem_for: set.post_mortem_for.iter().copied().map(Word).collect(),
        close_after_days: set.close_after_days,
        clock_warning: rules(&set.clock_warning),
        clock_breach: rules(&set.clock_breach),
        clock_after: rules(&set.clock_after),
        glass_review_hours: set.glass_review_hours,
        own_words: Word(set.own_words),
        self_test_hours: set.self_test_hours,
        git_logins: set
            .git_logins
            .iter()
            .map(|(login, to)| (login.clone(), to.to_string()))
            .collect(),
        conflict_levels: Levels::codes()
            .map(|code| (code.as_str(), set.conflict_levels.of(code).as_str()))
            .collect(),
        mail_answers_per_hour: set.mail_answers_per_hour,
        mail_reopens_per_hour: set.mail_reopens_per_hour,
        mail_strangers_per_hour: set.mail_strangers_per_hour,
        when_fixed: Word(set.when_fixed),
        approvers_apart: set.approvers_apart.iter().copied().map(Word).collect(),
        mail_join_minutes: set.mail_join_minutes,
        house_name: set.house_name,
        public_url: set.public_url,
        environments,
        overruled: action::overruled(ctx.app),
    })
}

fn rules(hearers: &Hearers) -> BTreeMap<String, Vec<&'static str>> {
    let rules = hearers.rules().iter().map(|rule| {
        let whom = rule.whom.iter().map(|hearer| hearer.as_str());
        (rule.head(), whom.collect())
    });
    rules.collect()
}

/// Read the settings
#[utoipa::path(get, path = "/api/v1/settings", tag = "house", responses((status = 200, description = "What was set", body = Settings)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    call.read(|ctx| {
        allow(&ctx.by, Action::ManageSettings, Target::House)?;
        shown(ctx)
    })
    .await
}

/// What changes; what is left out stays, null and an empty text empty.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsEdit {
    house_name: Option<String>,
    #[schema(example = "Europe/Stockholm")]
    house_zone: Option<String>,
    #[serde(default, deserialize_with = "given")]
    public_url: Option<Option<String>>,
    /// With its password, if it needs one.
    #[serde(default, deserialize_with = "given")]
    #[schema(example = "smtps://watch:secret@mail.example.org")]
    smtp_relay: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    mail_from: Option<Option<String>>,
    #[schema(example = "22:00")]
    night_from: Option<String>,
    #[schema(example = "06:00")]
    night_to: Option<String>,
    post_mortem_for: Option<Vec<SeverityWord>>,
    close_after_days: Option<i64>,
    /// All rules; a severity that isn't named tells nobody.
    clock_warning: Option<BTreeMap<String, Vec<String>>>,
    clock_breach: Option<BTreeMap<String, Vec<String>>>,
    clock_after: Option<BTreeMap<String, Vec<String>>>,
    glass_review_hours: Option<i64>,
    own_words: Option<OwnWordsWord>,
    /// 0: never.
    self_test_hours: Option<i64>,
    /// All of them: login to address.
    git_logins: Option<BTreeMap<String, String>>,
    /// All of them: code to level; what isn't named is only said.
    #[schema(example = json!({"same_service": "block"}))]
    conflict_levels: Option<BTreeMap<String, String>>,
    mail_answers_per_hour: Option<i64>,
    mail_reopens_per_hour: Option<i64>,
    mail_strangers_per_hour: Option<i64>,
    when_fixed: Option<WhenFixedWord>,
    /// All of them.
    approvers_apart: Option<Vec<SideWord>>,
    mail_join_minutes: Option<i64>,
    /// All of them; at least one.
    environments: Option<Vec<String>>,
}

impl SettingsEdit {
    /// As the texts that forms have.
    fn changes(&self) -> Vec<(SettingKey, String)> {
        let emptied = |text: &Option<Option<String>>| text.clone().map(Option::unwrap_or_default);
        let number = |number: Option<i64>| number.map(|number| number.to_string());
        let severities = self.post_mortem_for.as_ref().map(|words| {
            let words: Vec<_> = words.iter().map(|word| word.0.as_str()).collect();
            words.join(" ")
        });
        let all = SettingKey::ALL.iter().map(|key| {
            let text = match key {
                SettingKey::HouseName => self.house_name.clone(),
                SettingKey::HouseZone => self.house_zone.clone(),
                SettingKey::PublicUrl => emptied(&self.public_url),
                SettingKey::SmtpRelay => emptied(&self.smtp_relay),
                SettingKey::MailFrom => emptied(&self.mail_from),
                SettingKey::NightFrom => self.night_from.clone(),
                SettingKey::NightTo => self.night_to.clone(),
                SettingKey::PostMortemFor => severities.clone(),
                SettingKey::CloseAfterDays => self.close_after_days.map(|days| days.to_string()),
                SettingKey::ClockWarning => self.clock_warning.as_ref().map(rules_text),
                SettingKey::ClockBreach => self.clock_breach.as_ref().map(rules_text),
                SettingKey::ClockAfter => self.clock_after.as_ref().map(rules_text),
                SettingKey::GlassReviewHours => {
                    self.glass_review_hours.map(|hours| hours.to_string())
                }
                SettingKey::OwnWords => self.own_words.map(|word| word.0.to_string()),
                SettingKey::GitLogins => self.git_logins.as_ref().map(|logins| {
                    let lines = logins.iter().map(|(login, to)| format!("{login} {to}"));
                    lines.collect::<Vec<_>>().join("\n")
                }),
                SettingKey::ConflictLevels => self.conflict_levels.as_ref().map(|levels| {
                    let all = levels.iter().map(|(code, level)| format!("{code}:{level}"));
                    all.collect::<Vec<_>>().join(" ")
                }),
                SettingKey::SelfTestHours => number(self.self_test_hours),
                SettingKey::MailAnswersPerHour => number(self.mail_answers_per_hour),
                SettingKey::MailReopensPerHour => number(self.mail_reopens_per_hour),
                SettingKey::MailStrangersPerHour => number(self.mail_strangers_per_hour),
                SettingKey::WhenFixed => self.when_fixed.map(|word| word.0.to_string()),
                SettingKey::ApproversApart => self.approvers_apart.as_ref().map(|words| {
                    let words: Vec<_> = words.iter().map(|word| word.0.as_str()).collect();
                    words.join(" ")
                }),
                SettingKey::MailJoinMinutes => number(self.mail_join_minutes),
            };
            text.map(|text| (*key, text))
        });
        all.flatten().collect()
    }
}

/// The rules as the form types them.
fn rules_text(rules: &BTreeMap<String, Vec<String>>) -> String {
    let rules: Vec<String> = rules
        .iter()
        .map(|(head, whom)| {
            let head: String = head.split_whitespace().collect();
            format!("{head}:{}", whom.join(","))
        })
        .collect();
    rules.join(" ")
}

/// Change settings
///
/// All of them or none. Each change stands in the audit; a relay's password doesn't.
#[utoipa::path(patch, path = "/api/v1/settings", tag = "house", request_body = SettingsEdit, responses((status = 200, description = "As they stand now", body = Settings)))]
pub async fn edit(call: Call<SettingsEdit>) -> Reply {
    call.change(|ctx, asked| {
        allow(&ctx.by, Action::ManageSettings, Target::House)?;
        ctx.as_one(
            |ctx| {
                // Both are tried, so that every wrong field is told at once; neither stays if the other is wrong.
                let changed = action::change(ctx, &asked.changes()).map(|_| ());
                let environments = match &asked.environments {
                    Some(names) => house::set_environments(ctx, &names.join("\n")),
                    None => Ok(()),
                };
                both(changed, environments)?;
                shown(ctx)
            },
            |_, _| Ok(()),
        )
    })
    .await
}

/// The faults of both.
fn both(one: Result<()>, other: Result<()>) -> Result<()> {
    match (one, other) {
        (Err(Error::Invalid(mut faults)), Err(Error::Invalid(more))) => {
            faults.extend(more);
            Err(Error::Invalid(faults))
        }
        (one, other) => one.and(other),
    }
}

/// Something that was done to the house.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    pub id: AuditUid,
    pub at: At,
    /// `person`, `contact`, `token` or `system`.
    pub actor_kind: String,
    /// The name at that moment.
    pub actor_name: String,
    pub door: String,
    /// What was done; stable.
    #[schema(example = "setting-changed")]
    pub deed: String,
    /// To what or whom, as people would name it.
    pub subject: String,
    /// What changed.
    pub facts: BTreeMap<String, String>,
}

impl AuditEntry {
    fn of(of: AuditLine) -> Self {
        let facts = facts_of(&of.facts);
        Self {
            id: Uid(of.id),
            at: At(of.at),
            actor_kind: of.actor_kind,
            actor_name: of.actor_name,
            door: of.door,
            deed: of.deed,
            subject: of.subject,
            facts: facts
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditAsked {
    /// Items of the page, 1 to 200; 50 by default.
    #[param(value_type = Option<i64>)]
    limit: Option<Number>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Read the audit
///
/// Who did what to the house, newest first. What was done to tickets stands on their timelines.
#[utoipa::path(get, path = "/api/v1/audit", tag = "house", params(AuditAsked), responses((status = 200, description = "A page", body = Page<AuditEntry>)))]
pub async fn audit(call: Call<Nothing>) -> Reply {
    let asked: AuditAsked = call.query()?;
    call.read(move |ctx| {
        allow(&ctx.by, Action::ReadAudit, Target::House)?;
        let limit = paging::limit(asked.limit)?;
        let before = place(asked.after.as_deref())?;
        let lines = ctx.read(|conn| store::settings::audit_page(conn, before, limit + 1))?;
        let place = |line: &AuditLine| place_text(line.at, line.id);
        Answer::ok(&page_of(lines, limit, place, AuditEntry::of))
    })
    .await
}
