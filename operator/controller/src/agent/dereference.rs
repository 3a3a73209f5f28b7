//! Reads what the spec points at: Nodes, Secrets, ConfigMaps, chat servers. Whether it will do is for
//! [`validate`](super::validate) to say.

use std::{collections::BTreeMap, fmt, sync::Arc};

use agentchat_api::{
    API_KEY_KEY, Agent, AgentStatus, DEFAULT_CREDENTIALS, IDENTITY_KEY, IdentityKind, KeyRef, Node,
    NodeRole, OAUTH_TOKEN_KEY, PersonalityPart, identity_secret,
};
use agentchat_protocol::Identity;
use kube::ResourceExt;

use crate::{
    cache::key_of,
    chat::{ServerAccess, ensure_identity},
    context::Context,
    error::Error,
};

/// Everything that the spec points at, as far as it is there.
pub struct Dereferenced {
    /// The newest status.
    pub status: AgentStatus,
    /// All Nodes, by name.
    pub nodes: Vec<Arc<Node>>,
    /// How the operator reaches the chat servers that have published it, by Node.
    pub servers: BTreeMap<String, ServerAccess>,
    /// Texts of the personality, one for each part that points at one or holds one.
    pub personality: Vec<Option<String>>,
    /// Where the model's credential may come from, in order of preference.
    pub credentials: Vec<CredentialSource>,
    /// The agent's key; `None` for one without, and for one that is not to run.
    pub identity: Option<Result<Identity, Error>>,
}

/// A place where the model's credential may come from.
pub struct CredentialSource {
    /// File below `/run/secrets` that it becomes: `oauth-token` or `api-key`.
    pub file: &'static str,
    /// Secret and key.
    pub reference: KeyRef,
    /// What is there. A secret.
    pub value: Option<Vec<u8>>,
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialSource({})", self.file)
    }
}

/// Reads all of it. The agent's key is made when there is none.
pub async fn dereference(agent: &Agent, context: &Context) -> Result<Dereferenced, Error> {
    let namespace = agent.namespace().unwrap_or_default();
    let stores = &context.stores;
    let mut nodes = stores.nodes.state();
    nodes.sort_by_key(|node| node.name_any());
    let servers = nodes
        .iter()
        .filter(|node| node.spec.role == NodeRole::Server)
        .filter_map(|node| Some((node.name_any(), ServerAccess::of(stores, node)?)))
        .collect();
    let text = |part: &PersonalityPart| match (&part.inline, &part.config_map_ref) {
        (Some(text), _) => Some(text.clone()),
        (None, Some(from)) => stores.config_text(&namespace, &from.name, &from.key),
        (None, None) => None,
    };
    Ok(Dereferenced {
        status: newest_status(agent, context),
        servers,
        personality: agent.spec.personality.iter().map(text).collect(),
        credentials: credentials(agent, &namespace, context),
        identity: identity(agent, &namespace, context).await?,
        nodes,
    })
}

/// The newest status: what was written last, when the watch has not told of it yet.
pub fn newest_status(agent: &Agent, context: &Context) -> AgentStatus {
    let written = context.agents.if_there(&key_of(agent), |cached| {
        cached.written.as_ref().and_then(|w| w.newer_than(agent))
    });
    written
        .flatten()
        .unwrap_or_else(|| agent.status.clone().unwrap_or_default())
}

/// The Secrets that the spec names, or the default one of the namespace.
fn credentials(agent: &Agent, namespace: &str, context: &Context) -> Vec<CredentialSource> {
    let named = agent.spec.credentials.as_ref();
    let named: Vec<_> = [
        (OAUTH_TOKEN_KEY, named.and_then(|c| c.oauth_token.as_ref())),
        (API_KEY_KEY, named.and_then(|c| c.api_key.as_ref())),
    ]
    .into_iter()
    .filter_map(|(file, value)| Some((file, value?.secret_key_ref.clone())))
    .collect();
    let default = [OAUTH_TOKEN_KEY, API_KEY_KEY].map(|key| {
        let (name, key_name) = (DEFAULT_CREDENTIALS.into(), key.into());
        (
            key,
            KeyRef {
                name,
                key: key_name,
            },
        )
    });
    let sources = if named.is_empty() {
        default.to_vec()
    } else {
        named
    };
    let read = |(file, reference): (&'static str, KeyRef)| {
        let secret = context.stores.secret(namespace, &reference.name);
        let value = secret.and_then(|secret| secret.bytes(&reference.key).map(<[u8]>::to_vec));
        CredentialSource {
            file,
            reference,
            value,
        }
    };
    sources.into_iter().map(read).collect()
}

/// The agent's key, kept in a Secret also when the Agent is deleted. A stored key that is none is for the agent's
/// status to say; an API that does not answer is not.
async fn identity(
    agent: &Agent,
    namespace: &str,
    context: &Context,
) -> Result<Option<Result<Identity, Error>>, Error> {
    let is_to_run = !agent.spec.suspend && agent.metadata.deletion_timestamp.is_none();
    if agent.spec.chat.identity == IdentityKind::Ephemeral || !is_to_run {
        return Ok(None);
    }
    let secret = identity_secret(&agent.name_any());
    let known = context.stores.secret(namespace, &secret);
    match ensure_identity(&context.client, known, (namespace, &secret), IDENTITY_KEY).await {
        Ok(identity) => Ok(Some(Ok(identity))),
        Err(error @ Error::Invalid(_)) => Ok(Some(Err(error))),
        Err(error) => Err(error),
    }
}
