//! Which chat server is meant, and how to reach it.

use std::{env, fs, path::PathBuf};

use agentchat_api::{
    ADMIN_KEY_KEY, EndpointScope, Node, NodeRole, SYSTEM_NAMESPACE, chat_admin_secret,
};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt};
use url::Url;

use crate::{
    control::{api_error, list},
    exit::{Code, WithCode},
    operator,
    state::State,
};

/// Where systems keep the certificates that they trust.
const SYSTEM_CA: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// Which chat server is meant.
#[derive(Clone, Debug, Default, Args)]
pub struct ServerSelector {
    /// The Node whose chat server is meant, when the swarm has several.
    #[arg(long, global = true, value_name = "NODE")]
    node: Option<String>,
    /// A chat server that is no swarm's, like wss://chat.example.org:6667.
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    /// CA of the certificate of --server, PEM; default: those that this system trusts.
    #[arg(long, global = true, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// How to reach a chat server.
#[derive(Clone)]
pub struct Access {
    /// Its URL, from this host.
    pub url: String,
    /// CA of its certificate, PEM.
    pub ca_pem: Option<String>,
    /// Its admin key, where one is at hand; a secret.
    pub admin_key: Option<String>,
    /// The swarm that it belongs to.
    pub swarm: Option<String>,
}

impl ServerSelector {
    /// Finds the server.
    pub async fn find(&self, state: &State) -> Result<Access> {
        match &self.server {
            None if self.ca_file.is_some() => Err(anyhow!(
                "--ca-file is for --server; a swarm's own CA is known"
            )
            .code(Code::Invalid)),
            None => {
                let client = operator::running_client(state).await?;
                Access::of_swarm(&client, state, self.node.as_deref()).await
            }
            Some(_) if self.node.is_some() => Err(anyhow!(
                "--node and --server name two chat servers; give one of them"
            )
            .code(Code::Invalid)),
            Some(url) => self.given(url).code(Code::Invalid),
        }
    }

    fn given(&self, url: &str) -> Result<Access> {
        let form = "write wss://HOST:PORT, or ws://HOST:PORT for a server on this host";
        let parsed =
            Url::parse(url).map_err(|error| anyhow!("--server {url:?}: {error}; {form}"))?;
        let ca_pem = match parsed.scheme() {
            "wss" => Some(self.ca()?),
            "ws" => None,
            other => bail!("--server {url:?} begins with {other}:; {form}"),
        };
        Ok(Access {
            url: url.to_owned(),
            ca_pem,
            admin_key: None,
            swarm: None,
        })
    }

    fn ca(&self) -> Result<String> {
        if let Some(path) = &self.ca_file {
            return fs::read_to_string(path)
                .with_context(|| format!("--ca-file {} can't be read", path.display()));
        }
        let own = env::var_os("SSL_CERT_FILE").map(PathBuf::from);
        let found = own.into_iter().chain(SYSTEM_CA.map(PathBuf::from));
        let found = found
            .into_iter()
            .find_map(|path| fs::read_to_string(path).ok());
        found.context(
            "this system has no certificates that it trusts; give the server's CA with --ca-file",
        )
    }
}

impl Access {
    /// To the chat server of a swarm, with everything that its owner may do.
    pub async fn of_swarm(client: &Client, state: &State, node: Option<&str>) -> Result<Self> {
        let node = server(client, node).await?;
        let status = node.status.clone().unwrap_or_default();
        let scoped = |scope| status.endpoints.iter().find(|e| e.scope == scope);
        let url = scoped(EndpointScope::Host).or_else(|| scoped(EndpointScope::Network));
        let secret = chat_admin_secret(&node.name_any());
        let api = Api::<Secret>::namespaced(client.clone(), SYSTEM_NAMESPACE);
        let found = api.get_opt(&secret).await;
        let found =
            found.map_err(|error| api_error(error, &format!("Secret {secret} can't be read")))?;
        let key = found.and_then(|secret| secret.data?.remove(ADMIN_KEY_KEY));
        let (Some(url), Some(ca_pem), Some(key)) = (url, status.ca_bundle, key) else {
            let name = node.name_any();
            bail!("the chat server of Node {name} is not ready yet; see `agentctl get nodes`");
        };
        let key = String::from_utf8(key.0).context("the admin key is damaged")?;
        Ok(Self {
            url: url.url.clone(),
            ca_pem: Some(ca_pem),
            admin_key: Some(key),
            swarm: Some(state.swarm().to_owned()),
        })
    }
}

/// The Node of role Server that is named, or the only one.
async fn server(client: &Client, wanted: Option<&str>) -> Result<Node> {
    let mut servers = list::<Node>(client).await?.into_iter().filter(|n| {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_url_is_refused_with_its_form() {
        for (url, says) in [
            ("chat.example.org", "relative URL"),
            ("http://x:1", "begins with http:"),
            ("localhost:6667", "begins with localhost:"),
        ] {
            let error = ServerSelector::default()
                .given(url)
                .err()
                .unwrap()
                .to_string();
            assert!(
                error.contains(says) && error.contains("wss://HOST:PORT"),
                "{error}"
            );
        }
        let access = ServerSelector::default()
            .given("ws://127.0.0.1:6667")
            .unwrap();
        assert!(access.ca_pem.is_none() && access.admin_key.is_none());
    }
}
