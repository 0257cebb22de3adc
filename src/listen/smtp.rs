//! The sockets behind the SMTP and LMTP dialogue: reads, stores, answers. A mail is committed before its `250` is written.
//!
//! Every wait has an end: a silent peer is cut, and so is one that trickles. Connections are counted; one too many hears
//! `421` and goes. Storing runs on the blocking pool, where concurrent mails share a commit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::session::{Dialect, Event, Rules, Session, Stored, Taken};
use crate::actions::{intake, spool};
use crate::app::App;
use crate::domain::intake::Way;
use crate::error::Error;

/// Connections at a time, over all listeners of this process: each may hold one mail in memory.
const CONNECTIONS: usize = 100;
/// A peer that says nothing for this long is cut (RFC 5321 wants five minutes for commands).
const IDLE: Duration = Duration::from_secs(300);
/// Longest life of one connection: a relay that has more to say comes again.
const WHOLE: Duration = Duration::from_secs(3_600);
const READ_BYTES: usize = 64 * 1024;
/// A peer that doesn't take our answer for this long is cut.
const GRACE: Duration = Duration::from_secs(60);

/// One listening socket and its dialect.
pub struct Listener {
    pub socket: TcpListener,
    pub dialect: Dialect,
}

/// Everything that connections share.
struct Shared {
    app: Arc<App>,
    tls: Option<TlsAcceptor>,
    room: Semaphore,
    host: String,
}

/// The listeners that the configuration asks for, bound. The error names the setting.
pub async fn bind(app: &App) -> std::io::Result<Vec<Listener>> {
    let wanted = [
        ("smtp_listen", app.config.smtp_listen, Dialect::Smtp),
        ("lmtp_listen", app.config.lmtp_listen, Dialect::Lmtp),
    ];
    let mut listeners = Vec::new();
    for (setting, address, dialect) in wanted {
        let Some(address) = address else { continue };
        let socket = TcpListener::bind(address).await.map_err(|error| {
            std::io::Error::new(error.kind(), format!("`{setting}` is `{address}`: {error}"))
        })?;
        tracing::info!(address = %socket.local_addr()?, "taking mail by {}", setting.trim_end_matches("_listen").to_uppercase());
        listeners.push(Listener { socket, dialect });
    }
    Ok(listeners)
}

/// Serves until `stop` changes; mails under way are finished.
pub async fn serve(
    app: Arc<App>,
    listeners: Vec<Listener>,
    host: String,
    tls: Option<TlsAcceptor>,
    stop: watch::Receiver<bool>,
) {
    let shared = Arc::new(Shared {
        app,
        tls,
        room: Semaphore::new(CONNECTIONS),
        host,
    });
    let mut running = JoinSet::new();
    for listener in listeners {
        running.spawn(accept(Arc::clone(&shared), listener, stop.clone()));
    }
    while running.join_next().await.is_some() {}
}

