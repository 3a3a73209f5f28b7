//! The connection to the chat: comes back by itself, is in its channels, fills the inbox.

mod joining;
mod sent_dedup;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use agentchat_client::{Channel, Client, ClientError, Event, Events, Options, Sent};
use agentchat_contract::ChatState;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use self::sent_dedup::SentDedup;
use crate::{
    inbox::Inbox,
    report::not_connected,
    settings::{LiveSettings, Settings},
};

/// How long a tool waits for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// A message that came too soon after the last is tried this often, with this pause.
const SEND_TRIES: (u32, Duration) = (10, Duration::from_millis(300));
/// The server's own notices come from here.
const SERVER: &str = "@server";

/// The connection.
pub struct Chat {
    client: Client,
    url: String,
    /// Channels to be in at all times; deliveries change them.
    configured: watch::Sender<Vec<String>>,
    inbox: Arc<Inbox>,
    membership: Mutex<Membership>,
    state: watch::Sender<ChatState>,
}

/// The channels that the agent is in, and how others know it.
#[derive(Default)]
struct Membership {
    joined: BTreeSet<String>,
    /// Channels that the client was told to join, by whatever connection, and was not told to leave: it joins
    /// them again at each connection.
    entered: BTreeSet<String>,
    /// Channels that tools have asked for, beyond the configured ones.
    extra: BTreeSet<String>,
    /// Ids by which this process was known; ephemeral ones change.
    own: BTreeSet<String>,
    sent: SentDedup,
}

impl Chat {
    /// Starts to connect and returns at once. `state` says how it stands, at all times.
    pub fn start(
        settings: Settings,
        inbox: Arc<Inbox>,
        state: watch::Sender<ChatState>,
    ) -> Arc<Self> {
        let (client, events) = Client::start(Options {
            url: settings.url.clone(),
            ca_pem: settings.live.ca_pem,
            name: settings.name,
            identity: settings.identity,
            // Joined here instead: a channel that is not there yet must be seen, and tried again.
            channels: vec![],
        });
        let chat = Arc::new(Self {
            client,
            url: settings.url,
            configured: watch::Sender::new(settings.live.channels),
            inbox,
            membership: Mutex::default(),
            state,
        });
        tokio::spawn(chat.clone().follow(events));
        chat
    }

    /// Takes other settings in: joins and leaves what changed, by the connection that stands, and trusts the CA
    /// from the next connection on.
    pub fn change(&self, live: LiveSettings) {
        self.client.set_ca(live.ca_pem);
        self.configured.send_if_modified(|channels| {
            let changed = *channels != live.channels;
            *channels = live.channels;
            changed
        });
    }

    fn membership(&self) -> MutexGuard<'_, Membership> {
        self.membership
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn follow(self: Arc<Self>, mut events: Events) {
        // Its presence says that the connection stands; dropping it ends the joining.
        let mut joining: Option<AbortOnDropHandle<()>> = None;
        while let Some(event) = events.recv().await {
            match event {
                Event::Connected(welcome) => {
                    if let Err(error) = self.inbox.connected(now_ms()) {
                        tracing::error!(%error, "the inbox can't be written");
                    }
                    let mut membership = self.membership();
                    membership.joined.clear();
                    membership.own.insert(welcome.agent_id.clone());
                    drop(membership);
                    // Apart from here: a join is answered only while events are taken.
                    let task = self.clone().keep_joined(welcome.agent_id);
                    joining = Some(AbortOnDropHandle::new(tokio::spawn(task)));
                }
                Event::Disconnected { reason } => {
                    joining = None;
                    self.membership().joined.clear();
                    tracing::info!(reason, "disconnected");
                    self.state
                        .send_replace(not_connected("Disconnected", &reason));
                }
                // An error of a connection that stands belongs to a frame, not to the connection.
                Event::Refused { code, message } if joining.is_some() => {
                    tracing::warn!(
                        code,
                        why = message,
                        "the chat server answered with an error"
                    );
                }
                Event::Refused { code, message } => {
                    tracing::warn!(code, why = message, "the chat server refuses this agent");
                    self.state.send_replace(not_connected(&code, &message));
                }
                Event::Message(message) => {
                    let mut membership = self.membership();
                    let own = membership.own.contains(&message.from);
                    if own
                        && let Some(id) = &message.msg_id
                        && let Some(answered) = &message.in_reply_to
                    {
                        membership
                            .sent
                            .note(&message.to, answered, &message.content, id);
                    }
                    // Servers may put an agent into channels that are not its own.
                    let elsewhere = message.to.starts_with('#')
                        && !self.is_configured(&message.to)
                        && !membership.extra.contains(&message.to);
                    drop(membership);
                    if own || elsewhere || message.from == SERVER {
                        continue;
                    }
                    if let Err(error) = self.inbox.add(message) {
                        tracing::error!(%error, "the inbox can't be written");
                    }
                }
                Event::JoinRefused {
                    channel,
                    code,
                    message,
                } => {
                    tracing::warn!(
                        channel,
                        code,
                        why = message,
                        "can't be in this channel again"
                    );
                }
                Event::Missed { channel } => {
                    tracing::warn!(channel, "the server no longer has all that was missed here");
                }
                _ => {}
            }
        }
    }

