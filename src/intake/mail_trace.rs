//! Raw bytes of a mail → [`Traces`]: the lesser header lines, as they were written. Never fails: what isn't there is left out.

use mail_parser::MessageParser;

use crate::domain::mail_trace::Traces;
use crate::domain::text::EmailAddress;

/// Bytes of the header block that are looked at.
const HEADER_BYTES: usize = 256 * 1024;
/// `Authentication-Results` that are kept: our relay's stands above those that came with the mail.
const RESULTS: usize = 20;

pub(super) fn traces(raw: &[u8]) -> Traces {
    let head = &raw[..raw.len().min(HEADER_BYTES)];
    let Some(message) = MessageParser::default().parse_headers(head) else {
        return Traces::default();
    };
    let headers = message
        .parts
        .first()
        .map_or(&[][..], |part| &part.headers[..]);
    let named = |name: &'static str| {
        headers
            .iter()
            .filter(move |header| header.name.as_str().eq_ignore_ascii_case(name))
            .filter_map(|header| head.get(header.offset_start as usize..header.offset_end as usize))
            .map(one_line)
    };
    Traces {
        authentication: named("Authentication-Results").take(RESULTS).collect(),
        thread_index: named("Thread-Index").next(),
        hops: named("Received").count(),
        return_path: named("Return-Path")
            .next()
            .map(|value| value.trim_matches(['<', '>', ' ']).to_owned()),
        original_from: named("X-Original-From").next().and_then(|value| {
            value
                .split(['<', '>', ' ', '"'])
                .find_map(|word| EmailAddress::parse(word).ok())
        }),
    }
}

/// Unfolded: what began a new line goes on in this one.
fn one_line(value: &[u8]) -> String {
    String::from_utf8_lossy(value)
        .replace(['\r', '\n', '\0'], "")
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_topmost_first_and_unfolded() {
        let raw = b"Authentication-Results: a.example;\r\n\tdmarc=pass header.from=x.example\r\nFrom: a@x.example\r\nauthentication-results: b.example; none\r\nThread-Index: AdwB\r\nX-Original-From: \"Carol\" <carol@x.example>\r\n\r\nAuthentication-Results: c.example; dmarc=pass\r\n";
        let traces = traces(raw);
        assert_eq!(
            traces.authentication,
            [
                "a.example;\tdmarc=pass header.from=x.example",
                "b.example; none"
            ]
        );
        assert_eq!(traces.thread_index.as_deref(), Some("AdwB"));
        let author = traces.original_from.unwrap();
        assert_eq!(author.as_str(), "carol@x.example");
        assert_eq!(super::traces(b"\0\xff"), Traces::default());
    }
}
