//! `watchkeeper demo`: a believable team with a month behind it, made anew each time and served.
//!
//! The month is lived through the same actions and jobs as a real one, with the clock moved by hand; only then the real clock
//! takes over. Nothing is written past them.

mod after;
mod agreements;
pub mod crowd;
mod deploys;
mod house;
mod life;
mod month;
mod outage;
mod storefront;
mod texts;
mod today;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;

use crate::actions::{approval_rule, freeze};
use crate::app::App;
use crate::config::Config;
use crate::domain::approval;
use crate::domain::freeze::Details;
use crate::domain::settings::{SettingKey, Settings};
use crate::domain::severity::Risk;
use crate::domain::text::EmailAddress;
use crate::domain::timestamp::Timestamp;
use crate::store::{Store, Tx, migrate, settings};
use crate::time::TimeSource;

/// Stands in a folder that the demo made and may make anew.
const MARK: &str = "this-is-a-demo";
/// How far back the demo's life begins.
const DAYS: i64 = 31;
/// For everybody in the demo. It guards nothing: the demo listens on loopback.
const PASSWORD: &str = "keep the watch";

#[derive(clap::Args)]
pub struct DemoArgs {
    /// So many tickets of the three years before, to see how it is with a million.
    #[arg(long, value_name = "N")]
    tickets: Option<u64>,
}

pub(super) fn run(mut config: Config, args: &DemoArgs) -> anyhow::Result<()> {
    let began = Instant::now();
    crate::telemetry::start_logs(&config).map_err(anyhow::Error::msg)?;
    empty(&config.data)?;
    // Pages and letters of the demo go into a folder, whatever the environment says.
    config.smtp_relay = None;
    config.mail_folder = Some(config.data.join("outbox"));
    config.git_folder = Some(config.data.join("git"));
    let public_url = config
        .public_url
        .get_or_insert_with(|| format!("http://{}", config.listen))
        .clone();

    let login = make(
        &config,
        TimeSource::system().now(),
        args.tickets.unwrap_or(0),
    )?;
    let app = Arc::new(App::new(
        Store::open(&config.database)?,
        TimeSource::system(),
        config,
    )?);
    println!(
        "The demo is ready after {} ms.",
        began.elapsed().as_millis()
    );
    println!("  Open     {public_url}");
    println!("  Log in   {login}");
    println!("  Password {PASSWORD}");
    println!(
        "  Push to  {} (its hook tells this service)",
        storefront::Storefront::folder(&app.config.data).display()
    );
    super::serve::serve(app, began)
}

/// Fills an empty database with a month that ends at `until`, and with `tickets` of the years before; who may log in.
pub fn make(config: &Config, until: Timestamp, tickets: u64) -> anyhow::Result<EmailAddress> {
    let days = match tickets {
        0 => DAYS,
        _ => crowd::DAYS,
    };
    let start = until.plus_secs(-days * 86_400);
    let store = Store::open(&config.database)?;
    store.hurry()?;
    migrate::up(&store)?;
    anyhow::ensure!(
        !store.read(crate::store::login::is_founded)?,
        "this database is somebody's: the demo needs an empty one"
    );
    let app = App::new(store, TimeSource::manual(start), config.clone())?;
    let public_url = config
        .public_url
        .as_deref()
        .context("the demo needs an address")?;
    let house = house::found(&app, public_url, PASSWORD).context("the demo's house")?;
    // Nobody lives there to answer them: self-tests begin when somebody opens it.
    let hours = |hours: &str| {
        let put = |tx: &mut Tx| settings::put(tx, SettingKey::SelfTestHours, hours, app.time.now());
        app.store.write(put)
    };
    hours("0")?;
    if tickets > 0 {
        crowd::fill(&app, &house, tickets, until).context("the demo's many tickets")?;
        // From here on the month is lived; the years before lie in one piece.
        app.time.set(until.plus_secs(-DAYS * 86_400));
    }
    let storefront = storefront::Storefront::found(
        &app,
        storefront::Storefront::folder(&config.data),
        public_url,
        &house.ines,
        house.checkout,
    )
    .context("the demo's repository")?;
    let life = life::Life {
        app: &app,
        house: &house,
        storefront: &storefront,
    };
    month::live(&life, until).context("the demo's month")?;
    // Last: what the month's changes did on Fridays was before it.
    let friday = Details::friday(
        "No changes on Friday",
        app.store.read(settings::all)?.house_zone,
    );
    freeze::add(&house.ines.at(&app), &friday).context("the demo's freeze")?;
    let risky = approval::Details {
        name: "Two for what is risky".to_owned(),
        when: approval::When {
            min_risk: Some(Risk::High),
            ..approval::When::default()
        },
        needs: approval::Needs {
            approvers: 2,
            ..approval::Needs::HOUSE
        },
        binds_commits: false,
        valid_secs: approval::HOUSE_SECS,
        reminders: approval::Reminders::default(),
        is_active: true,
    };
    approval_rule::add(&house.ines.at(&app), &risky).context("the demo's rule about approvals")?;
    hours(&Settings::default().text(SettingKey::SelfTestHours))?;
    Ok(house.ines.email)
}

/// Makes the folder anew, if it is a demo's; anything else in it is somebody's.
fn empty(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        let is_ours = folder.join(MARK).exists();
        let is_empty = std::fs::read_dir(folder)?.next().is_none();
        anyhow::ensure!(
            is_ours || is_empty,
            "{} holds something that is no demo: name another folder with --data",
            folder.display()
        );
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    std::fs::write(
        folder.join(MARK),
        "Made by `watchkeeper demo`, which makes this folder anew each time.\n",
    )?;
    Ok(())
}