async fn accept(shared: Arc<Shared>, listener: Listener, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.socket.accept() => accepted,
            _ = stop.changed() => break,
            // Finished connections are taken off the list as they end.
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (shared, stop) = (Arc::clone(&shared), stop.clone());
                let dialect = listener.dialect;
                connections.spawn(async move {
                    if let Err(error) =
                        timeout(WHOLE, serve_one(&shared, stream, peer, dialect, stop)).await
                    {
                        tracing::debug!(%peer, %error, "a mail connection lived too long");
                    }
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: waiting is all that helps.
                tracing::error!(%error, "a mail connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn serve_one(
    shared: &Shared,
    mut stream: TcpStream,
    peer: SocketAddr,
    dialect: Dialect,
    stop: watch::Receiver<bool>,
) {
    let Ok(_seat) = shared.room.try_acquire() else {
        // It hears why and tries again later; a failed farewell changes nothing.
        let _ = stream
            .write_all(b"421 4.3.2 too many connections, try again later\r\n")
            .await;
        return;
    };
    // Answers are small and waited for: Nagle would hold each one back for 40 ms.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "no TCP_NODELAY");
    }
    let rules = Rules {
        dialect,
        host: shared.host.clone(),
        limit_bytes: shared.app.config.mail_limit_bytes,
        offers_tls: shared.tls.is_some(),
    };
    let mut session = Session::new(rules);
    let greeting = session.greeting();
    if stream.write_all(greeting.as_bytes()).await.is_err() {
        return;
    }
    let ended = match talk(shared, &mut session, &mut stream, stop.clone()).await {
        Ok(End::StartTls) => match &shared.tls {
            Some(acceptor) => match timeout(Duration::from_secs(30), acceptor.accept(stream)).await
            {
                Ok(Ok(mut encrypted)) => {
                    session.encrypted();
                    talk(shared, &mut session, &mut encrypted, stop)
                        .await
                        .map(|_| ())
                }
                Ok(Err(error)) => Err(error),
                Err(_) => Ok(()),
            },
            None => Ok(()),
        },
        Ok(End::Closed) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a mail connection broke");
    }
}

enum End {
    Closed,
    StartTls,
}

async fn talk<S>(
    shared: &Shared,
    session: &mut Session,
    stream: &mut S,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = vec![0; READ_BYTES];
    let mut out = Vec::new();
    loop {
        let read = tokio::select! {
            read = timeout(IDLE, stream.read(&mut buffer)) => read,
            // Between mails a stop is an ordinary goodbye; during one, the sender keeps its copy.
            _ = stop.changed() => {
                stream.write_all(b"421 4.3.2 going down, try again later\r\n").await?;
                return Ok(End::Closed);
            }
        };
        let size = match read {
            Ok(read) => read?,
            Err(_) => {
                stream
                    .write_all(b"421 4.4.2 too quiet, good-bye\r\n")
                    .await?;
                return Ok(End::Closed);
            }
        };
        if size == 0 {
            return Ok(End::Closed);
        }
        let mut bytes = &buffer[..size];
        while let Some(event) = session.feed(&mut bytes, &mut out) {
            match event {
                Event::Mail(mail) => {
                    let stored = store(shared, mail, session.dialect()).await;
                    session.settle(stored, &mut out);
                }
                Event::StartTls => {
                    // What was sent before the handshake in clear text isn't looked at (CVE-2011-0411).
                    stream.write_all(&out).await?;
                    return Ok(End::StartTls);
                }
                Event::Close => {
                    stream.write_all(&out).await?;
                    stream.shutdown().await?;
                    return Ok(End::Closed);
                }
            }
        }
        if !out.is_empty() {
            timeout(GRACE, stream.write_all(&out)).await??;
            out.clear();
        }
    }
}

/// Stores it durably, or says why the sender must keep it.
async fn store(shared: &Shared, mail: Taken, dialect: Dialect) -> Stored {
    let app = Arc::clone(&shared.app);
    let way = match dialect {
        Dialect::Smtp => Way::Smtp,
        Dialect::Lmtp => Way::Lmtp,
    };
    let outcome = tokio::task::spawn_blocking(move || {
        let (from, to) = (Some(mail.from.as_str()), &mail.to);
        match intake::accept(&app, way, from, to, &mail.raw) {
            Ok(_) => Ok(()),
            Err(error @ Error::Unavailable(_)) => {
                spool::keep(&app.config, app.time.now(), way, from, to, &mail.raw)
                    .inspect(|()| tracing::warn!(%error, "a mail is kept in the spool"))
                    .map_err(|why| {
                        tracing::debug!(%why, "the spool doesn't take it either");
                        error
                    })
            }
            Err(error) => Err(error),
        }
    })
    .await;
    match outcome {
        Ok(Ok(())) => {
            metrics::counter!("watchkeeper_mail_accepted_total").increment(1);
            Stored::Yes
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "a mail could not be stored; its sender keeps it");
            match error {
                Error::Full => Stored::NoRoom,
                _ => Stored::NotNow,
            }
        }
        Err(error) => {
            tracing::error!(%error, "storing a mail failed; its sender keeps it");
            Stored::NotNow
        }
    }
}
