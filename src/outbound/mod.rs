//! Hands finished bytes to a network, and says truthfully what is known afterwards. Never touches the store.

pub mod dkim;
pub mod mail;
pub mod webhook;

use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Config;
use dkim::Signer;
use mail::{Mailer, Recorder, Relay};
use webhook::Caller;

/// The house's post office: one for the whole process, so that connections are shared.
pub struct Post {
    /// A folder, or the recorder of a test: goes before every relay.
    fixed: Option<Arc<Mailer>>,
    relay: Mutex<Option<(String, Arc<Mailer>)>>,
    signing: Signing,
    pub caller: Caller,
}

impl Post {
    pub fn of(config: &Config) -> Self {
        let signing = Signing::of(config);
        Self {
            fixed: config
                .mail_folder
                .clone()
                .map(|folder| Arc::new(Mailer::Folder(folder, signing.clone()))),
            relay: Mutex::new(None),
            signing,
            caller: Caller::network(config.webhook_private),
        }
    }

    /// Sends nothing and remembers everything.
    pub fn recorded() -> Self {
        Self {
            fixed: Some(Arc::new(Mailer::Recorded(Recorder::default()))),
            relay: Mutex::new(None),
            signing: Signing::Off,
            caller: Caller::Recorded(Mutex::default()),
        }
    }

    /// The recorder of [`Post::recorded`].
    pub fn recorder(&self) -> Option<&Recorder> {
        match self.fixed.as_deref() {
            Some(Mailer::Recorded(recorder)) => Some(recorder),
            _ => None,
        }
    }

    /// The size of mails that the relay announced when it was last called, 0 for none; `None` as long as it wasn't.
    pub fn announced_size(&self) -> Option<i64> {
        if let Some(fixed) = &self.fixed {
            return fixed.announced_size();
        }
        let known = self.relay.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().and_then(|(_, it)| it.announced_size())
    }

    /// Mail has somewhere to go when `url` is the relay's address.
    pub fn leads_somewhere(&self, url: Option<&str>) -> bool {
        self.fixed.is_some() || url.is_some_and(|url| Relay::parse(url, "").is_ok())
    }

    /// Who takes mail now: `url` is the relay's address as configuration or set-up says; `hello` is our own host name.
    pub fn mailer(&self, url: Option<&str>, hello: &str) -> Arc<Mailer> {
        if let Some(fixed) = &self.fixed {
            return Arc::clone(fixed);
        }
        let Some(url) = url else {
            return Arc::new(Mailer::Nowhere);
        };
        let mut known = self.relay.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((same, mailer)) = known.as_ref().filter(|(same, _)| same == url) {
            debug_assert_eq!(same, url);
            return Arc::clone(mailer);
        }
        let mailer = match Relay::parse(url, hello) {
            Ok(relay) => Arc::new(Mailer::Relay(relay, self.signing.clone())),
            Err(why) => {
                tracing::error!(why, "the relay's address can't be read; mail waits");
                Arc::new(Mailer::Nowhere)
            }
        };
        *known = Some((url.to_owned(), Arc::clone(&mailer)));
        mailer
    }
}

/// Whether our mail is signed.
#[derive(Debug, Clone)]
pub enum Signing {
    Off,
    By(Arc<Signer>),
    /// It should be, and the key can't be read: nothing goes out until it can.
    Broken(String),
}

impl Signing {
    fn of(config: &Config) -> Self {
        let Some(dkim) = &config.dkim else {
            return Signing::Off;
        };
        match Signer::read(&dkim.domain, &dkim.selector, &dkim.key) {
            Ok(signer) => Signing::By(Arc::new(signer)),
            Err(why) => Signing::Broken(why),
        }
    }
}
