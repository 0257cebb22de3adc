//! Checked texts: what passed one of these constructors needs no second check inside the house.

use std::fmt;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::refusal::FieldError;
use super::timestamp::parse_date;

/// Longest title, in characters.
pub const TITLE_CHARS: usize = 200;
/// Longest free text of one entry, in bytes (a pasted log belongs into an attachment).
pub const BODY_BYTES: usize = 256 * 1024;
/// Longest name of a person, customer, team, service, label …, in characters.
pub const NAME_CHARS: usize = 120;

/// A ticket's title: one line, 1–200 characters, no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title(String);

impl Title {
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        one_line("title", text, TITLE_CHARS).map(Self)
    }

    /// A title from text that somebody else wrote (a mail's subject): folded to one line and cut, never refused.
    pub fn from_foreign(text: &str, if_empty: &str) -> Self {
        let line = squeeze(text);
        let cut: String = line.chars().take(TITLE_CHARS).collect();
        Self(if cut.is_empty() {
            if_empty.to_owned()
        } else {
            cut
        })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One line of 1 to `max` characters, trimmed, without control characters. `field` names it in the error.
pub fn one_line(field: &'static str, text: &str, max: usize) -> Result<String, FieldError> {
    let line = squeeze(text);
    if line.is_empty() {
        return Err(FieldError::new(field, "required"));
    }
    let chars = line.chars().count();
    if chars > max {
        return Err(FieldError::new(field, "too-long")
            .with("max", max.to_string())
            .with("got", chars.to_string()));
    }
    Ok(line)
}

/// As [`one_line`], but empty is `None`.
pub fn optional_line(
    field: &'static str,
    text: &str,
    max: usize,
) -> Result<Option<String>, FieldError> {
    if text.trim().is_empty() {
        Ok(None)
    } else {
        one_line(field, text, max).map(Some)
    }
}

/// Free text of at most [`BODY_BYTES`]: line ends become `\n`, NUL goes, trailing blanks go. May be empty.
pub fn body(field: &'static str, text: &str) -> Result<String, FieldError> {
    let text = text
        .replace("\r\n", "\n")
        .replace('\r', "\n")
        .replace('\0', "");
    let text = text.trim_end().to_owned();
    if text.len() > BODY_BYTES {
        return Err(FieldError::new(field, "too-long-bytes")
            .with("max", BODY_BYTES.to_string())
            .with("got", text.len().to_string()));
    }
    Ok(text)
}

/// A date as people and programs send it: `2026-06-01`, with four digits for the year, so that there is a day before and after it.
pub fn date(field: &'static str, text: &str) -> Result<NaiveDate, FieldError> {
    let wrong = || FieldError::new(field, "not-a-date").with("value", text.trim().to_owned());
    parse_date(text.trim()).ok_or_else(wrong)
}

/// An IANA zone name, exactly as the tz database spells it. The error names the nearest ones.
pub fn zone(field: &'static str, text: &str) -> Result<Tz, FieldError> {
    text.trim().parse().map_err(|_| {
        let near = zones_like(text.trim());
        let near: Vec<&str> = near.iter().map(|zone| zone.name()).collect();
        FieldError::new(field, "unknown-zone")
            .with("value", text.trim().to_owned())
            .with("near", if near.is_empty() { "no" } else { "yes" })
            .with("nearest", near.join(", "))
    })
}

/// The zones whose names are most like `text`, at most three: the same in another case, the same place, or a slip away from it.
fn zones_like(text: &str) -> Vec<Tz> {
    // No zone's name is as long as this; whoever pastes a page here hears of no name.
    if text.len() > 60 {
        return Vec::new();
    }
    let fold = |text: &str| text.to_ascii_lowercase().replace([' ', '-'], "_");
    let place = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let asked = fold(text);
    let asked_place = place(&asked);
    let mut near: Vec<(usize, Tz)> = chrono_tz::TZ_VARIANTS
        .iter()
        .filter_map(|zone| {
            let name = fold(zone.name());
            let by_name = slips(&name, &asked);
            let by_place = slips(&place(&name), &asked_place);
            let most = asked_place.chars().count().div_ceil(4).min(3);
            let is_near = by_place <= most && !asked_place.is_empty();
            is_near.then_some((by_place * 100 + by_name, *zone))
        })
        .collect();
    near.sort_by_key(|(distance, zone)| (*distance, zone.name()));
    near.into_iter().take(3).map(|(_, zone)| zone).collect()
}

/// How many letters have to be typed, dropped or changed to make one text of the other (Levenshtein's distance).
fn slips(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.chars().enumerate() {
        let mut here = vec![row + 1];
        for (column, known) in other.iter().enumerate() {
            let change = above[column] + usize::from(letter != *known);
            here.push(change.min(above[column + 1] + 1).min(here[column] + 1));
        }
        above = here;
    }
    above.last().copied().unwrap_or_default()
}

/// A mail address: one `@`, a non-empty local part, a domain of letters, digits, dots and hyphens; at most 254 bytes.
/// Compared by its folded form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        let wrong = || FieldError::new("email", "not-an-address").with("value", text.to_owned());
        let (local, domain) = text.rsplit_once('@').ok_or_else(wrong)?;
        let local_ok = !local.is_empty()
            && local.len() <= 64
            && local
                .chars()
                .all(|c| !c.is_control() && !c.is_whitespace() && !"<>,;:\"()[]\\@".contains(c));
        let domain_ok = !domain.is_empty()
            && domain.split('.').all(|label| {
                !label.is_empty()
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            });
        if text.len() > 254 || !local_ok || !domain_ok {
            return Err(wrong());
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that is unique: lower case throughout.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }

    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file's name fit to be shown and offered: the last path part, without control and direction-changing characters, at most
/// 200 bytes with its ending kept; `file` if nothing is left. Bytes are never stored under it.
pub fn file_name(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).next().unwrap_or("");
    let clean: String = last
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .collect();
    let clean = clean.trim().trim_end_matches('.').trim();
    if clean.is_empty() {
        return "file".to_owned();
    }
    if clean.len() <= 200 {
        return clean.to_owned();
    }
    let (stem, ending) = match clean.rsplit_once('.') {
        Some((stem, ending)) if ending.len() <= 20 => (stem, format!(".{ending}")),
        _ => (clean, String::new()),
    };
    let mut cut = stem.len().min(200 - ending.len());
    while !stem.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}{ending}", &stem[..cut])
}

