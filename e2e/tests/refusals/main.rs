//! An `up` that ends otherwise than hoped for: the real programs, most on an engine that answers and does nothing.
//! Whatever ends the `up`, no process that it started is left.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

mod idle_engine;
mod sandbox;

use sandbox::Sandbox;

#[test]
fn up_that_is_never_ready_removes_what_it_started() {
    let sandbox = Sandbox::idle("vain");
    let up = sandbox.up(&["--timeout", "2s"]);
    let end = up.end();
    assert_eq!(end.code, Some(4), "{}", end.stderr);
    end.says("not within 2 s");
    sandbox.is_empty();
}

#[test]
fn interrupted_up_removes_what_it_started() {
    let sandbox = Sandbox::idle("interrupted");
    let mut up = sandbox.up(&[]);
    up.until("Node server-1 created");
    up.signal("INT");
    let end = up.end();
    assert_eq!(end.code, Some(130), "{}", end.stderr);
    sandbox.is_empty();
}

#[test]
fn up_goes_on_when_the_operator_is_killed_and_comes_back() {
    let sandbox = Sandbox::idle("dies");
    let mut up = sandbox.up(&["--timeout", "20s"]);
    up.until("Node server-1 NotReady");
    sandbox.kill("agentchat-operator");
    sandbox.until_restarted();
    let end = up.end();
    assert_eq!(end.code, Some(1), "{}", end.stderr);
    end.says("(EngineRefused)");
    sandbox.is_empty();
}

#[test]
fn up_whose_operator_is_gone_for_good_quotes_its_log() {
    let sandbox = Sandbox::idle("gone");
    let mut up = sandbox.up(&["--timeout", "5s"]);
    up.until("Node server-1 Pending");
    sandbox.kill("supervisor");
    sandbox.kill("agentchat-operator");
    let end = up.end();
    assert_eq!(end.code, Some(4), "{}", end.stderr);
    end.says("the end of");
    end.says("agentchat-operator.log:");
    sandbox.is_empty();
}

#[test]
fn node_whose_engine_is_gone_is_removed_only_by_force() {
    let sandbox = Sandbox::idle("lost");
    let node = "apiVersion: agentchat.dev/v1alpha1\nkind: Node\nmetadata: {name: client-1}\n\
                spec: {role: Client, machine: {local: {}}}\n";
    let file = sandbox.file("node.yaml", node);
    let end = sandbox.up_of(&file).end();
    assert_eq!(end.code, Some(0), "{}", end.stderr);
    sandbox.remove_engine();
    let end = sandbox
        .run(&["delete", "node", "client-1", "--timeout", "60s"])
        .end();
    assert_eq!(end.code, Some(4), "{}", end.stderr);
    end.says("Node client-1 can't be removed now");
    end.says("`--force`");
    let end = sandbox.run(&["down", "--purge", "--force"]).end();
    assert_eq!(end.code, Some(0), "{}", end.stderr);
    assert!(end.stderr.contains("is given up"), "{}", end.stderr);
    sandbox.is_empty();
}

#[test]
fn manifest_that_only_the_api_can_refuse_is_refused_with_its_message() {
    let sandbox = Sandbox::idle("api");
    let node = "apiVersion: agentchat.dev/v1alpha1\nkind: Node\n\
                metadata: {name: other, resourceVersion: \"7\"}\n\
                spec: {role: Client, machine: {local: {}}}\n";
    let file = sandbox.file("node.yaml", node);
    let end = sandbox.up(&["-f", &file]).end();
    assert_eq!(end.code, Some(1), "{}", end.stderr);
    end.says("Node other was not accepted: ");
    end.says("resourceVersion should not be set");
    sandbox.is_empty();
}

#[test]
fn up_that_nobody_reads_any_more_takes_its_swarm_down() {
    let sandbox = Sandbox::real("unread");
    let mut up = sandbox.stay();
    up.until("this is #general");
    up.leave();
    let end = up.end();
    assert_eq!(end.code, Some(0), "{}", end.stderr);
    sandbox.is_down();
}

#[test]
fn ctrl_c_that_also_ends_the_reader_takes_the_swarm_down() {
    let sandbox = Sandbox::real("both");
    let mut up = sandbox.stay();
    up.until("this is #general");
    up.leave();
    up.signal("INT");
    let end = up.end();
    assert_eq!(end.code, Some(0), "{}", end.stderr);
    sandbox.is_down();
}

#[test]
fn normal_start_shows_no_problem() {
    let sandbox = Sandbox::real("calm");
    let mut up = sandbox.stay();
    up.until("this is #general");
    up.signal("INT");
    let end = up.end();
    assert!(end.stderr.contains("Node server-1 Ready"), "{}", end.stderr);
    assert!(!end.stderr.contains("NotReady"), "{}", end.stderr);
    sandbox.is_down();
}
