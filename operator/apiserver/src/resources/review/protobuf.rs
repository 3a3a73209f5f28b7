//! Questions in protobuf, which is how kubectl sends them, as the JSON that others send.

use k8s_pb::{
    api::authorization::v1::{
        NonResourceAttributes, ResourceAttributes, SelfSubjectAccessReview, SelfSubjectRulesReview,
        SubjectAccessReview, SubjectAccessReviewSpec,
    },
    apimachinery::pkg::runtime::Unknown,
};
use prost::Message;
use serde_json::{Map, Value, json};

/// What every such body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// Reads a question: its kind and spec. `None`: it can't be read, or is no question.
pub fn decode(bytes: &[u8]) -> Option<Value> {
    let unknown = Unknown::decode(bytes.strip_prefix(MAGIC)?).ok()?;
    let about = unknown.type_meta?;
    let (kind, raw) = (about.kind?, unknown.raw?);
    let raw = raw.as_slice();
    let spec = match kind.as_str() {
        "SelfSubjectReview" => json!({}),
        "SelfSubjectAccessReview" => {
            let spec = SelfSubjectAccessReview::decode(raw).ok()?.spec?;
            json!({
                "resourceAttributes": spec.resource_attributes.map(resource),
                "nonResourceAttributes": spec.non_resource_attributes.map(path),
            })
        }
        // A LocalSubjectAccessReview has the same fields with the same numbers.
        "SubjectAccessReview" | "LocalSubjectAccessReview" => {
            subject(SubjectAccessReview::decode(raw).ok()?.spec?)
        }
        "SelfSubjectRulesReview" => {
            let spec = SelfSubjectRulesReview::decode(raw).ok()?.spec?;
            json!({"namespace": spec.namespace})
        }
        _ => return None,
    };
    Some(json!({"apiVersion": about.api_version, "kind": kind, "metadata": {}, "spec": spec}))
}

fn subject(spec: SubjectAccessReviewSpec) -> Value {
    let extra = spec.extra.into_iter();
    let extra: Map<String, Value> = extra
        .map(|(key, values)| (key, values.items.into()))
        .collect();
    json!({
        "user": spec.user,
        "groups": spec.groups,
        "uid": spec.uid,
        "extra": extra,
        "resourceAttributes": spec.resource_attributes.map(resource),
        "nonResourceAttributes": spec.non_resource_attributes.map(path),
    })
}

fn resource(asked: ResourceAttributes) -> Value {
    json!({
        "verb": asked.verb,
        "group": asked.group,
        "version": asked.version,
        "resource": asked.resource,
        "subresource": asked.subresource,
        "namespace": asked.namespace,
        "name": asked.name,
    })
}

fn path(asked: NonResourceAttributes) -> Value {
    json!({"verb": asked.verb, "path": asked.path})
}

#[cfg(test)]
mod tests {
    use k8s_pb::{api::authorization::v1::ExtraValue, apimachinery::pkg::runtime::TypeMeta};

    use super::*;

    fn body(kind: &str, raw: Vec<u8>) -> Vec<u8> {
        let unknown = Unknown {
            type_meta: Some(TypeMeta {
                api_version: Some("authorization.k8s.io/v1".into()),
                kind: Some(kind.into()),
            }),
            raw: Some(raw),
            ..Unknown::default()
        };
        [MAGIC, &unknown.encode_to_vec()].concat()
    }

    #[test]
    fn question_in_protobuf_reads_as_in_json() {
        let asked = SubjectAccessReview {
            spec: Some(SubjectAccessReviewSpec {
                user: Some("eve".into()),
                groups: vec!["staff".into()],
                extra: [(
                    "team".into(),
                    ExtraValue {
                        items: vec!["red".into()],
                    },
                )]
                .into(),
                resource_attributes: Some(ResourceAttributes {
                    verb: Some("get".into()),
                    resource: Some("secrets".into()),
                    namespace: Some("default".into()),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            }),
            ..SubjectAccessReview::default()
        };
        let bytes = body("SubjectAccessReview", asked.encode_to_vec());
        let read = decode(&bytes).unwrap();
        assert_eq!(read["kind"], "SubjectAccessReview");
        assert_eq!(read["apiVersion"], "authorization.k8s.io/v1");
        assert_eq!(
            (
                &read["spec"]["user"],
                &read["spec"]["groups"],
                &read["spec"]["extra"]
            ),
            (&json!("eve"), &json!(["staff"]), &json!({"team": ["red"]}))
        );
        let attributes = &read["spec"]["resourceAttributes"];
        assert_eq!(attributes["verb"], "get");
        assert_eq!(attributes["resource"], "secrets");
        assert_eq!(attributes["namespace"], "default");
        for length in 0..bytes.len() {
            let _ = decode(&bytes[..length]);
        }
    }

    #[test]
    fn other_kind_is_no_question() {
        assert_eq!(decode(&body("Secret", Vec::new())), None);
        assert_eq!(decode(b"k8s"), None);
    }
}
