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
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc;

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

    fn call(url: &str) -> OutgoingCall {
        OutgoingCall {
            url: url.to_owned(),
            id: "msg_1".to_owned(),
            body: "{}".to_owned(),
            secret: None,
            at: Timestamp::from_micros(0),
        }
    }

    /// What a receiver does once a call has arrived.
    #[derive(Clone)]
    enum Then {
        Answers(String),
        /// Reads everything and closes without a word.
        HangsUp,
        /// Everything has arrived, but not all of it is read: the system answers with a reset.
        Resets,
    }

    /// A receiver of one call; what it read comes out of the channel.
    fn receiver(then: Then) -> (String, mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let (told, heard) = mpsc::channel();
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let text = received(&stream, matches!(then, Then::Resets));
            if let Then::Answers(answer) = then {
                let mut stream = stream;
                stream.write_all(answer.as_bytes()).unwrap();
            }
            // Nobody listens to what isn't looked at.
            let _ = told.send(text);
        });
        (url, heard)
    }

    /// The head and the body of a call; its last byte stays unread if `but_the_last`.
    fn received(stream: &TcpStream, but_the_last: bool) -> String {
        // Unbuffered: what isn't asked for stays in the system's hands.
        let mut reader = BufReader::with_capacity(1, stream);
        let mut text = String::new();
        while !text.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut text).unwrap(), 0, "{text}");
        }
        let length = text
            .to_ascii_lowercase()
            .split_once("content-length: ")
            .and_then(|(_, rest)| rest.lines().next()?.trim().parse::<usize>().ok())
            .expect("a length");
        let mut body = vec![0; length - usize::from(but_the_last)];
        reader.read_exact(&mut body).unwrap();
        if but_the_last {
            assert_eq!(stream.peek(&mut [0]).unwrap(), 1, "the last byte is here");
        }
        text + &String::from_utf8(body).unwrap()
    }

    fn answered(head: &str) -> Handover {
        let answer = format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let (url, _heard) = receiver(Then::Answers(answer));
        Caller::network(true).send(&call(&url))
    }

    #[test]
    fn what_a_receiver_answers_decides_whether_it_is_tried_again() {
        for good in ["200 OK", "201 Created", "202 Accepted", "204 No Content"] {
            let handed = answered(good);
            assert!(
                matches!(handed, Handover::Accepted(_)),
                "{good}: {handed:?}"
            );
        }
        for later in [
            "408 Request Timeout",
            "425 Too Early",
            "429 Too Many Requests",
            "500 Internal Server Error",
            "502 Bad Gateway",
            "503 Service Unavailable",
        ] {
            let handed = answered(later);
            assert!(
                matches!(&handed, Handover::Deferred(why) if why.contains(&later[..3])),
                "{later}: {handed:?}"
            );
        }
        for never in [
            "400 Bad Request",
            "401 Unauthorized",
            "404 Not Found",
            "410 Gone",
        ] {
            let handed = answered(never);
            assert!(
                matches!(&handed, Handover::Refused(why) if why.contains(&never[..3])),
                "{never}: {handed:?}"
            );
        }
    }

    #[test]
    fn a_redirect_is_refused_and_where_it_leads_hears_nothing() {
        for status in [301, 302, 303, 307, 308] {
            let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
            elsewhere.set_nonblocking(true).unwrap();
            let place = elsewhere.local_addr().unwrap();
            let handed = answered(&format!("{status} Moved\r\nlocation: http://{place}/"));
            assert!(
                matches!(&handed, Handover::Refused(why) if why.contains(&status.to_string())),
                "{status}: {handed:?}"
            );
            let came = elsewhere.accept().expect_err("nobody came");
            assert_eq!(came.kind(), std::io::ErrorKind::WouldBlock);
        }
    }

    #[test]
    fn without_an_answer_after_the_last_byte_nobody_knows() {
        for (what, then) in [
            ("hung up", Then::HangsUp),
            ("reset", Then::Resets),
            ("half an answer", Then::Answers("HTTP/1.1 20".to_owned())),
        ] {
            let (url, heard) = receiver(then);
            let handed = Caller::network(true).send(&call(&url));
            assert!(matches!(handed, Handover::Unsure(_)), "{what}: {handed:?}");
            let text = heard.recv().expect("it was called");
            assert!(
                text.starts_with("POST /in HTTP/1.1\r\n") && text.contains("webhook-id: msg_1\r\n"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_call_to_this_machine_is_refused_unless_it_is_allowed() {
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
