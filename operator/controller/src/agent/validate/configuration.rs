//! What of the manifest the agent is told: its name, limits, personality.

use agentchat_api::{Agent, ConditionType, Reason, default_display_name, parse_duration};
use agentchat_contract::LimitsConfig;
use kube::ResourceExt;

use super::UnmetPrecondition;

/// What of the manifest the agent is told.
pub struct Configuration {
    /// Name that others see.
    pub display_name: String,
    /// Limits on what it may use.
    pub limits: LimitsConfig,
    /// Parts of the personality, in order: file name and text.
    pub personality: Vec<(String, String)>,
}

/// Reads it; `texts` are those of the personality's parts.
pub fn read(agent: &Agent, texts: &[Option<String>]) -> Result<Configuration, UnmetPrecondition> {
    let given = agent.spec.chat.display_name.clone();
    Ok(Configuration {
        display_name: given.unwrap_or_else(|| default_display_name(&agent.name_any())),
        limits: limits(agent)?,
        personality: personality(agent, texts)?,
    })
}

/// Limits on what the agent may use.
fn limits(agent: &Agent) -> Result<LimitsConfig, UnmetPrecondition> {
    let limits = &agent.spec.limits;
    let duration = limits.duration.as_deref().map(parse_duration).transpose();
    let wrong = |e| UnmetPrecondition::invalid(format!("spec.limits.duration: {e}"));
    Ok(LimitsConfig {
        turns: limits.turns,
        duration_seconds: duration.map_err(wrong)?,
        tokens: limits.tokens,
        cost_usd: limits.cost_usd,
    })
}

/// Parts of the personality, in order: file name and text.
fn personality(
    agent: &Agent,
    texts: &[Option<String>],
) -> Result<Vec<(String, String)>, UnmetPrecondition> {
    let mut parts = vec![];
    for (i, (part, text)) in agent.spec.personality.iter().zip(texts).enumerate() {
        let text = match (&part.inline, &part.config_map_ref, text) {
            (Some(_), None, Some(text)) | (None, Some(_), Some(text)) => text.clone(),
            (None, Some(reference), None) => {
                let (name, key) = (&reference.name, &reference.key);
                let namespace = agent.namespace().unwrap_or_default();
                let message = format!(
                    "spec.personality[{i}].configMapRef: create ConfigMap {name:?} with key {key:?} \
                     in namespace {namespace:?}"
                );
                let (condition, reason) = (ConditionType::Ready, Reason::ConfigMapNotFound);
                return Err(UnmetPrecondition::new(condition, reason, message));
            }
            _ => {
                let message =
                    format!("spec.personality[{i}]: give exactly one of inline and configMapRef");
                return Err(UnmetPrecondition::invalid(message));
            }
        };
        // The schema allows 32 parts; their names sort as their numbers do.
        parts.push((format!("{i:02}.md"), text));
    }
    Ok(parts)
}
