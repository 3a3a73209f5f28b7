//! What a swarm is configured with: by flags, by what is remembered, or by what is usual.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use agentchat_api::{SCRIPTED_MODEL, SCRIPTED_MODEL_ANNOTATION};
use agentchat_driver::{Engine, probe::default_socket};
use agentchat_manifests::{Kind, Manifest, Overlay, Source, merge};
use anyhow::{Context, Result, bail};
use serde_json::json;

use super::{credentials::Credential, flags::Up};
use crate::{
    check,
    state::{Credentials, SwarmConfig},
};

/// Where a port for the API is looked for that nobody has chosen.
const API_PORT: u16 = 7443;

/// How agents reach the scripted model.
pub fn model_url() -> String {
    let (host, port) = SCRIPTED_MODEL;
    format!("http://{host}:{port}")
}

impl Up {
    /// All of it; checks what can be checked without starting anything.
    pub fn configure(
        &self,
        remembered: Option<SwarmConfig>,
        credential: Option<&Credential>,
    ) -> Result<SwarmConfig> {
        let mut config = match remembered {
            Some(remembered) => remembered,
            None => self.first()?,
        };
        if let Some(socket) = &self.socket {
            config.socket = std::path::absolute(socket)?;
        }
        if let Some(image) = &self.agent_image {
            config.agent_image.clone_from(image);
        }
        config.server_image = self.server_image.clone().or(config.server_image);
        config.model_image = self.model_image.clone().or(config.model_image);
        config.api_listen = self.api_listen.unwrap_or(config.api_listen);
        config.chat_port = self.chat_port.or(config.chat_port);
        if !self.files.is_empty() {
            let absolute = |path: &PathBuf| {
                if Source::from(path.as_path()).is_input() {
                    return Ok(path.clone());
                }
                fs::canonicalize(path).with_context(|| format!("{} can't be read", path.display()))
            };
            config.manifests = self.files.iter().map(absolute).collect::<Result<_>>()?;
        } else if config
            .manifests
            .iter()
            .any(|path| Source::from(path.as_path()).is_input())
        {
            bail!(
                "the manifests of the last `up` came from standard input, which is not remembered; give all of \
                 them again with -f"
            );
        }
        if credential.is_some() {
            config.credentials = Credentials::Given;
        } else if self.credential.scripted_model {
            config.credentials = Credentials::ScriptedModel;
        }
        images(&config)?;
        Ok(config)
    }

    /// The first configuration of a swarm that was never up.
    fn first(&self) -> Result<SwarmConfig> {
        if self.files.is_empty() {
            bail!("no manifest is given; give a manifest or a folder of them with -f");
        }
        let Some(image) = &self.agent_image else {
            bail!(
                "which image do agents run? give it with --agent-image; `cargo xtask image` builds one"
            );
        };
        let listen = self.api_listen.map_or_else(api_listen, Ok)?;
        Ok(SwarmConfig::new(default_socket(), image.clone(), listen))
    }
}

/// Images that the swarm runs, each with its flag. Fails when one is not named.
fn images(config: &SwarmConfig) -> Result<Vec<(&str, &str)>> {
    let Some(server) = &config.server_image else {
        bail!(
            "which image does the chat server run? give it with --server-image; `cargo xtask image` builds one"
        );
    };
    let mut images = vec![
        (config.agent_image.as_str(), "--agent-image"),
        (server.as_str(), "--server-image"),
    ];
    match (&config.model_image, config.credentials) {
        (_, Credentials::Given) => {}
        (Some(model), Credentials::ScriptedModel) => images.push((model, "--model-image")),
        (None, Credentials::ScriptedModel) => bail!(
            "which image does the scripted model run? give it with --model-image (`cargo xtask image` builds one), \
             or give a credential for the real model with --oauth-token-file or --api-key-file"
        ),
    }
    Ok(images)
}

/// Where the API listens when nobody says.
pub fn api_listen() -> Result<SocketAddr> {
    let port = check::free_port(Ipv4Addr::LOCALHOST, API_PORT)?;
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

/// Lays on the manifests what the swarm changes in them. Without a credential, the first Node of role Server runs a
/// scripted model, for agents that name no other.
pub fn overlay(config: &SwarmConfig, manifests: &mut [Manifest]) {
    let image = config.model_image.as_ref();
    let image = image.filter(|_| config.credentials == Credentials::ScriptedModel);
    let overlay = Overlay {
        base_url: image.map(|_| model_url()),
        chat_port: config.chat_port,
    };
    overlay.lay_all(manifests);
    let is_server = |m: &&mut Manifest| {
        let role = m.source.pointer("/spec/role");
        m.kind == Kind::Node && role.is_some_and(|role| role == "Server")
    };
    if let (Some(image), Some(server)) = (image, manifests.iter_mut().find(is_server)) {
        let patch = json!({"metadata": {"annotations": {SCRIPTED_MODEL_ANNOTATION: image}}});
        merge(&mut server.overlay, &patch);
    }
}

/// Fails unless the engine has the images that the swarm runs.
pub async fn check_images(config: &SwarmConfig) -> Result<()> {
    // Images are of no swarm, and this one may not have an id yet.
    let engine = check::engine(&config.socket, "")?;
    for (image, flag) in images(config)? {
        let found = engine.image_id(image).await;
        if found.map_err(check::engine_error)?.is_none() {
            bail!(
                "Podman at {} has no image {image}; `cargo xtask image` builds one and prints its name for {flag}",
                config.socket.display()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use agentchat_manifests::OWN_API;
    use clap::Parser;

    use super::*;

    #[test]
    fn scripted_model_runs_on_the_first_server_until_a_credential_is_given() {
        let node = |name: &str, role: &str| {
            let spec = json!({"role": role, "machine": {"local": {}}});
            let value = json!({"apiVersion": OWN_API, "kind": "Node",
                "metadata": {"name": name}, "spec": spec});
            Manifest::read(value).unwrap()
        };
        let listen = "127.0.0.1:7443".parse().unwrap();
        let mut config = SwarmConfig::new("/s".into(), "image".into(), listen);
        config.model_image = Some("model:1".into());
        config.chat_port = Some(7);
        let mut all = [
            node("a", "Client"),
            node("b", "Server"),
            node("c", "Server"),
        ];
        overlay(&config, &mut all);
        let image = |m: &Manifest| {
            m.effective()["metadata"]["annotations"][SCRIPTED_MODEL_ANNOTATION].clone()
        };
        let images: Vec<_> = all.iter().map(image).collect();
        assert_eq!(images, [json!(null), json!("model:1"), json!(null)]);
        assert_eq!(all[1].effective()["spec"]["server"]["port"], 7);
        config.credentials = Credentials::Given;
        overlay(&config, &mut all);
        assert_eq!(image(&all[1]), json!(null));
    }

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        up: Up,
    }

    #[test]
    fn manifests_from_standard_input_are_not_remembered() {
        let base = tempfile::tempdir().unwrap();
        let listen = "127.0.0.1:7443".parse().unwrap();
        let mut remembered = SwarmConfig::new("/s".into(), "image".into(), listen);
        remembered.server_image = Some("server".into());
        remembered.credentials = Credentials::Given;
        remembered.manifests = vec![base.path().into(), "-".into()];
        let configure = |line: &str| {
            let up = Line::parse_from(line.split(' ')).up;
            up.configure(Some(remembered.clone()), None)
        };
        let refused = configure("up").unwrap_err().to_string();
        assert!(
            refused.contains("give all of them again with -f"),
            "{refused}"
        );
        let config = configure("up -f -").unwrap();
        assert_eq!(config.manifests, [PathBuf::from("-")]);
    }
}
