//! The chat server of a Node: its container, its settings, how it is reached.
//!
//! It is on the swarm's network, like the agents, who find it there by name. The host passes its port on: on
//! loopback, unless names are advertised, which others are to use from elsewhere.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use agentchat_api::{
    Endpoint, EndpointScope, Node, ServerProfile, ServerSpec, chat_server_address,
    chat_server_host, component_name, component_volume, network_name,
};
use agentchat_contract::{DeliveredFile, Delivery, DeliveryDir, server};
use agentchat_driver::{
    ContainerSpec, MemoryMount, MemoryOwner, PublishedPort, VolumeMount, labels,
};
use agentchat_plan::{Target, Workload as Kind, change::digest};
use kube::ResourceExt;
use serde_json::json;

use super::{Service, ValidatedChat};
use crate::{
    chat::ServerAccess,
    container::{Workload, delivery_digest},
    context::Settings,
    node::pki::ChatKeys,
};

/// Where the server listens in its container.
const PORT: u16 = 6667;
/// The program of the image that takes a delivery.
const RECEIVER: &[&str] = &["/usr/local/bin/agentchat-server", "receive"];
/// Most memory, in bytes: far above what a full server has.
const MEMORY: u64 = 4 << 30;
/// Most processes and threads.
const PIDS: u64 = 1024;
/// Seconds for the goodbye.
const GRACE_SECONDS: u32 = 20;
/// Revision of how the container is made; another one replaces it.
const RECIPE: u32 = 1;

/// How the server is reached and what it is to have.
pub fn chat(node: &Node, keys: Option<&ChatKeys>) -> ValidatedChat {
    let server = node.spec.server.clone().unwrap_or_default();
    let external = server.endpoint.is_some();
    let endpoint = |scope, url: String| Endpoint { scope, url };
    let endpoints = match &server.endpoint {
        Some(url) => vec![endpoint(EndpointScope::Network, url.clone())],
        None => {
            let of = |host: &str, port: u16| format!("wss://{}:{port}", bracketed(host));
            let inside = of(&chat_server_host(&node.name_any()), PORT);
            let host = of("127.0.0.1", server.port);
            let mut all = vec![
                endpoint(EndpointScope::SameEngine, inside),
                endpoint(EndpointScope::Host, host),
            ];
            let names = server.advertise.iter();
            all.extend(names.map(|name| endpoint(EndpointScope::Network, of(name, server.port))));
            all
        }
    };
    let url = endpoints
        .iter()
        .find(|e| external || e.scope == EndpointScope::Host)
        .map(|e| e.url.clone());
    let access = keys.zip(url).map(|(keys, url)| ServerAccess {
        node: node.name_any(),
        url,
        ca_pem: keys.ca.clone(),
        admin_key: keys.admin_key.clone(),
    });
    ValidatedChat {
        access,
        channels: server.channels,
        endpoints,
        external,
    }
}

/// An IPv6 address stands in brackets in a URL.
fn bracketed(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => host.to_owned(),
    }
}

/// The server's container. One that is run elsewhere, and one of a Node that is being deleted, is to be gone.
pub fn service(node: &Node, keys: Option<&ChatKeys>, settings: &Settings) -> Service {
    let name = node.name_any();
    let server = node.spec.server.clone().unwrap_or_default();
    let runs_here = server.endpoint.is_none() && node.metadata.deletion_timestamp.is_none();
    let volume = component_volume(&settings.swarm, &name, labels::CHAT_SERVER);
    let wanted = keys
        .filter(|_| runs_here)
        .map(|keys| wanted(node, &server, keys, (settings, &volume)));
    let earlier = settings.earlier_chat_data.as_ref();
    Service {
        component: labels::CHAT_SERVER,
        earlier_data: earlier
            .map(|folder| folder.join(&name).join("data"))
            .filter(|_| wanted.is_some()),
        wanted,
        volume,
        has_data: true,
    }
}

