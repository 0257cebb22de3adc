//! A form that was sent after somebody else had changed the same: nothing typed is lost and nothing of theirs is written over
//! unseen. One's own text stays in each field, theirs stands under it as it is now, and to send again saves.

use std::collections::BTreeSet;
use std::fmt;

use actix_web::http::StatusCode;
use askama::filters::HtmlSafe;

use super::{Form, ONCE, Posted};
use crate::http::marks::escaped;
use crate::words::Words;

/// Fields that say how a form was sent, not what was typed.
const HIDDEN: [&str; 6] = ["csrf", "rev", "preview", "previewed", "of", ONCE];

/// Whether somebody else was faster.
#[derive(Clone)]
pub(super) enum Stand {
    /// Nobody was, as far as is known.
    Fresh,
    /// Somebody was; the form holds what was typed.
    Stale { by: Option<String> },
    /// Somebody was; each field in which their text differs from one's own, with all its values as they stand now.
    Clashing {
        by: Option<String>,
        theirs: Vec<(String, Vec<String>)>,
    },
}

/// One of the values that a field chooses from.
pub trait Choice {
    fn value(&self) -> &str;
    fn text(&self) -> &str;
}

impl Choice for (String, String) {
    fn value(&self) -> &str {
        &self.0
    }

    fn text(&self) -> &str {
        &self.1
    }
}

impl Form {
    /// What was typed over a row that somebody else has changed since; [`Form::opened`] lays theirs beside it.
    pub fn stale(words: &'static Words, posted: &Posted) -> Self {
        Self {
            stand: Stand::Stale { by: None },
            ..Self::kept(words, posted, Vec::new())
        }
    }

    /// The form of a row: as the row stands, or as it was typed; both where somebody else was faster. The hidden `rev` is then that of
    /// the row as it stands, so that to send again saves.
    pub fn opened(kept: Option<Self>, standing: Self) -> Self {
        let Some(mut kept) = kept else {
            return standing;
        };
        if let Stand::Stale { by } = &kept.stand {
            let theirs = differing(&kept, &standing);
            let by = by.clone();
            kept.values.retain(|(name, _)| name != "rev");
            let rev = standing.value("rev").to_owned();
            kept = kept.with("rev", rev);
            kept.stand = Stand::Clashing { by, theirs };
        }
        kept
    }

    pub fn is_stale(&self) -> bool {
        matches!(self.stand, Stand::Stale { .. })
    }

    /// Who changed it.
    pub fn changed_by(mut self, name: Option<String>) -> Self {
        match &mut self.stand {
            Stand::Fresh => {}
            Stand::Stale { by } | Stand::Clashing { by, .. } => *by = name,
        }
        self
    }

    /// The status of a page that shows this form.
    pub fn status(&self) -> StatusCode {
        match self.stand {
            Stand::Fresh if self.has_errors() => StatusCode::UNPROCESSABLE_ENTITY,
            Stand::Fresh => StatusCode::OK,
            Stand::Stale { .. } | Stand::Clashing { .. } => StatusCode::CONFLICT,
        }
    }

    /// The hidden version that the form was made from; if somebody else was faster, that and what to do now.
    pub fn rev(&self) -> Rev<'_> {
        Rev(self)
    }

    /// What stands in `name` by now, for groups of boxes and other controls that a template prints itself; nothing if it doesn't differ.
    pub fn theirs<'a, C: Choice>(&'a self, name: &'a str, choices: &'a [C]) -> Theirs<'a> {
        let text = self.clash(name).map(|theirs| self.named(theirs, choices));
        Theirs {
            form: self,
            name,
            text,
        }
    }

    /// As [`Form::theirs`], of a field that is typed.
    pub fn theirs_typed<'a>(&'a self, name: &'a str) -> Theirs<'a> {
        let text = self.clash(name).map(|theirs| self.written(theirs));
        Theirs {
            form: self,
            name,
            text,
        }
    }

    /// As [`Form::theirs`], of one box.
    pub fn theirs_ticked<'a>(&'a self, name: &'a str) -> Theirs<'a> {
        let text = self.clash(name).map(|theirs| self.ticked(theirs));
        Theirs {
            form: self,
            name,
            text,
        }
    }

    /// All values of a field in which theirs differs, as they stand now.
    pub fn clash(&self, name: &str) -> Option<&[String]> {
        match &self.stand {
            Stand::Clashing { theirs, .. } => theirs
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, values)| values.as_slice()),
            Stand::Fresh | Stand::Stale { .. } => None,
        }
    }

    pub(super) fn written(&self, theirs: &[String]) -> String {
        match theirs.join("\n") {
            text if text.trim().is_empty() => self.words.t("clash-empty").into_owned(),
            text => text,
        }
    }

    pub(super) fn ticked(&self, theirs: &[String]) -> String {
        let key = match theirs.iter().all(String::is_empty) {
            true => "clash-not-ticked",
            false => "clash-ticked",
        };
        self.words.t(key).into_owned()
    }

    /// Values as people read them.
    pub(super) fn named<C: Choice>(&self, theirs: &[String], choices: &[C]) -> String {
        let name = |value: &str| {
            let known = choices.iter().find(|choice| choice.value() == value);
            known.map_or_else(|| value.to_owned(), |choice| choice.text().to_owned())
        };
        let names: Vec<String> = match theirs {
            [] => vec![name("")],
            some => some.iter().map(|value| name(value)).collect(),
        };
        match names.join(", ") {
            text if text.is_empty() => self.words.t("clash-empty").into_owned(),
            text => text,
        }
    }

    /// Their text, under the field with this id.
    pub(super) fn beside(&self, id: &str, text: &str) -> String {
        format!(
            "<div class=\"theirs\" id=\"{id}-theirs\"><p class=\"lab\">{}</p><p class=\"pre\">{}</p></div>",
            escaped(&self.words.t("edit-theirs")),
            escaped(text)
        )
    }
}

