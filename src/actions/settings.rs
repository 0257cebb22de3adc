//! Settings, and the founding of a house: what the first person who comes sets up in one go.

use chrono_tz::Tz;

use crate::actions::house::{ServiceLists, TeamDetails, add_service_in, add_team_in};
use crate::actions::login::{From, ensure_login, open_for};
use crate::actions::oncall;
use crate::actions::sla::book;
use crate::actions::{agreement, allow, audit, people};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Role, Roles, Target};
use crate::domain::freeze;
use crate::domain::id::{PersonId, ServiceId, TeamId};
use crate::domain::login::Purpose;
use crate::domain::people::{PersonDetails, ServiceDetails, name};
use crate::domain::refusal::FieldError;
use crate::domain::settings::{SettingKey, Settings, masked_relay};
use crate::domain::sla_agreement::Threshold;
use crate::domain::sla_notice::Step;
use crate::domain::timeline::Facts;
use crate::error::{Error, Fields, Result};
use crate::secrets;
use crate::store::login as doors;
use crate::store::people::Holder;
use crate::store::settings as rows;
use crate::store::{Conn, Tx, house, installation, sla};

/// Gives the installation another key for links, reply addresses and Message-IDs: a copy beside its original is then told from it. What
/// the old key signed is from then on like another installation's.
pub fn renew_signing_key(ctx: &Ctx<'_>) -> Result<()> {
    allow(&ctx.by, Action::ManageSettings, Target::House)?;
    let fresh = secrets::random()?;
    ctx.write(|tx| {
        installation::renew_signing_key(tx, fresh)?;
        audit::note(tx, ctx, "signing-key-renewed", "", &Facts::new())
    })
}

/// Changes settings, all of them or none.
pub fn change(ctx: &Ctx<'_>, changes: &[(SettingKey, String)]) -> Result<Settings> {
    allow(&ctx.by, Action::ManageSettings, Target::House)?;
    ctx.write(|tx| {
        let before = rows::all(tx)?;
        let mut after = before.clone();
        let mut fields = Fields::new();
        for (key, text) in changes {
            fields.take(after.set(*key, text));
        }
        fields.check()?;
        known_thresholds(tx, ctx, &before, &after)?;
        for (key, _) in changes {
            let (old, new) = (before.text(*key), after.text(*key));
            if old == new {
                continue;
            }
            rows::put(tx, *key, &new, ctx.now)?;
            let shown = |text: String| {
                if key.is_secret() {
                    masked_relay(&text)
                } else {
                    text
                }
            };
            let facts = Facts::new().with("from", shown(old)).with("to", shown(new));
            audit::note(tx, ctx, "setting-changed", key.as_str(), &facts)?;
        }
        if before.clock_after != after.clock_after {
            sla::wake_late(tx, ctx.now)?;
        }
        Ok(after)
    })
}

/// A rule for a warning that no agreement in use asks for would be written in vain. One that stands there already has outlived
/// its agreement: it hinders no other edit.
fn known_thresholds(tx: &mut Tx, ctx: &Ctx<'_>, before: &Settings, after: &Settings) -> Result<()> {
    if before.clock_warning == after.clock_warning {
        return Ok(());
    }
    let book = book(ctx.app, tx)?;
    let targets = book.agreements().iter().flat_map(|it| &it.targets);
    let mut known: Vec<Threshold> = targets.flat_map(|target| target.warn.clone()).collect();
    known.sort_unstable();
    known.dedup();
    for rule in after.clock_warning.rules() {
        if let Step::At(threshold) = rule.step
            && !known.contains(&threshold)
            && !before
                .clock_warning
                .rules()
                .iter()
                .any(|it| it.step == rule.step)
        {
            let known: Vec<String> = known.iter().map(Threshold::to_string).collect();
            return Err(
                FieldError::new(SettingKey::ClockWarning.as_str(), "no-such-threshold")
                    .with("value", threshold.to_string())
                    .with("known", known.join(", "))
                    .into(),
            );
        }
    }
    Ok(())
}

/// The settings in force: the process's own configuration goes before what was set in the browser.
pub fn in_force(app: &App) -> Result<Settings> {
    app.store.read(|conn| in_force_with(app, conn))
}

/// As [`in_force`], on a connection that is open already.
pub fn in_force_with(app: &App, conn: &mut Conn) -> Result<Settings> {
    let mut settings = rows::all(conn)?;
    let config = &app.config;
    if config.public_url.is_some() {
        settings.public_url.clone_from(&config.public_url);
    }
    if config.smtp_relay.is_some() {
        settings.smtp_relay.clone_from(&config.smtp_relay);
    }
    if config.mail_from.is_some() {
        settings.mail_from.clone_from(&config.mail_from);
    }
    Ok(settings)
}

/// Whether mail can leave: a relay is known and its address can be read. Without one nobody can be paged by mail, and every page says so.
pub fn can_mail(app: &App, set: &Settings) -> bool {
    let relay = app.config.smtp_relay.as_deref();
    app.post
        .leads_somewhere(relay.or(set.smtp_relay.as_deref()))
}

