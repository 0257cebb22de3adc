//! The hook's way to the service: one token, short patience.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::Agent;

use super::place::Place;
use crate::cli::remote::agent;
use crate::domain::git::Gap;
use crate::intake::push::{PushAnswer, PushBody};
use crate::intake::push_gap::ComparedBody;
use crate::intake::push_verdict::{AskAnswer, AskBody, KeyBody};

/// Until a connection stands.
const CONNECT: Duration = Duration::from_millis(300);

pub struct Client {
    agent: Agent,
    url: String,
    token: String,
}

/// What came back.
pub enum Answer<T> {
    Got(T),
    /// The service can't be reached, or is in trouble: later.
    Away(String),
    /// The service won't have it, however often it is asked.
    Refused(u16, String),
}

/// Whether a key names a ticket.
#[derive(serde::Deserialize)]
struct VerdictBody {
    verdict: String,
    /// A service from before has none.
    pin: Option<KeyBody>,
}

impl Client {
    pub fn of(place: &Place, patience: Duration) -> anyhow::Result<Self> {
        Self::new(&place.url()?, &place.token()?, place.ca(), patience)
    }

    pub fn new(
        url: &str,
        token: &str,
        ca: Option<Vec<u8>>,
        patience: Duration,
    ) -> anyhow::Result<Self> {
        let name = concat!("watchkeeper-hook/", env!("CARGO_PKG_VERSION"));
        Ok(Self {
            agent: agent(name, CONNECT, patience, ca)?,
            url: url.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
        })
    }

    /// Whether the service knows the key.
    pub fn knows(&self, key: &str) -> Answer<bool> {
        self.verdict(key, |body| body.verdict == "known")
    }

    fn verdict<T>(&self, key: &str, of: impl FnOnce(VerdictBody) -> T) -> Answer<T> {
        let request = self
            .agent
            .get(format!("{}/api/v1/keys/{key}/verdict", self.url))
            .header("Authorization", format!("Bearer {}", self.token));
        match read(request.call()) {
            Answer::Got(text) => match serde_json::from_str(&text) {
                Ok(body) => Answer::Got(of(body)),
                Err(error) => Answer::Away(error.to_string()),
            },
            Answer::Away(why) => Answer::Away(why),
            Answer::Refused(status, why) => Answer::Refused(status, why),
        }
    }

    /// Whose signature the repository goes by; nothing from a service that signs nothing.
    pub fn pin(&self) -> Answer<Option<KeyBody>> {
        self.verdict("TSK-1", |body| body.pin)
    }

    /// Tells of a push. Sending it twice is harmless, so that a broken connection is tried once more.
    pub fn tell(&self, push: &PushBody) -> Answer<PushAnswer> {
        self.exchange("post-receive", push)
    }

    /// As [`tell`](Self::tell), of a part as it was written down.
    pub fn tell_written(&self, part: &str) -> Answer<PushAnswer> {
        self.send("post-receive", part.as_bytes())
    }

    /// Asks whether a push may go through. Asking twice is harmless.
    pub fn ask(&self, push: &AskBody) -> Answer<AskAnswer> {
        self.exchange("pre-receive", push)
    }

    /// Tells which refs aren't where the service has them.
    pub fn compared(&self, gaps: &[Gap]) -> Answer<()> {
        let body = match serde_json::to_vec(&ComparedBody::of(gaps)) {
            Ok(body) => body,
            Err(error) => return Answer::Refused(0, error.to_string()),
        };
        match read(self.post("compared", &body)) {
            Answer::Got(_) => Answer::Got(()),
            Answer::Away(why) => Answer::Away(why),
            Answer::Refused(status, why) => Answer::Refused(status, why),
        }
    }

    fn exchange<T: DeserializeOwned>(&self, door: &str, body: &impl Serialize) -> Answer<T> {
        let json = match serde_json::to_vec(body) {
            Ok(json) => json,
            Err(error) => return Answer::Refused(0, error.to_string()),
        };
        self.send(door, &json)
    }

    fn send<T: DeserializeOwned>(&self, door: &str, json: &[u8]) -> Answer<T> {
        let mut answer = self.post(door, json);
        if matches!(
            answer,
            Err(ureq::Error::Io(_) | ureq::Error::ConnectionFailed)
        ) {
            answer = self.post(door, json);
        }
        match read(answer) {
            Answer::Got(text) => match serde_json::from_str(&text) {
                Ok(answer) => Answer::Got(answer),
                Err(error) => Answer::Away(error.to_string()),
            },
            Answer::Away(why) => Answer::Away(why),
            Answer::Refused(status, why) => Answer::Refused(status, why),
        }
    }

    fn post(
        &self,
        door: &str,
        json: &[u8],
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        self.agent
            .post(format!("{}/api/v1/hook/{door}", self.url))
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/json")
            .send(json)
    }
}

/// The text of a good answer; what a bad one means for us.
fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer<String> {
    let mut response = match answer {
        Ok(response) => response,
        Err(error) => return Answer::Away(error.to_string()),
    };
    let status = response.status().as_u16();
    let text = match response.body_mut().read_to_string() {
        Ok(text) => text,
        Err(error) => return Answer::Away(error.to_string()),
    };
    match status {
        200..=299 => Answer::Got(text),
        // 404 and 405 come from another program on that port as well; 408 and 429 ask for patience.
        400 | 401 | 403 | 409 | 413 | 422 => Answer::Refused(status, reason(&text)),
        _ => Answer::Away(format!("{status} {}", reason(&text))),
    }
}

/// The sentence of a problem document; else the beginning of whatever came.
fn reason(text: &str) -> String {
    let problem: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let sentence = problem.as_ref().and_then(|problem| {
        ["detail", "title"]
            .iter()
            .find_map(|name| problem.get(name)?.as_str())
    });
    sentence
        .unwrap_or(text)
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect()
}
