//! What works.

use std::time::Duration;

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::timeout,
};

use crate::server::{DEADLINE, Server};

const AGENT: &str = "
apiVersion: agentchat.dev/v1alpha1
kind: Agent
metadata:
  name: alice
  labels: {team: red}
spec:
  mission: say hello
";

const SECRET: &str = "
apiVersion: v1
kind: Secret
metadata: {name: claude}
stringData: {api-key: sk-test}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: style}
data: {style.md: be kind}
";

#[tokio::test]
async fn apply_creates_leaves_alone_and_changes() {
    let server = Server::start().await;
    let apply = ["apply", "-f", "-"];
    let made = server.feed(&apply, AGENT).await.printed();
    assert_eq!(made, "agent.agentchat.dev/alice created\n");
    let same = server.feed(&apply, AGENT).await.printed();
    assert_eq!(same, "agent.agentchat.dev/alice unchanged\n");
    let other = AGENT.replace("say hello", "say goodbye");
    let changed = server.feed(&apply, &other).await.printed();
    assert_eq!(changed, "agent.agentchat.dev/alice configured\n");
    let path = "jsonpath={.metadata.generation} {.spec.mission} {.spec.runtime.kind}";
    let seen = server.kubectl(&["get", "agent", "alice", "-o", path]).await;
    assert_eq!(seen.printed(), "2 say goodbye ClaudeCode");

    let made = server.feed(&apply, SECRET).await.printed();
    assert_eq!(made, "secret/claude created\nconfigmap/style created\n");
    let same = server.feed(&apply, SECRET).await.printed();
    assert!(same.contains("configmap/style unchanged"), "{same}");
    let other = SECRET.replace("be kind", "be brief");
    let changed = server.feed(&apply, &other).await.printed();
    assert!(changed.contains("configmap/style configured"), "{changed}");
    let dry = server
        .feed(&["apply", "--dry-run=server", "-f", "-"], SECRET)
        .await
        .printed();
    assert!(
        dry.contains("configmap/style configured (server dry run)"),
        "{dry}"
    );
    let path = "jsonpath={.data.style\\.md}";
    let seen = server.kubectl(&["get", "cm", "style", "-o", path]).await;
    assert_eq!(seen.printed(), "be brief");
    let diff = server.feed(&["diff", "-f", "-"], SECRET).await;
    assert!(diff.out.contains("be kind"), "{diff:?}");
    server.stop().await;
}

#[tokio::test]
async fn the_quickstart_is_valid() {
    let server = Server::start().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/quickstart");
    let made = server.kubectl(&["apply", "-f", folder]).await.printed();
    assert!(
        made.lines().all(|line| line.ends_with(" created")),
        "{made}"
    );
    let same = server.kubectl(&["apply", "-f", folder]).await.printed();
    assert!(
        same.lines().all(|line| line.ends_with(" unchanged")),
        "{same}"
    );
    let shown = server.kubectl(&["describe", "nodes.agentchat.dev"]).await;
    assert!(shown.printed().contains("Events:"));
    server.stop().await;
}

/// kubectl sends these in protobuf.
#[tokio::test]
async fn create_from_the_command_line() {
    let server = Server::start().await;
    for arguments in [
        &["create", "ns", "team"][..],
        &[
            "create",
            "secret",
            "generic",
            "claude",
            "--from-literal=api-key=sk-1",
        ],
        &["create", "cm", "style", "--from-literal=a=b"],
    ] {
        let made = server.kubectl(arguments).await.printed();
        assert!(made.ends_with("created\n"), "{made}");
    }
    let path = "jsonpath={.data.api-key} {.type}";
    let seen = server
        .kubectl(&["get", "secret", "claude", "-o", path])
        .await;
    assert_eq!(seen.printed(), "c2stMQ== Opaque");
    let shown = server.kubectl(&["get", "secrets,cm"]).await.printed();
    assert!(shown.contains("Opaque   1"), "{shown}");
    let described = server.kubectl(&["describe", "secret", "claude"]).await;
    assert!(described.printed().contains("api-key:  4 bytes"));
    server.stop().await;
}

