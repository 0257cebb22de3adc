//! Help: what one has to know to work here, on one page, at the same place on every page.

use actix_web::HttpRequest;
use askama::Template;

use super::inputs::Answer;
use crate::domain::severity::Severity;
use crate::http::page::{Page, Viewer};
use crate::http::reply;

#[derive(Template)]
#[template(path = "help/help.html")]
struct HelpPage {
    p: Page,
    severities: Vec<(Severity, String)>,
}

/// `GET /help`
pub async fn help(req: HttpRequest, _viewer: Viewer) -> Answer {
    let p = Page::new(&req, "foot-help");
    let severities = Severity::ALL
        .iter()
        .map(|severity| (*severity, p.word("help-severity", severity.as_str())))
        .collect();
    reply::page(&HelpPage { p, severities })
}
