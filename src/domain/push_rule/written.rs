//! The rules of a repository's refs as people write them: TOML, one `[[rule]]` after the other, the first that fits counts.

use std::str::FromStr;

use toml::{Table, Value};

use super::super::git::branch_name;
use super::super::id::Kind;
use super::super::refusal::FieldError;
use super::super::ticket::State;
use super::{Freezing, RefRule, Require};

/// Rules of one repository; each push looks through them.
const MOST: usize = 50;
const FIELD: &str = "push_rules";

/// The rules, or the first thing that is wrong with them, at its line or in its rule.
pub fn read(text: &str) -> Result<Vec<RefRule>, FieldError> {
    let written: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        FieldError::new(FIELD, "not-rules")
            .with("line", line.to_string())
            .with("why", error.message().to_owned())
    })?;
    let other = |name: &str| FieldError::new(FIELD, "rule-other").with("name", name.to_owned());
    let mut rules = Vec::new();
    for (name, value) in &written {
        let all = value.as_array().filter(|_| name == "rule");
        for rule in all.ok_or_else(|| other(name))? {
            let rule = rule.as_table().ok_or_else(|| other(name))?;
            rules.push(rule_of(rule)?);
        }
    }
    if rules.len() > MOST {
        return Err(FieldError::new(FIELD, "too-many-push-rules").with("max", MOST.to_string()));
    }
    Ok(rules)
}

fn rule_of(written: &Table) -> Result<RefRule, FieldError> {
    let refs = written.get("refs").and_then(Value::as_str);
    let refs = refs.unwrap_or_default().trim().to_owned();
    let rest = refs.strip_prefix("refs/").unwrap_or_default();
    if branch_name(FIELD, rest).is_err() {
        return Err(FieldError::new(FIELD, "rule-not-refs").with("refs", refs));
    }
    let mut rule = RefRule::open(&refs);
    for (name, value) in written {
        let place = Place {
            refs: &refs,
            name,
            value,
        };
        match name.as_str() {
            "refs" => {}
            "require" => rule.require = place.one()?,
            "per" => rule.per = place.one()?,
            "freeze" => rule.freeze = place.one()?,
            "env" => {
                let text = value.as_str().ok_or_else(|| place.wrong())?;
                rule.env = text.trim().to_lowercase();
            }
            "force_push" => rule.force_push = place.one()?,
            "delete" => rule.delete = place.one()?,
            "move" => rule.move_tag = place.one()?,
            "autosquash" => rule.autosquash = place.one()?,
            "on_service_down" => rule.on_service_down = place.one()?,
            "types" => {
                rule.kinds = place.several(|text| {
                    let mut kinds = Kind::ALL.iter();
                    let is = |kind: &&Kind| kind.prefix().eq_ignore_ascii_case(text);
                    kinds.find(is).copied()
                })?;
            }
            "states" => rule.states = place.several(|text| text.parse::<State>().ok())?,
            _ => {
                let fault = FieldError::new(FIELD, "rule-other").with("name", name.clone());
                return Err(fault);
            }
        }
    }
    let is_never = !rule.kinds.is_empty() && !rule.kinds.contains(&Kind::Change);
    if rule.require == Require::ApprovedChange && is_never {
        return Err(FieldError::new(FIELD, "rule-never").with("refs", refs));
    }
    Ok(rule)
}

/// A value in a rule.
struct Place<'a> {
    refs: &'a str,
    name: &'a str,
    value: &'a Value,
}

impl Place<'_> {
    fn wrong(&self) -> FieldError {
        FieldError::new(FIELD, "rule-value")
            .with("refs", self.refs.to_owned())
            .with("name", self.name.to_owned())
            .with("value", self.value.to_string())
    }

    fn one<T: FromStr>(&self) -> Result<T, FieldError> {
        let text = self.value.as_str().ok_or_else(|| self.wrong())?;
        text.trim().parse().map_err(|_| self.wrong())
    }

    fn several<T>(&self, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, FieldError> {
        let all = self.value.as_array().ok_or_else(|| self.wrong())?;
        let all = all
            .iter()
            .map(|one| one.as_str().and_then(|it| read(it.trim())));
        all.collect::<Option<Vec<T>>>().ok_or_else(|| self.wrong())
    }
}