/// What differs, by the fields that either form has.
fn differing(kept: &Form, standing: &Form) -> Vec<(String, Vec<String>)> {
    let values = |form: &Form, name: &str| -> BTreeSet<String> {
        let all = form.all(name).map(|text| text.trim().replace("\r\n", "\n"));
        all.filter(|text| !text.is_empty()).collect()
    };
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in standing.values.iter().chain(&kept.values) {
        if !HIDDEN.contains(&name.as_str()) && !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.retain(|name| values(kept, name) != values(standing, name));
    let theirs = |name: &str| standing.all(name).map(str::to_owned).collect();
    names
        .into_iter()
        .map(|name| (name.to_owned(), theirs(name)))
        .collect()
}

/// See [`Form::rev`].
pub struct Rev<'a>(&'a Form);

impl HtmlSafe for Rev<'_> {}

impl fmt::Display for Rev<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rev(form) = self;
        let rev = escaped(form.value("rev"));
        write!(f, r#"<input type="hidden" name="rev" value="{rev}">"#)?;
        let Stand::Clashing { by, .. } = &form.stand else {
            return Ok(());
        };
        let who = match by {
            Some(name) => form
                .words
                .with("clash-by", &[("name", name.as_str().into())]),
            None => form.words.t("clash"),
        };
        write!(
            f,
            r#"<div class="note warn flash" role="alert"><strong>{}</strong> {}</div>"#,
            escaped(&who),
            escaped(&form.words.t("clash-text"))
        )
    }
}

/// See [`Form::theirs`].
pub struct Theirs<'a> {
    form: &'a Form,
    name: &'a str,
    text: Option<String>,
}

impl HtmlSafe for Theirs<'_> {}

impl fmt::Display for Theirs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(text) = &self.text else {
            return Ok(());
        };
        let id = format!("{}f-{}", self.form.prefix, escaped(self.name));
        f.write_str(&self.form.beside(&id, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(texts: &[(&str, &str)]) -> Posted {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Posted {
            texts: texts.iter().map(owned).collect(),
            ..Posted::default()
        }
    }

    #[test]
    fn one_s_own_text_stays_and_theirs_stands_under_it() {
        let words = Words::english();
        let sent = posted(&[
            ("rev", "1"),
            ("name", "Mine"),
            ("note", "one\r\ntwo"),
            ("who", "1"),
        ]);
        let standing = Form::new(words)
            .with("rev", 2)
            .with("name", "<Theirs>")
            .with("note", "one\ntwo")
            .with("active", "yes")
            .with_all("who", [1, 2]);
        let kept = Form::stale(words, &sent).changed_by(Some("Ben".to_owned()));
        let form = Form::opened(Some(kept), standing);
        assert_eq!(form.status(), StatusCode::CONFLICT);
        let rev = form.rev().to_string();
        assert!(rev.contains(r#"value="2""#) && rev.contains("Ben"), "{rev}");
        let name = form.line("name", "Name".into()).to_string();
        assert!(
            name.contains(r#"value="Mine" aria-describedby="f-name-theirs""#)
                && name.contains("&lt;Theirs&gt;"),
            "{name}"
        );
        let same = form.area("note", "Note".into(), 3).to_string();
        assert!(!same.contains("theirs"), "{same}");
        let active = form.tick("active", "Active".into()).to_string();
        assert!(
            !active.contains("checked") && active.contains(&*words.t("clash-ticked")),
            "{active}"
        );
        let who = ["1", "2"].map(|id| (id.to_owned(), format!("Person {id}")));
        let who = form.theirs("who", &who).to_string();
        assert!(who.contains("Person 1, Person 2"), "{who}");
    }

    #[test]
    fn what_nobody_changed_meanwhile_opens_as_it_stands_or_as_it_was_typed() {
        let words = Words::english();
        let standing = || Form::new(words).with("rev", 2).with("name", "Theirs");
        let fresh = Form::opened(None, standing());
        assert_eq!(
            (fresh.value("name"), fresh.status()),
            ("Theirs", StatusCode::OK)
        );
        let sent = posted(&[("rev", "1"), ("name", "")]);
        let wrong = vec![crate::domain::refusal::FieldError::new("name", "required")];
        let kept = Form::opened(Some(Form::kept(words, &sent, wrong)), standing());
        // A form that is wrong keeps the version it was made from: what happened since is still noticed.
        assert_eq!((kept.value("name"), kept.value("rev")), ("", "1"));
        assert_eq!(kept.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!kept.rev().to_string().contains("note"));
    }
}