#[tokio::test]
async fn get_prints_columns_and_follows_changes() {
    let server = Server::start().await;
    server.feed(&["create", "-f", "-"], AGENT).await.printed();
    let table = server.kubectl(&["get", "agents"]).await.printed();
    let (head, row) = table.split_once('\n').unwrap();
    let words = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        words(head),
        [
            "NAME", "PHASE", "READY", "NODE", "ACTIVITY", "RESTARTS", "AGE"
        ]
    );
    assert_eq!(words(row)[0], "alice");
    for arguments in [
        &["get", "ag", "alice", "-o", "yaml"][..],
        &["get", "agents", "-A", "-o", "wide"],
        &["get", "agentchat"],
        &["get", "agents", "-l", "team=red", "-o", "name"],
        &["get", "agents", "--field-selector=metadata.name=alice"],
        &["get", "agents", "--sort-by=.metadata.name"],
        &["get", "agents", "--chunk-size=1"],
    ] {
        let seen = server.kubectl(arguments).await.printed();
        assert!(seen.contains("alice"), "{arguments:?}: {seen}");
    }
    let none = server.kubectl(&["get", "agents", "-l", "team=blue"]).await;
    assert!(none.err.contains("No resources found"), "{none:?}");
    let namespaces = server.kubectl(&["get", "ns"]).await.printed();
    assert!(namespaces.contains("agentchat-system"), "{namespaces}");
    assert!(namespaces.contains("Active"), "{namespaces}");

    let mut watching = server.spawn(&["get", "agents", "-w"]);
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut line = async || timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap();
    assert!(line().await.unwrap().starts_with("NAME"));
    assert!(line().await.unwrap().starts_with("alice"));
    let status = r#"{"status": {"phase": "Running"}}"#;
    let patch = [
        "patch",
        "agent",
        "alice",
        "--subresource=status",
        "--type=merge",
        "-p",
        status,
    ];
    server.kubectl(&patch).await.printed();
    let seen = line().await.unwrap();
    assert!(seen.contains("Running"), "{seen}");
    // Stopping must not wait for the watch.
    timeout(Duration::from_secs(20), server.stop())
        .await
        .unwrap();
    watching.start_kill().unwrap();
}

#[tokio::test]
async fn wait_sees_a_condition_come() {
    let server = Server::start().await;
    server.feed(&["create", "-f", "-"], AGENT).await.printed();
    let mut waiting = server.spawn(&["wait", "--for=condition=Ready", "agent/alice"]);
    let status = r#"{"status": {"conditions": [{
        "type": "Ready", "status": "True", "reason": "R", "message": "m",
        "lastTransitionTime": "2026-01-01T00:00:00Z"
    }]}}"#;
    let patch = [
        "patch",
        "agent",
        "alice",
        "--subresource=status",
        "--type=merge",
        "-p",
        status,
    ];
    server.kubectl(&patch).await.printed();
    let waited = timeout(DEADLINE, waiting.wait()).await.unwrap().unwrap();
    assert!(waited.success());
    server.stop().await;
}

#[tokio::test]
async fn describe_and_explain() {
    let server = Server::start().await;
    server.feed(&["create", "-f", "-"], AGENT).await.printed();
    let described = server
        .kubectl(&["describe", "agent", "alice"])
        .await
        .printed();
    assert!(described.contains("Mission:"), "{described}");
    assert!(described.contains("Events:"), "{described}");
    let described = server.kubectl(&["describe", "ns", "default"]).await;
    assert!(
        described.out.contains("Status:       Active"),
        "{described:?}"
    );
    let explained = server
        .kubectl(&["explain", "agent.spec.chat"])
        .await
        .printed();
    for part in ["GROUP:      agentchat.dev", "channels", "Channels to join"] {
        assert!(explained.contains(part), "{part} in {explained}");
    }
    let explained = server.kubectl(&["explain", "secret.data"]).await.printed();
    assert!(explained.contains("base64"), "{explained}");
    let explained = server
        .kubectl(&["explain", "agent", "--recursive"])
        .await
        .printed();
    assert!(explained.contains("ownerReferences"), "{explained}");
    let resources = server.kubectl(&["api-resources"]).await.printed();
    for part in ["agents", "ag", "agentchat.dev/v1alpha1", "configmaps"] {
        assert!(resources.contains(part), "{part} in {resources}");
    }
    let version = server.kubectl(&["version"]).await.printed();
    assert!(version.contains("Server Version: v1."), "{version}");
    server.stop().await;
}