    /// The server's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Channels to be in at all times, as they change.
    pub fn configured(&self) -> watch::Receiver<Vec<String>> {
        self.configured.subscribe()
    }

    fn is_configured(&self, channel: &str) -> bool {
        self.configured.borrow().iter().any(|c| c == channel)
    }

    /// Channels that the agent is in.
    pub fn joined(&self) -> Vec<String> {
        self.membership().joined.iter().cloned().collect()
    }

    /// Waits for the connection, for a while; gives the agent's id.
    pub async fn connected(&self) -> Result<String, ClientError> {
        let late = || {
            ClientError::Disconnected(format!(
                "no connection within {} s",
                CONNECT_TIMEOUT.as_secs()
            ))
        };
        let welcome = tokio::time::timeout(CONNECT_TIMEOUT, self.client.connected()).await;
        Ok(welcome.map_err(|_| late())??.agent_id)
    }

    /// Sends a message; returns once the server has it. An answer that was sent before, in the same words, is not
    /// sent again.
    pub async fn send(
        &self,
        target: &str,
        content: &str,
        in_reply_to: Option<&str>,
    ) -> Result<Sent, ClientError> {
        self.connected().await?;
        if target.starts_with('#') {
            self.join(target).await?;
        }
        let sent_before = in_reply_to.and_then(|answered| {
            let membership = self.membership();
            membership
                .sent
                .find(target, answered, content)
                .map(str::to_owned)
        });
        if let Some(msg_id) = sent_before {
            tracing::info!(msg_id, "this answer was sent before");
            return Ok(Sent { msg_id });
        }
        let limited = |code: &str| code == "RATE_LIMITED";
        let mut tries = 1;
        loop {
            match self.client.send(target, content, in_reply_to).await {
                Err(ClientError::Server { code, .. }) if limited(&code) && tries < SEND_TRIES.0 => {
                    tries += 1;
                    tokio::time::sleep(SEND_TRIES.1).await;
                }
                Err(error @ ClientError::Server { .. }) => {
                    // Perhaps it is in the channel no longer; the next try finds out.
                    self.membership().joined.remove(target);
                    return Err(error);
                }
                other => return other,
            }
        }
    }

    /// Leaves a channel.
    pub async fn leave(&self, channel: &str) -> Result<(), ClientError> {
        self.client.leave(channel).await?;
        let mut membership = self.membership();
        membership.joined.remove(channel);
        membership.entered.remove(channel);
        membership.extra.remove(channel);
        Ok(())
    }

    /// The server's channels.
    pub async fn channels(&self) -> Result<Vec<Channel>, ClientError> {
        self.connected().await?;
        self.client.list_channels().await
    }

    /// Says what the agent is up to.
    pub async fn set_presence(&self, text: &str) -> Result<(), ClientError> {
        self.connected().await?;
        self.client.set_presence("online", Some(text)).await
    }

    /// Ends the connection.
    pub async fn shutdown(&self) {
        self.client.shutdown().await;
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
