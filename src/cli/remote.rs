//! The way from a command line to a service somewhere else: one token, one address, no redirects.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// A pipeline waits, but not for ever.
const PATIENCE: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(5);
/// Between the first try and the second.
const PAUSE: Duration = Duration::from_millis(500);

/// What asks a service: by its certificate, or by one of the company's own authority (PEM).
pub(super) fn agent(
    name: &str,
    connect: Duration,
    patience: Duration,
    ca: Option<Vec<u8>>,
) -> anyhow::Result<Agent> {
    let mut config = Agent::config_builder()
        .timeout_connect(Some(connect.min(patience)))
        .timeout_global(Some(patience))
        .http_status_as_error(false)
        // A redirect would carry the token to wherever it points.
        .max_redirects(0)
        .user_agent(name);
    if let Some(pem) = ca {
        let mut own: Vec<Certificate<'static>> = Vec::new();
        for item in parse_pem(&pem) {
            if let PemItem::Certificate(one) = item.context("the authority's file is no PEM")? {
                own.push(one.to_owned());
            }
        }
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&own))
            .build();
        config = config.tls_config(tls);
    }
    Ok(config.build().into())
}

pub struct Remote {
    agent: Agent,
    url: String,
    token: String,
}

/// What a service said.
pub enum Answer {
    Yes(String),
    /// It understood, and says no: why, in a sentence.
    No(String),
}

/// Nobody answers, or whoever does is in trouble: it may be told later.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Away(String);

impl Remote {
    /// Where the service is.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn new(url: &str, token: &str, ca: Option<Vec<u8>>) -> anyhow::Result<Self> {
        let name = concat!("watchkeeper/", env!("CARGO_PKG_VERSION"));
        Ok(Self {
            agent: agent(name, CONNECT, PATIENCE, ca)?,
            url: url.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
        })
    }

    pub fn get(&self, path: &str, query: &BTreeMap<&str, String>) -> anyhow::Result<Answer> {
        self.asked(|| {
            self.agent
                .get(format!("{}{path}", self.url))
                .query_pairs(query.iter().map(|(name, value)| (*name, value.as_str())))
                .header("Authorization", format!("Bearer {}", self.token))
                .call()
        })
    }

    /// Sends it, once more if nobody answered: under the same key, so that it is done once.
    pub fn post(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<Answer> {
        let json = serde_json::to_vec(body)?;
        let key = uuid::Uuid::new_v4().to_string();
        self.asked(|| {
            self.agent
                .post(format!("{}{path}", self.url))
                .header("Authorization", format!("Bearer {}", self.token))
                .header("Content-Type", "application/json")
                .header("Idempotency-Key", &key)
                .send(&json)
        })
    }

    fn asked(
        &self,
        call: impl Fn() -> Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> anyhow::Result<Answer> {
        let answer = match call() {
            Ok(answer) if answer.status().as_u16() < 500 => Ok(answer),
            _ => {
                // A service that starts anew is up again after a moment; a pipeline has that.
                std::thread::sleep(PAUSE);
                call()
            }
        };
        let away = |why: String| Away(format!("{} {why}", self.url));
        let mut answer = answer.map_err(|error| away(format!("doesn't answer: {error}")))?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string();
        let text = text.map_err(|error| away(format!("breaks off its answer: {error}")))?;
        match status {
            408 | 429 | 500.. => Err(away(format!("answers {status}: {}", reason(&text))).into()),
            200..=299 => Ok(Answer::Yes(text)),
            409 | 422 => Ok(Answer::No(reason(&text))),
            _ => anyhow::bail!("{} answers {status}: {}", self.url, reason(&text)),
        }
    }
}

/// A problem document in one line: what is wrong, and where.
fn reason(text: &str) -> String {
    let problem: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let said = problem.as_ref().map(|problem| {
        let text = |value: &serde_json::Value, name: &str| {
            value
                .get(name)
                .and_then(|it| it.as_str())
                .unwrap_or_default()
                .to_owned()
        };
        let fields = problem["fields"].as_array().into_iter().flatten();
        let fields: Vec<String> = fields
            .map(|field| format!("{}: {}", text(field, "field"), text(field, "detail")))
            .collect();
        match fields.is_empty() {
            true => text(problem, "detail"),
            false => fields.join("; "),
        }
    });
    let said = said.filter(|it| !it.is_empty());
    said.as_deref()
        .unwrap_or(text)
        .chars()
        .filter(|c| !c.is_control())
        .take(500)
        .collect()
}
