//! Types that are questions: a client creates one, and the answer is its status. None is kept.

use serde_json::{Value, json};

use super::{Resource, builtin};
use agentchat_schema::Error;

const AUTHORIZATION: &str = "authorization.k8s.io";
const AUTHENTICATION: &str = "authentication.k8s.io";

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Review {
    /// May I do this?
    SelfSubjectAccess,
    /// May that user do this?
    SubjectAccess,
    /// May that user do this in the namespace of the request?
    LocalSubjectAccess,
    /// What may I do in this namespace?
    SelfSubjectRules,
    /// Who am I?
    SelfSubject,
}

/// All of them.
pub(super) fn all() -> Result<Vec<Resource>, Error> {
    let who = json!({
        "user": text("Name of the user that is asked about."),
        "groups": texts("Groups of that user."),
        "uid": text("UID of that user."),
        "extra": {
            "type": "object",
            "description": "What else is known of that user.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    });
    let (resource, path) = (resource_attributes(), path_attributes());
    let what = json!({"resourceAttributes": resource, "nonResourceAttributes": path});
    let mut who_and_what = who.clone();
    merge(&mut who_and_what, &what);
    let mut who_and_where = who;
    merge(&mut who_and_where, &json!({"resourceAttributes": resource}));
    let namespace = json!({"namespace": text("The namespace that is asked about.")});
    Ok(vec![
        review(
            Review::SelfSubject,
            "SelfSubjectReview",
            "Says who asks: name, groups and UID, in its status.",
            Value::Null,
        )?,
        review(
            Review::SelfSubjectAccess,
            "SelfSubjectAccessReview",
            "Says, in its status, whether who asks may do what the spec says.",
            what,
        )?,
        review(
            Review::SubjectAccess,
            "SubjectAccessReview",
            "Says, in its status, whether a user may do what the spec says.",
            who_and_what,
        )?,
        review(
            Review::LocalSubjectAccess,
            "LocalSubjectAccessReview",
            "Says, in its status, whether a user may do what the spec says in this namespace.",
            who_and_where,
        )?,
        review(
            Review::SelfSubjectRules,
            "SelfSubjectRulesReview",
            "Lists, in its status, what who asks may do in a namespace.",
            namespace,
        )?,
    ])
}

/// `spec`: the fields of the spec; null for a question without one.
fn review(asks: Review, kind: &str, about: &str, spec: Value) -> Result<Resource, Error> {
    let mut schema = json!({
        "type": "object",
        "description": about,
        "properties": {"status": {
            "type": "object",
            "description": "The answer; set by the server.",
            "x-kubernetes-preserve-unknown-fields": true,
        }},
    });
    if !spec.is_null() {
        schema["required"] = json!(["spec"]);
        schema["properties"]["spec"] =
            json!({"type": "object", "description": "The question.", "properties": spec});
    }
    let plural = format!("{}s", kind.to_lowercase());
    let mut resource = builtin::core(kind, &plural, &[], schema)?;
    resource.group = match asks {
        Review::SelfSubject => AUTHENTICATION.into(),
        _ => AUTHORIZATION.into(),
    };
    resource.namespaced = asks == Review::LocalSubjectAccess;
    resource.review = Some(asks);
    Ok(resource)
}

fn text(about: &str) -> Value {
    json!({"type": "string", "description": about})
}

fn texts(about: &str) -> Value {
    json!({"type": "array", "description": about, "items": {"type": "string"}})
}

fn resource_attributes() -> Value {
    json!({
        "type": "object",
        "description": "What is asked about a resource.",
        "properties": {
            "verb": text("For example get, list or create; * for any."),
            "group": text("API group; * for any."),
            "version": text("Version; * for any."),
            "resource": text("Plural of the resource; * for any."),
            "subresource": text("Part of the object, for example status."),
            "namespace": text("Namespace; empty for the cluster scope."),
            "name": text("Name of the object; empty for any."),
        },
    })
}

fn path_attributes() -> Value {
    json!({
        "type": "object",
        "description": "What is asked about a path that is no resource.",
        "properties": {
            "verb": text("HTTP method in lower case."),
            "path": text("Path of the URL."),
        },
    })
}

fn merge(into: &mut Value, more: &Value) {
    for (field, value) in more.as_object().into_iter().flatten() {
        into[field] = value.clone();
    }
}
