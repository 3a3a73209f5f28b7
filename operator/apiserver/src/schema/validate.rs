//! Validating: every field that breaks a rule, in the words of Kubernetes.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::{below, flag, of_field, value};
use crate::failure::Cause;

/// Everything that is wrong with an object.
pub(super) fn validate(
    schema: &Value,
    patterns: &BTreeMap<String, Regex>,
    object: &Value,
) -> Vec<Cause> {
    let mut visitor = Visitor {
        patterns,
        causes: Vec::new(),
    };
    visitor.visit(schema, object, "");
    visitor.causes
}

struct Visitor<'a> {
    patterns: &'a BTreeMap<String, Regex>,
    causes: Vec<Cause>,
}

impl Visitor<'_> {
    fn visit(&mut self, schema: &Value, value: &Value, path: &str) {
        if value.is_null() && flag(schema, "nullable") {
            return;
        }
        if let Some(expected) = value::wrong_type(schema, value) {
            let found = value::type_of(value);
            let message = format!(
                "Invalid value: \"{found}\": {path} in body must be of type {expected}: \"{found}\""
            );
            self.causes
                .push(Cause::new("FieldValueTypeInvalid", path, message));
            return;
        }
        self.permitted(schema, value, path);
        match value {
            Value::Object(fields) => self.object(schema, fields, path),
            Value::Array(values) => self.array(schema, values, value, path),
            Value::String(text) => self.text(schema, text, value, path),
            Value::Number(number) => {
                if let Some(rule) = value::number(schema, number) {
                    self.invalid(path, value, &rule);
                }
            }
            _ => {}
        }
        self.combined(schema, value, path);
    }

    fn invalid(&mut self, path: &str, value: &Value, rule: &str) {
        let rule = format!("{path} in body {rule}");
        self.causes.push(Cause::invalid(path, value, &rule));
    }

    fn permitted(&mut self, schema: &Value, value: &Value, path: &str) {
        let Some(permitted) = schema["enum"].as_array() else {
            return;
        };
        if !permitted.contains(value) {
            let names: Vec<String> = permitted.iter().map(Value::to_string).collect();
            let message = format!(
                "Unsupported value: {value}: supported values: {}",
                names.join(", ")
            );
            self.causes
                .push(Cause::new("FieldValueNotSupported", path, message));
        }
    }

    fn object(&mut self, schema: &Value, fields: &Map<String, Value>, path: &str) {
        for required in schema["required"].as_array().into_iter().flatten() {
            let field = required.as_str().unwrap_or_default();
            if !fields.contains_key(field) {
                self.causes.push(Cause::required(below(path, field)));
            }
        }
        if let Some(most) = schema["maxProperties"].as_u64()
            && value::more(fields.len(), most)
        {
            let message = format!("Too many: {}: must have at most {most} items", fields.len());
            self.causes
                .push(Cause::new("FieldValueTooMany", path, message));
        }
        if let Some(least) = schema["minProperties"].as_u64()
            && value::fewer(fields.len(), least)
        {
            let rule = format!("should have at least {least} properties");
            self.invalid(path, &fields.len().into(), &rule);
        }
        for (field, inner) in fields {
            if let Some(known) = of_field(schema, field) {
                self.visit(known, inner, &below(path, field));
            }
        }
    }

    fn array(&mut self, schema: &Value, values: &[Value], whole: &Value, path: &str) {
        if let Some(most) = schema["maxItems"].as_u64()
            && value::more(values.len(), most)
        {
            let message = format!("Too many: {}: must have at most {most} items", values.len());
            self.causes
                .push(Cause::new("FieldValueTooMany", path, message));
        }
        if let Some(least) = schema["minItems"].as_u64()
            && value::fewer(values.len(), least)
        {
            let rule = format!("should have at least {least} items");
            self.invalid(path, &values.len().into(), &rule);
        }
        let keys = value::list_keys(schema);
        for (index, inner) in values.iter().enumerate() {
            let at = format!("{path}[{index}]");
            if schema["items"].is_object() {
                self.visit(&schema["items"], inner, &at);
            }
            if let Some(keys) = &keys {
                let key = value::list_key(inner, keys);
                let before = values[..index].iter();
                if before
                    .map(|other| value::list_key(other, keys))
                    .any(|other| other == key)
                {
                    let message = format!("Duplicate value: {key}");
                    self.causes
                        .push(Cause::new("FieldValueDuplicate", at, message));
                }
            }
        }
        if flag(schema, "uniqueItems")
            && values
                .iter()
                .enumerate()
                .any(|(index, inner)| values[..index].contains(inner))
        {
            self.invalid(path, whole, "shouldn't contain duplicates");
        }
    }

    fn text(&mut self, schema: &Value, text: &str, whole: &Value, path: &str) {
        let length = text.chars().count();
        if let Some(most) = schema["maxLength"].as_u64()
            && value::more(length, most)
        {
            let message = format!("Too long: may not be more than {most} bytes");
            self.causes
                .push(Cause::new("FieldValueTooLong", path, message));
        }
        if let Some(least) = schema["minLength"].as_u64()
            && value::fewer(length, least)
        {
            let rule = format!("should be at least {least} chars long");
            self.invalid(path, whole, &rule);
        }
        if let Some(pattern) = schema["pattern"].as_str()
            && let Some(regex) = self.patterns.get(pattern)
            && !regex.is_match(text)
        {
            self.invalid(path, whole, &format!("should match '{pattern}'"));
        }
        if let Some(format) = schema["format"].as_str()
            && !value::has_format(format, text)
        {
            let rule = format!("must be of type {format}: {whole}");
            self.invalid(path, whole, &rule);
        }
    }

    fn combined(&mut self, schema: &Value, value: &Value, path: &str) {
        let fits = |inner: &Value| validate(inner, self.patterns, value).is_empty();
        let list = |name: &str| schema[name].as_array().map(Vec::as_slice);
        let mut rules = Vec::new();
        if list("allOf").is_some_and(|inner| !inner.iter().all(fits)) {
            rules.push("must validate all the schemas (allOf)");
        }
        if list("anyOf").is_some_and(|inner| !inner.iter().any(fits)) {
            rules.push("must validate at least one schema (anyOf)");
        }
        if list("oneOf").is_some_and(|inner| inner.iter().filter(|one| fits(one)).count() != 1) {
            rules.push("must validate one and only one schema (oneOf)");
        }
        if schema.get("not").is_some_and(fits) {
            rules.push("must not validate the schema (not)");
        }
        for rule in rules {
            let rule = format!("\"{path}\" {rule}");
            self.causes.push(Cause::invalid(path, value, &rule));
        }
    }
}
