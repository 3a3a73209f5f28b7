//! A sandbox to run `agentctl` in, and what must hold whenever it refuses.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Command, Output, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The user that owns nothing.
const NOBODY: u32 = 65534;

/// A folder of one's own, with a folder for the state of swarms.
pub struct Sandbox {
    folder: tempfile::TempDir,
    without: Vec<&'static str>,
}

/// What came of a call.
pub struct Outcome {
    output: Output,
    /// Of it, what went to standard error.
    pub stderr: String,
    left: Vec<String>,
}

impl Sandbox {
    /// An empty one, open to everybody.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("state")] {
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        }
        Self {
            folder,
            without: vec![],
        }
    }

    /// The same, where an environment variable is not set.
    pub fn without(variable: &'static str) -> Self {
        let mut sandbox = Self::new();
        sandbox.without.push(variable);
        sandbox
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> String {
        let path = match name {
            "." => self.folder.path().to_owned(),
            name => self.folder.path().join(name),
        };
        path.to_str().unwrap().to_owned()
    }

    /// A file in it.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// A file of a certain mode.
    pub fn secret(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.file(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// `agentctl` with these words.
    pub fn agentctl(&self, words: &[&str]) -> Outcome {
        let _turn = turn();
        self.run(Command::new(env!("CARGO_BIN_EXE_agentctl")).args(words))
    }

    /// `agentctl up` of the quickstart with these words.
    pub fn up(&self, words: &[&str]) -> Outcome {
        let _turn = turn();
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentctl"));
        self.run(quickstart(&mut command, words))
    }

    /// The same, as a user for whom modes count.
    pub fn up_as_nobody(&self, words: &[&str]) -> Outcome {
        if !nix::unistd::geteuid().is_root() {
            return self.up(words);
        }
        let _turn = turn();
        let program = self.path("agentctl");
        if !Path::new(&program).exists() {
            fs::copy(env!("CARGO_BIN_EXE_agentctl"), &program).unwrap();
        }
        let manifests = self.path("quickstart");
        fs::create_dir_all(&manifests).unwrap();
        for file in fs::read_dir(QUICKSTART).unwrap() {
            let file = file.unwrap();
            let here = Path::new(&manifests).join(file.file_name());
            fs::copy(file.path(), here).unwrap();
        }
        let mut command = Command::new(program);
        command.args(["up", "--agent-image", "localhost/none:1", "-f", &manifests]);
        command.args(words).uid(NOBODY).gid(NOBODY).current_dir("/");
        self.run(&mut command)
    }

    /// The same with a text on its standard input.
    pub fn agentctl_reads(&self, words: &[&str], text: &str) -> Outcome {
        let _turn = turn();
        let input = fs::File::open(self.file("input", text)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentctl"));
        self.run_with(command.args(words), input.into())
    }

    fn run(&self, command: &mut Command) -> Outcome {
        self.run_with(command, Stdio::null())
    }

    fn run_with(&self, command: &mut Command, input: Stdio) -> Outcome {
        let state = self.folder.path().join("state");
        for name in ["AGENTCHAT_SERVER_IMAGE", "AGENTCHAT_MODEL_IMAGE"] {
            command.env(name, "localhost/none:2");
        }
        for name in &self.without {
            command.env_remove(name);
        }
        command
            .env("XDG_STATE_HOME", &state)
            .env("RUST_BACKTRACE", "1")
            .env_remove("AGENTCHAT_SWARM")
            .env_remove("AGENTCHAT_AGENT_IMAGE")
            .env("AGENTCHAT_NO_SYSTEMD", "1")
            .env_remove("RUST_LOG")
            .stdin(input);
        let output = command.output().unwrap();
        let left = fs::read_dir(&state).unwrap();
        Outcome {
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
            output,
            left: left
                .map(|entry| entry.unwrap().path().display().to_string())
                .collect(),
        }
    }
}

/// One at a time: each looks whether the usual ports are free, and would find those that another looks at taken; and a
/// program that was just written can't be run while another is being started.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

const QUICKSTART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/quickstart");

fn quickstart<'a>(command: &'a mut Command, words: &[&str]) -> &'a mut Command {
    let image = ["up", "--agent-image", "localhost/none:1"];
    let own = words.contains(&"-f");
    let manifests = ["-f", QUICKSTART].into_iter().filter(|_| !own);
    command.args(image).args(manifests).args(words)
}

impl Outcome {
    /// Fails unless it is one message with this exit code, plain text, and nothing is left of the attempt.
    pub fn refused(self, code: i32) -> Self {
        let said = &self.stderr;
        assert_eq!(self.output.status.code(), Some(code), "{said}");
        assert!(
            self.output.stdout.is_empty(),
            "something went to standard output: {said}"
        );
        let errors = said.lines().filter(|line| line.starts_with("error: "));
        assert_eq!(errors.count(), 1, "one message is wanted: {said}");
        for noise in ["panicked", "backtrace", "\u{1b}[", "RUST_"] {
            assert!(!said.contains(noise), "{noise:?}: {said}");
        }
        assert!(self.left.is_empty(), "left behind: {:?}: {said}", self.left);
        self
    }

    /// Fails unless the message has all of these words.
    pub fn names(&self, words: &[&str]) {
        for word in words {
            assert!(
                self.stderr.contains(word),
                "{word:?} is not named: {}",
                self.stderr
            );
        }
    }
}
