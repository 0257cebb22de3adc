//! Outgoing webhooks, signed as Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`).
//!
//! Addresses are typed by users, so private networks are refused by default, after the name was resolved and at the very
//! address that is then connected to; redirects aren't followed, since they would choose an address of their own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Timeout};

use crate::domain::outgoing::{Handover, OutgoingCall};

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(15);

/// Who makes the calls.
pub enum Caller {
    Network(Agent),
    /// Kept in memory; for tests.
    Recorded(Mutex<Vec<OutgoingCall>>),
}

impl Caller {
    /// `allow_private`: also to addresses of private networks and of this machine.
    pub fn network(allow_private: bool) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(WHOLE))
            .user_agent(concat!("Watchkeeper/", env!("CARGO_PKG_VERSION")))
            .proxy(None)
            .build();
        let resolver = Guarded {
            allow_private,
            inner: DefaultResolver::default(),
        };
        Caller::Network(Agent::with_parts(
            config,
            DefaultConnector::default(),
            resolver,
        ))
    }

    /// What [`Caller::Recorded`] was given since the last time that somebody asked, in order; of the network nothing is kept.
    pub fn drain(&self) -> Vec<OutgoingCall> {
        match self {
            Caller::Recorded(calls) => {
                std::mem::take(&mut calls.lock().unwrap_or_else(PoisonError::into_inner))
            }
            Caller::Network(_) => Vec::new(),
        }
    }

    pub fn send(&self, call: &OutgoingCall) -> Handover {
        match self {
            Caller::Recorded(calls) => {
                calls
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(call.clone());
                Handover::Accepted("200 recorded".to_owned())
            }
            Caller::Network(agent) => post(agent, call),
        }
    }
}

fn post(agent: &Agent, call: &OutgoingCall) -> Handover {
    let mut request = agent
        .post(&call.url)
        .header("content-type", "application/json");
    for (name, value) in headers(call) {
        request = request.header(name, value);
    }
    match request.send(call.body.as_str()) {
        Ok(response) => {
            let status = response.status().as_u16();
            match status {
                200..=299 => Handover::Accepted(status.to_string()),
                408 | 425 | 429 | 500..=599 => Handover::Deferred(format!("answered {status}")),
                _ => Handover::Refused(format!("answered {status}")),
            }
        }
        Err(error) => failed(&error),
    }
}

/// The headers by which a receiver knows a call of ours: its stable id, when, and the signature where there is a secret.
pub fn headers(call: &OutgoingCall) -> Vec<(&'static str, String)> {
    let timestamp = call.at.micros().div_euclid(1_000_000).to_string();
    let signed = call
        .secret
        .as_ref()
        .map(|secret| signature(secret, &call.id, &timestamp, &call.body));
    let mut headers = vec![
        ("webhook-id", call.id.clone()),
        ("idempotency-key", call.id.clone()),
        ("webhook-timestamp", timestamp),
    ];
    headers.extend(signed.map(|signed| ("webhook-signature", signed)));
    headers
}

fn failed(error: &ureq::Error) -> Handover {
    let why = error.to_string();
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => Handover::Refused(why),
        ureq::Error::Io(inner) if inner.kind() == std::io::ErrorKind::PermissionDenied => {
            Handover::Refused(inner.to_string())
        }
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Tls(_)
        | ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => Handover::Deferred(why),
        ureq::Error::Io(inner) if inner.kind() == std::io::ErrorKind::ConnectionRefused => {
            Handover::Deferred(why)
        }
        _ => Handover::Unsure(why),
    }
}

/// `v1,` and base 64 of HMAC-SHA-256 over `id.timestamp.body`. A secret that begins with `whsec_` is base 64 itself.
pub fn signature(secret: &str, id: &str, timestamp: &str, body: &str) -> String {
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD
            .decode(encoded)
            .unwrap_or_else(|_| secret.as_bytes().to_vec()),
        None => secret.as_bytes().to_vec(),
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// Resolves names and refuses private addresses: what it returns is what is connected to.
#[derive(Debug)]
struct Guarded {
    allow_private: bool,
    inner: DefaultResolver,
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let private = found.iter().map(SocketAddr::ip).find(|ip| !is_public(*ip));
        match private {
            Some(ip) if !self.allow_private => Err(ureq::Error::Io(std::io::Error::new(
                std::io::ErrorKind::PermissionDenied,
                format!(
                    "{} is {ip}, which isn't a public address (setting `webhook_private`)",
                    uri.host().unwrap_or_default()
                ),
            ))),
            _ => Ok(found),
        }
    }
}

/// Whether an address belongs to the public internet, however it is written.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (b == 18 || b == 19))
                || (a == 192 && b == 0 && c == 0))
        }
        IpAddr::V6(v6) => {
            let part = v6.segments();
            let embedded = |high: u16, low: u16| {
                let [a, b] = high.to_be_bytes();
                let [c, d] = low.to_be_bytes();
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            };
            if let Some(v4) = v6.to_ipv4_mapped() {
                return is_public(IpAddr::V4(v4));
            }
            match part {
                // NAT64 and 6to4 carry an IPv4 address that the packet ends up at.
                [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public(embedded(high, low)),
                [0x2002, high, low, ..] => is_public(embedded(high, low)),
                // Global unicast is 2000::/3; 2001::/23 and 2001:db8::/32 are special inside it.
                [first, second, ..] => {
                    (first & 0xe000) == 0x2000
                        && !(first == 0x2001 && (second < 0x200 || second == 0xdb8))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::timestamp::Timestamp;

    #[test]
    fn private_addresses_are_known_in_every_spelling() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "ff02::1",
            "::7f00:1",
            "2001:db8::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "93.184.216.34",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn a_call_to_this_machine_is_refused_unless_it_is_allowed() {
        let call = |url: &str| OutgoingCall {
            url: url.to_owned(),
            id: "msg_1".to_owned(),
            body: "{}".to_owned(),
            secret: None,
            at: Timestamp::from_micros(0),
        };
        let guarded = Caller::network(false);
        for url in [
            "http://127.0.0.1:9/",
            "http://localhost:9/",
            "http://2130706433:9/",
            "http://[::1]:9/",
        ] {
            assert!(
                matches!(
                    guarded.send(&call(url)),
                    Handover::Refused(_) | Handover::Deferred(_)
                ),
                "{url}"
            );
        }
        assert!(
            matches!(guarded.send(&call("http://127.0.0.1:9/")), Handover::Refused(why) if why.contains("webhook_private"))
        );
        // Port 9 is closed: connecting was tried.
        assert!(matches!(
            Caller::network(true).send(&call("http://127.0.0.1:9/")),
            Handover::Deferred(_)
        ));
    }

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // Vector of the Standard Webhooks reference libraries.
        let signed = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            "{\"test\": 2432232314}",
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
