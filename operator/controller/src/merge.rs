//! The JSON merge patch that leads from one value to another.

use serde_json::{Map, Value};

/// The merge patch from `old` to `new`; `None` when they are equal.
pub fn diff(old: &Value, new: &Value) -> Option<Value> {
    if old == new {
        return None;
    }
    let (Value::Object(before), Value::Object(after)) = (old, new) else {
        return Some(new.clone());
    };
    let mut patch = Map::new();
    for (key, value) in after {
        if let Some(change) = diff(before.get(key).unwrap_or(&Value::Null), value) {
            patch.insert(key.clone(), change);
        }
    }
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_patch_leads_from_old_to_new() {
        let old = json!({"a": 1, "b": {"c": 1, "d": 2}, "e": [1]});
        let new = json!({"a": 1, "b": {"c": 3}, "e": [2], "f": {"g": 1}});
        let patch = diff(&old, &new);
        assert_eq!(
            patch,
            Some(json!({"b": {"c": 3, "d": null}, "e": [2], "f": {"g": 1}}))
        );
        assert_eq!(diff(&old, &old), None);
    }
}
