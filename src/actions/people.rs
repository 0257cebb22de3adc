//! Staff: inviting, granting, deactivating, and what people keep of themselves.

use crate::actions::login::{ensure_login, send_link, shut_out};
use crate::actions::{allow, audit};
use crate::app::Ctx;
use crate::domain::access::{Action, Principal, Role, Roles, Target};
use crate::domain::delivery::Channel;
use crate::domain::holidays;
use crate::domain::id::{Id, PersonId, TeamId};
use crate::domain::login::Purpose;
use crate::domain::people::{
    Person, PersonDetails, ScreenChoice, Way, check_last_admin, web_address,
};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::text::EmailAddress;
use crate::domain::timeline::Facts;
use crate::error::{Error, Fields, Result, is_unique_violation};
use crate::secrets;
use crate::store::people::{self as rows, Holder};
use crate::store::{self, Tx, house};

/// Ways of one person: each is tried for a page.
const MOST_WAYS: usize = 10;

/// A person who was just invited.
#[derive(Debug, Clone)]
pub struct Invited {
    pub id: PersonId,
    /// The path of their link, for whoever invited them to hand over where mail doesn't go out.
    pub path: String,
}

/// Adds a person with grants and teams, and sends them a link to choose their password.
pub fn invite(
    ctx: &Ctx<'_>,
    details: &PersonDetails,
    roles: Roles,
    teams: &[TeamId],
) -> Result<Invited> {
    allow(&ctx.by, Action::ManagePeople, Target::House)?;
    let invited = ctx.write(|tx| {
        let person = add(tx, ctx, details, roles)?;
        for team in teams {
            let mut members = house::members(tx, *team)?;
            members.push(person.id);
            house::set_members(tx, *team, &members, ctx.now)?;
        }
        let login = ensure_login(tx, ctx, Holder::Person(person.id))?;
        let path = send_link(tx, ctx, &login, Purpose::Invite)?;
        audit::note(tx, ctx, "person-invited", &person.name, &role_facts(roles))?;
        Ok(Invited {
            id: person.id,
            path,
        })
    });
    invited.map_err(|error| address_taken(ctx, &details.email, error))
}

/// A person without a password or link yet.
pub(super) fn add(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    details: &PersonDetails,
    roles: Roles,
) -> Result<Person> {
    let person = Person {
        id: Id::new(ctx.now),
        name: details.name.clone(),
        email: details.email.clone(),
        zone: details.zone,
        phone: details.phone.clone(),
        roles,
        is_active: true,
        version: 1,
    };
    rows::insert_person(tx, &person, ctx.now)?;
    Ok(person)
}

/// A unique violation here means that the mail address is somebody's already: says whose.
pub(super) fn address_taken(ctx: &Ctx<'_>, email: &EmailAddress, error: Error) -> Error {
    if !is_unique_violation(&error) {
        return error;
    }
    let name = ctx.read(|conn| {
        Ok(match rows::holder(conn, email)? {
            Some(Holder::Person(id)) => rows::person(conn, id)?.map(|person| person.name),
            Some(Holder::Contact(id)) => rows::contact(conn, id)?.map(|contact| contact.name),
            None => None,
        })
    });
    let name = name.ok().flatten().unwrap_or_else(|| "none".to_owned());
    FieldError::new("email", "address-taken")
        .with("name", name)
        .into()
}

fn role_facts(roles: Roles) -> Facts {
    let words: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
    Facts::new().with("roles", words.join(" "))
}

/// Sends the invitation again; the former link stops working.
pub fn invite_again(ctx: &Ctx<'_>, id: PersonId) -> Result<String> {
    allow(&ctx.by, Action::ManagePeople, Target::House)?;
    ctx.write(|tx| {
        let person = active(tx, id)?;
        let login = ensure_login(tx, ctx, Holder::Person(id))?;
        let path = send_link(tx, ctx, &login, Purpose::Invite)?;
        audit::note(tx, ctx, "person-invited", &person.name, &Facts::new())?;
        Ok(path)
    })
}

fn active(tx: &mut Tx, id: PersonId) -> Result<Person> {
    rows::person(tx, id)?
        .filter(|person| person.is_active)
        .ok_or(Error::NotFound)
}

/// Changes what is known of a person. `rev` is the version that the form showed.
pub fn edit(ctx: &Ctx<'_>, id: PersonId, rev: i64, details: &PersonDetails) -> Result<Person> {
    allow(&ctx.by, Action::ManagePeople, Target::House)?;
    let edited = ctx.write(|tx| {
        let mut person = rows::person(tx, id)?.ok_or(Error::NotFound)?;
        let new_address = person.email != details.email;
        person.version = rev;
        person.name = details.name.clone();
        person.email = details.email.clone();
        person.zone = details.zone;
        person.phone = details.phone.clone();
        rows::update_person(tx, &mut person)?;
        if new_address {
            // Links went to the old address; sessions may be those of whoever reads mail there.
            shut_out(tx, ctx, Holder::Person(id), false)?;
        }
        audit::note(tx, ctx, "person-edited", &person.name, &Facts::new())?;
        Ok(person)
    });
    edited.map_err(|error| address_taken(ctx, &details.email, error))
}

