//! The configuration, as it was delivered last.

use agentchat_contract::{AgentConfig, FileError, Layout};

/// The configuration. It is read again whenever it is needed, so that what a delivery changed counts at once.
pub struct Config {
    layout: Layout,
    last: AgentConfig,
}

impl Config {
    pub fn load(layout: &Layout) -> Result<Self, FileError> {
        Ok(Self {
            layout: layout.clone(),
            last: AgentConfig::read(layout)?,
        })
    }

    /// As it is now; as it was last when it can't be read, which no delivery leads to.
    pub fn current(&mut self) -> &AgentConfig {
        match AgentConfig::read(&self.layout) {
            Ok(config) => self.last = config,
            Err(error) => tracing::warn!(%error, "going on with the configuration of before"),
        }
        &self.last
    }
}
