//! Bytes of some character set → text. The declared set if it fits, else UTF-8, else what the bytes look like, else
//! windows-1252; the answer says which it was.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{BIG5, EUC_KR, Encoding, GBK, ISO_8859_15, SHIFT_JIS, WINDOWS_1252};
use mail_parser::decoders::charsets::map::charset_decoder;

use super::limits::GUESS_BYTES;

/// Text, and the set it was read in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    pub text: String,
    /// The set's usual name, `windows-1252`.
    pub set: String,
    /// The declared set was unknown or didn't fit the bytes, or none was declared for bytes that need one.
    pub is_guess: bool,
}

/// The sets that a person may choose from who sees that a text was read in the wrong one; widest use first.
pub const CHOICES: &[&str] = &[
    "utf-8",
    "windows-1252",
    "windows-1250",
    "windows-1251",
    "koi8-r",
    "koi8-u",
    "iso-8859-2",
    "iso-8859-5",
    "iso-8859-15",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "windows-874",
    "macintosh",
    "cp850",
    "cp866",
    "gb18030",
    "big5",
    "shift_jis",
    "euc-jp",
    "iso-2022-jp",
    "euc-kr",
    "utf-16le",
    "utf-7",
];

/// A set that we can read.
#[derive(Clone, Copy)]
enum Set {
    /// What browsers read; the wider one of a family (gb2312 is gbk, ks_c_5601 is windows-949, iso-8859-1 is windows-1252).
    Web(&'static Encoding),
    /// A code page of DOS, by number.
    Dos(u16),
    Ascii,
    Utf7,
    Utf16,
    /// Seven-bit codes that shift into a set whose bytes have the eighth bit.
    ShiftedKorean,
    ShiftedChinese,
}

/// Reads bytes. Never leaves a replacement character that isn't in the bytes themselves.
pub fn decode(bytes: &[u8], declared: Option<&str>) -> Decoded {
    let declared = declared
        .map(|name| name.trim_matches(|c: char| c.is_whitespace() || "\"'".contains(c)))
        .filter(|name| !name.is_empty());
    let set = declared.and_then(set);
    if let Some((name, text)) = set.and_then(|set| exact(bytes, set)) {
        return Decoded {
            text,
            set: name,
            is_guess: false,
        };
    }
    let is_guess = declared.is_some() || !bytes.is_ascii();
    if let Ok(text) = std::str::from_utf8(bytes) {
        // Nobody needs to declare ASCII, and UTF-8 that is valid is never anything else.
        return found(
            text.trim_start_matches('\u{feff}'),
            "utf-8",
            declared.is_some(),
        );
    }
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        let (text, _) = encoding.decode_with_bom_removal(bytes);
        return found(&text, &encoding.name().to_lowercase(), is_guess);
    }
    if let Some(text) = nearly_utf8(bytes) {
        return found(&text, "utf-8", true);
    }
    // One broken character isn't a reason to read a page of Japanese as Latin letters.
    let nearly = |encoding: &'static Encoding| {
        let text = nearly(bytes, encoding)?;
        Some(found(&text, &encoding.name().to_lowercase(), true))
    };
    if let Some(read) = declared.and_then(web).and_then(nearly) {
        return read;
    }
    let guessed = guess(bytes);
    if let Some(text) = guessed.decode_without_bom_handling_and_without_replacement(bytes) {
        return found(&text, &guessed.name().to_lowercase(), true);
    }
    if let Some(read) = nearly(guessed) {
        return read;
    }
    let (text, _) = WINDOWS_1252.decode_without_bom_handling(bytes);
    found(&text, "windows-1252", true)
}

fn found(text: &str, set: &str, is_guess: bool) -> Decoded {
    Decoded {
        text: text.to_owned(),
        set: set.to_owned(),
        is_guess,
    }
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    // Mail runs no scripts, so the seven-bit Japanese set may be guessed.
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    let some = &bytes[..bytes.len().min(GUESS_BYTES)];
    detector.feed(some, some.len() == bytes.len());
    detector.guess(None, Utf8Detection::Deny)
}

