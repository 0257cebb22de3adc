//! What a webhook says has moved. Only names of refs, ids and whoever pushed are read: the list of commits is cut short by every
//! forge, and none of it is believed.

use serde_json::Value;

use super::Sent;
use crate::domain::forge::{ForgeKind, ToldMove};
use crate::domain::git::Oid;

/// Refs read of one delivery; the forge's own list tells of others.
const MOVES: usize = 1_000;
const NAME_CHARS: usize = 120;

/// What a genuine delivery is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Refs moved. None of them named: something did, and the forge has to be asked what.
    Moves {
        pusher: Option<String>,
        moves: Vec<ToldMove>,
    },
    /// Somebody tries whether we are here.
    Ping,
    /// Not about branches or tags.
    Other,
}

/// The event as the forge calls it, and what it says.
pub fn read(kind: ForgeKind, sent: &Sent) -> (String, Event) {
    let body = json(sent);
    let named: &[&str] = match kind {
        ForgeKind::GitHub => &["x-github-event"],
        ForgeKind::GitLab => &["x-gitlab-event"],
        ForgeKind::Gitea => &["x-forgejo-event", "x-gitea-event", "x-github-event"],
        ForgeKind::BitbucketCloud | ForgeKind::BitbucketDataCenter => &["x-event-key"],
    };
    let name = line(sent.first(named).unwrap_or_default());
    let event = match kind {
        ForgeKind::GitHub | ForgeKind::Gitea => github(&name, &body),
        ForgeKind::GitLab => gitlab(&name, &body),
        ForgeKind::BitbucketCloud => cloud(&name, &body),
        ForgeKind::BitbucketDataCenter => data_center(&name, &body),
    };
    (name, event)
}

/// The body, or what stands in its field `payload` where the forge was told to send a form. What can't be read is null.
fn json(sent: &Sent) -> Value {
    let is_form = sent
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let read = match is_form {
        true => {
            let field = sent.body.split(|byte| *byte == b'&');
            let field = field
                .filter_map(|field| field.strip_prefix(b"payload="))
                .next();
            serde_json::from_slice(&decoded(field.unwrap_or_default()))
        }
        false => serde_json::from_slice(&sent.body),
    };
    read.unwrap_or(Value::Null)
}

/// A form's value without its coding.
fn decoded(coded: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(coded.len());
    let mut rest = coded;
    while let Some((first, more)) = rest.split_first() {
        let digits = more.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        rest = match (first, byte) {
            (b'%', Some(byte)) => {
                plain.push(byte);
                &more[2..]
            }
            (b'+', _) => {
                plain.push(b' ');
                more
            }
            (other, _) => {
                plain.push(*other);
                more
            }
        };
    }
    plain
}

/// GitHub and Gitea speak alike. Gitea tells of some new and deleted refs by these events alone.
fn github(name: &str, body: &Value) -> Event {
    let who = person(body, &["/pusher/login", "/pusher/name", "/sender/login"]);
    match name {
        "ping" => Event::Ping,
        "push" => moved(who, [told(body, "/ref", "/before", "/after")]),
        "create" | "delete" => {
            let kind = text(body, "/ref_type").unwrap_or_default();
            let Some(full) = full_name(text(body, "/ref").unwrap_or_default(), kind) else {
                return Event::Other;
            };
            let after = oid(body, "/sha");
            match (name, after) {
                ("create", None) => moved(who, []),
                ("create", after) => moved(who, [Some(whole(full, None, after))]),
                (_, _) => moved(who, [Some(whole(full, None, None))]),
            }
        }
        _ => Event::Other,
    }
}

fn gitlab(name: &str, body: &Value) -> Event {
    let what = text(body, "/object_kind").or(text(body, "/event_name"));
    let is_push = match name {
        "Push Hook" | "Tag Push Hook" => true,
        // One hook for the whole installation.
        "System Hook" => matches!(what, Some("push" | "tag_push")),
        _ => false,
    };
    if !is_push {
        return Event::Other;
    }
    let who = person(body, &["/user_username", "/user_name"]);
    moved(who, [told(body, "/ref", "/before", "/after")])
}

fn cloud(name: &str, body: &Value) -> Event {
    if name != "repo:push" {
        return other_of_bitbucket(name);
    }
    let who = person(
        body,
        &["/actor/nickname", "/actor/username", "/actor/display_name"],
    );
    let changes = list(body, "/push/changes");
    moved(
        who,
        changes.iter().map(|change| {
            // One of the two is null where the ref was made or deleted.
            let side = |side: &str| {
                text(change, &format!("/{side}/name")).map(|name| (side.to_owned(), name))
            };
            let (side, name) = side("new").or_else(|| side("old"))?;
            let kind = text(change, &format!("/{side}/type")).unwrap_or_default();
            let full = full_name(name, kind)?;
            let before = oid(change, "/old/target/hash");
            Some(whole(full, before, oid(change, "/new/target/hash")))
        }),
    )
}