#[tokio::test]
async fn patch_label_annotate_replace_and_edit() {
    let server = Server::start().await;
    server.feed(&["create", "-f", "-"], AGENT).await.printed();
    server.feed(&["create", "-f", "-"], SECRET).await.printed();
    for (arguments, said) in [
        (
            &[
                "patch",
                "agent",
                "alice",
                "--type=merge",
                "-p",
                r#"{"spec": {"limits": {"turns": 5}}}"#,
            ][..],
            "agent.agentchat.dev/alice patched",
        ),
        (
            &[
                "patch",
                "agent",
                "alice",
                "--type=json",
                "-p",
                r#"[{"op": "replace", "path": "/spec/limits/turns", "value": 6}]"#,
            ],
            "agent.agentchat.dev/alice patched",
        ),
        (
            &["patch", "cm", "style", "-p", r#"{"data": {"more": "x"}}"#],
            "configmap/style patched",
        ),
        (
            &["label", "agent", "alice", "tier=one"],
            "agent.agentchat.dev/alice labeled",
        ),
        (
            &["label", "agent", "alice", "tier-"],
            "agent.agentchat.dev/alice unlabeled",
        ),
        (
            &["annotate", "secret", "claude", "example.com/note=hi"],
            "secret/claude annotated",
        ),
    ] {
        let printed = server.kubectl(arguments).await.printed();
        assert!(printed.contains(said), "{arguments:?}: {printed}");
    }
    let path = "jsonpath={.spec.limits.turns} {.metadata.generation} {.metadata.labels}";
    let seen = server.kubectl(&["get", "agent", "alice", "-o", path]).await;
    assert_eq!(seen.printed(), r#"6 3 {"team":"red"}"#);
    let yaml = server
        .kubectl(&["get", "agent", "alice", "-o", "yaml"])
        .await;
    let changed = yaml.printed().replace("say hello", "say more");
    let replaced = server
        .feed(&["replace", "-f", "-"], &changed)
        .await
        .printed();
    assert_eq!(replaced, "agent.agentchat.dev/alice replaced\n");
    let late = server
        .feed(&["replace", "-f", "-"], &changed)
        .await
        .refused();
    assert!(late.contains("the object has been modified"), "{late}");
    server.stop().await;
}

#[tokio::test]
async fn delete_waits_for_finalizers_and_namespaces_are_emptied() {
    let server = Server::start().await;
    let held = AGENT.replace("  labels:", "  finalizers: [example.com/hold]\n  labels:");
    server.feed(&["create", "-f", "-"], &held).await.printed();
    let asked = server
        .kubectl(&["delete", "agent", "alice", "--wait=false"])
        .await
        .printed();
    assert!(asked.contains("deleted"), "{asked}");
    let path = "jsonpath={.metadata.deletionTimestamp}";
    let marked = server.kubectl(&["get", "agent", "alice", "-o", path]).await;
    assert!(marked.printed().ends_with('Z'));
    let again = server.feed(&["create", "-f", "-"], &held).await.refused();
    assert!(again.contains("object is being deleted"), "{again}");
    let mut waiting = server.spawn(&["wait", "--for=delete", "agent/alice"]);
    let release = ["patch", "agent", "alice", "--type=json", "-p"];
    let patch = r#"[{"op": "remove", "path": "/metadata/finalizers/0"}]"#;
    let release: Vec<&str> = release.into_iter().chain([patch]).collect();
    server.kubectl(&release).await.printed();
    let waited = timeout(DEADLINE, waiting.wait()).await.unwrap().unwrap();
    assert!(waited.success());

    server.feed(&["create", "-f", "-"], AGENT).await.printed();
    let deleted = server.kubectl(&["delete", "agents", "--all"]).await;
    assert!(deleted.printed().contains("\"alice\" deleted"));

    server.kubectl(&["create", "ns", "team"]).await.printed();
    let there = ["create", "-n", "team", "-f", "-"];
    server.feed(&there, SECRET).await.printed();
    server.feed(&there, AGENT).await.printed();
    let gone = server.kubectl(&["delete", "ns", "team"]).await.printed();
    assert_eq!(gone, "namespace \"team\" deleted\n");
    let left = server.kubectl(&["get", "secrets,agents", "-A"]).await;
    assert!(left.err.contains("No resources found"), "{left:?}");
    server.stop().await;
}
