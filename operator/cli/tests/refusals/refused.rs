//! A place to run `agentctl` in, and what must hold whenever it refuses.

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
pub struct Place {
    folder: tempfile::TempDir,
}

/// What was said.
pub struct Said {
    output: Output,
    /// Of it, what went to standard error.
    pub stderr: String,
    left: Vec<String>,
}

impl Place {
    /// An empty one, open to everybody.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("state")] {
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        }
        Self { folder }
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
    pub fn agentctl(&self, words: &[&str]) -> Said {
        let _turn = turn();
        self.run(Command::new(env!("CARGO_BIN_EXE_agentctl")).args(words))
    }

    /// `agentctl up` of the quickstart with these words.
    pub fn up(&self, words: &[&str]) -> Said {
        let _turn = turn();
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentctl"));
        self.run(quickstart(&mut command, words))
    }

    /// The same, as a user for whom modes count.
    pub fn up_as_nobody(&self, words: &[&str]) -> Said {
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
    pub fn agentctl_reads(&self, words: &[&str], text: &str) -> Said {
        let _turn = turn();
        let input = fs::File::open(self.file("input", text)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentctl"));
        self.run_with(command.args(words), input.into())
    }

    fn run(&self, command: &mut Command) -> Said {
        self.run_with(command, Stdio::null())
    }

    fn run_with(&self, command: &mut Command, input: Stdio) -> Said {
        let state = self.folder.path().join("state");
        command
            .env("XDG_STATE_HOME", &state)
            .env("RUST_BACKTRACE", "1")
            .env_remove("AGENTCHAT_SWARM")
            .env_remove("AGENTCHAT_AGENT_IMAGE")
            .env_remove("RUST_LOG")
            .stdin(input);
        let output = command.output().unwrap();
        let left = fs::read_dir(&state).unwrap();
        Said {
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

impl Said {
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