fn data_center(name: &str, body: &Value) -> Event {
    if !matches!(name, "repo:refs_changed" | "mirror:repo_synchronized") {
        return other_of_bitbucket(name);
    }
    let who = person(body, &["/actor/name", "/actor/displayName"]);
    let changes = list(body, "/changes");
    moved(
        who,
        changes.iter().map(|change| {
            let name = if change.pointer("/ref/id").is_some() {
                "/ref/id"
            } else {
                "/refId"
            };
            told(change, name, "/fromHash", "/toHash")
        }),
    )
}

fn other_of_bitbucket(name: &str) -> Event {
    match name {
        "diagnostics:ping" => Event::Ping,
        _ => Event::Other,
    }
}

/// Refs moved: those of them that are branches or tags. All of another kind: not for us. What can't be read (`None`) isn't named.
fn moved(pusher: Option<String>, told: impl IntoIterator<Item = Option<ToldMove>>) -> Event {
    let told: Vec<Option<ToldMove>> = told.into_iter().collect();
    let is_ours = |moved: &ToldMove| {
        moved.name.starts_with("refs/heads/") || moved.name.starts_with("refs/tags/")
    };
    let is_unclear = told.is_empty() || told.iter().any(Option::is_none) || told.len() > MOVES;
    let moves: Vec<ToldMove> = told
        .into_iter()
        .flatten()
        .filter(is_ours)
        .take(MOVES)
        .collect();
    match moves.is_empty() && !is_unclear {
        true => Event::Other,
        false => Event::Moves { pusher, moves },
    }
}

fn told(body: &Value, name: &str, before: &str, after: &str) -> Option<ToldMove> {
    let name = text(body, name).filter(|name| is_ref(name))?;
    Some(whole(name.to_owned(), oid(body, before), oid(body, after)))
}

fn whole(name: String, before: Option<Oid>, after: Option<Oid>) -> ToldMove {
    ToldMove {
        name,
        before,
        after,
    }
}

/// The full name of what is called by its kind and its short name.
fn full_name(name: &str, kind: &str) -> Option<String> {
    let full = match kind {
        _ if name.starts_with("refs/") => name.to_owned(),
        "branch" => format!("refs/heads/{name}"),
        "tag" => format!("refs/tags/{name}"),
        _ => return None,
    };
    is_ref(&full).then_some(full)
}

fn is_ref(name: &str) -> bool {
    let plain = |c: char| !c.is_control() && !c.is_whitespace();
    name.starts_with("refs/") && name.len() <= 1_000 && name.chars().all(plain)
}

/// An id; none where it is missing, can't be read, or is all zeros.
fn oid(body: &Value, place: &str) -> Option<Oid> {
    Oid::parse(text(body, place)?).filter(|oid| !oid.is_zero())
}

fn text<'a>(body: &'a Value, place: &str) -> Option<&'a str> {
    body.pointer(place)?.as_str()
}

fn list<'a>(body: &'a Value, place: &str) -> &'a [Value] {
    let found = body.pointer(place).and_then(Value::as_array);
    found.map_or(&[], Vec::as_slice)
}

fn person(body: &Value, places: &[&str]) -> Option<String> {
    let found = places.iter().filter_map(|place| text(body, place));
    found.map(line).find(|name| !name.is_empty())
}