/// Text that is UTF-8 but for a few bytes, which are read as windows-1252.
fn nearly_utf8(bytes: &[u8]) -> Option<String> {
    let (mut good, mut bad) = (0_usize, 0_usize);
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += chunk.invalid().len();
        text.push_str(chunk.valid());
        text.push_str(&WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0);
    }
    (good > 3 * bad).then_some(text)
}

/// Text of a set that has places for nearly all of the bytes; what has none is shown as a dot.
fn nearly(bytes: &[u8], encoding: &'static Encoding) -> Option<String> {
    if encoding == encoding_rs::UTF_8 {
        return None;
    }
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    let gaps = text.matches('\u{fffd}').count();
    let others = text.chars().filter(|c| !c.is_ascii()).count() - gaps;
    (gaps * 10 <= others).then(|| text.replace('\u{fffd}', "·"))
}

/// The declared set's text, if every byte has its place there.
fn exact(bytes: &[u8], set: Set) -> Option<(String, String)> {
    let named = |name: &str, text: String| Some((name.to_lowercase(), text));
    match set {
        Set::Web(encoding) => {
            let bytes = match Encoding::for_bom(bytes) {
                Some((bom, length)) if bom == encoding => &bytes[length..],
                _ => bytes,
            };
            let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
            named(encoding.name(), text.into_owned())
        }
        Set::Ascii => (bytes.is_ascii() && !bytes.contains(&0x1b)).then(|| {
            let text = bytes.iter().map(|byte| char::from(*byte)).collect();
            ("us-ascii".to_owned(), text)
        }),
        Set::Dos(page) => {
            let table = oem_cp::code_table::DECODING_TABLE_CP_MAP.get(&page)?;
            named(&format!("cp{page}"), table.decode_string_checked(bytes)?)
        }
        Set::Utf7 => {
            let text = charset_decoder(b"utf-7")?(bytes);
            (!text.contains('\u{fffd}')).then_some(("utf-7".to_owned(), text))
        }
        Set::Utf16 => {
            let encoding = match Encoding::for_bom(bytes) {
                Some((encoding, _)) => encoding,
                // Without a mark: most text has its zeros in the higher byte.
                None if zeros(bytes, 0) >= zeros(bytes, 1) => encoding_rs::UTF_16BE,
                None => encoding_rs::UTF_16LE,
            };
            let (text, had_errors) = encoding.decode_with_bom_removal(bytes);
            if had_errors {
                return None;
            }
            named(encoding.name(), text.into_owned())
        }
        Set::ShiftedKorean => {
            let wide = shifted(bytes, b"\x0e", b"\x0f");
            let wide = match wide.strip_prefix(b"\x1b$)C") {
                Some(rest) => rest.trim_ascii_start(),
                None => &wide[..],
            };
            let text = EUC_KR.decode_without_bom_handling_and_without_replacement(wide)?;
            named("iso-2022-kr", text.into_owned())
        }
        Set::ShiftedChinese => {
            let wide = shifted(bytes, b"~{", b"~}");
            let text = GBK.decode_without_bom_handling_and_without_replacement(&wide)?;
            named("hz-gb-2312", text.into_owned())
        }
    }
}

fn zeros(bytes: &[u8], offset: usize) -> usize {
    let units = bytes.chunks_exact(2).take(1_000);
    units.filter(|unit| unit[offset] == 0).count()
}

/// Between `enter` and `leave` every byte gets its eighth bit back; a line end leaves, too.
fn shifted(bytes: &[u8], enter: &[u8], leave: &[u8]) -> Vec<u8> {
    let mut wide = Vec::with_capacity(bytes.len());
    let (mut at, mut is_shifted) = (0, false);
    while at < bytes.len() {
        let rest = &bytes[at..];
        if !is_shifted && rest.starts_with(enter) {
            is_shifted = true;
            at += enter.len();
        } else if is_shifted && rest.starts_with(leave) {
            is_shifted = false;
            at += leave.len();
        } else {
            is_shifted &= rest[0] != b'\n';
            let byte = rest[0];
            wide.push(if is_shifted && byte > 0x20 {
                byte | 0x80
            } else {
                byte
            });
            at += 1;
        }
    }
    wide
}

