//! Files that do something when they are opened: told by their type, by their name's ending or by their first bytes, whichever says
//! so. One that a stranger's mail brings is kept as it came and shut away.
//!
//! A look at the bytes unpacks nothing: what lies in an archive is the archive's.

use super::word::words;

words! {
    /// What such a file would do.
    pub enum Danger {
        /// Machine code, or a package that brings some.
        Program = "program",
        /// Lines for an interpreter.
        Script = "script",
        /// It starts something else.
        Shortcut = "shortcut",
        /// An office document that carries a program.
        Macros = "macros",
        /// A volume that shows its files as if they lay here.
        Volume = "volume",
    }
}

/// What this file would do when it is opened, as far as that can be seen. The ending is that of the name as people would save it.
pub fn danger(name: &str, media_type: &str, bytes: &[u8]) -> Option<Danger> {
    by_content(bytes)
        .or_else(|| by_ending(name))
        .or_else(|| by_type(media_type))
}

/// Endings by which some system of our readers would run the file.
const ENDINGS: &[(Danger, &[&str])] = &[
    (
        Danger::Program,
        &[
            "exe",
            "com",
            "scr",
            "pif",
            "cpl",
            "dll",
            "ocx",
            "sys",
            "drv",
            "msi",
            "msp",
            "mst",
            "msix",
            "msixbundle",
            "appx",
            "appxbundle",
            "appimage",
            "xll",
            "jar",
            "apk",
            "ipa",
            "deb",
            "rpm",
            "pkg",
            "elf",
            "so",
            "dylib",
            "application",
            "gadget",
            "run",
        ],
    ),
    (
        Danger::Script,
        &[
            "js",
            "jse",
            "mjs",
            "vbs",
            "vbe",
            "vb",
            "wsf",
            "wsh",
            "wsc",
            "sct",
            "hta",
            "ps1",
            "ps1xml",
            "ps2",
            "psc1",
            "psm1",
            "psd1",
            "msh",
            "bat",
            "cmd",
            "btm",
            "sh",
            "bash",
            "zsh",
            "csh",
            "ksh",
            "fish",
            "command",
            "reg",
            "inf",
            "ins",
            "chm",
            "hlp",
            "applescript",
            "scpt",
            "workflow",
            "ade",
            "mde",
        ],
    ),
    (
        Danger::Shortcut,
        &[
            "lnk",
            "url",
            "scf",
            "desktop",
            "website",
            "appref-ms",
            "settingcontent-ms",
            "search-ms",
            "library-ms",
            "msc",
            "webloc",
        ],
    ),
    (
        Danger::Macros,
        &[
            "docm", "dotm", "xlsm", "xltm", "xlam", "xlsb", "pptm", "potm", "ppam", "ppsm", "sldm",
            "xla", "ppa", "wll",
        ],
    ),
    (Danger::Volume, &["iso", "img", "vhd", "vhdx", "dmg", "udf"]),
];

fn by_ending(name: &str) -> Option<Danger> {
    // Windows drops blanks and dots at a name's end, and so does who saves it.
    let name = name.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    let ending = name.rsplit_once('.')?.1.to_lowercase();
    let found = ENDINGS
        .iter()
        .find(|(_, endings)| endings.contains(&ending.as_str()));
    found.map(|(danger, _)| *danger)
}

/// Types by which mail programs declare such files, without their `application/` or `text/`.
const TYPES: &[(Danger, &[&str])] = &[
    (
        Danger::Program,
        &[
            "x-msdownload",
            "x-msdos-program",
            "x-dosexec",
            "x-executable",
            "x-elf",
            "x-sharedlib",
            "x-mach-binary",
            "x-msi",
            "x-ms-installer",
            "java-archive",
            "x-java-archive",
            "vnd.microsoft.portable-executable",
            "vnd.android.package-archive",
            "x-debian-package",
            "vnd.debian.binary-package",
            "x-rpm",
            "x-msdos-windows",
            "exe",
        ],
    ),
    (
        Danger::Script,
        &[
            "javascript",
            "x-javascript",
            "ecmascript",
            "vbscript",
            "vbs",
            "x-vbs",
            "hta",
            "x-hta",
            "x-sh",
            "x-shellscript",
            "x-csh",
            "x-bat",
            "x-msdos-batch",
            "x-powershell",
            "x-ms-regedit",
        ],
    ),
    (
        Danger::Shortcut,
        &[
            "x-ms-shortcut",
            "x-mswinurl",
            "x-desktop",
            "internet-shortcut",
        ],
    ),
    (
        Danger::Volume,
        &[
            "x-iso9660-image",
            "x-apple-diskimage",
            "x-cd-image",
            "x-virtualbox-vhd",
        ],
    ),
];

fn by_type(media_type: &str) -> Option<Danger> {
    let media_type = media_type.to_lowercase();
    let (_, sub) = media_type.split_once('/')?;
    if sub.contains("macroenabled") {
        return Some(Danger::Macros);
    }
    let found = TYPES.iter().find(|(_, types)| types.contains(&sub));
    found.map(|(danger, _)| *danger)
}

/// A shortcut of Windows: the length of its head, and the first bytes of its class.
const SHORTCUT: &[u8] = b"\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0";
/// A compound file, as office programs wrote until 2007, and as installers of Windows are.
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// How a compound file names a macro's project, two bytes a letter.
const OLD_MACROS: &[u8] = b"_\0V\0B\0A\0_\0P\0R\0O\0J\0E\0C\0T\0";
/// How a zipped office document names it.
const NEW_MACROS: &[u8] = b"vbaProject.bin";
/// Where a volume of ISO 9660 says that it is one.
const VOLUME: (usize, &[u8]) = (0x8001, b"CD001");

