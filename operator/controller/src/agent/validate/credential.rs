//! The credential for the model.

use agentchat_api::{Agent, ConditionType, Reason};
use kube::ResourceExt;

use super::UnmetPrecondition;
use crate::agent::dereference::CredentialSource;

/// The first source that has one: name of the file that it becomes, and the credential.
pub fn select<'a>(
    agent: &Agent,
    sources: &'a [CredentialSource],
) -> Result<(&'static str, &'a [u8]), UnmetPrecondition> {
    let unmet = |reason, message: String| {
        Err(UnmetPrecondition::new(
            ConditionType::SecretsReady,
            reason,
            message,
        ))
    };
    let named = agent.spec.credentials.as_ref();
    if named.is_some_and(|c| c.oauth_token.is_some() && c.api_key.is_some()) {
        let message = "spec.credentials: give one of oauthToken and apiKey, not both";
        return unmet(Reason::InvalidSpec, message.into());
    }
    for source in sources {
        if let Some(value) = &source.value {
            return Ok((source.file, value));
        }
    }
    let wanted: Vec<_> = sources
        .iter()
        .map(|s| format!("key {:?} of Secret {:?}", s.reference.key, s.reference.name))
        .collect();
    unmet(
        Reason::SecretNotFound,
        format!(
            "the model's credential is missing: create {} in namespace {:?}",
            wanted.join(" or "),
            agent.namespace().unwrap_or_default()
        ),
    )
}
