//! Who a person is in the chat, and how they get in.

use std::{env, fs, io};

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
        Ok(Self {
            url: url.url.clone(),
            ca_pem,
            admin_key: String::from_utf8(key.0).context("the admin key is damaged")?,
            name: name.unwrap_or_else(own_name),
            identity: identity(state)?,
        })
    }

    /// Name, key and place, and what the allowlist needs: public key and admin key.
    pub fn into_options(self, channel: &str) -> (Options, String, String) {
        let public_key = self.identity.public_key_pem();
        let options = Options {
            url: self.url,
            ca_pem: Some(self.ca_pem),
            name: self.name,
            identity: Some(self.identity),
            channels: vec![channel.to_owned()],
        };
        (options, public_key, self.admin_key)
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

/// The person's key, made when there is none.
fn identity(state: &State) -> Result<Identity> {
    let path = state.path("identity.pem");
    match fs::read_to_string(&path) {
        Ok(text) => Identity::from_pkcs8_pem(&text).with_context(|| {
            format!(
                "{} can't be understood; remove it to have a new one made",
                path.display()
            )
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let identity = Identity::generate()?;
            write_private(&path, identity.to_pkcs8_pem().as_bytes())?;
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
