//! The demo's month: incidents by day and by night, each acknowledged, mended and learned from, and the outage among them.

use anyhow::Result;
use chrono::{Datelike, Weekday};

use super::after::Lesson;
use super::house::{Client, House};
use super::life::{DAY, HOUR, Life, MINUTE, asked_by};
use super::storefront::Work;
use crate::actions::{page, ticket};
use crate::domain::id::{Kind, ServiceId, TicketKey};
use crate::domain::severity::Severity;
use crate::domain::ticket::Opening;
use crate::domain::timestamp::Timestamp;
use crate::jobs;

/// An incident that came and went.
struct Past {
    /// Days before the last midnight.
    days: i64,
    /// Hour of that day, UTC; it happens seven minutes past.
    hour: i64,
    what: &'static str,
    severity: Severity,
    service: fn(&House) -> ServiceId,
    /// Who asked; `None`: monitoring noticed.
    from: Option<fn(&House) -> Client>,
    body: &'static str,
    /// Minutes to the acknowledgement.
    ack: i64,
    /// Minutes to the end.
    end: i64,
    how: &'static str,
    /// What came of it, if it asked for a post-mortem.
    lesson: Option<Lesson>,
}

const PAST: &[Past] = &[
    Past {
        days: 30,
        hour: 2,
        what: "Certificate of the mail relay expired",
        severity: Severity::High,
        service: |house| house.mail,
        from: None,
        body: "TLS handshake with smtp-out fails: certificate expired 00:00 UTC.",
        ack: 4,
        end: 55,
        how: "Renewed the certificate and reloaded the relay.",
        lesson: Some(Lesson::Reviewed {
            factors: "The relay's certificate was renewed by hand and stood in nobody's calendar. \
                      The renewal of all others is automatic, so nobody looked for one that isn't.",
            went_well: "The page arrived four minutes after the first failure.",
            action: "Watch the expiry of every certificate, 21 days ahead",
            outline: "A check per certificate that opens a task; ends when the list of certificates and the checks agree.",
            days: 12,
            done: Some("Checks for 14 certificates run since today; two open tasks came of it."),
        }),
    },
    Past {
        days: 28,
        hour: 13,
        what: "Checkout slow in the afternoon",
        severity: Severity::Average,
        service: |house| house.checkout,
        from: Some(|house| house.contoso),
        body: "Since about two in the afternoon (CET) our checkout takes eight seconds or more.",
        ack: 12,
        end: 90,
        how: "Added the missing index on orders; the page takes 300 ms again.",
        lesson: None,
    },
    Past {
        days: 26,
        hour: 23,
        what: "orders-db replica 40 s behind",
        severity: Severity::High,
        service: |house| house.orders,
        from: None,
        body: "Replication lag of orders-db-2 above 30 s for 5 minutes.",
        ack: 6,
        end: 35,
        how: "Restarted the replica's receiver.",
        lesson: Some(Lesson::Reviewed {
            factors: "The receiver stops reading when its buffer is full, and doesn't begin again by itself.",
            went_well: "Reads moved to the primary without anybody's help.",
            action: "Restart a stuck receiver by a script",
            outline: "A script in the runbook of orders-db, tried on the staging replica.",
            days: 14,
            done: Some("The script is in the runbook and was tried on staging."),
        }),
    },
    Past {
        days: 24,
        hour: 9,
        what: "Disk of edge-02 above 80 %",
        severity: Severity::Warning,
        service: |house| house.edge,
        from: None,
        body: "/var is 81 % full and grows by 2 % a day.",
        ack: 30,
        end: 240,
        how: "Rotated the logs by hand; log rotation was off on this machine.",
        lesson: None,
    },
    Past {
        days: 21,
        hour: 3,
        what: "Order database read-only",
        severity: Severity::Disaster,
        service: |house| house.orders,
        from: None,
        body: "orders-db-1 answers `cannot execute INSERT in a read-only transaction`; no orders since 03:04.",
        ack: 3,
        end: 48,
        how: "Failed over to the standby; the disk of the old primary is being replaced.",
        lesson: Some(Lesson::Reviewed {
            factors: "A failing disk put the file system into read-only mode. The fail-over waited for a person, \
                      since the check asked whether the database answers, not whether it can write.",
            went_well: "The standby was up to date to the second.",
            action: "Let the health check of orders-db write a row",
            outline: "The check writes and reads back a row every 10 s; the fail-over is tried on staging with a read-only disk.",
            days: 10,
            done: Some(
                "Live on all three machines; the drill took 40 s from a read-only disk to the new primary.",
            ),
        }),
    },
    Past {
        days: 19,
        hour: 15,
        what: "Invoices are sent twice",
        severity: Severity::Average,
        service: |house| house.billing,
        from: Some(|house| house.northwind),
        body: "Our customers tell us that they get each invoice two times since this morning.",
        ack: 20,
        end: 180,
        how: "Stopped the second worker, which had been started by hand; 212 duplicates were recalled.",
        lesson: None,
    },
    Past {
        days: 16,
        hour: 1,
        what: "edge-01 does not answer",
        severity: Severity::High,
        service: |house| house.edge,
        from: None,
        body: "No answer to ping or HTTP for 3 minutes; the other three carry the load.",
        ack: 5,
        end: 30,
        how: "Power cycled by the data centre; a fan had failed and the machine had switched itself off.",
        lesson: Some(Lesson::Reviewed {
            factors: "One of two fans had been reported as failing for nine days, as a warning among forty others.",
            went_well: "Nobody outside noticed: three of four machines are enough.",
            action: "Replace the fan of edge-01",
            outline: "The part is ordered; needs somebody in the data centre for half an hour.",
            days: 40,
            done: None,
        }),
    },
    Past {
        days: 13,
        hour: 11,
        what: "Mail queue growing",
        severity: Severity::Average,
        service: |house| house.mail,
        from: None,
        body: "1,900 mails wait for one provider.",
        ack: 9,
        end: 65,
        how: "The provider greylisted us after a campaign; asked them to lift it, the queue is empty.",
        lesson: None,
    },
    Past {
        days: 11,
        hour: 4,
        what: "orders-db replica 60 s behind",
        severity: Severity::High,
        service: |house| house.orders,
        from: None,
        body: "Replication lag of orders-db-2 above 30 s for 5 minutes.",
        ack: 7,
        end: 40,
        how: "Restarted the replica's receiver with the script.",
        lesson: Some(Lesson::Skipped(
            "The same cause as two weeks ago, mended with the script that came of it. The task to find out why stays open.",
        )),
    },
    Past {
        days: 8,
        hour: 18,
        what: "Login page shows an old logo",
        severity: Severity::Information,
        service: |house| house.edge,
        from: Some(|house| house.contoso),
        body: "The sign-in page still has the logo from before the rebranding. No hurry.",
        ack: 60,
        end: 600,
        how: "Purged the cache of the edge.",
        lesson: None,
    },
    Past {
        days: 3,
        hour: 0,
        what: "orders-db replica 55 s behind",
        severity: Severity::High,
        service: |house| house.orders,
        from: None,
        body: "Replication lag of orders-db-2 above 30 s for 5 minutes.",
        ack: 5,
        end: 25,
        how: "Restarted the replica's receiver; doubled its buffer.",
        lesson: Some(Lesson::InReview {
            factors: "The lag comes back at the time of the weekly export, which writes 30 GB in ten minutes. \
                      The buffer that was doubled today would have held three of the four lags so far.",
        }),
    },
];

