//! What the tickets of `watchkeeper demo --tickets N` say.

use chrono_tz::Tz;

use super::crowd::{COMMON, Dice};

/// Name, domain, contact, phone, zone.
type Customer = (&'static str, &'static str, &'static str, &'static str, Tz);

pub(super) const CUSTOMERS: &[Customer] = &[
    (
        "Fabrikam",
        "fabrikam.example",
        "Ute Brandt",
        "+49 30 555 0110",
        Tz::Europe__Berlin,
    ),
    (
        "Litware",
        "litware.example",
        "Sam Okoro",
        "+44 20 7946 0111",
        Tz::Europe__London,
    ),
    (
        "Proseware",
        "proseware.example",
        "Chloe Martin",
        "+33 1 55 55 01 12",
        Tz::Europe__Paris,
    ),
    (
        "Tailspin Toys",
        "tailspin.example",
        "Ben Ortiz",
        "+1 415 555 0113",
        Tz::America__Los_Angeles,
    ),
    (
        "Wingtip",
        "wingtip.example",
        "Priya Nair",
        "+91 22 5550 0114",
        Tz::Asia__Kolkata,
    ),
    (
        "Adventure Works",
        "adventure.example",
        "Lena Huber",
        "+41 44 555 01 15",
        Tz::Europe__Zurich,
    ),
    (
        "Fourth Coffee",
        "fourthcoffee.example",
        "Joao Pires",
        "+351 21 555 0116",
        Tz::Europe__Lisbon,
    ),
    (
        "Alpine Ski House",
        "alpine.example",
        "Nora Dahl",
        "+47 22 55 01 17",
        Tz::Europe__Oslo,
    ),
    (
        "Lucerne Publishing",
        "lucerne.example",
        "Marc Keller",
        "+41 41 555 01 18",
        Tz::Europe__Zurich,
    ),
    (
        "Blue Yonder",
        "blueyonder.example",
        "Aiko Mori",
        "+81 3 5555 0119",
        Tz::Asia__Tokyo,
    ),
];

/// Place of the service among the house's five, and a title.
pub(super) fn incident(i: u64, dice: &mut Dice) -> (usize, String) {
    if i % 10 == 3 {
        let host = 1 + dice.below(6);
        let secs = 31 + dice.below(600);
        return (1, format!("orders-db {COMMON} {host} is {secs} s behind"));
    }
    let place = dice.below(5) as usize;
    let (hosts, troubles) = TROUBLES[place];
    let (host, trouble) = (dice.of(hosts), dice.of(troubles));
    let number = 1 + dice.below(24);
    (place, format!("{host}-{number:02}: {trouble}"))
}

pub(super) fn task(i: u64, dice: &mut Dice) -> (usize, String) {
    let place = dice.below(5) as usize;
    let (hosts, _) = TROUBLES[place];
    let (work, host) = (dice.of(WORK), dice.of(hosts));
    (place, format!("{work} {host}-{:02}", 1 + i % 24))
}

type Lines = &'static [&'static str];

/// By service: checkout, orders, edge, mail, billing.
const TROUBLES: [(Lines, Lines); 5] = [
    (
        &["pay", "basket", "checkout"],
        &[
            "payments time out after ten seconds",
            "error rate above two percent",
            "the voucher field accepts nothing",
            "response time doubled since the release",
            "a worker is killed for memory every hour",
            "shoppers are logged out at the last step",
        ],
    ),
    (
        &["orders-db", "orders-api", "stock"],
        &[
            "connections above ninety percent",
            "slow queries on the order history",
            "vacuum has not finished for two days",
            "deadlocks between import and export",
            "orders arrive twice from the queue",
            "stock is negative for a few articles",
        ],
    ),
    (
        &["edge", "cdn", "lb"],
        &[
            "handshake failures from old clients",
            "health check flaps every few minutes",
            "disk above eighty percent",
            "packet loss towards one provider",
            "certificate expires in ten days",
            "cache hit rate fell by half",
        ],
    ),
    (
        &["relay", "mx", "bounce"],
        &[
            "queue grows faster than it drains",
            "a provider answers try again later",
            "reverse lookup is missing",
            "bounces are not processed",
            "order confirmations arrive an hour late",
        ],
    ),
    (
        &["invoice", "ledger", "dunning"],
        &[
            "the nightly run stopped half way",
            "totals differ by one cent",
            "wrong VAT for one country",
            "PDF files are empty",
            "reminders went to paid accounts",
        ],
    ),
];

pub(super) const SEEN: &[&str] = &[
    "The alert has been firing for five minutes.",
    "It began without a change of ours that we know of. The graphs of the last hour are attached to the dashboard.",
    "Our people on site see it since this morning. It is not urgent for us, but it comes back every week.",
    "Several of our shops report the same. Please tell us what you need to know.",
    "Seen by the external check from three places; the internal one is green.",
    "Started right after the backup and has not gone away by itself.",
    "We can work around it for today, but not tomorrow.",
    "The log says nothing unusual before it begins, then one line per second.",
];

pub(super) const ANSWERS: &[&str] = &[
    "Thank you, we see it here as well and are looking for the cause.",
    "We have found the machine concerned and taken it out of service; you should see no more errors.",
    "Could you tell us since when you see it, and from which of your offices?",
    "We are on it. You hear from us as soon as we know more, within the time that we promised.",
    "This looks like what you had last month. We are trying the same remedy and will tell you.",
];

pub(super) const FOUND: &[&str] = &[
    "One of the workers holds a lock since the last deploy. Restarting it alone first.",
    "Memory grows by a percent per minute; took a profile before restarting.",
    "The provider confirms a fault on their side and expects an hour.",
    "Same picture as last week: it begins with the weekly export.",
    "Nothing in the log. Raised the log level on one machine and waiting.",
];

pub(super) const MENDED: &[&str] = &[
    "Restarted the worker; a fix for the leak is in the next release.",
    "Moved the load to the other machines and replaced the disk.",
    "The provider has repaired it; our checks are green for half an hour.",
    "Rolled back to the version before; the error rate is what it was.",
    "Added an index; the query takes four milliseconds now.",
    "Renewed the certificate and put it under the automatic renewal.",
    "Raised the limit after looking at a month of graphs.",
    "Not reproducible any more; agreed with the customer to close.",
];

const WORK: &[&str] = &[
    "Replace the disk of",
    "Upgrade the kernel of",
    "Document how to restore",
    "Move to the new rack:",
    "Renew the certificate of",
    "Write a runbook for",
    "Measure the memory of",
];

pub(super) const OUTLINES: &[&str] = &[
    "Needs half an hour in the data centre and somebody who can look at the graphs meanwhile.",
    "The old way works for another quarter; do it when it is quiet.",
    "Came out of a review. Done when the runbook says what to do and was tried once.",
    "The vendor wants it for the next support case.",
];

pub(super) const FINISHED: &[&str] = &[
    "Done in the maintenance window, nothing unusual.",
    "Done; the runbook says how.",
    "Done by the data centre's people, checked from here.",
];
