//! `winmail.dat` (MS-OXTNEF): the files and the body that Outlook wrapped up. Reads what is whole; the file itself stays when
//! nothing can be read. Own code, since the crates either stop at the first odd attribute or trust the sizes in the file.

use super::charset::decode;
use super::limits::{PARTS, TEXT_BYTES};
use super::rtf;

/// What was wrapped up.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unwrapped {
    /// "" if there is none.
    pub text: String,
    pub html: Option<String>,
    pub files: Vec<File>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct File {
    pub name: Option<String>,
    /// "" if it isn't said.
    pub media_type: String,
    pub content_id: Option<String>,
    pub bytes: Vec<u8>,
}

const SIGNATURE: u32 = 0x223e_9f78;
/// Properties of one list that are looked at.
const PROPERTIES: usize = 10_000;

/// Attributes, by the lower half of their number.
mod attribute {
    pub const CODE_PAGE: u16 = 0x9007;
    pub const BODY: u16 = 0x800c;
    pub const MESSAGE: u16 = 0x9003;
    pub const NEW_FILE: u16 = 0x9002;
    pub const FILE_TITLE: u16 = 0x8010;
    pub const FILE_DATA: u16 = 0x800f;
    pub const FILE: u16 = 0x9005;
}

/// Properties of MAPI.
mod property {
    pub const BODY: u16 = 0x1000;
    pub const RTF: u16 = 0x1009;
    pub const HTML: u16 = 0x1013;
    pub const FILE_DATA: u16 = 0x3701;
    pub const FILE_NAME: u16 = 0x3704;
    pub const FILE_LONG_NAME: u16 = 0x3707;
    pub const FILE_TYPE: u16 = 0x370e;
    pub const FILE_CONTENT_ID: u16 = 0x3712;
    pub const CODE_PAGE: u16 = 0x3fde;
}

/// Numbers and stretches of bytes, low byte first, while there are any.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self) -> Option<u32> {
        let bytes = self.take(4)?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A length, that many bytes, and what fills them up to a multiple of four.
    fn padded(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        let taken = self.take(length)?;
        let fill = length.wrapping_neg() % 4;
        self.0 = self.0.get(fill..).unwrap_or_default();
        Some(taken)
    }
}

/// Unwraps; `None` if these aren't such bytes, or if nothing of use is in them.
pub fn unwrap(bytes: &[u8]) -> Option<Unwrapped> {
    let mut bytes = Bytes(bytes);
    if bytes.u32()? != SIGNATURE {
        return None;
    }
    bytes.u16()?;
    let mut found = Unwrapped::default();
    let mut page = 1252;
    while let Some((id, data)) = next(&mut bytes) {
        match id {
            attribute::CODE_PAGE => page = Bytes(data).u32().unwrap_or(page),
            attribute::BODY if found.text.is_empty() => {
                found.text = text(without_nul(data), page);
            }
            attribute::MESSAGE => message(data, page, &mut found),
            attribute::NEW_FILE => {
                if found.files.len() >= PARTS {
                    break;
                }
                found.files.push(File::default());
            }
            _ => {
                if let Some(file) = found.files.last_mut() {
                    part_of_file(id, data, page, file);
                }
            }
        }
    }
    found.files.retain(|file| *file != File::default());
    let is_something = !found.files.is_empty() || !found.text.trim().is_empty();
    (is_something || found.html.is_some()).then_some(found)
}

fn next<'a>(bytes: &mut Bytes<'a>) -> Option<(u16, &'a [u8])> {
    // 1 for the message, 2 for its files; the number's upper half is a type, which nothing here depends on.
    bytes.u8()?;
    let id = bytes.u32()? as u16;
    let length = usize::try_from(bytes.u32()?).ok()?;
    let data = bytes.take(length)?;
    // A sum of the bytes, which some programs get wrong.
    bytes.u16();
    Some((id, data))
}

fn without_nul(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0);
    &bytes[..end.unwrap_or(bytes.len()).min(TEXT_BYTES)]
}

fn text(bytes: &[u8], page: u32) -> String {
    decode(bytes, Some(&format!("cp{page}"))).text
}

