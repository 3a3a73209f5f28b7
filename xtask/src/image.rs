//! The agent image, built through an engine's API: the base from what `setup` made, then our programs.
//!
//! Tags are hashes of what goes in, so that nothing is built that is there already, and that a manifest's
//! image is exactly what was built.

use std::{
    collections::HashMap,
    fs::File,
    io::{Seek, SeekFrom},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use bollard::{ClientVersion, Docker, body_try_stream, query_parameters::BuildImageOptionsBuilder};
use futures::StreamExt;
use tokio_util::io::ReaderStream;

use crate::{build, checksum, paths, versions};

/// What Podman 4 and 5 both speak.
const API: ClientVersion = ClientVersion {
    major_version: 1,
    minor_version: 41,
};
/// Seconds that one answer of a build may take.
const TIMEOUT: u64 = 600;

/// One image: its name, its build file, and what else goes in (name in the context, path).
struct Image {
    name: &'static str,
    containerfile: PathBuf,
    inputs: Vec<(String, PathBuf)>,
    base: Option<String>,
}

/// Builds what is missing in the engine; gives the agent image's tag.
pub fn build(socket: &Path) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let path = socket.to_str().context("the socket's path is not UTF-8")?;
        let docker = Docker::connect_with_unix(path, TIMEOUT, &API)
            .with_context(|| format!("no engine at {path}; run `cargo xtask setup`"))?;
        let folder = paths::root().join("agent-image");
        let base = Image {
            name: "localhost/agentchat-base",
            containerfile: folder.join("Containerfile.base"),
            inputs: vec![
                ("base-image.tar".to_owned(), paths::base_image()),
                ("claude".to_owned(), paths::claude()),
            ],
            base: None,
        };
        let base = base.ensure(&docker).await?;
        let program = |name: &str| {
            paths::target()
                .join(versions::GUEST_TARGET)
                .join("debug")
                .join(name)
        };
        let agent = Image {
            name: "localhost/agentchat-agent",
            containerfile: folder.join("Containerfile"),
            inputs: build::GUEST_PACKAGES
                .map(|name| (name.to_owned(), program(name)))
                .to_vec(),
            base: Some(base),
        };
        agent.ensure(&docker).await
    })
}

impl Image {
    /// The image's tag, after it was built if it was not there.
    async fn ensure(&self, docker: &Docker) -> Result<String> {
        let tag = self.tag()?;
        if docker.inspect_image(&tag).await.is_ok() {
            return Ok(tag);
        }
        let start = Instant::now();
        println!("image: building {tag}");
        let context = self.context()?;
        let arguments: HashMap<_, _> = self
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
            tokio::fs::File::from_std(context),
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

    /// Name and hash of everything that goes in.
    fn tag(&self) -> Result<String> {
        let mut text = checksum::sum_file(&self.containerfile)?;
        for (name, path) in &self.inputs {
            text.push_str(&format!("\n{name} {}", self.sum(path)?));
        }
        text.push_str(self.base.as_deref().unwrap_or_default());
        let hash = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        Ok(format!(
            "{}:{}",
            self.name,
            checksum::hex(&hash.as_ref()[..6])
        ))
    }

    /// Checksum of an input; the big ones have theirs on file.
    fn sum(&self, path: &Path) -> Result<String> {
        if path == paths::base_image() {
            return std::fs::read_to_string(checksum::base_sum_file())
                .context("the base image is not there; run `cargo xtask setup`");
        }
        if path == paths::claude() {
            // Its package's checksum was verified when it was fetched.
            return Ok(versions::claude()
                .map_or(versions::CLAUDE_VERSION, |p| p.checksum)
                .to_owned());
        }
        checksum::sum_file(path)
    }

    /// The build's context, as an uncompressed tar in a file that nobody else sees.
    fn context(&self) -> Result<File> {
        let mut tar = tar::Builder::new(tempfile::tempfile_in(paths::tools())?);
        tar.append_path_with_name(&self.containerfile, "Containerfile")?;
        for (name, path) in &self.inputs {
            tar.append_path_with_name(path, name).with_context(|| {
                format!(
                    "{} is not there; run `cargo xtask setup` and `build`",
                    path.display()
                )
            })?;
        }
        let mut file = tar.into_inner()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }
}