/// The settings that the process's own configuration decides: what is set in the browser has no effect meanwhile.
pub fn overruled(app: &App) -> Vec<&'static str> {
    let config = &app.config;
    let decided = [
        ("public_url", config.public_url.is_some()),
        ("smtp_relay", config.smtp_relay.is_some()),
        ("mail_from", config.mail_from.is_some()),
    ];
    let decided = decided.into_iter().filter(|(_, is_decided)| *is_decided);
    decided.map(|(key, _)| key).collect()
}

/// What set-up asks for. No zone is guessed.
#[derive(Debug, Clone)]
pub struct Founding {
    pub admin: PersonDetails,
    pub password_hash: String,
    pub house_name: String,
    pub house_zone: Tz,
    pub public_url: String,
    pub smtp_relay: String,
    pub mail_from: String,
    pub team: String,
    pub service: String,
    /// A window in which changes don't begin.
    pub freeze: Option<freeze::Details>,
}

/// What was founded.
#[derive(Debug, Clone, Copy)]
pub struct Founded {
    pub admin: PersonId,
    pub team: TeamId,
    pub service: ServiceId,
}

/// Founds the house with the one-time link that was printed at start, and logs the founder in: the token for their cookie.
/// Of two browsers with the link one founds, and the other hears that there is nothing here.
pub fn set_up(ctx: &Ctx<'_>, token: &str, founding: &Founding, from: &From) -> Result<String> {
    let session = secrets::new_token("")?;
    let link = secrets::fingerprint(token);
    ctx.write(|tx| {
        let found = doors::link(tx, &link)?;
        if !found.is_some_and(|link| link.works(Purpose::SetUp, ctx.now)) {
            return Err(Error::NotFound);
        }
        if !doors::use_link(tx, &link, ctx.now)? {
            return Err(Error::NotFound);
        }
        let founded = found_in(tx, ctx, founding)?;
        let login = ensure_login(tx, ctx, Holder::Person(founded.admin))?;
        open_for(tx, ctx, login.id, from, &session)?;
        Ok(session.clone())
    })
}

/// Founds the house without a link, for the demo and for tests. Refused once there is anybody.
pub fn found(ctx: &Ctx<'_>, founding: &Founding) -> Result<Founded> {
    ctx.write(|tx| found_in(tx, ctx, founding))
}

fn found_in(tx: &mut Tx, ctx: &Ctx<'_>, founding: &Founding) -> Result<Founded> {
    if doors::is_founded(tx)? {
        return Err(Error::NotFound);
    }
    let mut fields = Fields::new();
    let mut settings = Settings::default();
    for (key, text) in [
        (SettingKey::HouseName, founding.house_name.as_str()),
        (SettingKey::HouseZone, founding.house_zone.name()),
        (SettingKey::PublicUrl, &founding.public_url),
        (SettingKey::SmtpRelay, &founding.smtp_relay),
        (SettingKey::MailFrom, &founding.mail_from),
    ] {
        fields.take(settings.set(key, text));
    }
    let named = |field: &'static str, text: &str| {
        name(text).map_err(|error| FieldError {
            field: field.into(),
            ..error
        })
    };
    let team = fields.take(named("team", &founding.team));
    let service = fields.take(named("service", &founding.service));
    fields.check()?;
    let (Some(team), Some(service)) = (team, service) else {
        return Err(Error::internal("checked fields have values"));
    };
    for key in SettingKey::ALL {
        rows::put(tx, *key, &settings.text(*key), ctx.now)?;
    }
    // The first person does everything until others come; auditing oneself would prove nothing.
    let all_but_auditor = Role::ALL
        .iter()
        .copied()
        .filter(|role| *role != Role::Auditor);
    let roles: Roles = all_but_auditor.collect();
    let admin = people::add(tx, ctx, &founding.admin, roles)?;
    let login = ensure_login(tx, ctx, Holder::Person(admin.id))?;
    doors::set_password(tx, login.id, &founding.password_hash, ctx.now)?;
    let team = add_team_in(
        tx,
        ctx,
        &TeamDetails {
            name: team,
            zone: founding.admin.zone,
            calendar_id: None,
            members: vec![admin.id],
        },
    )?;
    oncall::found_team(tx, ctx, team.id, admin.id, founding.admin.zone)?;
    let details = ServiceDetails {
        public_name: service.clone(),
        name: service,
        team_id: team.id,
        runbook_url: None,
        members_total: 1,
        members_needed: 1,
    };
    let service = add_service_in(tx, ctx, &details, &ServiceLists::default())?;
    agreement::found_house(tx, ctx, founding.house_zone)?;
    if let Some(details) = &founding.freeze {
        super::freeze::add_in(tx, ctx, details)?;
    }
    house::set_environments(tx, &["prod".to_owned(), "staging".to_owned()])?;
    audit::note(
        tx,
        ctx,
        "house-founded",
        &settings.house_name,
        &Facts::new(),
    )?;
    Ok(Founded {
        admin: admin.id,
        team: team.id,
        service: service.id,
    })
}
