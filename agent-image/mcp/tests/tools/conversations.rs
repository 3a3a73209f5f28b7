//! Conversations of an agent with others.

use std::time::Instant;

use serde_json::json;

use crate::{
    DEADLINE,
    chat::Server,
    process::{Container, texts},
    supervisor::Supervisor,
};

#[tokio::test]
async fn agent_receives_and_sends_messages() {
    let server = Server::start(0);
    let mut eve = server.person("eve").await;
    eve.client
        .create_channel("#general", false, false)
        .await
        .unwrap();
    eve.say("before Ada came").await;
    eve.client
        .create_channel("#other", false, false)
        .await
        .unwrap();
    let container = Container::new(&server).await;
    let mut supervisor = Supervisor::start(container.root.path());
    let mut mcp = container.start().await;

    let tools = mcp.ask("tools/list", json!({})).await;
    let names: Vec<_> = tools["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["name"].as_str().unwrap())
        .collect();
    for tool in [
        "connect",
        "send",
        "listen",
        "channels",
        "leave",
        "set_presence",
    ] {
        assert!(
            names.contains(&format!("agentchat_{tool}").as_str()),
            "{tool} is not in {names:?}"
        );
    }
    let connected = supervisor.chat(|chat| chat["connected"] == true).await;

    let listening = mcp
        .begin_call(
            "agentchat_listen",
            json!({"channels": ["#general"], "timeout_seconds": 15}),
        )
        .await;
    let id = eve.say("hello").await;
    eve.say("and how are you?").await;
    let received = mcp.returned(listening).await.unwrap();
    assert_eq!(texts(&received), ["hello", "and how are you?"]);
    let first = &received["messages"][0];
    assert_eq!(
        (&first["msg_id"], &first["from_name"]),
        (&json!(id), &json!("eve"))
    );
    assert_eq!(
        (&first["to"], &received["timeout"]),
        (&json!("#general"), &json!(false))
    );
    assert!(received["note"].is_string());

    let answer = json!({"target": "#general", "message": "fine", "in_reply_to": id});
    let sent = mcp.call("agentchat_send", answer).await.unwrap();
    let message = eve.receive().await;
    assert_eq!(
        (message.content.as_str(), message.from_name.as_str()),
        ("fine", "Ada")
    );
    assert_eq!(message.in_reply_to.as_deref(), Some(id.as_str()));
    assert_eq!(
        (json!(message.msg_id), json!(message.from)),
        (sent["msg_id"].clone(), connected["agentId"].clone())
    );

    // The same answer once more, as a session gives it that does not know of it, says nothing.
    mcp.end().await;
    supervisor.chat(|chat| chat["reason"] == "Stopped").await;
    let mut mcp = container.start().await;
    let answer = json!({"target": "#general", "message": "fine", "in_reply_to": id});
    let again = mcp.call("agentchat_send", answer).await.unwrap();
    assert_eq!(again["msg_id"], sent["msg_id"]);
    mcp.call(
        "agentchat_send",
        json!({"target": "#general", "message": "bye"}),
    )
    .await
    .unwrap();
    assert_eq!(eve.receive().await.content, "bye");

    // Neither one's own words nor what was said before the first connection.
    let nothing = mcp
        .call(
            "agentchat_listen",
            json!({"channels": ["#general"], "timeout_seconds": 1}),
        )
        .await;
    assert_eq!(nothing.unwrap(), json!({"messages": [], "timeout": true}));
    let again = mcp
        .call(
            "agentchat_listen",
            json!({"channels": ["#general"], "tail": 1}),
        )
        .await
        .unwrap();
    assert_eq!(texts(&again), ["and how are you?"]);
    // A channel that is not the agent's own is heard from once it asks for it.
    eve.client.send("#other", "here, too", None).await.unwrap();
    let other = mcp
        .call(
            "agentchat_listen",
            json!({"channels": ["#other"], "timeout_seconds": 15}),
        )
        .await;
    assert_eq!(texts(&other.unwrap()), ["here, too"]);
    mcp.end().await;
    supervisor.chat(|chat| chat["reason"] == "Stopped").await;
}

#[tokio::test]
async fn restarted_program_neither_loses_nor_repeats_messages() {
    let server = Server::start(0);
    let eve = server.person("eve").await;
    eve.client
        .create_channel("#general", false, false)
        .await
        .unwrap();
    let container = Container::new(&server).await;
    let mut supervisor = Supervisor::start(container.root.path());
    let mut mcp = container.start().await;
    supervisor.chat(|chat| chat["connected"] == true).await;
    eve.say("one").await;
    assert_eq!(mcp.listen().await, ["one"]);
    mcp.begin_call("agentchat_listen", json!({"channels": ["#general"]}))
        .await;
    // A round trip: the call has begun.
    mcp.ask("ping", json!({})).await;
    mcp.kill().await;
    eve.say("two").await;

    let mut mcp = container.start().await;
    assert_eq!(mcp.listen().await, ["two"]);
    // Its caller had no time to write that down: it comes again, and says so.
    mcp.kill().await;
    let mut mcp = container.start().await;
    let listen = json!({"channels": ["#general"], "timeout_seconds": 15});
    let again = mcp.call("agentchat_listen", listen).await.unwrap();
    assert_eq!(texts(&again), ["two"]);
    assert!(again["messages"][0]["again"].is_string(), "{again}");
    // Taken in, but not handed over: a listen that was cancelled, and one whose caller is gone.
    let listening = mcp
        .begin_call("agentchat_listen", json!({"channels": ["#general"]}))
        .await;
    mcp.cancel(listening).await;
    eve.say("three").await;
    assert_eq!(mcp.listen().await, ["three"]);
    mcp.begin_call("agentchat_listen", json!({"channels": ["#general"]}))
        .await;
    let began = Instant::now();
    mcp.end().await;
    assert!(
        began.elapsed() < std::time::Duration::from_secs(4),
        "the end took {:?}",
        began.elapsed()
    );
    eve.say("four").await;
    let mut mcp = container.start().await;
    eve.say("five").await;
    let mut received = mcp.listen().await;
    while received.len() < 2 {
        received.extend(mcp.listen().await);
    }
    assert_eq!(received, ["four", "five"]);
}

#[tokio::test]
async fn missing_channel_is_reported_and_joined_once_it_exists() {
    let server = Server::start(0);
    let container = Container::new(&server).await;
    let mut supervisor = Supervisor::start(container.root.path());
    let mut mcp = container.start().await;
    let missing = supervisor
        .chat(|chat| chat["reason"] == "ChannelNotFound")
        .await;
    assert_eq!(missing["connected"], false);
    assert!(
        missing["message"].as_str().unwrap().contains("#general"),
        "{missing}"
    );
    let refused = mcp
        .call(
            "agentchat_send",
            json!({"target": "#general", "message": "x"}),
        )
        .await;
    assert!(
        refused.as_ref().unwrap_err().contains("CHANNEL_NOT_FOUND"),
        "{refused:?}"
    );

    let eve = server.person("eve").await;
    eve.client
        .create_channel("#general", false, false)
        .await
        .unwrap();
    eve.say("you are late").await;
    let connected = supervisor.chat(|chat| chat["connected"] == true).await;
    assert_eq!(mcp.listen().await, ["you are late"]);
    let mut supervisor = supervisor.restart();
    assert_eq!(supervisor.chat(|_| true).await, connected);
}

#[tokio::test]
async fn rate_limit_is_waited_out_and_refusals_are_returned() {
    let server = Server::start(700);
    let mut eve = server.person("eve").await;
    eve.client
        .create_channel("#general", false, false)
        .await
        .unwrap();
    let container = Container::new(&server).await;
    let mut mcp = container.start().await;
    for text in ["one", "two"] {
        let sent = mcp
            .call(
                "agentchat_send",
                json!({"target": "#general", "message": text}),
            )
            .await;
        assert_eq!(sent.unwrap()["success"], true);
    }
    assert_eq!(
        (eve.receive().await.content, eve.receive().await.content),
        ("one".into(), "two".into())
    );
    let refused = mcp
        .call("agentchat_listen", json!({"channels": ["#nowhere"]}))
        .await;
    assert!(
        refused.as_ref().unwrap_err().contains("CHANNEL_NOT_FOUND"),
        "{refused:?}"
    );
    let listed = mcp.call("agentchat_channels", json!({})).await.unwrap();
    assert_eq!(listed["joined"], json!(["#general"]));
    mcp.call("agentchat_set_presence", json!({"status_text": "thinking"}))
        .await
        .unwrap();
    let left = mcp
        .call("agentchat_leave", json!({"channel": "#general"}))
        .await
        .unwrap();
    assert_eq!(left["remaining"], json!([]));
}

#[tokio::test]
async fn refused_key_is_reported_until_it_is_approved() {
    let server = Server::start(0);
    let container = Container::new(&server).await;
    let stranger = agentchat_protocol::Identity::generate().unwrap();
    std::fs::write(
        container.root.path().join("run/secrets/identity"),
        stranger.to_pkcs8_pem(),
    )
    .unwrap();
    let mut supervisor = Supervisor::start(container.root.path());
    let mut mcp = container.start().await;
    supervisor.chat(|chat| chat["reason"] == "NotAllowed").await;
    let refused = mcp.call("agentchat_connect", json!({})).await;
    assert!(
        refused.as_ref().unwrap_err().contains("NOT_ALLOWED"),
        "{refused:?}"
    );
    let allowed = tokio::time::timeout(DEADLINE, server.approve(&stranger));
    allowed.await.unwrap();
    supervisor
        .chat(|chat| chat["reason"] == "ChannelNotFound")
        .await;
}
