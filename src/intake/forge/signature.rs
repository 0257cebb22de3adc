//! Whether a request comes from the forge that has our secret. Compared in constant time, over the body as it came, before
//! anything of it is read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Sent;
use crate::domain::forge::{Doubt, ForgeKind, WINDOW_SECS};
use crate::domain::timestamp::Timestamp;

/// Characters of a delivery's id that are kept.
const ID_CHARS: usize = 120;

/// Fails unless the request is signed with one of `secrets`, as this kind of forge signs.
pub fn check(kind: ForgeKind, sent: &Sent, secrets: &[&str], now: Timestamp) -> Result<(), Doubt> {
    match kind {
        ForgeKind::GitHub => hex(sent.header("x-hub-signature-256"), sent, secrets),
        ForgeKind::Gitea => {
            let names = [
                "x-forgejo-signature",
                "x-gitea-signature",
                "x-hub-signature-256",
            ];
            hex(sent.first(&names), sent, secrets)
        }
        ForgeKind::BitbucketCloud | ForgeKind::BitbucketDataCenter => {
            let names = ["x-hub-signature", "x-hub-signature-256"];
            hex(sent.first(&names), sent, secrets)
        }
        ForgeKind::GitLab => match (sent.header("x-gitlab-token"), standard(sent, secrets, now)) {
            (_, Some(Ok(()))) => Ok(()),
            // Its token alone suffices: both may be set, and the key of the signature may be one that we weren't told.
            (Some(token), _) if secrets.iter().any(|secret| same(secret, token)) => Ok(()),
            (_, Some(Err(doubt))) => Err(doubt),
            (Some(_), None) => Err(Doubt::WrongSignature),
            (None, None) => Err(Doubt::Unsigned),
        },
    }
}

/// `sha256=` and the HMAC in hex; Gitea leaves the beginning away.
fn hex(said: Option<&str>, sent: &Sent, secrets: &[&str]) -> Result<(), Doubt> {
    let said = said.ok_or(Doubt::Unsigned)?;
    let said = said.strip_prefix("sha256=").unwrap_or(said);
    let said = said.to_ascii_lowercase();
    let fits = |secret: &&str| {
        let mac = mac(secret.as_bytes(), &[&sent.body]);
        let ours: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        same(&ours, &said)
    };
    match secrets.iter().any(fits) {
        true => Ok(()),
        false => Err(Doubt::WrongSignature),
    }
}

