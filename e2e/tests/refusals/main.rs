//! An `up` that ends when services run already: the real programs on an engine that answers and does nothing.
//! Whatever ends the `up`, no process that it started is left.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

mod idle_engine;
mod place;

use place::Place;

#[test]
fn an_up_that_waits_in_vain_takes_back_what_it_started() {
    let place = Place::new("vain");
    let up = place.up(&["--timeout", "2s"]);
    let end = up.end();
    assert_eq!(end.code, Some(4), "{}", end.said);
    end.says("not within 2 s");
    place.is_empty();
}

#[test]
fn an_up_that_is_interrupted_takes_back_what_it_started() {
    let place = Place::new("interrupted");
    let mut up = place.up(&[]);
    up.until("Node server-1 created");
    up.signal("INT");
    let end = up.end();
    assert_eq!(end.code, Some(130), "{}", end.said);
    place.is_empty();
}

#[test]
fn an_up_whose_operator_dies_quotes_it_and_takes_back_what_it_started() {
    let place = Place::new("dies");
    let mut up = place.up(&[]);
    up.until("Node server-1 created");
    place.kill("agentchat-operator");
    let end = up.end();
    assert_eq!(end.code, Some(1), "{}", end.said);
    end.says("agentchat-operator ended");
    place.is_empty();
}

#[test]
fn a_manifest_that_only_the_api_can_refuse_is_refused_in_its_words() {
    let place = Place::new("api");
    let node = "apiVersion: agentchat.dev/v1alpha1\nkind: Node\nmetadata:\n  name: other\n  \
                labels: {\"a b\": x}\nspec: {role: Client, machine: {local: {}}}\n";
    let file = place.file("node.yaml", node);
    let end = place.up(&["-f", &file]).end();
    assert_eq!(end.code, Some(1), "{}", end.said);
    end.says("Node other was not accepted: ");
    end.says("metadata.labels");
    place.is_empty();
}

#[test]
fn an_up_that_nobody_reads_any_more_takes_its_swarm_down() {
    let place = Place::new("unread");
    let mut up = place.stay();
    up.until("this is #general");
    up.leave();
    let end = up.end();
    assert_eq!(end.code, Some(0), "{}", end.said);
    place.is_down();
}

#[test]
fn ctrl_c_that_also_ends_the_reader_takes_the_swarm_down() {
    let place = Place::new("both");
    let mut up = place.stay();
    up.until("this is #general");
    up.leave();
    up.signal("INT");
    let end = up.end();
    assert_eq!(end.code, Some(0), "{}", end.said);
    place.is_down();
}

#[test]
fn what_is_part_of_a_normal_start_is_no_problem_to_talk_about() {
    let place = Place::new("calm");
    let mut up = place.stay();
    up.until("this is #general");
    up.signal("INT");
    let end = up.end();
    assert!(end.said.contains("Node server-1 Ready"), "{}", end.said);
    assert!(!end.said.contains("NotReady"), "{}", end.said);
    place.is_down();
}
