//! Types and names of fields, checked before anything is started. The server checks again, and more.

use agentchat_api::{Agent, Node};
use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Kind, schema};

/// Fails on a wrong type, a missing field, a field that there is not, and a name that can't be one.
pub fn check(kind: Kind, source: &Value) -> Result<()> {
    let mut problems = schema::problems(kind, source);
    problems.extend(names(kind, source));
    if !problems.is_empty() {
        bail!(problems.join("\n  "));
    }
    match kind {
        Kind::Namespace => known::<Namespace>(source),
        Kind::Secret => known::<Secret>(source),
        Kind::ConfigMap => known::<ConfigMap>(source),
        Kind::Node => known::<Node>(source),
        Kind::Agent => known::<Agent>(source),
    }
}

/// Names that can't be ones.
fn names(kind: Kind, source: &Value) -> Vec<String> {
    let label = |part: &str| {
        let bytes = part.as_bytes();
        let edge = |b: &&u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let edges = bytes.first().filter(edge).and(bytes.last().filter(edge));
        edges.is_some() && bytes.iter().all(|b| edge(&b) || *b == b'-')
    };
    let dots = kind != Kind::Namespace;
    let rules = [("name", dots), ("namespace", false)];
    let broken = rules.into_iter().filter_map(|(field, dots)| {
        let name = source["metadata"][field].as_str()?;
        let (longest, extra) = if dots { (253, ", - and .") } else { (63, " and -") };
        let parts = |name: &str| name.split('.').all(label) && (dots || !name.contains('.'));
        let good = name.len() <= longest && parts(name);
        (!good).then(|| {
            format!(
                "metadata.{field} is {name:?}, but must have at most {longest} of a-z, 0-9{extra}, with a \
                 letter or digit first and last"
            )
        })
    });
    broken.collect()
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
