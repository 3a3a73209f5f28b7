//! Ed25519 keys, kept in Secrets.

use agentchat_protocol::Identity;
use kube::Client;

use crate::{
    error::{Error, chain},
    secret::{Secrets, Stored},
};

/// Reads the key from a Secret, `known` if the watch has it already; makes both when there is none.
pub async fn ensure_identity(
    client: &Client,
    known: Option<Stored>,
    (namespace, name): (&str, &str),
    key: &str,
) -> Result<Identity, Error> {
    let secrets = Secrets::new(client, namespace);
    let stored = match known {
        Some(stored) => Some(stored),
        // The watch may be late to tell.
        None => secrets.read(name).await?,
    };
    let stored = match stored {
        Some(stored) => stored,
        None => {
            let identity = Identity::generate().map_err(|e| Error::Invalid(chain(&e)))?;
            let made = [(key, identity.to_pkcs8_pem())];
            secrets.create(name, made).await?
        }
    };
    Identity::from_pkcs8_pem(stored.text(key).unwrap_or_default()).map_err(|e| {
        let why = chain(&e);
        Error::Invalid(format!(
            "Secret {namespace}/{name}, key {key:?}: {why}; delete it to have a new one made"
        ))
    })
}
