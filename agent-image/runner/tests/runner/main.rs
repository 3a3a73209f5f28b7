//! The real program around a stand-in for Claude Code: a shell script that speaks its structured output.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

mod account;
mod deliveries;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, ExitStatus},
    time::{Duration, Instant},
};

const DEADLINE: Duration = Duration::from_secs(20);
/// What each script begins with: notes its arguments, then its first prompt, then has a session.
const BEGIN: &str = r#"#!/bin/sh
echo "$*" >> "$HOME/starts"
read -r prompt
printf '%s\n' "$prompt" >> "$HOME/prompts"
init() { echo '{"type":"system","subtype":"init","session_id":"'"$1"'","mcp_servers":[{"name":"agentchat","status":"connected"}]}'; }
listen() { echo '{"type":"assistant","message":{"id":"'$$'","content":[{"type":"tool_use","id":"c","name":"mcp__agentchat__agentchat_listen"}]}}'; }
answer() { echo '{"type":"assistant","message":{"id":"'$$'","content":[{"type":"text"}]}}'; echo '{"type":"result","is_error":false,"total_cost_usd":0.1,"usage":{"input_tokens":1,"output_tokens":1}}'; }
"#;

const CONFIG: &str = r##"{"name":"ada","displayName":"ada","chat":{"channels":["#general"]}}"##;

/// What a container has, with a script in Claude Code's place.
fn container(script: &str, config: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for folder in ["etc/agent", "run/agent", "run/secrets", "home/agent"] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    fs::write(root.path().join("etc/agent/agent.json"), config).unwrap();
    fs::write(root.path().join("etc/agent/mission.md"), "Be here.").unwrap();
    let claude = root.path().join("claude");
    fs::write(&claude, format!("{BEGIN}{script}")).unwrap();
    fs::set_permissions(&claude, fs::Permissions::from_mode(0o755)).unwrap();
    root
}

fn program(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-runner"));
    command.arg("--root").arg(root);
    command.arg("--claude").arg(root.join("claude"));
    command
}

struct Runner {
    root: tempfile::TempDir,
    child: Child,
}

impl Runner {
    fn start(script: &str) -> Self {
        Self::start_with(script, &[])
    }

    /// With secrets, by file name.
    fn start_with(script: &str, secrets: &[(&str, &str)]) -> Self {
        let root = container(script, CONFIG);
        for (name, value) in secrets {
            fs::write(root.path().join("run/secrets").join(name), value).unwrap();
        }
        let child = program(root.path()).spawn().unwrap();
        Self { root, child }
    }

    /// What the scripts have noted so far.
    fn noted(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.root.path().join("home/agent").join(name));
        text.unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Waits until `found` holds of the notes.
    fn wait(&self, name: &str, found: impl Fn(&[String]) -> bool) -> Vec<String> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let noted = self.noted(name);
            if found(&noted) {
                return noted;
            }
            assert!(Instant::now() < deadline, "{name} was {noted:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it did not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn terminate(&self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        self.child.wait().unwrap();
    }
}

#[test]
fn killed_session_is_resumed_and_turns_go_on_until_sigterm() {
    let mut runner = Runner::start(
        r#"if [ "$(wc -l < "$HOME/starts")" = 1 ]; then init one; kill -9 $$; fi
init one; answer
while read -r prompt; do printf '%s\n' "$prompt" >> "$HOME/prompts"; answer; done"#,
    );
    let prompts = runner.wait("prompts", |prompts| prompts.len() >= 4);
    assert!(
        prompts[0].contains("the agent ada") && prompts[0].contains("first start"),
        "{prompts:?}"
    );
    assert!(prompts[1].contains("this session goes on"), "{prompts:?}");
    assert!(
        prompts[3].contains("Listen again in #general"),
        "{prompts:?}"
    );
    let starts = runner.noted("starts");
    assert!(
        starts[0].contains("--session-id") && starts[1].contains("--resume one"),
        "{starts:?}"
    );
    runner.terminate();
    assert_eq!(runner.ended().code(), Some(0));
    let ledger = fs::read_to_string(runner.root.path().join("home/agent/.agentchat/ledger.json"));
    assert!(ledger.unwrap().contains(r#""session":"one""#));
}

#[test]
fn unknown_session_gives_way_to_a_new_one_and_the_prompt_says_so() {
    let runner = Runner::start(
        r#"case "$*" in *--resume*) echo '{"type":"result","is_error":true,"num_turns":0}'; exit 1;; esac
init one
[ "$(wc -l < "$HOME/starts")" = 1 ] && kill -9 $$
answer; read -r prompt"#,
    );
    let prompts = runner.wait("prompts", |prompts| prompts.len() >= 3);
    assert!(prompts[2].contains("don't remember"), "{prompts:?}");
    assert!(runner.noted("starts")[2].contains("--session-id"));
}

#[test]
fn exit_code_says_what_went_wrong() {
    let retry = r#"init one; for n in 1 2; do echo '{"type":"system","subtype":"api_retry","attempt":'$n',"error_status":401}'; done; exec sleep 60"#;
    let none = r#"init one; echo '{"type":"assistant","error":"authentication_failed","message":{"id":"m","model":"<synthetic>","content":[]}}'
echo '{"type":"result","is_error":true,"api_error_status":null}'; exec sleep 60"#;
    let down = r#"init one; echo '{"type":"result","is_error":true,"api_error_status":null}'; exec sleep 60"#;
    let quota = r#"init one; echo '{"type":"result","is_error":true,"api_error_status":429}'; exec sleep 60"#;
    let toolless = r#"echo '{"type":"system","subtype":"init","session_id":"one","mcp_servers":[]}'; exec sleep 60"#;
    for (script, code) in [
        (retry, 10),
        (none, 10),
        (down, 1),
        (quota, 11),
        (toolless, 1),
    ] {
        assert_eq!(Runner::start(script).ended().code(), Some(code), "{script}");
    }
    let dying = Runner::start("exit 1").ended();
    assert_eq!(dying.code(), Some(1));
}

#[test]
fn missing_configuration_is_fatal() {
    let root = tempfile::tempdir().unwrap();
    let root: &Path = root.path();
    let ended = Command::new(env!("CARGO_BIN_EXE_agent-runner"))
        .arg("--root")
        .arg(root)
        .status();
    assert_eq!(ended.unwrap().code(), Some(2));
}

#[test]
fn transcript_holds_no_secret() {
    let key =
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIPlanted\n-----END PRIVATE KEY-----\n";
    // It tells the line of the private key and the API key, in the middle of a text.
    let runner = Runner::start_with(
        r#"init one
line=$(sed -n 2p "$HOME/../../run/secrets/identity")
echo '{"type":"assistant","message":{"id":"1","content":[{"type":"text","text":"it is sk-ant-planted-key, and '"$line"'"}]}}'
answer; read -r prompt"#,
        &[("api-key", "sk-ant-planted-key\n"), ("identity", key)],
    );
    let written = runner.wait(".agentchat/transcript-0000.jsonl", |lines| {
        lines.iter().any(|line| line.contains(r#""result""#))
    });
    let written = written.join("\n");
    assert!(
        !written.contains("planted-key") && !written.contains("IPlanted"),
        "{written}"
    );
    assert!(
        written.contains("it is [api-key], and [identity]"),
        "{written}"
    );
}
