//! The credential for the model.

use std::fmt;

use agentchat_api::{API_KEY_KEY, Agent, DEFAULT_CREDENTIALS, OAUTH_TOKEN_KEY};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};

use super::Missing;
use crate::{context::Context, error::Error};

/// A credential for the model. Never shown, never serialised.
pub struct Credential {
    /// File below `/run/secrets` that it becomes: `oauth-token` or `api-key`.
    pub file: &'static str,
    /// The credential itself.
    pub value: Vec<u8>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({})", self.file)
    }
}

/// Reads the credential that the spec names, or the default one of the namespace.
pub async fn credential(
    agent: &Agent,
    context: &Context,
) -> Result<Result<Credential, Missing>, Error> {
    let namespace = agent.namespace().unwrap_or_default();
    let api = Api::<Secret>::namespaced(context.client.clone(), &namespace);
    let missing = |reason, message| Ok(Err(Missing::new("SecretsReady", reason, message)));
    let named = agent.spec.credentials.as_ref();
    let candidates = match (
        named.and_then(|c| c.oauth_token.as_ref()),
        named.and_then(|c| c.api_key.as_ref()),
    ) {
        (Some(_), Some(_)) => {
            return missing(
                "InvalidSpec",
                "spec.credentials: give one of oauthToken and apiKey, not both".into(),
            );
        }
        (Some(value), None) => vec![(OAUTH_TOKEN_KEY, value.secret_key_ref.clone())],
        (None, Some(value)) => vec![(API_KEY_KEY, value.secret_key_ref.clone())],
        (None, None) => [OAUTH_TOKEN_KEY, API_KEY_KEY]
            .map(|key| {
                let reference = agentchat_api::KeyRef {
                    name: DEFAULT_CREDENTIALS.into(),
                    key: key.into(),
                };
                (key, reference)
            })
            .to_vec(),
    };
    for (file, reference) in &candidates {
        let data = api
            .get_opt(&reference.name)
            .await?
            .and_then(|secret| secret.data);
        if let Some(value) = data.and_then(|mut data| data.remove(&reference.key)) {
            return Ok(Ok(Credential {
                file,
                value: value.0,
            }));
        }
    }
    let wanted: Vec<_> = candidates
        .iter()
        .map(|(_, r)| format!("key {:?} of Secret {:?}", r.key, r.name))
        .collect();
    missing(
        "SecretNotFound",
        format!(
            "the model's credential is missing: create {} in namespace {namespace:?}",
            wanted.join(" or ")
        ),
    )
}
