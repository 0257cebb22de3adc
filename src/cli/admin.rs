//! `watchkeeper admin`: for whoever keeps the machine, when nobody can log in. It needs the database and no password: who can
//! read the database's file is its keeper already. Everything it does stands in the audit.

use std::io::BufRead;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use crate::actions::{login, people, settings};
use crate::app::App;
use crate::domain::access::{Principal, Role, Roles};
use crate::domain::login::check_password;
use crate::domain::people::{Person, PersonDetails};
use crate::domain::text::EmailAddress;
use crate::domain::timeline::Door;
use crate::error::Error;
use crate::store::people::Holder;
use crate::words::Words;
use crate::{secrets, store};

#[derive(Subcommand)]
pub(super) enum AdminVerb {
    /// Who is here, and what they may do.
    List,
    /// Makes this person an admin, new or known, and prints a link that sets their password once.
    Rescue(RescueArgs),
    /// Sets a password, read from standard input; all their sessions end.
    SetPassword(Who),
    /// Makes a person's grants exactly these.
    Grant(GrantArgs),
    /// Makes a new key for links, reply addresses and Message-IDs: for a copy that runs beside its original. Stop the server first.
    NewKey(NewKeyArgs),
}

#[derive(Args)]
pub(super) struct NewKeyArgs {
    /// Yes: answers to letters that were sent until now are to open tickets of their own, and links in them are to lead nowhere.
    #[arg(long)]
    yes: bool,
}

#[derive(Args)]
pub(super) struct Who {
    /// Mail address of the person.
    email: String,
}

#[derive(Args)]
pub(super) struct RescueArgs {
    /// Mail address of the person.
    email: String,
    /// Their name, if they are new.
    #[arg(long)]
    name: Option<String>,
    /// Their time zone, if they are new, such as Europe/Stockholm.
    #[arg(long)]
    zone: Option<String>,
}

#[derive(Args)]
pub(super) struct GrantArgs {
    /// Mail address of the person.
    email: String,
    /// viewer, responder, lead, change_approver, auditor, admin; none takes all away.
    roles: Vec<String>,
}

pub(super) fn run(app: &App, verb: &AdminVerb) -> anyhow::Result<()> {
    match verb {
        AdminVerb::List => list(app),
        AdminVerb::Rescue(args) => rescue(app, args),
        AdminVerb::SetPassword(who) => set_password(app, &who.email),
        AdminVerb::Grant(args) => grant(app, args),
        AdminVerb::NewKey(args) => new_key(app, args),
    }
}

/// The keeper of the machine.
const KEEPER: Principal = Principal::System("admin command");

fn list(app: &App) -> anyhow::Result<()> {
    let mut people = app.store.read(store::people::persons)?;
    people.sort_by_key(|person| (!person.is_active, person.name.to_lowercase()));
    for person in people {
        let gone = if person.is_active {
            ""
        } else {
            "  (deactivated)"
        };
        println!(
            "{:<32} {:<36} {}{gone}",
            person.name,
            person.email,
            words_of(person.roles)
        );
    }
    Ok(())
}

fn words_of(roles: Roles) -> String {
    roles.iter().map(Role::as_str).collect::<Vec<_>>().join(" ")
}

fn address(text: &str) -> anyhow::Result<EmailAddress> {
    EmailAddress::parse(text).map_err(|error| told(Error::from(error)))
}

/// An error in the words that people read.
pub(super) fn told(error: Error) -> anyhow::Error {
    let words = Words::english();
    match error {
        Error::Invalid(problems) => {
            let lines = problems
                .iter()
                .map(|it| format!("{}: {}", it.field, words.problem(it)));
            anyhow::anyhow!(lines.collect::<Vec<_>>().join("\n"))
        }
        Error::Refused(refusal) | Error::Forbidden(refusal) => {
            anyhow::anyhow!(words.refusal(&refusal))
        }
        other => other.into(),
    }
}

fn find(app: &App, email: &EmailAddress) -> anyhow::Result<Option<Person>> {
    let found = app
        .store
        .read(|conn| match store::people::holder(conn, email)? {
            Some(Holder::Person(id)) => store::people::person(conn, id),
            Some(Holder::Contact(_)) | None => Ok(None),
        })?;
    Ok(found)
}

fn rescue(app: &App, args: &RescueArgs) -> anyhow::Result<()> {
    let email = address(&args.email)?;
    let details = match find(app, &email)? {
        Some(person) => PersonDetails {
            name: person.name,
            email: person.email,
            zone: person.zone,
            phone: person.phone,
        },
        None => {
            let (Some(name), Some(zone)) = (&args.name, &args.zone) else {
                bail!("nobody has the address {email}: give --name and --zone to make them");
            };
            PersonDetails::parse(name, email.as_str(), zone, "")
                .map_err(|errors| told(Error::Invalid(errors)))?
        }
    };
    let ctx = app.ctx(KEEPER, Door::Cli);
    let id = people::rescue(&ctx, &details).map_err(told)?;
    let path = login::rescue_path(&ctx, id).map_err(told)?;
    let place = settings::in_force(app)?.public_url.unwrap_or_default();
    println!(
        "{} is an admin. This link sets their password; it works once, for an hour:\n",
        details.name
    );
    println!("  {place}{path}\n");
    Ok(())
}

fn set_password(app: &App, email: &str) -> anyhow::Result<()> {
    let email = address(email)?;
    let person = find(app, &email)?.with_context(|| format!("nobody has the address {email}"))?;
    eprintln!("New password for {} (one line):", person.name);
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .context("standard input")?;
    let password = line.trim_end_matches(['\r', '\n']);
    check_password(password, &[&person.name, person.email.as_str()])
        .map_err(|error| told(error.into()))?;
    let hash = secrets::hash_password(password)?;
    let ctx = app.ctx(KEEPER, Door::Cli);
    login::rescue_password(&ctx, &email, &hash).map_err(told)?;
    println!("The password is set; {} has to log in again.", person.name);
    Ok(())
}

fn grant(app: &App, args: &GrantArgs) -> anyhow::Result<()> {
    let email = address(&args.email)?;
    let person = find(app, &email)?.with_context(|| format!("nobody has the address {email}"))?;
    let mut roles = Roles::NONE;
    for word in &args.roles {
        match word.parse() {
            Ok(role) => roles.insert(role),
            Err(()) => bail!("`{word}` is no grant: use {}", words_of(Roles::all())),
        }
    }
    let ctx = app.ctx(KEEPER, Door::Cli);
    people::grant(&ctx, person.id, roles).map_err(told)?;
    println!("{}: {}", person.name, words_of(roles));
    Ok(())
}

fn new_key(app: &App, args: &NewKeyArgs) -> anyhow::Result<()> {
    if !args.yes {
        bail!(
            "with a new key, answers to letters that were sent until now open tickets of their own, marked as another installation's, \
             and links in those letters lead nowhere. If that is meant, say --yes"
        );
    }
    settings::renew_signing_key(&app.ctx(KEEPER, Door::Cli)).map_err(told)?;
    println!(
        "There is a new key. A server that runs still has the old one: start it again, on every node."
    );
    Ok(())
}
