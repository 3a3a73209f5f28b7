//! Everything that comes from outside, checked once.

use std::{env, fs, io, time::Duration};

use agentchat_contract::{AgentConfig, FileError, Layout, paths};
use agentchat_protocol::Identity;

/// How long messages that come together are waited for, unless `AGENTCHAT_SETTLE_MS` says otherwise.
const SETTLE: Duration = Duration::from_millis(200);

/// What the server needs to know.
pub struct Settings {
    /// `wss://host:port`.
    pub url: String,
    /// Name that others see.
    pub name: String,
    /// Key to prove.
    pub identity: Option<Identity>,
    /// What may change while the server runs.
    pub live: LiveSettings,
    /// How long messages that come together are waited for.
    pub settle: Duration,
}

/// What may change while the server runs: each delivery brings it anew.
#[derive(Debug, PartialEq, Eq)]
pub struct LiveSettings {
    /// Channels to be in at all times.
    pub channels: Vec<String>,
    /// CA certificate of the chat server, PEM.
    pub ca_pem: Option<String>,
}

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file can't be read.
    #[error("{path} can't be read")]
    Read {
        /// Its path.
        path: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The configuration can't be used.
    #[error(transparent)]
    Config(#[from] FileError),
    /// The key is not one.
    #[error("{} is not a private key in PKCS#8 PEM", paths::IDENTITY)]
    Identity(#[source] agentchat_protocol::IdentityError),
    /// The key is missing.
    #[error(
        "{} is missing, and the agent is to have a key of its own",
        paths::IDENTITY
    )]
    NoIdentity,
    /// Nowhere to connect to.
    #[error(
        "no chat server is given; set AGENTCHAT_URL, or chat.url in {}",
        paths::CONFIG
    )]
    NoServer,
}

impl Settings {
    /// From `/etc/agent`, `/run/secrets` and the environment; the environment wins.
    pub fn load(layout: &Layout) -> Result<Self, SettingsError> {
        let config = config(layout)?;
        let identity = match read(layout, paths::IDENTITY)? {
            Some(pem) => Some(Identity::from_pkcs8_pem(&pem).map_err(SettingsError::Identity)?),
            None if config.chat.persistent_identity => return Err(SettingsError::NoIdentity),
            None => None,
        };
        let given = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let url = given("AGENTCHAT_URL").unwrap_or(config.chat.url);
        if url.is_empty() {
            return Err(SettingsError::NoServer);
        }
        let settle = given("AGENTCHAT_SETTLE_MS").and_then(|value| value.parse().ok());
        let names = [
            given("AGENT_NAME"),
            Some(config.display_name),
            Some(config.name),
        ];
        let name = names.into_iter().flatten().find(|name| !name.is_empty());
        Ok(Self {
            url,
            name: name.unwrap_or_else(|| "agent".to_owned()),
            identity,
            live: LiveSettings {
                channels: config.chat.channels,
                ca_pem: read(layout, paths::CA)?,
            },
            settle: settle.map_or(SETTLE, Duration::from_millis),
        })
    }
}

impl LiveSettings {
    /// As they were delivered last.
    pub fn load(layout: &Layout) -> Result<Self, SettingsError> {
        Ok(Self {
            channels: config(layout)?.chat.channels,
            ca_pem: read(layout, paths::CA)?,
        })
    }
}

/// The configuration; without one, all comes from the environment.
fn config(layout: &Layout) -> Result<AgentConfig, FileError> {
    match AgentConfig::read(layout) {
        Err(error) if error.is_absent() => Ok(AgentConfig::default()),
        read => read,
    }
}

fn read(layout: &Layout, path: &'static str) -> Result<Option<String>, SettingsError> {
    match fs::read_to_string(layout.path(path)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SettingsError::Read { path, source }),
    }
}
