//! A person at a command line.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use serde_json::Value;

use crate::{DEADLINE, server::Server};

/// A person with a home, and the server that they mean.
pub struct Person {
    home: tempfile::TempDir,
    url: String,
}

/// What a command did.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A command that goes on.
pub struct Talk {
    child: Child,
    typed: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Person {
    pub fn at(server: &Server) -> Self {
        Self::of(&server.url)
    }

    pub fn of(url: &str) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            url: url.to_owned(),
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentctl"));
        command
            .args(words)
            .args(["--server", &self.url])
            .env("XDG_STATE_HOME", self.home.path())
            .env("RUST_BACKTRACE", "1")
            .env_remove("AGENTCHAT_SWARM")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// `agentctl` with these words, and with this typed.
    pub fn types(&self, text: &str, words: &[&str]) -> Said {
        let mut child = self.command(words).stdin(Stdio::piped()).spawn().unwrap();
        // It may end before it reads all.
        drop(child.stdin.take().unwrap().write_all(text.as_bytes()));
        Said::of(child.wait_with_output().unwrap())
    }

    /// `agentctl` with these words.
    pub fn does(&self, words: &[&str]) -> Said {
        Said::of(self.command(words).output().unwrap())
    }

    /// `agentctl` with these words on a terminal, and with this typed; all that is shown is in `out`.
    pub fn at_terminal(&self, text: &str, words: &[&str], env: &[(&str, &str)]) -> Said {
        let own = ["--server", &self.url];
        let words = [env!("CARGO_BIN_EXE_agentctl")]
            .into_iter()
            .chain(words.iter().copied());
        let quoted = words.chain(own).map(|word| format!("'{word}'"));
        let line = quoted.collect::<Vec<_>>().join(" ");
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .env("XDG_STATE_HOME", self.home.path())
            .env_remove("NO_COLOR")
            .env_remove("RUST_LOG")
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`script` is a program of bsdutils");
        // It may end before it reads all.
        drop(child.stdin.take().unwrap().write_all(text.as_bytes()));
        Said::raw(child.wait_with_output().unwrap())
    }

    /// The same, which goes on.
    pub fn begins(&self, words: &[&str]) -> Talk {
        let mut child = self.command(words).stdin(Stdio::piped()).spawn().unwrap();
        let (told, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in out.lines() {
                if told.send(line.unwrap()).is_err() {
                    break;
                }
            }
        });
        Talk {
            typed: child.stdin.take(),
            child,
            lines,
        }
    }
}

impl Said {
    fn raw(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    fn of(output: Output) -> Self {
        let said = Self::raw(output);
        for noise in ["panicked", "backtrace", "\u{1b}"] {
            let all = format!("{}{}", said.out, said.err);
            assert!(!all.contains(noise), "{noise:?}: {all}");
        }
        said
    }

    /// It went well; gives what went to standard output.
    pub fn good(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
    }

    /// It went well; gives the JSON objects.
    pub fn json(self) -> Vec<Value> {
        let out = self.good();
        let objects = out.lines().map(serde_json::from_str);
        objects.collect::<Result<_, _>>().unwrap()
    }

    /// It failed with this code and one message that has these words.
    pub fn fails(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(self.out.is_empty(), "{}", self.out);
        let flat = self.err.replace("\n  ", " ");
        for word in words {
            assert!(flat.contains(word), "{word:?}: {flat}");
        }
    }
}

impl Talk {
    pub fn types(&mut self, line: &str) {
        writeln!(self.typed.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next line on standard output.
    pub fn shows(&self) -> String {
        self.lines.recv_timeout(DEADLINE).expect("no line in time")
    }

    /// Its own end: exit code and what went to standard error.
    pub fn ends(mut self) -> (i32, String) {
        let code = self.child.wait().unwrap().code().unwrap();
        let mut err = String::new();
        let mut told = self.child.stderr.take().unwrap();
        told.read_to_string(&mut err).unwrap();
        (code, err)
    }

    /// Ctrl-C; gives the exit code.
    pub fn interrupt(mut self) -> i32 {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status();
        assert!(sent.unwrap().success());
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
