//! A program that talks to the desk's application over real HTTP, and keeps count of what it called.

use std::collections::BTreeSet;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;

use watchkeeper::actions::login::{self, NewToken};
use watchkeeper::domain::access::{Roles, Scopes, TokenOwner};
use watchkeeper::http::api::ROUTES;

use crate::desk::{Desk, Staff};
use crate::served::Served;

/// A desk with a server and a program that talks to it.
pub struct Program {
    pub desk: Desk,
    pub server: Served,
    pub agent: Agent,
    pub token: String,
    pub ada: Staff,
    /// The operations that were called: each must be, once at least.
    pub called: std::cell::RefCell<BTreeSet<String>>,
    /// Calls that should have succeeded; all are told at once, at the end.
    pub failed: std::cell::RefCell<Vec<String>>,
}

impl Drop for Program {
    fn drop(&mut self) {
        let failed = self.failed.borrow();
        if std::thread::panicking() {
            eprintln!("{}", failed.join("\n"));
        } else {
            assert!(failed.is_empty(), "{}", failed.join("\n"));
        }
    }
}

/// A part of a form.
pub enum Part<'a> {
    Text(&'a str, &'a str),
    File(&'a str, &'a [u8]),
}

/// An answer.
pub struct Said {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Said {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The stable names of what was wrong, field by field.
    pub fn faults(&self) -> Vec<(String, String)> {
        let fields = self.body["fields"].as_array().cloned().unwrap_or_default();
        let name = |field: &Value, key: &str| field[key].as_str().unwrap_or_default().to_owned();
        fields
            .iter()
            .map(|field| (name(field, "field"), name(field, "problem")))
            .collect()
    }

    pub fn text(&self, pointer: &str) -> String {
        match self.body.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            other => panic!("{pointer} is {other:?} in {}", self.body),
        }
    }
}

impl Program {
    pub fn new(desk: Desk) -> Self {
        let server = Served::new(&desk.app);
        let ada = desk.person("Ada", Roles::all());
        let token = token_of(&desk, &ada, Scopes::all());
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        Self {
            desk,
            server,
            agent,
            token,
            ada,
            called: std::cell::RefCell::default(),
            failed: std::cell::RefCell::default(),
        }
    }

    pub fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Said {
        let authorization = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", authorization.as_str())];
        if body.is_some() {
            all.push(("content-type", "application/json"));
        }
        all.extend_from_slice(headers);
        self.send(method, path, &all, body)
    }

    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Said {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match body {
            Some(body) => self.agent.run(request.body(body.to_owned()).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        self.heard(method, path, response.unwrap())
    }

    /// Sends a form with files, as `curl -F` does.
    pub fn upload(&self, path: &str, headers: &[(&str, &str)], parts: &[Part]) -> Said {
        let boundary = "a-boundary-of-this-form";
        let mut request = ureq::http::Request::builder()
            .method("POST")
            .uri(format!("{}{path}", self.server.url()))
            .header("authorization", format!("Bearer {}", self.token))
            .header(
                "content-type",
                format!("multipart/form-data; boundary={boundary}"),
            );
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut body = Vec::new();
        for part in parts {
            let (head, bytes) = match part {
                Part::Text(name, text) => (format!("name=\"{name}\""), text.as_bytes()),
                Part::File(name, bytes) => (
                    format!("name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/plain"),
                    *bytes,
                ),
            };
            let head = format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        let response = self.agent.run(request.body(body).unwrap());
        self.heard("POST", path, response.unwrap())
    }

    fn heard(&self, method: &str, path: &str, mut response: Response<ureq::Body>) -> Said {
        let status = response.status().as_u16();
        if status < 300 {
            self.note(method, path);
        }
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = value.to_str().unwrap_or_default();
                (name.as_str().to_owned(), value.to_owned())
            })
            .collect();
        let bytes = response
            .body_mut()
            .with_config()
            .limit(64 << 20)
            .read_to_vec();
        let text = String::from_utf8_lossy(&bytes.unwrap()).into_owned();
        assert!(status < 500, "{method} {path}: {status} {text}");
        Said {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }

    /// Which operation of the table this call was.
    pub fn note(&self, method: &str, path: &str) {
        let path = path.split('?').next().unwrap();
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |known: &str| {
            let known: Vec<&str> = known.split('/').collect();
            known.len() == parts.len()
                && known
                    .iter()
                    .zip(&parts)
                    .all(|(known, part)| known.starts_with('{') || known == part)
        };
        // Fixed addresses go before those with places.
        let mut found: Vec<_> = ROUTES
            .iter()
            .filter(|(known, place, _)| *known == method && fits(place))
            .collect();
        found.sort_by_key(|(_, place, _)| place.matches('{').count());
        if let Some((_, _, name)) = found.first() {
            self.called.borrow_mut().insert((*name).to_owned());
        }
    }

    pub fn get(&self, path: &str) -> Said {
        self.call("GET", path, &[], None)
    }

    /// A call that must succeed.
    pub fn done(&self, method: &str, path: &str, body: Value) -> Said {
        let body = (!body.is_null()).then(|| body.to_string());
        let said = self.call(method, path, &[], body.as_deref());
        if said.status >= 300 {
            let failed = format!("{method} {path}: {} {}", said.status, said.body);
            self.failed.borrow_mut().push(failed);
        }
        said
    }

    pub fn opened(&self, body: Value) -> String {
        self.done("POST", "/api/v1/tickets", body).text("/key")
    }
}

pub fn token_of(desk: &Desk, owner: &Staff, scopes: Scopes) -> String {
    let new = NewToken {
        name: "ci".to_owned(),
        owner: TokenOwner::Person(owner.id),
        roles: Roles::NONE,
        scopes,
        expires_at: None,
    };
    login::make_token(&desk.as_person(owner), &new).unwrap().1
}
