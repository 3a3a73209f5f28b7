//! The scripted model that stands in for a real one: on the swarm's network alone, while an annotation of the Node
//! names its image.

use agentchat_api::{
    Node, SCRIPTED_MODEL, SCRIPTED_MODEL_ADDRESS, SCRIPTED_MODEL_ANNOTATION, component_name,
    component_volume, network_name,
};
use agentchat_driver::{ContainerSpec, labels};
use agentchat_plan::{Target, Workload as Kind, change::digest};
use kube::ResourceExt;
use serde_json::json;

use super::Service;
use crate::{container::Workload, context::Settings};

/// Most memory, in bytes.
const MEMORY: u64 = 512 << 20;
/// Most processes and threads.
const PIDS: u64 = 128;
/// Revision of how the container is made; another one replaces it.
const RECIPE: u32 = 1;

/// Its container; to be gone when no image is named.
pub fn service(node: &Node, settings: &Settings) -> Service {
    let name = node.name_any();
    let image = node.annotations().get(SCRIPTED_MODEL_ANNOTATION);
    let stays = node.metadata.deletion_timestamp.is_none();
    Service {
        component: labels::SCRIPTED_MODEL,
        wanted: image
            .filter(|_| stays)
            .map(|image| wanted(node, &name, image, settings)),
        volume: component_volume(&settings.swarm, &name, labels::SCRIPTED_MODEL),
        has_data: false,
        earlier_data: None,
    }
}

fn wanted(node: &Node, name: &str, image: &str, settings: &Settings) -> (Workload, Target) {
    let (host, port) = SCRIPTED_MODEL;
    let args = vec!["--listen".to_owned(), format!("0.0.0.0:{port}")];
    let hash = digest(json!([RECIPE, image, args]).to_string().as_bytes());
    let hash = format!("1-{hash}");
    let labels = [
        (labels::COMPONENT, labels::SCRIPTED_MODEL.to_owned()),
        (labels::NODE, name.to_owned()),
        (labels::UID, node.uid().unwrap_or_default()),
        (labels::SPEC_HASH, hash.clone()),
    ];
    let spec = ContainerSpec {
        name: component_name(&settings.swarm, name, labels::SCRIPTED_MODEL),
        image: image.to_owned(),
        args,
        labels: labels.map(|(k, v)| (k.to_owned(), v)).into(),
        network: network_name(&settings.swarm),
        aliases: vec![host.to_owned()],
        address_from_end: Some(SCRIPTED_MODEL_ADDRESS),
        memory: Some(MEMORY),
        pids: Some(PIDS),
        stop_timeout_seconds: 2,
        ..ContainerSpec::default()
    };
    let target = Target {
        node: name.to_owned(),
        spec_hash: hash,
        delivery_digest: String::new(),
        workload: Kind::Service,
        needs_approval: false,
        server_ready: true,
    };
    let workload = Workload {
        node: name.to_owned(),
        spec,
        delivery: None,
        delivery_digest: String::new(),
        receiver: &[],
    };
    (workload, target)
}
