//! Bodies and queries as values. What can't be read is said field by field, all at once.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::Failure;
use super::value::refused;
use crate::domain::refusal::FieldError;
use crate::error::Error;

/// Field errors in one answer; a body with more has said enough.
const MOST_FAULTS: usize = 20;

/// A JSON body; an empty one is an object without fields.
pub fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    let error = match serde_json::from_slice(bytes) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => Err(faults::<T>(fields)),
        Ok(_) | Err(_) => Err(Failure::Malformed(error.to_string())),
    }
}

/// The parameters after the question mark.
pub fn query<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    let pairs: Vec<(String, String)> =
        serde_json_free_pairs(text).map_err(|error| Failure::Malformed(error.to_owned()))?;
    let mut fields = Map::new();
    for (name, value) in pairs {
        if fields.contains_key(&name) {
            return Err(FieldError::new(name, "given-twice").into());
        }
        fields.insert(name, Value::String(value));
    }
    match serde_json::from_value(Value::Object(fields.clone())) {
        Ok(value) => Ok(value),
        Err(_) => Err(faults::<T>(fields)),
    }
}

fn serde_json_free_pairs(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    actix_web::web::Query::<Vec<(String, String)>>::from_query(text)
        .map(actix_web::web::Query::into_inner)
        .map_err(|_| "the query can't be read")
}

/// Which fields can't be taken, found by leaving out one at a time: serde says what is wrong, but not where.
fn faults<T: DeserializeOwned>(mut fields: Map<String, Value>) -> Failure {
    let mut found = Vec::new();
    let complaint = |fields: &Map<String, Value>| {
        serde_json::from_value::<T>(Value::Object(fields.clone()))
            .err()
            .map(|error| error.to_string())
    };
    while let Some(said) = complaint(&fields) {
        if found.len() >= MOST_FAULTS {
            break;
        }
        // What is missing inside an object is that object's fault: without it the complaint is another.
        let holder = fields
            .iter()
            .filter(|(_, value)| value.is_object() || value.is_array())
            .map(|(name, _)| name)
            .find(|name| {
                let mut without = fields.clone();
                without.remove(*name);
                complaint(&without).as_ref() != Some(&said)
            })
            .cloned();
        if let (Some(name), None) = (quoted(&said, "missing field `"), &holder) {
            // What was taken out for another fault isn't missing.
            if !found.iter().any(|known: &FieldError| known.field == name) {
                found.push(FieldError::new(name.to_owned(), "required"));
            }
            // Nothing can be put in its place: whatever else is missing is told when this is there.
            break;
        }
        let culprit = match quoted(&said, "unknown field `") {
            Some(name) if fields.contains_key(name) => Some(name.to_owned()),
            _ => fields
                .keys()
                .find(|name| {
                    let mut without = fields.clone();
                    without.remove(*name);
                    complaint(&without).as_ref() != Some(&said)
                })
                .cloned(),
        };
        let Some(culprit) = culprit else {
            return Failure::Malformed(said);
        };
        let value = fields.remove(&culprit);
        found.push(fault(culprit, value, &said));
    }
    Failure::House(Error::Invalid(found))
}

fn fault(field: String, value: Option<Value>, said: &str) -> FieldError {
    if let Some((problem, value, accepted)) = refused(said) {
        return FieldError::new(field, problem)
            .with("value", value)
            .with("accepted", accepted);
    }
    let Some(inner) = quoted(said, "unknown field `") else {
        return match quoted(said, "missing field `") {
            Some(inner) => FieldError::new(format!("{field}.{inner}"), "required"),
            None => FieldError::new(field, "wrong-type").with("said", said.to_owned()),
        };
    };
    let is_within =
        inner != field && value.is_some_and(|value| value.is_object() || value.is_array());
    let name = if is_within {
        format!("{field}.{inner}")
    } else {
        field
    };
    FieldError::new(name, "unknown-field").with("known", known(said))
}

/// `expected one of `a`, `b`` or ``expected `a``, as a list.
fn known(said: &str) -> String {
    let names = said.split('`').skip(3).step_by(2);
    names.collect::<Vec<_>>().join(", ")
}

fn quoted<'a>(said: &'a str, opening: &str) -> Option<&'a str> {
    said.split_once(opening)?.1.split('`').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::api::value::{At, Number, SeverityWord};
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Body {
        title: String,
        severity: Option<SeverityWord>,
        impact_at: Option<At>,
        hold: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Inner {
        reason: String,
    }

    fn said(text: &str) -> Vec<(String, &'static str)> {
        match body::<Body>(text.as_bytes()).unwrap_err() {
            Failure::House(Error::Invalid(errors)) => errors
                .into_iter()
                .map(|error| (error.field.into_owned(), error.problem))
                .collect(),
            other => vec![(format!("{other:?}"), "other")],
        }
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let both = r#"{"title":"x","severity":"sev1","impact_at":"noon","colour":"red"}"#;
        let mut named = said(both);
        named.sort();
        assert_eq!(
            named,
            [
                ("colour".to_owned(), "unknown-field"),
                ("impact_at".to_owned(), "not-rfc3339"),
                ("severity".to_owned(), "unknown-word"),
            ]
        );
        assert_eq!(said("{}"), [("title".to_owned(), "required")]);
        assert_eq!(said(""), [("title".to_owned(), "required")]);
        assert_eq!(said(r#"{"title":3}"#), [("title".to_owned(), "wrong-type")]);
        assert_eq!(
            said(r#"{"title":"x","hold":{"why":"y"}}"#),
            [("hold.why".to_owned(), "unknown-field")]
        );
        assert_eq!(
            said(r#"{"title":"x","hold":{}}"#)[0].0,
            "hold.reason".to_owned()
        );
        assert!(said("[1]")[0].0.contains("Malformed"));
        assert!(said("{\"title\":")[0].0.contains("Malformed"));
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        limit: Option<Number>,
    }

    #[test]
    fn unknown_parameters_are_refused_by_name() {
        assert_eq!(query::<Asked>("limit=5").unwrap().limit.unwrap().0, 5);
        assert!(query::<Asked>("").is_ok());
        for (text, problem) in [
            ("limt=5", "unknown-field"),
            ("limit=x", "not-a-number"),
            ("limit=1&limit=2", "given-twice"),
        ] {
            let Failure::House(Error::Invalid(errors)) = query::<Asked>(text).unwrap_err() else {
                panic!("{text}")
            };
            assert_eq!(errors[0].problem, problem, "{text}");
        }
    }
}
