//! A disk that is full: what can't be stored is not said, what was said stays, and with room it goes on.

use std::{path::Path, process::Command, time::Instant};

use serde_json::json;

use crate::{DEADLINE, health::ask, process::Server, program::refusal, raw::Raw};

/// A small disk of its own; none where mounting is not allowed.
struct Disk(tempfile::TempDir);

impl Disk {
    /// Of so many bytes.
    fn new(bytes: usize) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]);
        let mounted = mount.arg(dir.path()).status();
        mounted.is_ok_and(|s| s.success()).then_some(Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn data(&self) -> String {
        self.path().join("data").display().to_string()
    }

    /// Somebody else takes so many bytes, or what there is.
    fn take(&self, bytes: usize) {
        drop(std::fs::write(self.path().join("ballast"), vec![1; bytes]));
    }

    fn give_back(&self) {
        std::fs::remove_file(self.path().join("ballast")).unwrap();
    }
}

/// Says it until it is taken, or until it is refused; gives the frame that says so.
async fn say_until(who: &mut Raw, content: &str, type_: &str) -> serde_json::Value {
    let begun = Instant::now();
    loop {
        who.tell(json!({"type": "MSG", "to": "#general", "content": content}))
            .await;
        let answers = |f: &serde_json::Value| f["type"] == "ERROR" || f["content"] == content;
        let answer = who.hear_until(answers).await.pop().unwrap();
        if answer["type"] == type_ {
            return answer;
        }
        assert!(begun.elapsed() < DEADLINE, "{answer}");
    }
}

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn before_the_disk_is_full_writing_is_refused_and_all_else_goes_on() {
    let Some(disk) = Disk::new(12 * MIB) else {
        return;
    };
    let reserve = ["--disk-reserve-bytes", "4194304", "--data-dir"];
    let server = Server::public(&[&reserve[..], &[&disk.data(), "--audit-log", "false"]].concat());
    let get = async |path: &str| ask(&server, &format!("GET {path} HTTP/1.1\r\n\r\n")).await;
    let mut ada = server.raw_approved("ada").await;
    let mut sam = server.raw_approved("sam").await;
    ada.say("#general", "before").await;
    assert!(get("/readyz").await.0.ends_with("200 OK"));

    disk.take(9 * MIB);
    let refused = say_until(&mut ada, "full?", "ERROR").await;
    let reason = refused["message"].as_str().unwrap();
    assert!(reason.contains("disk of the server is full"), "{reason}");
    let (status, why) = get("/readyz").await;
    assert!(
        status.contains("503") && why.contains(&disk.data()),
        "{why}"
    );
    let metrics = get("/metrics").await.1;
    assert!(metrics.contains("\nagentchat_disk_full 1\n"), "{metrics}");
    // Other things that are stored are refused too.
    let create = json!({"type": "CREATE_CHANNEL", "channel": "#new"});
    assert_eq!(ada.refused(create).await, "INVALID_MSG");
    // Who is there, who comes, and what was said.
    sam.tell(json!({"type": "SET_PRESENCE", "status": "busy"}))
        .await;
    ada.hear("PRESENCE_CHANGED").await;
    let (mut eve, _) = server.keyed("eve").await;
    eve.tell(json!({"type": "JOIN", "channel": "#general"}))
        .await;
    while eve.hear("MSG").await["content"] != "before" {}

    disk.give_back();
    let echo = say_until(&mut ada, "after", "MSG").await;
    let received = sam.hear_until(|f| f["content"] == "after").await;
    assert_eq!(received.last().unwrap()["offset"], echo["offset"]);
    let refused = received.iter().filter(|f| f["content"] == "full?");
    // Only those that were taken before it was noticed.
    let told: Vec<_> = refused.map(|f| f["offset"].as_u64().unwrap()).collect();
    assert!(told.is_sorted() && told.last() < echo["offset"].as_u64().as_ref());
    assert!(get("/readyz").await.0.ends_with("200 OK"));
}

#[tokio::test]
async fn a_server_that_starts_into_its_reserve_gives_what_there_is() {
    let Some(disk) = Disk::new(12 * MIB) else {
        return;
    };
    let reserve = ["--disk-reserve-bytes", "4194304", "--data-dir"];
    let mut server =
        Server::public(&[&reserve[..], &[&disk.data(), "--audit-log", "false"]].concat());
    let identity = server.identity().await;
    let mut ada = server.raw().await;
    ada.enter("ada", &identity).await;
    ada.say("#general", "before").await;
    server.kill();
    disk.take(9 * MIB);
    server.restart();
    let mut ada = server.raw().await;
    ada.enter("ada", &identity).await;
    ada.tell(json!({"type": "JOIN", "channel": "#general"}))
        .await;
    while ada.hear("MSG").await["content"] != "before" {}
    let message = json!({"type": "MSG", "to": "#general", "content": "never"});
    assert_eq!(ada.refused(message).await, "INVALID_MSG");
}

#[test]
fn nothing_begins_on_a_full_disk() {
    let Some(disk) = Disk::new(MIB) else {
        return;
    };
    std::fs::create_dir(disk.data()).unwrap();
    disk.take(2 * MIB);
    let said = refusal(Path::new(&disk.data()), &["--listen", "127.0.0.1:0"]);
    assert!(said.contains("chat.db") && said.contains("full"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Also under the feet of a server that has not ended yet.
        drop(Command::new("umount").arg("-l").arg(self.path()).status());
    }
}

/// Without a reserve the last line holds: all are sent away, and nobody is lied to.
#[tokio::test]
async fn a_disk_that_fills_up_at_once_is_told_and_nothing_that_was_said_is_lost() {
    let Some(disk) = Disk::new(2 * MIB) else {
        return;
    };
    disk.take(MIB / 2);
    let none = ["--disk-reserve-bytes", "0", "--data-dir"];
    let server = Server::public(&[&none[..], &[&disk.data(), "--audit-log", "false"]].concat());
    let identity = server.identity().await;
    let mut ada = server.raw().await;
    ada.enter("ada", &identity).await;
    let mut said = vec![];
    let much = "x".repeat(20_000);
    let end = loop {
        let content = format!("{} {much}", said.len());
        let frame = json!({"type": "MSG", "to": "#general", "content": content});
        ada.tell(frame).await;
        let told = loop {
            match ada.next().await {
                Ok(frame) if frame["content"] == *content => break Ok(()),
                Ok(frame) => assert_ne!(frame["type"], "ERROR", "{frame}"),
                Err(end) => break Err(end),
            }
        };
        match told {
            Ok(()) => said.push(content),
            Err(end) => break end,
        }
        assert!(said.len() < 1000, "the disk is not full");
    };
    assert_eq!(end, (1011, "storage failed".to_owned()));
    assert!(!said.is_empty());

    // It can still be read.
    let mut sam = server.visitor("sam").await;
    sam.tell(json!({"type": "JOIN", "channel": "#general"}))
        .await;
    let joined = sam.hear("JOINED").await;
    assert_eq!(joined["offset"], said.len());
    for content in &said {
        assert_eq!(sam.hear("MSG").await["content"], **content);
    }
    // Nobody is sent away a second time, also who is new.
    server.keyed("eve").await;
    let mut ada = server.raw().await;
    ada.enter("ada", &identity).await;
    let refused = say_until(&mut ada, "no room", "ERROR").await;
    assert!(
        refused["message"].as_str().unwrap().contains("full"),
        "{refused}"
    );
    disk.give_back();
    let echo = say_until(&mut ada, "there is room again", "MSG").await;
    assert_eq!(echo["offset"], said.len() + 1);
}
