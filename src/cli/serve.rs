//! `watchkeeper serve`: migrates, starts jobs and listeners, serves until it is told to stop.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::app::App;
use crate::config::Config;
use crate::store::Store;
use crate::store::backend::DatabaseUrl;
use crate::store::migrate::{self, Standing};
use crate::time::TimeSource;
use crate::{http, jobs, listen, telemetry};

pub(super) fn run(config: Config) -> anyhow::Result<()> {
    telemetry::start_logs(&config).map_err(anyhow::Error::msg)?;
    let began = Instant::now();
    let store = Store::open(&config.database)?;
    bring_up(&store)?;
    let app = Arc::new(App::new(store, TimeSource::system(), config)?);
    serve(app, began)
}

/// Serves an open house until a signal.
pub(super) fn serve(app: Arc<App>, began: Instant) -> anyhow::Result<()> {
    let listener = TcpListener::bind(app.config.listen)
        .with_context(|| format!("`listen` is `{}`", app.config.listen))?;
    let address = listener.local_addr()?;
    let printer = telemetry::start_metrics();
    let mark = RunningMark::set(&app)?;
    let (lost, was_lost) = watch_commits(&app)?;
    let running = jobs::start(&app)?;
    let scheme = if app.config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let outcome = actix_web::rt::System::new().block_on(async {
        let (stop_mail, mail_stops) = tokio::sync::watch::channel(false);
        let listeners = listen::smtp::bind(&app).await?;
        let mail = tokio::spawn(listen::smtp::serve(
            Arc::clone(&app),
            listeners,
            mail_host(&app.config),
            mail_tls(&app.config)?,
            mail_stops.clone(),
        ));
        let mailboxes = tokio::spawn(listen::imap::watch(
            Arc::clone(&app),
            tokio_rustls::TlsConnector::from(Arc::new(
                crate::tls::to_servers(app.config.imap_ca.as_deref())
                    .map_err(std::io::Error::other)?,
            )),
            mail_stops,
        ));
        let server = http::server::start(Arc::clone(&app), listener, printer)?;
        let handle = server.handle();
        actix_web::rt::spawn(async move {
            tokio::select! {
                signal = told_to_stop() => {
                    tracing::info!(signal, "stopping: requests under way are finished");
                }
                _ = lost => {}
            }
            handle.stop(true).await;
        });
        say_how_to_begin(&app, &format!("{scheme}://{address}"));
        tracing::info!(
            millis = began.elapsed().as_millis() as u64,
            "serving at {scheme}://{address}"
        );
        let outcome = server.await;
        // Mails under way are finished or stay with their sender; a listener that is gone already needs no word.
        let _ = stop_mail.send(true);
        for ways_in in [mail, mailboxes] {
            if let Err(error) = ways_in.await {
                tracing::error!(%error, "a way in for mail ended badly");
            }
        }
        outcome
    });
    running.stop();
    if let Some(why) = was_lost.get() {
        // The mark stays: the next start looks at the whole database.
        anyhow::bail!("a commit failed on the disk ({why})");
    }
    mark.clear();
    outcome.context("the web server")
}

/// Whoever waits is answered within this time; then the process ends, whatever else is under way.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Watches for a COMMIT that the disk failed: the first answer comes then, and the reason is kept in the second.
fn watch_commits(
    app: &Arc<App>,
) -> std::io::Result<(tokio::sync::oneshot::Receiver<()>, Arc<OnceLock<String>>)> {
    let (tell, lost) = tokio::sync::oneshot::channel();
    let was_lost = Arc::new(OnceLock::new());
    let (app, why) = (Arc::clone(app), Arc::clone(&was_lost));
    let thread = std::thread::Builder::new().name("commits".to_owned());
    thread.spawn(move || {
        let said = why.get_or_init(|| app.store.until_lost());
        tracing::error!(
            error = said,
            "a commit failed on the disk: stopping; what was acknowledged is there after a restart"
        );
        // The receiver is gone if it is stopping anyhow.
        let _ = tell.send(());
        // Answers under way get out; then it ends, whatever hangs.
        std::thread::sleep(LAST_WORDS);
        std::process::exit(1);
    })?;
    Ok((lost, was_lost))
}

