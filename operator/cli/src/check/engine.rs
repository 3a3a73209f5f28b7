//! Podman's socket: whether it answers, who answers, and what it has of a swarm.
//!
//! A few questions over HTTP/1.0, so that the answer ends with the connection; the operator has the real client.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use super::socket::unusable;
use crate::output::plain;

/// How long one answer may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// The largest answer, in bytes.
const LARGEST: u64 = 8 << 20;
/// The oldest Podman that is known to work.
const OLDEST: u64 = 4;

/// The engine behind a socket.
#[derive(Clone, Debug)]
pub struct Engine {
    socket: PathBuf,
}

/// Podman's usual socket: root's, or the user's own.
pub fn default_socket() -> PathBuf {
    if nix::unistd::geteuid().is_root() {
        return "/run/podman/podman.sock".into();
    }
    let own = || format!("/run/user/{}", nix::unistd::geteuid()).into();
    env::var_os("XDG_RUNTIME_DIR")
        .map_or_else(own, PathBuf::from)
        .join("podman/podman.sock")
}

impl Engine {
    /// The engine behind a socket; nothing is asked yet.
    pub fn at(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    /// Checks that a Podman that is new enough answers; gives its version.
    pub async fn version(&self) -> Result<String> {
        let (status, answer) = self.get("/version").await?;
        let parts = answer["Components"].as_array();
        let named = |name: &str| {
            let all = parts.into_iter().flatten();
            let one = all.into_iter().find(|part| part["Name"] == name);
            one.and_then(|part| part["Version"].as_str())
        };
        let Some(version) = named("Podman Engine") else {
            let who = match named("Engine").or(answer["Version"].as_str()) {
                Some(version) => format!("a program of version {}, Docker perhaps", plain(version)),
                None => format!("a program that answers {status} when asked for its version"),
            };
            bail!(
                "what answers on {} is not Podman but {who}; give Podman's socket with --socket",
                self.socket.display()
            );
        };
        let version = plain(version);
        let major = version.split('.').next().map(str::parse::<u64>);
        match major {
            Some(Ok(major)) if major >= OLDEST => {}
            Some(Ok(_)) => bail!(
                "the Podman on {} is version {version}, which is too old; install {OLDEST}.0 or newer",
                self.socket.display()
            ),
            _ => bail!(
                "the Podman on {} says that it is version {version:?}, which can't be understood; \
                 {OLDEST}.0 or newer is needed",
                self.socket.display()
            ),
        }
        Ok(version)
    }

    /// Whether the engine has an image.
    pub async fn has_image(&self, image: &str) -> Result<bool> {
        Ok(self
            .get(&format!("/images/{}/json", encode(image)))
            .await?
            .0
            == 200)
    }

    /// What is left of a swarm: containers, volumes and networks that carry its label.
    pub async fn left(&self, swarm_id: &str) -> Result<Vec<String>> {
        let filters = serde_json::json!({"label": [format!("agentchat.dev/swarm={swarm_id}")]});
        let filters = encode(&filters.to_string());
        let mut left = vec![];
        for (what, path, list, name) in [
            ("container", "/containers/json?all=true&", "", "/Names/0"),
            ("volume", "/volumes?", "/Volumes", "/Name"),
            ("network", "/networks?", "", "/Name"),
        ] {
            let (status, answer) = self.get(&format!("{path}filters={filters}")).await?;
            if status != 200 {
                bail!("the engine answered {status} when asked for what is left");
            }
            let all = answer.pointer(list).and_then(Value::as_array);
            let names = all
                .into_iter()
                .flatten()
                .filter_map(|one| one.pointer(name)?.as_str());
            left.extend(names.map(|name| format!("{what} {}", name.trim_start_matches('/'))));
        }
        Ok(left)
    }

    async fn get(&self, path: &str) -> Result<(u16, Value)> {
        let socket = self.socket.display();
        let Ok(answer) = tokio::time::timeout(DEADLINE, self.exchange(path)).await else {
            bail!(
                "nothing answers on {socket} within {} s; see whether Podman is stuck, or give another socket with --socket",
                DEADLINE.as_secs()
            );
        };
        let answer = answer?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("what answers on {socket} does not speak HTTP, so it is not Podman; give Podman's socket with --socket"))?;
        Ok((status, serde_json::from_str(body).unwrap_or(Value::Null)))
    }

    async fn exchange(&self, path: &str) -> Result<String> {
        let mut stream = match UnixStream::connect(&self.socket).await {
            Ok(stream) => stream,
            Err(error) => bail!(unusable(&self.socket, &error)),
        };
        let request = format!("GET {path} HTTP/1.0\r\nHost: podman\r\n\r\n");
        let broke = || format!("what listens on {} broke off", self.socket.display());
        stream
            .write_all(request.as_bytes())
            .await
            .with_context(broke)?;
        let mut answer = vec![];
        stream
            .take(LARGEST)
            .read_to_end(&mut answer)
            .await
            .with_context(broke)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    async fn answering(body: &'static str) -> (tempfile::TempDir, Engine) {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("podman.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = [0; 1024];
                assert_ne!(stream.read(&mut asked).await.unwrap(), 0);
                let answer = format!("HTTP/1.0 200 OK\r\nContent-Type: x\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (dir, Engine::at(&socket))
    }

    #[tokio::test]
    async fn podman_is_told_from_others_and_from_nothing() {
        let podman = r#"{"Components": [{"Name": "Podman Engine", "Version": "5.4.2"}]}"#;
        let (_dir, engine) = answering(podman).await;
        assert_eq!(engine.version().await.unwrap(), "5.4.2");
        let old = r#"{"Components": [{"Name": "Podman Engine", "Version": "3.4.4"}]}"#;
        for (body, says) in [(old, "too old"), (r#"{"Components": []}"#, "not Podman")] {
            let (_dir, engine) = answering(body).await;
            let said = engine.version().await.unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
        }
        let nobody = Engine::at(Path::new("/nowhere/podman.sock"));
        let said = format!("{:#}", nobody.version().await.unwrap_err());
        assert!(said.contains("/nowhere/podman.sock"), "{said}");
    }

    #[tokio::test]
    async fn what_is_left_is_named() {
        let list = r#"[{"Names": ["/agentchat-ada"], "Name": "agentchat"}]"#;
        let (_dir, engine) = answering(list).await;
        let left = engine.left("some-uid").await.unwrap();
        assert_eq!(left, ["container agentchat-ada", "network agentchat"]);
    }
}
