//! Being in channels.

use std::{sync::Arc, time::Duration};

use agentchat_client::ClientError;
use agentchat_contract::ChatState;

use super::Chat;
use crate::report::away;

/// Between two tries to join: the operator may make a channel after its first agent is up.
const AGAIN: Duration = Duration::from_secs(1);

impl Chat {
    /// Joins all channels, again and again until the configured ones are joined; then reports that the chat
    /// is connected. Ends when the connection does: the next one starts it anew.
    pub(super) async fn join_all(self: Arc<Self>, agent_id: String) {
        let mut left: Vec<String> = self.configured.clone();
        let extra: Vec<String> = self.rooms().extra.iter().cloned().collect();
        left.extend(
            extra
                .into_iter()
                .filter(|channel| !self.configured.contains(channel)),
        );
        loop {
            let mut refused = None;
            let mut again = vec![];
            for channel in left {
                match self.join(&channel).await {
                    Ok(()) => {
                        self.rooms().joined.insert(channel);
                    }
                    Err(ClientError::Server { code, message }) => {
                        tracing::warn!(channel, code, why = message, "can't join");
                        if self.configured.contains(&channel) {
                            let text = format!("can't join {channel}: {message}");
                            refused.get_or_insert_with(|| away(&code, &text));
                            again.push(channel);
                        } else {
                            self.rooms().extra.remove(&channel);
                        }
                    }
                    Err(ClientError::Disconnected(_) | ClientError::Closed) => return,
                }
            }
            let Some(refused) = refused else { break };
            self.state.send_if_modified(|state| {
                let changed = *state != refused;
                *state = refused;
                changed
            });
            left = again;
            tokio::time::sleep(AGAIN).await;
        }
        tracing::info!(agent_id, "connected");
        self.state.send_replace(ChatState {
            connected: true,
            agent_id: Some(agent_id),
            reason: None,
            message: None,
        });
    }

    /// Joins a channel and waits for its history: the server answers in order.
    async fn join(&self, channel: &str) -> Result<(), ClientError> {
        self.client.join(channel).await?;
        self.client.ping().await
    }

    /// Joins a channel unless the agent is in it; it is joined again at each connection.
    pub async fn enter(&self, channel: &str) -> Result<(), ClientError> {
        if self.rooms().joined.contains(channel) {
            return Ok(());
        }
        let configured = self.configured.iter().any(|c| c == channel);
        if !configured {
            // Before it is joined: its history follows the server's answer at once.
            self.rooms().extra.insert(channel.to_owned());
        }
        let joined = self.join(channel).await;
        let mut rooms = self.rooms();
        match &joined {
            Ok(()) => {
                rooms.joined.insert(channel.to_owned());
            }
            Err(ClientError::Server { .. }) => {
                rooms.extra.remove(channel);
            }
            Err(ClientError::Disconnected(_) | ClientError::Closed) => {}
        }
        joined
    }

    /// For listening: joins what is not a matter of course. Without a connection it waits for the next.
    pub async fn attend(&self, channel: &str) -> Result<(), ClientError> {
        if self.configured.iter().any(|c| c == channel) {
            return Ok(());
        }
        match self.enter(channel).await {
            Err(ClientError::Disconnected(_)) => Ok(()),
            other => other,
        }
    }
}
