//! What of a request counts for whether it is allowed.

use axum::http::{Method, Uri};

use crate::{query::Query, request_path::ResourcePath};

/// A request about a resource, or about a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`; of a request
    /// about a path, the HTTP method in lower case.
    pub verb: String,
    /// API group of the resource, empty for the core group.
    pub group: String,
    /// Version of the resource.
    pub version: String,
    /// Plural of the resource; empty when the request is about a path.
    pub resource: String,
    /// Part of the object, for example `status`; empty for the object.
    pub subresource: String,
    /// Namespace; empty at the cluster scope. That of a Namespace is itself.
    pub namespace: String,
    /// Name of the object; empty for a collection.
    pub name: String,
    /// Path of the request; empty when somebody asks about a resource without a request.
    pub path: String,
}

impl Attributes {
    /// What a request is about, whether or not that is served.
    pub fn of_request(method: &Method, uri: &Uri) -> Self {
        let method_name = method.as_str().to_ascii_lowercase();
        let path = uri.path().to_owned();
        let Some(target) = ResourcePath::parse(&path) else {
            return Self {
                verb: method_name,
                path,
                ..Self::default()
            };
        };
        // What can't be read is refused by the handler.
        let query = Query::parse(uri.query().unwrap_or_default()).unwrap_or_default();
        let one = target.name.is_some();
        let verb = match *method {
            Method::GET if target.watch || query.watch && !one => "watch",
            Method::GET | Method::HEAD if one => "get",
            Method::GET | Method::HEAD => "list",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if one => "delete",
            Method::DELETE => "deletecollection",
            _ => &method_name,
        };
        let selected = match verb {
            "list" | "watch" | "deletecollection" => selected_name(&query.field_selector),
            _ => None,
        };
        let name = target.name.or(selected).unwrap_or_default();
        let own = (target.resource == "namespaces").then(|| name.clone());
        Self {
            verb: verb.to_owned(),
            group: target.group,
            version: target.version,
            resource: target.resource,
            subresource: target.subresource.unwrap_or_default(),
            namespace: target.namespace.or(own).unwrap_or_default(),
            name,
            path,
        }
    }

    /// Whether it is about a resource.
    pub fn is_resource(&self) -> bool {
        !self.resource.is_empty()
    }

    /// Says that a user may not do it.
    pub fn refusal(&self, user: &str) -> String {
        let verb = &self.verb;
        if !self.is_resource() {
            return format!("User {user:?} cannot {verb} path {:?}", self.path);
        }
        let part = match self.subresource.as_str() {
            "" => String::new(),
            part => format!("/{part}"),
        };
        let place = match self.namespace.as_str() {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace {namespace:?}"),
        };
        let (resource, group) = (format!("{}{part}", self.resource), &self.group);
        format!("User {user:?} cannot {verb} resource {resource:?} in API group {group:?} {place}")
    }
}

/// The one name that a field selector asks for.
fn selected_name(selector: &str) -> Option<String> {
    selector.split(',').find_map(|term| {
        let rest = term.trim().strip_prefix("metadata.name=")?;
        Some(rest.strip_prefix('=').unwrap_or(rest).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: &str = "/apis/agentchat.dev/v1alpha1/namespaces/default/agents/ada";

    /// The verb, and what it is about.
    fn of(method: &str, path: &str) -> (String, String) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let found = Attributes::of_request(&method, &path.parse().unwrap());
        let Attributes {
            group,
            version,
            resource,
            subresource,
            namespace,
            name,
            ..
        } = &found;
        let about = if found.is_resource() {
            format!("{group}/{version} {resource}/{subresource} {namespace}/{name}")
        } else {
            found.path.clone()
        };
        (found.verb, about)
    }

    #[test]
    fn verb_follows_from_method_path_and_query() {
        let all = "/apis/agentchat.dev/v1alpha1/agents";
        let watched = format!("{all}?watch=1");
        let one_watched = format!("{ADA}?watch=true");
        let legacy = "/apis/agentchat.dev/v1alpha1/watch/namespaces/default/agents/ada";
        for (method, path, verb) in [
            ("GET", all, "list"),
            ("HEAD", all, "list"),
            ("GET", &watched, "watch"),
            ("GET", legacy, "watch"),
            ("GET", ADA, "get"),
            ("GET", &one_watched, "get"),
            ("POST", all, "create"),
            ("PUT", ADA, "update"),
            ("PATCH", ADA, "patch"),
            ("DELETE", ADA, "delete"),
            ("DELETE", all, "deletecollection"),
            ("OPTIONS", all, "options"),
            ("GET", "/apis/agentchat.dev", "get"),
            ("POST", "/access/v1", "post"),
        ] {
            assert_eq!(of(method, path).0, verb, "{method} {path}");
        }
    }

    #[test]
    fn subject_follows_from_path_and_field_selector() {
        let status = format!("{ADA}/status");
        let default = "agentchat.dev/v1alpha1 agents/ default/ada";
        let selected = "/api/v1/secrets?fieldSelector=type%3DOpaque%2Cmetadata.name%3D%3Dx";
        let named = "/api/v1/namespaces?watch=true&fieldSelector=metadata.name%3Dx";
        for (path, about) in [
            (ADA, default),
            (&status, "agentchat.dev/v1alpha1 agents/status default/ada"),
            ("/api/v1/secrets", "/v1 secrets/ /"),
            (selected, "/v1 secrets/ /x"),
            ("/api/v1/namespaces/x", "/v1 namespaces/ x/x"),
            (
                "/api/v1/namespaces/x/finalize",
                "/v1 namespaces/finalize x/x",
            ),
            (named, "/v1 namespaces/ x/x"),
            ("/api/v1/namespaces/x/frobs", "/v1 frobs/ x/"),
            (
                "/apis/agentchat.dev/v1alpha1",
                "/apis/agentchat.dev/v1alpha1",
            ),
            ("/healthz?verbose", "/healthz"),
        ] {
            assert_eq!(of("GET", path).1, about, "{path}");
        }
    }
}
