//! Shapes of text that belongs to machines: addresses, hosts, commits, paths, keys, stack traces.
//!
//! Each asks about one piece of text and errs on the side of finding: a person can rephrase, nobody can call a sent report back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::id::TicketKey;
use super::Leak;

/// How the secrets of well-known services begin.
const SECRET_PREFIXES: [&str; 20] = [
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "sk_live_",
    "rk_live_",
    "sk-",
    "SG.",
    "eyJ",
    "AIza",
    "hvs.",
    "npm_",
    "whsec_",
    "wk_",
];
/// Capital letters and a number that aren't a ticket.
const NOT_TICKETS: [&str; 12] = [
    "ISO", "UTF", "RFC", "TLS", "SSL", "COVID", "BASE", "WIN", "SHA", "AES", "HTTP", "UTC",
];

pub(super) fn is_mail_address(chunk: &str) -> bool {
    let chunk = chunk.strip_prefix("mailto:").unwrap_or(chunk);
    chunk.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !domain.contains('@')
    })
}

pub(super) fn is_network_address(chunk: &str) -> bool {
    let bare = chunk.split('/').next().unwrap_or(chunk);
    let bare = bare.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<IpAddr>().is_ok() && bare != "::" {
        return true;
    }
    let without_port = bare
        .rsplit_once(':')
        .map_or("", |(host, _)| host.trim_end_matches(']'));
    let mac = bare.split([':', '-']).count() == 6
        && bare
            .split([':', '-'])
            .all(|pair| pair.len() == 2 && pair.chars().all(|c| c.is_ascii_hexdigit()));
    mac || without_port.parse::<Ipv4Addr>().is_ok()
        || (without_port.contains("::") && without_port.parse::<Ipv6Addr>().is_ok())
}

/// `db-master-01`, `web03`, `ip-10-0-0-1`: lower-case letters that end in a number and carry a hyphen or at least two digits.
pub(super) fn is_numbered_host(host: &str) -> bool {
    let first = host.split('.').next().unwrap_or(host);
    let digits = first.chars().rev().take_while(char::is_ascii_digit).count();
    let stem = &first[..first.len() - digits];
    let known = NOT_TICKETS.contains(&stem.trim_end_matches('-').to_uppercase().as_str());
    digits >= 2
        && !known
        && stem.len() >= 2
        && stem.starts_with(|c: char| c.is_ascii_lowercase())
        && stem
            .chars()
            .all(|c| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit())
}

pub(super) fn is_path(chunk: &str) -> bool {
    let unix = chunk.starts_with('/')
        && chunk
            .chars()
            .nth(1)
            .is_some_and(|c| c.is_alphanumeric() || c == '.')
        && chunk[1..].contains('/');
    let home = chunk.starts_with("~/");
    let windows = chunk.len() > 3
        && chunk.as_bytes()[0].is_ascii_alphabetic()
        && chunk[1..].starts_with(":\\");
    unix || home || windows || chunk.starts_with("\\\\")
}

/// Our own keys in any case; others by their shape: 2 to 10 capitals, a hyphen, a number.
pub(super) fn is_ticket_key(part: &str) -> bool {
    if part.parse::<TicketKey>().is_ok() {
        return true;
    }
    part.split_once('-').is_some_and(|(prefix, number)| {
        (2..=10).contains(&prefix.len())
            && prefix.chars().all(|c| c.is_ascii_uppercase())
            && !NOT_TICKETS.contains(&prefix)
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit() || c == '-')
    })
}

/// A commit, a digest or a UUID: hexadecimal, long enough, with both letters and digits.
pub(super) fn is_identifier(part: &str) -> bool {
    let lengths: Vec<usize> = part.split('-').map(str::len).collect();
    let hex = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit());
    if lengths == [8, 4, 4, 4, 12] && part.split('-').all(hex) {
        return true;
    }
    (7..=128).contains(&part.len())
        && hex(part)
        && part.chars().any(|c| c.is_ascii_digit())
        && part.chars().any(|c| c.is_ascii_alphabetic())
}

pub(super) fn is_secret(chunk: &str) -> bool {
    if chunk.len() >= 12
        && SECRET_PREFIXES
            .iter()
            .any(|prefix| chunk.starts_with(prefix))
        && chunk.chars().all(|c| c.is_ascii_graphic())
    {
        return true;
    }
    let of = |class: fn(&char) -> bool| chunk.chars().filter(class).count();
    let upper = of(char::is_ascii_uppercase);
    let lower = of(char::is_ascii_lowercase);
    let digits = of(char::is_ascii_digit);
    let alphabet = chunk
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "+/=_-".contains(c));
    chunk.len() >= 20
        && alphabet
        && upper >= 2
        && lower >= 2
        && digits >= 2
        && bits_per_char(chunk) >= 3.5
}

/// Shannon entropy of the text's own letters.
fn bits_per_char(text: &str) -> f64 {
    let mut counts = [0u32; 128];
    for byte in text.bytes().filter(u8::is_ascii) {
        counts[byte as usize] += 1;
    }
    let total = text.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

/// Stack traces, SQL, log lines, keys in armour.
pub(super) fn machine_text(text: &str, add: &mut impl FnMut(Leak, &str)) {
    for line in text.lines().map(str::trim) {
        let shown: String = line.chars().take(40).collect();
        if line.contains("-----BEGIN ") {
            add(Leak::Secret, "-----BEGIN…");
        }
        let lower = line.to_lowercase();
        let has = |needle: &str| lower.contains(needle);
        let sql = (line.contains("SELECT ") && line.contains(" FROM "))
            || has("select * from")
            || has("insert into ")
            || has("delete from ")
            || has("drop table")
            || (line.contains("UPDATE ") && line.contains(" SET "));
        let trace = has("traceback (most recent")
            || has("panicked at ")
            || has("exception in thread")
            || has("stack backtrace")
            || has("segmentation fault")
            || (line.starts_with("at ") && line.ends_with(')') && line.contains(':'));
        let level = [
            "ERROR", "WARN", "WARNING", "INFO", "DEBUG", "FATAL", "TRACE",
        ]
        .iter()
        .any(|level| {
            line.split([' ', '[', ']', ':', '\t'])
                .take(8)
                .any(|word| word == *level)
        });
        let stamped = line.starts_with(|c: char| c.is_ascii_digit() || c == '[');
        if sql || trace || (level && stamped) {
            add(Leak::MachineText, &shown);
        }
    }
}

/// `password: hunter2`, `token=…`: the name of a secret followed by its value.
pub(super) fn assigned_secrets(text: &str, add: &mut impl FnMut(Leak, &str)) {
    let lower = text.to_lowercase();
    for name in [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "api key",
        "api_key",
        "apikey",
        "pwd",
    ] {
        for (start, _) in lower.match_indices(name) {
            let rest = lower[start + name.len()..].trim_start();
            let value = rest.strip_prefix([':', '=']).map(str::trim_start);
            if value.is_some_and(|value| value.starts_with(|c: char| !c.is_whitespace())) {
                add(Leak::Secret, &format!("{name}…"));
            }
        }
    }
}
