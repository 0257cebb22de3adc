//! Every operation of the API × every role. The rows are taken from the API's own table; what a call sends is made from the OpenAPI
//! document, so that it comes as far as the question who may. The cells are those of [`access_matrix`](crate::access_matrix).

use serde_json::{Map, Value, json};
use watchkeeper::domain::access::{Role, Scopes};
use watchkeeper::domain::id::Kind;
use watchkeeper::http::api::ROUTES;
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::access_matrix::{House, house, rows_of};
use crate::access_verbs;
use crate::both_databases;
use crate::desk::Staff;
use crate::program::token_of;

/// Method, path, a cell for each of [`Role::ALL`].
const TABLE: &str = include_str!("access_api.txt");

/// A value that fits the schema: what is required, as small as it may be.
fn sample(document: &Value, house: &House, name: &str, schema: &Value) -> Value {
    let part = |schema: &Value| sample(document, house, name, schema);
    if let Some(place) = schema["$ref"].as_str() {
        let pointer = place.trim_start_matches('#');
        return part(document.pointer(pointer).expect("what is referred to"));
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        let parts = schema[choice].as_array().into_iter().flatten();
        let mut parts = parts.filter(|part| part["type"] != "null");
        if let Some(first) = parts.next() {
            return part(first);
        }
    }
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    if let Some(first) = schema["enum"].as_array().and_then(|words| words.first()) {
        return first.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| **kind != "null").cloned(),
        kind => Some(kind.clone()),
    };
    let kind = kind.as_ref().and_then(Value::as_str).unwrap_or("object");
    match (kind, schema["format"].as_str().unwrap_or_default()) {
        ("object", _) => {
            let mut object = Map::new();
            for field in schema["required"].as_array().into_iter().flatten() {
                let field = field.as_str().expect("a name");
                let of = &schema["properties"][field];
                object.insert(field.to_owned(), sample(document, house, field, of));
            }
            // Reasons are asked for by rules, not by the document.
            if schema["properties"].get("why").is_some() {
                object.insert("why".to_owned(), json!("It had to be"));
            }
            Value::Object(object)
        }
        ("array", _) => json!([part(&schema["items"])]),
        ("integer" | "number", _) => json!(1),
        ("boolean", _) => json!(true),
        (_, "date-time") => json!("2026-06-01T08:00:00Z"),
        (_, "date") => json!("2026-06-01"),
        (_, "uuid") => json!(id_for(house, name)),
        _ if name.contains("email") || name == "address" => json!("somebody@harbour.example"),
        _ if name == "into" || name == "to" || name == "incident" => json!("INC-2"),
        _ if name.contains("zone") => json!("Europe/Oslo"),
        _ if name == "url" => json!("https://chat.example.org/in"),
        _ => json!("Something"),
    }
}

fn id_for(house: &House, name: &str) -> String {
    let noun = match name.trim_end_matches("_id").trim_end_matches("_ids") {
        "team" => "teams",
        "service" | "services" => "services",
        "customer" => "customers",
        "contact" | "requester" => "contact",
        _ => "people",
    };
    house.ids[noun].clone()
}

/// What to send: the body's type and its text.
fn body_of(document: &Value, house: &House, method: &str, path: &str) -> Option<(String, String)> {
    let operation = &document["paths"][path][method.to_lowercase()];
    let contents = operation["requestBody"]["content"].as_object()?;
    let (kind, content) = contents.iter().next()?;
    if kind.starts_with("multipart/") {
        return Some((format!("{kind}; boundary=x"), "--x--\r\n".to_owned()));
    }
    let mut value = sample(document, house, "", &content["schema"]);
    // What is looked at before anybody asks who sends it is right.
    let more = match path {
        "/api/v1/tickets/{key}/evidence" => json!({ "content": "ZmxhdA==" }),
        "/api/v1/post-mortems/{key}/meeting" => json!({ "starts_at": "2026-06-01T13:00:00Z" }),
        "/api/v1/teams/{id}/overrides" => json!({
            "kind": "add",
            "person_id": house.ids["people"],
            "starts_at": "2026-06-04T08:00:00Z",
            "ends_at": "2026-06-05T08:00:00Z",
        }),
        _ => json!({}),
    };
    for (name, right) in more.as_object().into_iter().flatten() {
        value[name] = right.clone();
    }
    Some((kind.clone(), value.to_string()))
}

fn cell(
    house: &House,
    method: &str,
    address: &str,
    token: &str,
    rev: Option<i64>,
    body: Option<&(String, String)>,
) -> char {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .build();
    let agent: ureq::Agent = config.into();
    let mut request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{}{address}", house.served.url()))
        .header("authorization", format!("Bearer {token}"));
    if let Some(rev) = rev {
        request = request.header("if-match", format!("\"{rev}\""));
    }
    if let Some((kind, _)) = body {
        request = request.header("content-type", kind);
    }
    let text = body.map(|(_, text)| text.clone()).unwrap_or_default();
    let answer = agent.run(request.body(text).unwrap()).expect("it answers");
    match answer.status().as_u16() {
        401 => 'L',
        403 => 'x',
        404 => '.',
        500.. => '!',
        _ => '+',
    }
}

both_databases!(
    every_operation_of_the_api_answers_every_role_as_the_table_says,
    |desk| {
        let rows = rows_of(TABLE);
        let house = house(desk);
        house.desk.let_letters_go();
        let tokens: Vec<String> = Role::ALL
            .iter()
            .map(|role| {
                let Holder::Person(id) = house.holders[role.as_str()] else {
                    panic!("a role's holder is staff")
                };
                let owner = Staff {
                    id,
                    name: role.as_str().to_owned(),
                    roles: watchkeeper::domain::access::Roles::of(&[*role]),
                };
                token_of(&house.desk, &owner, Scopes::all())
            })
            .collect();
        let document = ureq::get(format!("{}/openapi.json", house.served.url()))
            .call()
            .expect("the document")
            .body_mut()
            .read_to_string()
            .expect("its text");
        let document: Value = serde_json::from_str(&document).expect("JSON");
        let change = access_verbs::open(&house, Kind::Change);
        let mut differences = Vec::new();
        for (method, path, _) in ROUTES {
            let address = match path.starts_with("/api/v1/changes/") {
                true => house.address(path).replace("INC-1", &change.to_string()),
                false => house.address(path),
            };
            let body = body_of(&document, &house, method, path);
            // An approval is for the version that was read.
            let rev = || {
                let read = |conn: &mut store::Conn| store::ticket::by_key(conn, change);
                let ticket = house.desk.app.store.read(read).expect("read");
                (*path == "/api/v1/changes/{key}/approve")
                    .then(|| ticket.expect("it is there").version)
            };
            let cells: String = Role::ALL
                .iter()
                .zip(&tokens)
                .map(|(role, token)| {
                    let own = house.own(role.as_str(), path);
                    let address = own.as_ref().unwrap_or(&address);
                    cell(&house, method, address, token, rev(), body.as_ref())
                })
                .collect();
            let name = format!("{method:<6} {path}");
            match rows.get(&((*method).to_owned(), (*path).to_owned())) {
                Some(expected) if *expected == cells => {}
                Some(expected) => {
                    differences.push(format!("{name:<70} {cells} instead of {expected}"))
                }
                None => differences.push(format!("{name:<70} {cells} has no row")),
            }
        }
        for (method, path) in rows.keys() {
            if !ROUTES
                .iter()
                .any(|(known, place, _)| known == method && place == path)
            {
                differences.push(format!("{method} {path} is no operation any more"));
            }
        }
        assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    }
);