fn web(name: &str) -> Option<&'static Encoding> {
    match set(name)? {
        Set::Web(encoding) => Some(encoding),
        _ => None,
    }
}

/// The set that a name means, however it is written.
fn set(name: &str) -> Option<Set> {
    let lower = name.to_lowercase();
    let bare: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    let special = match bare.as_str() {
        "usascii" | "ascii" | "ansix341968" | "iso646us" | "646" => Some(Set::Ascii),
        "utf7" | "unicode11utf7" | "xunicode20utf7" => Some(Set::Utf7),
        "utf16" | "ucs2" | "iso10646ucs2" | "unicode" => Some(Set::Utf16),
        "utf8" | "utf8mb4" | "unicode11utf8" => Some(Set::Web(encoding_rs::UTF_8)),
        "iso2022kr" | "csiso2022kr" => Some(Set::ShiftedKorean),
        "hzgb2312" | "hz" => Some(Set::ShiftedChinese),
        "latin9" | "iso885915" => Some(Set::Web(ISO_8859_15)),
        // Extensions of Microsoft's and NEC's, which browsers read under the plain name.
        "iso2022jpms" | "iso2022jp1" | "iso2022jp2" | "cp50220" | "cp50221" | "cp50222" => {
            Some(Set::Web(encoding_rs::ISO_2022_JP))
        }
        "eucjpms" | "cp51932" => Some(Set::Web(encoding_rs::EUC_JP)),
        "ksc5601" | "ksc56011987" | "uhc" => Some(Set::Web(EUC_KR)),
        "gb2312" | "gb231280" | "euccn" | "xgbk" => Some(Set::Web(GBK)),
        _ => None,
    };
    special
        .or_else(|| Encoding::for_label(lower.as_bytes()).map(Set::Web))
        .filter(|set| !matches!(set, Set::Web(encoding) if *encoding == encoding_rs::REPLACEMENT))
        .or_else(|| code_page(&bare))
}

