//! A mailbox on a mail server that is watched for mail: where it is, who we are there, and what becomes of a mail that was taken in.

use std::fmt;

/// How the connection is kept from listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Wrapped,
    /// STARTTLS, and nothing without it.
    Required,
    /// None: the server is this machine.
    Clear,
}

/// What becomes of a mail in the mailbox once it is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// Marked as read.
    Seen,
    /// Left as it is.
    Keep,
    Delete,
    /// Moved into this folder.
    Move(String),
}

/// With which mail a mailbox begins that wasn't watched before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// With what arrives from now on: what lies there was somebody's work before.
    New,
    All,
}

/// One mailbox: `imaps://user:password@host/INBOX?after=seen&first=new`.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub user: String,
    pub password: String,
    pub folder: String,
    pub after: After,
    pub first: First,
}

impl Mailbox {
    /// Reads the address of a mailbox. What user, password and folder need that an address can't hold is written as `%40`.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let (wrapped, rest) = match url.trim().split_once("://") {
            Some(("imaps", rest)) => (true, rest),
            Some(("imap", rest)) => (false, rest),
            _ => return Err("it begins with `imaps://` or `imap://`"),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, place) = rest
            .rsplit_once('@')
            .ok_or("user and password are wanted before an `@`")?;
        let (user, password) = login
            .split_once(':')
            .ok_or("a password is wanted behind the user's `:`")?;
        let (place, folder) = place.split_once('/').unwrap_or((place, ""));
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') && !port.contains(']') => {
                (host, port.parse().map_err(|_| "the port is no number")?)
            }
            _ => (place, if wrapped { 993 } else { 143 }),
        };
        let host = host.trim_matches(['[', ']']);
        if host.is_empty() || user.is_empty() {
            return Err("a user and a host are wanted");
        }
        let is_here = matches!(host, "localhost" | "127.0.0.1" | "::1");
        let mut mailbox = Mailbox {
            host: host.to_owned(),
            port,
            security: match (wrapped, is_here) {
                (true, _) => Security::Wrapped,
                (false, true) => Security::Clear,
                (false, false) => Security::Required,
            },
            user: decoded(user)?,
            password: decoded(password)?,
            folder: match folder {
                "" => "INBOX".to_owned(),
                folder => decoded(folder)?,
            },
            after: After::Seen,
            first: First::New,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("after", "seen")) => mailbox.after = After::Seen,
                Some(("after", "keep")) => mailbox.after = After::Keep,
                Some(("after", "delete")) => mailbox.after = After::Delete,
                Some(("after", folder)) if folder.starts_with("move:") => {
                    let folder = decoded(folder.trim_start_matches("move:"))?;
                    if folder.is_empty() || folder == mailbox.folder {
                        return Err("`after=move:` wants another folder");
                    }
                    mailbox.after = After::Move(folder);
                }
                Some(("first", "new")) => mailbox.first = First::New,
                Some(("first", "all")) => mailbox.first = First::All,
                _ => {
                    return Err(
                        "behind the `?` stand `after=` seen, keep, delete or move:Folder, and `first=` new or all",
                    );
                }
            }
        }
        Ok(mailbox)
    }

    /// By which it is known in the database, in logs and on pages.
    pub fn name(&self) -> String {
        format!("{}@{}:{}/{}", self.user, self.host, self.port, self.folder)
    }
}

/// Without the password.
impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailbox({})", self.name())
    }
}

/// `%40` as `@`.
fn decoded(text: &str) -> Result<String, &'static str> {
    const WRONG: &str =
        "behind a `%` stand two hexadecimal digits, and no control character comes of them";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2).ok_or(WRONG)?;
        let digits = std::str::from_utf8(digits).map_err(|_| WRONG)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| WRONG)?);
        rest = behind;
    }
    let text = String::from_utf8(bytes).map_err(|_| WRONG)?;
    match text.chars().any(char::is_control) {
        true => Err(WRONG),
        false => Ok(text),
    }
}

/// A folder's name as IMAP carries it: modified UTF-7 (RFC 3501, 5.1.3).
pub fn wire_name(folder: &str) -> String {
    use base64::Engine;
    use base64::alphabet::IMAP_MUTF7;
    use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
    let mut wire = String::with_capacity(folder.len());
    let mut other = Vec::new();
    let shift = |wire: &mut String, other: &mut Vec<u8>| {
        if !other.is_empty() {
            wire.push('&');
            GeneralPurpose::new(&IMAP_MUTF7, NO_PAD).encode_string(&*other, wire);
            wire.push('-');
            other.clear();
        }
    };
    for c in folder.chars() {
        if (' '..='~').contains(&c) {
            shift(&mut wire, &mut other);
            wire.push(c);
            if c == '&' {
                wire.push('-');
            }
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                other.extend(unit.to_be_bytes());
            }
        }
    }
    shift(&mut wire, &mut other);
    wire
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_read_from_its_address() {
        let read = |url| Mailbox::parse(url).unwrap();
        let plain = read("imaps://support%40x.example:p%3Ass@mail.x.example");
        assert_eq!(
            (
                plain.user.as_str(),
                plain.password.as_str(),
                plain.port,
                plain.security
            ),
            ("support@x.example", "p:ss", 993, Security::Wrapped)
        );
        assert_eq!(
            (plain.folder.as_str(), plain.after, plain.first),
            ("INBOX", After::Seen, First::New)
        );
        let full = read("imap://u:p@[::1]:1143/Anfragen%2F2026?after=move:Erledigt&first=all");
        assert_eq!(
            (
                full.host.as_str(),
                full.port,
                full.security,
                full.folder.as_str(),
                full.first
            ),
            ("::1", 1143, Security::Clear, "Anfragen/2026", First::All)
        );
        assert_eq!(full.after, After::Move("Erledigt".to_owned()));
        assert_eq!(
            read("imap://u:p@mail.x.example").security,
            Security::Required
        );
        assert!(!format!("{full:?}").contains(":p@"));
        for wrong in [
            "mail.x.example",
            "pop3://u:p@h",
            "imaps://h",
            "imaps://u@h",
            "imaps://u:p@",
            "imaps://:p@h",
            "imaps://u:p@h:x",
            "imaps://u:p%4@h",
            "imaps://u:p%0a@h",
            "imaps://u:p@h?after=burn",
            "imaps://u:p@h?after=move:",
            "imaps://u:p@h/A?after=move:A",
            "imaps://u:p@h?what",
        ] {
            assert!(Mailbox::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn folder_names_travel_in_modified_utf_7() {
        for (folder, wire) in [
            ("INBOX", "INBOX"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("A&B", "A&-B"),
            ("台北", "&U,BTFw-"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ] {
            assert_eq!(wire_name(folder), wire);
        }
    }
}
