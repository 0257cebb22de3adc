//! One field of a form as a page prints it: label, control, hint, error, and what stands there by now where somebody else was faster.

use std::borrow::Cow;
use std::fmt;

use askama::filters::HtmlSafe;

use super::Form;
use crate::http::marks::escaped;

#[derive(Clone, Copy)]
pub(super) enum Control<'a> {
    Line(&'static str),
    Area(u8),
    Choice(&'a [(String, String)]),
    Tick,
    Files,
}

/// One field: label, control, hint, error. A template prints it: `{{ form.line("title", p.t("ticket-title")).required() }}`.
pub struct Field<'a> {
    form: &'a Form,
    name: &'a str,
    label: Cow<'a, str>,
    control: Control<'a>,
    hint: Option<Cow<'a, str>>,
    example: Option<Cow<'a, str>>,
    complete: Option<&'a str>,
    among: Option<&'a str>,
    max: Option<usize>,
    required: bool,
    focus: bool,
}

impl<'a> Field<'a> {
    pub(super) fn new(
        form: &'a Form,
        name: &'a str,
        label: Cow<'a, str>,
        control: Control<'a>,
    ) -> Self {
        Self {
            form,
            name,
            label,
            control,
            hint: None,
            example: None,
            complete: None,
            among: None,
            max: None,
            required: false,
            focus: false,
        }
    }

    /// The input's type: `email`, `password`, `tel`, `url`, `number`, `date`, `datetime-local`, `search`.
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.control = Control::Line(kind);
        self
    }

    pub fn hint(mut self, hint: Cow<'a, str>) -> Self {
        self.hint = Some(hint);
        self
    }

    /// An example inside the empty field; never the only place of something needed.
    pub fn example(mut self, example: Cow<'a, str>) -> Self {
        self.example = Some(example);
        self
    }

    /// The `autocomplete` token.
    pub fn complete(mut self, token: &'a str) -> Self {
        self.complete = Some(token);
        self
    }

    /// The id of a `<datalist>` with suggestions.
    pub fn among(mut self, list: &'a str) -> Self {
        self.among = Some(list);
        self
    }

    pub fn max(mut self, chars: usize) -> Self {
        self.max = Some(chars);
        self
    }

    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The page opens with the cursor here.
    pub fn focus(mut self) -> Self {
        self.focus = true;
        self
    }
}

impl HtmlSafe for Field<'_> {}

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = self.form.problem(self.name);
        let id = format!("{}f-{}", self.form.prefix, escaped(self.name));
        let name = escaped(self.name);
        let label = escaped(&self.label);
        let value = self.form.value(self.name);
        let mut described = Vec::new();
        if self.hint.is_some() {
            described.push(format!("{id}-hint"));
        }
        if problem.is_some() {
            described.push(format!("{id}-error"));
        }
        let theirs = self.form.clash(self.name).map(|theirs| match self.control {
            Control::Choice(choices) => self.form.named(theirs, choices),
            Control::Tick => self.form.ticked(theirs),
            Control::Line(_) | Control::Area(_) | Control::Files => self.form.written(theirs),
        });
        if theirs.is_some() {
            described.push(format!("{id}-theirs"));
        }
        let mut attributes = String::new();
        let mut attribute = |name: &str, value: &str| {
            attributes.push_str(&format!(r#" {name}="{}""#, escaped(value)));
        };
        if !described.is_empty() {
            attribute("aria-describedby", &described.join(" "));
        }
        if problem.is_some() {
            attribute("aria-invalid", "true");
        }
        if let Some(example) = &self.example {
            attribute("placeholder", example);
        }
        if let Some(token) = self.complete {
            attribute("autocomplete", token);
        }
        if let Some(list) = self.among {
            attribute("list", list);
        }
        if let Some(max) = self.max {
            attribute("maxlength", &max.to_string());
        }
        if self.required {
            attributes.push_str(" required");
        }
        if self.focus
            || problem.is_some()
                && self
                    .form
                    .errors
                    .first()
                    .is_some_and(|error| error.field == self.name)
        {
            attributes.push_str(" autofocus");
        }
        let wrong = if problem.is_some() { " wrong" } else { "" };
        match self.control {
            Control::Tick => {
                let checked = if value.is_empty() { "" } else { " checked" };
                write!(
                    f,
                    r#"<div class="field tick{wrong}"><input type="checkbox" id="{id}" name="{name}" value="yes"{checked}{attributes}><label for="{id}">{label}</label>"#
                )?;
            }
            Control::Line(kind) => {
                // A password is never sent back.
                let value = if kind == "password" {
                    String::new()
                } else {
                    escaped(value)
                };
                write!(
                    f,
                    r#"<div class="field{wrong}"><label for="{id}">{label}</label><input type="{kind}" id="{id}" name="{name}" value="{value}"{attributes}>"#
                )?;
            }
            // A newline right after <textarea> is dropped by browsers; the one here keeps a text that begins with one.
            Control::Area(rows) => write!(
                f,
                "<div class=\"field{wrong}\"><label for=\"{id}\">{label}</label><textarea id=\"{id}\" name=\"{name}\" rows=\"{rows}\"{attributes}>\n{}</textarea>",
                escaped(value)
            )?,
            Control::Choice(choices) => {
                write!(
                    f,
                    r#"<div class="field{wrong}"><label for="{id}">{label}</label><select id="{id}" name="{name}"{attributes}>"#
                )?;
                for (choice, text) in choices {
                    let selected = if self.form.is_ticked(self.name, choice) {
                        " selected"
                    } else {
                        ""
                    };
                    write!(
                        f,
                        r#"<option value="{}"{selected}>{}</option>"#,
                        escaped(choice),
                        escaped(text)
                    )?;
                }
                f.write_str("</select>")?;
            }
            Control::Files => write!(
                f,
                r#"<div class="field{wrong}"><label for="{id}">{label}</label><input type="file" id="{id}" name="{name}" multiple{attributes}>"#
            )?,
        }
        if let Some(hint) = &self.hint {
            write!(f, r#"<p class="hint" id="{id}-hint">{}</p>"#, escaped(hint))?;
        }
        if let Some(theirs) = theirs {
            f.write_str(&self.form.beside(&id, &theirs))?;
        }
        if let Some(problem) = problem {
            write!(
                f,
                r#"<p class="err" id="{id}-error">{}</p>"#,
                escaped(&problem)
            )?;
        }
        f.write_str("</div>")
    }
}
