//! From a manifest and what it points at to a container, its configuration and its secrets.

use std::collections::BTreeMap;

use agentchat_api::{
    Agent, container_name, default_display_name, network_name, parse_duration, volume_name,
};
use agentchat_contract::{
    AgentConfig, ChatConfig, DeliveredFile, Delivery, DeliveryDir, LimitsConfig, RestartConfig,
    RuntimeConfig, encode_delivery,
};
use agentchat_driver::{ContainerSpec, labels};
use agentchat_plan::Desired;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt;

use super::dereference::Needs;
use crate::{context::Context, error::Error};

/// Limits of a container whose manifest names none.
const DEFAULT_LIMITS: [(&str, &str); 3] = [("cpu", "2"), ("memory", "4Gi"), ("pids", "256")];

/// What an agent runs in, and what is delivered into it.
pub struct Build {
    /// The container.
    pub spec: ContainerSpec,
    /// Configuration and secrets.
    pub delivery: Delivery,
    /// For the plan.
    pub desired: Desired,
}

/// What the agent is meant to be: for the plan, for the engine, and for the delivery.
pub fn build(agent: &Agent, context: &Context, needs: &Needs) -> Result<Build, Error> {
    let config = config(agent, needs)?;
    let delivery = delivery(agent, needs, &config)?;
    let mut spec = container(agent, context, needs)?;
    let hash = spec_hash(&config, &delivery, &spec)?;
    spec.labels.insert(labels::SPEC_HASH.into(), hash.clone());
    let desired = Desired::Run {
        spec_hash: hash,
        delivery_digest: delivery_digest(&delivery),
    };
    Ok(Build {
        spec,
        delivery,
        desired,
    })
}

/// Digest of what is delivered, whatever the generation it was made from.
pub fn delivery_digest(delivery: &Delivery) -> String {
    digest(&encode_delivery(&Delivery {
        generation: 0,
        ..delivery.clone()
    }))
}

fn config(agent: &Agent, needs: &Needs) -> Result<AgentConfig, Error> {
    let spec = &agent.spec;
    let duration = spec
        .limits
        .duration
        .as_deref()
        .map(parse_duration)
        .transpose();
    Ok(AgentConfig {
        name: agent.name_any(),
        namespace: agent.namespace().unwrap_or_default(),
        display_name: display_name(agent),
        chat: ChatConfig {
            url: needs.chat_url.clone(),
            channels: spec.chat.channels.clone(),
            persistent_identity: needs.identity.is_some(),
        },
        runtime: RuntimeConfig {
            model: spec.runtime.model.clone(),
            base_url: spec.runtime.base_url.clone(),
            allowed_tools: spec.runtime.allowed_tools.clone(),
        },
        limits: LimitsConfig {
            turns: spec.limits.turns,
            duration_seconds: duration
                .map_err(|e| Error::Invalid(format!("spec.limits.duration: {e}")))?,
            tokens: spec.limits.tokens,
            cost_usd: spec.limits.cost_usd,
        },
        restart: RestartConfig::default(),
        termination_grace_period_seconds: spec.termination_grace_period_seconds.into(),
    })
}

fn display_name(agent: &Agent) -> String {
    agent
        .spec
        .chat
        .display_name
        .clone()
        .unwrap_or_else(|| default_display_name(&agent.name_any()))
}

fn delivery(agent: &Agent, needs: &Needs, config: &AgentConfig) -> Result<Delivery, Error> {
    let file = |dir, path: String, contents: Vec<u8>| DeliveredFile {
        dir,
        path,
        contents,
    };
    let mut files = vec![
        file(
            DeliveryDir::Config,
            "agent.json".into(),
            serde_json::to_vec(config)?,
        ),
        file(
            DeliveryDir::Config,
            "mission.md".into(),
            agent.spec.mission.clone().into_bytes(),
        ),
        file(
            DeliveryDir::Config,
            "ca.pem".into(),
            needs.server.ca_pem.clone().into_bytes(),
        ),
        file(
            DeliveryDir::Secrets,
            needs.credential.file.into(),
            needs.credential.value.clone(),
        ),
    ];
    for (name, text) in &needs.personality {
        files.push(file(
            DeliveryDir::Config,
            format!("personality/{name}"),
            text.clone().into_bytes(),
        ));
    }
    if let Some(identity) = &needs.identity {
        files.push(file(
            DeliveryDir::Secrets,
            "identity".into(),
            identity.to_pkcs8_pem().into_bytes(),
        ));
    }
    let generation = agent.metadata.generation.unwrap_or(0).unsigned_abs();
    Ok(Delivery { generation, files })
}

