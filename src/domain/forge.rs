//! Forges: where they have a repository, what their webhooks say has moved, and what a move that was told comes to.
//!
//! What a webhook says is never believed: it is a reason to look. What is recorded is what the forge's own refs say then, in the
//! steps that the webhooks told as far as they fit, so that each push is its pusher's.

use super::git::Oid;
use super::id::{ForgeDeliveryId, RepositoryId};
use super::refusal::FieldError;
use super::text::one_line;
use super::timestamp::Timestamp;
use super::word::words;

/// How often the refs of a forge are read without a reason.
pub const LOOK_SECS: i64 = 10 * 60;
/// So long the id of a delivery is known: whatever comes with it again is a repetition.
pub const KEPT_SECS: i64 = 14 * 86_400;
/// How far the instant that a signature names may be from ours.
pub const WINDOW_SECS: i64 = 5 * 60;
/// A secret that people bring themselves has at least so many characters.
const SECRET_CHARS: usize = 16;

words! {
    /// Who sends the webhooks.
    pub enum ForgeKind {
        GitHub = "github",
        GitLab = "gitlab",
        /// Forgejo too.
        Gitea = "gitea",
        BitbucketCloud = "bitbucket_cloud",
        BitbucketDataCenter = "bitbucket_dc",
    }
}

words! {
    /// What became of a delivery.
    pub enum Verdict {
        /// Durable, and to be looked at.
        Waiting = "waiting",
        Taken = "taken",
        /// Genuine, and not about refs of ours.
        Ignored = "ignored",
        /// Not signed with a secret of ours.
        Refused = "refused",
    }
}

words! {
    /// Why a delivery isn't believed to come from the forge.
    pub enum Doubt {
        Unsigned = "unsigned",
        WrongSignature = "wrong_signature",
        /// The instant that was signed is more than [`WINDOW_SECS`] away.
        Late = "late",
    }
}

/// Where git fetches from: `https://`, `ssh://`, `file://`, or `user@host:path`. Never holds a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneUrl {
    text: String,
    /// As git calls it: `https`, `ssh` or `file`.
    pub protocol: &'static str,
    /// Empty for a place on this machine.
    pub host: String,
}

impl CloneUrl {
    /// What could be taken for an option or a command is refused here, so that nobody later has to think of it.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let text = one_line("clone_url", text, 500)?;
        let bad = || FieldError::new("clone_url", "not-a-clone-url").with("value", text.clone());
        let plain =
            |c: char| !c.is_whitespace() && !c.is_control() && !"\"'`\\<>|;&${}()*?#".contains(c);
        if !text.chars().all(plain) {
            return Err(bad());
        }
        let (protocol, host) = match text.split_once("://") {
            Some(("file", path)) if path.starts_with('/') && path.len() > 1 => ("file", ""),
            Some(("https", rest)) => {
                let (place, path) = rest.split_once('/').ok_or_else(bad)?;
                if place.contains('@') {
                    return Err(FieldError::new("clone_url", "clone-url-with-login"));
                }
                (
                    "https",
                    (!path.is_empty()).then_some(place).ok_or_else(bad)?,
                )
            }
            Some(("ssh", rest)) => {
                let (place, path) = rest.split_once('/').ok_or_else(bad)?;
                let (user, host) = place.split_once('@').unwrap_or(("git", place));
                if user.contains(':') {
                    return Err(FieldError::new("clone_url", "clone-url-with-login"));
                }
                let fits = is_name(user) && !path.is_empty();
                ("ssh", fits.then_some(host).ok_or_else(bad)?)
            }
            Some(_) => return Err(bad()),
            // `git@host:team/web.git`
            None => {
                let (place, path) = text.split_once(':').ok_or_else(bad)?;
                let (user, host) = place.split_once('@').ok_or_else(bad)?;
                let fits = is_name(user) && is_name(host) && !path.is_empty();
                if !fits || path.starts_with(['-', ':']) {
                    return Err(bad());
                }
                ("ssh", host)
            }
        };
        if protocol != "file" && !is_host(host) {
            return Err(bad());
        }
        let host = host.to_lowercase();
        Ok(Self {
            protocol,
            host,
            text,
        })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !text.is_empty() && !text.starts_with(['-', '.']) && text.chars().all(plain)
}

/// A name or an address, and maybe a port.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) => {
                let fits = address.parse::<std::net::Ipv6Addr>().is_ok()
                    && (port.is_empty() || port.starts_with(':'));
                (if fits { "v6" } else { "" }, port.strip_prefix(':'))
            }
            None => return false,
        },
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    is_name(name) && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// With what we fetch over HTTPS.
#[derive(Clone, PartialEq, Eq)]
pub struct CloneLogin {
    pub name: String,
    pub password: String,
}