/// Standard Webhooks: `v1,` and the HMAC of `id.timestamp.body` in base 64, several with blanks between. `None`: not signed so.
fn standard(sent: &Sent, secrets: &[&str], now: Timestamp) -> Option<Result<(), Doubt>> {
    let said = sent.header("webhook-signature")?;
    let id = sent.header("webhook-id").unwrap_or_default();
    let at = sent.header("webhook-timestamp").unwrap_or_default();
    let head = format!("{id}.{at}.");
    let fits = |secret: &&str| {
        let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
        let keys = [
            STANDARD.decode(encoded).ok(),
            Some(secret.as_bytes().to_vec()),
        ];
        keys.into_iter().flatten().any(|key| {
            let ours = STANDARD.encode(mac(&key, &[head.as_bytes(), &sent.body]));
            said.split_whitespace()
                .filter_map(|one| one.strip_prefix("v1,"))
                .any(|one| same(&ours, one))
        })
    };
    if !secrets.iter().any(fits) {
        return Some(Err(Doubt::WrongSignature));
    }
    let secs: Option<i64> = at.parse().ok();
    let here = now.micros().div_euclid(1_000_000);
    let is_near = secs.is_some_and(|secs| here.abs_diff(secs) <= WINDOW_SECS.unsigned_abs());
    Some(if is_near { Ok(()) } else { Err(Doubt::Late) })
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

fn same(ours: &str, said: &str) -> bool {
    ours.as_bytes().ct_eq(said.as_bytes()).into()
}

/// As the forge calls this delivery; what has no name is called by its bytes.
pub fn delivery_id(kind: ForgeKind, sent: &Sent) -> String {
    let names: &[&str] = match kind {
        ForgeKind::GitHub => &["x-github-delivery"],
        // Events that set each other off share an event id: it is the last choice.
        ForgeKind::GitLab => &["idempotency-key", "webhook-id", "x-gitlab-event-uuid"],
        ForgeKind::Gitea => &[
            "x-forgejo-delivery",
            "x-gitea-delivery",
            "x-github-delivery",
        ],
        ForgeKind::BitbucketCloud => &["x-request-uuid"],
        ForgeKind::BitbucketDataCenter => &["x-request-id"],
    };
    let named = sent.first(names).map(|id| {
        let plain = id.chars().filter(|c| !c.is_control());
        plain.take(ID_CHARS).collect::<String>()
    });
    named.filter(|id| !id.is_empty()).unwrap_or_else(|| {
        let hash = Sha256::digest(&sent.body);
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{digits}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn sent(headers: &[(&'static str, &str)], body: &str) -> Sent {
        let own = |(name, value): &(&'static str, &str)| (*name, (*value).to_owned());
        Sent {
            headers: headers.iter().map(own).collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    const GITHUB_SECRET: &str = "It's a Secret to Everybody";
    const HELLO: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn each_forge_signs_the_body_in_its_own_header() {
        let with = format!("sha256={HELLO}");
        let upper = format!("sha256={}", HELLO.to_uppercase());
        for (kind, header, value) in [
            (ForgeKind::GitHub, "x-hub-signature-256", with.as_str()),
            (ForgeKind::GitHub, "x-hub-signature-256", upper.as_str()),
            (ForgeKind::Gitea, "x-gitea-signature", HELLO),
            (ForgeKind::Gitea, "x-forgejo-signature", HELLO),
            (ForgeKind::BitbucketCloud, "x-hub-signature", with.as_str()),
            (
                ForgeKind::BitbucketDataCenter,
                "x-hub-signature",
                with.as_str(),
            ),
        ] {
            let ask = |header, value: &str, body, secrets: &[&str]| {
                check(kind, &sent(&[(header, value)], body), secrets, NOW)
            };
            assert_eq!(
                ask(header, value, "Hello, World!", &[GITHUB_SECRET]),
                Ok(()),
                "{kind}"
            );
            // While it is rotated, the older of two holds too.
            let both = ["another secret", GITHUB_SECRET];
            assert_eq!(ask(header, value, "Hello, World!", &both), Ok(()), "{kind}");
            let wrong = Err(Doubt::WrongSignature);
            assert_eq!(ask(header, value, "Hello, World", &[GITHUB_SECRET]), wrong);
            assert_eq!(ask(header, value, "Hello, World!", &["another"]), wrong);
            assert_eq!(ask(header, value, "Hello, World!", &[]), wrong);
            assert_eq!(
                ask(
                    header,
                    &value[..value.len() - 1],
                    "Hello, World!",
                    &[GITHUB_SECRET]
                ),
                wrong
            );
            assert_eq!(
                ask(header, "sha256=", "Hello, World!", &[GITHUB_SECRET]),
                wrong
            );
            assert_eq!(
                ask(header, " ", "Hello, World!", &[GITHUB_SECRET]),
                Err(Doubt::Unsigned)
            );
            assert_eq!(
                ask("x-request-id", value, "Hello, World!", &[GITHUB_SECRET]),
                Err(Doubt::Unsigned)
            );
        }
    }

    #[test]
    fn gitlab_says_its_token_or_signs_as_standard_webhooks() {
        const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
        const SIGNED: &str = "v1,2c4VI0bO4Wd5svqP2unEA9pCk0dTAXr/elrHCJ+/efk=";
        let ask = |headers: &[(&'static str, &str)], secrets: &[&str], now| {
            check(ForgeKind::GitLab, &sent(headers, "{}"), secrets, now)
        };
        let signed = |signature| {
            [
                ("webhook-id", "msg_1"),
                ("webhook-timestamp", "1700000000"),
                ("webhook-signature", signature),
            ]
        };
        assert_eq!(ask(&signed(SIGNED), &[KEY], NOW), Ok(()));
        assert_eq!(
            ask(&signed(SIGNED), &[&format!("whsec_{KEY}")], NOW),
            Ok(())
        );
        let several = format!("v1a,xx v1,AAAA {SIGNED}");
        assert_eq!(ask(&signed(&several), &["old", KEY], NOW), Ok(()));
        assert_eq!(ask(&signed(SIGNED), &[KEY], NOW.plus_secs(300)), Ok(()));
        assert_eq!(ask(&signed(SIGNED), &[KEY], NOW.plus_secs(-300)), Ok(()));
        assert_eq!(
            ask(&signed(SIGNED), &[KEY], NOW.plus_secs(301)),
            Err(Doubt::Late)
        );
        assert_eq!(
            ask(&signed(SIGNED), &[KEY], NOW.plus_secs(-301)),
            Err(Doubt::Late)
        );
        assert_eq!(
            ask(&signed("v1,AAAA"), &[KEY], NOW),
            Err(Doubt::WrongSignature)
        );
        let mut moved = signed(SIGNED);
        moved[1].1 = "1700000001";
        assert_eq!(
            ask(&moved, &[KEY], NOW),
            Err(Doubt::WrongSignature),
            "the instant is signed"
        );
        moved = signed(SIGNED);
        moved[0].1 = "msg_2";
        assert_eq!(
            ask(&moved, &[KEY], NOW),
            Err(Doubt::WrongSignature),
            "so is the id"
        );

        assert_eq!(ask(&[("x-gitlab-token", KEY)], &["x", KEY], NOW), Ok(()));
        assert_eq!(
            ask(&[("x-gitlab-token", "x")], &[KEY], NOW),
            Err(Doubt::WrongSignature)
        );
        assert_eq!(ask(&[], &[KEY], NOW), Err(Doubt::Unsigned));
        // GitLab's own header counts for no other forge.
        let token = sent(&[("x-gitlab-token", KEY)], "{}");
        assert_eq!(
            check(ForgeKind::GitHub, &token, &[KEY], NOW),
            Err(Doubt::Unsigned)
        );
    }

    #[test]
    fn a_delivery_is_known_by_its_id_or_else_by_its_bytes() {
        let of = |kind, headers: &[(&'static str, &str)]| delivery_id(kind, &sent(headers, "{}"));
        assert_eq!(
            of(ForgeKind::GitHub, &[("x-github-delivery", "72d3162e")]),
            "72d3162e"
        );
        let gitlab = [("x-gitlab-event-uuid", "e"), ("idempotency-key", "i")];
        assert_eq!(of(ForgeKind::GitLab, &gitlab), "i");
        assert_eq!(of(ForgeKind::GitLab, &gitlab[..1]), "e");
        assert_eq!(of(ForgeKind::Gitea, &[("x-gitea-delivery", "g")]), "g");
        assert_eq!(
            of(ForgeKind::BitbucketCloud, &[("x-request-uuid", "u")]),
            "u"
        );
        assert_eq!(
            of(ForgeKind::BitbucketDataCenter, &[("x-request-id", "r")]),
            "r"
        );
        let bytes = of(ForgeKind::GitHub, &[]);
        assert!(bytes.starts_with("sha256:44136fa355b3678a"), "{bytes}");
    }
}
