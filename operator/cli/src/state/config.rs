//! What was chosen when the swarm was first brought up, kept in `swarm.json`.

use std::{fs, io, net::SocketAddr, path::PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::folder::{State, write_private};

const FILE: &str = "swarm.json";
/// Written into the file; a higher number means a newer program.
const VERSION: u32 = 2;

/// Where the agents' model credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credentials {
    /// None were given: the scripted model answers.
    ScriptedModel,
    /// A person gave some; they are in the Secret `claude`.
    Given,
}

/// What was chosen. Fields that version 1 lacks have defaults; those that only it had are passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SwarmConfig {
    version: u32,
    /// Podman's socket.
    pub socket: PathBuf,
    /// Image of agents that name none.
    pub agent_image: String,
    /// Image of chat servers whose Node names none; missing in version 1.
    #[serde(default)]
    pub server_image: Option<String>,
    /// Image of the scripted model; missing in version 1 and while it was never needed.
    #[serde(default)]
    pub model_image: Option<String>,
    /// The swarm's id, from its first start on: what it has on an engine is labelled with it.
    #[serde(default)]
    pub swarm_id: Option<String>,
    /// Where the API listens.
    pub api_listen: SocketAddr,
    /// Port of the chat server instead of the manifest's.
    pub chat_port: Option<u16>,
    /// Where credentials come from.
    pub credentials: Credentials,
    /// Files and folders of manifests.
    pub manifests: Vec<PathBuf>,
    /// Whether everything was stopped in good order.
    pub down: bool,
}

impl SwarmConfig {
    /// A first choice.
    pub fn new(socket: PathBuf, agent_image: String, api_listen: SocketAddr) -> Self {
        Self {
            version: VERSION,
            socket,
            agent_image,
            server_image: None,
            model_image: None,
            swarm_id: None,
            api_listen,
            chat_port: None,
            credentials: Credentials::ScriptedModel,
            manifests: vec![],
            down: false,
        }
    }

    /// Reads it; `None` when the swarm was never up.
    pub fn read(state: &State) -> Result<Option<Self>> {
        let path = state.path(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let what = || format!("{} is not a swarm's configuration", path.display());
        let Version { version } = serde_json::from_slice(&text).with_context(what)?;
        if !(1..=VERSION).contains(&version) {
            bail!(
                "{} is of version {version}, this agentctl knows 1 to {VERSION}; use the agentctl that wrote it",
                path.display()
            );
        }
        let config: Self = serde_json::from_slice(&text).with_context(what)?;
        Ok(Some(Self {
            version: VERSION,
            ..config
        }))
    }

    /// Writes it.
    pub fn write(&self, state: &State) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        write_private(&state.path(FILE), &text).map(drop)
    }
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_configuration_is_read_and_newer_version_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let state = State::below(base.path(), "x");
        state.create().unwrap();
        assert_eq!(SwarmConfig::read(&state).unwrap(), None);
        let mut config = SwarmConfig::new(
            "/s".into(),
            "image".into(),
            "127.0.0.1:7443".parse().unwrap(),
        );
        config.chat_port = Some(7);
        config.write(&state).unwrap();
        assert_eq!(SwarmConfig::read(&state).unwrap(), Some(config));
        fs::write(state.path(FILE), r#"{"version": 9, "x": 1}"#).unwrap();
        let refused = SwarmConfig::read(&state).unwrap_err().to_string();
        assert!(refused.contains("version 9"), "{refused}");
    }

    #[test]
    fn configuration_of_version_1_is_read() {
        let base = tempfile::tempdir().unwrap();
        let state = State::below(base.path(), "x");
        state.create().unwrap();
        let text = r#"{"version": 1, "socket": "/s", "agentImage": "image", "apiListen": "127.0.0.1:7443",
            "chatPort": 6668, "chatServer": "server-1", "modelPort": 8089, "credentials": "scripted-model",
            "manifests": ["/m"], "down": false}"#;
        fs::write(state.path(FILE), text).unwrap();
        let listen = "127.0.0.1:7443".parse().unwrap();
        let wanted = SwarmConfig {
            chat_port: Some(6668),
            manifests: vec!["/m".into()],
            ..SwarmConfig::new("/s".into(), "image".into(), listen)
        };
        assert_eq!(SwarmConfig::read(&state).unwrap(), Some(wanted));
    }
}