/// On a fresh installation: the one-time link, on the terminal and not in the log, which others may read.
fn say_how_to_begin(app: &App, here: &str) {
    let ctx = app.system("start", crate::domain::timeline::Door::Cli);
    match crate::actions::login::set_up_path(&ctx) {
        Ok(Some(path)) => {
            let place = app.config.public_url.as_deref().unwrap_or(here);
            println!(
                "\nNobody has set this up yet. Open this link, which works once:\n\n  {place}{path}\n"
            );
        }
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "no set-up link could be made"),
    }
}

/// Our name in SMTP greetings: the host of `public_url`, else this machine's.
fn mail_host(config: &Config) -> String {
    crate::render::letter::host_of(config.public_url.as_deref())
}

/// STARTTLS with the web server's certificate.
fn mail_tls(config: &Config) -> std::io::Result<Option<tokio_rustls::TlsAcceptor>> {
    let Some((cert, key)) = &config.tls else {
        return Ok(None);
    };
    let tls = crate::tls::read(cert, key).map_err(std::io::Error::other)?;
    Ok(Some(tokio_rustls::TlsAcceptor::from(Arc::new(tls))))
}

async fn told_to_stop() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        // Without signals the process can only be killed; that is safe too.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

/// Makes the schema this binary's, after a copy of what was there.
pub(super) fn bring_up(store: &Store) -> anyhow::Result<()> {
    match migrate::standing(store)? {
        Standing::Current => return Ok(()),
        Standing::Newer(unknown) => anyhow::bail!(newer(&unknown)),
        Standing::Empty => {}
        Standing::Behind(missing) => {
            let copy = crate::store::backup::before_migrating(store)?;
            tracing::info!(missing, copy = %copy.display(), "migrating; the database as it was is in the copy");
        }
    }
    migrate::up(store)?;
    Ok(())
}

pub(super) fn newer(unknown: &[String]) -> String {
    format!(
        "a newer Watchkeeper has migrated this database (unknown: {}): use that version, or restore a backup made before it",
        unknown.join(", ")
    )
}

/// A file beside the embedded database while it is served. Found at start, the last stop was no stop but a fall: the database is
/// checked in the background while people are served and paged.
struct RunningMark(Option<PathBuf>);

impl RunningMark {
    fn set(app: &Arc<App>) -> anyhow::Result<Self> {
        let DatabaseUrl::Sqlite(path) = &app.config.database else {
            return Ok(Self(None));
        };
        let mark = path.with_extension("running");
        metrics::gauge!(FAULTS).set(0.0);
        if mark.exists() {
            check_in_background(app, path);
        }
        std::fs::write(&mark, std::process::id().to_string())
            .with_context(|| mark.display().to_string())?;
        Ok(Self(Some(mark)))
    }

    fn clear(self) {
        if let Some(mark) = self.0
            && let Err(error) = std::fs::remove_file(&mark)
        {
            tracing::warn!(%error, mark = %mark.display(), "the mark of a running server stays");
        }
    }
}

/// How many faults the check after an unclean stop found; 0 also where none was needed.
const FAULTS: &str = "watchkeeper_database_faults";

fn check_in_background(app: &Arc<App>, path: &Path) {
    let (app, path) = (Arc::clone(app), path.to_owned());
    let thread = std::thread::Builder::new()
        .name("check".to_owned())
        .spawn(move || {
            tracing::warn!("the last stop was unclean; the database is checked in the background");
            match crate::store::backup::check(&path) {
                Ok(faults) if faults.is_empty() => tracing::info!("the database is whole"),
                Ok(faults) => {
                    tracing::error!(?faults, "the database is damaged: restore a backup");
                    metrics::gauge!(FAULTS).set(faults.len() as f64);
                    // Nobody else sets it.
                    let _ = app.damage.set(faults);
                }
                Err(error) => tracing::error!(%error, "the database could not be checked"),
            }
        });
    if let Err(error) = thread {
        tracing::error!(%error, "the database is not checked");
    }
}
