//! Questions about users and what they may do, answered at once by the same rules that stand before
//! every request.

mod protobuf;

use axum::{http::StatusCode, response::Response};
use k8s_openapi::api::{
    authentication::v1 as authentication,
    authorization::v1::{
        LocalSubjectAccessReview, NonResourceAttributes, NonResourceRule, ResourceAttributes,
        ResourceRule, SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview,
        SubjectAccessReviewSpec, SubjectAccessReviewStatus, SubjectRulesReviewStatus,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::Call;
use crate::{
    authorization::{self, Attributes, Decision},
    body,
    failure::{Cause, Failure},
    types::Review,
    user::UserInfo,
};

/// POST of a question.
pub fn answer(call: &Call, review: Review, bytes: &[u8]) -> Result<Response, Failure> {
    let media_type = body::media_type(&call.headers);
    let object = if media_type == crate::protobuf::MEDIA_TYPE {
        protobuf::decode(bytes).ok_or_else(|| {
            Failure::bad_request("the protobuf body can't be read as a review: send JSON instead")
        })?
    } else {
        body::object(&media_type, bytes)?
    };
    let user = &call.user;
    let answered = match review {
        Review::SelfSubject => {
            let mut review: authentication::SelfSubjectReview = read(call, object)?;
            review.status = Some(authentication::SelfSubjectReviewStatus {
                user_info: Some(shown(user)),
            });
            written(&review)
        }
        Review::SelfSubjectAccess => {
            let mut review: SelfSubjectAccessReview = read(call, object)?;
            let spec = review.spec.clone();
            let asked = question(call, spec.resource_attributes, spec.non_resource_attributes)?;
            review.status = Some(status(user, &asked));
            written(&review)
        }
        Review::SubjectAccess => {
            let mut review: SubjectAccessReview = read(call, object)?;
            review.status = Some(of_subject(call, &review.spec)?);
            written(&review)
        }
        Review::LocalSubjectAccess => {
            let mut review: LocalSubjectAccessReview = read(call, object)?;
            local(call, &mut review.spec)?;
            review.status = Some(of_subject(call, &review.spec)?);
            written(&review)
        }
        Review::SelfSubjectRules => {
            let mut review: SelfSubjectRulesReview = read(call, object)?;
            if review
                .spec
                .namespace
                .as_deref()
                .unwrap_or_default()
                .is_empty()
            {
                let cause = Cause::new("FieldValueRequired", "spec.namespace", "Required value");
                return Err(invalid(call, cause));
            }
            review.status = Some(rules(user));
            written(&review)
        }
    }?;
    call.renderer().object(StatusCode::CREATED, &answered)
}

fn read<T: DeserializeOwned>(call: &Call, object: Value) -> Result<T, Failure> {
    serde_json::from_value(object).map_err(|error| {
        let resource = &call.target.resource;
        let (kind, version) = (&resource.kind, resource.api_version());
        Failure::bad_request(format!("the body is no {kind} of {version}: {error}"))
    })
}

fn written(review: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(review).map_err(|error| Failure::internal(error.to_string()))
}

fn invalid(call: &Call, cause: Cause) -> Failure {
    let resource = &call.target.resource;
    Failure::invalid(&resource.group, &resource.kind, "", vec![cause])
}

fn shown(user: &UserInfo) -> authentication::UserInfo {
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    authentication::UserInfo {
        username: text(&user.name),
        groups: Some(user.groups.clone()),
        uid: text(&user.uid),
        extra: Some(user.extra.clone()).filter(|extra| !extra.is_empty()),
    }
}

/// What is asked: about a resource or about a path.
fn question(
    call: &Call,
    resource: Option<ResourceAttributes>,
    path: Option<NonResourceAttributes>,
) -> Result<Attributes, Failure> {
    match (resource, path) {
        (Some(asked), None) => Ok(Attributes {
            verb: asked.verb.unwrap_or_default(),
            group: asked.group.unwrap_or_default(),
            version: asked.version.unwrap_or_default(),
            resource: asked.resource.unwrap_or_default(),
            subresource: asked.subresource.unwrap_or_default(),
            namespace: asked.namespace.unwrap_or_default(),
            name: asked.name.unwrap_or_default(),
            path: String::new(),
        }),
        (None, Some(asked)) => Ok(Attributes {
            verb: asked.verb.unwrap_or_default(),
            path: asked.path.unwrap_or_default(),
            ..Attributes::default()
        }),
        (resource, _) => {
            let rule = "exactly one of resourceAttributes and nonResourceAttributes must be given";
            let value = written(&resource)?;
            let cause = Cause::invalid("spec.resourceAttributes", &value, rule);
            Err(invalid(call, cause))
        }
    }
}

fn status(user: &UserInfo, asked: &Attributes) -> SubjectAccessReviewStatus {
    SubjectAccessReviewStatus {
        allowed: authorization::authorize(user, asked) == Decision::Allowed,
        ..SubjectAccessReviewStatus::default()
    }
}

/// The answer about another user.
fn of_subject(
    call: &Call,
    spec: &SubjectAccessReviewSpec,
) -> Result<SubjectAccessReviewStatus, Failure> {
    let user = UserInfo {
        name: spec.user.clone().unwrap_or_default(),
        groups: spec.groups.clone().unwrap_or_default(),
        uid: spec.uid.clone().unwrap_or_default(),
        extra: spec.extra.clone().unwrap_or_default(),
    };
    if user.name.is_empty() && user.groups.is_empty() {
        let rule = "at least one of user and groups must be given";
        return Err(invalid(call, Cause::invalid("spec.user", &"".into(), rule)));
    }
    let asked = question(
        call,
        spec.resource_attributes.clone(),
        spec.non_resource_attributes.clone(),
    )?;
    Ok(status(&user, &asked))
}

/// Brings the namespace of the path into the question, which may name no other.
fn local(call: &Call, spec: &mut SubjectAccessReviewSpec) -> Result<(), Failure> {
    if spec.non_resource_attributes.is_some() {
        let why = "a path is in no namespace; create a SubjectAccessReview";
        let cause = Cause::forbidden("spec.nonResourceAttributes", why);
        return Err(invalid(call, cause));
    }
    let here = call.target.namespace.clone().unwrap_or_default();
    let Some(asked) = &mut spec.resource_attributes else {
        return Ok(());
    };
    match asked.namespace.as_deref() {
        None | Some("") => asked.namespace = Some(here),
        Some(there) if there == here => {}
        Some(there) => {
            let rule = format!("must be the namespace of the request, {here}");
            let field = "spec.resourceAttributes.namespace";
            return Err(invalid(call, Cause::invalid(field, &there.into(), &rule)));
        }
    }
    Ok(())
}

/// What a user may do; the same in every namespace.
fn rules(user: &UserInfo) -> SubjectRulesReviewStatus {
    let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut status = SubjectRulesReviewStatus::default();
    for rule in authorization::rules(user) {
        let verbs = texts(rule.verbs);
        if rule.paths.is_empty() {
            status.resource_rules.push(ResourceRule {
                verbs,
                api_groups: Some(texts(rule.groups)),
                resources: Some(texts(rule.resources)),
                resource_names: None,
            });
        } else {
            status.non_resource_rules.push(NonResourceRule {
                verbs,
                non_resource_urls: Some(texts(rule.paths)),
            });
        }
    }
    status
}
