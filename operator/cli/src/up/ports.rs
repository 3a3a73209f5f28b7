//! Ports, looked at before anything is started.

use std::net::{Ipv4Addr, SocketAddr};

use agentchat_api::ServerSpec;
use agentchat_manifests::Manifest;
use anyhow::{Result, bail};
use serde_json::Value;

use crate::{
    check,
    control::OPERATOR,
    exit::{Code, WithCode},
    service,
    state::{Remembered, State},
    swarm::SERVER,
};

/// Fails unless the API can listen, or does so already; `before` is where it listened.
pub fn check_api(state: &State, chosen: &Remembered, before: Option<SocketAddr>) -> Result<()> {
    let stays = before == Some(chosen.api_listen);
    if stays && service::running(state, OPERATOR)?.is_some() {
        return Ok(());
    }
    check::free(chosen.api_listen, "The API", "--api-listen")
}

/// Fails unless the chat servers that the manifests declare can listen, or do so already.
pub fn check_chat(state: &State, chosen: &Remembered, manifests: &[Manifest]) -> Result<()> {
    let mut taken = vec![(chosen.api_listen.port(), "the API".to_owned())];
    for manifest in manifests.iter().filter(|m| m.is_local_server()) {
        let (port, title) = (port(manifest)?, manifest.title());
        if let Some((_, other)) = taken.iter().find(|(used, _)| *used == port) {
            let how = if chosen.chat_port == Some(port) {
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
    for name in state.services()? {
        if name.starts_with(SERVER) && service::running(state, &name)?.is_some() {
            return Ok(());
        }
    }
    for manifest in manifests.iter().filter(|m| m.is_local_server()) {
        let what = format!("The chat server of {}", manifest.title());
        let listen = (Ipv4Addr::UNSPECIFIED, port(manifest)?).into();
        check::free(listen, &what, "--chat-port")?;
    }
    Ok(())
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

    #[test]
    fn two_that_want_one_port_are_told_before_anything_starts() {
        let base = tempfile::tempdir().unwrap();
        let state = State::below(base.path(), "x");
        let listen = "127.0.0.1:7443".parse().unwrap();
        let chosen = Remembered::new("/s".into(), "image".into(), listen);
        let said = |manifests: &[Manifest]| {
            let error = check_chat(&state, &chosen, manifests).unwrap_err();
            error.to_string()
        };
        let api = said(&[server("s", 7443)]);
        assert!(
            api.contains("Node s and the API want the same port 7443"),
            "{api}"
        );
        let two = said(&[server("a", 6667), server("b", 6667)]);
        assert!(
            two.contains("Node b and Node a want the same port 6667"),
            "{two}"
        );
    }
}
