//! Mail that monitoring writes: a problem, its end, or somebody's acknowledgement, and which check of which host it is about.
//!
//! Told by the subject alone, in the forms that the common programs write by default. The fingerprint is what stays the same
//! between a problem and its end: host and service, without state, count or time.

use super::letter::bare_subject;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    Problem,
    /// It is well again.
    Recovery,
    /// Somebody said in the monitoring that they have it.
    Acknowledged,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertMail {
    pub happened: Happened,
    /// Folded; the same for a problem and its end.
    pub fingerprint: String,
}

/// Reads an alert's subject; `None` if it is in none of the known forms.
pub fn read(subject: &str) -> Option<AlertMail> {
    let subject = bare_subject(subject);
    nagios(&subject)
        .or_else(|| bracketed(&subject))
        .or_else(|| worded(&subject))
}

fn alert(happened: Happened, about: &str) -> Option<AlertMail> {
    let fingerprint = about
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase();
    let fingerprint: String = fingerprint.chars().take(300).collect();
    (!fingerprint.is_empty()).then_some(AlertMail {
        happened,
        fingerprint,
    })
}

fn word(text: &str) -> Option<Happened> {
    match text.trim().to_uppercase().as_str() {
        "PROBLEM" | "FIRING" | "ALERT" | "DOWN" | "CRITICAL" | "WARNING" => Some(Happened::Problem),
        "RECOVERY" | "RESOLVED" | "OK" | "UP" => Some(Happened::Recovery),
        "ACKNOWLEDGEMENT" | "ACKNOWLEDGED" | "ACK" => Some(Happened::Acknowledged),
        _ => None,
    }
}

/// `** PROBLEM Service Alert: web1/HTTP is CRITICAL **` (Nagios, Icinga), `PROBLEM - web1 - HTTP is CRITICAL`.
fn nagios(subject: &str) -> Option<AlertMail> {
    let inner = subject.trim_matches(['*', ' ']);
    let (head, rest) = inner.split_once([' ', ':'])?;
    let head = head.trim_matches(['[', ']', ':']);
    if !head.chars().all(|c| c.is_ascii_uppercase()) {
        return None;
    }
    let happened = word(head)?;
    let (about, _state) = rest.rsplit_once(" is ")?;
    let about = about.trim_start_matches([' ', '-', ':']);
    let about = match about.split_once(" Alert: ") {
        Some(("Service" | "Host", about)) => about,
        _ => about,
    };
    alert(happened, about)
}

/// `[FIRING:2] DiskFull (db1 prod)` (Alertmanager), `[RESOLVED] …`, `[Alerting] …` and `[OK] …` (Grafana).
fn bracketed(subject: &str) -> Option<AlertMail> {
    let (head, about) = subject.strip_prefix('[')?.split_once(']')?;
    let head = head.split(':').next().unwrap_or(head);
    let happened = if head.eq_ignore_ascii_case("alerting") {
        Happened::Problem
    } else {
        word(head)?
    };
    alert(happened, about)
}

/// `Problem: Disk full on db1`, `Resolved in 5m 3s: Disk full on db1` (Zabbix).
fn worded(subject: &str) -> Option<AlertMail> {
    let (head, about) = subject.split_once(':')?;
    let mut words = head.split_whitespace();
    let first = words.next()?;
    let happened = match first.to_lowercase().as_str() {
        "problem" => Happened::Problem,
        "resolved" => Happened::Recovery,
        "acknowledged" => Happened::Acknowledged,
        _ => return None,
    };
    match words.next() {
        None => alert(happened, about),
        Some("in") => alert(happened, about),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e63_a_problem_and_its_end_have_one_fingerprint() {
        for (subject, happened, about) in [
            (
                "** PROBLEM Service Alert: web1/HTTP is CRITICAL **",
                Happened::Problem,
                "web1/http",
            ),
            (
                "** RECOVERY Service Alert: web1/HTTP is OK **",
                Happened::Recovery,
                "web1/http",
            ),
            (
                "** ACKNOWLEDGEMENT Service Alert: web1/HTTP is CRITICAL **",
                Happened::Acknowledged,
                "web1/http",
            ),
            (
                "** PROBLEM Host Alert: web2 is DOWN **",
                Happened::Problem,
                "web2",
            ),
            (
                "PROBLEM - web1 - HTTP is WARNING",
                Happened::Problem,
                "web1 - http",
            ),
            (
                "[FIRING:2] DiskFull (db1 prod)",
                Happened::Problem,
                "diskfull (db1 prod)",
            ),
            (
                "[RESOLVED] DiskFull (db1 prod)",
                Happened::Recovery,
                "diskfull (db1 prod)",
            ),
            ("[Alerting] CPU high", Happened::Problem, "cpu high"),
            (
                "Problem: Disk full on db1",
                Happened::Problem,
                "disk full on db1",
            ),
            (
                "Resolved in 5m 3s: Disk full on db1",
                Happened::Recovery,
                "disk full on db1",
            ),
        ] {
            let read = read(subject).unwrap_or_else(|| panic!("{subject}"));
            assert_eq!(
                (read.happened, read.fingerprint.as_str()),
                (happened, about),
                "{subject}"
            );
        }
        for person in [
            "Problem with the printer: it is on fire",
            "Uplink down",
            "OK",
            "[INC-1] PROBLEM",
            "[Announcement] Carol is away",
        ] {
            assert_eq!(read(person), None, "{person}");
        }
    }
}
