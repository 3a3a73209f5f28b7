//! Ed25519 keys, kept in Secrets.

use std::collections::BTreeMap;

use agentchat_protocol::Identity;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};

use crate::error::{Error, chain};

/// Reads the key from a Secret; makes both when there is none.
pub async fn ensure_identity(
    client: &Client,
    namespace: &str,
    name: &str,
    key: &str,
) -> Result<Identity, Error> {
    let api = Api::<Secret>::namespaced(client.clone(), namespace);
    if let Some(secret) = api.get_opt(name).await? {
        let stored = secret
            .data
            .and_then(|mut data| data.remove(key))
            .unwrap_or_default();
        let text = String::from_utf8_lossy(&stored.0).into_owned();
        return Identity::from_pkcs8_pem(&text).map_err(|e| {
            let why = chain(&e);
            Error::Invalid(format!(
                "Secret {namespace}/{name}, key {key:?}: {why}; delete it to have a new one made"
            ))
        });
    }
    let identity = Identity::generate().map_err(|e| Error::Invalid(chain(&e)))?;
    let data = BTreeMap::from([(
        key.to_owned(),
        ByteString(identity.to_pkcs8_pem().into_bytes()),
    )]);
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some(data),
        ..Secret::default()
    };
    api.create(&PostParams::default(), &secret).await?;
    Ok(identity)
}
