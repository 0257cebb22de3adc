//! B1: the ways past a filter that are known, tried on a mail's HTML one by one: the cheat sheets' evasions, and mutation XSS, where what
//! is harmless as it is parsed once is not once it was written out and parsed again.
//!
//! Nothing is searched for by the names of attacks. What comes out is read strictly: only elements and attributes that the list allows,
//! each attribute quoted, each address of a kind that is allowed; and cleaning it again changes nothing.

use std::collections::HashMap;

use super::clean::clean;
use super::evasion_tests::{EVASIONS, MUTATIONS};

/// What may come out. Everything else is a way in.
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "data",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "nav",
    "ol",
    "p",
    "pre",
    "q",
    "rp",
    "rt",
    "rtc",
    "ruby",
    "s",
    "samp",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
    "tfoot",
];
const ATTRIBUTES: &[&str] = &[
    "href", "rel", "hreflang", "title", "lang", "dir", "alt", "src", "width", "height", "align",
    "char", "charoff", "span", "datetime", "cite", "color", "size", "start", "type", "summary",
    "colspan", "headers", "rowspan", "scope", "abbr", "value", "valign", "noshade",
];

/// What is wrong with HTML that came out; the reader knows only what the cleaner writes.
fn faults(html: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let (is_end, tag) = match rest.strip_prefix('/') {
            Some(tag) => (true, tag),
            None => (false, rest),
        };
        let len = tag
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(tag.len());
        let name = &tag[..len];
        if !ELEMENTS.contains(&name) {
            faults.push(format!(
                "element <{name}> in …<{}",
                rest.chars().take(60).collect::<String>()
            ));
            continue;
        }
        let mut inner = &tag[len..];
        loop {
            inner = inner.trim_start();
            if let Some(after) = inner.strip_prefix('>') {
                rest = after;
                break;
            }
            let Some((attribute, value)) = inner.split_once("=\"").filter(|_| !is_end) else {
                faults.push(format!(
                    "a broken tag: <{name} {}",
                    inner.chars().take(60).collect::<String>()
                ));
                break;
            };
            let Some((value, after)) = value.split_once('"') else {
                faults.push(format!("an open value of {attribute}"));
                break;
            };
            if !ATTRIBUTES.contains(&attribute) {
                faults.push(format!("attribute {attribute} of <{name}>"));
            }
            if !is_harmless(attribute, value) {
                faults.push(format!("{attribute}={value:?}"));
            }
            inner = after;
        }
    }
    faults
}

/// As browsers read an address: blanks at its ends and control characters anywhere don't count.
fn is_harmless(attribute: &str, value: &str) -> bool {
    let plain: String = value.chars().filter(|c| !c.is_control()).collect();
    let plain = plain.trim().to_lowercase();
    let begins = |all: &[&str]| all.iter().any(|scheme| plain.starts_with(scheme));
    match attribute {
        "href" => begins(&["http:", "https:", "mailto:", "tel:"]),
        "src" => begins(&["data:image/png;base64,"]),
        "cite" => false,
        _ => true,
    }
}

/// The tags that open something, with their attributes, in no order.
fn tags(html: &str) -> Vec<&str> {
    let mut tags: Vec<&str> = html
        .split('<')
        .skip(1)
        .filter(|tag| !tag.starts_with('/'))
        .map(|tag| tag.rsplit_once('>').map_or(tag, |(tag, _)| tag))
        .collect();
    tags.sort_unstable();
    tags
}

fn try_out(html: &str) {
    let logo = "data:image/png;base64,AAEC".to_owned();
    let pictures = || HashMap::from([("logo@x".to_owned(), logo.clone())]);
    let once = clean(html, pictures()).expect("small enough");
    let found = faults(&once);
    assert!(found.is_empty(), "{html:?}\n{once}\n{found:#?}");
    // The mail's own pictures are in it by now.
    let again = clean(&once, HashMap::new()).expect("small enough");
    let without = once.replace(&format!(" src=\"{logo}\""), "");
    // Headings and lists may nest otherwise, and line ends behind <pre> go; no tag and no attribute comes or goes.
    assert_eq!(
        tags(&again),
        tags(&without),
        "{html:?} reads otherwise a second time"
    );
    assert_eq!(faults(&again), Vec::<String>::new(), "{html:?}");
}

#[test]
fn b1_the_reader_of_this_test_knows_what_is_wrong() {
    for html in [
        "<script>alert(1)</script>",
        "<p onclick=\"x\">y</p>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "<a href=\"java\tscript:alert(1)\">x</a>",
        "<a href=\"//evil.example\">x</a>",
        "<img src=\"http://evil.example/\">",
        "<img src=x>",
        "<p title=\"open>",
        "<svg></svg>",
        "<p style=\"x\">y</p>",
    ] {
        assert!(!faults(html).is_empty(), "{html}");
    }
    assert!(
        faults("<p title=\"a > b\">1 &lt; 2</p><a href=\"https://x.example/\">x</a>").is_empty()
    );
}

