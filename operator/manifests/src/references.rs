//! What Agents refer to, looked for among the manifests of a swarm that is new: nothing else can be there.

use agentchat_api::{DEFAULT_CREDENTIALS, SYSTEM_NAMESPACE};
use serde_json::Value;

use crate::{kind::Kind, manifest::Manifest};

/// Namespaces that are there from the beginning.
const THERE: [&str; 3] = ["default", "kube-system", SYSTEM_NAMESPACE];

/// What manifests refer to and none declares; one sentence for each.
#[derive(Debug, thiserror::Error)]
#[error("something is missing; add it to the manifests:\n  {}", .0.join("\n  "))]
pub struct MissingReferences(pub Vec<String>);

/// Looks for what Agents refer to, and for the Namespaces of all.
///
/// # Errors
/// With all that no manifest declares.
pub fn check_references(manifests: &[Manifest]) -> Result<(), MissingReferences> {
    let agents = || manifests.iter().filter(|m| m.kind == Kind::Agent);
    let mut missing: Vec<_> = agents()
        .flat_map(|agent| of_agent(agent, manifests))
        .collect();
    for role in ["Client", "Server"] {
        let anywhere = |m: &Manifest| is_node(m, role);
        if agents().next().is_some() && !manifests.iter().any(anywhere) {
            let what = if role == "Client" {
                "runs agents"
            } else {
                "runs their chat server"
            };
            missing.push(format!("no Node of role {role}, which {what}"));
        }
    }
    missing.extend(manifests.iter().filter_map(|m| {
        let namespace = m
            .namespace
            .as_deref()
            .filter(|name| !THERE.contains(name))?;
        let same = |other: &Manifest| other.kind == Kind::Namespace && other.name == namespace;
        let declared = manifests.iter().any(same);
        (!declared).then(|| format!("{}: its Namespace {namespace}", m.title()))
    }));
    if missing.is_empty() {
        Ok(())
    } else {
        Err(MissingReferences(missing))
    }
}

fn of_agent(agent: &Manifest, manifests: &[Manifest]) -> Vec<String> {
    let mut missing = vec![];
    let spec = &agent.source["spec"];
    let mut need = |kind: Kind, field: String, reference: &Value| {
        let namespace = agent.namespace.as_deref();
        if let Some(text) = lacks(kind, namespace, reference, manifests) {
            missing.push(format!("{}: {field} refers to {text}", agent.title()));
        }
    };
    let parts = spec["personality"].as_array();
    for (i, part) in parts.into_iter().flatten().enumerate() {
        let field = format!("spec.personality[{i}].configMapRef");
        need(Kind::ConfigMap, field, &part["configMapRef"]);
    }
    for name in ["oauthToken", "apiKey"] {
        let field = format!("spec.credentials.{name}.secretKeyRef");
        need(
            Kind::Secret,
            field,
            &spec["credentials"][name]["secretKeyRef"],
        );
    }
    let nodes = [
        (
            "spec.placement.nodeName",
            &spec["placement"]["nodeName"],
            "Client",
        ),
        (
            "spec.chat.serverRef",
            &spec["chat"]["serverRef"]["name"],
            "Server",
        ),
    ];
    for (field, name, role) in nodes {
        let Some(name) = name.as_str() else { continue };
        if !manifests.iter().any(|m| is_node(m, role) && m.name == name) {
            let title = agent.title();
            missing.push(format!(
                "{title}: {field} refers to Node {name} of role {role}"
            ));
        }
    }
    missing
}

/// The object and its key in words, when no manifest declares them.
fn lacks(
    kind: Kind,
    namespace: Option<&str>,
    reference: &Value,
    manifests: &[Manifest],
) -> Option<String> {
    let (name, key) = (reference["name"].as_str()?, reference["key"].as_str()?);
    // Made from the credential of who brings the swarm up.
    if kind == Kind::Secret && name == DEFAULT_CREDENTIALS {
        return None;
    }
    let same =
        |m: &&Manifest| m.kind == kind && m.namespace.as_deref() == namespace && m.name == name;
    let Some(there) = manifests.iter().find(same) else {
        return Some(format!("{} {name}", kind.name()));
    };
    let fields = ["data", "stringData"];
    let has = fields
        .iter()
        .any(|field| there.source[field].get(key).is_some());
    (!has).then(|| format!("key {key} of {}, which has no such key", there.title()))
}

fn is_node(manifest: &Manifest, role: &str) -> bool {
    manifest.kind == Kind::Node && manifest.source["spec"]["role"] == role
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(kind: Kind, name: &str, rest: Value) -> Manifest {
        let mut value = rest;
        value["apiVersion"] = kind.api_version().into();
        value["kind"] = kind.name().into();
        value["metadata"] = json!({"name": name});
        Manifest::read(value).unwrap()
    }

    #[test]
    fn what_agents_refer_to_must_be_declared() {
        let spec = json!({"mission": "x", "placement": {"nodeName": "other"},
            "personality": [{"configMapRef": {"name": "texts", "key": "ada"}}, {"inline": "y"}],
            "credentials": {"apiKey": {"secretKeyRef": {"name": "keys", "key": "mine"}}}});
        let mut all = vec![made(Kind::Agent, "ada", json!({"spec": spec}))];
        let said = check_references(&all).unwrap_err().to_string();
        for says in [
            "spec.personality[0].configMapRef refers to ConfigMap texts",
            "spec.credentials.apiKey.secretKeyRef refers to Secret keys",
            "refers to Node other of role Client",
            "no Node of role Server",
        ] {
            assert!(said.contains(says), "{said}");
        }
        let node = |role| json!({"spec": {"role": role, "machine": {"local": {}}}});
        all.push(made(Kind::Node, "other", node("Client")));
        all.push(made(Kind::Node, "s", node("Server")));
        all.push(made(
            Kind::ConfigMap,
            "texts",
            json!({"data": {"eve": "x"}}),
        ));
        all.push(made(
            Kind::Secret,
            "keys",
            json!({"stringData": {"mine": "x"}}),
        ));
        let said = check_references(&all).unwrap_err().to_string();
        assert!(said.contains("key ada of ConfigMap texts"), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
        all[3] = made(Kind::ConfigMap, "texts", json!({"data": {"ada": "x"}}));
        check_references(&all).unwrap();
        all[3].namespace = Some("elsewhere".into());
        let said = check_references(&all).unwrap_err().to_string();
        assert!(said.contains("its Namespace elsewhere"), "{said}");
    }
}
