//! Validating: every field that breaks a rule.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use crate::{
    Problem, Rule, below, combined, flag, number, of_field,
    value::{self, fewer, more},
};

/// Everything that is wrong with an object.
pub(crate) fn validate(
    schema: &Value,
    patterns: &BTreeMap<String, Regex>,
    object: &Value,
) -> Vec<Problem> {
    let mut visitor = Visitor {
        patterns,
        problems: Vec::new(),
    };
    visitor.visit(schema, object, "");
    visitor.problems
}

struct Visitor<'a> {
    patterns: &'a BTreeMap<String, Regex>,
    problems: Vec<Problem>,
}

impl Visitor<'_> {
    fn add(&mut self, path: &str, value: &Value, rule: Rule) {
        self.problems.push(Problem::new(path, value, rule));
    }

    fn visit(&mut self, schema: &Value, value: &Value, path: &str) {
        if value.is_null() && flag(schema, "nullable") {
            return;
        }
        if let Some(expected) = value::wrong_type(schema, value) {
            self.add(path, value, Rule::Type(expected));
            return;
        }
        if let Value::Array(allowed) = &schema["enum"]
            && !allowed.contains(value)
        {
            self.add(path, value, Rule::OneOf(allowed.clone()));
        }
        match value {
            Value::Object(fields) => self.object(schema, fields, value, path),
            Value::Array(values) => self.array(schema, values, value, path),
            Value::String(text) => self.text(schema, text, value, path),
            Value::Number(number) => {
                if let Some(rule) = number::broken(schema, number) {
                    self.add(path, value, rule);
                }
            }
            _ => {}
        }
        let fits = |inner: &Value| validate(inner, self.patterns, value).is_empty();
        for rule in combined::broken(schema, fits) {
            self.add(path, value, Rule::Combined(rule));
        }
    }

    fn object(&mut self, schema: &Value, fields: &Map<String, Value>, whole: &Value, path: &str) {
        for required in schema["required"].as_array().into_iter().flatten() {
            let field = required.as_str().unwrap_or_default();
            if !fields.contains_key(field) {
                let description = schema["properties"][field]["description"].as_str();
                let description = description.unwrap_or_default().to_owned();
                let rule = Rule::Required { description };
                self.add(&below(path, field), &Value::Null, rule);
            }
        }
        if let Some(most) = schema["maxProperties"].as_u64()
            && more(fields.len(), most)
        {
            self.add(path, whole, Rule::MaxProperties(most));
        }
        if let Some(least) = schema["minProperties"].as_u64()
            && fewer(fields.len(), least)
        {
            self.add(path, whole, Rule::MinProperties(least));
        }
        for (field, inner) in fields {
            if let Some(known) = of_field(schema, field) {
                self.visit(known, inner, &below(path, field));
            }
        }
    }

    fn array(&mut self, schema: &Value, values: &[Value], whole: &Value, path: &str) {
        if let Some(most) = schema["maxItems"].as_u64()
            && more(values.len(), most)
        {
            self.add(path, whole, Rule::MaxItems(most));
        }
        if let Some(least) = schema["minItems"].as_u64()
            && fewer(values.len(), least)
        {
            self.add(path, whole, Rule::MinItems(least));
        }
        let keys = value::list_keys(schema);
        for (index, inner) in values.iter().enumerate() {
            let at = format!("{path}[{index}]");
            if schema["items"].is_object() {
                self.visit(&schema["items"], inner, &at);
            }
            if let Some(keys) = &keys {
                let key = value::list_key(inner, keys);
                let mut before = values[..index].iter();
                if before.any(|other| value::list_key(other, keys) == key) {
                    self.add(&at, &key, Rule::Duplicate);
                }
            }
        }
        let mut entries = values.iter().enumerate();
        if flag(schema, "uniqueItems")
            && entries.any(|(index, inner)| values[..index].contains(inner))
        {
            self.add(path, whole, Rule::UniqueItems);
        }
    }

    fn text(&mut self, schema: &Value, text: &str, whole: &Value, path: &str) {
        let length = text.chars().count();
        if let Some(most) = schema["maxLength"].as_u64()
            && more(length, most)
        {
            self.add(path, whole, Rule::MaxLength(most));
        }
        if let Some(least) = schema["minLength"].as_u64()
            && fewer(length, least)
        {
            self.add(path, whole, Rule::MinLength(least));
        }
        if let Some(pattern) = schema["pattern"].as_str()
            && let Some(regex) = self.patterns.get(pattern)
            && !regex.is_match(text)
        {
            self.add(path, whole, Rule::Pattern(pattern.to_owned()));
        }
        if let Some(format) = schema["format"].as_str()
            && !value::has_format(format, text)
        {
            self.add(path, whole, Rule::Format(format.to_owned()));
        }
    }
}
