//! Protobuf request bodies of the built-in types, decoded to the same JSON as others.
//!
//! kubectl and every client-go program write built-in objects in protobuf (`kubectl create secret`,
//! `kubectl create namespace`). Answers are always JSON, which those clients take too. The messages are
//! those that `k8s-pb` generates from Kubernetes; they know no JSON, so each is taken over into the type of
//! `k8s-openapi`, which does. What only the server writes, times among it, is left out.

use std::collections::BTreeMap;

use k8s_openapi::{
    ByteString,
    api::core::v1 as core,
    apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, OwnerReference, Preconditions},
};
use k8s_pb::{
    api::core::v1 as pb,
    apimachinery::pkg::{apis::meta::v1 as meta, runtime::Unknown},
};
use prost::Message;
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;

/// The media type.
pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What every such body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// Decodes an object.
pub fn decode(bytes: &[u8]) -> Result<Value, Failure> {
    read(bytes).ok_or_else(|| {
        Failure::bad_request(
            "the protobuf body can't be read, or its type is not built in: send JSON instead",
        )
    })
}

fn read(bytes: &[u8]) -> Option<Value> {
    let unknown = Unknown::decode(bytes.strip_prefix(MAGIC)?).ok()?;
    let (kind, raw) = (unknown.type_meta?, unknown.raw?);
    match (kind.api_version?.as_str(), kind.kind?.as_str()) {
        ("v1", "Namespace") => object(&raw, namespace),
        ("v1", "Secret") => object(&raw, secret),
        ("v1", "ConfigMap") => object(&raw, config_map),
        // Of the version of what is deleted.
        (_, "DeleteOptions") => object(&raw, delete_options),
        _ => None,
    }
}

fn object<M: Message + Default, T: Serialize>(raw: &[u8], take: fn(M) -> T) -> Option<Value> {
    serde_json::to_value(take(M::decode(raw).ok()?)).ok()
}

fn namespace(from: pb::Namespace) -> core::Namespace {
    let spec = from.spec.and_then(|spec| list(spec.finalizers));
    let phase = from.status.and_then(|status| text(status.phase));
    core::Namespace {
        metadata: metadata(from.metadata),
        spec: spec.map(|finalizers| core::NamespaceSpec {
            finalizers: Some(finalizers),
        }),
        status: phase.map(|phase| core::NamespaceStatus {
            phase: Some(phase),
            ..Default::default()
        }),
    }
}

