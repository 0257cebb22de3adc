//! The API's reference for people, made from the same document that programs read. It needs no network, no script and no login.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use actix_web::web::Query;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;
use serde_json::Value;

use super::document;
use crate::error::Error;
use crate::http::page::Page;
use crate::http::reply::{self, Failure};

/// The operations about one thing.
struct Chapter {
    name: String,
    about: String,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    about: String,
    parameters: Vec<Field>,
    bodies: Vec<Content>,
    answers: Vec<Reply>,
    failures: String,
}

/// A way to write a body.
struct Content {
    shape: String,
    /// "" for JSON.
    media_type: String,
}

/// A successful answer.
struct Reply {
    status: String,
    about: String,
    contents: Vec<Content>,
}

/// An object of the API.
struct Shape {
    name: String,
    about: String,
    fields: Vec<Field>,
    /// The words of a closed enum.
    words: String,
}

struct Field {
    name: String,
    kind: String,
    /// The shape that it refers to.
    shape: Option<String>,
    is_required: bool,
    about: String,
}

struct Reference {
    chapters: Vec<Chapter>,
    shapes: Vec<Shape>,
}

/// What is asked for: `/api?about=tickets`.
#[derive(Deserialize)]
pub struct Asked {
    about: Option<String>,
}

#[derive(Template)]
#[template(path = "api/reference.html")]
struct ReferencePage {
    p: Page,
    reference: &'static Reference,
    /// The chapter that is shown whole; without one, all operations stand in a list.
    chapter: Option<&'static Chapter>,
    shapes: Vec<&'static Shape>,
}

/// `GET /api`: every operation in a list, or one chapter with the shapes that it needs. All at once would weigh more than a
/// page may.
pub async fn show(req: HttpRequest, asked: Query<Asked>) -> Result<HttpResponse, Failure> {
    let reference = reference();
    let chapter = match asked.about.as_deref() {
        None => None,
        Some(name) => {
            let found = reference.chapters.iter().find(|known| known.name == name);
            Some(found.ok_or(Error::NotFound)?)
        }
    };
    let shapes = chapter.map(|chapter| needed(reference, chapter));
    reply::page(&ReferencePage {
        p: Page::new(&req, "api-title"),
        reference,
        chapter,
        shapes: shapes.unwrap_or_default(),
    })
}

/// The shapes that a chapter's operations name, with those that these name.
fn needed(reference: &'static Reference, chapter: &Chapter) -> Vec<&'static Shape> {
    let mut wanted = BTreeSet::from(["Problem"]);
    for operation in &chapter.operations {
        let answers = operation.answers.iter().flat_map(|answer| &answer.contents);
        let contents = operation.bodies.iter().chain(answers);
        wanted.extend(contents.map(|content| content.shape.as_str()));
    }
    loop {
        let known = wanted.len();
        for shape in &reference.shapes {
            if wanted.contains(shape.name.as_str()) {
                wanted.extend(
                    shape
                        .fields
                        .iter()
                        .filter_map(|field| field.shape.as_deref()),
                );
            }
        }
        if wanted.len() == known {
            break;
        }
    }
    let shapes = reference.shapes.iter();
    shapes
        .filter(|shape| wanted.contains(shape.name.as_str()))
        .collect()
}

fn reference() -> &'static Reference {
    static REFERENCE: OnceLock<Reference> = OnceLock::new();
    REFERENCE.get_or_init(|| {
        let document = document::document();
        Reference {
            chapters: chapters(document),
            shapes: shapes(document),
        }
    })
}

fn chapters(document: &Value) -> Vec<Chapter> {
    let mut chapters: Vec<Chapter> = items(&document["tags"])
        .map(|tag| Chapter {
            name: text(&tag["name"]),
            about: text(&tag["description"]),
            operations: Vec::new(),
        })
        .collect();
    for (method, path, _) in super::ROUTES {
        let operation = &document["paths"][*path][method.to_lowercase()];
        let tag = text(&operation["tags"][0]);
        if let Some(chapter) = chapters.iter_mut().find(|chapter| chapter.name == tag) {
            chapter
                .operations
                .push(operation_of(operation, method, path));
        }
    }
    chapters
}

