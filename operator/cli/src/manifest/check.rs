//! Types and names of fields, checked before anything is started. The server checks again, and more.

use agentchat_api::{Agent, Node};
use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::Kind;

/// Fails on a wrong type, a missing field, and a field that there is not.
pub fn check(kind: Kind, source: &Value) -> Result<()> {
    match kind {
        Kind::Namespace => known::<Namespace>(source),
        Kind::Secret => known::<Secret>(source),
        Kind::ConfigMap => known::<ConfigMap>(source),
        Kind::Node => known::<Node>(source),
        Kind::Agent => known::<Agent>(source),
    }
}

/// A field is known when it survives the way through the type, unless it holds nothing.
fn known<T: DeserializeOwned + Serialize>(source: &Value) -> Result<()> {
    let typed: T = serde_json::from_value(source.clone()).context("it is not as its type wants")?;
    let back = serde_json::to_value(&typed)?;
    match lost(source, &back) {
        Some(path) => bail!("there is no field {path}; see `kubectl explain`"),
        None => Ok(()),
    }
}

/// The path of the first field of `source` that `back` lacks.
fn lost(source: &Value, back: &Value) -> Option<String> {
    let with = |head: &str, tail: String| {
        let dot = if tail.is_empty() || tail.starts_with('[') {
            ""
        } else {
            "."
        };
        format!("{head}{dot}{tail}")
    };
    match (source, back) {
        (Value::Object(source), Value::Object(back)) => {
            source.iter().find_map(|(key, value)| match back.get(key) {
                // What Secrets are given as text comes back as data.
                None if key == "stringData" || is_nothing(value) => None,
                None => Some(key.clone()),
                Some(back) => lost(value, back).map(|tail| with(key, tail)),
            })
        }
        (Value::Array(source), Value::Array(back)) => {
            let mut pairs = source.iter().zip(back).enumerate();
            pairs.find_map(|(i, (s, b))| lost(s, b).map(|tail| with(&format!("[{i}]"), tail)))
        }
        _ => None,
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.values().all(is_nothing),
        _ => false,
    }
}
