//! The images, built through an engine's API: that of agents, on a base from what `setup` made; that of the chat
//! server; and that of the scripted model.
//!
//! Tags are hashes of what goes in, so that nothing is built that is there already, and that a manifest's
//! image is exactly what was built.

mod context;

use std::{collections::HashMap, fmt, path::Path, process::Command, time::Instant};

use agentchat_contract::server;
use anyhow::{Context, Result, bail};
use bollard::{ClientVersion, Docker, body_try_stream, query_parameters::BuildImageOptionsBuilder};
use futures::StreamExt;
use tokio_util::io::ReaderStream;

use self::context::{Directory, Image, Input};
use crate::{build::guest_program, paths};

/// What Podman 4 and 5 both speak.
const API: ClientVersion = ClientVersion {
    major_version: 1,
    minor_version: 41,
};
/// Seconds that one answer of a build may take.
const TIMEOUT: u64 = 600;

/// The tags of the images.
pub struct Tags {
    /// What agents run.
    pub agent: String,
    /// The chat server.
    pub server: String,
    /// The scripted model.
    pub model: String,
}

/// One a line.
impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}", self.agent, self.server, self.model)
    }
}

impl Tags {
    /// Tells a program of them, by environment variables of these names: agent, server, model.
    pub fn tell(&self, program: &mut Command, names: [&str; 3]) {
        program.envs(
            names
                .into_iter()
                .zip([&self.agent, &self.server, &self.model]),
        );
    }
}

/// Builds what is missing in the engine.
pub fn build(socket: &Path) -> Result<Tags> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let path = socket.to_str().context("the socket's path is not UTF-8")?;
        let docker = Docker::connect_with_unix(path, TIMEOUT, &API)
            .with_context(|| format!("no engine at {path}; run `cargo xtask setup`"))?;
        let base = ensure(&docker, &base()).await?;
        Ok(Tags {
            agent: ensure(&docker, &agent(base)).await?,
            server: ensure(&docker, &chat_server()?).await?,
            model: ensure(&docker, &scripted_model()).await?,
        })
    })
}

fn base() -> Image {
    Image {
        name: "localhost/agentchat-base",
        containerfile: paths::root().join("agent-image/Containerfile.base"),
        inputs: vec![
            ("base-image.tar", Input::File(paths::base_image())),
            ("claude", Input::File(paths::claude())),
        ],
        base: None,
    }
}

fn agent(base: String) -> Image {
    Image {
        name: "localhost/agentchat-agent",
        containerfile: paths::root().join("agent-image/Containerfile"),
        inputs: ["agent-supervisor", "agent-runner", "agentchat-mcp"]
            .map(program)
            .to_vec(),
        base: Some(base),
    }
}

fn chat_server() -> Result<Image> {
    let root = |path, mode| Directory {
        path,
        mode,
        owner: 0,
    };
    // A fresh volume takes over whom the directory belongs to.
    let data = Directory {
        path: server::DATA_DIR,
        mode: 0o700,
        owner: server::UID,
    };
    let directories = [
        root(server::CONFIG_DIR, 0o755),
        root(server::SECRETS_DIR, 0o755),
        root("/tmp", 0o1777),
        data,
    ];
    let directories = context::directories(&directories)?;
    Ok(Image {
        name: "localhost/agentchat-server",
        containerfile: paths::root().join("server/Containerfile"),
        inputs: vec![
            ("directories.tar", Input::Made(directories)),
            program("agentchat-server"),
        ],
        base: None,
    })
}

fn scripted_model() -> Image {
    Image {
        name: "localhost/agentchat-scripted-model",
        containerfile: paths::root().join("e2e/Containerfile"),
        inputs: vec![program("scripted-model")],
        base: None,
    }
}

fn program(name: &'static str) -> (&'static str, Input) {
    (name, Input::File(guest_program(name)))
}

/// An image's tag, after it was built if it was not there.
async fn ensure(docker: &Docker, image: &Image) -> Result<String> {
    let tag = image.tag()?;
    if docker.inspect_image(&tag).await.is_ok() {
        return Ok(tag);
    }
    let start = Instant::now();
    println!("image: building {tag}");
    let arguments: HashMap<_, _> = image
        .base
        .iter()
        .map(|base| ("BASE".to_owned(), base.clone()))
        .collect();
    let options = BuildImageOptionsBuilder::new()
        .dockerfile("Containerfile")
        .t(&tag)
        .rm(true)
        .buildargs(&arguments)
        .build();
    let body = body_try_stream(ReaderStream::with_capacity(
        tokio::fs::File::from_std(image.context()?),
        1 << 20,
    ));
    let mut steps = docker.build_image(options, None, Some(body));
    while let Some(step) = steps.next().await {
        let step = step.with_context(|| format!("building {tag} failed"))?;
        if let Some(error) = step.error_detail.and_then(|detail| detail.message) {
            bail!("building {tag} failed: {error}");
        }
    }
    docker
        .inspect_image(&tag)
        .await
        .with_context(|| format!("{tag} is not there after its build"))?;
    println!("image: done in {:.1} s", start.elapsed().as_secs_f64());
    Ok(tag)
}
