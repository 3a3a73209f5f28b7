//! Patches: JSON patch, merge patch, and strategic merge for built-in types.

mod strategic;

use json_patch::PatchOperation;
use serde_json::Value;

use crate::{
    body,
    failure::Failure,
    types::{Origin, Resource},
};

/// A decoded patch body.
#[derive(Clone, Debug)]
pub enum Patch {
    /// RFC 6902.
    Json(Vec<PatchOperation>),
    /// RFC 7396.
    Merge(Value),
    /// Kubernetes' own, for built-in types.
    Strategic(Value),
}

/// More than that many operations are refused, as upstream does.
const OPERATIONS: usize = 10_000;

/// Bytes that `copy` operations of one patch may add, as upstream limits them.
const COPIES: usize = 3_145_728;

impl Patch {
    /// Decodes a body.
    pub fn decode(resource: &Resource, media_type: &str, bytes: &[u8]) -> Result<Self, Failure> {
        match media_type {
            "application/json-patch+json" => {
                let operations: Vec<PatchOperation> = serde_json::from_value(body::json(bytes)?)
                    .map_err(|error| {
                        Failure::bad_request(format!("the body is not a JSON patch: {error}"))
                    })?;
                if operations.len() > OPERATIONS {
                    return Err(Failure::too_large(format!(
                        "The allowed maximum operations in a JSON patch is {OPERATIONS}, got {}",
                        operations.len()
                    )));
                }
                Ok(Self::Json(operations))
            }
            "application/merge-patch+json" => {
                let patch = body::json(bytes)?;
                if patch.is_object() {
                    Ok(Self::Merge(patch))
                } else {
                    Err(Failure::bad_request("the merge patch is no object"))
                }
            }
            "application/strategic-merge-patch+json" if resource.origin == Origin::BuiltIn => {
                Ok(Self::Strategic(body::json(bytes)?))
            }
            _ => Err(Failure::unsupported_media_type(accepted(resource))),
        }
    }

    /// The object after the patch.
    pub fn apply(&self, object: &Value) -> Result<Value, Failure> {
        let mut patched = object.clone();
        match self {
            Self::Json(operations) => json(&mut patched, operations)?,
            Self::Merge(patch) => json_patch::merge(&mut patched, patch),
            Self::Strategic(patch) => strategic::merge(&mut patched, patch),
        }
        if patched.is_object() {
            Ok(patched)
        } else {
            Err(Failure::unprocessable("the patch leaves no object"))
        }
    }
}

fn accepted(resource: &Resource) -> &'static str {
    match resource.origin {
        Origin::BuiltIn => {
            "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json"
        }
        Origin::Custom => "application/json-patch+json, application/merge-patch+json",
    }
}

/// Applies the operations one by one. A `test` of an absent path against null succeeds: clients
/// written for Kubernetes (kube's finalizer among them) rely on it.
fn json(object: &mut Value, operations: &[PatchOperation]) -> Result<(), Failure> {
    let mut copied = 0;
    for operation in operations {
        if let PatchOperation::Copy(copy) = operation
            && let Ok(value) = copy.from.resolve(object)
        {
            copied += value.to_string().len();
            if copied > COPIES {
                let why = format!("the JSON patch copies more than {COPIES} bytes");
                return Err(Failure::too_large(why));
            }
        }
        if let PatchOperation::Test(test) = operation
            && test.value.is_null()
            && test.path.resolve(object).is_err()
        {
            continue;
        }
        json_patch::patch(object, std::slice::from_ref(operation)).map_err(|error| {
            Failure::unprocessable(format!(
                "the server rejected our request due to an error in our request: {error}"
            ))
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::types::Registry;

    fn apply(media_type: &str, patch: &Value, object: &Value) -> Result<Value, Failure> {
        let registry = Registry::new(&[]).unwrap();
        let secrets = registry.find("", "v1", "secrets").unwrap();
        Patch::decode(secrets, media_type, patch.to_string().as_bytes())?.apply(object)
    }

    #[test]
    fn a_test_of_an_absent_path_against_null_succeeds() {
        let patch = json!([
            {"op": "test", "path": "/metadata/finalizers", "value": null},
            {"op": "add", "path": "/metadata/finalizers", "value": ["x"]},
        ]);
        let once = apply(
            "application/json-patch+json",
            &patch,
            &json!({"metadata": {}}),
        )
        .unwrap();
        assert_eq!(once["metadata"]["finalizers"], json!(["x"]));
        let twice = apply("application/json-patch+json", &patch, &once).unwrap_err();
        assert_eq!(twice.code, 422);
    }

    #[test]
    fn copies_are_bounded() {
        let double = |n: usize| json!({"op": "copy", "from": "", "path": format!("/{n}")});
        let patch = (0..40).map(double).collect();
        let object = json!({"a": "0123456789"});
        let failure = apply("application/json-patch+json", &patch, &object).unwrap_err();
        assert_eq!(failure.code, 413);
    }

    #[test]
    fn merge_patches_remove_with_null() {
        let patch = json!({"a": {"b": null, "c": 2}});
        let object = json!({"a": {"b": 1}, "d": 1});
        let patched = apply("application/merge-patch+json", &patch, &object).unwrap();
        assert_eq!(patched, json!({"a": {"c": 2}, "d": 1}));
    }

    #[test]
    fn unknown_patches_are_told_what_is_taken() {
        let failure = apply("application/apply-patch+yaml", &json!({}), &json!({})).unwrap_err();
        assert_eq!(failure.code, 415);
        assert!(failure.message().contains("application/merge-patch+json"));
    }
}
