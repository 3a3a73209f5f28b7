//! The rules, and the one function that asks them. Pure.
//!
//! They are fixed for now, and shaped like those of a ClusterRole, each bound to a group: members of
//! `system:masters` may do everything, whoever is authenticated may look at what is served and ask about
//! themselves, and nobody may do anything else.

use super::Attributes;
use crate::user::{AUTHENTICATED, MASTERS, UserInfo};

/// Whether a request may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A rule allows it.
    Allowed,
    /// No rule allows it.
    Denied,
}

/// What members of a group may do: on resources, or on paths. `*` is anything; of a path, at its end,
/// anything that begins like that.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    to: &'static str,
    /// Verbs.
    pub verbs: &'static [&'static str],
    /// API groups.
    pub groups: &'static [&'static str],
    /// Plurals, followed by `/SUBRESOURCE` where it is about a part.
    pub resources: &'static [&'static str],
    /// Paths.
    pub paths: &'static [&'static str],
}

const ANY: &[&str] = &["*"];

/// Those of Kubernetes' default roles `cluster-admin`, `system:discovery` and `system:basic-user` that
/// are about what is served here.
const RULES: [Rule; 5] = [
    Rule {
        to: MASTERS,
        verbs: ANY,
        groups: ANY,
        resources: ANY,
        paths: &[],
    },
    Rule {
        to: MASTERS,
        verbs: ANY,
        groups: &[],
        resources: &[],
        paths: ANY,
    },
    Rule {
        to: AUTHENTICATED,
        verbs: &["get"],
        groups: &[],
        resources: &[],
        paths: &[
            "/api",
            "/api/*",
            "/apis",
            "/apis/*",
            "/healthz",
            "/livez",
            "/openapi",
            "/openapi/*",
            "/readyz",
            "/version",
        ],
    },
    Rule {
        to: AUTHENTICATED,
        verbs: &["create"],
        groups: &["authorization.k8s.io"],
        resources: &["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        paths: &[],
    },
    Rule {
        to: AUTHENTICATED,
        verbs: &["create"],
        groups: &["authentication.k8s.io"],
        resources: &["selfsubjectreviews"],
        paths: &[],
    },
];

/// Whether the user may make such a request.
pub fn authorize(user: &UserInfo, attributes: &Attributes) -> Decision {
    if rules(user).any(|rule| rule.allows(attributes)) {
        Decision::Allowed
    } else {
        Decision::Denied
    }
}

/// The rules that hold for a user, in any namespace.
pub fn rules(user: &UserInfo) -> impl Iterator<Item = &'static Rule> {
    RULES.iter().filter(|rule| user.is_in(rule.to))
}

impl Rule {
    fn allows(&self, attributes: &Attributes) -> bool {
        let has = |all: &[&str], one: &str| all.iter().any(|known| *known == "*" || *known == one);
        if !has(self.verbs, &attributes.verb) {
            return false;
        }
        if !attributes.is_resource() {
            let covers = |rule: &&str| match rule.strip_suffix('*') {
                Some(beginning) => attributes.path.starts_with(beginning),
                None => attributes.path == **rule,
            };
            return self.paths.iter().any(covers);
        }
        let part = match attributes.subresource.as_str() {
            "" => attributes.resource.clone(),
            part => format!("{}/{part}", attributes.resource),
        };
        has(self.groups, &attributes.group) && has(self.resources, &part)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;

    fn may(groups: &[&str], method: &str, path: &str) -> bool {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let attributes = Attributes::of_request(&method, &path.parse().unwrap());
        authorize(&UserInfo::new("eve", groups), &attributes) == Decision::Allowed
    }

    #[test]
    fn request_is_allowed_by_group_alone() {
        const REVIEWS: &str = "/apis/authorization.k8s.io/v1";
        let agents = "/apis/agentchat.dev/v1alpha1/namespaces/default/agents";
        let status = format!("{agents}/ada/status");
        let (own, rules, other) = (
            format!("{REVIEWS}/selfsubjectaccessreviews"),
            format!("{REVIEWS}/selfsubjectrulesreviews"),
            format!("{REVIEWS}/subjectaccessreviews"),
        );
        let local = format!("{REVIEWS}/namespaces/default/localsubjectaccessreviews");
        let whoami = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
        for (method, path, least) in [
            ("GET", agents, MASTERS),
            ("POST", agents, MASTERS),
            ("DELETE", agents, MASTERS),
            ("GET", &format!("{agents}?watch=true"), MASTERS),
            ("GET", &format!("{agents}/ada"), MASTERS),
            ("PATCH", &status, MASTERS),
            ("GET", "/api/v1/secrets", MASTERS),
            ("GET", "/apis/agentchat.dev/v1alpha1/frobs", MASTERS),
            (
                "GET",
                "/access/v1/namespaces/default/agents/ada/log",
                MASTERS,
            ),
            ("GET", "/metrics", MASTERS),
            ("GET", "/", MASTERS),
            ("POST", "/apis", MASTERS),
            ("POST", &other, MASTERS),
            ("POST", &local, MASTERS),
            ("GET", &own, MASTERS),
            ("POST", &own, AUTHENTICATED),
            ("POST", &rules, AUTHENTICATED),
            ("POST", whoami, AUTHENTICATED),
            ("POST", &format!("{whoami}/x/y"), MASTERS),
            ("GET", "/api", AUTHENTICATED),
            ("GET", "/api/v1", AUTHENTICATED),
            ("GET", "/apis", AUTHENTICATED),
            ("GET", "/apis/agentchat.dev/v1alpha1", AUTHENTICATED),
            ("GET", "/apiserver", MASTERS),
            ("GET", "/openapi/v3/api/v1", AUTHENTICATED),
            ("GET", "/healthz", AUTHENTICATED),
            ("GET", "/healthz/x", MASTERS),
            ("GET", "/version", AUTHENTICATED),
        ] {
            let everybody: [&[&str]; 5] = [
                &[],
                &["system:unauthenticated", "masters"],
                &[AUTHENTICATED],
                &[MASTERS],
                &[AUTHENTICATED, MASTERS],
            ];
            for groups in everybody {
                let expected = groups.contains(&MASTERS) || groups.contains(&least);
                assert_eq!(
                    may(groups, method, path),
                    expected,
                    "{groups:?} {method} {path}"
                );
            }
        }
    }

    #[test]
    fn question_about_any_verb_or_resource_is_answered_by_rules_that_say_any() {
        let any = Attributes {
            verb: "*".into(),
            group: "*".into(),
            resource: "*".into(),
            ..Attributes::default()
        };
        assert_eq!(authorize(&UserInfo::admin(), &any), Decision::Allowed);
        let eve = UserInfo::new("eve", &[AUTHENTICATED]);
        assert_eq!(authorize(&eve, &any), Decision::Denied);
    }
}
