//! What every engine promises. The same tests hold the fake and Podman to it.
//!
//! Podman's half runs on the engine of `AGENTCHAT_E2E_SOCKET` with the image of `AGENTCHAT_E2E_IMAGE`, which
//! `cargo xtask test` sets. Without them it says so, and fails where `CI` is set.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]
#![expect(clippy::print_stderr, reason = "says when only the fake was tested")]

mod exchange;
mod identity;
mod life;
mod own_podman;
mod selection;
mod settings;
mod swarms;

use std::{collections::BTreeMap, env, path::PathBuf, sync::Arc, thread, time::Duration};

use agentchat_driver::{
    Container, ContainerSpec, Engine, FakeEngine, Podman, Selector, VolumeMount,
    agent_memory_mounts, labels,
};
use bollard::{
    API_DEFAULT_VERSION, Docker,
    exec::{CreateExecOptions, StartExecResults},
};
use futures::StreamExt;

const DEADLINE: Duration = Duration::from_secs(60);
const FAKE_IMAGE: &str = "fake-image";

/// A swarm on an engine. What it has there is removed when the test ends, however that is.
struct Swarm {
    engine: Arc<dyn Engine>,
    image: String,
    /// Makes its things unique.
    name: String,
}

/// The engines to test.
fn engines(test: &str) -> Vec<Swarm> {
    let name = format!("contract-{test}-{}", std::process::id());
    let fake = Swarm {
        engine: Arc::new(FakeEngine::new(&name, &[FAKE_IMAGE])),
        image: FAKE_IMAGE.to_owned(),
        name,
    };
    std::iter::once(fake).chain(podman(test)).collect()
}

/// Podman, if there is one to test.
fn podman(test: &str) -> Option<Swarm> {
    let (socket, image) = podman_and_image()?;
    let name = format!("contract-{test}-{}", std::process::id());
    let podman = Podman::connect(&socket, name.clone()).unwrap();
    Some(Swarm {
        engine: Arc::new(podman),
        image,
        name,
    })
}

fn podman_and_image() -> Option<(PathBuf, String)> {
    let given = ["AGENTCHAT_E2E_SOCKET", "AGENTCHAT_E2E_IMAGE"].map(env::var);
    if let [Ok(socket), Ok(image)] = given {
        return Some((socket.into(), image));
    }
    assert!(
        env::var_os("CI").is_none(),
        "AGENTCHAT_E2E_SOCKET and AGENTCHAT_E2E_IMAGE are not set; run `cargo xtask test`"
    );
    eprintln!("only the fake is tested; `cargo xtask test` tests Podman as well");
    None
}

impl Swarm {
    /// The container of the agent ada.
    fn spec(&self) -> ContainerSpec {
        let all = [
            (labels::NAMESPACE, "default"),
            (labels::NAME, "ada"),
            (labels::SPEC_HASH, "h"),
        ];
        ContainerSpec {
            name: self.name.clone(),
            image: self.image.clone(),
            args: vec!["ada".to_owned()],
            env: BTreeMap::new(),
            labels: all.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            network: self.name.clone(),
            volume: Some(VolumeMount {
                name: format!("{}-home", self.name),
                path: "/home/agent".to_owned(),
            }),
            memory_mounts: agent_memory_mounts(),
            cpu_millis: Some(1000),
            memory: Some(512 << 20),
            pids: Some(64),
            stop_timeout_seconds: 5,
            ..ContainerSpec::default()
        }
    }

    /// Makes network and volume of a container; what is there already is kept.
    async fn network_and_volume(&self, spec: &ContainerSpec) {
        self.engine.ensure_network(&spec.network).await.unwrap();
        if let Some(volume) = &spec.volume {
            let made = self.engine.ensure_volume(&volume.name, &spec.labels).await;
            made.unwrap();
        }
    }

    /// Creates a container with all that it needs; gives its id.
    async fn create(&self, spec: &ContainerSpec) -> String {
        self.network_and_volume(spec).await;
        self.engine.create(spec).await.unwrap()
    }

    /// The one container of the agent.
    async fn ada(&self) -> Container {
        let selector = Selector::agent("default", "ada");
        let mut found = self.engine.find(&selector).await.unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        let engine = self.engine.clone();
        let clean = async move {
            for container in engine.list().await.unwrap_or_default() {
                drop(engine.remove(&container.id).await);
            }
            for left in engine.owned().await.unwrap_or_default() {
                drop(match left.kind {
                    "volume" => engine.remove_volume(&left.name).await,
                    _ => engine.remove_network(&left.name).await,
                });
            }
        };
        let cleaned = thread::spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(clean));
        assert!(cleaned.join().is_ok() || thread::panicking());
    }
}

/// Podman itself, to look past the driver.
fn docker() -> Docker {
    let socket = env::var("AGENTCHAT_E2E_SOCKET").unwrap();
    Docker::connect_with_unix(&socket, DEADLINE.as_secs(), API_DEFAULT_VERSION).unwrap()
}

/// Output of a command in a container, as the image's user.
async fn output_of(id: &str, command: &[&str]) -> String {
    let options = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(command.to_vec()),
        ..CreateExecOptions::default()
    };
    let exec = docker().create_exec(id, options).await.unwrap();
    let started = docker().start_exec(&exec.id, None).await.unwrap();
    let StartExecResults::Attached { mut output, .. } = started else {
        panic!("not attached");
    };
    let mut text = String::new();
    while let Some(Ok(part)) = output.next().await {
        text.push_str(&part.to_string());
    }
    text.trim().to_owned()
}