fn wanted(
    node: &Node,
    server: &ServerSpec,
    keys: &ChatKeys,
    (settings, volume): (&Settings, &str),
) -> (Workload, Target) {
    let name = node.name_any();
    let image = server.image.clone();
    let image = image.unwrap_or_else(|| settings.server_image.clone());
    // What is advertised is reached from elsewhere; everything else only from this machine.
    let host = if server.advertise.is_empty() {
        Ipv4Addr::LOCALHOST
    } else {
        Ipv4Addr::UNSPECIFIED
    };
    let mut config = json!({
        "host": "0.0.0.0",
        "port": PORT,
        "name": name,
        "profile": match server.profile {
            ServerProfile::Private => "private",
            ServerProfile::Public => "public",
        },
        "data_dir": server::DATA_DIR,
        "tls_cert": server::TLS_CERT,
        "tls_key": server::TLS_KEY,
        "admin_key_file": server::ADMIN_KEY,
    });
    // However the program was built, the same settings are the same text.
    config.sort_all_objects();
    // Everything but the certificate, which the server takes while it runs.
    let compared = json!([RECIPE, config, image, server.port, host, keys.admin_key]);
    let hash = format!("1-{}", digest(compared.to_string().as_bytes()));
    let delivery = delivery(&config.to_string(), keys, node);
    let delivery_digest = delivery_digest(&delivery);
    let labels = [
        (labels::COMPONENT, labels::CHAT_SERVER.to_owned()),
        (labels::NODE, name.clone()),
        (labels::UID, node.uid().unwrap_or_default()),
        (labels::SPEC_HASH, hash.clone()),
    ];
    let memory = |path: &str, size_mib, writable_by| MemoryMount {
        path: path.to_owned(),
        size_mib,
        writable_by,
    };
    let spec = ContainerSpec {
        name: component_name(&settings.swarm, &name, labels::CHAT_SERVER),
        image,
        args: vec!["serve".into(), "--delivered".into()],
        labels: labels.map(|(k, v)| (k.to_owned(), v)).into(),
        network: network_name(&settings.swarm),
        aliases: vec![chat_server_host(&name)],
        address_from_end: Some(chat_server_address(&name)),
        volume: Some(VolumeMount {
            name: volume.to_owned(),
            path: server::DATA_DIR.to_owned(),
        }),
        memory_mounts: vec![
            memory(server::CONFIG_DIR, 8, MemoryOwner::Root),
            memory(server::SECRETS_DIR, 8, MemoryOwner::Root),
            memory("/tmp", 16, MemoryOwner::Everybody),
        ],
        ports: vec![PublishedPort {
            host: SocketAddr::from((host, server.port)),
            container: PORT,
        }],
        memory: Some(MEMORY),
        pids: Some(PIDS),
        stop_timeout_seconds: GRACE_SECONDS,
        ..ContainerSpec::default()
    };
    let target = Target {
        node: name.clone(),
        spec_hash: hash,
        delivery_digest: delivery_digest.clone(),
        workload: Kind::Service,
        needs_approval: false,
        server_ready: true,
    };
    let workload = Workload {
        node: name,
        spec,
        delivery: Some(delivery),
        delivery_digest,
        receiver: RECEIVER,
    };
    (workload, target)
}

fn delivery(config: &str, keys: &ChatKeys, node: &Node) -> Delivery {
    let file = |dir, path: &str, text: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        DeliveredFile {
            dir,
            path: name.to_owned(),
            contents: text.as_bytes().to_vec(),
        }
    };
    let secret = |path, text: &str| file(DeliveryDir::Secrets, path, text);
    Delivery {
        generation: node.metadata.generation.unwrap_or(0).unsigned_abs(),
        files: vec![
            // JSON is YAML.
            file(DeliveryDir::Config, server::CONFIG, config),
            secret(server::TLS_CERT, &keys.certificate),
            secret(server::TLS_KEY, &keys.certificate_key),
            secret(server::ADMIN_KEY, &keys.admin_key),
        ],
    }
}
