//! What was chosen when the swarm was first brought up, kept in `swarm.json`.

use std::{fs, io, net::SocketAddr, path::PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::{State, write_private};

const FILE: &str = "swarm.json";
/// Written into the file; another number means another program.
const VERSION: u32 = 1;

/// Where the agents' model credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credentials {
    /// None were given: the scripted model answers.
    ScriptedModel,
    /// A person gave some; they are in the Secret `claude`.
    Given,
}

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Remembered {
    version: u32,
    /// Podman's socket.
    pub socket: PathBuf,
    /// Image of agents that name none.
    pub agent_image: String,
    /// Where the API listens.
    pub api_listen: SocketAddr,
    /// Port of the chat server instead of the manifest's.
    pub chat_port: Option<u16>,
    /// Node whose chat server has the service's plain name.
    pub chat_server: Option<String>,
    /// Port of the scripted model.
    pub model_port: Option<u16>,
    /// Where credentials come from.
    pub credentials: Credentials,
    /// Files and folders of manifests.
    pub manifests: Vec<PathBuf>,
    /// Whether everything was stopped in good order.
    pub down: bool,
}

impl Remembered {
    /// A first choice.
    pub fn new(socket: PathBuf, agent_image: String, api_listen: SocketAddr) -> Self {
        Self {
            version: VERSION,
            socket,
            agent_image,
            api_listen,
            chat_port: None,
            chat_server: None,
            model_port: None,
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
        let what = || format!("{} can't be understood", path.display());
        let version: Version = serde_json::from_slice(&text).with_context(what)?;
        if version.version != VERSION {
            bail!(
                "{} is of version {}, this agentctl knows {VERSION}; use the agentctl that wrote it",
                path.display(),
                version.version
            );
        }
        serde_json::from_slice(&text).with_context(what).map(Some)
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
    fn what_was_written_is_read_and_another_version_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let state = State::below(base.path(), "x");
        state.create().unwrap();
        assert_eq!(Remembered::read(&state).unwrap(), None);
        let mut chosen = Remembered::new(
            "/s".into(),
            "image".into(),
            "127.0.0.1:7443".parse().unwrap(),
        );
        chosen.chat_port = Some(7);
        chosen.write(&state).unwrap();
        assert_eq!(Remembered::read(&state).unwrap(), Some(chosen));
        fs::write(state.path(FILE), r#"{"version": 9, "x": 1}"#).unwrap();
        let refused = Remembered::read(&state).unwrap_err().to_string();
        assert!(refused.contains("version 9"), "{refused}");
    }
}
