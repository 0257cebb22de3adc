//! Rich text as Outlook sends it: unpacked (MS-OXRTFCP), and read as text, or as the HTML that it was made from
//! (MS-OXRTFEX).

use super::charset::decode;
use super::limits::TEXT_BYTES;

/// What a rich text says.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    Text(String),
    Html(String),
}

/// What the window of the packing holds before the first byte; the format's own words.
const WINDOW: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
const WINDOW_BYTES: usize = 4_096;

/// Unpacks; `None` if these aren't such bytes. Never more than an entry could hold some times over.
pub fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    let (head, packed) = bytes.split_at_checked(16)?;
    match &head[8..12] {
        b"MELA" => Some(packed[..packed.len().min(TEXT_BYTES)].to_vec()),
        b"LZFu" => {
            let mut window = [b' '; WINDOW_BYTES];
            window[..WINDOW.len()].copy_from_slice(WINDOW);
            let mut at = WINDOW.len();
            let mut out = Vec::new();
            let mut rest = packed.iter();
            while out.len() < TEXT_BYTES
                && let Some(flags) = rest.next()
            {
                for bit in 0..8 {
                    let Some(first) = rest.next() else {
                        return Some(out);
                    };
                    if flags >> bit & 1 == 0 {
                        out.push(*first);
                        window[at] = *first;
                        at = (at + 1) % WINDOW_BYTES;
                        continue;
                    }
                    let Some(second) = rest.next() else {
                        return Some(out);
                    };
                    let from = usize::from(*first) << 4 | usize::from(second >> 4);
                    if from == at {
                        return Some(out);
                    }
                    for step in 0..usize::from(second & 0xf) + 2 {
                        let byte = window[(from + step) % WINDOW_BYTES];
                        out.push(byte);
                        window[at] = byte;
                        at = (at + 1) % WINDOW_BYTES;
                    }
                }
            }
            Some(out)
        }
        _ => None,
    }
}

/// What holds within a pair of braces.
#[derive(Clone, Copy)]
struct Group {
    /// Tables of fonts, pictures: nothing that is read.
    is_hidden: bool,
    /// Text that stands in for such a piece, and isn't wanted beside it.
    stands_in: bool,
    /// Characters behind `\u` for programs that don't know it.
    spare: usize,
}

/// Braces within braces that are followed; below, the outermost known group holds.
const DEPTH: usize = 500;

struct Reader {
    out: String,
    /// Bytes of `\'hh`, not yet decoded: two may be one character.
    pending: Vec<u8>,
    page: u32,
    group: Group,
    above: Vec<Group>,
    /// Characters still to be left out behind `\u`.
    spare: usize,
    is_html: bool,
}

/// Reads rich text.
pub fn read(rtf: &[u8]) -> Read {
    let mut reader = Reader {
        out: String::new(),
        pending: Vec::new(),
        page: 1252,
        group: Group {
            is_hidden: false,
            stands_in: false,
            spare: 1,
        },
        above: Vec::new(),
        spare: 0,
        is_html: false,
    };
    let mut at = 0;
    while let Some(byte) = rtf.get(at) {
        at += 1;
        match byte {
            b'{' => {
                reader.flush();
                if reader.above.len() < DEPTH {
                    reader.above.push(reader.group);
                }
            }
            b'}' => {
                reader.flush();
                reader.group = reader.above.pop().unwrap_or(reader.group);
                reader.spare = 0;
            }
            b'\r' | b'\n' | 0 => {}
            b'\\' => at = reader.control(rtf, at),
            byte => reader.byte(*byte),
        }
    }
    reader.flush();
    match reader.is_html {
        true => Read::Html(reader.out),
        false => Read::Text(reader.out),
    }
}

impl Reader {
    /// A control word or symbol at `at`, behind its backslash; where what follows it begins.
    fn control(&mut self, rtf: &[u8], at: usize) -> usize {
        let Some(first) = rtf.get(at) else { return at };
        if !first.is_ascii_alphabetic() {
            match first {
                b'\'' => {
                    let code = rtf
                        .get(at + 1..at + 3)
                        .and_then(|pair| std::str::from_utf8(pair).ok())
                        .and_then(|pair| u8::from_str_radix(pair, 16).ok());
                    if let Some(code) = code {
                        self.byte(code);
                        return at + 3;
                    }
                }
                b'~' => self.push("\u{a0}"),
                b'_' => self.push("-"),
                b'*' => self.group.is_hidden = true,
                b'\r' | b'\n' => self.push("\n"),
                b'{' | b'}' | b'\\' => self.byte(*first),
                _ => {}
            }
            return at + 1;
        }
        let letters = rtf[at..]
            .iter()
            .take(32)
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        let word = &rtf[at..at + letters];
        let mut end = at + letters;
        let digits = rtf[end..]
            .iter()
            .take(11)
            .enumerate()
            .take_while(|(place, byte)| byte.is_ascii_digit() || *place == 0 && **byte == b'-')
            .count();
        let number = std::str::from_utf8(&rtf[end..end + digits])
            .ok()
            .and_then(|text| text.parse::<i64>().ok());
        end += digits;
        if rtf.get(end) == Some(&b' ') {
            end += 1;
        }
        self.word(word, number);
        end
    }