fn secret(from: pb::Secret) -> core::Secret {
    core::Secret {
        metadata: metadata(from.metadata),
        data: bytes(from.data),
        string_data: map(from.string_data),
        type_: text(from.r#type),
        immutable: from.immutable,
    }
}

fn config_map(from: pb::ConfigMap) -> core::ConfigMap {
    core::ConfigMap {
        metadata: metadata(from.metadata),
        data: map(from.data),
        binary_data: bytes(from.binary_data),
        immutable: from.immutable,
    }
}

fn delete_options(from: meta::DeleteOptions) -> DeleteOptions {
    DeleteOptions {
        grace_period_seconds: from.grace_period_seconds,
        preconditions: from.preconditions.map(|from| Preconditions {
            uid: from.uid,
            resource_version: from.resource_version,
        }),
        orphan_dependents: from.orphan_dependents,
        propagation_policy: from.propagation_policy,
        dry_run: list(from.dry_run),
        ..Default::default()
    }
}

fn metadata(from: Option<meta::ObjectMeta>) -> ObjectMeta {
    let from = from.unwrap_or_default();
    let owners = from.owner_references.into_iter().map(owner).collect();
    ObjectMeta {
        name: text(from.name),
        generate_name: text(from.generate_name),
        namespace: text(from.namespace),
        uid: text(from.uid),
        resource_version: text(from.resource_version),
        labels: map(from.labels),
        annotations: map(from.annotations),
        finalizers: list(from.finalizers),
        owner_references: list(owners),
        ..Default::default()
    }
}

fn owner(from: meta::OwnerReference) -> OwnerReference {
    OwnerReference {
        api_version: from.api_version.unwrap_or_default(),
        kind: from.kind.unwrap_or_default(),
        name: from.name.unwrap_or_default(),
        uid: from.uid.unwrap_or_default(),
        controller: from.controller,
        block_owner_deletion: from.block_owner_deletion,
    }
}

/// Go writes empty texts, lists and maps where JSON has no field.
fn text(from: Option<String>) -> Option<String> {
    from.filter(|text| !text.is_empty())
}

fn list<T>(from: Vec<T>) -> Option<Vec<T>> {
    Some(from).filter(|list| !list.is_empty())
}

fn map<T>(from: BTreeMap<String, T>) -> Option<BTreeMap<String, T>> {
    Some(from).filter(|map| !map.is_empty())
}

fn bytes(from: BTreeMap<String, Vec<u8>>) -> Option<BTreeMap<String, ByteString>> {
    let bytes = from
        .into_iter()
        .map(|(key, bytes)| (key, ByteString(bytes)));
    map(bytes.collect())
}

#[cfg(test)]
mod tests {
    use k8s_pb::apimachinery::pkg::runtime::TypeMeta;
    use serde_json::json;

    use super::*;

    fn body(api_version: &str, kind: &str, message: &impl Message) -> Vec<u8> {
        let envelope = Unknown {
            type_meta: Some(TypeMeta {
                api_version: Some(api_version.to_owned()),
                kind: Some(kind.to_owned()),
            }),
            raw: Some(message.encode_to_vec()),
            content_type: Some(String::new()),
            ..Default::default()
        };
        [MAGIC, &envelope.encode_to_vec()].concat()
    }

    fn texts(key: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(key.to_owned(), value.to_owned())])
    }

    #[test]
    fn secret_is_decoded_with_its_metadata_and_cut_ones_are_refused() {
        let owner = meta::OwnerReference {
            api_version: Some("v1".into()),
            kind: Some("ConfigMap".into()),
            name: Some("o".into()),
            uid: Some("u".into()),
            controller: Some(true),
            block_owner_deletion: None,
        };
        let metadata = meta::ObjectMeta {
            name: Some("claude".into()),
            generate_name: Some(String::new()),
            labels: texts("team", "red"),
            annotations: texts("note", ""),
            owner_references: vec![owner],
            finalizers: vec!["example.com/x".into()],
            ..Default::default()
        };
        let secret = pb::Secret {
            metadata: Some(metadata),
            data: BTreeMap::from([("k".to_owned(), vec![0, 255]), ("e".to_owned(), vec![])]),
            string_data: texts("s", "x"),
            r#type: Some("Opaque".into()),
            immutable: Some(true),
        };
        let body = body("v1", "Secret", &secret);
        assert_eq!(
            decode(&body).unwrap(),
            json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": "claude",
                    "labels": {"team": "red"},
                    "annotations": {"note": ""},
                    "finalizers": ["example.com/x"],
                    "ownerReferences": [
                        {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u", "controller": true},
                    ],
                },
                "data": {"k": "AP8=", "e": ""},
                "stringData": {"s": "x"},
                "type": "Opaque",
                "immutable": true,
            })
        );
        for length in 0..body.len() {
            let _ = decode(&body[..length]);
        }
        assert!(decode(b"k8s\0").is_err() && decode(b"{}").is_err());
    }

    #[test]
    fn other_built_in_kinds_are_decoded_and_unknown_ones_refused() {
        let config_map = pb::ConfigMap {
            data: texts("a", "b"),
            binary_data: BTreeMap::from([("c".to_owned(), vec![1])]),
            ..Default::default()
        };
        let read = decode(&body("v1", "ConfigMap", &config_map)).unwrap();
        assert_eq!(read["data"], json!({"a": "b"}));
        assert_eq!(read["binaryData"], json!({"c": "AQ=="}));
        let namespace = pb::Namespace {
            spec: Some(pb::NamespaceSpec {
                finalizers: vec!["kubernetes".into()],
            }),
            status: Some(Default::default()),
            ..Default::default()
        };
        let read = decode(&body("v1", "Namespace", &namespace)).unwrap();
        assert_eq!(read["spec"], json!({"finalizers": ["kubernetes"]}));
        assert!(read.get("status").is_none());
        let options = meta::DeleteOptions {
            grace_period_seconds: Some(0),
            preconditions: Some(meta::Preconditions {
                uid: Some("u".into()),
                resource_version: None,
            }),
            propagation_policy: Some("Background".into()),
            dry_run: vec!["All".into()],
            ..Default::default()
        };
        assert_eq!(
            decode(&body("agentchat.dev/v1alpha1", "DeleteOptions", &options)).unwrap(),
            json!({
                "gracePeriodSeconds": 0,
                "preconditions": {"uid": "u"},
                "propagationPolicy": "Background",
                "dryRun": ["All"],
            })
        );
        assert!(decode(&body("v1", "Pod", &pb::Pod::default())).is_err());
        assert!(decode(&body("v2", "Secret", &pb::Secret::default())).is_err());
    }
}
