//! The line to a mail server: found, encrypted, logged in; and the commands that leave a mailbox tidy.

use std::fmt;
use std::time::Duration;

use async_imap::Session;
use async_imap::error::Error as ImapError;
use async_imap::imap_proto::{AttributeValue, MailboxDatum, Response, Status};
use chrono::DateTime;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::domain::mailbox::{After, Mailbox, Security, wire_name};
use crate::domain::timestamp::Timestamp;

/// Longest wait for a connection, its encryption and its login, each.
const OPENING: Duration = Duration::from_secs(30);

/// Longest text of a fault.
const FAULT_CHARS: usize = 300;

/// Why a mailbox can't be read, for people.
#[derive(Debug)]
pub(super) struct Fault(String);

impl Fault {
    /// Cut: a parser's complaint quotes all that it was given, mails among it.
    pub(super) fn new(text: impl Into<String>) -> Self {
        let mut text = text.into();
        if let Some((end, _)) = text.char_indices().nth(FAULT_CHARS) {
            text.truncate(end);
        }
        Self(text)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ImapError> for Fault {
    fn from(error: ImapError) -> Self {
        Self::new(match error {
            ImapError::No(said) => format!("the mail server refuses: {said}"),
            ImapError::Bad(said) => format!("the mail server doesn't understand: {said}"),
            ImapError::ConnectionLost => "the line to the mail server broke".to_owned(),
            other => format!("the line to the mail server: {other}"),
        })
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::new(format!("the line to the mail server: {error}"))
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
    /// The server told of new mail while something else was asked.
    pub(super) has_news: bool,
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
        has_news: false,
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
        let command = format!("UID STORE {uids} +FLAGS.SILENT ({flag})");
        self.session.run_command_and_check_ok(command).await
    }

    /// A server without UIDPLUS keeps them marked: its EXPUNGE would take along what others marked.
    async fn delete(&mut self, uids: &str) -> Result<(), ImapError> {
        self.flag(uids, "\\Deleted").await?;
        if self.knows_uid_expunge {
            let command = format!("UID EXPUNGE {uids}");
            self.session.run_command_and_check_ok(command).await?;
        }
        Ok(())
    }

    /// Asks for something of these mails, and returns what was given once the server says that it is all. The library's own way takes
    /// a line that broke for the end of the list.
    pub(super) async fn fetch(&mut self, uids: &str, what: &str) -> Result<Vec<Given>, ImapError> {
        let id = self
            .session
            .run_command(format!("UID FETCH {uids} {what}"))
            .await?;
        let mut all = Vec::new();
        loop {
            let told = self.session.read_response().await?;
            let told = told.ok_or(ImapError::ConnectionLost)?;
            match told.parsed() {
                Response::Fetch(_, values) => all.extend(Given::of(values)),
                Response::MailboxData(MailboxDatum::Exists(_)) => self.has_news = true,
                Response::Done {
                    tag,
                    status,
                    outcome,
                } if *tag == id => {
                    let said = outcome.information.as_deref().unwrap_or_default();
                    return match status {
                        Status::Ok => Ok(all),
                        Status::No => Err(ImapError::No(said.to_owned())),
                        Status::Bad | Status::PreAuth | Status::Bye => {
                            Err(ImapError::Bad(said.to_owned()))
                        }
                    };
                }
                _ => {}
            }
        }
    }
}

/// What a server gives of a mail.
pub(super) struct Given {
    pub(super) uid: u32,
    /// When the server received it.
    pub(super) at: Option<Timestamp>,
    pub(super) size: usize,
    /// The whole, or the part that was asked for.
    pub(super) bytes: Option<Vec<u8>>,
}

impl Given {
    /// Nothing without a UID: a change of flags that somebody else made.
    fn of(values: &[AttributeValue<'_>]) -> Option<Self> {
        let mut uid = None;
        let mut given = Self {
            uid: 0,
            at: None,
            size: 0,
            bytes: None,
        };
        for value in values {
            match value {
                AttributeValue::Uid(is) => uid = Some(*is),
                AttributeValue::Rfc822Size(is) => given.size = *is as usize,
                AttributeValue::InternalDate(is) => given.at = received_at(is),
                AttributeValue::BodySection { data, .. } => {
                    given.bytes = data.as_ref().map(|bytes| bytes.to_vec());
                }
                _ => {}
            }
        }
        given.uid = uid?;
        Some(given)
    }
}

/// `17-Jul-1996 02:44:25 -0700`, with a blank before a day of one digit.
fn received_at(text: &str) -> Option<Timestamp> {
    let at = DateTime::parse_from_str(text.trim(), "%d-%b-%Y %H:%M:%S %z").ok()?;
    Some(Timestamp::from_micros(at.timestamp_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_date_is_read_in_its_own_zone() {
        let at = |text| received_at(text).map(|at| at.rfc3339());
        let read = at("17-Jul-1996 02:44:25 -0700");
        assert_eq!(read.as_deref(), Some("1996-07-17T09:44:25Z"));
        assert_eq!(
            at(" 1-Jun-2026 00:00:00 +0000").as_deref(),
            Some("2026-06-01T00:00:00Z")
        );
        for wrong in ["", "yesterday", "32-Jan-2026 00:00:00 +0000"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }
}