/// As [`write()`], for hooks from before rules had environments: whatever asks for another one than where customers are asks them nothing.
pub fn write_without_env(rules: &[RefRule]) -> String {
    let old = rules.iter().map(|rule| match rule.env.is_empty() {
        true => rule.clone(),
        false => RefRule {
            freeze: Freezing::Ignore,
            env: String::new(),
            ..rule.clone()
        },
    });
    write(&old.collect::<Vec<RefRule>>())
}

/// Rules as people write them: what [`read`] reads comes out.
pub fn write(rules: &[RefRule]) -> String {
    let mut text = String::new();
    for rule in rules {
        let open = RefRule::open(&rule.refs);
        text.push_str("[[rule]]\n");
        let mut line = |name: &str, value: &str, is_default: bool| {
            if !is_default {
                text.push_str(&format!("{name} = {}\n", toml::Value::from(value)));
            }
        };
        line("refs", &rule.refs, false);
        line(
            "require",
            rule.require.as_str(),
            rule.require == open.require,
        );
        line("per", rule.per.as_str(), rule.per == open.per);
        line("freeze", rule.freeze.as_str(), rule.freeze == open.freeze);
        line("env", &rule.env, rule.env.is_empty());
        for (name, value) in [
            ("force_push", rule.force_push),
            ("delete", rule.delete),
            ("move", rule.move_tag),
            ("autosquash", rule.autosquash),
        ] {
            line(name, value.as_str(), value == open.force_push);
        }
        let away = rule.on_service_down;
        line(
            "on_service_down",
            away.as_str(),
            away == open.on_service_down,
        );
        let mut list = |name: &str, values: Vec<&str>| {
            if !values.is_empty() {
                let all: Vec<String> = values.iter().map(|it| format!("\"{it}\"")).collect();
                text.push_str(&format!("{name} = [{}]\n", all.join(", ")));
            }
        };
        list("types", rule.kinds.iter().map(|it| it.prefix()).collect());
        list("states", rule.states.iter().map(|it| it.as_str()).collect());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Away, Per};
    use super::super::{Leave, default_rules};
    use super::*;

    #[test]
    fn rules_are_read_as_they_are_written() {
        let text = r#"
            [[rule]]
            refs = "refs/heads/main"
            require = "approved-change"
            types = ["CHG"]
            states = ["approved", "in_progress"]
            per = "merge-first-parent"
            freeze = "enforce"
            env = "Staging"
            force_push = "deny"
            delete = "deny"
            autosquash = "deny"
            on_service_down = "cached"

            [[rule]]
            refs = "refs/tags/v*"
            move = "deny"
        "#;
        let rules = read(text).unwrap();
        assert_eq!(rules[0].per, Per::MergeFirstParent);
        assert_eq!(rules[0].kinds, [Kind::Change]);
        assert_eq!(rules[0].states, [State::Approved, State::InProgress]);
        assert_eq!(rules[0].on_service_down, Away::Cached);
        assert_eq!(rules[0].env, "staging");
        assert_eq!(rules[1].move_tag, Leave::Deny);
        assert_eq!(
            (rules[1].freeze, rules[1].require),
            (Freezing::Ignore, Require::None)
        );
        assert_eq!(read(&write(&rules)).unwrap(), rules);
        let default = default_rules("main", &["release/*".to_owned()]);
        assert_eq!(read(&write(&default)).unwrap(), default);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, problem) in [
            ("[[rule]]\nrefs = 1", "rule-not-refs"),
            ("refs = \"refs/heads/main\"", "rule-other"),
            (
                "[[rule]]\nrefs = \"refs/heads/main\"\nplace = \"prod\"",
                "rule-other",
            ),
            ("[[rule]]\nrefs = \"main\"", "rule-not-refs"),
            (
                "[[rule]]\nrefs = \"refs/heads/main\"\nrequire = \"all\"",
                "rule-value",
            ),
            (
                "[[rule]]\nrefs = \"refs/heads/main\"\ntypes = [\"ABC\"]",
                "rule-value",
            ),
            (
                "[[rule]]\nrefs = \"refs/heads/main\"\nrequire = \"approved-change\"\ntypes = [\"TSK\"]",
                "rule-never",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().problem, problem, "{text}");
        }
        let fault = read("[[rule]]\nrefs = \"refs/heads/main\"\nfreeze = enforce").unwrap_err();
        assert!(format!("{fault:?}").contains("\"3\""), "{fault:?}");
    }
}
