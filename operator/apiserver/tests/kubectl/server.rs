//! A server on a free port, and kubectl pointed at it.

use std::{
    path::PathBuf,
    process::{Output, Stdio},
    time::Duration,
};

use agentchat_apiserver::{ApiServer, Options, UserInfo};
use axum::{Router, routing::get};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Nothing here takes longer on a machine that is busy.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Token of the user `eve`, who is authenticated and nothing more.
pub const EVE: &str = "--token=token-of-eve";

/// A running server.
pub struct Server {
    folder: tempfile::TempDir,
    shutdown: CancellationToken,
    serving: JoinHandle<Result<(), agentchat_apiserver::Error>>,
}

/// What kubectl said.
#[derive(Debug)]
pub struct Said {
    pub ok: bool,
    pub out: String,
    pub err: String,
}

impl Said {
    fn new(output: Output) -> Self {
        Self {
            ok: output.status.success(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What it printed, when it succeeded.
    #[track_caller]
    pub fn printed(self) -> String {
        assert!(self.ok, "{self:?}");
        self.out
    }

    /// What it complained about, when it failed.
    #[track_caller]
    pub fn refused(self) -> String {
        assert!(!self.ok, "{self:?}");
        self.err
    }
}

impl Server {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = ApiServer::open(Options {
            data_dir: folder.path().join("data"),
            listen: "127.0.0.1:0".parse().unwrap(),
            crds: vec![
                include_str!("../../../../manifests/crds/agents.agentchat.dev.yaml").into(),
                include_str!("../../../../manifests/crds/nodes.agentchat.dev.yaml").into(),
            ],
        })
        .await
        .unwrap()
        .with_token(
            "token-of-eve",
            UserInfo::new("eve", &["system:authenticated"]),
        );
        std::fs::write(folder.path().join("kubeconfig"), server.kubeconfig()).unwrap();
        let shutdown = CancellationToken::new();
        let extra = Router::new().route("/extra", get(async || "an extra route"));
        let serving = tokio::spawn(server.serve(extra, shutdown.clone()));
        Self {
            folder,
            shutdown,
            serving,
        }
    }

    /// Stops it and sees it end in time, whatever is connected.
    pub async fn stop(self) {
        self.shutdown.cancel();
        let ended = timeout(DEADLINE, self.serving).await;
        ended.unwrap().unwrap().unwrap();
    }

    /// A file in the test's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let kubectl = std::env::var_os("KUBECTL").unwrap_or_else(|| "kubectl".into());
        let mut command = Command::new(kubectl);
        command
            .args(arguments)
            .env("KUBECONFIG", self.path("kubeconfig"))
            .env("HOME", self.folder.path())
            .env_remove("HTTPS_PROXY")
            .env("NO_PROXY", "127.0.0.1")
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs kubectl.
    pub async fn kubectl(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output();
        Said::new(timeout(DEADLINE, output).await.unwrap().unwrap())
    }

    /// Runs kubectl with a manifest on its standard input; add `-f -`.
    pub async fn feed(&self, arguments: &[&str], manifest: &str) -> Said {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(manifest.as_bytes()).await.unwrap();
        drop(input);
        let output = child.wait_with_output();
        Said::new(timeout(DEADLINE, output).await.unwrap().unwrap())
    }

    /// Starts kubectl; its output is read by the caller.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }
}
