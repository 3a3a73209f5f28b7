//! What is delivered into an agent's container: configuration and secrets.

use agentchat_contract::{
    AgentConfig, ChatConfig, DeliveredFile, Delivery, DeliveryDir, RestartConfig, RuntimeConfig,
};
use kube::ResourceExt;

use super::{UnmetPrecondition, container::Inputs};

/// All of it.
pub fn delivery(inputs: &Inputs<'_>) -> Result<Delivery, UnmetPrecondition> {
    let agent = inputs.agent;
    let config = agent_config(inputs);
    let unwritable = |e: serde_json::Error| UnmetPrecondition::invalid(e.to_string());
    let file = |dir, path: &str, contents: Vec<u8>| DeliveredFile {
        dir,
        path: path.to_owned(),
        contents,
    };
    let config_file = |path: &str, contents| file(DeliveryDir::Config, path, contents);
    let (credential, value) = inputs.credential;
    let mut files = vec![
        config_file(
            "agent.json",
            serde_json::to_vec(&config).map_err(unwritable)?,
        ),
        config_file("mission.md", agent.spec.mission.clone().into_bytes()),
        config_file("ca.pem", inputs.ca_pem.to_owned().into_bytes()),
        file(DeliveryDir::Secrets, credential, value.to_vec()),
    ];
    for (name, text) in &inputs.configuration.personality {
        let path = format!("personality/{name}");
        files.push(config_file(&path, text.clone().into_bytes()));
    }
    if let Some(identity) = inputs.identity {
        let pem = identity.to_pkcs8_pem().into_bytes();
        files.push(file(DeliveryDir::Secrets, "identity", pem));
    }
    let generation = agent.metadata.generation.unwrap_or(0).unsigned_abs();
    Ok(Delivery { generation, files })
}

/// `agent.json`.
fn agent_config(inputs: &Inputs<'_>) -> AgentConfig {
    let agent = inputs.agent;
    let spec = &agent.spec;
    AgentConfig {
        name: agent.name_any(),
        namespace: agent.namespace().unwrap_or_default(),
        display_name: inputs.configuration.display_name.clone(),
        chat: ChatConfig {
            url: inputs.chat_url.to_owned(),
            channels: spec.chat.channels.clone(),
            persistent_identity: inputs.identity.is_some(),
        },
        runtime: RuntimeConfig {
            model: spec.runtime.model.clone(),
            base_url: spec.runtime.base_url.clone(),
            allowed_tools: spec.runtime.allowed_tools.clone(),
        },
        limits: inputs.configuration.limits.clone(),
        restart: RestartConfig::default(),
        termination_grace_period_seconds: spec.termination_grace_period_seconds.into(),
    }
}
