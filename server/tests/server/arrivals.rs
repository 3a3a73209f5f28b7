//! Who came and who went, as the others hear it.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{process::Server, raw::Raw};

fn channels(frames: &[Value], type_: &str, agent: &str) -> Vec<String> {
    let of = frames
        .iter()
        .filter(|f| f["type"] == type_ && f["agent"] == agent);
    let mut channels: Vec<_> = of
        .map(|f| f["channel"].as_str().unwrap().to_owned())
        .collect();
    channels.sort();
    channels
}

#[tokio::test]
async fn an_arrival_is_told_in_every_channel_and_announced_in_general() {
    let server = Server::protocol(&[]);
    let mut ada = server.visitor("ada").await;
    let arrival = ada.hear("MSG").await;
    // The newcomer hears its own arrival, and nothing of channels that it was put into.
    assert_eq!(
        (&arrival["from"], &arrival["from_name"], &arrival["to"]),
        (&json!("@server"), &json!("Server"), &json!("#general"))
    );
    assert!(
        arrival["content"].as_str().unwrap().contains("ada"),
        "{arrival}"
    );
    assert!(arrival.get("msg_id").is_none() && arrival.get("verified").is_none());

    let mut sam = server.raw().await;
    let id = sam.visit("sam").await["agent_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let announced = ada.hear_until(|f| f["type"] == "MSG").await;
    assert_eq!(
        channels(&announced, "AGENT_JOINED", &id).len(),
        8,
        "{announced:?}"
    );
    let joined = announced
        .iter()
        .find(|f| f["type"] == "AGENT_JOINED")
        .unwrap();
    assert_eq!(
        (&joined["name"], &joined["verified"]),
        (&json!("sam"), &json!(false))
    );
    assert!(joined.get("agent_id").is_none());
    drop(sam);
    let gone = ada.hear_until(|f| f["type"] == "MSG").await;
    assert_eq!(channels(&gone, "AGENT_LEFT", &id).len(), 8);
    assert!(
        gone.last().unwrap()["content"]
            .as_str()
            .unwrap()
            .contains("went offline")
    );

    // Announcements are history.
    ada.tell(json!({"type": "JOIN", "channel": "#general"}))
        .await;
    ada.hear("JOINED").await;
    let replayed = ada.rest().await;
    assert_eq!(replayed.len(), 3);
    assert!(
        replayed
            .iter()
            .all(|m| m["replay"] == true && m["from"] == "@server")
    );
}

#[tokio::test]
async fn the_first_join_of_a_channel_is_announced_there_and_a_repeated_one_is_not() {
    let server = Server::public(&["--announcements", "true"]);
    let mut ada = server.raw_approved("ada").await;
    ada.tell(json!({"type": "CREATE_CHANNEL", "channel": "#new"}))
        .await;
    assert_eq!(
        ada.hear("JOINED").await["agents"][0]
            .as_str()
            .unwrap()
            .len(),
        17
    );
    let (mut sam, id) = server.keyed("sam").await;
    // Others come and go too: whoever set the server up.
    let arrival = format!("sam ({id}) came online");
    ada.hear_until(|f| {
        f["content"]
            .as_str()
            .is_some_and(|text| text.contains(&arrival))
    })
    .await;
    sam.tell(json!({"type": "LEAVE", "channel": "#new"})).await;
    assert_eq!(sam.hear("LEFT").await["channel"], "#new");
    let left = ada.hear("AGENT_LEFT").await;
    assert_eq!((&left["agent"], &left["name"]), (&json!(id), &json!("sam")));
    for _ in 0..2 {
        sam.tell(json!({"type": "JOIN", "channel": "#new"})).await;
    }
    let agents = sam.hear("JOINED").await["agents"].clone();
    assert!(
        agents
            .as_array()
            .unwrap()
            .iter()
            .any(|a| a["id"] == *id && a["verified"] == false)
    );
    let received = sam.rest().await;
    let live = |f: &&Value| f["type"] == "MSG" && f["to"] == "#new" && f["replay"] != true;
    let announced: Vec<_> = received.iter().filter(live).collect();
    assert_eq!(announced.len(), 1, "{received:?}");
    assert!(
        announced[0]["content"]
            .as_str()
            .unwrap()
            .contains("joined #new")
    );
    let told = ada.rest().await;
    assert_eq!(channels(&told, "AGENT_JOINED", &id), ["#new"]);
}

#[tokio::test]
async fn many_at_once_are_told_in_a_few_frames_and_nobody_is_missed() {
    const MANY: usize = 300;
    let server = Server::protocol(&["--announcements", "false"]);
    let mut ada = server.visitor("ada").await;
    let begun = Instant::now();
    let arrive = async |n: usize| {
        let mut raw = server.raw().await;
        let id = raw.visit(&format!("agent-{n}")).await["agent_id"]
            .as_str()
            .unwrap()
            .to_owned();
        (raw, id)
    };
    let all: Vec<(Raw, String)> = join_all((0..MANY).map(arrive)).await;
    let expected: HashSet<String> = all.iter().map(|(_, id)| id.clone()).collect();
    let (mut came, mut frames) = (HashSet::new(), 0);
    while came.len() < MANY {
        let frame = ada.next().await.unwrap();
        frames += 1;
        if frame["channel"] == "#general" {
            let joined = frame["joined"].as_array().into_iter().flatten();
            let one = frame.get("agent").into_iter();
            let ids = joined.map(|member| &member["id"]).chain(one);
            came.extend(ids.map(|id| id.as_str().unwrap().to_owned()));
        }
    }
    assert_eq!(came, expected);
    assert!(frames < 8 * MANY / 2, "{frames} frames");
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );

    drop(all);
    let mut left = 0;
    while left < MANY {
        let frame = ada.next().await.unwrap();
        if frame["channel"] == "#general" {
            let many = frame["left"].as_array().map_or(0, Vec::len);
            left += many + usize::from(frame["type"] == "AGENT_LEFT");
        }
    }
}

#[tokio::test]
async fn who_goes_at_once_is_told_of_and_who_speaks_at_once_was_introduced() {
    let server = Server::protocol(&["--lurk-disabled", "true"]);
    let mut ada = server.visitor("ada").await;
    for _ in 0..5 {
        let mut sam = server.raw().await;
        let id = sam.visit("sam").await["agent_id"].clone();
        sam.tell(json!({"type": "MSG", "to": "#general", "content": "hello"}))
            .await;
        sam.tell(json!({"type": "LEAVE", "channel": "#help"})).await;
        sam.hear("LEFT").await;
        drop(sam);
        let left = |f: &Value, channel: &str| {
            f["type"] == "AGENT_LEFT" && f["agent"] == id && f["channel"] == channel
        };
        let received = ada.hear_until(|f| left(f, "#bounties")).await;
        let at = |is: &dyn Fn(&Value) -> bool| received.iter().position(is).unwrap();
        let joined =
            at(&|f| f["type"] == "AGENT_JOINED" && f["agent"] == id && f["channel"] == "#general");
        let spoke = at(&|f| f["content"] == "hello");
        assert!(
            joined < spoke && spoke < at(&|f| left(f, "#help")),
            "{received:?}"
        );
        assert_eq!(
            channels(&received, "AGENT_JOINED", id.as_str().unwrap()).len(),
            8
        );
        assert_eq!(
            channels(&received, "AGENT_LEFT", id.as_str().unwrap()).len(),
            8
        );
        let online = at(&|f| {
            f["content"]
                .as_str()
                .is_some_and(|t| t.contains("sam") && t.contains("online"))
        });
        assert!(online < received.len());
    }
}
