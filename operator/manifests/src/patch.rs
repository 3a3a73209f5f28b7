//! Merge patches (RFC 7386): applied, and made from three versions of an object.

use serde_json::{Map, Value};

/// Applies a merge patch; a patch of null changes nothing, unlike within an object, where it removes.
pub fn merge(target: &mut Value, patch: &Value) {
    match patch {
        Value::Null => {}
        Value::Object(patch) => {
            if !target.is_object() {
                *target = Value::Object(Map::new());
            }
            let Some(target) = target.as_object_mut() else {
                return;
            };
            for (key, value) in patch {
                if value.is_null() {
                    target.remove(key);
                } else {
                    merge(target.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        other => target.clone_from(other),
    }
}

/// The patch that brings `live` to `wanted`: what `original` had and `wanted` lacks is removed, what
/// others have added stays. `None` when there is nothing to do.
pub fn three_way(original: &Value, wanted: &Value, live: &Value) -> Option<Value> {
    let mut patch = Map::new();
    let empty = Map::new();
    let fields = |value: &'_ Value| value.as_object().cloned().unwrap_or_else(Map::new);
    let (original, live_fields) = (fields(original), live.as_object().unwrap_or(&empty));
    let wanted = fields(wanted);
    for (key, value) in &wanted {
        match live_fields.get(key) {
            _ if value.is_null() => {}
            Some(there) if value.is_object() && there.is_object() => {
                let before = original.get(key).unwrap_or(&Value::Null);
                if let Some(change) = three_way(before, value, there) {
                    patch.insert(key.clone(), change);
                }
            }
            Some(there) if same(value, there) => {}
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in original.keys() {
        let dropped = wanted.get(key).is_none_or(Value::is_null);
        if dropped && live_fields.contains_key(key) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// Equal, where 1 and 1.0 are the same number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, a)| b.get(k).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_added_stays_and_what_was_dropped_goes() {
        let original = json!({"a": {"x": 1, "y": 1}, "list": [1], "gone": true});
        let wanted = json!({"a": {"x": 2}, "list": [1], "cost": 1.0, "empty": {}});
        let live = json!({"a": {"x": 1, "y": 1, "theirs": 1}, "list": [1.0], "gone": true, "cost": 1, "empty": {"d": 1}, "theirs": 1});
        let patch = three_way(&original, &wanted, &live).unwrap();
        assert_eq!(patch, json!({"a": {"x": 2, "y": null}, "gone": null}));
        let mut after = live;
        merge(&mut after, &patch);
        assert_eq!(
            after,
            json!({"a": {"x": 2, "theirs": 1}, "list": [1.0], "cost": 1, "empty": {"d": 1}, "theirs": 1})
        );
        assert_eq!(three_way(&wanted, &wanted, &after), None);
    }

    #[test]
    fn without_an_original_nothing_is_removed() {
        let (wanted, live) = (
            json!({"a": {"b": [1, 2]}}),
            json!({"a": {"b": [1], "c": 1}, "d": 1}),
        );
        let patch = three_way(&Value::Null, &wanted, &live).unwrap();
        assert_eq!(patch, json!({"a": {"b": [1, 2]}}));
        assert_eq!(
            three_way(&Value::Null, &json!({"a": 1}), &json!({})),
            Some(json!({"a": 1}))
        );
    }
}
