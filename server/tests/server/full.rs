//! A disk that is full: what can't be stored is not said, what was said stays, and with room it goes on.

use std::{path::Path, process::Command};

use serde_json::json;

use crate::process::Server;

/// A small disk of its own; none where mounting is not allowed.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]);
        let mounted = mount.arg(dir.path()).status();
        mounted.is_ok_and(|s| s.success()).then_some(Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Also under the feet of a server that has not ended yet.
        drop(Command::new("umount").arg("-l").arg(self.path()).status());
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_that_was_said_is_lost() {
    let Some(disk) = Disk::new() else {
        return;
    };
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![1; 512 * 1024]).unwrap();
    let data = disk.path().join("data").display().to_string();
    let server = Server::public(&["--data-dir", &data, "--audit-log", "false"]);
    let mut ada = server.raw_approved("ada").await;
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
    std::fs::remove_file(ballast).unwrap();
    let mut ada = server.raw_approved("ada").await;
    let echo = ada.say("#general", "there is room again").await;
    assert_eq!(echo["offset"], said.len() + 1);
}