/// A secret that somebody brings: from a forge that makes its own.
pub fn own_secret(text: &str) -> Result<Option<String>, FieldError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let count = text.chars().count();
    let fits = (SECRET_CHARS..=200).contains(&count) && text.chars().all(|c| c.is_ascii_graphic());
    if fits {
        return Ok(Some(text.to_owned()));
    }
    // Never with its value: a refused form is shown, and logged by who knows whom.
    Err(FieldError::new("secret", "weak-secret").with("min", SECRET_CHARS.to_string()))
}

/// A repository's place on its forge. Not `Debug`: it holds secrets.
#[derive(Clone)]
pub struct Forge {
    pub repository: RepositoryId,
    pub kind: ForgeKind,
    pub clone_url: CloneUrl,
    pub clone_login: Option<CloneLogin>,
    pub secret: String,
    /// Holds beside the other until it is dropped.
    pub old_secret: Option<String>,
    pub secret_since: Timestamp,
    pub standing: Standing,
    pub made_at: Timestamp,
    pub version: i64,
}

/// How the last looks went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// When it was last reached.
    pub looked_at: Option<Timestamp>,
    pub next_look_at: Timestamp,
    /// How often in a row it could not be reached.
    pub faults: i32,
    pub failing_since: Option<Timestamp>,
}

/// [`Look`], and what the forge said last if it could not be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub look: Look,
    pub last_error: Option<String>,
}

impl Standing {
    /// It was reached. `is_whole`: all of its refs were compared, and the next look without a reason is a while off.
    pub fn reached(&self, is_whole: bool, now: Timestamp) -> Self {
        let next = match is_whole {
            true => now.plus_secs(LOOK_SECS),
            false => self.look.next_look_at,
        };
        Self {
            look: Look {
                looked_at: Some(now),
                next_look_at: next,
                faults: 0,
                failing_since: None,
            },
            last_error: None,
        }
    }

    /// It was not, and this is what it said.
    pub fn unreached(&self, why: String, now: Timestamp) -> Self {
        let faults = self.look.faults.saturating_add(1);
        Self {
            look: Look {
                looked_at: self.look.looked_at,
                next_look_at: now.plus_secs(patience_secs(faults)),
                faults,
                failing_since: self.look.failing_since.or(Some(now)),
            },
            last_error: Some(why),
        }
    }
}

words! {
    /// What is probably wrong with a forge that can't be read, as far as git's own words tell.
    pub enum Trouble {
        /// The name or the network.
        Away = "away",
        Slow = "slow",
        Login = "login",
        Key = "key",
        Host = "host",
        Certificate = "certificate",
        Missing = "missing",
        Empty = "empty",
        /// It answers, and says itself that something is wrong with it.
        Unwell = "unwell",
        Moved = "moved",
        /// The user that this service runs as may not read a folder of this machine.
        Owner = "owner",
        Other = "other",
    }
}

/// What the look itself says of a place without a ref.
pub const NOTHING_THERE: &str = "it has no branches and no tags, and had some";

impl Trouble {
    /// From what was said; the first that fits.
    pub fn of(said: &str) -> Self {
        let said = said.to_lowercase();
        let signs: &[(&str, Self)] = &[
            (NOTHING_THERE, Self::Empty),
            ("host key verification failed", Self::Host),
            ("permission denied (", Self::Key),
            ("authentication failed", Self::Login),
            ("could not read username", Self::Login),
            ("could not read password", Self::Login),
            ("error: 401", Self::Login),
            ("error: 403", Self::Login),
            ("certificate", Self::Certificate),
            ("dubious ownership", Self::Owner),
            ("permission denied", Self::Owner),
            ("redirect", Self::Moved),
            ("error: 301", Self::Moved),
            ("error: 302", Self::Moved),
            ("error: 308", Self::Moved),
            ("error: 5", Self::Unwell),
            ("error: 429", Self::Unwell),
            ("could not resolve", Self::Away),
            ("connection refused", Self::Away),
            ("failed to connect", Self::Away),
            ("couldn't connect", Self::Away),
            ("could not connect", Self::Away),
            ("no route to host", Self::Away),
            ("network is unreachable", Self::Away),
            ("timed out", Self::Slow),
            ("too slow", Self::Slow),
            ("it took longer", Self::Slow),
            ("not found", Self::Missing),
            ("does not exist", Self::Missing),
            ("does not appear to be a git repository", Self::Missing),
            ("error: 404", Self::Missing),
        ];
        let found = signs.iter().find(|(sign, _)| said.contains(sign));
        found.map_or(Self::Other, |(_, trouble)| *trouble)
    }
}

