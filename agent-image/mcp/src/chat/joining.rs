//! Being in channels.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use agentchat_client::ClientError;
use agentchat_contract::ChatState;

use super::Chat;
use crate::report::not_connected;

/// Between two tries to join: the operator may make a channel after its first agent is up.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

impl Chat {
    /// Is in the configured channels for as long as the connection stands, and in those that tools asked for:
    /// leaves and joins what a delivery changes, tries again what is refused, and reports the chat as connected
    /// whenever all configured ones are joined. Ends with the connection: the next one starts it anew.
    pub(super) async fn keep_joined(self: Arc<Self>, agent_id: String) {
        let mut configured = self.configured();
        loop {
            let wanted = configured.borrow_and_update().clone();
            let Ok(refused) = self.join_wanted(&wanted).await else {
                return;
            };
            let all_joined = refused.is_none();
            let now = refused.unwrap_or_else(|| ChatState {
                connected: true,
                agent_id: Some(agent_id.clone()),
                reason: None,
                message: None,
            });
            let changed = self.state.send_if_modified(|state| {
                let changed = *state != now;
                *state = now;
                changed
            });
            if changed && all_joined {
                tracing::info!(agent_id, "connected");
            }
            let again = async {
                match all_joined {
                    true => std::future::pending().await,
                    false => tokio::time::sleep(RETRY_INTERVAL).await,
                }
            };
            tokio::select! {
                () = again => {}
                changed = configured.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }

    /// Leaves what is not wanted any more, and joins what is missing. Gives why the first of the configured
    /// channels that could not be joined was refused; fails when the connection does.
    async fn join_wanted(&self, configured: &[String]) -> Result<Option<ChatState>, ClientError> {
        let (gone, missing) = {
            let membership = self.membership();
            let wanted: BTreeSet<_> = configured
                .iter()
                .chain(&membership.extra)
                .cloned()
                .collect();
            let gone: Vec<_> = membership.entered.difference(&wanted).cloned().collect();
            // In the order of the configuration, since the first that is refused is reported.
            let others = membership.extra.iter().filter(|c| !configured.contains(c));
            let missing = configured.iter().chain(others);
            let missing = missing.filter(|channel| !membership.joined.contains(*channel));
            (gone, missing.cloned().collect::<Vec<_>>())
        };
        for channel in gone {
            match self.leave(&channel).await {
                Ok(()) => tracing::info!(channel, "left: it is not the agent's any more"),
                Err(ClientError::Server { code, message }) => {
                    tracing::warn!(channel, code, why = message, "can't leave");
                }
                Err(error) => return Err(error),
            }
        }
        let mut refused = None;
        for channel in missing {
            match self.join_and_wait(&channel).await {
                Ok(()) => {}
                Err(ClientError::Server { code, message }) => {
                    tracing::warn!(channel, code, why = message, "can't join");
                    if configured.contains(&channel) {
                        let text = format!("can't join {channel}: {message}");
                        refused.get_or_insert_with(|| not_connected(&code, &text));
                    } else {
                        self.membership().extra.remove(&channel);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(refused)
    }

    /// Joins a channel and waits for its history: the server answers in order.
    async fn join_and_wait(&self, channel: &str) -> Result<(), ClientError> {
        self.client.join(channel).await?;
        self.membership().entered.insert(channel.to_owned());
        self.client.ping().await?;
        self.membership().joined.insert(channel.to_owned());
        Ok(())
    }

    /// Joins a channel unless the agent is in it; it is joined again at each connection.
    pub async fn join(&self, channel: &str) -> Result<(), ClientError> {
        if self.membership().joined.contains(channel) {
            return Ok(());
        }
        if !self.is_configured(channel) {
            // Before it is joined: its history follows the server's answer at once.
            self.membership().extra.insert(channel.to_owned());
        }
        let joined = self.join_and_wait(channel).await;
        if let Err(ClientError::Server { .. }) = &joined {
            self.membership().extra.remove(channel);
        }
        joined
    }

    /// For listening: joins what is not a matter of course. Without a connection it waits for the next.
    pub async fn join_for_listening(&self, channel: &str) -> Result<(), ClientError> {
        if self.is_configured(channel) {
            return Ok(());
        }
        match self.join(channel).await {
            Err(ClientError::Disconnected(_)) => Ok(()),
            other => other,
        }
    }
}