fn message(data: &[u8], page: u32, found: &mut Unwrapped) {
    let list = properties(data);
    let page = list
        .iter()
        .find(|known| known.id == property::CODE_PAGE)
        .and_then(|known| Bytes(known.value).u32())
        .unwrap_or(page);
    for known in &list {
        match known.id {
            property::BODY => found.text = known.text(page),
            property::HTML => found.html = Some(known.text(page)),
            _ => {}
        }
    }
    let rtf = list.iter().find(|known| known.id == property::RTF);
    if found.html.is_none()
        && found.text.trim().is_empty()
        && let Some(rtf) = rtf.and_then(|known| rtf::unpack(known.value))
    {
        match rtf::read(&rtf) {
            rtf::Read::Html(html) => found.html = Some(html),
            rtf::Read::Text(text) => found.text = text,
        }
    }
}

fn part_of_file(id: u16, data: &[u8], page: u32, file: &mut File) {
    match id {
        attribute::FILE_TITLE if file.name.is_none() => {
            file.name = Some(text(without_nul(data), page));
        }
        attribute::FILE_DATA => file.bytes = data.to_vec(),
        attribute::FILE => {
            for known in properties(data) {
                match known.id {
                    property::FILE_LONG_NAME => file.name = Some(known.text(page)),
                    property::FILE_NAME if file.name.is_none() => {
                        file.name = Some(known.text(page))
                    }
                    property::FILE_TYPE => file.media_type = known.text(page).to_lowercase(),
                    property::FILE_CONTENT_ID => {
                        let id = known.text(page);
                        file.content_id = Some(id.trim_matches(['<', '>', ' ']).to_owned());
                    }
                    // An object begins with the number of its interface.
                    property::FILE_DATA if file.bytes.is_empty() => {
                        let skipped = if known.kind == OBJECT { 16 } else { 0 };
                        file.bytes = known.value.get(skipped..).unwrap_or_default().to_vec();
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

const OBJECT: u16 = 0x000d;
const STRING: u16 = 0x001e;
const UNICODE: u16 = 0x001f;
const BINARY: u16 = 0x0102;
/// The property holds several values.
const MANY: u16 = 0x1000;

/// A property and its first value.
struct Property<'a> {
    kind: u16,
    id: u16,
    value: &'a [u8],
}

impl Property<'_> {
    fn text(&self, page: u32) -> String {
        match self.kind & !MANY {
            UNICODE => {
                let units = self.value.chunks_exact(2).take(TEXT_BYTES);
                let units = units.map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
                let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
                String::from_utf16_lossy(&units)
            }
            _ => text(without_nul(self.value), page),
        }
    }
}

/// The properties up to the first that can't be read.
fn properties(data: &[u8]) -> Vec<Property<'_>> {
    let mut bytes = Bytes(data);
    let count = bytes.u32().unwrap_or(0) as usize;
    let mut found = Vec::new();
    while found.len() < count.min(PROPERTIES) {
        let Some(property) = property(&mut bytes) else {
            break;
        };
        found.push(property);
    }
    found
}

fn property<'a>(bytes: &mut Bytes<'a>) -> Option<Property<'a>> {
    let (kind, id) = (bytes.u16()?, bytes.u16()?);
    if id >= 0x8000 {
        bytes.take(16)?;
        match bytes.u32()? {
            0 => {
                bytes.u32()?;
            }
            _ => {
                bytes.padded()?;
            }
        }
    }
    let width = match kind & !MANY {
        STRING | UNICODE | BINARY | OBJECT => None,
        0x0002..=0x0004 | 0x000a | 0x000b => Some(4),
        0x0005..=0x0007 | 0x0014 | 0x0040 => Some(8),
        0x0048 => Some(16),
        _ => return None,
    };
    // What varies in length comes with a count, even where there is one value only.
    let values = match width {
        Some(_) if kind & MANY == 0 => 1,
        _ => bytes.u32()? as usize,
    };
    let mut value: &[u8] = &[];
    for at in 0..values {
        let next = match width {
            Some(width) => bytes.take(width)?,
            None => bytes.padded()?,
        };
        if at == 0 {
            value = next;
        }
    }
    Some(Property { kind, id, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(level: u8, id: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![level];
        bytes.extend(id.to_le_bytes());
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        let sum = data
            .iter()
            .fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    fn list(properties: &[(u16, u16, &[u8])]) -> Vec<u8> {
        let mut bytes = (properties.len() as u32).to_le_bytes().to_vec();
        for (kind, id, value) in properties {
            bytes.extend(kind.to_le_bytes());
            bytes.extend(id.to_le_bytes());
            if *id >= 0x8000 {
                bytes.extend([7; 16]);
                bytes.extend([1, 0, 0, 0, 3, 0, 0, 0, b'a', 0, 0, 0]);
            }
            if matches!(*kind, STRING | UNICODE | BINARY | OBJECT) {
                bytes.extend(1_u32.to_le_bytes());
                bytes.extend((value.len() as u32).to_le_bytes());
            }
            bytes.extend(*value);
            bytes.extend(vec![0; value.len().wrapping_neg() % 4]);
        }
        bytes
    }

    fn winmail(attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_le_bytes().to_vec();
        bytes.extend([1, 0]);
        bytes.extend(attribute(1, 0x0006_9007, &1251_u32.to_le_bytes()));
        bytes.extend(attributes.concat());
        bytes
    }

    #[test]
    fn e94_files_and_body_come_out_of_winmail() {
        let unicode: Vec<u8> = "Grüße.txt\0"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let bytes = winmail(&[
            attribute(
                1,
                0x0006_9003,
                &list(&[
                    (3, 0x0017, &1_u32.to_le_bytes()),
                    (STRING, 0x8001, b"named\0"),
                    (BINARY, property::HTML, "<p>Привет</p>".as_bytes()),
                    (3, property::CODE_PAGE, &65_001_u32.to_le_bytes()),
                ]),
            ),
            attribute(2, 0x0006_9002, &[0; 14]),
            attribute(2, 0x0001_8010, b"GRUSSE~1.TXT\0"),
            attribute(2, 0x0006_800f, b"abc"),
            attribute(
                2,
                0x0006_9005,
                &list(&[
                    (UNICODE, property::FILE_LONG_NAME, &unicode),
                    (STRING, property::FILE_TYPE, b"Text/Plain\0"),
                    (STRING, property::FILE_CONTENT_ID, b"<pic@x>\0"),
                ]),
            ),
            attribute(2, 0x0006_9002, &[0; 14]),
            attribute(2, 0x0001_8010, b"\xf4\xe0\xe9\xeb\0"),
            attribute(2, 0x0006_800f, b""),
        ]);
        let found = unwrap(&bytes).unwrap();
        assert_eq!(found.html.as_deref(), Some("<p>Привет</p>"));
        assert_eq!(
            found.files[0],
            File {
                name: Some("Grüße.txt".to_owned()),
                media_type: "text/plain".to_owned(),
                content_id: Some("pic@x".to_owned()),
                bytes: b"abc".to_vec(),
            }
        );
        assert_eq!(
            found.files[1].name.as_deref(),
            Some("файл"),
            "by the code page"
        );
    }

    #[test]
    fn e94_a_body_of_rtf_is_text() {
        let packed: &[u8] = b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125B2\x0a\xf3 hel\x09\0 bw\x05\xb0ld}\x0a\x80\x0f\xa0";
        let bytes = winmail(&[attribute(
            1,
            0x0006_9003,
            &list(&[(BINARY, property::RTF, packed)]),
        )]);
        assert_eq!(unwrap(&bytes).unwrap().text.trim(), "hello world");
    }

    #[test]
    fn e94_what_is_cut_or_lies_about_its_sizes_ends_soon() {
        let whole = winmail(&[
            attribute(2, 0x0006_9002, &[0; 14]),
            attribute(2, 0x0006_800f, b"abc"),
            attribute(
                2,
                0x0006_9005,
                &list(&[(STRING, property::FILE_LONG_NAME, b"a.txt\0")]),
            ),
        ]);
        for end in 0..whole.len() {
            let _ = unwrap(&whole[..end]);
            let mut wrong = whole.clone();
            wrong[end] ^= 0xff;
            let _ = unwrap(&wrong);
        }
        assert_eq!(unwrap(b"no winmail"), None);
        assert_eq!(unwrap(&winmail(&[])), None, "nothing in it");
        let mut lie = list(&[]);
        lie[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        lie.extend([0x02, 0x11, 0, 0x10, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(unwrap(&winmail(&[attribute(1, 0x0006_9003, &lie)])), None);
    }
}