#[test]
fn b1_the_cheat_sheets_evasions_come_to_nothing() {
    let mut all: Vec<String> = EVASIONS.iter().map(|html| (*html).to_owned()).collect();
    // Every control character and blank that browsers skip in and around a scheme.
    for code in (1..=0x20_u32).chain([0x7f, 0xa0, 0x1680, 0x2028, 0x2029, 0x3000, 0xfeff, 0x200b]) {
        let one = char::from_u32(code).unwrap();
        for address in [
            format!("{one}javascript:alert(1)"),
            format!("java{one}script:alert(1)"),
            format!("javascript{one}:alert(1)"),
            format!("java&#{code};script:alert(1)"),
            format!("&#x{code:x};javascript:alert(1)"),
            format!("&#{code:07}javascript:alert(1)"),
        ] {
            all.push(format!("<a href=\"{address}\">x</a>"));
            all.push(format!("<a href='{address}'>x</a>"));
            all.push(format!("<img src=\"{address}\">"));
        }
        all.push(format!("<img{one}src=x{one}onerror=alert(1)>"));
        all.push(format!("<{one}script>alert(1)</script>"));
        all.push(format!("<script{one}>alert(1)</script{one}>"));
        all.push(format!("<svg{one}onload=alert(1)>"));
        all.push(format!("<p onclick{one}=alert(1)>x"));
    }
    // Each scheme that runs something or brings somewhere, in three ways of writing.
    for scheme in [
        "javascript",
        "vbscript",
        "livescript",
        "mocha",
        "data",
        "blob",
        "file",
        "jar",
        "view-source",
        "wyciwyg",
        "feed:javascript",
        "x-javascript",
        "ms-its",
        "mhtml",
        "about",
        "resource",
        "chrome",
        "intent",
        "filesystem",
        "ws",
        "ftp",
    ] {
        let mixed: String = scheme
            .chars()
            .enumerate()
            .map(|(n, c)| {
                if n % 2 == 0 {
                    c.to_ascii_uppercase()
                } else {
                    c
                }
            })
            .collect();
        let coded: String = scheme
            .chars()
            .map(|c| format!("&#{};", u32::from(c)))
            .collect();
        for written in [scheme.to_owned(), mixed, coded] {
            for place in [
                "a href",
                "img src",
                "form action",
                "button formaction",
                "iframe src",
                "object data",
                "embed src",
                "link href",
                "base href",
                "body background",
                "table background",
                "video poster",
                "audio src",
                "input src",
                "q cite",
                "blockquote cite",
                "del cite",
                "svg xlink:href",
                "math href",
                "area href",
                "isindex action",
            ] {
                all.push(format!("<{place}=\"{written}:alert(1)\">x"));
            }
        }
    }
    assert!(all.len() > 1_500, "{}", all.len());
    for html in &all {
        try_out(html);
    }
}

#[test]
fn b1_what_changes_when_it_is_parsed_again_comes_to_nothing() {
    for html in MUTATIONS {
        try_out(html);
    }
    // Each element whose content browsers read by other rules, around each thing that runs, closed and left open, in each namespace.
    let payloads = [
        "<img src=x onerror=alert(1)>",
        "<script>alert(1)</script>",
        "--><img src=x onerror=alert(1)>",
        "\"><img src=x onerror=alert(1)>",
        "<p title=\"</XX><img src=x onerror=alert(1)>\">",
        "<!--</XX><img src=x onerror=alert(1)>-->",
        "<a href=\"&lt;/XX&gt;&lt;img src=x onerror=alert(1)&gt;\">y</a>",
        "&lt;/XX&gt;&lt;img src=x onerror=alert(1)&gt;",
        "<![CDATA[</XX><img src=x onerror=alert(1)>]]>",
    ];
    for outer in [
        "",
        "svg",
        "math",
        "table",
        "select",
        "form",
        "p",
        "mtext",
        "annotation-xml",
        "foreignObject",
        "desc",
        "template",
    ] {
        for raw in [
            "style",
            "script",
            "noscript",
            "noembed",
            "noframes",
            "iframe",
            "xmp",
            "plaintext",
            "title",
            "textarea",
            "listing",
            "option",
            "mglyph",
            "malignmark",
            "template",
            "svg",
            "math",
            "math><mtext",
            "svg><foreignObject",
            "svg><desc",
            "math><annotation-xml encoding=\"text/html\"",
            "math><annotation-xml encoding=\"application/xhtml+xml\"",
        ] {
            for payload in payloads {
                let name = raw.split([' ', '>']).next().unwrap();
                let payload = payload.replace("XX", name);
                let open = if outer.is_empty() {
                    String::new()
                } else {
                    format!("<{outer}>")
                };
                try_out(&format!("{open}<{raw}>{payload}</{name}>"));
                try_out(&format!("{open}<{raw}>{payload}"));
            }
        }
    }
}
