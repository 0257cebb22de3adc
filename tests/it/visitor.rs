//! Somebody with a browser, as far as a story needs one: pages, forms with their token, the session's cookie.

use std::sync::Arc;

use watchkeeper::app::App;
use watchkeeper::domain::id::Id;
use watchkeeper::domain::login::SessionTimes;
use watchkeeper::secrets;
use watchkeeper::store;
use watchkeeper::store::login::Session;
use watchkeeper::store::people::Holder;

use crate::served::Served;

/// An answer as a story looks at it.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub place: String,
    pub cookies: Vec<String>,
    pub text: String,
}

pub struct Visitor {
    agent: ureq::Agent,
    base: String,
    /// The session's token; without one they are nobody.
    pub session: Option<String>,
}

impl Visitor {
    pub fn new(served: &Served) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Self {
            agent: config.into(),
            base: served.url(),
            session: None,
        }
    }

    /// Somebody whose session is open already: what logging in leads to, without hashing a password each time.
    pub fn logged_in(served: &Served, app: &Arc<App>, holder: Holder) -> Self {
        let token = secrets::new_token("").expect("a token");
        let now = app.time.now();
        app.store
            .write(|tx| {
                let login = match store::login::login_of_holder(tx, holder)? {
                    Some(login) => login.id,
                    None => {
                        let id = Id::new(now);
                        store::login::insert_login(tx, id, holder)?;
                        id
                    }
                };
                let session = Session {
                    id: Id::new(now),
                    login_id: login,
                    times: SessionTimes {
                        made_at: now,
                        seen_at: now,
                    },
                    browser: String::new(),
                    network: String::new(),
                };
                store::login::insert_session(tx, &session, &secrets::fingerprint(&token))
            })
            .expect("the session is kept");
        Self {
            session: Some(token),
            ..Self::new(served)
        }
    }

    /// The same browser with the session that an answer opened.
    pub fn holding(self, session: Option<String>) -> Self {
        assert!(session.is_some(), "no session was opened");
        Self { session, ..self }
    }

    pub fn get(&self, path: &str) -> Answer {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(session) = &self.session {
            request = request.header("cookie", format!("watchkeeper={session}"));
        }
        self.keep(request.call())
    }

    /// The page that an answer leads to, with what it has to say.
    pub fn follow(&self, answer: &Answer) -> Answer {
        let said = answer
            .cookies
            .iter()
            .find_map(|it| it.strip_prefix("said="));
        let said = said
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default();
        self.get_saying(&answer.place, said)
    }

    /// A page, asked for with this cookie of what was said.
    pub fn get_saying(&self, path: &str, said: &str) -> Answer {
        let session = self.session.as_deref().unwrap_or_default();
        let cookies = format!("watchkeeper={session}; said={said}");
        let request = self.agent.get(format!("{}{path}", self.base));
        self.keep(request.header("cookie", cookies).call())
    }

    /// A file, byte for byte.
    pub fn get_bytes(&self, path: &str) -> Vec<u8> {
        let session = self.session.as_deref().unwrap_or_default();
        let request = self.agent.get(format!("{}{path}", self.base));
        let answer = request
            .header("cookie", format!("watchkeeper={session}"))
            .call();
        let mut answer = answer.expect("the server answers");
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        answer.body_mut().read_to_vec().expect("it ends")
    }

    /// Sends a form as a page of ours would, with its token.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self
            .session
            .as_deref()
            .map(|session| secrets::derive(session, "form"));
        let mut all = fields.to_vec();
        all.push(("csrf", token.as_deref().unwrap_or_default()));
        self.post_bare(path, &all, &[])
    }

    /// Sends exactly these fields and headers.
    pub fn post_bare(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        if let Some(session) = &self.session {
            request = request.header("cookie", format!("watchkeeper={session}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.keep(request.send_form(fields.iter().copied()))
    }

    /// Sends a form with files, as a browser does; its token goes with it.
    pub fn upload(&self, path: &str, fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Answer {
        let session = self.session.as_deref().expect("somebody is logged in");
        let token = secrets::derive(session, "form");
        let mut body = Vec::new();
        let mut part = |head: &str, bytes: &[u8]| {
            body.extend_from_slice(b"--a-boundary\r\nContent-Disposition: form-data; ");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(b"\r\n\r\n");
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        };
        part("name=\"csrf\"", token.as_bytes());
        for (name, value) in fields {
            part(&format!("name=\"{name}\""), value.as_bytes());
        }
        for (name, bytes) in files {
            let head = format!("name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/plain");
            part(&head, bytes);
        }
        body.extend_from_slice(b"--a-boundary--\r\n");
        let request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("cookie", format!("watchkeeper={session}"))
            .header("content-type", "multipart/form-data; boundary=a-boundary");
        self.keep(request.send(&body[..]))
    }

    fn keep(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
        let mut answer = answer.expect("the server answers");
        let head = |name: &str| -> Vec<String> {
            let values = answer.headers().get_all(name).iter();
            values
                .filter_map(|value| value.to_str().ok())
                .map(str::to_owned)
                .collect()
        };
        let place = head("location").pop().unwrap_or_default();
        let cookies = head("set-cookie");
        Answer {
            status: answer.status().as_u16(),
            place,
            cookies,
            text: answer.body_mut().read_to_string().unwrap_or_default(),
        }
    }
}

impl Answer {
    /// The session that this answer opened.
    pub fn session(&self) -> Option<String> {
        let pair = self
            .cookies
            .iter()
            .find_map(|cookie| cookie.strip_prefix("watchkeeper="))?;
        let token = pair.split(';').next().unwrap_or_default();
        (!token.is_empty()).then(|| token.to_owned())
    }
}
