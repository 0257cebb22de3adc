//! The OpenAPI 3.1 document, made from the handlers and completed with what every call has in common, so that no handler can
//! forget it: the bearer token, the parts of the address, `Idempotency-Key`, and the ways to fail.

use std::sync::OnceLock;

use serde_json::{Value, json};
use utoipa::OpenApi;

use super::{ASKING, Handlers, ROUTES};
use crate::words::Words;

/// What the parts of an address name; a tidy document says it once.
const PARTS: &[(&str, &str)] = &[
    ("key", "The ticket's key, such as `INC-12`."),
    ("to", "The other ticket's key."),
    ("seq", "The entry's place on the timeline."),
    ("label", "The label."),
    ("relation", "How the first ticket stands to the other."),
    ("role", "The role on the incident."),
    ("id", "Its id."),
    ("override", "The override's id."),
    ("contact", "The contact's id."),
    ("customer", "The customer's id."),
    ("pattern", "A mail address, or `@domain`."),
    ("address", "A mail address."),
    ("code", "A holiday set's code, such as `DE-BY`."),
    (
        "format",
        "`html`, `pdf`, `csv`, `md` or `txt`: those that the address has.",
    ),
];

/// The document, made once.
pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let made = serde_json::to_value(Handlers::openapi());
        complete(made.expect("the generated document is plain JSON"))
    })
}

/// Its bytes as they are served.
pub fn bytes() -> &'static str {
    static BYTES: OnceLock<String> = OnceLock::new();
    BYTES.get_or_init(|| document().to_string())
}

fn complete(mut document: Value) -> Value {
    let words = Words::english();
    document["info"] = json!({
        "title": "Watchkeeper",
        "version": env!("CARGO_PKG_VERSION"),
        "summary": words.t("api-summary"),
        "description": words.t("api-description"),
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    });
    document["servers"] = json!([{"url": "/"}]);
    document["security"] = json!([{"token": []}]);
    let mut tags: Vec<&str> = Vec::new();
    for (method, path, name) in ROUTES {
        let Some(operation) = document["paths"][*path].get_mut(method.to_lowercase()) else {
            continue;
        };
        operation["operationId"] = name.replace(" :: ", ".").into();
        if let Some(tag) = operation["tags"][0].as_str()
            && let Some(tag) = TAGS.iter().find(|known| **known == tag)
            && !tags.contains(tag)
        {
            tags.push(tag);
        }
        fill_in(operation, method, path);
    }
    document["tags"] = tags
        .iter()
        .map(|tag| json!({"name": tag, "description": words.t(&format!("api-tag-{tag}"))}))
        .collect();
    let problem = json!({"content": {super::problem::MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}});
    for (name, _) in FAILURES {
        let mut response = problem.clone();
        response["description"] = words.t(&format!("problem-{name}-title")).into();
        document["components"]["responses"][*name] = response;
    }
    document["components"]["securitySchemes"] = json!({
        "token": {"type": "http", "scheme": "bearer", "description": words.t("api-token")}
    });
    document
}

/// The chapters of the reference, in its order.
pub const TAGS: &[&str] = &[
    "tickets",
    "steps",
    "timeline",
    "parts",
    "clocks",
    "changes",
    "freezes",
    "deployments",
    "post-mortems",
    "on-call",
    "customers",
    "house",
    "mail",
    "search",
    "calculator",
    "account",
    "webhooks",
    "git",
];

/// How a call may fail, and its status.
const FAILURES: &[(&str, &str)] = &[
    ("malformed", "400"),
    ("no-token", "401"),
    ("forbidden", "403"),
    ("missing", "404"),
    ("too-slow", "408"),
    ("stale", "409"),
    ("not-matched", "412"),
    ("too-big", "413"),
    ("not-json", "415"),
    ("refused", "422"),
    ("too-many", "429"),
    ("unavailable", "503"),
    ("full", "507"),
];

fn fill_in(operation: &mut Value, method: &str, path: &str) {
    let mut parameters = operation["parameters"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let is_conditional = parameters.iter().any(|it| it["name"] == "If-Match");
    let mut places = Vec::new();
    for part in path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
    {
        if parameters.iter().any(|it| it["name"] == part) {
            continue;
        }
        let about = PARTS.iter().find(|(name, _)| *name == part);
        places.push(json!({
            "name": part, "in": "path", "required": true, "schema": {"type": "string"},
            "description": about.map_or("", |(_, about)| about),
        }));
    }
    places.append(&mut parameters);
    let writes = method != "GET" && !ASKING.contains(&path);
    if writes {
        places.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "schema": {"type": "string", "maxLength": 200},
            "description": Words::english().t("api-idempotency"),
        }));
    }
    operation["parameters"] = places.into();
    let has_body = operation.get("requestBody").is_some();
    for (name, status) in FAILURES {
        let may_fail_so = match *status {
            "408" | "413" | "415" => has_body,
            "404" => path.contains('{'),
            "409" => writes,
            "412" => is_conditional,
            _ => true,
        };
        if may_fail_so && operation["responses"].get(status).is_none() {
            operation["responses"][*status] =
                json!({"$ref": format!("#/components/responses/{name}")});
        }
    }
}