fn line(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control());
    plain.take(NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: &str = "0000000000000000000000000000000000000000";
    const OLD: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
    const NEW: &str = "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5";

    fn event(kind: ForgeKind, header: &'static str, name: &str, body: &str) -> Event {
        let sent = Sent {
            headers: vec![(header, name.to_owned())],
            body: body.as_bytes().to_vec(),
        };
        let (said, event) = read(kind, &sent);
        assert_eq!(said, name);
        event
    }

    fn moves(who: &str, moves: &[(&str, &str, &str)]) -> Event {
        let id = |text: &str| Oid::parse(text).filter(|oid| !oid.is_zero());
        let one = |(name, before, after): &(&str, &str, &str)| {
            whole((*name).to_owned(), id(before), id(after))
        };
        Event::Moves {
            pusher: Some(who.to_owned()).filter(|who| !who.is_empty()),
            moves: moves.iter().map(one).collect(),
        }
    }

    #[test]
    fn github_tells_of_pushes_tags_and_deletions() {
        let ask = |name, body: &str| event(ForgeKind::GitHub, "x-github-event", name, body);
        let push = |name: &str, before: &str, after: &str| {
            format!(
                r#"{{"ref":"{name}","before":"{before}","after":"{after}","created":false,"deleted":false,"forced":true,
                "base_ref":null,"compare":"https://github.com/Codertocat/Hello-World/compare/6113728f27ae...59b20b8d5c6f",
                "commits":[],"head_commit":null,"pusher":{{"name":"Codertocat","email":"x@users.noreply.github.com"}},
                "repository":{{"id":186853002,"full_name":"Codertocat/Hello-World"}},"sender":{{"login":"Octo","id":1}}}}"#
            )
        };
        let (main, tag) = ("refs/heads/main", "refs/tags/simple-tag");
        assert_eq!(
            ask("push", &push(main, OLD, NEW)),
            moves("Codertocat", &[(main, OLD, NEW)])
        );
        assert_eq!(
            ask("push", &push(tag, ZERO, NEW)),
            moves("Codertocat", &[(tag, ZERO, NEW)])
        );
        assert_eq!(
            ask("push", &push(tag, OLD, ZERO)),
            moves("Codertocat", &[(tag, OLD, ZERO)])
        );
        assert_eq!(
            ask("ping", r#"{"zen":"Design for failure.","hook_id":1}"#),
            Event::Ping
        );
        assert_eq!(ask("issues", r#"{"action":"opened"}"#), Event::Other);
        assert_eq!(
            ask("push", &push("refs/notes/commits", OLD, NEW)),
            Event::Other
        );
        // What can't be read says that something moved, and no more.
        for strange in [
            "",
            "[",
            "{}",
            r#"{"ref":7}"#,
            r#"{"ref":"main"}"#,
            r#"{"ref":"refs/heads/a b"}"#,
        ] {
            assert!(
                matches!(ask("push", strange), Event::Moves { moves, .. } if moves.is_empty()),
                "{strange}"
            );
        }
        let half = ask(
            "push",
            r#"{"ref":"refs/heads/main","before":"x","after":null}"#,
        );
        assert_eq!(half, moves("", &[(main, "", "")]));
    }

    #[test]
    fn github_may_send_a_form() {
        let body = format!(
            "payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%2C+%22before%22%3A%22{OLD}%22%2C%22after%22%3A%22{NEW}%22%7D&x=1%"
        );
        let sent = Sent {
            headers: vec![
                ("x-github-event", "push".into()),
                ("content-type", "application/x-www-form-urlencoded".into()),
            ],
            body: body.into_bytes(),
        };
        let (_, event) = read(ForgeKind::GitHub, &sent);
        assert_eq!(event, moves("", &[("refs/heads/main", OLD, NEW)]));
    }

    #[test]
    fn gitlab_tells_of_pushes_tags_and_deletions() {
        let ask = |name, body: &str| event(ForgeKind::GitLab, "x-gitlab-event", name, body);
        let push = |kind: &str, name: &str, before: &str, after: &str| {
            format!(
                r#"{{"object_kind":"{kind}","event_name":"{kind}","before":"{before}","after":"{after}","ref":"{name}",
                "ref_protected":true,"checkout_sha":null,"user_id":4,"user_name":"John Smith","user_username":"jsmith",
                "project_id":15,"commits":[],"total_commits_count":0}}"#
            )
        };
        let (main, tag) = ("refs/heads/main", "refs/tags/v1.0.0");
        let pushed = ask("Push Hook", &push("push", main, OLD, NEW));
        assert_eq!(pushed, moves("jsmith", &[(main, OLD, NEW)]));
        let tagged = ask("Tag Push Hook", &push("tag_push", tag, ZERO, NEW));
        assert_eq!(tagged, moves("jsmith", &[(tag, ZERO, NEW)]));
        let deleted = ask("Push Hook", &push("push", main, OLD, ZERO));
        assert_eq!(deleted, moves("jsmith", &[(main, OLD, ZERO)]));
        let of_all = ask("System Hook", &push("tag_push", tag, OLD, NEW));
        assert_eq!(of_all, moves("jsmith", &[(tag, OLD, NEW)]));
        assert_eq!(
            ask("System Hook", &push("repository_update", main, OLD, NEW)),
            Event::Other
        );
        assert_eq!(
            ask("Issue Hook", r#"{"object_kind":"issue"}"#),
            Event::Other
        );
    }

    #[test]
    fn gitea_tells_of_pushes_and_of_made_and_deleted_refs() {
        let ask = |header, name, body: &str| event(ForgeKind::Gitea, header, name, body);
        let push = format!(
            r#"{{"ref":"refs/heads/main","before":"{OLD}","after":"{NEW}","compare_url":"https://git.example.org/a/b/compare/x...y",
            "commits":[],"total_commits":0,"head_commit":null,"repository":{{"id":1}},
            "pusher":{{"id":1,"login":"gitea","login_name":"","full_name":"","email":"gitea@fake.local"}},"sender":{{"id":1,"login":"gitea"}}}}"#
        );
        for header in ["x-gitea-event", "x-forgejo-event"] {
            assert_eq!(
                ask(header, "push", &push),
                moves("gitea", &[("refs/heads/main", OLD, NEW)])
            );
        }
        let made =
            format!(r#"{{"sha":"{NEW}","ref":"v1","ref_type":"tag","sender":{{"login":"ada"}}}}"#);
        assert_eq!(
            ask("x-gitea-event", "create", &made),
            moves("ada", &[("refs/tags/v1", "", NEW)])
        );
        let gone = r#"{"ref":"refs/heads/wip/x","ref_type":"branch","pusher_type":"user","sender":{"login":"ada"}}"#;
        assert_eq!(
            ask("x-gitea-event", "delete", gone),
            moves("ada", &[("refs/heads/wip/x", "", "")])
        );
        assert_eq!(ask("x-gitea-event", "issues", "{}"), Event::Other);
    }

    #[test]
    fn bitbucket_cloud_tells_of_several_refs_at_once() {
        let ask = |name, body: &str| event(ForgeKind::BitbucketCloud, "x-event-key", name, body);
        let body = format!(
            r#"{{"push":{{"changes":[
                {{"new":{{"type":"branch","name":"main","target":{{"type":"commit","hash":"{NEW}"}}}},
                  "old":{{"type":"branch","name":"main","target":{{"type":"commit","hash":"{OLD}"}}}},
                  "created":false,"forced":false,"closed":false,"commits":[],"truncated":true}},
                {{"new":{{"type":"tag","name":"v1","target":{{"hash":"{NEW}"}}}},"old":null,"created":true,"forced":false,"closed":false}},
                {{"new":null,"old":{{"type":"branch","name":"wip/x","target":{{"hash":"{OLD}"}}}},"created":false,"forced":false,"closed":true}}
            ]}},"actor":{{"type":"user","display_name":"Emma Paris","nickname":"emmap"}},"repository":{{"full_name":"team/web"}}}}"#
        );
        let wanted = [
            ("refs/heads/main", OLD, NEW),
            ("refs/tags/v1", "", NEW),
            ("refs/heads/wip/x", OLD, ""),
        ];
        assert_eq!(ask("repo:push", &body), moves("emmap", &wanted));
        assert_eq!(ask("repo:fork", &body), Event::Other);
        assert_eq!(ask("diagnostics:ping", r#"{"test":true}"#), Event::Ping);
    }

    #[test]
    fn bitbucket_data_center_tells_of_its_refs() {
        let ask =
            |name, body: &str| event(ForgeKind::BitbucketDataCenter, "x-event-key", name, body);
        let change = |name: &str, from: &str, to: &str, kind: &str| {
            format!(
                r#"{{"ref":{{"id":"{name}","displayId":"x","type":"BRANCH"}},"refId":"{name}","fromHash":"{from}","toHash":"{to}","type":"{kind}"}}"#
            )
        };
        let (main, tag, wip) = ("refs/heads/master", "refs/tags/v1", "refs/heads/wip/x");
        let body = format!(
            r#"{{"eventKey":"repo:refs_changed","date":"2017-09-19T09:45:32+1000",
            "actor":{{"name":"admin","emailAddress":"admin@example.com","id":1,"displayName":"Administrator"}},
            "repository":{{"slug":"repository"}},"changes":[{},{},{}]}}"#,
            change(main, OLD, NEW, "UPDATE"),
            change(tag, ZERO, NEW, "ADD"),
            change(wip, OLD, ZERO, "DELETE"),
        );
        let wanted = [(main, OLD, NEW), (tag, ZERO, NEW), (wip, OLD, ZERO)];
        assert_eq!(ask("repo:refs_changed", &body), moves("admin", &wanted));
        assert_eq!(ask("diagnostics:ping", r#"{"test":true}"#), Event::Ping);
        assert_eq!(ask("pr:opened", "{}"), Event::Other);
    }

    #[test]
    fn a_thousand_refs_are_named_and_the_forge_is_asked_for_the_others() {
        let change = format!(r#"{{"refId":"refs/heads/x","fromHash":"{OLD}","toHash":"{NEW}"}}"#);
        let body = format!(r#"{{"changes":[{}]}}"#, vec![change; MOVES + 1].join(","));
        match event(
            ForgeKind::BitbucketDataCenter,
            "x-event-key",
            "repo:refs_changed",
            &body,
        ) {
            Event::Moves { moves, .. } => assert_eq!(moves.len(), MOVES),
            other => panic!("{other:?}"),
        }
    }
}