/// What people change of themselves; their mail address, which is how they come in, an admin changes.
pub fn edit_profile(ctx: &Ctx<'_>, rev: i64, details: &PersonDetails) -> Result<Person> {
    let id = ctx.by.person().ok_or(Error::NotFound)?;
    allow(&ctx.by, Action::KeepOwnAccount, Target::Of(id))?;
    ctx.write(|tx| {
        let mut person = active(tx, id)?;
        person.version = rev;
        person.name = details.name.clone();
        person.zone = details.zone;
        person.phone = details.phone.clone();
        rows::update_person(tx, &mut person)?;
        Ok(person)
    })
}

/// One way to be reached, as typed; `None` for an empty text.
pub fn parse_way(
    channel: Channel,
    text: &str,
) -> std::result::Result<Option<(Channel, String)>, FieldError> {
    match channel {
        Channel::Mail if text.trim().is_empty() => Ok(None),
        Channel::Mail => {
            let email = EmailAddress::parse(text).map_err(|error| FieldError {
                field: "way_mail".into(),
                ..error
            })?;
            Ok(Some((channel, email.as_str().to_owned())))
        }
        Channel::Webhook => Ok(web_address("way_webhook", text)?.map(|url| (channel, url))),
    }
}

/// Ways to be reached, as typed line by line. Empty lines are left out; with none it is mail, which every account has.
pub fn parse_ways(mails: &[&str], hooks: &[&str]) -> Result<Vec<(Channel, String)>> {
    let mut fields = Fields::new();
    let mails = mails.iter().map(|text| parse_way(Channel::Mail, text));
    let hooks = hooks.iter().map(|text| parse_way(Channel::Webhook, text));
    let mut ways = Vec::new();
    for read in mails.chain(hooks) {
        ways.extend(fields.take(read).flatten());
    }
    fields.check()?;
    Ok(ways)
}

/// Makes these one's own ways to be reached, in this order; none: by one's mail address. With the first webhook comes the secret
/// that signs its calls: it is answered this once.
pub fn set_ways(ctx: &Ctx<'_>, ways: &[(Channel, String)]) -> Result<Option<String>> {
    let id = ctx.by.person().ok_or(Error::NotFound)?;
    allow(&ctx.by, Action::KeepOwnWays, Target::Of(id))?;
    check_ways(ways)?;
    let has_hook = ways.iter().any(|(channel, _)| *channel == Channel::Webhook);
    let secret = secrets::new_signing_secret()?;
    ctx.write(|tx| {
        put_ways(tx, ctx, id, ways)?;
        if !has_hook || rows::signing_secret(tx, id)?.is_some() {
            return Ok(None);
        }
        put_secret(tx, ctx, id, &secret)?;
        Ok(Some(secret.clone()))
    })
}

/// A new secret for the calls to one's own webhooks; the one before signs nothing any more.
pub fn renew_signing_secret(ctx: &Ctx<'_>) -> Result<String> {
    let id = ctx.by.person().ok_or(Error::NotFound)?;
    allow(&ctx.by, Action::KeepOwnWays, Target::Of(id))?;
    let secret = secrets::new_signing_secret()?;
    ctx.write(|tx| put_secret(tx, ctx, id, &secret))?;
    Ok(secret)
}

fn put_secret(tx: &mut Tx, ctx: &Ctx<'_>, id: PersonId, secret: &str) -> Result<()> {
    let person = rows::person(tx, id)?.ok_or(Error::NotFound)?;
    rows::set_signing_secret(tx, id, secret, ctx.now)?;
    audit::note(tx, ctx, "signing-secret-made", &person.name, &Facts::new())
}

/// As [`set_ways`], for somebody else.
pub fn set_ways_of(ctx: &Ctx<'_>, id: PersonId, ways: &[(Channel, String)]) -> Result<()> {
    allow(&ctx.by, Action::ManagePeople, Target::House)?;
    check_ways(ways)?;
    ctx.write(|tx| put_ways(tx, ctx, id, ways))
}

fn check_ways(ways: &[(Channel, String)]) -> Result<()> {
    if ways.len() > MOST_WAYS {
        return Err(FieldError::new("way_mail", "too-many-ways")
            .with("max", MOST_WAYS.to_string())
            .into());
    }
    Ok(())
}

fn put_ways(tx: &mut Tx, ctx: &Ctx<'_>, id: PersonId, ways: &[(Channel, String)]) -> Result<()> {
    let person = rows::person(tx, id)?.ok_or(Error::NotFound)?;
    let ways: Vec<Way> = ways
        .iter()
        .map(|(channel, address)| Way {
            id: Id::new(ctx.now),
            channel: *channel,
            address: address.clone(),
        })
        .collect();
    rows::set_ways(tx, id, &ways)?;
    audit::note(tx, ctx, "ways-set", &person.name, &Facts::new())
}

