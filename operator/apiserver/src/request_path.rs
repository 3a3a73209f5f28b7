//! A path taken apart by its form alone. Authorization and dispatch read a request through the same
//! parser, so that what is allowed is what is done.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// A path below `/api/VERSION` or `/apis/GROUP/VERSION`. Whether it is served, the registry knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourcePath {
    /// API group, empty for the core group.
    pub group: String,
    /// Version.
    pub version: String,
    /// The namespace before the type; the path of a Namespace itself has none.
    pub namespace: Option<String>,
    /// Plural of the type.
    pub resource: String,
    /// The object; `None` for a collection.
    pub name: Option<String>,
    /// Everything after the object's name, for example `status`.
    pub subresource: Option<String>,
    /// Whether the legacy `/watch/` prefix was used.
    pub watch: bool,
}

impl ResourcePath {
    /// Reads a path. `None`: it is about no resource, or its percent-encoding is broken.
    pub fn parse(path: &str) -> Option<Self> {
        let decoded: Vec<Cow<'_, str>> = path
            .trim_start_matches('/')
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8().ok())
            .collect::<Option<_>>()?;
        let segments: Vec<&str> = decoded.iter().map(Cow::as_ref).collect();
        let (group, version, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] if !group.is_empty() => (*group, *version, rest),
            _ => return None,
        };
        let (watch, rest) = match rest {
            ["watch", rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let (namespace, rest) = match rest {
            // A namespace's own subresources shadow types of that name.
            ["namespaces", _, "status" | "finalize"] => (None, rest),
            ["namespaces", namespace, _, ..] => (Some((*namespace).to_owned()), &rest[2..]),
            rest => (None, rest),
        };
        let (resource, rest) = match rest {
            [] | [""] => return None,
            [resource, rest @ ..] => ((*resource).to_owned(), rest),
        };
        let (name, rest) = match rest {
            [] | [""] => (None, &rest[..0]),
            [name, rest @ ..] => (Some((*name).to_owned()), rest),
        };
        Some(Self {
            group: group.to_owned(),
            version: version.to_owned(),
            namespace,
            resource,
            name,
            subresource: (!rest.is_empty()).then(|| rest.join("/")),
            watch,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `GROUP/VERSION RESOURCE [NAMESPACE/]NAME[/SUBRESOURCE]`, with `-` for what isn't there.
    fn read(path: &str) -> Option<String> {
        let path = ResourcePath::parse(path)?;
        let or_none = |part: Option<String>| part.unwrap_or_else(|| "-".into());
        Some(format!(
            "{}/{} {} {} {} {}{}",
            path.group,
            path.version,
            path.resource,
            or_none(path.namespace),
            or_none(path.name),
            or_none(path.subresource),
            if path.watch { " watch" } else { "" },
        ))
    }

    #[test]
    fn path_of_a_resource_is_taken_apart() {
        for (path, parts) in [
            ("/api/v1/secrets", "/v1 secrets - - -"),
            ("/api/v1/secrets/", "/v1 secrets - - -"),
            ("/api/v1/namespaces", "/v1 namespaces - - -"),
            ("/api/v1/namespaces/x", "/v1 namespaces - x -"),
            ("/api/v1/namespaces/x/status", "/v1 namespaces - x status"),
            ("/api/v1/namespaces/x/secrets", "/v1 secrets x - -"),
            ("/api/v1/namespaces/x/pods/p/exec", "/v1 pods x p exec"),
            ("/apis/g.io/v2/namespaces/x/as/a%62", "g.io/v2 as x ab -"),
            ("/apis/g.io/v2/watch/as/a", "g.io/v2 as - a - watch"),
            ("/apis/g.io/v2/as/a/b/c", "g.io/v2 as - a b/c"),
        ] {
            assert_eq!(read(path).as_deref(), Some(parts), "{path}");
        }
    }

    #[test]
    fn path_of_no_resource_is_left_alone() {
        for path in [
            "/",
            "/api",
            "/api/v1",
            "/api/v1/",
            "/apis/g.io",
            "/apis/g.io/v2",
            "/apis//v1/secrets",
            "/api/v1/namespaces/x/",
            "/api/v1/%ff",
            "/access/v1/namespaces/default/agents/ada/log",
        ] {
            assert_eq!(read(path), None, "{path}");
        }
    }
}
