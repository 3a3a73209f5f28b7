//! A Podman API service that we start ourselves: on machines without systemd, and for the tests.
//!
//! Where cgroups are hybrid (version 2 below `/sys/fs/cgroup/unified`) crun refuses to work until
//! that mount is gone, so the service runs in a mount namespace without it. The namespace is pinned
//! to a file: a service that is started again must find the mounts of containers that still run.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use ring::digest;

use crate::{command, paths};

/// How long a service may take until its socket answers.
const START: Duration = Duration::from_secs(30);

/// One service: its socket, where it keeps its process id and log, and storage of its own if any.
pub struct Engine {
    socket: PathBuf,
    state: PathBuf,
    storage: Option<PathBuf>,
}

impl Engine {
    /// The machine's: Podman's usual socket and storage.
    pub fn machine() -> Self {
        let socket = paths::machine_socket();
        let state = socket.parent().unwrap_or(Path::new("/run")).to_owned();
        Self {
            socket,
            state,
            storage: None,
        }
    }

    /// The tests': storage below the build folder, sockets below the runtime folder, where paths
    /// are short enough for a socket's name.
    pub fn tests() -> Self {
        let storage = paths::target().join("e2e/engine");
        let hash = digest::digest(&digest::SHA256, storage.as_os_str().as_encoded_bytes());
        let name = crate::checksum::hex(&hash.as_ref()[..4]);
        let state = paths::runtime_dir().join(format!("agentchat-e2e-{name}"));
        Self {
            socket: state.join("podman.sock"),
            state,
            storage: Some(storage),
        }
    }

    /// The socket's path.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Whether something answers on the socket.
    pub fn answers(&self) -> bool {
        UnixStream::connect(&self.socket).is_ok()
    }

    /// Starts the service unless it answers already, and waits until it does.
    pub fn start(&self) -> Result<()> {
        if self.answers() {
            return Ok(());
        }
        fs::create_dir_all(&self.state)
            .with_context(|| format!("cannot make {}", self.state.display()))?;
        if self.socket.exists() {
            fs::remove_file(&self.socket)?;
        }
        let log_path = self.log_file();
        let log = File::create(&log_path)?;
        let mut service = self.podman(true)?;
        service.args(["system", "service", "--time=0"]);
        service.arg(format!("unix://{}", self.socket.display()));
        service
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut child = service.spawn().context("cannot start the Podman service")?;
        fs::write(self.pid_file(), format!("{}\n", child.id()))?;
        let deadline = Instant::now() + START;
        while !self.answers() {
            let ended = child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let said = fs::read_to_string(&log_path).unwrap_or_default();
                bail!(
                    "the Podman service does not answer on {}: {said}",
                    self.socket.display()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Removes every container, then ends the service. Images stay.
    pub fn stop(&self) -> Result<()> {
        let Ok(text) = fs::read_to_string(self.pid_file()) else {
            return Ok(());
        };
        if self.storage.is_some() {
            command::run(
                self.podman(false)?
                    .args(["rm", "--all", "--force", "--time=1"]),
            )?;
        }
        let pid: i32 = text
            .trim()
            .parse()
            .context("the service's pid file is damaged")?;
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if name.trim() == "podman" {
            kill(Pid::from_raw(pid), Signal::SIGTERM)?;
            let deadline = Instant::now() + START;
            while lives(pid) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        fs::remove_file(self.pid_file())?;
        Ok(())
    }

    /// Ends a service that we started and that has no container left, with everything it left behind.
    pub fn stop_if_idle(&self) -> Result<()> {
        if !self.pid_file().exists() {
            return Ok(());
        }
        let listed = self
            .podman(false)?
            .args(["ps", "--all", "--quiet"])
            .output()?;
        if !listed.status.success() || !listed.stdout.is_empty() {
            return Ok(());
        }
        self.stop()?;
        for file in [self.socket.clone(), self.log_file()] {
            if file.exists() {
                fs::remove_file(file)?;
            }
        }
        unpin_namespace()
    }

    fn log_file(&self) -> PathBuf {
        self.state.join("agentchat-service.log")
    }

    fn pid_file(&self) -> PathBuf {
        self.state.join("agentchat-service.pid")
    }

    /// Podman on this engine's storage, in the pinned namespace where one is needed.
    fn podman(&self, own_session: bool) -> Result<Command> {
        let mut words: Vec<String> = Vec::new();
        if own_session {
            words.push("setsid".to_owned());
        }
        if hybrid_cgroups() && geteuid().is_root() {
            let namespace = pinned_namespace()?;
            words.extend([
                "nsenter".to_owned(),
                format!("--mount={}", namespace.display()),
            ]);
        }
        words.push("podman".to_owned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["--runtime", "crun"]);
        if !systemd() {
            command.args(["--cgroup-manager", "cgroupfs", "--events-backend", "file"]);
        }
        if let Some(storage) = &self.storage {
            fs::create_dir_all(storage.join("networks"))?;
            command.arg("--root").arg(storage.join("root"));
            command.arg("--runroot").arg(self.state.join("run"));
            command.arg("--tmpdir").arg(self.state.join("tmp"));
            command
                .arg("--network-config-dir")
                .arg(storage.join("networks"));
        }
        Ok(command)
    }
}

/// Whether a process runs; one that has ended and waits for its parent does not.
fn lives(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// Whether systemd runs this machine.
pub fn systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Whether cgroup version 2 is mounted beside version 1.
pub fn hybrid_cgroups() -> bool {
    mounted(Path::new("/sys/fs/cgroup/unified"))
}

fn mounted(path: &Path) -> bool {
    fs::read_to_string("/proc/self/mountinfo").is_ok_and(|mounts| {
        mounts.lines().any(|line| {
            line.split(' ')
                .nth(4)
                .is_some_and(|at| Path::new(at) == path)
        })
    })
}

fn pinned_namespace() -> Result<PathBuf> {
    let dir = Path::new("/run/podman-ns");
    let pin = dir.join("mnt");
    if mounted(&pin) {
        return Ok(pin);
    }
    fs::create_dir_all(dir)?;
    // A namespace can only be pinned on a mount that is not shared.
    if !mounted(dir) {
        command::run(Command::new("mount").arg("--bind").arg(dir).arg(dir))?;
        command::run(Command::new("mount").arg("--make-private").arg(dir))?;
    }
    File::create(&pin)?;
    let mut unshare = Command::new("unshare");
    unshare
        .arg(format!("--mount={}", pin.display()))
        .args(["--propagation", "private"]);
    command::run(unshare.args(["umount", "/sys/fs/cgroup/unified"]))?;
    Ok(pin)
}

/// Undoes [`pinned_namespace`], unless a process still lives in it.
fn unpin_namespace() -> Result<()> {
    let dir = Path::new("/run/podman-ns");
    let pin = dir.join("mnt");
    if !mounted(&pin) {
        return Ok(());
    }
    let pinned = fs::metadata(&pin)?.ino();
    for process in fs::read_dir("/proc")? {
        let namespace = fs::metadata(process?.path().join("ns/mnt"));
        if namespace.is_ok_and(|namespace| namespace.ino() == pinned) {
            return Ok(());
        }
    }
    command::run(Command::new("umount").arg(&pin))?;
    command::run(Command::new("umount").arg(dir))?;
    fs::remove_dir_all(dir).context("cannot remove the folder of the mount namespace")
}
