//! The container of an agent, and what the plan compares.

use std::collections::BTreeMap;

use agentchat_api::{
    Agent, SCRIPTED_MODEL, SCRIPTED_MODEL_ADDRESS, chat_server_address, chat_server_host,
    container_name, network_name, volume_name,
};
use agentchat_contract::{Delivery, paths};
use agentchat_driver::{AGENT_RECEIVER, ContainerSpec, VolumeMount, agent_memory_mounts, labels};
use agentchat_plan::{
    Target, Workload as Kind,
    change::{Fields, digest, spec_hash},
};
use agentchat_protocol::Identity;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::{configuration::Configuration, resources::Resources};
use crate::{
    container::{Workload, delivery_digest},
    context::Settings,
};

/// Everything that goes into it.
pub struct Inputs<'a> {
    /// The manifest.
    pub agent: &'a Agent,
    /// Settings of the swarm.
    pub settings: &'a Settings,
    /// Node to run on.
    pub node: &'a str,
    /// URL of the chat server, as the container reaches it.
    pub chat_url: &'a str,
    /// Node of the chat server.
    pub server: &'a str,
    /// The server's CA, PEM.
    pub ca_pem: &'a str,
    /// What of the manifest the agent is told.
    pub configuration: Configuration,
    /// Credential for the model: file and value. A secret.
    pub credential: (&'static str, &'a [u8]),
    /// The agent's key, unless it is ephemeral.
    pub identity: Option<&'a Identity>,
    /// Limits of the container.
    pub resources: Resources,
}

/// The container with what is delivered into it, and the target for the plan.
pub fn build(inputs: &Inputs<'_>, delivery: Delivery) -> (Workload, Target) {
    let delivery_digest = delivery_digest(&delivery);
    let hash = spec_hash(&fields(inputs));
    let target = Target {
        node: inputs.node.to_owned(),
        spec_hash: hash.clone(),
        delivery_digest: delivery_digest.clone(),
        workload: Kind::Agent,
        needs_approval: false,
        server_ready: true,
    };
    let workload = Workload {
        node: inputs.node.to_owned(),
        spec: container(inputs, hash),
        delivery: Some(delivery),
        delivery_digest,
        receiver: AGENT_RECEIVER,
    };
    (workload, target)
}

/// What the agent is told, for the hash; see [`agentchat_plan::change::TABLE`].
fn fields(inputs: &Inputs<'_>) -> Fields {
    let spec = &inputs.agent.spec;
    let texts: Vec<_> = inputs
        .configuration
        .personality
        .iter()
        .map(|(_, text)| digest(text.as_bytes()))
        .collect();
    let limits = &inputs.configuration.limits;
    let Resources {
        cpu_millis,
        memory,
        pids,
    } = inputs.resources;
    Fields::from([
        ("mission", json!(spec.mission)),
        ("personality", json!(texts)),
        ("runtime.kind", Value::Null),
        ("runtime.model", json!(spec.runtime.model)),
        ("runtime.allowedTools", json!(spec.runtime.allowed_tools)),
        ("runtime.baseUrl", json!(spec.runtime.base_url)),
        ("limits.turns", json!(limits.turns)),
        ("limits.duration", json!(limits.duration_seconds)),
        ("limits.tokens", json!(limits.tokens)),
        ("limits.costUSD", json!(limits.cost_usd)),
        ("chat.displayName", json!(inputs.configuration.display_name)),
        ("chat.serverRef", json!(inputs.chat_url)),
        ("chat.identity", json!(inputs.identity.is_some())),
        ("image", json!(image(inputs))),
        ("resources.limits", json!([cpu_millis, memory, pids])),
        ("placement.nodeName", json!(inputs.node)),
    ])
}

fn image(inputs: &Inputs<'_>) -> String {
    let given = inputs.agent.spec.image.clone();
    given.unwrap_or_else(|| inputs.settings.agent_image.clone())
}

fn container(inputs: &Inputs<'_>, spec_hash: String) -> ContainerSpec {
    let agent = inputs.agent;
    let (namespace, name) = (agent.namespace().unwrap_or_default(), agent.name_any());
    let swarm = &inputs.settings.swarm;
    let labels = [
        (labels::NAMESPACE, namespace.clone()),
        (labels::NAME, name.clone()),
        (labels::UID, agent.uid().unwrap_or_default()),
        (labels::NODE, inputs.node.to_owned()),
        (labels::SPEC_HASH, spec_hash),
        ("agentchat.agent", "true".to_owned()),
        ("agentchat.name", name.clone()),
    ];
    let env = (
        "AGENT_NAME".to_owned(),
        inputs.configuration.display_name.clone(),
    );
    ContainerSpec {
        name: container_name(swarm, &namespace, &name),
        image: image(inputs),
        args: vec![name.clone()],
        env: BTreeMap::from([env]),
        labels: labels.map(|(k, v)| (k.to_owned(), v)).into(),
        network: network_name(swarm),
        aliases: vec![],
        address_from_end: None,
        hosts: hosts(inputs),
        volume: Some(VolumeMount {
            name: volume_name(swarm, &namespace, &name),
            path: paths::HOME.to_owned(),
        }),
        memory_mounts: agent_memory_mounts(),
        ports: vec![],
        cpu_millis: Some(inputs.resources.cpu_millis),
        memory: Some(inputs.resources.memory),
        pids: Some(inputs.resources.pids),
        stop_timeout_seconds: agent.spec.termination_grace_period_seconds,
    }
}

/// Names on the swarm's network that the agent may need, whether or not they are there.
fn hosts(inputs: &Inputs<'_>) -> BTreeMap<String, u32> {
    let server = inputs.server;
    BTreeMap::from([
        (chat_server_host(server), chat_server_address(server)),
        (SCRIPTED_MODEL.0.to_owned(), SCRIPTED_MODEL_ADDRESS),
    ])
}
