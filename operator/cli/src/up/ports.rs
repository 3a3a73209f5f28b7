//! Ports, looked at before anything is started.

use std::net::{Ipv4Addr, SocketAddr};

use agentchat_api::ServerSpec;
use agentchat_driver::{Engine, Selector, labels};
use agentchat_manifests::Manifest;
use anyhow::{Result, bail};
use serde_json::Value;

use crate::{
    check, earlier,
    exit::{Code, WithCode},
    operator,
    state::{State, SwarmConfig},
};

/// Fails unless the API can listen, or does so already; `before` is where it listened.
pub fn check_api(state: &State, config: &SwarmConfig, before: Option<SocketAddr>) -> Result<()> {
    if before == Some(config.api_listen) && operator::is_running(state)? {
        return Ok(());
    }
    check::free(config.api_listen, "The API", "--api-listen")
}

/// Fails unless the chat servers that the manifests declare can listen, or do so already.
pub async fn check_chat(state: &State, config: &SwarmConfig, manifests: &[Manifest]) -> Result<()> {
    let mut taken = vec![(config.api_listen.port(), "the API".to_owned())];
    for manifest in manifests.iter().filter(|m| m.is_local_server()) {
        let (port, title) = (port(manifest)?, manifest.title());
        if let Some((_, other)) = taken.iter().find(|(used, _)| *used == port) {
            let how = if config.chat_port == Some(port) {
                "--chat-port or --api-listen"
            } else {
                "--chat-port, --api-listen or spec.server.port"
            };
            let error = anyhow::anyhow!(
                "{title} and {other} want the same port {port}; give one of them another with {how}"
            );
            return Err(error.code(Code::Invalid));
        }
        taken.push((port, title));
    }
    // Processes of an earlier release make room for containers.
    if earlier::has_processes(state)? {
        return Ok(());
    }
    for manifest in manifests.iter().filter(|m| m.is_local_server()) {
        let what = format!("The chat server of {}", manifest.title());
        let address = match is_advertised(manifest) {
            true => Ipv4Addr::UNSPECIFIED,
            false => Ipv4Addr::LOCALHOST,
        };
        let free = check::free((address, port(manifest)?).into(), &what, "--chat-port");
        if free.is_err() && !runs_in_own_container(config, &manifest.name).await {
            return free;
        }
    }
    Ok(())
}

/// Whether a chat server of this swarm runs for the Node, so that it may be it that has the port.
async fn runs_in_own_container(config: &SwarmConfig, node: &str) -> bool {
    let engine = config
        .swarm_id
        .as_ref()
        .map(|id| check::engine(&config.socket, id));
    let Some(Ok(engine)) = engine else {
        return false;
    };
    let own = Selector::component(node, labels::CHAT_SERVER);
    let all = engine.list().await.unwrap_or_default();
    all.iter().any(|c| c.running && own.matches(&c.labels))
}

/// Whether others than this machine reach the Node's chat server.
fn is_advertised(node: &Manifest) -> bool {
    let spec = node.effective();
    let names = spec
        .pointer("/spec/server/advertise")
        .and_then(Value::as_array);
    names.is_some_and(|names| !names.is_empty())
}

/// The port that a Node's chat server is to have.
fn port(node: &Manifest) -> Result<u16> {
    let spec = node.effective();
    let Some(port) = spec.pointer("/spec/server/port").and_then(Value::as_u64) else {
        return Ok(ServerSpec::default().port);
    };
    match u16::try_from(port) {
        Ok(port) if port > 0 => Ok(port),
        _ => bail!(
            "{}: spec.server.port: {port} is not a port, 1 to 65535",
            node.title()
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn server(name: &str, port: u16) -> Manifest {
        let spec = json!({"role": "Server", "machine": {"local": {}}, "server": {"port": port}});
        let value = json!({"apiVersion": agentchat_manifests::OWN_API, "kind": "Node",
            "metadata": {"name": name}, "spec": spec});
        Manifest::read(value).unwrap()
    }

    #[tokio::test]
    async fn same_port_for_two_is_refused_before_anything_starts() {
        let base = tempfile::tempdir().unwrap();
        let state = State::below(base.path(), "x");
        let listen = "127.0.0.1:7443".parse().unwrap();
        let config = SwarmConfig::new("/s".into(), "image".into(), listen);
        for (manifests, says) in [
            (
                vec![server("s", 7443)],
                "Node s and the API want the same port 7443",
            ),
            (
                vec![server("a", 6667), server("b", 6667)],
                "Node b and Node a want the same port 6667",
            ),
        ] {
            let refused = check_chat(&state, &config, &manifests).await.unwrap_err();
            assert!(refused.to_string().contains(says), "{refused}");
        }
    }
}
