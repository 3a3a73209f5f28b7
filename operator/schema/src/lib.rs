//! Structural schemas, as CustomResourceDefinitions mean them: pruning, defaulting, validating. The one
//! validator of the project: the API server stores by it, `agentctl` checks manifests by it beforehand.
//!
//! What is written is brought to what is stored in this order: [`Schema::prune`], [`Schema::default`],
//! [`normalise`], [`Schema::validate`]. What passes fits the types that the schema was made from.
//!
//! CEL rules (`x-kubernetes-validations`) are not evaluated yet.

pub mod builtin;
mod combined;
pub mod decode;
mod default;
pub mod metadata;
mod names;
mod number;
mod problem;
mod prune;
mod validate;
mod value;

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

pub use names::NameRule;
pub use number::normalise;
pub use problem::{Problem, Rule, Type};

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
    ///
    /// # Errors
    /// When a pattern in it is no regular expression.
    pub fn new(mut root: Value) -> Result<Self, Error> {
        // Bounds and defaults that are written as `1.0` mean the same whole numbers as in objects.
        normalise(&mut root);
        let mut patterns = BTreeMap::new();
        compile(&root, &mut patterns)?;
        Ok(Self { root, patterns })
    }

    /// The schema itself.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// Drops fields that the schema doesn't have; returns a problem with [`Rule::Unknown`] for each.
    pub fn prune(&self, object: &mut Value) -> Vec<Problem> {
        prune::prune(&self.root, object)
    }

    /// Fills defaults in; a null that isn't allowed counts as absent.
    pub fn default(&self, object: &mut Value) {
        default::default(&self.root, object);
    }

    /// Everything that is wrong with an object that was [normalised](normalise).
    pub fn validate(&self, object: &Value) -> Vec<Problem> {
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
