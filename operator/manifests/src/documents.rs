//! From a text to its documents: YAML with several, JSON one after the other, and lists of objects.

use agentchat_schema::decode;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use crate::place::{Place, Source};

/// One document, or one item of a list, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Where.
    pub place: Place,
    /// What it says.
    pub value: Value,
}

/// Why a text has no documents.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is neither YAML nor JSON.
    #[error("{place} is not YAML: {message}")]
    Syntax {
        /// The first document that can't be read.
        place: Place,
        /// What the reader says.
        message: String,
    },
    /// A number in it can't be represented.
    #[error("{place}: {error}")]
    Number {
        /// The document.
        place: Place,
        /// Which number, and of which field.
        error: decode::Error,
    },
    /// A list has no items.
    #[error("{place}: items is missing or no list; the objects of kind {kind} are there")]
    Items {
        /// The document.
        place: Place,
        /// Kind of the list.
        kind: String,
    },
}

/// Reads the documents that hold something; of a list, its items instead.
pub fn read(source: &Source, text: &str) -> Result<Vec<Document>, DocumentError> {
    let place = |index: usize, line: usize| Place {
        source: source.clone(),
        document: index + 1,
        line,
        items: vec![],
    };
    let mut found = vec![];
    if let Some(parts) = json_parts(text) {
        for (index, (line, part)) in parts.into_iter().enumerate() {
            let place = place(index, line);
            let value = json(part).map_err(|error| refused(place.clone(), error))?;
            expand(place, value, &mut found)?;
        }
        return Ok(found);
    }
    let lines = first_lines(text);
    for (index, document) in serde_yaml::Deserializer::from_str(text).enumerate() {
        let place = place(index, lines.get(index).copied().unwrap_or(1));
        let value = decode::yaml(document).map_err(|error| refused(place.clone(), error))?;
        expand(place, value, &mut found)?;
    }
    Ok(found)
}

fn refused(place: Place, error: decode::Error) -> DocumentError {
    match error {
        decode::Error::Syntax(message) => DocumentError::Syntax { place, message },
        error @ decode::Error::Number { .. } => DocumentError::Number { place, error },
    }
}

/// Adds a document, or the items of a list: `kind: List`, and `AgentList` and the like, whose items need
/// not say their kind.
fn expand(place: Place, value: Value, found: &mut Vec<Document>) -> Result<(), DocumentError> {
    if value.is_null() {
        return Ok(());
    }
    let text = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let (kind, api_version) = (text("kind"), text("apiVersion"));
    let Some(list) = kind.filter(|kind| kind.ends_with("List")) else {
        found.push(Document { place, value });
        return Ok(());
    };
    let Some(Value::Array(items)) = value.get("items").cloned() else {
        return Err(DocumentError::Items { place, kind: list });
    };
    let of_items = list.strip_suffix("List").filter(|kind| !kind.is_empty());
    for (index, mut item) in items.into_iter().enumerate() {
        if let (Some(kind), Some(fields)) = (of_items, item.as_object_mut()) {
            fields.entry("kind").or_insert_with(|| kind.into());
            if let Some(api_version) = &api_version {
                let version = fields.entry("apiVersion");
                version.or_insert_with(|| api_version.clone().into());
            }
        }
        expand(place.item(index + 1), item, found)?;
    }
    Ok(())
}

/// The values of a text that is JSON, one after the other, each with the number of its first line.
///
/// JSON is not quite a part of YAML: not with several values, and not with every escape.
fn json_parts(text: &str) -> Option<Vec<(usize, &str)>> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let mut parts = vec![];
    loop {
        let before = values.byte_offset();
        match values.next() {
            None => return Some(parts),
            Some(Err(_)) => return None,
            Some(Ok(_)) => {}
        }
        let part = &text[before..values.byte_offset()];
        let start = before + part.len() - part.trim_start().len();
        let line = 1 + text[..start].matches('\n').count();
        parts.push((line, part));
    }
}

/// Reads a JSON value, refusing a field that is there twice, as YAML's reader does.
fn json(part: &str) -> Result<Value, decode::Error> {
    let value = decode::json(part.as_bytes())?;
    let mut reader = serde_json::Deserializer::from_str(part);
    match serde_yaml::Value::deserialize(&mut reader) {
        Ok(_) => Ok(value),
        Err(error) => Err(decode::Error::Syntax(error.to_string())),
    }
}

