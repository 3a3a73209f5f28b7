//! Saying things, and seeing what was said and by whom.

use agentchat_client::Position;
use serde_json::{Value, json};

use crate::{person::Person, server::Server};

#[tokio::test(flavor = "multi_thread")]
async fn sent_message_is_received_once_and_unchanged() {
    let server = Server::open(&[]);
    let mut ada = server.peer("ada").await;
    let tom = Person::at(&server);
    let said = tom.does(&["chat", "send", "general", "hello", "there", "--name", "tom"]);
    assert_eq!(said.good(), "");
    let heard = ada.hear().await;
    assert_eq!(
        (&*heard.from_name, &*heard.to, &*heard.content),
        ("tom", "#general", "hello there")
    );
    let reply = heard.msg_id.unwrap();
    let text = "two\nlines, and é\n\n";
    tom.types(text, &["chat", "send", "#help", "--reply-to", &reply])
        .good();
    let heard = ada.hear().await;
    assert_eq!(
        (&*heard.to, &*heard.content, heard.in_reply_to),
        ("#help", "two\nlines, and é", Some(reply))
    );
    // A script that tries again.
    let again = ["chat", "send", "help", "-", "--id", "build-1", "--json"];
    let first = tom.types("the build", &again).json();
    let second = tom.types("the build", &again).json();
    assert_eq!(first, second);
    assert_eq!(ada.hear().await.content, "the build");
    tom.does(&["chat", "--say", "bye", "--channel", "help"])
        .good();
    assert_eq!(ada.hear().await.content, "bye");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_goes_back_as_far_as_is_wanted() {
    let server = Server::open(&[]);
    let ada = server.peer("ada").await;
    for n in 1..=450 {
        ada.say("#help", &format!("no. {n}")).await;
    }
    ada.say("#help", "\u{1b}[2J\u{9b}2J").await;
    let tom = Person::at(&server);
    let contents = |words: &[&str]| -> Vec<String> {
        let words = [&["chat", "history", "help", "--json"], words].concat();
        let content = |m: &Value| m["content"].as_str().unwrap().to_owned();
        tom.does(&words).json().iter().map(content).collect()
    };
    let last = contents(&["-n", "300"]);
    assert_eq!((last.len(), &*last[0]), (300, "no. 152"));
    assert_eq!(contents(&["--since", "1h"]).len(), 451);
    assert_eq!(contents(&["--since", "1h", "--last", "2"])[0], "no. 450");
    assert_eq!(contents(&["--since", "2999-01-01"]).len(), 0);
    assert_eq!(contents(&[]).len(), 20);
    let text = tom.does(&["chat", "history", "help", "--last", "2"]).good();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].ends_with("  ada: no. 450"), "{text:?}");
    assert!(lines[1].ends_with("ada: \u{fffd}[2J\u{fffd}2J"), "{text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_those_present_with_their_activity() {
    let server = Server::open(&[]);
    let ada = server.peer("ada").await;
    let sam = server.peer("sam").await;
    let counting = Some("counting sheep");
    ada.chat.set_presence("busy", counting).await.unwrap();
    sam.chat.leave("#help").await.unwrap();
    let tom = Person::at(&server);
    let text = tom.does(&["chat", "who"]).good();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with("NAME   ID "), "{text}");
    let words: Vec<_> = lines[1].split_whitespace().collect();
    assert_eq!(&words[..4], ["ada", &ada.id, "busy", "no"], "{text}");
    assert!(words[4].contains("#help,") && lines[1].ends_with("counting sheep"));
    assert!(lines[2].starts_with("sam ") && !lines[2].contains("#help"));
    let told = tom.does(&["chat", "who", "help", "--json"]).json();
    let expected = json!({"id": ada.id, "name": "ada", "presence": "busy",
        "statusText": "counting sheep", "verified": false, "channels": ["#help"]});
    assert_eq!(told, [expected]);
    let channels = tom.does(&["chat", "channels", "--json"]).json();
    assert!(
        channels
            .iter()
            .any(|c| c["name"] == "#ops" && c["verifiedOnly"] == true)
    );
    let text = tom.does(&["chat", "channels"]).good();
    assert!(text.starts_with("NAME ") && text.contains("#general"));
}

#[tokio::test(flavor = "multi_thread")]
async fn conversation_goes_on_after_the_server_was_killed() {
    let mut server = Server::open(&[]);
    let mut ada = server.peer("ada").await;
    ada.say("#help", "before").await;
    let tom = Person::at(&server);
    let mut talk = tom.begins(&["chat", "join", "help", "--json", "--name", "tom"]);
    let content = |line: String| {
        let value: Value = serde_json::from_str(&line).unwrap();
        value["content"].as_str().unwrap().to_owned()
    };
    assert_eq!(content(talk.shows()), "before");
    talk.types("hello ada");
    assert_eq!(ada.hear().await.content, "hello ada");
    assert_eq!(content(talk.shows()), "hello ada");
    server.kill_and_restart();
    ada.say("#help", "meanwhile").await;
    assert_eq!(content(talk.shows()), "meanwhile");
    talk.types("still here");
    assert_eq!(ada.hear().await.content, "still here");
    assert_eq!(content(talk.shows()), "still here");
    assert_eq!(talk.interrupt(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_ends_where_the_server_has_dropped_it() {
    let server = Server::open(&["--retain-messages", "300"]);
    let ada = server.peer("ada").await;
    for n in 1..=700 {
        ada.say("#help", &n.to_string()).await;
    }
    let tom = Person::at(&server);
    let words = ["chat", "history", "help", "--json", "--last"];
    let shown = |last: &str| tom.does(&[&words[..], &[last]].concat()).json();
    let all = shown("10000");
    let number = |m: &Value| m["content"].as_str().unwrap().parse::<usize>().unwrap();
    let oldest = number(&all[0]);
    assert!(
        (145..=401).contains(&oldest),
        "it keeps 300 and a few more, not from {oldest} on"
    );
    let numbers: Vec<_> = all.iter().map(number).collect();
    assert_eq!(numbers, (oldest..=700).collect::<Vec<_>>());
    // There is nothing older.
    let end = ada.chat.history("#help", None).await.unwrap().end.unwrap();
    for (before, held) in [(1, true), (2, false)] {
        let position = Position {
            offset: u64::try_from(oldest - before).unwrap(),
            ..end.clone()
        };
        let history = ada.chat.history("#help", Some(position)).await.unwrap();
        assert_eq!(history.resumed, held, "{before} before {oldest}");
    }
    assert_eq!(shown("250").len(), 250);
}
