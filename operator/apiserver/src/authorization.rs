//! Who may do what: one question before every route, those of the in-process client and the `extra`
//! ones included.

mod attributes;
mod policy;

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{failure::Failure, user::UserInfo};
pub use attributes::Attributes;
pub use policy::{Decision, authorize, rules};

/// Lets a request through that its user may make. One without a user is refused, so that a route
/// that authentication forgot is closed.
pub async fn check(request: Request, next: Next) -> Response {
    let Some(user) = request.extensions().get::<UserInfo>() else {
        return Failure::unauthorized().into_response();
    };
    let attributes = Attributes::of_request(request.method(), request.uri());
    match authorize(user, &attributes) {
        Decision::Allowed => next.run(request).await,
        Decision::Denied => forbidden(user, &attributes).into_response(),
    }
}

/// The refusal, in the words of Kubernetes.
fn forbidden(user: &UserInfo, attributes: &Attributes) -> Failure {
    let why = attributes.refusal(&user.name);
    let Attributes {
        group,
        resource,
        name,
        ..
    } = attributes;
    Failure::forbidden(group, resource, name, &why)
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, Uri};

    use super::*;

    #[test]
    fn refusal_names_user_verb_and_what_it_is_about() {
        let eve = UserInfo::new("eve", &[]);
        let agents = "/apis/agentchat.dev/v1alpha1/namespaces/default/agents";
        for (method, path, message) in [
            (
                Method::GET,
                "/apis/agentchat.dev/v1alpha1/agents",
                r#"agents.agentchat.dev is forbidden: User "eve" cannot list resource "agents" in API group "agentchat.dev" at the cluster scope"#,
            ),
            (
                Method::POST,
                agents,
                r#"agents.agentchat.dev is forbidden: User "eve" cannot create resource "agents" in API group "agentchat.dev" in the namespace "default""#,
            ),
            (
                Method::PATCH,
                &format!("{agents}/ada/status"),
                r#"agents.agentchat.dev "ada" is forbidden: User "eve" cannot patch resource "agents/status" in API group "agentchat.dev" in the namespace "default""#,
            ),
            (
                Method::GET,
                "/api/v1/namespaces/x",
                r#"namespaces "x" is forbidden: User "eve" cannot get resource "namespaces" in API group "" in the namespace "x""#,
            ),
            (
                Method::GET,
                "/access/v1",
                r#"forbidden: User "eve" cannot get path "/access/v1""#,
            ),
        ] {
            let uri: Uri = path.parse().unwrap();
            let refused = forbidden(&eve, &Attributes::of_request(&method, &uri));
            assert_eq!(refused.message(), message);
            assert_eq!(refused.status()["reason"], "Forbidden");
        }
    }
}