fn by_content(bytes: &[u8]) -> Option<Danger> {
    if is_dos_program(bytes) || is_other_program(bytes) {
        return Some(Danger::Program);
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if text.starts_with(b"#!") {
        return Some(Danger::Script);
    }
    if bytes.starts_with(SHORTCUT) {
        return Some(Danger::Shortcut);
    }
    let is_zip = bytes.starts_with(b"PK\x03\x04");
    if is_zip && has(bytes, NEW_MACROS) || bytes.starts_with(COMPOUND) && has(bytes, OLD_MACROS) {
        return Some(Danger::Macros);
    }
    let (at, sign) = VOLUME;
    let is_volume = bytes.get(at..).is_some_and(|rest| rest.starts_with(sign));
    is_volume.then_some(Danger::Volume)
}

/// DOS's two letters, and not a text that happens to begin with them: a program's head holds bytes that no text has.
fn is_dos_program(bytes: &[u8]) -> bool {
    let is_marked = bytes.starts_with(b"MZ") || bytes.starts_with(b"ZM");
    is_marked && bytes.iter().take(64).any(|byte| *byte == 0)
}

/// ELF, Mach-O in all its forms (the last is that of Java's classes too) and Android's code.
fn is_other_program(bytes: &[u8]) -> bool {
    const SIGNS: &[&[u8]] = &[
        b"\x7fELF",
        b"\xfe\xed\xfa\xce",
        b"\xfe\xed\xfa\xcf",
        b"\xce\xfa\xed\xfe",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
        b"\xbe\xba\xfe\xca",
        b"dex\n03",
    ];
    SIGNS.iter().any(|sign| bytes.starts_with(sign))
}

/// Whether `sign` stands anywhere in the bytes. Its first letter is looked for before the rest, so that 25 MB cost little.
fn has(bytes: &[u8], sign: &[u8]) -> bool {
    let Some((first, _)) = sign.split_first() else {
        return true;
    };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = &rest[at..];
        if rest.starts_with(sign) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "application/octet-stream";

    #[test]
    fn e93_an_ending_tells_in_any_spelling() {
        for (name, expected) in [
            ("setup.exe", Some(Danger::Program)),
            ("invoice.pdf.EXE", Some(Danger::Program)),
            ("saver.Scr . .", Some(Danger::Program)),
            ("open me.lnk", Some(Danger::Shortcut)),
            ("page.hta", Some(Danger::Script)),
            ("a.js", Some(Danger::Script)),
            ("a.vbs", Some(Danger::Script)),
            ("a.wsf", Some(Danger::Script)),
            ("a.ps1", Some(Danger::Script)),
            ("a.bat", Some(Danger::Script)),
            ("a.CMD", Some(Danger::Script)),
            ("plan.docm", Some(Danger::Macros)),
            ("plan.xlsm", Some(Danger::Macros)),
            ("disk.iso", Some(Danger::Volume)),
            ("exe", None),
            ("notes.exe.txt", None),
            ("report.docx", None),
            ("graph.png", None),
            ("data.json", None),
            ("", None),
        ] {
            assert_eq!(danger(name, PLAIN, b"plain text"), expected, "{name}");
        }
    }

    #[test]
    fn e93_a_declared_type_tells() {
        for (kind, expected) in [
            ("application/x-msdownload", Some(Danger::Program)),
            ("application/X-DOSEXEC", Some(Danger::Program)),
            ("text/javascript", Some(Danger::Script)),
            ("application/hta", Some(Danger::Script)),
            (
                "application/vnd.ms-excel.sheet.macroEnabled.12",
                Some(Danger::Macros),
            ),
            ("application/x-iso9660-image", Some(Danger::Volume)),
            ("application/pdf", None),
            ("text/plain", None),
            ("javascript", None),
        ] {
            assert_eq!(danger("file", kind, b"plain text"), expected, "{kind}");
        }
    }

    #[test]
    fn e93_the_bytes_tell_whatever_the_name_says() {
        let volume = [&[0; 0x8001][..], b"CD001"].concat();
        let old = [COMPOUND, &[0; 600], OLD_MACROS].concat();
        let new = [&b"PK\x03\x04"[..], &[b'v'; 600], NEW_MACROS].concat();
        for (bytes, expected) in [
            (&b"MZ\x90\0\x03\0\0\0"[..], Some(Danger::Program)),
            (b"\x7fELF\x02\x01\x01", Some(Danger::Program)),
            (b"\xcf\xfa\xed\xfe\x07", Some(Danger::Program)),
            (b"\xca\xfe\xba\xbe\0", Some(Danger::Program)),
            (b"#!/bin/sh\nrm -rf ~\n", Some(Danger::Script)),
            (
                b"\xef\xbb\xbf#!/usr/bin/env python3\n",
                Some(Danger::Script),
            ),
            (SHORTCUT, Some(Danger::Shortcut)),
            (&old, Some(Danger::Macros)),
            (&new, Some(Danger::Macros)),
            (&volume, Some(Danger::Volume)),
            (
                b"MZ begins a text of nobody's, and goes on as a text does for a while, far beyond",
                None,
            ),
            (b"# !not at once", None),
            (&old[..600], None),
            (&new[..600], None),
            (b"vbaProject.bin is a name in a text", None),
            (b"\x89PNG\r\n", None),
            (b"", None),
        ] {
            assert_eq!(
                danger("graph.png", "image/png", bytes),
                expected,
                "{bytes:?}"
            );
        }
    }
}
