//! What is wrong with a field, in a sentence for who writes manifests.

use agentchat_schema::{NameRule, Problem, Rule, Type};
use serde_json::Value;

/// The longest part of a value that is shown.
const SHOWN: usize = 60;

/// The field, its value unless it is of a Secret, and what is allowed.
pub(crate) fn sentence(problem: &Problem, secret: bool) -> String {
    let field = named(&problem.field);
    match &problem.rule {
        Rule::Unknown { parent, known } => {
            let parent = named(parent);
            let known = match known.as_slice() {
                [] => String::from("no fields"),
                known => known.join(", "),
            };
            format!("there is no field {field}; {parent} has {known}")
        }
        Rule::Required { description } if description.is_empty() => format!("{field} is missing"),
        Rule::Required { description } => format!("{field} is missing: {description}"),
        rule => {
            let allowed = allowed(rule, &problem.value);
            if secret && !field.starts_with("metadata") {
                return format!("{field} must be {allowed}");
            }
            let must = match rule {
                Rule::Name(_) => "must have",
                _ => "must be",
            };
            format!("{field} is {}, but {must} {allowed}", shown(&problem.value))
        }
    }
}

/// What a value would have to be.
fn allowed(rule: &Rule, value: &Value) -> String {
    match rule {
        Rule::Type(expected) => {
            let scalar = !matches!(value, Value::Array(_) | Value::Object(_) | Value::Null);
            let quote = *expected == Type::String && scalar;
            let quote = if quote { ": put it in quotes" } else { "" };
            format!("{}{quote}", kind(*expected))
        }
        Rule::OneOf(values) => {
            let names: Vec<_> = values.iter().map(bare).collect();
            format!("one of {}", names.join(", "))
        }
        Rule::Minimum { bound, exclusive } => {
            format!(
                "{} {bound}",
                if *exclusive { "more than" } else { "at least" }
            )
        }
        Rule::Maximum { bound, exclusive } => {
            format!(
                "{} {bound}",
                if *exclusive { "less than" } else { "at most" }
            )
        }
        Rule::MultipleOf(step) => format!("a multiple of {step}"),
        Rule::Range { least, most, .. } => format!("a whole number from {least} to {most}"),
        Rule::MinLength(least) => format!("of at least {least} characters"),
        Rule::MaxLength(most) => format!("of at most {most} characters, and has {}", size(value)),
        Rule::Pattern(pattern) => format!("of the form {pattern}"),
        Rule::Format(format) => form(format),
        Rule::Name(rule) => name(*rule).to_owned(),
        Rule::MinItems(least) => format!("of at least {least} entries, and has {}", size(value)),
        Rule::MaxItems(most) => format!("of at most {most} entries, and has {}", size(value)),
        Rule::MinProperties(least) => {
            format!("of at least {least} fields, and has {}", size(value))
        }
        Rule::MaxProperties(most) => format!("of at most {most} fields, and has {}", size(value)),
        Rule::MaxBytes(most) => format!("of at most {most} bytes altogether"),
        Rule::UniqueItems => String::from("without an entry that is there twice"),
        Rule::Duplicate => String::from("in the list only once"),
        Rule::Combined(rule) => format!("as its schema's {rule} says; see `kubectl explain`"),
        Rule::Unknown { .. } | Rule::Required { .. } => String::new(),
    }
}

fn kind(expected: Type) -> &'static str {
    match expected {
        Type::Object => "a group of fields",
        Type::Array => "a list",
        Type::String => "text",
        Type::Boolean => "true or false",
        Type::Integer => "a whole number",
        Type::Number => "a number",
        Type::IntegerOrString => "a whole number or text",
    }
}

fn form(format: &str) -> String {
    match format {
        "byte" => String::from("base64"),
        "date-time" => String::from("a time like 2030-01-31T08:00:00Z"),
        "date" => String::from("a date like 2030-01-31"),
        other => format!("of the format {other}"),
    }
}

fn name(rule: NameRule) -> &'static str {
    match rule {
        NameRule::Label => "at most 63 of a-z, 0-9 and -, with a letter or digit first and last",
        NameRule::Subdomain => {
            "at most 253 of a-z, 0-9, - and ., with a letter or digit first and last"
        }
        NameRule::Qualified => {
            "at most 63 of letters, digits, -, _ and ., with a letter or digit first and last, after an \
             optional domain and a slash"
        }
        NameRule::LabelValue => {
            "at most 63 of letters, digits, -, _ and ., with a letter or digit first and last, or nothing"
        }
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(values) => values.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    }
}

/// A path as messages call it.
fn named(path: &str) -> &str {
    if path.is_empty() {
        "the manifest"
    } else {
        path
    }
}

/// A value of a list of what is allowed.
fn bare(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A value in a few characters, as it stands in the manifest. Nothing in it steers a terminal.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "a group of fields".into(),
        Value::Array(_) => "a list".into(),
        Value::Null => "empty".into(),
        Value::String(text) if text.chars().count() > SHOWN => {
            let head: String = text.chars().take(SHOWN).chain(['…']).collect();
            format!("{head:?}")
        }
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: Value, rule: Rule) -> String {
        let field = "spec.a".to_owned();
        sentence(&Problem { field, value, rule }, false)
    }

    #[test]
    fn sentence_says_field_value_and_what_is_allowed() {
        let bound = || 7.into();
        for (value, rule, says) in [
            (
                json!(7),
                Rule::Minimum {
                    bound: bound(),
                    exclusive: true,
                },
                "spec.a is 7, but must be more than 7",
            ),
            (
                json!(8),
                Rule::Maximum {
                    bound: bound(),
                    exclusive: false,
                },
                "spec.a is 8, but must be at most 7",
            ),
            (
                json!(300),
                Rule::Range {
                    format: "uint8",
                    least: 0,
                    most: 255,
                },
                "spec.a is 300, but must be a whole number from 0 to 255",
            ),
            (
                json!([1, 1]),
                Rule::MaxItems(1),
                "spec.a is a list, but must be of at most 1 entries, and has 2",
            ),
            (
                json!("soon"),
                Rule::Format("date-time".into()),
                "spec.a is \"soon\", but must be a time like 2030-01-31T08:00:00Z",
            ),
            (
                json!("A"),
                Rule::Name(NameRule::Label),
                "spec.a is \"A\", but must have at most 63 of a-z, 0-9 and -, with a letter or digit \
                 first and last",
            ),
            (
                json!(2),
                Rule::OneOf(vec![json!("x"), json!(1)]),
                "spec.a is 2, but must be one of x, 1",
            ),
        ] {
            assert_eq!(of(value, rule), says);
        }
        let empty = Rule::Unknown {
            parent: String::new(),
            known: vec![],
        };
        assert_eq!(
            of(json!(1), empty),
            "there is no field spec.a; the manifest has no fields"
        );
    }

    #[test]
    fn shown_value_is_cut_and_steers_no_terminal() {
        let long = "x".repeat(100);
        assert_eq!(shown(&long.into()).chars().count(), SHOWN + 3);
        let steering = shown(&json!("a\u{1b}[2J\u{202e}\u{9b}\n"));
        assert!(steering.is_ascii(), "{steering}");
        assert!(!steering.contains(char::is_control), "{steering}");
    }
}
