//! Configuration: a TOML file, then the environment, then flags; later wins. Every key stands once, in [`KEYS`], which is also
//! the table of the README. Whatever is wrong is named, all at once, with what would be right.

mod mail;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use tracing_subscriber::EnvFilter;

use crate::domain::mailbox::Mailbox;
use crate::domain::text::EmailAddress;
use crate::domain::trouble::Least;
use crate::intake::smime::Authorities;
use crate::store::backend::DatabaseUrl;

/// One setting of this process. What people may change while it runs lies in the database (the settings page).
pub struct Key {
    pub name: &'static str,
    pub default: &'static str,
    pub meaning: &'static str,
}

/// Every key, in the order of the documentation. `WATCHKEEPER_` and the upper-case name is the environment variable.
pub const KEYS: &[Key] = &[
    Key {
        name: "data",
        default: "data",
        meaning: "folder of the embedded database",
    },
    Key {
        name: "database",
        default: "",
        meaning: "`postgres://user@host/name`, or the path of an SQLite file; empty: `watchkeeper.db` in `data`",
    },
    Key {
        name: "listen",
        default: "127.0.0.1:8080",
        meaning: "address of the web server",
    },
    Key {
        name: "public_url",
        default: "",
        meaning: "how people reach it from outside; set-up asks for it",
    },
    Key {
        name: "tls_cert",
        default: "",
        meaning: "PEM file with the certificate chain; with `tls_key` the web server speaks HTTPS",
    },
    Key {
        name: "tls_key",
        default: "",
        meaning: "PEM file with the private key",
    },
    Key {
        name: "trusted_proxies",
        default: "",
        meaning: "addresses, separated by commas, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed",
    },
    Key {
        name: "smtp_listen",
        default: "",
        meaning: "address of the SMTP listener, such as `127.0.0.1:2525`; empty: off",
    },
    Key {
        name: "lmtp_listen",
        default: "",
        meaning: "address of the LMTP listener, such as `127.0.0.1:2424`; empty: off",
    },
    Key {
        name: "imap",
        default: "",
        meaning: "mailboxes to fetch mail from, separated by commas: `imaps://user:password@host/INBOX`; behind a `?` may stand `after=` `seen` (marked as read, the default), `keep`, `delete` or `move:Folder`, and `first=` `new` (what arrives from now on, the default) or `all`; `%40` is an `@` and `%2C` a comma",
    },
    Key {
        name: "imap_ca",
        default: "",
        meaning: "PEM file with the authority that signed the mail server's certificate, if it is your own",
    },
    Key {
        name: "smtp_relay",
        default: "",
        meaning: "where mail goes out: `smtp://host:25`, `smtps://user:password@host`; `smtp` takes STARTTLS where it is offered, and sends a password to another host only under it; empty: what set-up was told",
    },
    Key {
        name: "mail_from",
        default: "",
        meaning: "sender of our mail, such as `watchkeeper@example.org`; empty: what set-up was told",
    },
    Key {
        name: "mail_auth_relay",
        default: "",
        meaning: "the name by which our own relay signs `Authentication-Results`; its DMARC verdict says whether mail from staff is theirs: then it may do what their roles let them do in the browser; empty: nobody's is believed",
    },
    Key {
        name: "mail_spool",
        default: "",
        meaning: "a Maildir whose mail is taken in, and in which listeners and `watchkeeper mail` keep what comes in while the database is away; empty: none, and such mail stays with its sender",
    },
    Key {
        name: "smime_ca",
        default: "",
        meaning: "PEM file with the authorities whose S/MIME certificates are believed; empty: signatures are checked, their issuers aren't",
    },
    Key {
        name: "mail_folder",
        default: "",
        meaning: "development: write outgoing mail into this folder instead of sending it",
    },
    Key {
        name: "dkim_domain",
        default: "",
        meaning: "domain for which outgoing mail is signed, that of `mail_from`; with `dkim_selector` and `dkim_key`; empty: mail isn't signed here",
    },
    Key {
        name: "dkim_selector",
        default: "",
        meaning: "name of the key in the domain's DNS; `watchkeeper mail dkim` prints the record",
    },
    Key {
        name: "dkim_key",
        default: "",
        meaning: "PEM file with the private key, RSA or Ed25519",
    },
    Key {
        name: "webhook_private",
        default: "false",
        meaning: "allow outgoing webhooks to private addresses",
    },
    Key {
        name: "upload_limit_mb",
        default: "25",
        meaning: "largest upload through a form or the API, 1 to 1000",
    },
    Key {
        name: "mail_limit_mb",
        default: "50",
        meaning: "largest mail taken in, 1 to 1000",
    },
    Key {
        name: "mail_silence_minutes",
        default: "60",
        meaning: "so long without any mail, at an hour at which each of the last four weeks had some, is a health mark; 0: never",
    },
    Key {
        name: "min_free_mb",
        default: "1024",
        meaning: "with fewer free megabytes on the embedded database's disk nothing new is taken in for the time being: mail stays with its sender, tickets, notes, files and hooks are refused with 507; reading, answering and paging go on; 0: whatever is free",
    },
    Key {
        name: "min_free_percent",
        default: "5",
        meaning: "the same with less of the disk free, in percent; 0: whatever is free",
    },
    Key {
        name: "git_folder",
        default: "",
        meaning: "folder of bare repositories, by the names that they are registered under: whether what is live still reverts cleanly is tried there (and in our own copies of forges' repositories), in memory, and which steps of a database's schema (`.sql` in a folder of migrations) came without their way back",
    },
    Key {
        name: "git_ca",
        default: "",
        meaning: "PEM file with the authorities that the certificates of forges lead to, if they are your own; the system's don't count then",
    },
    Key {
        name: "metrics_from",
        default: "127.0.0.1,::1",
        meaning: "addresses that may read `/metrics`",
    },
    Key {
        name: "log",
        default: "info",
        meaning: "log filter, such as `info,watchkeeper::jobs=debug`",
    },
    Key {
        name: "log_format",
        default: "text",
        meaning: "`text` or `json`",
    },
];