    fn word(&mut self, word: &[u8], number: Option<i64>) {
        match word {
            b"ansicpg" => self.page = number.and_then(|page| page.try_into().ok()).unwrap_or(1252),
            b"fromhtml" => self.is_html = number != Some(0),
            b"htmltag" => {
                // `{\*\htmltag…` is what the star hides from others.
                self.group.is_hidden = !self.is_html;
            }
            b"htmlrtf" => {
                self.flush();
                self.group.stands_in = number != Some(0);
            }
            b"fonttbl" | b"colortbl" | b"stylesheet" | b"info" | b"pict" | b"header"
            | b"footer" | b"object" | b"themedata" | b"listtable" => self.group.is_hidden = true,
            b"uc" => self.group.spare = number.and_then(|n| n.try_into().ok()).unwrap_or(1),
            b"u" => {
                self.flush();
                let code = number.unwrap_or(0) as u16;
                // Above the first plane they come in pairs, which nothing joins here.
                let c = char::from_u32(u32::from(code)).unwrap_or('·');
                self.push(c.encode_utf8(&mut [0; 4]));
                self.spare = self.group.spare;
            }
            b"par" | b"line" | b"row" | b"sect" | b"page" => self.push("\n"),
            b"tab" | b"cell" => self.push("\t"),
            b"emdash" => self.push("—"),
            b"endash" => self.push("–"),
            b"lquote" => self.push("‘"),
            b"rquote" => self.push("’"),
            b"ldblquote" => self.push("“"),
            b"rdblquote" => self.push("”"),
            b"bullet" => self.push("•"),
            _ => {}
        }
    }

    const fn is_silent(&self) -> bool {
        self.group.is_hidden || self.is_html && self.group.stands_in
    }

    fn byte(&mut self, byte: u8) {
        if self.spare > 0 {
            self.spare -= 1;
        } else if !self.is_silent() {
            self.pending.push(byte);
        }
    }

    fn push(&mut self, text: &str) {
        self.flush();
        if !self.is_silent() {
            self.out.push_str(text);
        }
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            let text = decode(&self.pending, Some(&format!("cp{}", self.page))).text;
            self.out.push_str(&text);
            self.pending.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e94_rich_text_is_read_as_text() {
        let rtf = br"{\rtf1\ansi\ansicpg1251{\fonttbl{\f0 Arial;}}{\*\generator x}\f0 \'cf\'f0\'e8\'e2\'e5\'f2\par two\line \{three\}\tab\u8364?\uc2\u252ue\par{\pict 00ff}}";
        assert_eq!(
            read(rtf),
            Read::Text("Привет\ntwo\n{three}\t€ü\n".to_owned())
        );
    }

    #[test]
    fn e94_html_within_rich_text_is_html_again() {
        let rtf = br"{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0 Arial;}}{\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 Gr\'fc\'dfe {\*\htmltag84 <b>}\htmlrtf {\b\htmlrtf0 now{\*\htmltag92 </b>}\htmlrtf }\htmlrtf0 \htmlrtf\par}\htmlrtf0{\*\htmltag72 </p>}}";
        assert_eq!(read(rtf), Read::Html("<p>Grüße <b>now</b></p>".to_owned()));
    }

    #[test]
    fn e94_odd_rich_text_ends_soon() {
        for rtf in [
            "{".repeat(300_000),
            "}".repeat(300_000),
            "\\".repeat(300_001),
            "\\u".repeat(100_000),
            "{\\*".repeat(100_000),
        ] {
            read(rtf.as_bytes());
        }
        assert_eq!(unpack(b"short"), None);
        assert_eq!(unpack(&[0; 40]), None);
        let mut packed = vec![0; 8];
        packed.extend(b"LZFu\0\0\0\0");
        packed.extend([0xff; 5_000]);
        assert!(unpack(&packed).is_some_and(|out| out.len() <= TEXT_BYTES + 200));
    }
}
