//! One lasting connection per chat server.

use std::collections::{HashMap, HashSet};

use agentchat_api::{IDENTITY_KEY, SYSTEM_NAMESPACE};
use agentchat_client::{Client as Chat, ClientError, Options};
use kube::Client;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{ServerAccess, ensure_identity};
use crate::error::{Error, chain};

/// Secret with the operator's own identity.
const OPERATOR_IDENTITY: &str = "operator-identity";
/// How long one request to a chat server may take.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(5);

/// Connections to chat servers, by Node; opened when first needed, opened anew when what it takes to
/// reach the server changed.
pub struct ChatServers {
    client: Client,
    shutdown: CancellationToken,
    sessions: Mutex<HashMap<String, Session>>,
}

struct Session {
    access: ServerAccess,
    chat: Chat,
    approved: HashSet<String>,
}

impl ChatServers {
    /// None open yet.
    pub fn new(client: Client, shutdown: CancellationToken) -> Self {
        Self {
            client,
            shutdown,
            sessions: Mutex::default(),
        }
    }

    /// Puts a key on the server's allowlist, once.
    pub async fn approve(&self, access: &ServerAccess, key: &str, note: &str) -> Result<(), Error> {
        let mut sessions = self.sessions.lock().await;
        let session = self.session(&mut sessions, access).await?;
        if !session.approved.contains(key) {
            within(
                session
                    .chat
                    .admin_approve(key, &access.admin_key, Some(note)),
            )
            .await?;
            session.approved.insert(key.to_owned());
        }
        Ok(())
    }

    /// Checks that the server answers, and makes the declared channels that it lacks.
    pub async fn keep_channels(
        &self,
        access: &ServerAccess,
        channels: &[String],
    ) -> Result<(), Error> {
        let mut sessions = self.sessions.lock().await;
        let session = self.session(&mut sessions, access).await?;
        let present = within(session.chat.list_channels()).await?;
        for channel in channels {
            if !present.iter().any(|c| c.name == *channel) {
                match within(session.chat.create_channel(channel, false, false)).await {
                    Ok(_) => {}
                    Err(error) => {
                        if !error.to_string().contains("CHANNEL_EXISTS") {
                            return Err(error);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Drops the connection to the server of a Node.
    pub async fn forget(&self, node: &str) {
        if let Some(session) = self.sessions.lock().await.remove(node) {
            session.chat.shutdown().await;
        }
    }

    /// Closes all connections.
    pub async fn shutdown(&self) {
        for (_, session) in self.sessions.lock().await.drain() {
            session.chat.shutdown().await;
        }
    }
}

impl ChatServers {
    async fn session<'a>(
        &self,
        sessions: &'a mut HashMap<String, Session>,
        access: &ServerAccess,
    ) -> Result<&'a mut Session, Error> {
        let stale = sessions.get(&access.node).is_some_and(|s| {
            (&s.access.url, &s.access.ca_pem, &s.access.admin_key)
                != (&access.url, &access.ca_pem, &access.admin_key)
        });
        if stale && let Some(old) = sessions.remove(&access.node) {
            old.chat.shutdown().await;
        }
        if !sessions.contains_key(&access.node) {
            let session = self.open(access).await?;
            sessions.insert(access.node.clone(), session);
        }
        sessions
            .get_mut(&access.node)
            .ok_or_else(|| Error::Chat("the connection was closed".into()))
    }

    /// Opens the connection: the operator first puts its own key on the allowlist.
    async fn open(&self, access: &ServerAccess) -> Result<Session, Error> {
        let identity = ensure_identity(
            &self.client,
            SYSTEM_NAMESPACE,
            OPERATOR_IDENTITY,
            IDENTITY_KEY,
        )
        .await?;
        let key = identity.public_key_pem();
        let options = Options {
            url: access.url.clone(),
            ca_pem: Some(access.ca_pem.clone()),
            name: "agentchat-operator".into(),
            identity: Some(identity),
            channels: vec![],
        };
        let (chat, mut events) = Chat::start(options);
        // Nothing that is said concerns the operator; the events only have to be taken away.
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move {
            shutdown
                .run_until_cancelled(async { while events.recv().await.is_some() {} })
                .await;
        });
        within(chat.admin_approve(&key, &access.admin_key, Some("operator"))).await?;
        within(chat.connected()).await?;
        Ok(Session {
            access: access.clone(),
            chat,
            approved: HashSet::from([key]),
        })
    }
}

async fn within<T>(request: impl Future<Output = Result<T, ClientError>>) -> Result<T, Error> {
    match tokio::time::timeout(DEADLINE, request).await {
        Ok(answer) => answer.map_err(|error| Error::Chat(chain(&error))),
        Err(_) => Err(Error::Chat(format!(
            "no answer within {} s",
            DEADLINE.as_secs()
        ))),
    }
}