/// With what outgoing mail is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dkim {
    pub domain: String,
    pub selector: String,
    /// A PEM file, which only the process that sends has to be able to read.
    pub key: PathBuf,
}

#[derive(Debug, Clone)]
pub struct Config {
    pub data: PathBuf,
    pub database: DatabaseUrl,
    pub listen: SocketAddr,
    pub public_url: Option<String>,
    pub tls: Option<(PathBuf, PathBuf)>,
    pub trusted_proxies: Vec<IpAddr>,
    pub smtp_listen: Option<SocketAddr>,
    pub lmtp_listen: Option<SocketAddr>,
    pub imap: Vec<Mailbox>,
    pub imap_ca: Option<PathBuf>,
    pub smtp_relay: Option<String>,
    pub mail_from: Option<EmailAddress>,
    pub mail_auth_relay: Option<String>,
    pub mail_spool: Option<PathBuf>,
    pub smime_ca: Authorities,
    pub mail_folder: Option<PathBuf>,
    pub dkim: Option<Dkim>,
    pub webhook_private: bool,
    pub upload_limit_bytes: usize,
    pub mail_limit_bytes: usize,
    pub mail_silence_secs: i64,
    /// Below which room on the disk nothing new is taken in.
    pub min_free: Least,
    /// Repositories that can be read here.
    pub git_folder: Option<PathBuf>,
    /// Whose certificates of forges are believed, in place of the system's.
    pub git_ca: Option<PathBuf>,
    pub metrics_from: Vec<IpAddr>,
    pub log: String,
    pub log_json: bool,
}