/// Lives from the manual clock's start until `until`.
pub(super) fn live(life: &Life<'_>, until: Timestamp) -> Result<()> {
    first_versions(life)?;
    let midnight = until.plus_secs(-until.micros().div_euclid(1_000_000).rem_euclid(DAY));
    for past in PAST {
        life.go_to(midnight.plus_secs(-past.days * DAY + past.hour * HOUR + 7 * MINUTE))?;
        let key = life.past_incident(past)?;
        if let Some(lesson) = &past.lesson {
            life.learn(key, lesson)?;
        }
        if past.days == 8 {
            life.go_to(
                midnight.plus_secs(-days_to_the_outage(midnight) * DAY + 13 * HOUR + 31 * MINUTE),
            )?;
            life.outage()?;
        }
    }
    super::today::live(life, until)
}

/// Six, or whatever is nearest to it on a working day.
fn days_to_the_outage(midnight: Timestamp) -> i64 {
    let on = |days: i64| {
        midnight
            .plus_secs(-days * DAY)
            .in_zone(chrono_tz::UTC)
            .weekday()
    };
    match on(6) {
        Weekday::Sat => 7,
        Weekday::Sun => 5,
        _ => 6,
    }
}

/// What the repository held before its hook was installed.
fn first_versions(life: &Life<'_>) -> Result<()> {
    let start = life.now();
    let house = life.house;
    for (days, by, version, message, files) in [
        (
            400,
            &house.ines,
            "v2.0.0",
            "Checkout, orders and edge in one repository",
            &[
                (
                    "README.md",
                    "# Storefront\n\nCheckout, orders and the edge in front of them.\n",
                ),
                ("checkout/pool.toml", "size = 400\n"),
                ("edge/nginx.conf", "worker_processes auto;\n"),
            ][..],
        ),
        (
            45,
            &house.tom,
            "v2.3.0",
            "Answer 503 instead of waiting when no connection is free",
            &[("checkout/pool.toml", "size = 400\nwait_secs = 2\n")][..],
        ),
    ] {
        life.storefront.commit(&Work {
            by,
            at: start.plus_secs(-days * DAY),
            message,
            files,
        })?;
        life.storefront.tag(version)?;
    }
    life.storefront.push(life.app, &house.ines)
}

impl Life<'_> {
    fn past_incident(&self, past: &Past) -> Result<TicketKey> {
        let opening = Opening {
            severity: Some(past.severity),
            services: vec![(past.service)(self.house)],
            body: past.body.to_owned(),
            ..past
                .from
                .map(|from| asked_by(from(self.house)))
                .unwrap_or_default()
        };
        let ctx = match past.from {
            Some(_) => self.house.ana.at(self.app),
            None => self.monitoring(),
        };
        let key = self.open(&ctx, Kind::Incident, past.what, &opening)?;
        self.wait(past.ack)?;
        let duty = self.on_duty()?;
        page::acknowledge(&duty.at(self.app), key)?;
        if past.from.is_some() {
            let seen =
                "Thank you for telling us. We can see it here too and are looking for the cause.";
            ticket::reply(&duty.at(self.app), key, seen, None, None)?;
        }
        self.wait(past.end - past.ack)?;
        if past.from.is_some() {
            let done = format!("{} Please tell us if you still see it.", past.how);
            ticket::reply(&duty.at(self.app), key, &done, None, None)?;
        }
        ticket::resolve(&duty.at(self.app), key, None, past.how)?;
        jobs::run_until_quiet(self.app)?;
        Ok(key)
    }
}
