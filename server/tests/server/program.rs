//! The program: what it refuses to begin with, what it says of itself, what it does besides serving.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    DEADLINE,
    process::{ADMIN_KEY, Server},
};

/// Runs the program to its end.
fn run(data: &Path, args: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_agentchat-server"))
        .args(args)
        .arg("--data-dir")
        .arg(data)
        .env("RUST_LOG", "error")
        .env("IDLE_TIMEOUT_MS", "1234")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > DEADLINE {
            child.kill().unwrap();
            panic!("{args:?} did not end: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What it says when it does not even begin.
pub fn refusal(data: &Path, args: &[&str]) -> String {
    let output = run(data, args);
    assert!(!output.status.success());
    assert_eq!(text(&output.stdout), "", "a partial start");
    text(&output.stderr)
}

#[test]
fn what_is_wrong_is_named_before_anything_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let file = |name: &str, contents: &str| {
        let path = dir.path().join(name);
        fs::write(&path, contents).unwrap();
        path.display().to_string()
    };
    let junk = file("junk", "junk");
    let made = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let cert = file("cert.pem", &made().cert.pem());
    let others = file("key.pem", &made().signing_key.serialize_pem());
    for (args, reasons) in [
        (vec!["--port", &port], vec!["can't listen on", &port]),
        (
            vec!["--listen", "127.0.0.1:0"],
            vec!["either that or these"],
        ),
        (
            vec!["--port", "99999"],
            vec!["--port is \"99999\"", "from 0 to 65535"],
        ),
        (
            vec!["--host", "0.0.0.0"],
            vec!["reachable from outside", "--tls-cert"],
        ),
        (vec!["--tls-cert", &junk], vec!["go together"]),
        (
            vec!["--tls-cert", &junk, "--tls-key", &junk],
            vec!["--tls-cert", &junk],
        ),
        (
            vec!["--tls-cert", "/nowhere", "--tls-key", &junk],
            vec!["--tls-cert", "/nowhere"],
        ),
        (
            vec!["--tls-cert", &cert, "--tls-key", "/nowhere"],
            vec!["--tls-key", "/nowhere"],
        ),
        (
            vec!["--tls-cert", &cert, "--tls-key", &others],
            vec![
                "--tls-cert",
                &cert,
                "--tls-key",
                &others,
                "don't fit together",
            ],
        ),
        (
            vec![
                "--escrow-webhook-url",
                "https://localhost/",
                "--escrow-webhook-ca",
                "/nowhere",
            ],
            vec!["--escrow-webhook-ca /nowhere"],
        ),
        (
            vec!["--admin-key-file", "/nowhere"],
            vec!["--admin-key-file /nowhere"],
        ),
        (vec!["--admin-key-file", &junk], vec!["fewer than 16"]),
        (
            vec!["--motd-file", "/nowhere"],
            vec!["--motd-file /nowhere"],
        ),
        (vec!["--allowlist-file", &junk], vec![&junk, "is not JSON"]),
        (
            vec!["--audit-log", "/nowhere/log"],
            vec!["audit log /nowhere/log"],
        ),
        (
            vec!["--config", "/nowhere"],
            vec!["configuration file /nowhere"],
        ),
        (
            vec!["--config", &file("list.yaml", "- 1\n")],
            vec!["has no settings"],
        ),
        (
            vec!["--config", &file("odd.yaml", "ports: 1\n")],
            vec!["\"ports\"", "is no setting"],
        ),
    ] {
        let data = dir.path().join("data");
        let said = refusal(&data, &[&["--port", "0"], &args[..]].concat());
        for reason in reasons {
            assert!(said.contains(reason), "{args:?}: {said}");
        }
    }
    let said = refusal(Path::new(&junk), &["--port", "0"]);
    assert!(
        said.contains("--data-dir") && said.contains(&junk),
        "{said}"
    );
}

#[tokio::test]
async fn a_database_that_is_newer_damaged_or_in_use_is_left_alone() {
    let mut server = Server::plain(&[]);
    let data = server.dir.path().join("data");
    let args = ["--listen", "127.0.0.1:0"];
    assert!(refusal(&data, &args).contains("in use by another server"));
    let mut operator = server.raw().await;
    operator
        .tell(json!({"type": "ADMIN_LIST", "admin_key": ADMIN_KEY}))
        .await;
    operator.hear("ADMIN_RESULT").await;
    server.terminate(Duration::from_secs(8)).await;

    let file = data.join("chat.db");
    let sound = fs::read(&file).unwrap();
    let mut newer = sound.clone();
    // Where SQLite keeps the version that a program gives.
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(&file, &newer).unwrap();
    let said = refusal(&data, &args);
    assert!(
        said.contains("schema 99") && said.contains("chat.db"),
        "{said}"
    );
    assert_eq!(fs::read(&file).unwrap(), newer);
    fs::write(
        &file,
        b"this is no database at all, but long enough to look at",
    )
    .unwrap();
    assert!(refusal(&data, &args).contains("chat.db can't be opened"));
    assert!(refusal(&data, &["check"]).contains("chat.db"));
    // Its first page is sound, and no other.
    let mut damaged = sound.clone();
    damaged[4096..].fill(0xa5);
    fs::write(&file, damaged).unwrap();
    let said = refusal(&data, &args);
    assert!(
        said.contains("chat.db") && said.contains("malformed"),
        "{said}"
    );
    fs::write(&file, sound).unwrap();
    let checked = run(&data, &["check"]);
    assert!(checked.status.success() && text(&checked.stdout).contains("is sound"));
}

#[test]
fn config_says_what_counts_and_who_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.yaml");
    fs::write(&file, "# Ours.\nname: from-file\nrate_limit_ms: 5\n").unwrap();
    let file = file.display().to_string();
    let args = [
        "config",
        "--config",
        &file,
        "--rate-limit-ms",
        "-1",
        "--admin-key",
        "sesame-sesame",
    ];
    let said = text(&run(dir.path(), &args).stdout);
    let line = |key: &str| {
        let found = said
            .lines()
            .find(|line| line.split_whitespace().next() == Some(key));
        found
            .unwrap()
            .split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(line("rate_limit_ms"), "-1 flag --rate-limit-ms");
    assert_eq!(line("name"), "from-file file");
    assert_eq!(line("idle_timeout_ms"), "1234 environment IDLE_TIMEOUT_MS");
    assert_eq!(line("frame_limit"), "60 default");
    assert_eq!(line("admin_key"), "(set) flag --admin-key");
    assert!(!said.contains("sesame"));
}

#[tokio::test]
async fn a_backup_of_a_running_server_is_a_server() {
    let server = Server::public(&[]);
    let mut ada = server.raw_approved("ada").await;
    ada.say("#general", "kept").await;
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("chat.db");
    let backup = ["backup", &copy.display().to_string()];
    let data = server.dir.path().join("data");
    let output = run(&data, &backup);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(refusal(&data, &backup).contains("exists"));
    let later = ada.say("#general", "later").await;

    let data = copies.path().display().to_string();
    let copied = Server::public(&["--data-dir", &data, "--lurk-disabled", "true"]);
    let mut sam = copied.visitor("sam").await;
    sam.tell(json!({"type": "JOIN", "channel": "#general"}))
        .await;
    assert_eq!(sam.hear("MSG").await["content"], "kept");
    assert_eq!(sam.rest().await, [Value::Null; 0]);

    // Who has read the original goes on where the two part, and is told when it has read further.
    let epoch = &later["epoch"];
    sam.say("#general", "on the copy").await;
    for (offset, resumed, first) in [(1, true, "on the copy"), (2, false, "kept")] {
        let position = json!({"epoch": epoch, "offset": offset});
        sam.tell(json!({"type": "JOIN", "channel": "#general", "resume": position}))
            .await;
        let joined = sam.hear("JOINED").await;
        assert_eq!(joined["resumed"], resumed, "{joined}");
        assert_ne!(&joined["epoch"], epoch);
        let received = sam.rest().await;
        assert_eq!(received[0]["content"], first);
        assert!(received.iter().all(|said| said["epoch"] == joined["epoch"]));
    }
}

#[tokio::test]
async fn lists_go_out_and_in_as_the_protocols_files() {
    let mut server = Server::plain(&[]);
    let identity = server.identity().await;
    let mut operator = server.raw().await;
    operator
        .tell(json!({"type": "ADMIN_BAN", "agent_id": "someone", "admin_key": ADMIN_KEY}))
        .await;
    operator.hear("ADMIN_RESULT").await;
    server.raw().await.enter("ada", &identity).await;
    let data = server.dir.path().join("data");
    let files = server.dir.path().join("files");
    let there = files.display().to_string();
    assert!(run(&data, &["export", &there]).status.success());
    let read = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(files.join(name)).unwrap()).unwrap()
    };
    let key = identity.public_key_pem();
    assert!(read("first-seen.json")[&key].is_i64());
    assert_eq!(read("allowlist.json")[0]["agentId"], identity.agent_id());
    assert_eq!(read("bans.json")[0]["agentId"], "someone");
    // Not under the feet of a server.
    assert!(refusal(&data, &["import", &there]).contains("in use"));
    server.terminate(Duration::from_secs(8)).await;

    let other = tempfile::tempdir().unwrap();
    let output = run(other.path(), &["import", &there]);
    assert!(
        text(&output.stdout).contains("allowlist.json: 1"),
        "{}",
        text(&output.stderr)
    );
    let data = other.path().display().to_string();
    let fresh = Server::plain(&["--data-dir", &data]);
    fresh.raw().await.enter("ada", &identity).await;
    // Or with each start.
    let list = files.join("allowlist.json").display().to_string();
    let seeded = Server::plain(&["--allowlist-file", &list]);
    seeded.raw().await.enter("ada", &identity).await;
}

#[tokio::test]
async fn the_audit_log_says_who_did_what_and_never_what_was_said() {
    let server = Server::public(&[]);
    let mut ada = server.raw_approved("ada").await;
    ada.say("#general", "a-thing-that-was-said").await;
    drop(ada);
    let mut sam = server.visitor("sam").await;
    sam.rest().await;
    let log = fs::read_to_string(server.dir.path().join("data/audit.jsonl")).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for event in [
        "server_start",
        "connection",
        "allowlist_approve",
        "identify",
        "channel_msg",
        "disconnect",
    ] {
        let found = lines.iter().find(|line| line["event"] == event);
        assert!(
            found.is_some_and(|line| line["ts"].is_string()),
            "{event}: {log}"
        );
    }
    assert!(!log.contains("a-thing-that-was-said") && !log.contains(ADMIN_KEY));
}

#[test]
fn log_lines_are_json_for_those_who_want_that() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing").display().to_string();
    let said = refusal(
        dir.path(),
        &["--log-format", "json", "--motd-file", &missing],
    );
    let line: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!(line["level"], "ERROR");
    assert!(line["message"].as_str().unwrap().contains(&missing));
}
