//! What fuzzers and the seeded runs among the tests call: what a server may send, to a client that trusts it no further
//! than it must.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    ChatMessage, Client, Event, FileEvent, Options, Position, Transfers, Welcome,
    frames::{events, parse},
    subscriptions::{HistoryScope, Subscriptions},
};

/// Frames, a line each: all of them are read, each message is given to the reader once, and words about files
/// do no harm.
pub fn frames(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        panic!("no runtime");
    };
    runtime.block_on(async {
        let options = Options {
            // Never connects.
            url: "nowhere".to_owned(),
            ca_pem: None,
            name: "fuzz".to_owned(),
            identity: None,
            channels: vec!["#general".to_owned()],
        };
        let (client, _events) = Client::start(options);
        let mut reader = Reader {
            subscriptions: Subscriptions::new(&["#general".to_owned()]),
            transfers: Transfers::new(client),
        };
        for line in String::from_utf8_lossy(bytes).lines() {
            if let Some((type_, frame)) = parse(line) {
                reader.handle_frame(&type_, frame);
            }
        }
    });
}

struct Reader {
    subscriptions: Subscriptions,
    transfers: Transfers,
}

impl Reader {
    fn handle_frame(&mut self, type_: &str, frame: Value) {
        for event in events(type_, &frame) {
            self.happened(&event);
        }
        match type_ {
            "WELCOME" => {
                let entered = frame.get("channels").cloned().unwrap_or_default();
                let entered = serde_json::from_value::<BTreeMap<String, Position>>(entered).ok();
                drop(self.subscriptions.connected(entered.as_ref()));
                if let Ok(welcome) = serde_json::from_value::<Welcome>(frame) {
                    self.happened(&Event::Connected(welcome));
                }
            }
            "JOINED" => {
                let channel = frame["channel"].as_str().unwrap_or_default();
                let asked = match frame["asked"].as_u64() {
                    Some(0) => HistoryScope::Rest,
                    Some(1) => HistoryScope::History,
                    _ => HistoryScope::Anew,
                };
                self.subscriptions.joined(channel, &frame, asked);
            }
            "LEFT" => self
                .subscriptions
                .left(frame["channel"].as_str().unwrap_or_default()),
            "MSG" => {
                let Ok(message) = serde_json::from_value::<ChatMessage>(frame) else {
                    return;
                };
                let placed = message.epoch.is_some() && message.offset.is_some();
                let new = self.subscriptions.admit(&message);
                let again = self.subscriptions.admit(&message);
                assert!(!(new && again && placed), "twice: {message:?}");
                self.happened(&Event::Message(message));
            }
            _ => {}
        }
    }

    fn happened(&mut self, event: &Event) {
        for event in self.transfers.hear(event) {
            match event {
                FileEvent::Offered { from, tid, .. } => {
                    // Refused when too much is on its way.
                    drop(self.transfers.accept(&from, &tid));
                }
                FileEvent::Received { files, .. } => {
                    for file in files {
                        let plain = |c: char| c != '/' && c != '\0';
                        assert!(file.name.chars().all(plain), "{:?}", file.name);
                        assert!(!["", ".", ".."].contains(&file.name.as_str()));
                    }
                }
                FileEvent::Sent { .. } | FileEvent::Failed { .. } => {}
            }
        }
    }
}
