//! The way to a swarm's API.

use std::{fmt::Debug, fs, io};

use agentchat_manifests::ApplyError;
use anyhow::{Context, Result, anyhow};
use kube::{
    Api, Client, Config, Resource,
    api::ListParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde::de::DeserializeOwned;

use crate::{
    exit::{Code, WithCode},
    state::State,
};

/// Who changes fields, for the API's books.
pub const FIELD_MANAGER: &str = "agentctl";

/// A client from the kubeconfig that the operator wrote.
pub async fn client(state: &State) -> Result<Client> {
    let path = state.kubeconfig();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_up(state)),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let what = || format!("{} is no kubeconfig", path.display());
    let kubeconfig = Kubeconfig::from_yaml(&text).with_context(what)?;
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .with_context(what)?;
    Client::try_from(config).with_context(what)
}

/// That a swarm is not up, and what to do.
pub fn not_up(state: &State) -> anyhow::Error {
    let swarm = state.swarm();
    anyhow!("swarm {swarm} is not up; `agentctl up --swarm {swarm}` brings it up")
        .code(Code::NotFound)
}

/// All objects of a kind.
pub async fn list<K>(client: &Client) -> Result<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let listed = Api::<K>::all(client.clone())
        .list(&ListParams::default())
        .await;
    let what = format!("the {}s can't be listed", K::kind(&()));
    listed
        .map(|list| list.items)
        .map_err(|error| api_error(error, &what))
}

/// Why a manifest was not applied, as an error that says what the API said.
pub fn not_applied(error: ApplyError) -> anyhow::Error {
    let what = error.to_string();
    match error {
        ApplyError::Refused { source, .. } => api_error(source, &what),
        other @ ApplyError::Json { .. } => other.into(),
    }
}

/// An answer of the API as an error that says what the API said, and no more.
pub fn api_error(error: kube::Error, what: &str) -> anyhow::Error {
    match error {
        kube::Error::Api(status) => {
            let code = if status.code == 404 {
                Code::NotFound
            } else {
                Code::Failed
            };
            anyhow!("{what}: {}", status.message).code(code)
        }
        other => {
            let other = anyhow::Error::new(other);
            anyhow!("{what}: the API does not answer: {}", other.root_cause())
        }
    }
}