/// How long to leave a forge alone that could not be reached so often in a row: half a minute, doubled, at most an hour.
pub fn patience_secs(faults: i32) -> i64 {
    let doublings = faults.clamp(1, 8) - 1;
    (30_i64 << doublings).min(3_600)
}

/// A ref that a webhook says has moved. Without an id where it wasn't, or isn't any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldMove {
    pub name: String,
    pub before: Option<Oid>,
    pub after: Option<Oid>,
}

/// A delivery as it is kept. Its body isn't.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub id: ForgeDeliveryId,
    pub repository: RepositoryId,
    /// As the forge calls it; `None` of what was refused.
    pub delivery_id: Option<String>,
    /// As the forge calls it: `push`, `Tag Push Hook`, `repo:push`.
    pub event: String,
    pub verdict: Verdict,
    pub doubt: Option<Doubt>,
    /// As the forge calls them: shown, and gives no rights.
    pub pusher: Option<String>,
    pub moves: Vec<ToldMove>,
    pub received_at: Timestamp,
    pub settled_at: Option<Timestamp>,
}

/// Where a ref of the forge is: its own object, and the commit that an annotated tag names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    pub oid: Oid,
    pub peeled: Oid,
}

/// To where the record follows a move that was told; `None`: it stays.
///
/// `recorded` and `now` are where the ref is by our record and by the forge. `has_after`: the commit that was told is there.
/// `is_last_word`: no later delivery that waits speaks of this ref.
pub fn next_tip(
    told: &ToldMove,
    recorded: Option<&Oid>,
    now: Option<&Tip>,
    has_after: bool,
    is_last_word: bool,
) -> Option<Option<Oid>> {
    let is_now = match (&told.after, now) {
        // Some forges tell an annotated tag's commit.
        (Some(after), Some(now)) => *after == now.oid || *after == now.peeled,
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    if recorded == now.map(|now| &now.oid) {
        None
    } else if is_now {
        Some(now.map(|now| now.oid.clone()))
    } else if told.before.as_ref() == recorded && told.after.is_some() && has_after {
        // A step on the way: where it is now, a later push has brought it.
        Some(told.after.clone())
    } else if is_last_word {
        Some(now.map(|now| now.oid.clone()))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_url_is_of_four_shapes_and_never_an_option() {
        for (text, protocol, host) in [
            ("https://github.com/team/web.git", "https", "github.com"),
            (
                "https://git.example.org:8443/web",
                "https",
                "git.example.org:8443",
            ),
            (
                "https://[2001:db8::1]:8443/web",
                "https",
                "[2001:db8::1]:8443",
            ),
            (
                "ssh://git@git.example.org:2222/team/web.git",
                "ssh",
                "git.example.org:2222",
            ),
            (
                "ssh://git.example.org/~ada/web.git",
                "ssh",
                "git.example.org",
            ),
            ("git@GitHub.com:team/web.git", "ssh", "github.com"),
            ("file:///srv/git/web.git", "file", ""),
        ] {
            let url = CloneUrl::parse(text).unwrap();
            assert_eq!(
                (url.protocol, url.host.as_str()),
                (protocol, host),
                "{text}"
            );
            assert_eq!(url.as_str(), text);
        }
        for text in [
            "--upload-pack=touch /tmp/x",
            "-oProxyCommand=x@host:path",
            "ext::sh -c touch% /tmp/x",
            "ext::sh",
            "git@-oProxyCommand=x:web",
            "ssh://-oProxyCommand=x/web",
            "ssh://git@-x/web",
            "git@host:-web",
            "git@host::web",
            "https:///web",
            "https://host",
            "https://host/",
            "https://ho st/web",
            "https://host:0/web",
            "https://host:x/web",
            "https://[::x]/web",
            "https://[::1]x/web",
            "https://host/$(id)",
            "http://host/web",
            "git://host/web",
            "file://srv/git",
            "file:///",
            "/srv/git/web.git",
            "web",
            "fd::3",
        ] {
            let fault = CloneUrl::parse(text).unwrap_err();
            assert_eq!(
                (fault.field.as_ref(), fault.problem),
                ("clone_url", "not-a-clone-url"),
                "{text}"
            );
        }
        for text in [
            "https://ada:secret@host/web",
            "https://token@host/web",
            "ssh://a:b@host/web",
        ] {
            assert_eq!(
                CloneUrl::parse(text).unwrap_err().problem,
                "clone-url-with-login"
            );
        }
        assert_eq!(CloneUrl::parse(" ").unwrap_err().problem, "required");
    }

    #[test]
    fn a_secret_of_ones_own_is_long_and_never_repeated_in_an_error() {
        assert_eq!(own_secret(" "), Ok(None));
        assert_eq!(
            own_secret(" 0123456789abcdef "),
            Ok(Some("0123456789abcdef".into()))
        );
        for weak in ["0123456789abcde", "0123456789 abcdef", "0123456789abcdé0"] {
            let fault = own_secret(weak).unwrap_err();
            assert_eq!(fault.problem, "weak-secret");
            assert!(!format!("{fault:?}").contains(weak));
        }
    }

    #[test]
    fn patience_doubles_up_to_an_hour() {
        let secs = [0, 1, 2, 3, 7, 8, 9, i32::MAX].map(patience_secs);
        assert_eq!(secs, [30, 30, 60, 120, 1_920, 3_600, 3_600, 3_600]);
    }

    #[test]
    fn what_git_says_is_said_in_plain_words() {
        for (said, trouble) in [
            (
                "fatal: '/srv/none.git' does not appear to be a git repository",
                Trouble::Missing,
            ),
            (
                "remote: Repository not found. fatal: repository 'https://x/' not found",
                Trouble::Missing,
            ),
            (
                "fatal: Authentication failed for 'https://git.example.org/web.git/'",
                Trouble::Login,
            ),
            (
                "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
                Trouble::Login,
            ),
            (
                "git@x: Permission denied (publickey). fatal: Could not read from remote repository.",
                Trouble::Key,
            ),
            (
                "Host key verification failed. fatal: Could not read from remote repository.",
                Trouble::Host,
            ),
            (
                "fatal: unable to access 'https://x/': Could not resolve host: x",
                Trouble::Away,
            ),
            (
                "fatal: unable to access 'https://x/': SSL certificate problem: self-signed certificate",
                Trouble::Certificate,
            ),
            (
                "fatal: detected dubious ownership in repository at '/srv/web.git'",
                Trouble::Owner,
            ),
            (
                "fatal: unable to update url base from redirection: asked for: x redirect: y",
                Trouble::Moved,
            ),
            ("it took longer than 60 seconds", Trouble::Slow),
            (NOTHING_THERE, Trouble::Empty),
            ("fatal: early EOF", Trouble::Other),
        ] {
            assert_eq!(Trouble::of(said), trouble, "{said}");
        }
    }

    #[test]
    fn the_record_follows_what_was_told_as_far_as_the_forge_bears_it_out() {
        let oid = |name: char| Oid::parse(&name.to_string().repeat(40)).unwrap();
        let maybe = |name: char| (name != '-').then(|| oid(name));
        // told before and after, recorded, now (and its commit), the told commit is there, last word: where to (`.` stays)
        for (told, recorded, now, has, last, want) in [
            ("ab", 'a', "bb", true, true, 'b'),
            // A lost event before this one.
            ("bc", 'a', "cc", true, true, 'c'),
            // Told again.
            ("ab", 'b', "bb", true, true, '.'),
            // A step on the way, and a later push that nobody told yet.
            ("ab", 'a', "cc", true, true, 'b'),
            ("ab", 'a', "cc", true, false, 'b'),
            // Its commit is gone already: forced away.
            ("ab", 'a', "cc", false, true, 'c'),
            ("ab", 'a', "cc", false, false, '.'),
            // Told late: the record is further.
            ("ab", 'c', "cc", true, true, '.'),
            ("ab", 'c', "dd", true, false, '.'),
            ("ab", 'c', "dd", true, true, 'd'),
            // Made and deleted.
            ("-a", '-', "aa", true, true, 'a'),
            ("a-", 'a', "--", false, true, '-'),
            ("a-", '-', "--", false, true, '.'),
            // Deleted, and made anew since.
            ("a-", 'a', "bb", false, false, '.'),
            ("a-", 'a', "bb", false, true, 'b'),
            // An annotated tag, told by its commit.
            ("-a", '-', "fa", true, true, 'f'),
        ] {
            let [before, after] = [0, 1].map(|at| told.chars().nth(at).and_then(maybe));
            let told_move = ToldMove {
                name: "refs/heads/main".into(),
                before,
                after,
            };
            let [tip, peeled] = [0, 1].map(|at| now.chars().nth(at).and_then(maybe));
            let now = tip.zip(peeled).map(|(oid, peeled)| Tip { oid, peeled });
            let to = next_tip(
                &told_move,
                maybe(recorded).as_ref(),
                now.as_ref(),
                has,
                last,
            );
            let want = (want != '.').then(|| maybe(want));
            assert_eq!(to, want, "{told} {recorded} {now:?} {has} {last}");
        }
    }
}