fn operation_of(operation: &Value, method: &str, path: &str) -> Operation {
    let parameters = items(&operation["parameters"]).map(|parameter| Field {
        name: text(&parameter["name"]),
        kind: text(&parameter["in"]),
        shape: None,
        is_required: parameter["required"] == true,
        about: text(&parameter["description"]),
    });
    let responses = operation["responses"].as_object();
    let (good, bad): (Vec<_>, Vec<_>) = responses
        .into_iter()
        .flatten()
        .partition(|(status, _)| status.starts_with('2'));
    Operation {
        id: text(&operation["operationId"]),
        method: method.to_owned(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        about: text(&operation["description"]),
        parameters: parameters.collect(),
        bodies: contents(&operation["requestBody"]["content"]),
        answers: good
            .into_iter()
            .map(|(status, answer)| Reply {
                status: status.clone(),
                about: text(&answer["description"]),
                contents: contents(&answer["content"]),
            })
            .collect(),
        failures: bad
            .into_iter()
            .map(|(status, _)| status.as_str())
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// JSON first.
fn contents(content: &Value) -> Vec<Content> {
    let media_types = content.as_object().into_iter().flatten();
    let shaped = media_types.filter_map(|(media_type, content)| {
        Some(Content {
            shape: shape_in(&content["schema"])?,
            media_type: match media_type.as_str() {
                "application/json" => String::new(),
                other => other.to_owned(),
            },
        })
    });
    let mut contents: Vec<Content> = shaped.collect();
    contents.sort_by(|one, other| one.media_type.cmp(&other.media_type));
    contents
}

fn shapes(document: &Value) -> Vec<Shape> {
    let schemas = document["components"]["schemas"].as_object();
    schemas
        .into_iter()
        .flatten()
        .map(|(name, schema)| Shape {
            name: name.clone(),
            about: text(&schema["description"]),
            fields: fields_of(schema),
            words: items(&schema["enum"])
                .map(text)
                .collect::<Vec<_>>()
                .join(", "),
        })
        .collect()
}

fn fields_of(schema: &Value) -> Vec<Field> {
    let required: Vec<String> = items(&schema["required"]).map(text).collect();
    let properties = schema["properties"].as_object();
    properties
        .into_iter()
        .flatten()
        .map(|(name, schema)| Field {
            kind: kind_of(schema),
            shape: shape_in(schema),
            is_required: required.contains(name),
            about: text(&schema["description"]),
            name: name.clone(),
        })
        .collect()
}

/// `string`, `integer or null`, `list of Ticket`.
fn kind_of(schema: &Value) -> String {
    if let Some(name) = reference_of(schema) {
        return name;
    }
    let either = items(&schema["oneOf"]).chain(items(&schema["anyOf"]));
    let either: Vec<String> = either.map(kind_of).collect();
    if !either.is_empty() {
        return either.join(" | ");
    }
    match &schema["type"] {
        Value::String(kind) if kind == "array" => format!("[{}]", kind_of(&schema["items"])),
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            let kinds: Vec<String> = kinds
                .iter()
                .map(|kind| match kind.as_str() {
                    Some("array") => format!("[{}]", kind_of(&schema["items"])),
                    Some(kind) => kind.to_owned(),
                    None => String::new(),
                })
                .collect();
            kinds.join(" | ")
        }
        _ => String::new(),
    }
}

/// The first shape that a schema refers to.
fn shape_in(schema: &Value) -> Option<String> {
    if let Some(name) = reference_of(schema) {
        return Some(name);
    }
    if let Some(name) = shape_in_list(schema) {
        return Some(name);
    }
    let either = items(&schema["oneOf"]).chain(items(&schema["anyOf"]));
    either.into_iter().find_map(shape_in)
}

fn shape_in_list(schema: &Value) -> Option<String> {
    schema.get("items").and_then(shape_in)
}

fn reference_of(schema: &Value) -> Option<String> {
    let place = schema["$ref"].as_str()?;
    place.rsplit('/').next().map(str::to_owned)
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
