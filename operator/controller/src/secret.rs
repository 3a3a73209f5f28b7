//! Secrets that the operator makes and reads.

use std::{collections::BTreeMap, fmt};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;

use crate::error::{Error, already_exists};

/// Secrets of one namespace.
pub struct Secrets {
    api: Api<Secret>,
}

/// What a Secret holds. Never shown.
#[derive(Clone, Default)]
pub struct Stored(BTreeMap<String, ByteString>);

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stored({} keys)", self.0.len())
    }
}

impl Stored {
    /// What a Secret holds.
    pub fn of(secret: &Secret) -> Self {
        Self(secret.data.clone().unwrap_or_default())
    }

    /// A value.
    pub fn bytes(&self, key: &str) -> Option<&[u8]> {
        self.0.get(key).map(|value| value.0.as_slice())
    }

    /// A value that is text.
    pub fn text(&self, key: &str) -> Option<&str> {
        std::str::from_utf8(&self.0.get(key)?.0).ok()
    }
}

impl Secrets {
    /// Those of a namespace.
    pub fn new(client: &Client, namespace: &str) -> Self {
        Self {
            api: Api::namespaced(client.clone(), namespace),
        }
    }

    /// What a Secret holds; `None` when it does not exist.
    pub async fn read(&self, name: &str) -> Result<Option<Stored>, Error> {
        let found = self.api.get_opt(name).await?;
        Ok(found.map(|secret| Stored(secret.data.unwrap_or_default())))
    }

    /// Makes a Secret and gives what it holds then: when somebody else was quicker, what they put there.
    pub async fn create<const N: usize>(
        &self,
        name: &str,
        texts: [(&str, String); N],
    ) -> Result<Stored, Error> {
        let data = data(texts);
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            data: Some(data.clone()),
            ..Secret::default()
        };
        match self.api.create(&PostParams::default(), &secret).await {
            Ok(_) => Ok(Stored(data)),
            Err(error) if already_exists(&error) => Ok(self.read(name).await?.unwrap_or_default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts other values into a Secret; what else it holds stays.
    pub async fn change<const N: usize>(
        &self,
        name: &str,
        texts: [(&str, String); N],
    ) -> Result<(), Error> {
        let patch = Patch::Merge(json!({ "data": data(texts) }));
        self.api
            .patch(name, &PatchParams::default(), &patch)
            .await?;
        Ok(())
    }

    /// Removes a Secret; absent is fine.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        match self.api.delete(name, &DeleteParams::default()).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn data<const N: usize>(texts: [(&str, String); N]) -> BTreeMap<String, ByteString> {
    let bytes = |(key, text): (&str, String)| (key.to_owned(), ByteString(text.into_bytes()));
    texts.into_iter().map(bytes).collect()
}
