//! Structural schemas: pruning, defaulting, validating, as CustomResourceDefinitions mean them.
//!
//! CEL rules (`x-kubernetes-validations`) are not evaluated yet.

mod default;
mod prune;
mod validate;
mod value;

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::failure::Cause;

/// A pattern that is no regular expression.
#[derive(Debug, thiserror::Error)]
#[error("pattern {pattern:?}: {source}")]
pub struct Error {
    /// The pattern.
    pattern: String,
    /// What is wrong with it.
    source: regex::Error,
}

/// A schema, its patterns compiled.
#[derive(Clone, Debug)]
pub struct Schema {
    root: Value,
    patterns: BTreeMap<String, Regex>,
}

impl Schema {
    /// Takes an `openAPIV3Schema` in.
    pub fn new(root: Value) -> Result<Self, Error> {
        let mut patterns = BTreeMap::new();
        compile(&root, &mut patterns)?;
        Ok(Self { root, patterns })
    }

    /// As it was written.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// Drops fields that the schema doesn't have; returns their paths.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        prune::prune(&self.root, object)
    }

    /// Fills defaults in; a null that isn't allowed counts as absent.
    pub fn default(&self, object: &mut Value) {
        default::default(&self.root, object);
    }

    /// Everything that is wrong.
    pub fn validate(&self, object: &Value) -> Vec<Cause> {
        validate::validate(&self.root, &self.patterns, object)
    }
}

fn compile(schema: &Value, patterns: &mut BTreeMap<String, Regex>) -> Result<(), Error> {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(pattern)) = fields.get("pattern") {
                let regex = Regex::new(pattern).map_err(|source| Error {
                    pattern: pattern.clone(),
                    source,
                })?;
                patterns.insert(pattern.clone(), regex);
            }
            fields
                .values()
                .try_for_each(|inner| compile(inner, patterns))
        }
        Value::Array(values) => values.iter().try_for_each(|inner| compile(inner, patterns)),
        _ => Ok(()),
    }
}

/// A flag of a schema.
fn flag(schema: &Value, name: &str) -> bool {
    schema[name] == true
}

/// The schema of a field: declared, or that of all other fields.
fn of_field<'a>(schema: &'a Value, field: &str) -> Option<&'a Value> {
    let declared = schema["properties"].get(field);
    declared.or_else(|| Some(&schema["additionalProperties"]).filter(|other| other.is_object()))
}

/// The path of a field below another.
fn below(path: &str, field: &str) -> String {
    if path.is_empty() {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}

#[cfg(test)]
mod tests;
