//! A Podman of the test's own, with nothing in it: for what depends on everything that an engine has.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use agentchat_driver::Podman;
use bollard::{API_DEFAULT_VERSION, Docker};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::{
    net::UnixStream,
    time::{sleep, timeout},
};

use crate::DEADLINE;

/// The image that it has.
pub const IMAGE: &str = "localhost/empty:1";

pub struct OwnPodman {
    folder: TempDir,
    service: Child,
}

impl OwnPodman {
    /// Starts it, where Podman is tested.
    pub async fn start() -> Option<Self> {
        crate::podman_and_image()?;
        let folder = tempfile::tempdir().unwrap();
        let mut empty = tar::Builder::new(vec![]);
        let mut header = tar::Header::new_ustar();
        header.set_size(0);
        empty
            .append_data(&mut header, "empty", std::io::empty())
            .unwrap();
        let path = folder.path().join("empty.tar");
        std::fs::write(&path, empty.into_inner().unwrap()).unwrap();
        let mut import = podman(&folder);
        let imported = import.arg("import").arg(path).arg(IMAGE).output().unwrap();
        assert!(imported.status.success(), "{imported:?}");
        let mut service = podman(&folder);
        service.args(["system", "service", "--time=0"]);
        service.arg(format!("unix://{}", socket(&folder).display()));
        let service = service.stdin(Stdio::null()).spawn().unwrap();
        let started = Self { folder, service };
        let answers = async {
            while UnixStream::connect(started.socket()).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(DEADLINE, answers).await.expect("no answer");
        Some(started)
    }

    pub fn socket(&self) -> PathBuf {
        socket(&self.folder)
    }

    /// As a swarm sees it.
    pub fn swarm(&self, swarm: &str) -> Podman {
        Podman::connect(&self.socket(), swarm.to_owned()).unwrap()
    }

    /// To look past the driver.
    pub fn docker(&self) -> Docker {
        let socket = self.socket();
        let path = socket.to_str().unwrap();
        Docker::connect_with_unix(path, DEADLINE.as_secs(), API_DEFAULT_VERSION).unwrap()
    }
}

impl Drop for OwnPodman {
    fn drop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.service.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        self.service.wait().unwrap();
    }
}

fn socket(folder: &TempDir) -> PathBuf {
    folder.path().join("podman.sock")
}

/// Podman on storage of its own, without anything that outlives the folder.
fn podman(folder: &TempDir) -> Command {
    let mut command = Command::new("podman");
    for (option, path) in [
        ("--root", "root"),
        ("--runroot", "run"),
        ("--tmpdir", "tmp"),
        ("--network-config-dir", "networks"),
    ] {
        let path = folder.path().join(path);
        std::fs::create_dir_all(&path).unwrap();
        command.arg(option).arg(path);
    }
    command.args([
        "--log-level=error",
        "--storage-driver=vfs",
        "--cgroup-manager=cgroupfs",
        "--events-backend=none",
    ]);
    command
}