impl Config {
    /// Reads `file` (if it is named it must exist), then the environment, then `flags`. The error lists every fault, one a line.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(&'static str, String)],
    ) -> Result<Self, String> {
        Self::load_with(&[], file, environment, flags)
    }

    /// As [`Config::load`], with other defaults than those of [`KEYS`].
    pub fn load_with(
        defaults: &[(&'static str, &str)],
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(&'static str, String)],
    ) -> Result<Self, String> {
        Self::reader(defaults, file, environment, flags).read()
    }

    /// As [`Config::load_with`], for who serves: certificate and key have to be there and fit each other too, and so has the
    /// key that signs mail. Other commands may run
    /// as somebody who can't read the key.
    pub fn load_to_serve(
        defaults: &[(&'static str, &str)],
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(&'static str, String)],
    ) -> Result<Self, String> {
        let mut reader = Self::reader(defaults, file, environment, flags);
        reader.check_tls();
        reader.check_authority("imap_ca");
        reader.check_authority("git_ca");
        reader.check_dkim();
        reader.read()
    }

    fn reader(
        defaults: &[(&'static str, &str)],
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(&'static str, String)],
    ) -> Reader {
        let mut values: Values = defaults
            .iter()
            .map(|(key, value)| (*key, ((*value).to_owned(), "default".to_owned())))
            .collect();
        let mut faults = Vec::new();
        if let Some(path) = file {
            match std::fs::read_to_string(path) {
                Ok(text) => read_file(path, &text, &mut values, &mut faults),
                Err(error) => faults.push(format!("{}: {error}", path.display())),
            }
        }
        for (name, value) in environment {
            let Some(key) = name.strip_prefix("WATCHKEEPER_").map(str::to_lowercase) else {
                continue;
            };
            match known(&key) {
                Some(key) => {
                    drop(values.insert(key, (value, format!("environment variable {name}"))))
                }
                None => faults.push(unknown(&key, &format!("environment variable {name}"))),
            }
        }
        for (key, value) in flags {
            values.insert(key, (value.clone(), format!("--{}", key.replace('_', "-"))));
        }
        Reader { values, faults }
    }

    /// The defaults, with the data in `folder`.
    pub fn in_folder(folder: &Path) -> Self {
        Self::load(
            None,
            std::iter::empty(),
            &[("data", folder.to_string_lossy().into_owned())],
        )
        .expect("the defaults are valid")
    }
}

type Values = BTreeMap<&'static str, (String, String)>;

fn known(name: &str) -> Option<&'static str> {
    KEYS.iter().map(|key| key.name).find(|key| *key == name)
}

fn unknown(name: &str, place: &str) -> String {
    let near = KEYS
        .iter()
        .map(|key| key.name)
        .min_by_key(|key| distance(key, name))
        .expect("there are keys");
    format!("{place}: `{name}` is no setting; did you mean `{near}`?")
}

/// Edit distance, for the suggestion only.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let next = (corner + usize::from(x != y))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            corner = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}

fn read_file(path: &Path, text: &str, values: &mut Values, faults: &mut Vec<String>) {
    let place = path.display().to_string();
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return faults.push(format!("{place}: {error}")),
    };
    for (name, value) in table {
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(flag) => flag.to_string(),
            toml::Value::Array(items) => items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect::<Vec<_>>()
                .join(","),
            other => {
                faults.push(format!(
                    "{place}: `{name}` is a {}; a text, number, true/false or list is wanted",
                    other.type_str()
                ));
                continue;
            }
        };
        match known(&name) {
            Some(key) => drop(values.insert(key, (text, place.clone()))),
            None => faults.push(unknown(&name, &place)),
        }
    }
}

struct Reader {
    values: Values,
    faults: Vec<String>,
}

impl Reader {
    fn text(&self, name: &'static str) -> String {
        match self.values.get(name) {
            Some((value, _)) => value.trim().to_owned(),
            None => KEYS
                .iter()
                .find(|key| key.name == name)
                .map_or("", |key| key.default)
                .to_owned(),
        }
    }

    fn optional(&self, name: &'static str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    fn fault(&mut self, name: &'static str, wanted: &str) {
        let (value, place) = self.values.get(name).cloned().unwrap_or_default();
        self.faults
            .push(format!("{place}: `{name}` is `{value}`; {wanted}"));
    }

    fn parsed<T: std::str::FromStr>(&mut self, name: &'static str, wanted: &str) -> Option<T> {
        let text = self.optional(name)?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.fault(name, wanted);
        }
        parsed
    }

    fn addresses(&mut self, name: &'static str) -> Vec<IpAddr> {
        let text = self.text(name);
        let parts: Vec<&str> = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect();
        let parsed: Vec<IpAddr> = parts.iter().filter_map(|part| part.parse().ok()).collect();
        if parsed.len() != parts.len() {
            self.fault(name, "IP addresses separated by commas are wanted");
        }
        parsed
    }

    fn megabytes(&mut self, name: &'static str) -> usize {
        match self.parsed::<usize>(name, "a number of megabytes from 1 to 1000 is wanted") {
            Some(size @ 1..=1000) => size * 1024 * 1024,
            Some(_) => {
                self.fault(name, "a number of megabytes from 1 to 1000 is wanted");
                0
            }
            None => 0,
        }
    }

    fn check_tls(&mut self) {
        let (Some(cert), Some(key)) = (self.optional("tls_cert"), self.optional("tls_key")) else {
            return;
        };
        if let Err(why) = crate::tls::read(Path::new(&cert), Path::new(&key)) {
            let wanted = "PEM files of a certificate chain and of its key are wanted in `tls_cert` and `tls_key`";
            self.fault("tls_cert", &format!("{why}; {wanted}"));
        }
    }

    fn read(mut self) -> Result<Config, String> {
        const ADDRESS: &str = "an address with a port is wanted, such as `127.0.0.1:8080`";
        let data = PathBuf::from(self.text("data"));
        let database = match self.optional("database") {
            None => DatabaseUrl::Sqlite(data.join("watchkeeper.db")),
            Some(text) => DatabaseUrl::parse(&text).unwrap_or_else(|_| {
                self.fault(
                    "database",
                    "`postgres://user@host/name` or the path of an SQLite file is wanted",
                );
                DatabaseUrl::Sqlite(PathBuf::new())
            }),
        };
        let listen = self.parsed("listen", ADDRESS);
        let public_url = self
            .optional("public_url")
            .map(|url| url.trim_end_matches('/').to_owned());
        if public_url.as_deref().is_some_and(|url| !is_public_url(url)) {
            self.fault(
                "public_url",
                "`https://` or `http://`, a host and nothing behind it is wanted",
            );
        }
        let tls = match (self.optional("tls_cert"), self.optional("tls_key")) {
            (Some(cert), Some(key)) => Some((cert.into(), key.into())),
            (None, None) => None,
            (Some(_), None) => {
                self.fault("tls_cert", "`tls_key` is wanted beside it");
                None
            }
            (None, Some(_)) => {
                self.fault("tls_key", "`tls_cert` is wanted beside it");
                None
            }
        };
        let log_json = match self.text("log_format").as_str() {
            "json" => true,
            "text" => false,
            _ => {
                self.fault("log_format", "`text` or `json` is wanted");
                false
            }
        };
        let log = self.text("log");
        if let Err(why) = log_filter(&log) {
            self.fault(
                "log",
                &format!("{why}; `error`, `warn`, `info`, `debug`, `trace` or `off` is wanted, and perhaps such a word for one part, as in `info,watchkeeper::jobs=debug`"),
            );
        }
        let mail = self.mail();
        let imap = self.mailboxes();
        let config = Config {
            imap,
            imap_ca: self.optional("imap_ca").map(PathBuf::from),
            trusted_proxies: self.addresses("trusted_proxies"),
            smtp_listen: self.parsed("smtp_listen", ADDRESS),
            lmtp_listen: self.parsed("lmtp_listen", ADDRESS),
            smtp_relay: mail.smtp_relay,
            mail_from: mail.mail_from,
            mail_auth_relay: self.optional("mail_auth_relay"),
            mail_spool: self.optional("mail_spool").map(PathBuf::from),
            git_folder: self.optional("git_folder").map(PathBuf::from),
            git_ca: self.optional("git_ca").map(PathBuf::from),
            smime_ca: self.authorities(),
            mail_folder: self.optional("mail_folder").map(PathBuf::from),
            dkim: self.dkim(),
            webhook_private: self
                .parsed("webhook_private", "`true` or `false` is wanted")
                .unwrap_or(false),
            upload_limit_bytes: self.megabytes("upload_limit_mb"),
            mail_limit_bytes: self.megabytes("mail_limit_mb"),
            mail_silence_secs: self
                .parsed::<u32>(
                    "mail_silence_minutes",
                    "a whole number of minutes is wanted",
                )
                .map_or(0, i64::from)
                .saturating_mul(60),
            min_free: self.min_free(),
            metrics_from: self.addresses("metrics_from"),
            log,
            log_json,
            data,
            database,
            public_url,
            tls,
            listen: listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
        };
        if self.faults.is_empty() {
            Ok(config)
        } else {
            Err(self.faults.join("\n"))
        }
    }
}

impl Reader {
    fn min_free(&mut self) -> Least {
        let megabytes = self.parsed::<u64>("min_free_mb", "a whole number of megabytes is wanted");
        let percent = self.parsed::<u64>("min_free_percent", "a whole number, 0 to 99, is wanted");
        if percent.is_some_and(|percent| percent > 99) {
            self.fault("min_free_percent", "a whole number, 0 to 99, is wanted");
        }
        Least {
            bytes: megabytes.unwrap_or(0).saturating_mul(1024 * 1024),
            percent: percent.unwrap_or(0),
        }
    }
}

/// The log's filter, or why it is none. A word that stands alone has to be a level: taken for the name of a part of the program, as
/// `EnvFilter` does, a mistyped level would switch everything else off.
pub fn log_filter(text: &str) -> Result<EnvFilter, String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    for part in &parts {
        let level = part.rsplit_once('=').map_or(*part, |(_, level)| level);
        let is_level = level
            .parse::<tracing_subscriber::filter::LevelFilter>()
            .is_ok();
        // Nothing at all would be read as `error`.
        if level.is_empty() || !is_level {
            return Err(format!("`{level}` is no level"));
        }
    }
    EnvFilter::try_new(parts.join(",")).map_err(|error| error.to_string())
}

/// `http(s)://host[:port]` and nothing else: it is the start of every link that leaves the house.
pub fn is_public_url(url: &str) -> bool {
    let Some(rest) = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
    else {
        return false;
    };
    !rest.is_empty()
        && rest
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named_at_once_with_what_would_be_right() {
        let environment = [
            ("WATCHKEEPER_LISTN", "x"),
            ("WATCHKEEPER_DATABASE", "mysql://x"),
            ("WATCHKEEPER_SMTP_RELAY", "smtp//user:secret@host"),
            ("WATCHKEEPER_MAIL_FROM", "watchkeeper"),
            ("WATCHKEEPER_LOG", "inof"),
            ("WATCHKEEPER_IMAP", "imaps://u:secret@h, imaps://u:secret"),
            ("WATCHKEEPER_IMAP_CA", "/nowhere/ca.pem"),
            ("WATCHKEEPER_GIT_CA", "/nowhere/git.pem"),
            ("WATCHKEEPER_TLS_CERT", "/nowhere/cert.pem"),
            ("WATCHKEEPER_TLS_KEY", "/nowhere/key.pem"),
            ("PATH", "/bin"),
        ];
        let environment = environment
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter();
        let flags = [("upload_limit_mb", "0".into())];
        let error = Config::load_to_serve(&[], None, environment, &flags).unwrap_err();
        assert!(
            error.contains("`listn` is no setting; did you mean `listen`?"),
            "{error}"
        );
        assert!(
            error.contains("`database` is `mysql://x`; `postgres://"),
            "{error}"
        );
        assert!(
            error.contains("--upload-limit-mb: `upload_limit_mb` is `0`"),
            "{error}"
        );
        assert!(
            error.contains("WATCHKEEPER_SMTP_RELAY: `smtp_relay` can't be read; `smtp://host:25`")
                && !error.contains("secret"),
            "{error}"
        );
        assert!(
            error.contains("`mail_from` is `watchkeeper`; a mail address is wanted"),
            "{error}"
        );
        assert!(
            error.contains("`log` is `inof`; `inof` is no level; `error`, `warn`"),
            "{error}"
        );
        assert!(
            error.contains("`tls_cert` is `/nowhere/cert.pem`; /nowhere/cert.pem: "),
            "{error}"
        );
        assert!(
            error.contains("WATCHKEEPER_IMAP: mailbox 2 of `imap` can't be read: user and"),
            "{error}"
        );
        assert!(
            error.contains("`imap_ca` is `/nowhere/ca.pem`; /nowhere/ca.pem: "),
            "{error}"
        );
        assert!(
            error.contains("`git_ca` is `/nowhere/git.pem`; /nowhere/git.pem: "),
            "{error}"
        );
        assert_eq!(error.lines().count(), 10, "{error}");
    }

    #[test]
    fn a_filter_of_the_log_is_a_level_and_perhaps_levels_of_parts() {
        for good in [
            "info",
            "INFO",
            "off",
            "warn,watchkeeper::jobs=debug",
            "info, hyper=error",
        ] {
            assert!(log_filter(good).is_ok(), "{good}");
        }
        for wrong in [
            "",
            "inof",
            "info,watchkeeper",
            "info,watchkeeper::jobs=loud",
            "a=b=c",
        ] {
            assert!(log_filter(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn flags_beat_the_environment_and_the_environment_beats_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("w.toml");
        std::fs::write(
            &file,
            "data = \"a\"\nlog = \"warn\"\nlisten = \"[::1]:1\"\n",
        )
        .unwrap();
        let environment = [
            ("WATCHKEEPER_DATA".to_owned(), "b".to_owned()),
            ("WATCHKEEPER_LOG".to_owned(), "error".to_owned()),
        ];
        let config = Config::load(
            Some(&file),
            environment.into_iter(),
            &[("data", "c".into())],
        )
        .unwrap();
        assert_eq!(config.data, Path::new("c"));
        assert_eq!((config.log.as_str(), config.listen.port()), ("error", 1));
        assert_eq!(
            config.database,
            DatabaseUrl::Sqlite("c/watchkeeper.db".into())
        );
    }

    #[test]
    fn a_public_url_is_a_scheme_and_a_host() {
        assert!(is_public_url("https://ops.example.org") && is_public_url("http://[::1]:8080"));
        for wrong in [
            "ops.example.org",
            "https://",
            "https://a/b",
            "javascript://x y",
            "https://a\"b",
        ] {
            assert!(!is_public_url(wrong), "{wrong}");
        }
    }
}