/// The line on which each document of a YAML text begins: its first one that says something, or its `---`.
fn first_lines(text: &str) -> Vec<usize> {
    let mut lines = vec![];
    // What the current document begins with so far.
    let mut open = false;
    let mut said = false;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let marker = |marker: &str| {
            let rest = line.strip_prefix(marker);
            rest.filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
        };
        let silent = |text: &str| text.trim().is_empty() || text.trim_start().starts_with('#');
        if let Some(rest) = marker("---") {
            lines.push(number);
            (open, said) = (true, !silent(rest));
        } else if marker("...").is_some() {
            open = false;
        } else if silent(line) || !open && line.starts_with('%') {
        } else if !open {
            lines.push(number);
            (open, said) = (true, true);
        } else if !said {
            if let Some(first) = lines.last_mut() {
                *first = number;
            }
            said = true;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Places and values.
    fn of(text: &str) -> Vec<(String, Value)> {
        let found = read(&Source::StandardInput, text).unwrap();
        let pair = |found: Document| (found.place.to_string(), found.value);
        found.into_iter().map(pair).collect()
    }

    fn error(text: &str) -> String {
        read(&Source::StandardInput, text).unwrap_err().to_string()
    }

    #[test]
    fn each_document_knows_its_number_and_its_line() {
        let text = "# about\n\na: 1\n---\n# nothing\n---\n\n# second\nb: |\n  x\n  y\n--- {c: 3}\n...\n%YAML 1.2\n---\nd: 4\n";
        let place =
            |number: usize, line: usize| format!("standard input, document {number} (line {line})");
        assert_eq!(
            of(text),
            [
                (place(1, 3), json!({"a": 1})),
                (place(3, 9), json!({"b": "x\ny\n"})),
                (place(4, 12), json!({"c": 3})),
                (place(5, 16), json!({"d": 4})),
            ]
        );
        assert_eq!(of("# nothing\n"), []);
        assert_eq!(of(""), []);
    }

    #[test]
    fn json_values_are_read_one_after_the_other() {
        let text = "\n{\"a\": \"\\ud83d\\ude00\",\n\t\"b\": 1}\n{\"c\": 2.5}";
        assert_eq!(
            of(text),
            [
                (
                    "standard input, document 1 (line 2)".into(),
                    json!({"a": "😀", "b": 1})
                ),
                (
                    "standard input, document 2 (line 4)".into(),
                    json!({"c": 2.5})
                ),
            ]
        );
        // A flow mapping of YAML begins like JSON.
        assert_eq!(of("{a: 1}\n---\n{b: 2}")[1].1, json!({"b": 2}));
    }

    #[test]
    fn broken_document_is_named_by_number_and_line() {
        for (text, says) in [
            (
                "a: 1\n---\nb: [1\n",
                "standard input, document 2 (line 3) is not YAML: ",
            ),
            (
                "a: 1\n---\nb: 1\nb: 2\n",
                "document 2 (line 3) is not YAML: duplicate entry with key \"b\"",
            ),
            (
                "{\"a\": 1}\n{\"b\": 1, \"b\": 2}",
                "document 2 (line 2) is not YAML: duplicate entry with key \"b\"",
            ),
            (
                "{\"a\": 1}\n{\"b\": {\"c\": 1e400}}",
                "document 2 (line 2): b.c is 1e400, but must be a number",
            ),
            (
                "a: 1\n---\nb: .inf",
                "document 2 (line 3): b is .inf, but must be a number",
            ),
            (
                "a: 1\n---\nkind: AgentList",
                "document 2 (line 3): items is missing or no list; the objects of kind AgentList",
            ),
        ] {
            let said = error(text);
            assert!(said.contains(says), "{text}: {said}");
        }
    }

    #[test]
    fn list_is_read_as_its_items() {
        let text = "kind: List\napiVersion: v1\nitems:\n- {kind: A, apiVersion: x}\n\
            - kind: List\n  items: [{kind: B}]\n- kind: BoxList\n  apiVersion: b/v1\n  items: [{a: 1}, {kind: C}]\n";
        let place = |items: &str| format!("standard input, document 1 (line 1){items}");
        assert_eq!(
            of(text),
            [
                (place(", item 1"), json!({"kind": "A", "apiVersion": "x"})),
                (place(", item 2, item 1"), json!({"kind": "B"})),
                (
                    place(", item 3, item 1"),
                    json!({"a": 1, "kind": "Box", "apiVersion": "b/v1"})
                ),
                (
                    place(", item 3, item 2"),
                    json!({"kind": "C", "apiVersion": "b/v1"})
                ),
            ]
        );
        assert_eq!(of("{kind: AgentList, items: []}"), []);
    }
}