/// Sets what one's own screens do.
pub fn choose_screen(ctx: &Ctx<'_>, choice: ScreenChoice) -> Result<()> {
    let id = ctx.by.person().ok_or(Error::NotFound)?;
    allow(&ctx.by, Action::KeepOwnAccount, Target::Of(id))?;
    ctx.write(|tx| rows::set_screen_choice(tx, id, choice))
}

/// Makes a person's grants exactly `roles`. Their sessions end, so that nobody goes on with powers they have lost.
pub fn grant(ctx: &Ctx<'_>, id: PersonId, roles: Roles) -> Result<()> {
    allow(&ctx.by, Action::ManagePeople, Target::House)?;
    ctx.write(|tx| {
        let person = rows::person(tx, id)?.ok_or(Error::NotFound)?;
        if person.roles == roles {
            return Ok(());
        }
        check_admin_remains(tx, &person, roles)?;
        rows::set_roles(tx, id, roles, ctx.now)?;
        shut_out(tx, ctx, Holder::Person(id), false)?;
        audit::note(tx, ctx, "roles-granted", &person.name, &role_facts(roles))
    })
}

/// Takes the admins' rows first, so that two admins who remove each other at the same moment come one after the other.
fn check_admin_remains(tx: &mut Tx, person: &Person, will_be: Roles) -> Result<()> {
    rows::hold_grants(tx, Role::Admin)?;
    let admins = rows::holders_of(tx, Role::Admin)?;
    let others = admins.iter().filter(|id| **id != person.id).count();
    let was = if person.is_active {
        person.roles
    } else {
        Roles::NONE
    };
    Ok(check_last_admin(was, will_be, others as i64)?)
}

/// Takes a person off every list and shuts their sessions, links and tokens. What they did keeps their name.
pub fn deactivate(ctx: &Ctx<'_>, id: PersonId) -> Result<()> {
    allow(&ctx.by, Action::ManagePeople, Target::House)?;
    if ctx.by.person() == Some(id) {
        return Err(Refusal::new("not-yourself").into());
    }
    ctx.write(|tx| {
        let mut person = active(tx, id)?;
        check_admin_remains(tx, &person, Roles::NONE)?;
        person.is_active = false;
        rows::update_person(tx, &mut person)?;
        shut_out(tx, ctx, Holder::Person(id), true)?;
        audit::note(tx, ctx, "person-deactivated", &person.name, &Facts::new())
    })
}

/// Deactivates a person or lets them in again.
pub fn set_active(ctx: &Ctx<'_>, id: PersonId, is_active: bool) -> Result<()> {
    if is_active {
        reactivate(ctx, id)
    } else {
        deactivate(ctx, id)
    }
}

/// Lets a person in again, with the grants they had.
pub fn reactivate(ctx: &Ctx<'_>, id: PersonId) -> Result<()> {
    allow(&ctx.by, Action::ManagePeople, Target::House)?;
    ctx.write(|tx| {
        let mut person = rows::person(tx, id)?.ok_or(Error::NotFound)?;
        if person.is_active {
            return Ok(());
        }
        person.is_active = true;
        rows::update_person(tx, &mut person)?;
        audit::note(tx, ctx, "person-reactivated", &person.name, &Facts::new())
    })
}

/// Makes somebody an admin again from the command line: an installation whose admins have all gone can be rescued.
pub fn rescue(ctx: &Ctx<'_>, details: &PersonDetails) -> Result<PersonId> {
    ctx.write(|tx| {
        let id = match rows::holder(tx, &details.email)? {
            Some(Holder::Contact(_)) => return Err(Refusal::new("is-a-contact").into()),
            Some(Holder::Person(id)) => id,
            None => add(tx, ctx, details, Roles::NONE)?.id,
        };
        let mut person = rows::person(tx, id)?.ok_or(Error::NotFound)?;
        if !person.is_active {
            person.is_active = true;
            rows::update_person(tx, &mut person)?;
        }
        let mut roles = person.roles;
        roles.insert(Role::Admin);
        rows::set_roles(tx, id, roles, ctx.now)?;
        audit::note(tx, ctx, "person-rescued", &person.name, &role_facts(roles))?;
        Ok(id)
    })
}

/// Says whose public holidays somebody has; empty: nobody's. People say it of themselves, and who keeps people of everybody.
pub fn set_holidays(ctx: &Ctx<'_>, id: PersonId, code: &str) -> Result<()> {
    // An account is kept at a screen; by a token it is done with the power to keep people.
    let is_own = matches!(&ctx.by, Principal::Person { id: own, .. } if *own == id);
    if is_own {
        allow(&ctx.by, Action::KeepOwnAccount, Target::Of(id))?;
    } else {
        allow(&ctx.by, Action::ManagePeople, Target::House)?;
    }
    let code = match code.trim() {
        "" => None,
        code => Some(holidays::parse_set("holidays", code)?.code.as_str()),
    };
    ctx.write(|tx| {
        let person = rows::person(tx, id)?.ok_or(Error::NotFound)?;
        rows::set_holidays(tx, id, code)?;
        store::version::raise(tx)?;
        let facts = Facts::new().with_some("holidays", code);
        audit::note(tx, ctx, "holidays-set", &person.name, &facts)
    })
}
