//! Strategic merge, as far as the built-in types here need it: a merge patch whose directives
//! (`$patch`, `$retainKeys`, `$setElementOrder/…`, `$deleteFromPrimitiveList/…`) are followed.
//!
//! The lists of these types that merge are `metadata.finalizers` (a set) and
//! `metadata.ownerReferences` (by uid); every other list is replaced.

use serde_json::{Map, Value};

/// Merges a patch into an object.
pub(super) fn merge(object: &mut Value, patch: &Value) {
    merge_at(object, patch, "");
}

fn merge_at(target: &mut Value, patch: &Value, path: &str) {
    let Some(changes) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    match changes.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            *target = Value::Object(without_directives(changes));
            return;
        }
        Some("delete") => {
            *target = Value::Null;
            return;
        }
        _ => {}
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(fields) = target.as_object_mut() else {
        return;
    };
    if let Some(kept) = changes.get("$retainKeys").and_then(Value::as_array) {
        fields.retain(|key, _| kept.iter().any(|kept| kept == key));
    }
    for (key, gone) in changes {
        if let (Some(list), Some(gone)) = (
            key.strip_prefix("$deleteFromPrimitiveList/"),
            gone.as_array(),
        ) && let Some(values) = fields.get_mut(list).and_then(Value::as_array_mut)
        {
            values.retain(|value| !gone.contains(value));
        }
    }
    for (key, change) in changes.iter().filter(|(key, _)| !key.starts_with('$')) {
        let inner = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        if change.is_null() {
            fields.remove(key);
        } else if let Some(additions) = change.as_array().filter(|_| merges(&inner)) {
            let list = fields.entry(key).or_insert_with(|| Value::Array(vec![]));
            merge_list(list, additions);
        } else {
            let field = fields.entry(key).or_insert(Value::Null);
            merge_at(field, change, &inner);
            if field.is_null() {
                fields.remove(key);
            }
        }
    }
}

fn merges(path: &str) -> bool {
    matches!(path, "metadata.finalizers" | "metadata.ownerReferences")
}

/// Adds what isn't there; entries with a uid are matched by it.
fn merge_list(list: &mut Value, additions: &[Value]) {
    let Some(values) = list.as_array_mut() else {
        *list = Value::Array(additions.to_vec());
        return;
    };
    for addition in additions {
        let same = |value: &Value| match addition.get("uid") {
            Some(uid) => value.get("uid") == Some(uid),
            None => value == addition,
        };
        let place = values.iter().position(same);
        if addition.get("$patch").is_some_and(|what| what == "delete") {
            if let Some(place) = place {
                values.remove(place);
            }
        } else if let Some(place) = place {
            merge_at(&mut values[place], addition, "");
        } else {
            values.push(addition.clone());
        }
    }
}

fn without_directives(changes: &Map<String, Value>) -> Map<String, Value> {
    changes
        .iter()
        .filter(|(key, _)| !key.starts_with('$'))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn directives_are_followed() {
        let mut object = json!({
            "metadata": {"finalizers": ["a", "b"], "labels": {"x": "1", "y": "2"}},
            "data": {"k": "v", "l": "w"},
        });
        let patch = json!({
            "metadata": {
                "$setElementOrder/finalizers": ["c", "a"],
                "$deleteFromPrimitiveList/finalizers": ["b"],
                "finalizers": ["c"],
                "labels": {"x": null, "z": "3"},
            },
            "data": {"$patch": "replace", "m": "n"},
        });
        merge(&mut object, &patch);
        let expected = json!({
            "metadata": {"finalizers": ["a", "c"], "labels": {"y": "2", "z": "3"}},
            "data": {"m": "n"},
        });
        assert_eq!(object, expected);
    }
}
