//! The post-receive hook: which commits are new to the service, what they say, and telling it so.
//!
//! The refs have moved when it runs, so that "not in any ref" would find nothing: what is new is measured against the tips
//! that the service has acknowledged. A list of them that is too old only makes the set larger, and telling twice is harmless.

use std::io::Read;
use std::time::{Duration, Instant};

use super::place::Place;
use super::pre_receive::pending;
use super::{keep, say, spool};
use crate::domain::git::{Oid, RefMove};
use crate::domain::id::PushId;
use crate::intake::git::{Git, News};
use crate::time::TimeSource;

/// The whole hook: forges cut theirs off after five seconds, and somebody is waiting.
const BUDGET: Duration = Duration::from_secs(3);

/// A house that keeps the names of its files to itself sets this to false; deployments are suspected by fewer words then.
const SEND_PATHS: &str = "watchkeeper.sendPaths";

pub fn run() -> anyhow::Result<()> {
    let deadline = Instant::now() + BUDGET;
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    let git = Git::here();
    let place = Place::of(&git)?;
    if !place.is_set_up() {
        say("hook-not-set-up", &[]);
        return Ok(());
    }
    let moves = moves(&git, &input);
    if !moves.is_empty() {
        // The one that pre-receive asked with, if it did: its decision names the ticket of this push.
        let asked = place.take_pending(&pending(&moves));
        let push_id = asked.unwrap_or_else(|| PushId::new(TimeSource::system().now()).to_string());
        let parts = news(&git, &place, push_id.clone(), pusher(), moves)?.parts()?;
        if let Err(error) = keep::lost(&git, &parts.left()) {
            say("hook-not-kept", &[("why", format!("{error:#}").into())]);
        }
        // Written down before it is told, or of a whole history while it is: whatever happens from here on, nothing is lost.
        spool::keep(&place, &push_id, parts)?;
    }
    if spool::drain(&place, spool::EXCHANGE, deadline)? {
        spool::go_on_alone(&place)?;
    }
    Ok(())
}

/// `old new ref` lines; refs that hold no work of people are left out. The default branch first: its versions count.
pub(super) fn moves(git: &Git<'_>, input: &str) -> Vec<RefMove> {
    let head = git.maybe(&["symbolic-ref", "--quiet", "HEAD"]);
    let mut moves: Vec<RefMove> = input
        .lines()
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            let (old, new) = (Oid::parse(words.next()?)?, Oid::parse(words.next()?)?);
            let name = words.next()?.to_owned();
            let ours = name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
            ours.then_some(RefMove {
                name,
                old,
                new,
                dropped: 0,
                version_before: None,
                version_after: None,
                tag: None,
            })
        })
        .collect();
    moves.sort_by_key(|moved| {
        let is_head = Some(&moved.name) == head.as_ref();
        (!is_head, moved.branch().is_none(), moved.name.clone())
    });
    moves
}

/// What the service will hear of the push.
pub(super) fn news<'a>(
    git: &'a Git<'a>,
    place: &Place,
    push_id: String,
    pusher: Option<String>,
    refs: Vec<RefMove>,
) -> anyhow::Result<News<'a>> {
    let told = git.maybe(&["config", "--type=bool", "--get", SEND_PATHS]);
    Ok(News {
        sends_paths: told.as_deref() != Some("false"),
        git,
        taken: place.recorded(),
        base_url: Some(place.url()?),
        push_id,
        pusher,
        refs,
    })
}

/// Who pushes, as whatever runs git here says: shown, and gives no rights.
pub(super) fn pusher() -> Option<String> {
    pusher_by(|name| std::env::var(name).ok())
}

