//! What it takes without us: a container with the same image, limits and mounts, whose only program is Claude
//! Code, from the request to create it to Claude Code's first request to the model.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use agentchat_e2e::scripted;
use axum::{extract::Request, middleware};
use bollard::{
    models::{ContainerCreateBody, HostConfig, Mount, MountType, VolumeCreateRequest},
    query_parameters::{
        CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder,
    },
};
use tokio::{net::TcpListener, sync::Notify, time::timeout};

use crate::{
    swarm::{docker, setting},
    wait::LONG,
};

/// Container and volume.
const NAME: &str = "agentchat-bench-bare";

/// The scripted model, noting when it is asked something.
pub struct Endpoint {
    address: SocketAddr,
    asked: Arc<Notify>,
}

impl Endpoint {
    /// Listens on all addresses of this host, as containers reach it through the network's gateway.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Notify::new());
        let noted = asked.clone();
        let app = scripted::app().layer(middleware::map_request(move |request: Request| {
            if request.uri().path() == "/v1/messages" {
                noted.notify_one();
            }
            std::future::ready(request)
        }));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, asked }
    }
}

/// One container, on the swarm's network, from its creation to the first request; then it is removed.
pub async fn round(endpoint: &Endpoint) -> Duration {
    remove().await;
    let docker = docker();
    let volume = VolumeCreateRequest {
        name: Some(NAME.to_owned()),
        ..VolumeCreateRequest::default()
    };
    docker.create_volume(volume).await.unwrap();
    let start = Instant::now();
    let options = CreateContainerOptionsBuilder::new().name(NAME).build();
    let made = docker
        .create_container(Some(options), body(endpoint.address.port()))
        .await
        .unwrap();
    docker.start_container(&made.id, None).await.unwrap();
    let asked = timeout(LONG, endpoint.asked.notified()).await;
    asked.expect("Claude Code asked nothing");
    let took = start.elapsed();
    remove().await;
    took
}

/// As the agents' containers, except for the program.
fn body(port: u16) -> ContainerCreateBody {
    let words = |words: &[&str]| Some(words.iter().map(|&w| w.to_owned()).collect());
    let tmpfs = [
        ("/run/agent", "size=4m,mode=0700,U"),
        ("/tmp", "size=64m,mode=1777"),
    ];
    ContainerCreateBody {
        image: Some(setting("AGENTCHAT_E2E_IMAGE")),
        entrypoint: words(&["claude"]),
        cmd: words(&[
            "-p",
            "hello",
            "--output-format",
            "stream-json",
            "--verbose",
            "--tools",
            "",
            "--setting-sources",
            "",
            "--strict-mcp-config",
        ]),
        env: Some(vec![
            format!("ANTHROPIC_BASE_URL=http://host.containers.internal:{port}"),
            "ANTHROPIC_API_KEY=of-the-scripted-model".to_owned(),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1".to_owned(),
            "DISABLE_AUTOUPDATER=1".to_owned(),
            "HOME=/home/agent".to_owned(),
        ]),
        host_config: Some(HostConfig {
            cap_drop: words(&["ALL"]),
            security_opt: words(&["no-new-privileges"]),
            readonly_rootfs: Some(true),
            network_mode: Some("agentchat_bench-start".to_owned()),
            tmpfs: Some(
                tmpfs
                    .map(|(path, options)| (path.to_owned(), options.to_owned()))
                    .into(),
            ),
            mounts: Some(vec![Mount {
                target: Some("/home/agent".to_owned()),
                source: Some(NAME.to_owned()),
                typ: Some(MountType::VOLUME),
                ..Mount::default()
            }]),
            nano_cpus: Some(2_000_000_000),
            memory: Some(4 << 30),
            pids_limit: Some(256),
            ulimits: Some(vec![]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

async fn remove() {
    let docker = docker();
    let container = RemoveContainerOptionsBuilder::new().force(true).build();
    let volume = RemoveVolumeOptionsBuilder::new().force(true).build();
    // Absent is fine; what else is wrong shows when it is made.
    drop(docker.remove_container(NAME, Some(container)).await);
    drop(docker.remove_volume(NAME, Some(volume)).await);
}
