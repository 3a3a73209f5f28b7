//! `allOf`, `anyOf`, `oneOf` and `not`.

use serde_json::Value;

/// The combinations of a schema that a value doesn't fit, given which single schemas it fits.
pub(crate) fn broken(schema: &Value, fits: impl Fn(&Value) -> bool) -> Vec<&'static str> {
    let list = |name: &str| schema[name].as_array().map(Vec::as_slice);
    let mut broken = Vec::new();
    if list("allOf").is_some_and(|inner| !inner.iter().all(&fits)) {
        broken.push("allOf");
    }
    if list("anyOf").is_some_and(|inner| !inner.iter().any(&fits)) {
        broken.push("anyOf");
    }
    if list("oneOf").is_some_and(|inner| inner.iter().filter(|one| fits(one)).count() != 1) {
        broken.push("oneOf");
    }
    if schema.get("not").is_some_and(&fits) {
        broken.push("not");
    }
    broken
}
