//! The line to a mail server: found, encrypted, logged in; and the commands that leave a mailbox tidy.

use std::fmt;
use std::time::Duration;

use async_imap::Session;
use async_imap::error::Error as ImapError;
use futures_util::TryStreamExt;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::domain::mailbox::{After, Mailbox, Security, wire_name};

/// Longest wait for a connection, its encryption and its login, each.
const OPENING: Duration = Duration::from_secs(30);

/// Why a mailbox can't be read, for people.
#[derive(Debug)]
pub(super) struct Fault(String);

impl Fault {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ImapError> for Fault {
    fn from(error: ImapError) -> Self {
        Self(match error {
            ImapError::No(said) => format!("the mail server refuses: {said}"),
            ImapError::Bad(said) => format!("the mail server doesn't understand: {said}"),
            ImapError::ConnectionLost => "the line to the mail server broke".to_owned(),
            other => format!("the line to the mail server: {other}"),
        })
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self(format!("the line to the mail server: {error}"))
    }
}

impl From<tokio::time::error::Elapsed> for Fault {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self("the mail server doesn't answer".to_owned())
    }
}

/// What mail servers are spoken to over, encrypted or not.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Wire for T {}

type Client = async_imap::Client<Box<dyn Wire>>;

/// A server that knows us, and what it can do.
pub(super) struct Line {
    pub(super) session: Session<Box<dyn Wire>>,
    pub(super) knows_idle: bool,
    /// Deletes what is named, and nothing that others marked.
    knows_uid_expunge: bool,
    knows_move: bool,
}

/// Calls the server and logs in. A password crosses the network encrypted, or not at all.
pub(super) async fn connect(mailbox: &Mailbox, tls: &TlsConnector) -> Result<Line, Fault> {
    let place = (mailbox.host.as_str(), mailbox.port);
    let stream = timeout(OPENING, TcpStream::connect(place)).await??;
    stream.set_nodelay(true)?;
    let client = match mailbox.security {
        Security::Clear => greeted(Box::new(stream)).await?,
        Security::Wrapped => greeted(encrypted(Box::new(stream), mailbox, tls).await?).await?,
        Security::Required => {
            let mut client = greeted(Box::new(stream)).await?;
            let asked = client.run_command_and_check_ok("STARTTLS", None);
            timeout(OPENING, asked).await??;
            // What the server sent before the handshake in clear text is forgotten with the client.
            async_imap::Client::new(encrypted(client.into_inner(), mailbox, tls).await?)
        }
    };
    let login = client.login(&mailbox.user, &mailbox.password);
    let mut session = timeout(OPENING, login).await?.map_err(|(error, _)| error)?;
    let can = timeout(OPENING, session.capabilities()).await??;
    Ok(Line {
        session,
        knows_idle: can.has_str("IDLE"),
        knows_uid_expunge: can.has_str("UIDPLUS"),
        knows_move: can.has_str("MOVE"),
    })
}

async fn greeted(wire: Box<dyn Wire>) -> Result<Client, Fault> {
    let mut client = async_imap::Client::new(wire);
    match timeout(OPENING, client.read_response()).await?? {
        Some(_) => Ok(client),
        None => Err(ImapError::ConnectionLost.into()),
    }
}

async fn encrypted(
    wire: Box<dyn Wire>,
    mailbox: &Mailbox,
    tls: &TlsConnector,
) -> Result<Box<dyn Wire>, Fault> {
    let name = ServerName::try_from(mailbox.host.clone())
        .map_err(|_| Fault::new(format!("`{}` is no host name", mailbox.host)))?;
    Ok(Box::new(timeout(OPENING, tls.connect(name, wire)).await??))
}

impl Line {
    /// Does with these mails what is wanted of mail that is ours.
    pub(super) async fn tidy(&mut self, after: &After, uids: &str) -> Result<(), ImapError> {
        match after {
            After::Keep => Ok(()),
            After::Seen => self.flag(uids, "\\Seen").await,
            After::Delete => self.delete(uids).await,
            After::Move(folder) => {
                let folder = wire_name(folder);
                if self.knows_move {
                    return self.session.uid_mv(uids, &folder).await;
                }
                self.session.uid_copy(uids, &folder).await?;
                self.delete(uids).await
            }
        }
    }

    async fn flag(&mut self, uids: &str, flag: &str) -> Result<(), ImapError> {
        let query = format!("+FLAGS.SILENT ({flag})");
        let told = self.session.uid_store(uids, query).await?;
        told.try_for_each(|_| std::future::ready(Ok(()))).await
    }

    /// A server without UIDPLUS keeps them marked: its EXPUNGE would take along what others marked.
    async fn delete(&mut self, uids: &str) -> Result<(), ImapError> {
        self.flag(uids, "\\Deleted").await?;
        if self.knows_uid_expunge {
            let gone = self.session.uid_expunge(uids).await?;
            gone.try_for_each(|_| std::future::ready(Ok(()))).await?;
        }
        Ok(())
    }
}
