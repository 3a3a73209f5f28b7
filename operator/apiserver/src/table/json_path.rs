//! The JSONPath of printer columns: fields, indexes, wildcards and equality filters
//! (`.status.conditions[?(@.type=="Ready")].status`), and `count(.a,.b)` for built-in types.

use serde_json::Value;

/// The first value at a path. Brackets and a leading `$` are optional, as in CRDs.
pub(super) fn find(path: &str, object: &Value) -> Option<Value> {
    if let Some(paths) = path
        .strip_prefix("count(")
        .and_then(|p| p.strip_suffix(')'))
    {
        let count: usize = paths
            .split(',')
            .filter_map(|path| find(path, object))
            .filter_map(|value| value.as_object().map(serde_json::Map::len))
            .sum();
        return Some(count.into());
    }
    let path = path.trim();
    let path = path
        .strip_prefix('{')
        .and_then(|inner| inner.strip_suffix('}'))
        .unwrap_or(path);
    let mut found = vec![object];
    for step in steps(path.strip_prefix('$').unwrap_or(path))? {
        found = found
            .into_iter()
            .flat_map(|value| take(&step, value))
            .collect();
    }
    found.first().map(|value| (*value).clone())
}

#[derive(Debug, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    Where(Vec<String>, bool, Value),
}

/// Reads a path; `None` when it isn't understood.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let end = closing(inner)?;
            steps.push(bracket(inner[..end].trim())?);
            rest = &inner[end + 1..];
        } else {
            let plain = rest.strip_prefix('.').unwrap_or(rest);
            let (field, after) = field(plain)?;
            steps.push(if field == "*" {
                Step::All
            } else {
                Step::Field(field)
            });
            rest = after;
        }
    }
    Some(steps)
}

/// A field's name, in which a backslash takes the next dot or bracket literally, and what follows.
fn field(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => name.push(characters.next()?.1),
            '.' | '[' => return (!name.is_empty()).then_some((name, &text[at..])),
            _ => name.push(character),
        }
    }
    (!name.is_empty()).then_some((name, ""))
}

/// Where the bracket closes, quotes respected.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (None, ']') => return Some(at),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
    }
    None
}

fn bracket(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::All);
    }
    if let Ok(index) = text.parse() {
        return Some(Step::Index(index));
    }
    if let Some(field) = unquoted(text) {
        return Some(Step::Field(field.to_owned()));
    }
    let filter = text.strip_prefix("?(")?.strip_suffix(')')?;
    let (left, equal, right) = match (filter.split_once("=="), filter.split_once("!=")) {
        (Some((left, right)), _) => (left, true, right),
        (None, Some((left, right))) => (left, false, right),
        (None, None) => return None,
    };
    let fields = left.trim().strip_prefix("@.")?.split('.');
    let right = right.trim();
    let value = match unquoted(right) {
        Some(text) => text.into(),
        None => serde_json::from_str(right).ok()?,
    };
    Some(Step::Where(
        fields.map(str::to_owned).collect(),
        equal,
        value,
    ))
}

fn unquoted(text: &str) -> Option<&str> {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}

fn take<'a>(step: &Step, value: &'a Value) -> Vec<&'a Value> {
    let all = || -> Vec<&'a Value> {
        match value {
            Value::Array(values) => values.iter().collect(),
            Value::Object(fields) => fields.values().collect(),
            _ => Vec::new(),
        }
    };
    match step {
        Step::Field(field) => value.get(field).into_iter().collect(),
        Step::Index(index) => value
            .as_array()
            .and_then(|values| {
                let length = i64::try_from(values.len()).ok()?;
                let index = if *index < 0 { length + index } else { *index };
                values.get(usize::try_from(index).ok()?)
            })
            .into_iter()
            .collect(),
        Step::All => all(),
        Step::Where(fields, equal, wanted) => all()
            .into_iter()
            .filter(|entry| {
                let found = fields.iter().try_fold(*entry, |at, field| at.get(field));
                found.is_some_and(|found| (found == wanted) == *equal)
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths() {
        let object = json!({
            "a": {"b.c": 1, "list": [10, 20, 30]},
            "conditions": [
                {"type": "X", "status": "False"},
                {"type": "Ready", "status": "True", "n": {"m": 2}},
            ],
        });
        for (path, expected) in [
            (".a.list[1]", json!(20)),
            (".a.list[-1]", json!(30)),
            (".a.b\\.c", json!(1)),
            (".a['b.c']", json!(1)),
            ("$.a.list[*]", json!(10)),
            ("{.a.list}", json!([10, 20, 30])),
            (".conditions[?(@.type==\"Ready\")].status", json!("True")),
            (".conditions[?(@.type=='Ready')].n.m", json!(2)),
            (".conditions[?(@.type != \"Ready\")].status", json!("False")),
            (".conditions[?(@.n.m==2)].type", json!("Ready")),
            ("count(.a,.none)", json!(2)),
        ] {
            assert_eq!(find(path, &object), Some(expected), "{path}");
        }
        for nothing in [
            ".none",
            ".a.list[9]",
            ".conditions[?(@.type)]",
            ".a[",
            ".conditions[?(@.type==\"]\")]",
        ] {
            assert_eq!(find(nothing, &object), None, "{nothing}");
        }
    }
}
