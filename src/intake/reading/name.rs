//! Names of files: safe to show, safe to export, all different. Bytes are stored by their hash, never by a name.

use std::collections::HashSet;

/// Longest name of a part, in bytes.
pub const NAME_BYTES: usize = 200;

/// The last path component without control and bidi characters, without dots and blanks at its ends, never a device of
/// Windows, cut to 200 bytes with its ending kept. "" if nothing is left.
pub fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let clean: String = last
        .chars()
        .filter(|c| !c.is_control() && !is_bidi(*c))
        .map(|c| if "<>:\"|?*".contains(c) { '_' } else { c })
        .collect();
    let clean = clean.trim_matches(|c: char| c == '.' || c.is_whitespace());
    if is_device(clean) {
        return cut(&format!("_{clean}"));
    }
    cut(clean)
}

/// `CON`, `nul.txt`, `COM1.log`: opening such a name opens something else.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_ascii_uppercase();
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || ["COM", "LPT"].iter().any(|port| {
            let number = stem.strip_prefix(port).unwrap_or_default();
            number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit())
        })
}

fn cut(name: &str) -> String {
    if name.len() <= NAME_BYTES {
        return name.to_owned();
    }
    let (stem, ending) = parted(name);
    let end = stem.floor_char_boundary(NAME_BYTES.saturating_sub(ending.len()));
    format!("{}{ending}", &stem[..end])
}

/// Stem, and ending with its dot.
fn parted(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 && name.len() - at <= 20 => name.split_at(at),
        _ => (name, ""),
    }
}

/// `name`, or `name (2)` and so on where a name that differs in case alone was `taken`.
pub fn distinct(name: &str, taken: &mut HashSet<String>) -> String {
    if taken.insert(name.to_lowercase()) {
        return name.to_owned();
    }
    let (stem, ending) = parted(name);
    let mut number = 2_usize;
    loop {
        let mark = format!(" ({number})");
        let end = stem.floor_char_boundary(NAME_BYTES.saturating_sub(ending.len() + mark.len()));
        let other = format!("{}{mark}{ending}", &stem[..end]);
        if taken.insert(other.to_lowercase()) {
            return other;
        }
        number += 1;
    }
}

/// The usual ending of a type, with its dot.
pub fn ending(media: &str) -> &'static str {
    match media {
        "text/plain" | "message/delivery-status" | "text/rfc822-headers" => ".txt",
        "text/html" => ".html",
        "text/calendar" => ".ics",
        "text/csv" => ".csv",
        "text/vcard" | "text/x-vcard" => ".vcf",
        "message/rfc822" | "message/global" => ".eml",
        "image/png" => ".png",
        "image/jpeg" | "image/jpg" => ".jpg",
        "image/gif" => ".gif",
        "image/svg+xml" => ".svg",
        "image/webp" => ".webp",
        "application/pdf" => ".pdf",
        "application/zip" => ".zip",
        "application/json" => ".json",
        "application/xml" | "text/xml" => ".xml",
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => ".p7m",
        "application/pkcs7-signature" | "application/x-pkcs7-signature" => ".p7s",
        "application/pgp-signature" | "application/pgp-encrypted" => ".asc",
        "application/ms-tnef" => ".dat",
        _ => ".bin",
    }
}

/// Marks and overrides of writing direction, which make `gpj.exe` look like `exe.jpg`.
pub const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e68_a_shown_name_is_safe_and_keeps_its_ending() {
        for (name, safe) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\x.txt", "x.txt"),
            ("a\u{202e}gpj.exe", "agpj.exe"),
            ("a\0b\r\nc.txt", "abc.txt"),
            ("party 🎉👩‍🔧.png", "party 🎉👩‍🔧.png"),
            ("..", ""),
            ("/", ""),
        ] {
            assert_eq!(safe_name(name), safe, "{name:?}");
        }
        for long in [
            "ü".repeat(300) + ".pdf",
            "🎉".repeat(300),
            ".".repeat(300) + "x",
        ] {
            assert!(safe_name(&long).len() <= NAME_BYTES);
        }
        assert!(safe_name(&("ü".repeat(300) + ".pdf")).ends_with("ü.pdf"));
    }

    #[test]
    fn e92_names_are_safe_everywhere_and_all_different() {
        for (name, safe) in [
            ("CON", "_CON"),
            ("nul.txt", "_nul.txt"),
            ("com1.log", "_com1.log"),
            ("console.log", "console.log"),
            ("report.pdf...", "report.pdf"),
            ("report.pdf . ", "report.pdf"),
            (".htaccess", "htaccess"),
            ("a:b|c?.txt", "a_b_c_.txt"),
        ] {
            assert_eq!(safe_name(name), safe);
        }
        let mut taken = HashSet::new();
        let names = ["a.txt", "A.TXT", "a.txt", "a (2).txt", "b"];
        let all = names.map(|name| distinct(name, &mut taken));
        assert_eq!(
            all,
            ["a.txt", "A (2).TXT", "a (3).txt", "a (2) (2).txt", "b"]
        );
        let long = format!("{}.txt", "x".repeat(196));
        let pair = [(); 2].map(|()| distinct(&long, &mut taken));
        assert!(pair[0] != pair[1] && pair[1].len() <= NAME_BYTES && pair[1].ends_with("(2).txt"));
    }
}
