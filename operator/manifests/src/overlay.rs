//! What a swarm changes in the manifests that it is given.

use serde_json::{Value, json};

use crate::{kind::Kind, manifest::Manifest};

/// What is changed.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    /// Endpoint of the Messages API for Agents that name none: the scripted model's.
    pub base_url: Option<String>,
    /// Port of chat servers on the machine of the swarm.
    pub chat_port: Option<u16>,
}

impl Overlay {
    /// Notes the change in each manifest.
    pub fn lay_all(&self, manifests: &mut [Manifest]) {
        manifests.iter_mut().for_each(|manifest| self.lay(manifest));
    }

    /// Notes the change in a manifest.
    pub fn lay(&self, manifest: &mut Manifest) {
        let spec = |pointer: &str| manifest.source.pointer(pointer);
        let patch = match (manifest.kind, &self.base_url, self.chat_port) {
            (Kind::Agent, Some(url), _) if spec("/spec/runtime/baseUrl").is_none() => {
                json!({"spec": {"runtime": {"baseUrl": url}}})
            }
            (_, _, Some(port)) if manifest.is_local_server() => {
                json!({"spec": {"server": {"port": port}}})
            }
            _ => Value::Null,
        };
        manifest.overlay = patch;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::OWN_API;

    fn laid(source: Value) -> Value {
        let overlay = Overlay {
            base_url: Some("http://m:1".into()),
            chat_port: Some(7),
        };
        let mut manifest = Manifest::read(source).unwrap();
        overlay.lay(&mut manifest);
        manifest.effective()["spec"].clone()
    }

    #[test]
    fn only_what_leaves_it_open_is_changed() {
        let node = |spec| json!({"apiVersion": OWN_API, "kind": "Node", "metadata": {"name": "n"}, "spec": spec});
        let server = laid(node(
            json!({"role": "Server", "machine": {"local": {}}, "server": {"port": 1, "profile": "public"}}),
        ));
        assert_eq!(server["server"], json!({"port": 7, "profile": "public"}));
        assert_eq!(
            laid(node(json!({"role": "Server", "machine": {"local": {}}})))["server"]["port"],
            7
        );
        assert!(
            laid(node(json!({"role": "Server"})))
                .get("server")
                .is_none()
        );
        assert!(
            laid(node(json!({"role": "Client", "machine": {"local": {}}})))
                .get("server")
                .is_none()
        );
        let agent = |runtime| json!({"apiVersion": OWN_API, "kind": "Agent", "metadata": {"name": "a"}, "spec": {"mission": "x", "runtime": runtime}});
        let runtime = laid(agent(json!({"model": "m"})))["runtime"].clone();
        assert_eq!(runtime, json!({"model": "m", "baseUrl": "http://m:1"}));
        assert_eq!(
            laid(agent(json!({"baseUrl": "https://own"})))["runtime"]["baseUrl"],
            "https://own"
        );
    }
}
