//! The client against servers that misbehave.

mod ca;
mod fake;
mod handshake;
mod history;
mod reader;
mod silence;

use std::time::Duration;

use crate::{Client, Event, Events, Options, limits::Limits};

/// The longest that a test waits for something that must come.
const DEADLINE: Duration = Duration::from_secs(20);

/// Short deadlines.
fn short() -> Limits {
    Limits {
        connect: Duration::from_millis(300),
        silence: Duration::from_millis(300),
        answer: Duration::from_millis(500),
        first_backoff: Duration::from_millis(1),
        ..Limits::default()
    }
}

fn start(url: &str, channels: &[&str], limits: Limits) -> (Client, Events) {
    let options = Options {
        url: url.to_owned(),
        ca_pem: None,
        name: "ada".into(),
        identity: Some(agentchat_protocol::Identity::generate().unwrap()),
        channels: channels.iter().map(|&channel| channel.to_owned()).collect(),
    };
    Client::start_within(options, limits)
}

/// The reason of the next disconnection.
async fn disconnected(events: &mut Events) -> String {
    let reason = async {
        loop {
            if let Event::Disconnected { reason } = events.recv().await.unwrap() {
                return reason;
            }
        }
    };
    tokio::time::timeout(DEADLINE, reason).await.unwrap()
}
