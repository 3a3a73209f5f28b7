//! Label and field selectors.

use serde_json::Value;

use crate::{failure::Failure, types::Resource};

/// Which objects are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, String, bool)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
}

impl Selector {
    /// Reads both selectors; empty ones select everything.
    pub fn parse(resource: &Resource, labels: &str, fields: &str) -> Result<Self, Failure> {
        let labels = split(labels)
            .iter()
            .map(|text| requirement(text))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| {
                Failure::bad_request(format!("unable to parse the label selector {labels:?}"))
            })?;
        let fields = fields
            .split(',')
            .filter(|text| !text.trim().is_empty())
            .map(|text| field(resource, text.trim()))
            .collect::<Result<_, _>>()?;
        Ok(Self { labels, fields })
    }

    /// Whether everything is wanted.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether this object is wanted.
    pub fn matches(&self, object: &Value) -> bool {
        let label = |key: &str| object["metadata"]["labels"][key].as_str();
        let labels = self.labels.iter().all(|requirement| match requirement {
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Missing(key) => label(key).is_none(),
            Requirement::In(key, values) => {
                label(key).is_some_and(|value| values.iter().any(|wanted| wanted == value))
            }
            Requirement::NotIn(key, values) => {
                label(key).is_none_or(|value| values.iter().all(|wanted| wanted != value))
            }
        });
        labels
            && self
                .fields
                .iter()
                .all(|(path, wanted, equal)| (text_at(object, path) == *wanted) == *equal)
    }
}

fn text_at(object: &Value, path: &str) -> String {
    match path.split('.').fold(object, |value, key| &value[key]) {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Splits at commas outside parentheses.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(character);
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn requirement(text: &str) -> Option<Requirement> {
    let text = text.trim();
    let word = |text: &str| {
        let text = text.trim();
        let good = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        text.chars().all(good).then(|| text.to_owned())
    };
    let key = |text: &str| word(text).filter(|key| !key.is_empty());
    if let Some(missing) = text.strip_prefix('!') {
        return key(missing).map(Requirement::Missing);
    }
    if let Some((before, set)) = text.split_once('(') {
        let values: Vec<String> = set
            .strip_suffix(')')?
            .split(',')
            .map(word)
            .collect::<Option<_>>()?;
        let mut words = before.split_whitespace();
        let (name, operator) = (key(words.next()?)?, words.next()?);
        return match operator {
            "in" => Some(Requirement::In(name, values)),
            "notin" => Some(Requirement::NotIn(name, values)),
            _ => None,
        };
    }
    if let Some((name, value)) = text.split_once("!=") {
        return Some(Requirement::NotIn(key(name)?, vec![word(value)?]));
    }
    if let Some((name, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Some(Requirement::In(key(name)?, vec![word(value)?]));
    }
    key(text).map(Requirement::Exists)
}

fn field(resource: &Resource, text: &str) -> Result<(String, String, bool), Failure> {
    let (path, value, equal) = if let Some((path, value)) = text.split_once("!=") {
        (path, value, false)
    } else if let Some((path, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (path, value, true)
    } else {
        return Err(Failure::bad_request(format!(
            "unable to parse the field selector {text:?}: write FIELD=VALUE"
        )));
    };
    let known = path == "metadata.name"
        || path == "metadata.namespace"
        || resource.selectable.iter().any(|known| known == path);
    if !known {
        return Err(Failure::bad_request(format!(
            "field label not supported: {path}"
        )));
    }
    Ok((path.to_owned(), value.to_owned(), equal))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::types::Registry;

    fn matches(labels: &str, fields: &str) -> Option<bool> {
        let registry = Registry::new(&[]).unwrap();
        let secrets = registry.find("", "v1", "secrets").unwrap();
        let object = json!({
            "metadata": {"name": "a", "labels": {"app": "web", "tier": "x"}}, "type": "Opaque",
        });
        Some(
            Selector::parse(secrets, labels, fields)
                .ok()?
                .matches(&object),
        )
    }

    #[test]
    fn selectors() {
        for yes in [
            "",
            "app",
            "app=web",
            "app==web,tier",
            "app in (web, db)",
            "app!=db",
            "!gone",
            "app notin (db)",
            "gone!=x",
        ] {
            assert_eq!(matches(yes, ""), Some(true), "{yes}");
        }
        for no in [
            "gone",
            "app=db",
            "!app",
            "app notin (web,db)",
            "app in (db)",
        ] {
            assert_eq!(matches(no, ""), Some(false), "{no}");
        }
        for wrong in ["=", "app in", "a b", "app in (x"] {
            assert_eq!(matches(wrong, ""), None, "{wrong}");
        }
        assert_eq!(matches("", "metadata.name=a,type=Opaque"), Some(true));
        assert_eq!(matches("", "metadata.name!=a"), Some(false));
        assert_eq!(matches("", "spec.x=a"), None);
    }
}