/// By these variables: a certificate that git found good says it before any server does, and a server before a wrapper of one's own.
/// One that answers no question of this server may be an old one, sent again. A good signature by a key that the server knows nobody by
/// says who it was only where nothing else does: by the key.
fn pusher_by(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let is = |name: &str, fits: &[&str]| variable(name).is_some_and(|it| fits.contains(&&*it));
    let is_good =
        is("GIT_PUSH_CERT_STATUS", &["G"]) && is("GIT_PUSH_CERT_NONCE_STATUS", &["OK", "SLOP"]);
    if is_good && let Some(signer) = variable("GIT_PUSH_CERT_SIGNER") {
        return Some(address_in(&signer).to_owned());
    }
    let named = PUSHERS.iter().find_map(|name| variable(name));
    named.or_else(|| variable("GIT_PUSH_CERT_KEY").filter(|_| is_good))
}

/// An OpenPGP key names `Ana <ana@example.org>`, an SSH key what the list of signers calls it.
fn address_in(signer: &str) -> &str {
    let inside = signer
        .trim()
        .strip_suffix('>')
        .and_then(|it| it.rsplit_once('<'));
    inside.map_or(signer, |(_, address)| address)
}

/// The first that is set counts.
const PUSHERS: [&str; 8] = [
    "GITHUB_USER_LOGIN",
    "PHABRICATOR_USER",
    "GL_USERNAME",
    "GL_ID",
    "GITEA_PUSHER_NAME",
    "GL_USER",
    "REMOTE_USER",
    // For a forced command or a wrapper of one's own.
    "WATCHKEEPER_USER",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_pushes_is_known_by_the_certificate_then_by_the_server_then_by_a_wrapper() {
        let of = |set: &[(&str, &str)]| {
            pusher_by(|name| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let order = [
            "GITHUB_USER_LOGIN",
            "PHABRICATOR_USER",
            "GL_USERNAME",
            "GL_ID",
            "GITEA_PUSHER_NAME",
            "GL_USER",
            "REMOTE_USER",
            "WATCHKEEPER_USER",
        ];
        // Whatever is set behind one, that one counts.
        for (at, first) in order.iter().enumerate() {
            let set: Vec<(&str, &str)> = order[at..].iter().map(|name| (*name, *name)).collect();
            assert_eq!(of(&set).as_deref(), Some(*first));
        }
        let signed = |status, nonce, signer| {
            of(&[
                ("GIT_PUSH_CERT_STATUS", status),
                ("GIT_PUSH_CERT_NONCE_STATUS", nonce),
                ("GIT_PUSH_CERT_SIGNER", signer),
                ("GITHUB_USER_LOGIN", "ben"),
            ])
        };
        let key = "Ana <ana@example.org>";
        for signer in [key, "ana@example.org", "<ana@example.org> "] {
            for nonce in ["OK", "SLOP"] {
                let found = signed("G", nonce, signer);
                assert_eq!(found.as_deref(), Some("ana@example.org"), "{signer}");
            }
        }
        assert_eq!(signed("G", "OK", "Ana >").as_deref(), Some("Ana >"));
        assert_eq!(signed("G", "OK", "").as_deref(), Some("ben"));
        for bad in ["B", "U", "N", "E", ""] {
            assert_eq!(signed(bad, "OK", key).as_deref(), Some("ben"), "{bad}");
        }
        for old in ["BAD", "MISSING", "UNSOLICITED", ""] {
            assert_eq!(signed("G", old, key).as_deref(), Some("ben"), "{old}");
        }
        let by_key = |nonce, more: &[(&str, &str)]| {
            let key = [
                ("GIT_PUSH_CERT_STATUS", "G"),
                ("GIT_PUSH_CERT_NONCE_STATUS", nonce),
                ("GIT_PUSH_CERT_KEY", "SHA256:isjz"),
            ];
            of(&[&key[..], more].concat())
        };
        assert_eq!(by_key("OK", &[]).as_deref(), Some("SHA256:isjz"));
        assert_eq!(by_key("BAD", &[]), None);
        let named = [("REMOTE_USER", "ben")];
        assert_eq!(by_key("OK", &named).as_deref(), Some("ben"));
        let empty = of(&[("GITHUB_USER_LOGIN", " "), ("REMOTE_USER", "ben")]);
        assert_eq!(empty.as_deref(), Some("ben"));
        assert_eq!(
            of(&[("USER", "git")]),
            None,
            "the account of the server is nobody"
        );
    }
}
