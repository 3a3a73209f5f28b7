//! Who a person is in the chat, and how they get in.

use std::{
    env,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use agentchat_api::{
    ADMIN_KEY_KEY, EndpointScope, Node, NodeRole, SYSTEM_NAMESPACE, chat_admin_secret,
};
use agentchat_client::Options;
use agentchat_protocol::Identity;
use anyhow::{Context, Result, anyhow, bail};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt, api::ListParams};

use crate::{
    control::told,
    exit::{Code, WithCode},
    state::{State, write_private},
};

/// Conversations of one user that may go on at the same time.
const CONVERSATIONS: usize = 16;

/// Who comes, and to which server.
#[derive(Debug)]
pub struct Person {
    /// URL of the server, from this host.
    pub url: String,
    /// Its CA, PEM.
    pub ca_pem: String,
    /// Its admin key; a secret.
    admin_key: String,
    /// Name shown to others.
    pub name: String,
    /// The person's key.
    identity: Identity,
    /// Held while the key is in use.
    lock: File,
}

/// What it takes to put the person's key on the allowlist.
pub struct Approval {
    /// The key, PEM.
    pub public_key: String,
    /// The server's admin key; a secret.
    pub admin_key: String,
    /// What is noted there.
    pub note: String,
}

impl Person {
    /// Reads or makes the person's key, and finds the server.
    pub async fn prepare(
        client: &Client,
        state: &State,
        node: Option<&str>,
        name: Option<String>,
    ) -> Result<Self> {
        let node = server(client, node).await?;
        let status = node.status.clone().unwrap_or_default();
        let url = status
            .endpoints
            .iter()
            .find(|e| e.scope == EndpointScope::Host);
        let secret = chat_admin_secret(&node.name_any());
        let api = Api::<Secret>::namespaced(client.clone(), SYSTEM_NAMESPACE);
        let found = api.get_opt(&secret).await;
        let found =
            found.map_err(|error| told(error, &format!("Secret {secret} is not to be had")))?;
        let key = found.and_then(|secret| secret.data?.remove(ADMIN_KEY_KEY));
        let (Some(url), Some(ca_pem), Some(key)) = (url, status.ca_bundle, key) else {
            let name = node.name_any();
            bail!("the chat server of Node {name} is not ready yet; see `agentctl get nodes`");
        };
        let (identity, lock) = identity(state)?;
        Ok(Self {
            url: url.url.clone(),
            ca_pem,
            admin_key: String::from_utf8(key.0).context("the admin key is damaged")?,
            name: name.unwrap_or_else(own_name),
            identity,
            lock,
        })
    }

    /// How to connect, what the allowlist needs, and the lock on the key.
    pub fn into_options(self, channel: &str) -> (Options, Approval, File) {
        let approval = Approval {
            public_key: self.identity.public_key_pem(),
            admin_key: self.admin_key,
            note: format!("{}, a person", self.name),
        };
        let options = Options {
            url: self.url,
            ca_pem: Some(self.ca_pem),
            name: self.name,
            identity: Some(self.identity),
            channels: vec![channel.to_owned()],
        };
        (options, approval, self.lock)
    }
}

/// The Node of role Server that is named, or the only one.
async fn server(client: &Client, wanted: Option<&str>) -> Result<Node> {
    let list = Api::<Node>::all(client.clone())
        .list(&ListParams::default())
        .await;
    let nodes = list
        .map_err(|error| told(error, "the Nodes are not to be had"))?
        .items;
    let mut servers = nodes.into_iter().filter(|n| {
        n.spec.role == NodeRole::Server && wanted.is_none_or(|name| n.name_any() == name)
    });
    match (servers.next(), servers.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(anyhow!(
            "there is no Node {}of role Server, so there is no chat; apply one",
            wanted.map(|name| format!("{name:?} ")).unwrap_or_default()
        )
        .code(Code::NotFound)),
        (Some(_), Some(_)) => {
            Err(anyhow!("there are several chat servers; choose with --node").code(Code::Invalid))
        }
    }
}

/// The person's key, made when there is none. A server has one session per key, so each conversation that
/// goes on at the same time has a key of its own; the lock is held as long as the conversation.
fn identity(state: &State) -> Result<(Identity, File)> {
    for number in 1..=CONVERSATIONS {
        let name = match number {
            1 => "identity".to_owned(),
            other => format!("identity-{other}"),
        };
        let lock = state.path(&format!("{name}.lock"));
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options
            .open(&lock)
            .with_context(|| lock.display().to_string())?;
        match file.try_lock() {
            Ok(()) => return Ok((read_or_make(&state.path(&format!("{name}.pem")))?, file)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("{} can't be locked", lock.display()));
            }
        }
    }
    bail!("{CONVERSATIONS} conversations are open already; leave one of them")
}

fn read_or_make(path: &Path) -> Result<Identity> {
    match fs::read_to_string(path) {
        Ok(text) => Identity::from_pkcs8_pem(&text).with_context(|| {
            format!(
                "{} can't be understood; remove it to have a new one made",
                path.display()
            )
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let identity = Identity::generate()?;
            write_private(path, identity.to_pkcs8_pem().as_bytes())?;
            Ok(identity)
        }
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Checks a name for the chat.
pub fn chat_name(text: &str) -> Result<String, String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if (1..=32).contains(&text.len()) && text.bytes().all(good) {
        Ok(text.to_owned())
    } else {
        Err("a name has at most 32 of a-z, A-Z, 0-9, _ and -".into())
    }
}

/// The user's name, as far as it is one for the chat.
fn own_name() -> String {
    let user = env::var("USER").ok().filter(|name| name != "root");
    user.and_then(|name| chat_name(&name).ok())
        .unwrap_or_else(|| "person".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_open_conversation_has_a_key_of_its_own_and_the_next_finds_it_again() {
        let base = tempfile::tempdir().unwrap();
        let state = State::below(base.path(), "x");
        state.create().unwrap();
        let (first, lock) = identity(&state).unwrap();
        let (second, _held) = identity(&state).unwrap();
        assert_ne!(first.agent_id(), second.agent_id());
        drop(lock);
        assert_eq!(identity(&state).unwrap().0.agent_id(), first.agent_id());
    }
}
