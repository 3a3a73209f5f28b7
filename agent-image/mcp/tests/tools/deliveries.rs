//! What deliveries change while the program runs.

use serde_json::json;

use crate::{
    chat::{Person, Server},
    process::{Container, texts},
    supervisor::Supervisor,
};

async fn channels(eve: &Person, channels: &[&str]) {
    for channel in channels {
        let created = eve.client.create_channel(channel, false, false).await;
        created.unwrap();
    }
}

#[tokio::test]
async fn changed_channels_are_joined_and_left_by_the_connection_that_stands() {
    let server = Server::start(0);
    let eve = server.person("eve").await;
    channels(&eve, &["#general", "#asked", "#added"]).await;
    let container = Container::new(&server).await;
    let mut supervisor = Supervisor::start(container.root.path());
    let mut mcp = container.start().await;
    supervisor.chat(|chat| chat["connected"] == true).await;
    let asked = json!({"channels": ["#asked"]});
    mcp.call("agentchat_connect", asked).await.unwrap();

    let listen = json!({"channels": ["#general"], "timeout_seconds": 15});
    let listening = mcp.begin_call("agentchat_listen", listen).await;
    // A round trip: the call has begun.
    mcp.ask("ping", json!({})).await;
    container.deliver(&server, &["#added", "#missing"]);
    eve.sees("Ada", "#added", true).await;
    eve.sees("Ada", "#general", false).await;
    assert!(eve.who("#asked").await.contains(&"Ada".to_owned()));
    // Those who listen hear from the new channel, and no longer from the old one.
    eve.say("nobody here").await;
    let send = |text| eve.client.send("#added", text, None);
    send("welcome").await.unwrap();
    assert_eq!(texts(&mcp.returned(listening).await.unwrap()), ["welcome"]);

    let missing = |chat: &serde_json::Value| chat["reason"] == "ChannelNotFound";
    supervisor.chat(missing).await;
    channels(&eve, &["#missing"]).await;
    eve.sees("Ada", "#missing", true).await;
    send("again").await.unwrap();
    let received = mcp.call("agentchat_listen", json!({"timeout_seconds": 15}));
    assert_eq!(texts(&received.await.unwrap()), ["again"]);
    mcp.end().await;
    let ended = supervisor.chat(|chat| {
        assert_ne!(chat["reason"], "Disconnected");
        chat["reason"] == "Stopped"
    });
    ended.await;
}

#[tokio::test]
async fn certificate_of_another_authority_is_accepted_once_it_was_delivered() {
    let mut server = Server::start(0);
    let mut eve = server.person("eve").await;
    channels(&eve, &["#general", "#other"]).await;
    let container = Container::new(&server).await;
    let mut supervisor = Supervisor::start(container.root.path());
    let mut mcp = container.start().await;
    supervisor.chat(|chat| chat["connected"] == true).await;

    // Delivered ahead of the server's restart, with other channels.
    server.certify();
    container.deliver(&server, &["#other"]);
    eve.sees("Ada", "#other", true).await;
    server.restart();
    supervisor
        .chat(|chat| chat["reason"] == "Disconnected")
        .await;
    supervisor.chat(|chat| chat["connected"] == true).await;
    eve.client.set_ca(Some(server.ca_pem.clone()));
    eve.sees("Ada", "#other", true).await;
    eve.client.join("#other").await.unwrap();
    let answer = json!({"target": "#other", "message": "still here"});
    mcp.call("agentchat_send", answer).await.unwrap();
    assert_eq!(eve.receive().await.content, "still here");

    // Delivered when the server is back and is refused; a channel that is gone by then is not joined again.
    server.certify();
    server.restart();
    let refused = supervisor.chat(|chat| {
        let message = chat["message"].as_str().unwrap_or_default();
        message.contains("certificate")
    });
    refused.await;
    container.deliver(&server, &["#general"]);
    supervisor.chat(|chat| chat["connected"] == true).await;
    eve.client.set_ca(Some(server.ca_pem.clone()));
    eve.sees("Ada", "#general", true).await;
    eve.sees("Ada", "#other", false).await;
    mcp.end().await;
}
