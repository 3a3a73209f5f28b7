//! One lasting connection to one chat server.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use agentchat_client::{Allowed, Client as Chat, ClientError, Event, Events, Options};
use agentchat_protocol::Identity;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::ServerAccess;
use crate::error::Error;

/// How long one request to a chat server may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// What a chat server answers when a channel is there already.
const CHANNEL_EXISTS: &str = "CHANNEL_EXISTS";
/// What it answers when a key that is to be revoked is not on the allowlist.
const NOT_LISTED: &str = "AGENT_NOT_FOUND";
/// The note of the operator's own key.
const OPERATOR: &str = "operator";

/// What a chat server has of what the operator keeps there.
#[derive(Clone, Debug, Default)]
pub struct ServerContents {
    /// Names of its channels, with `#`.
    pub channels: Vec<String>,
    /// Its allowlist.
    pub allowed: Vec<Allowed>,
}

/// One lasting connection to one chat server.
pub struct Session {
    access: ServerAccess,
    chat: Chat,
    /// The operator's own public key.
    key: String,
    /// Whether that key was put on the allowlist.
    introduced: AtomicBool,
    approved: Arc<Approved>,
}

/// Keys that were put on the allowlist since the last connection: a server that comes back may have forgotten.
#[derive(Default)]
struct Approved(Mutex<HashSet<String>>);

impl Approved {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Opens it, without waiting for anything.
    pub fn open(
        access: &ServerAccess,
        identity: Identity,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> Arc<Self> {
        let key = identity.public_key_pem();
        let (chat, events) = Chat::start(Options {
            url: access.url.clone(),
            ca_pem: Some(access.ca_pem.clone()),
            name: "agentchat-operator".into(),
            identity: Some(identity),
            channels: vec![],
        });
        let approved = Arc::<Approved>::default();
        let listening = listen(events, approved.clone());
        let shutdown = shutdown.clone();
        tasks.spawn(async move { shutdown.run_until_cancelled(listening).await });
        Arc::new(Self {
            access: access.clone(),
            chat,
            key,
            introduced: AtomicBool::new(false),
            approved,
        })
    }

    /// Whether it is the session that this access leads to.
    pub fn is_for(&self, access: &ServerAccess) -> bool {
        self.access == *access
    }

    /// Puts a key on the server's allowlist, unless that was done since the last connection.
    pub async fn approve(&self, key: &str, note: &str) -> Result<(), Error> {
        if self.approved.lock().contains(key) {
            return Ok(());
        }
        self.admit(key, note).await?;
        self.approved.lock().insert(key.to_owned());
        Ok(())
    }

    /// Whether a key was put on the allowlist since the last connection.
    pub fn is_approved(&self, key: &str) -> bool {
        self.approved.lock().contains(key)
    }

    /// Takes an agent's key off the server's allowlist, by the agent's id; absent is fine.
    pub async fn revoke(&self, agent_id: &str) -> Result<(), Error> {
        let is_of = |key: &String| agentchat_protocol::agent_id(key) == agent_id;
        self.approved.lock().retain(|key| !is_of(key));
        let revoked = self
            .chat
            .admin_revoke_agent(agent_id, &self.access.admin_key);
        match within(revoked).await {
            Err(ClientError::Server { code, .. }) if code == NOT_LISTED => Ok(()),
            revoked => Ok(revoked?),
        }
    }

    /// Asks the server for what it has: also the check that it answers.
    pub async fn observe(&self) -> Result<ServerContents, Error> {
        if !self.introduced.load(Ordering::Relaxed) {
            self.admit(&self.key, OPERATOR).await?;
            self.introduced.store(true, Ordering::Relaxed);
        }
        self.chat.connected_within(DEADLINE).await?;
        let channels = within(self.chat.list_channels()).await?;
        let allowed = within(self.chat.admin_list(&self.access.admin_key)).await?;
        Ok(ServerContents {
            channels: channels.into_iter().map(|channel| channel.name).collect(),
            allowed,
        })
    }

    /// Makes a channel; one that is there already is fine.
    pub async fn create_channel(&self, channel: &str) -> Result<(), Error> {
        match within(self.chat.create_channel(channel, false, false)).await {
            Err(ClientError::Server { code, .. }) if code == CHANNEL_EXISTS => Ok(()),
            made => Ok(made?),
        }
    }

    /// Ends it.
    pub async fn close(&self) {
        // A server that does not take the farewell is left without one.
        drop(tokio::time::timeout(DEADLINE, self.chat.shutdown()).await);
    }

    async fn admit(&self, key: &str, note: &str) -> Result<(), ClientError> {
        within(
            self.chat
                .admin_approve(key, &self.access.admin_key, Some(note)),
        )
        .await
    }
}

/// Nothing that is said concerns the operator; but when the server was away, what it knew may be gone.
async fn listen(mut events: Events, approved: Arc<Approved>) {
    while let Some(event) = events.recv().await {
        if let Event::Connected(_) | Event::Disconnected { .. } | Event::Refused { .. } = event {
            approved.lock().clear();
        }
    }
}

async fn within<T>(
    request: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    let late = || ClientError::Disconnected(format!("no answer within {} s", DEADLINE.as_secs()));
    tokio::time::timeout(DEADLINE, request)
        .await
        .unwrap_or_else(|_| Err(late()))
}
