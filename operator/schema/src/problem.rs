//! What is wrong with a field: typed, for programs; in the words of Kubernetes, for its clients.

use std::fmt;

use serde_json::{Number, Value};

use crate::names::NameRule;

/// One field that breaks a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Path of the field, e.g. `spec.chat.channels[0]`; empty for the object itself.
    pub field: String,
    /// The value that is there; null when the field is absent.
    pub value: Value,
    /// The rule that it breaks.
    pub rule: Rule,
}

/// What a schema can ask for, and what it asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// There is no such field.
    Unknown {
        /// Path of the group of fields that it is in; empty for the object itself.
        parent: String,
        /// Names of the fields that there are.
        known: Vec<String>,
    },
    /// The field must be there.
    Required {
        /// What the schema says about it; may be empty.
        description: String,
    },
    /// The value must be of a type.
    Type(Type),
    /// The value must be one of these (`enum`).
    OneOf(Vec<Value>),
    /// The number must not be smaller, or must be larger if exclusive.
    Minimum {
        /// The smallest.
        bound: Number,
        /// Whether the bound itself is too small.
        exclusive: bool,
    },
    /// The number must not be larger, or must be smaller if exclusive.
    Maximum {
        /// The largest.
        bound: Number,
        /// Whether the bound itself is too large.
        exclusive: bool,
    },
    /// The number must be a multiple.
    MultipleOf(Number),
    /// The whole number must be in the range of the field's format; `int64` when it names none.
    Range {
        /// Name of the format.
        format: &'static str,
        /// The smallest.
        least: i128,
        /// The largest.
        most: i128,
    },
    /// The text must have at least that many characters.
    MinLength(u64),
    /// The text must have at most that many characters.
    MaxLength(u64),
    /// The text must match.
    Pattern(String),
    /// The text must be of a format, e.g. `date-time` or `byte` (base64).
    Format(String),
    /// The text must be a name of that kind.
    Name(NameRule),
    /// The list must have at least that many entries.
    MinItems(u64),
    /// The list must have at most that many entries.
    MaxItems(u64),
    /// The group must have at least that many fields.
    MinProperties(u64),
    /// The group must have at most that many fields.
    MaxProperties(u64),
    /// The keys and values together must have at most that many bytes.
    MaxBytes(usize),
    /// No two entries of the list may be the same.
    UniqueItems,
    /// The entry, or its key, is in the list already.
    Duplicate,
    /// The value must fit a combination of schemas: `allOf`, `anyOf`, `oneOf` or `not`.
    Combined(&'static str),
}

/// The type that a schema asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `object`.
    Object,
    /// `array`.
    Array,
    /// `string`.
    String,
    /// `boolean`.
    Boolean,
    /// `integer`.
    Integer,
    /// `number`.
    Number,
    /// `x-kubernetes-int-or-string`.
    IntegerOrString,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::IntegerOrString => "integer or string",
        })
    }
}

impl Problem {
    pub(crate) fn new(field: impl Into<String>, value: &Value, rule: Rule) -> Self {
        Self {
            field: field.into(),
            value: value.clone(),
            rule,
        }
    }

    /// Reason of the cause in a Status, e.g. `FieldValueRequired`.
    pub fn reason(&self) -> &'static str {
        match self.rule {
            Rule::Required { .. } => "FieldValueRequired",
            Rule::Type(_) => "FieldValueTypeInvalid",
            Rule::OneOf(_) => "FieldValueNotSupported",
            Rule::MaxLength(_) | Rule::MaxBytes(_) => "FieldValueTooLong",
            Rule::MaxItems(_) | Rule::MaxProperties(_) => "FieldValueTooMany",
            Rule::Duplicate => "FieldValueDuplicate",
            _ => "FieldValueInvalid",
        }
    }

    /// What is wrong, as Kubernetes says it, without the field's path before it.
    pub fn message(&self) -> String {
        let (field, value) = (&self.field, &self.value);
        match &self.rule {
            Rule::Unknown { .. } => format!("unknown field \"{field}\""),
            Rule::Required { .. } => String::from("Required value"),
            Rule::Type(expected) => {
                let found = type_of(value);
                format!(
                    "Invalid value: \"{found}\": {field} in body must be of type {expected}: \"{found}\""
                )
            }
            Rule::OneOf(allowed) => {
                let names: Vec<String> = allowed.iter().map(Value::to_string).collect();
                let names = names.join(", ");
                format!("Unsupported value: {value}: supported values: {names}")
            }
            Rule::MaxLength(most) => format!("Too long: may not be more than {most} bytes"),
            Rule::MaxBytes(most) => format!("Too long: may not be more than {most} bytes"),
            Rule::MaxItems(most) | Rule::MaxProperties(most) => {
                let count = count(value);
                format!("Too many: {count}: must have at most {most} items")
            }
            Rule::MinItems(_) | Rule::MinProperties(_) => {
                format!("Invalid value: {}: {}", count(value), self.requirement())
            }
            Rule::Duplicate => format!("Duplicate value: {value}"),
            // It may be a secret.
            Rule::Format(format) if format == "byte" => {
                format!("Invalid value: {field} in body must be of type byte, which is base64")
            }
            _ => format!("Invalid value: {value}: {}", self.requirement()),
        }
    }

    /// What an invalid value would have to be.
    fn requirement(&self) -> String {
        let (field, value) = (&self.field, &self.value);
        let rule = match &self.rule {
            Rule::Minimum { bound, exclusive } => {
                format!("should be greater than{} {bound}", or_equal(*exclusive))
            }
            Rule::Maximum { bound, exclusive } => {
                format!("should be less than{} {bound}", or_equal(*exclusive))
            }
            Rule::MultipleOf(step) => format!("should be a multiple of {step}"),
            Rule::Range {
                format,
                least,
                most,
            } => {
                format!("must be of type {format}, a whole number from {least} to {most}")
            }
            Rule::MinLength(least) => format!("should be at least {least} chars long"),
            Rule::Pattern(pattern) => format!("should match '{pattern}'"),
            Rule::Format(format) => format!("must be of type {format}: {value}"),
            Rule::MinItems(least) => format!("should have at least {least} items"),
            Rule::MinProperties(least) => format!("should have at least {least} properties"),
            Rule::UniqueItems => String::from("shouldn't contain duplicates"),
            Rule::Name(rule) => return rule.to_string(),
            Rule::Combined(rule) => return format!("\"{field}\" {}", combination(rule)),
            _ => String::new(),
        };
        format!("{field} in body {rule}")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message())
    }
}

fn or_equal(exclusive: bool) -> &'static str {
    if exclusive { "" } else { " or equal to" }
}

fn combination(rule: &str) -> &'static str {
    match rule {
        "allOf" => "must validate all the schemas (allOf)",
        "anyOf" => "must validate at least one schema (anyOf)",
        "oneOf" => "must validate one and only one schema (oneOf)",
        _ => "must not validate the schema (not)",
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(values) => values.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    }
}

/// What a value is, in the words of the messages.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if crate::number::whole(number).is_some() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