/// White space runs become one blank, control characters go, ends are trimmed.
fn squeeze(text: &str) -> String {
    let cleaned: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control())
        .collect();
    cleaned
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_line_of_at_most_200_characters() {
        assert_eq!(
            Title::parse("  DB master\r\n down ").unwrap().as_str(),
            "DB master down"
        );
        assert_eq!(Title::parse(" \t ").unwrap_err().problem, "required");
        assert!(Title::parse(&"ü".repeat(200)).is_ok());
        assert_eq!(
            Title::parse(&"ü".repeat(201)).unwrap_err().problem,
            "too-long"
        );
        assert_eq!(
            Title::from_foreign("", "(no subject)").as_str(),
            "(no subject)"
        );
    }

    #[test]
    fn a_file_name_is_only_a_name() {
        assert_eq!(file_name("../../etc/passwd"), "passwd");
        assert_eq!(file_name("C:\\tmp\\graph.png"), "graph.png");
        assert_eq!(file_name("inv\u{202e}gnp.exe"), "invgnp.exe");
        assert_eq!(
            (file_name(" .. ").as_str(), file_name("").as_str()),
            ("file", "file")
        );
        let long = file_name(&format!("{}.png", "é".repeat(300)));
        assert!(long.len() <= 200 && long.ends_with("é.png"), "{long}");
    }

    #[test]
    fn a_zone_that_is_none_names_the_nearest_ones() {
        let nearest = |text: &str| {
            let error = zone("zone", text).unwrap_err();
            let named = error.args.iter().find(|(name, _)| *name == "nearest");
            named.unwrap().1.clone().into_owned()
        };
        assert_eq!(nearest("europe/berlin"), "Europe/Berlin");
        assert_eq!(nearest("Europe/Stokholm"), "Europe/Stockholm");
        assert_eq!(nearest("new york"), "America/New_York");
        assert_eq!(nearest("Mars/Base"), "");
        assert_eq!(nearest(&"x".repeat(5000)), "");
        assert_eq!(zone("zone", " Europe/Berlin ").unwrap(), Tz::Europe__Berlin);
    }

    #[test]
    fn addresses_are_checked_and_folded() {
        assert_eq!(
            EmailAddress::parse(" Ada@Example.ORG ").unwrap().folded(),
            "ada@example.org"
        );
        for wrong in [
            "",
            "ada",
            "@x",
            "a@",
            "a b@x.org",
            "a@x..org",
            "a@-x.org",
            "a\r\nBcc: b@x.org",
            "a@b@c d",
        ] {
            assert!(EmailAddress::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
