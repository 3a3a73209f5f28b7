//! Failures as clients read them: `metav1.Status` bodies with a reason, a code and causes.

use agentchat_schema::Problem;
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

/// Why a field was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Machine-readable reason, e.g. `FieldValueRequired`.
    pub reason: &'static str,
    /// What a person reads.
    pub message: String,
    /// Path of the field, e.g. `spec.chat.channels[0]`.
    pub field: String,
}

impl Cause {
    /// A value that breaks a rule; the message tells which.
    pub fn invalid(field: impl Into<String>, value: &Value, rule: &str) -> Self {
        let message = format!("Invalid value: {value}: {rule}");
        Self::new("FieldValueInvalid", field, message)
    }

    /// Something that may not be done.
    pub fn forbidden(field: impl Into<String>, rule: &str) -> Self {
        Self::new("FieldValueForbidden", field, format!("Forbidden: {rule}"))
    }

    /// Any cause.
    pub fn new(reason: &'static str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            field: field.into(),
        }
    }
}

impl From<Problem> for Cause {
    fn from(problem: Problem) -> Self {
        Self::new(problem.reason(), problem.field.clone(), problem.message())
    }
}

/// A request that can't be answered as asked.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The HTTP status.
    pub code: StatusCode,
    reason: &'static str,
    message: String,
    details: Map<String, Value>,
}

impl Failure {
    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: Map::new(),
        }
    }

    fn about(mut self, group: &str, kind: &str, name: &str) -> Self {
        for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
            if !value.is_empty() {
                self.details.insert(key.into(), value.into());
            }
        }
        self
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 401.
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            "Unauthorized: send the token of the operator's kubeconfig",
        )
    }

    /// 403 about an object, about a type when there is no name, or about neither.
    pub fn forbidden(group: &str, plural: &str, name: &str, why: &str) -> Self {
        let message = match (plural, name) {
            ("", _) => format!("forbidden: {why}"),
            (_, "") => format!("{} is forbidden: {why}", qualified(group, plural)),
            _ => format!("{} is forbidden: {why}", quoted(group, plural, name)),
        };
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).about(group, plural, name)
    }

    /// 404 about an object.
    pub fn not_found(group: &str, plural: &str, name: &str) -> Self {
        let message = format!("{} not found", quoted(group, plural, name));
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).about(group, plural, name)
    }

    /// 404 about a path.
    pub fn no_such_path() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(StatusCode::NOT_FOUND, "NotFound", message)
    }

    /// 405.
    pub fn method_not_allowed(why: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", why)
    }

    /// 406.
    pub fn not_acceptable(accepted: &str) -> Self {
        let message = format!("only the following media types are accepted: {accepted}");
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    /// 409: the name is taken.
    pub fn already_exists(group: &str, plural: &str, name: &str, prefix: &str) -> Self {
        let message = format!("{prefix}{} already exists", quoted(group, plural, name));
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).about(group, plural, name)
    }

    /// 409: the object is not as the client thought.
    pub fn conflict(group: &str, plural: &str, name: &str, why: &str) -> Self {
        let object = quoted(group, plural, name);
        let message = format!("Operation cannot be fulfilled on {object}: {why}");
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(group, plural, name)
    }

    /// 410: the revision is no longer in the history.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// 413.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            message,
        )
    }

    /// 415.
    pub fn unsupported_media_type(accepted: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {accepted}"
        );
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            message,
        )
    }

    /// 422 with every cause.
    pub fn invalid(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Self {
        let mut lines: Vec<String> = causes
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        let said = match lines.len() {
            1 => lines.remove(0),
            _ => format!("[{}]", lines.join(", ")),
        };
        let message = format!("{} is invalid: {said}", quoted(group, kind, name));
        let mut failure = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message)
            .about(group, kind, name);
        let causes = causes.into_iter().map(
            |cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}),
        );
        failure
            .details
            .insert("causes".into(), Value::Array(causes.collect()));
        failure
    }

    /// 422 without an object.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message)
    }

    /// 500.
    pub fn internal(message: impl Into<String>) -> Self {
        let message = format!("Internal error occurred: {}", message.into());
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
    }

    /// 503: try again later, or elsewhere.
    pub fn unavailable(message: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            message,
        )
    }

    /// 504: a revision that is not there yet.
    pub fn revision_too_large(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let mut failure = Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message);
        failure.details.insert("retryAfterSeconds".into(), 1.into());
        let cause =
            json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
        failure
            .details
            .insert("causes".into(), Value::Array(vec![cause]));
        failure
    }

    /// Adds a cause that is about no field.
    pub fn because(mut self, reason: &str, message: &str) -> Self {
        let cause = json!({"reason": reason, "message": message});
        self.details
            .insert("causes".into(), Value::Array(vec![cause]));
        self
    }

    /// What a person reads.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The Status object.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code.as_u16(),
        });
        if !self.details.is_empty() {
            status["details"] = Value::Object(self.details.clone());
        }
        status
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.code, Json(self.status())).into_response();
        if self.code == StatusCode::UNAUTHORIZED {
            let realm = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, realm);
        }
        response
    }
}

/// `agents.agentchat.dev "x"`, or `secrets "x"` in the core group.
fn quoted(group: &str, resource: &str, name: &str) -> String {
    format!("{} \"{name}\"", qualified(group, resource))
}

/// `agents.agentchat.dev`, or `secrets` in the core group.
fn qualified(group: &str, resource: &str) -> String {
    let dot = if group.is_empty() { "" } else { "." };
    format!("{resource}{dot}{group}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_lists_every_cause() {
        let causes = vec![
            Cause::new("FieldValueRequired", "spec.a", "Required value"),
            Cause::invalid("spec.b", &json!(0), "too small"),
        ];
        let failure = Failure::invalid("agentchat.dev", "Agent", "x", causes);
        assert_eq!(
            failure.message(),
            "Agent.agentchat.dev \"x\" is invalid: \
             [spec.a: Required value, spec.b: Invalid value: 0: too small]"
        );
        assert_eq!(failure.status()["details"]["causes"][1]["field"], "spec.b");
    }
}
