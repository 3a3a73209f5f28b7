//! All chat servers, each with its session.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use agentchat_api::{IDENTITY_KEY, SYSTEM_NAMESPACE};
use kube::Client;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{ServerAccess, ServerContents, ensure_identity, session::Session};
use crate::error::Error;

/// Secret with the operator's own identity.
const OPERATOR_IDENTITY: &str = "operator-identity";

/// Sessions with chat servers, by Node; opened when first needed, opened anew when what it takes to
/// reach the server changed or the server stopped answering.
///
/// Nothing here waits for one server on behalf of another, and no lock is held while anything is waited for.
pub struct ChatServers {
    client: Client,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    sessions: Mutex<HashMap<String, Arc<Session>>>,
}

impl ChatServers {
    /// None open yet; what goes on behind the sessions is tracked, and ends with `shutdown`.
    pub fn new(client: Client, tasks: TaskTracker, shutdown: CancellationToken) -> Self {
        Self {
            client,
            tasks,
            shutdown,
            sessions: Mutex::default(),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a key on the server's allowlist, once for each time that the operator comes to the server.
    pub async fn approve(&self, access: &ServerAccess, key: &str, note: &str) -> Result<(), Error> {
        self.session(access).await?.approve(key, note).await
    }

    /// Whether a key is known to be on the server's allowlist.
    pub fn is_approved(&self, access: &ServerAccess, key: &str) -> bool {
        let sessions = self.sessions();
        let held = sessions
            .get(&access.node)
            .filter(|held| held.is_for(access));
        held.is_some_and(|session| session.is_approved(key))
    }

    /// Takes an agent's key off the server's allowlist, by the agent's id.
    pub async fn revoke(&self, access: &ServerAccess, agent_id: &str) -> Result<(), Error> {
        self.session(access).await?.revoke(agent_id).await
    }

    /// Makes a channel that the server lacks.
    pub async fn create_channel(&self, access: &ServerAccess, channel: &str) -> Result<(), Error> {
        self.session(access).await?.create_channel(channel).await
    }

    /// Asks the server for what it has: also the check that it answers.
    pub async fn observe(&self, access: &ServerAccess) -> Result<ServerContents, Error> {
        let session = self.session(access).await?;
        let contents = session.observe().await;
        if contents.is_err() {
            // It may have lost what it knew of us: the next look introduces the operator anew.
            self.close(&access.node, |held| Arc::ptr_eq(held, &session));
        }
        contents
    }

    /// Closes the session with the server of a Node.
    pub fn forget(&self, node: &str) {
        self.close(node, |_| true);
    }

    /// Closes all sessions, and waits for their ends.
    pub async fn shutdown(&self) {
        let all: Vec<_> = self
            .sessions()
            .drain()
            .map(|(_, session)| session)
            .collect();
        futures::future::join_all(all.iter().map(|session| session.close())).await;
    }

    fn close(&self, node: &str, which: impl Fn(&Arc<Session>) -> bool) {
        let mut sessions = self.sessions();
        if sessions.get(node).is_some_and(which)
            && let Some(session) = sessions.remove(node)
        {
            self.tasks.spawn(async move { session.close().await });
        }
    }

    async fn session(&self, access: &ServerAccess) -> Result<Arc<Session>, Error> {
        self.close(&access.node, |held| !held.is_for(access));
        if let Some(held) = self.sessions().get(&access.node) {
            return Ok(held.clone());
        }
        let identity = ensure_identity(
            &self.client,
            None,
            (SYSTEM_NAMESPACE, OPERATOR_IDENTITY),
            IDENTITY_KEY,
        )
        .await?;
        // Somebody else may have been quicker meanwhile.
        let mut sessions = self.sessions();
        let session = sessions
            .entry(access.node.clone())
            .or_insert_with(|| Session::open(access, identity, &self.tasks, &self.shutdown));
        Ok(session.clone())
    }
}
