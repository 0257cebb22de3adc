//! The demo's deployments: a month of releases, one that failed, one that was taken back, and the one just before what burns.

use anyhow::{Context, Result};
use git2::Oid;

use super::house::Member;
use super::life::{DAY, HOUR, Life, MINUTE};
use super::storefront::Work;
use crate::actions::deployment;
use crate::actions::deployment_rule::{TypedRule, set_rule};
use crate::domain::deployment::Typed;
use crate::domain::id::TicketKey;
use crate::domain::timeline::Door;
use crate::domain::timestamp::Timestamp;

/// Days before the last midnight, hour and minute UTC, service, version, how it went.
const PAST: &[(i64, i64, i64, &str, &str, &str)] = &[
    (29, 9, 40, "checkout", "v2.0.0", "succeeded"),
    (28, 10, 5, "billing", "2026.10.1", "succeeded"),
    (27, 9, 12, "edge", "v2.0.0", "succeeded"),
    (24, 13, 50, "checkout", "v2.1.0", "succeeded"),
    (22, 9, 31, "orders-db", "15.8", "succeeded"),
    (20, 10, 15, "checkout", "v2.2.0", "failed"),
    (20, 14, 2, "checkout", "v2.2.1", "succeeded"),
    (17, 9, 20, "mail-relay", "3.9.1", "succeeded"),
    (15, 11, 44, "edge", "v2.2.1", "succeeded"),
    (13, 9, 8, "billing", "2026.10.2", "succeeded"),
    (13, 10, 37, "billing", "2026.10.1", "succeeded"),
    (12, 13, 26, "billing", "2026.10.3", "succeeded"),
    (9, 9, 55, "checkout", "v2.3.0", "succeeded"),
    (4, 15, 12, "checkout", "v2.3.1", "succeeded"),
    (3, 8, 48, "edge", "v2.3.1", "succeeded"),
];

impl Life<'_> {
    /// What the pipelines told of the weeks before; `until` is the end of the demo's time.
    pub(super) fn past_deployments(&self, until: Timestamp) -> Result<()> {
        let midnight = until.plus_secs(-until.micros().div_euclid(1_000_000).rem_euclid(DAY));
        let ines = self.house.ines.at(self.app);
        for (service, revert) in [
            (
                self.house.checkout,
                "helm rollback checkout {prev.revision} -n shop --wait",
            ),
            (self.house.edge, "deploy edge@{prev.version} --env {env}"),
        ] {
            set_rule(&ines, service, 0, &TypedRule::new(revert, 48 * 60))?;
        }
        for (place, (days, hour, minute, service, version, status)) in PAST.iter().enumerate() {
            let at = midnight.plus_secs(-days * DAY + hour * HOUR + minute * MINUTE);
            if at >= self.now() {
                continue;
            }
            let who = if place % 3 == 0 { "ana" } else { "tom" };
            let typed = |environment: &str, at: Timestamp, status: &str| Typed {
                revision: format!("{}", 20 + place),
                started_at: Some(at),
                finished_at: Some(at.plus_secs(3 * MINUTE + place as i64)),
                actor: who.to_owned(),
                ..release(service, version, environment, status)
            };
            self.told(typed("staging", at.plus_secs(-70 * MINUTE), "succeeded"))?;
            self.told(typed("prod", at, status))?;
        }
        Ok(())
    }

    fn told(&self, typed: Typed) -> Result<()> {
        let pipeline = self.app.system("pipeline", Door::Api);
        let what = format!("{} {}", typed.service, typed.version);
        deployment::record(&pipeline, typed).with_context(|| format!("deploying {what}"))?;
        Ok(())
    }

    /// A release that is deployed now, for a change.
    pub(super) fn deploy(
        &self,
        service: &str,
        version: &str,
        commit: Oid,
        by: &Member,
        change: Option<TicketKey>,
    ) -> Result<()> {
        let login = by.email.as_str().split('@').next().unwrap_or_default();
        let revision = match version {
            "v2.4.0" => "41",
            _ => "42",
        };
        let begun = Typed {
            commit: commit.to_string(),
            revision: revision.to_owned(),
            actor: login.to_owned(),
            change: change.map_or_else(String::new, |key| key.to_string()),
            ..release(service, version, "prod", "started")
        };
        let ended = Typed {
            status: "succeeded".to_owned(),
            ..begun.clone()
        };
        self.told(begun)?;
        self.wait(3)?;
        self.told(ended)
    }

    /// The release that the burning incident comes of: nobody's change, as small ones are.
    pub(super) fn upstream_release(&self) -> Result<()> {
        let tom = &self.house.tom;
        let commit = self.storefront.commit(&Work {
            by: tom,
            at: self.now().plus_secs(-20 * MINUTE),
            message: "Send checkout through the new upstream pool\n\nTwo of four backends first; the others follow tomorrow.\n",
            files: &[
                ("checkout/upstream.toml", "pool = \"checkout-b\"\nbackends = 2\nretry = false\n"),
                ("edge/checkout.conf", "upstream checkout-b { server 10.2.0.21; server 10.2.0.22; }\n"),
            ],
        })?;
        self.storefront.tag("v2.4.2")?;
        self.storefront.push(self.app, tom)?;
        self.deploy("checkout", "v2.4.2", commit, tom, None)
    }
}

fn release(service: &str, version: &str, environment: &str, status: &str) -> Typed {
    Typed {
        service: service.to_owned(),
        version: version.to_owned(),
        environment: environment.to_owned(),
        status: status.to_owned(),
        source: "storefront deploy".to_owned(),
        ..Typed::default()
    }
}