/// `cp-850`, `ibm437`, `windows1251`, `x-cp1252`, `dos-866`.
fn code_page(bare: &str) -> Option<Set> {
    let digits = bare.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let letters = &bare[..bare.len() - digits.len()];
    if !matches!(
        letters.trim_start_matches('x'),
        "cp" | "ibm" | "dos" | "oem" | "ms" | "win" | "windows" | "microsoftcp" | "codepage" | ""
    ) {
        return None;
    }
    let page: u16 = digits.parse().ok()?;
    match page {
        932 => Some(Set::Web(SHIFT_JIS)),
        936 => Some(Set::Web(GBK)),
        949 => Some(Set::Web(EUC_KR)),
        950 => Some(Set::Web(BIG5)),
        65_001 => Some(Set::Web(encoding_rs::UTF_8)),
        874 | 1250..=1258 => {
            Encoding::for_label(format!("windows-{page}").as_bytes()).map(Set::Web)
        }
        _ => oem_cp::code_table::DECODING_TABLE_CP_MAP
            .contains_key(&page)
            .then_some(Set::Dos(page)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], declared: &str) -> String {
        decode(bytes, Some(declared).filter(|name| !name.is_empty())).text
    }

    #[test]
    fn e65_a_wrong_or_unknown_charset_is_read_anyway() {
        for declared in ["x-unknown", "ansi", "", "us-ascii", "UTF-8", "utf-8"] {
            let read = decode(b"Gr\xfc\xdfe aus M\xfcnchen", Some(declared));
            assert_eq!(read.text, "Grüße aus München", "{declared}");
            assert!(read.is_guess && read.set == "windows-1252", "{read:?}");
        }
        for (declared, bytes) in [
            ("cp-850", &b"Gr\x81\xe1e"[..]),
            ("IBM850", b"Gr\x81\xe1e"),
            ("CP437", b"Gr\x81\xe1e"),
            ("\"ISO-8859-1\"", b"Gr\xfc\xdfe"),
            ("'iso-8859-1'", b"Gr\xfc\xdfe"),
            ("Windows1252", b"Gr\xfc\xdfe"),
            ("x-unknown", "Grüße".as_bytes()),
            ("us-ascii", "Grüße".as_bytes()),
            ("", "Grüße".as_bytes()),
            ("utf8", b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe"),
        ] {
            assert_eq!(read(bytes, declared), "Grüße", "{declared}");
        }
        assert!(!decode(b"plain", None).is_guess);
        assert!(!decode("Grüße".as_bytes(), None).is_guess);
    }

    #[test]
    fn e65_what_no_declaration_names_is_detected() {
        let russian = encoding_rs::KOI8_R
            .encode("Связь с сервером прервана с полудня.")
            .0;
        assert_eq!(
            read(&russian, "x-unknown"),
            "Связь с сервером прервана с полудня."
        );
        let japanese = SHIFT_JIS
            .encode("回線が正午から切れています。確認をお願いします。")
            .0;
        assert_eq!(
            read(&japanese, ""),
            "回線が正午から切れています。確認をお願いします。"
        );
    }

    #[test]
    fn e65_one_broken_byte_spoils_nothing_else() {
        let mut bytes = "Übergröße für Ärzte: größte Mühe".as_bytes().to_vec();
        bytes.push(0x80);
        assert_eq!(read(&bytes, "utf-8"), "Übergröße für Ärzte: größte Mühe€");
        let mut bytes = SHIFT_JIS
            .encode(&"回線が正午から切れています。".repeat(5))
            .0
            .into_owned();
        bytes.push(0x81);
        let text = read(&bytes, "shift_jis");
        assert!(
            text.starts_with("回線が正午から") && !text.contains('\u{fffd}'),
            "{text}"
        );
    }

    #[test]
    fn e66_the_wider_set_decodes() {
        for (declared, bytes, text) in [
            // 镕 and € are in gbk and gb18030, not in gb2312.
            ("gb2312", &b"\xe9F\x80"[..], "镕€"),
            ("GB_2312-80", b"\xd6\xd0", "中"),
            // ① is NEC's row 13.
            ("iso-2022-jp", b"\x1b$B-!\x1b(B", "①"),
            ("ISO-2022-JP-MS", b"\x1b$B-!\x1b(B", "①"),
            ("iso-2022-jp", b"\x1b(I1\x1b(B", "ｱ"),
            // 똠 is in cp949 alone.
            ("ks_c_5601-1987", b"\x8cc", "똠"),
            ("ks_c_5601", b"\x8cc", "똠"),
            ("cp949", b"\x8cc", "똠"),
            ("iso-2022-kr", b"\x1b$)C\n\x0eGQ\x0f!", "한!"),
            ("hz-gb-2312", b"~{VP~}!", "中!"),
            ("iso-8859-8-i", b"\xf9\xec\xe5\xed", "שלום"),
            ("utf-7", b"Gr+APwA3w-e", "Grüße"),
            ("iso-8859-15", b"5 \xa4", "5 €"),
            ("latin-9", b"5 \xa4", "5 €"),
            ("utf-16", b"\xfe\xff\x00a", "a"),
            ("utf-16", b"a\0b\0", "ab"),
        ] {
            let read = decode(bytes, Some(declared));
            assert_eq!(
                (read.text.as_str(), read.is_guess),
                (text, false),
                "{declared}"
            );
        }
        assert_eq!(
            read(b"Gr+APwA3w-e", "us-ascii"),
            "Gr+APwA3w-e",
            "UTF-7 only where it is declared"
        );
    }
}