fn container(agent: &Agent, context: &Context, needs: &Needs) -> Result<ContainerSpec, Error> {
    let (namespace, name) = (agent.namespace().unwrap_or_default(), agent.name_any());
    let swarm = &context.settings.swarm;
    let labels = [
        (labels::NAMESPACE, namespace.clone()),
        (labels::NAME, name.clone()),
        (labels::UID, agent.uid().unwrap_or_default()),
        (labels::NODE, needs.node.clone()),
        ("agentchat.agent", "true".to_owned()),
        ("agentchat.name", name.clone()),
    ];
    let cpu = limit(agent, "cpu", 0.001)?;
    let memory = limit(agent, "memory", 1.0)?;
    Ok(ContainerSpec {
        name: container_name(swarm, &namespace, &name),
        image: agent
            .spec
            .image
            .clone()
            .unwrap_or_else(|| context.settings.agent_image.clone()),
        args: vec![name.clone()],
        env: BTreeMap::from([("AGENT_NAME".to_owned(), display_name(agent))]),
        labels: labels.map(|(k, v)| (k.to_owned(), v)).into(),
        network: network_name(swarm),
        home_volume: volume_name(swarm, &namespace, &name),
        cpu_millis: Some(cpu),
        memory: Some(memory),
        pids: Some(limit(agent, "pids", 1.0)?),
        stop_timeout_seconds: agent.spec.termination_grace_period_seconds,
    })
}

/// A limit in units of `unit`, rounded up.
fn limit(agent: &Agent, name: &str, unit: f64) -> Result<u64, Error> {
    let default = DEFAULT_LIMITS
        .iter()
        .find(|(n, _)| *n == name)
        .map_or("0", |(_, v)| v);
    let text = agent
        .spec
        .resources
        .limits
        .get(name)
        .map_or(default, |Quantity(text)| text);
    let value = quantity(text).filter(|v| *v > 0.0).ok_or_else(|| {
        Error::Invalid(format!(
            "spec.resources.limits.{name}: {text:?} is not a quantity like 500m, 2 or 4Gi"
        ))
    })?;
    // Bounded by the parser to what f64 holds exactly; a limit is never negative.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be positive and below 2^53"
    )]
    Ok((value / unit).ceil() as u64)
}

/// Reads a Kubernetes quantity; `None` when it is none, or too large to matter.
fn quantity(text: &str) -> Option<f64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let factor = match &text[digits..] {
        "" => 1.0,
        "m" => 0.001,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        _ => return None,
    };
    let value = text[..digits].parse::<f64>().ok()? * factor;
    (value.is_finite() && value < 9e15).then_some(value)
}

/// Hash of everything whose change needs a new container: not the grace period, not the secrets. The Node is
/// among it, since a container's labels say for good where it belongs.
fn spec_hash(
    config: &AgentConfig,
    delivery: &Delivery,
    spec: &ContainerSpec,
) -> Result<String, Error> {
    let mut config = config.clone();
    config.termination_grace_period_seconds = 0;
    let texts: Vec<_> = delivery
        .files
        .iter()
        .filter(|f| f.dir == DeliveryDir::Config && f.path != "agent.json" && f.path != "ca.pem")
        .map(|f| (&f.path, digest(&f.contents)))
        .collect();
    let limits = (spec.cpu_millis, spec.memory, spec.pids);
    Ok(digest(&serde_json::to_vec(&(
        config,
        texts,
        spec.labels.get(labels::NODE),
        &spec.image,
        &spec.args,
        &spec.env,
        limits,
    ))?))
}

/// The first 32 hexadecimal digits of SHA-256.
fn digest(bytes: &[u8]) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    hash.as_ref()
        .iter()
        .take(16)
        .map(|b| format!("{b:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::quantity;

    #[test]
    fn reads_kubernetes_quantities() {
        assert_eq!(quantity("500m"), Some(0.5));
        assert_eq!(quantity("4Gi"), Some(4_294_967_296.0));
        assert_eq!(quantity("1.5"), Some(1.5));
        for bad in ["", "x", "4gb", "-1", "1e99Ti", "1..5"] {
            assert_eq!(quantity(bad), None, "{bad}");
        }
    }
}
