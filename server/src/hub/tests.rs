//! The hub without sockets.

use std::io::Cursor;

use agentchat_protocol::{Identity, auth_text};
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocket};

mod bounds;
mod full;
mod limits;

use super::*;
use crate::{
    inbox::From,
    limits::Limits,
    outbox::{Cut, OutboundFrame, Queue, outbox},
    settings::Values,
};

/// A hub on a folder of its own, and connections to it.
struct Fixture {
    hub: Hub,
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self::with(json!({}), |_| {})
    }

    /// With settings and bounds of its own.
    fn with(settings: Value, bound: impl FnOnce(&mut Limits)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("chat.db")).unwrap();
        let mut given = json!({"rate_limit_ms": 0, "frame_limit": 0, "byte_limit": 0,
            "allowlist_admin_key": "k", "admin_key": "k", "data_dir": dir.path()});
        for (key, value) in settings.as_object().unwrap() {
            given[key] = value.clone();
        }
        let values = Values::resolve(|_| None, |_| None, given.as_object().unwrap()).unwrap();
        let mut settings = Settings::read(&values).unwrap();
        bound(&mut settings.limits);
        let redactor = Redactor::new(std::iter::empty()).unwrap();
        Self {
            hub: Hub::new(store, settings, redactor).unwrap(),
            dir,
        }
    }

    fn batch(&mut self, frames: &[(u64, Value)]) {
        let commands: Vec<_> = frames.iter().map(|(id, text)| said_by(*id, text)).collect();
        self.carry_out(commands);
    }

    fn carry_out(&mut self, commands: impl IntoIterator<Item = Command>) {
        let mut commands = commands.into_iter().collect();
        self.hub.batch(&mut commands).unwrap();
        self.hub.deliver().unwrap();
        assert!(commands.is_empty(), "too much for one batch");
        while !self.hub.fanout.reports().is_empty() {
            self.carry_out([]);
        }
    }

    /// A connection.
    fn open(&mut self, id: u64) -> (Queue, Cut) {
        let (outbox, queue, cut) = outbox(1_000_000, None);
        let from = From {
            address: [127, 0, 0, 1].into(),
            user_agent: String::new(),
        };
        let open = Command::Open { id, outbox, from };
        self.carry_out([open]);
        (queue, cut)
    }

    fn gone(&mut self, id: u64) {
        let gone = Command::Gone { id };
        self.carry_out([gone]);
    }

    /// An approved agent that is in.
    fn agent(&mut self, id: u64, name: &str) -> (Queue, Cut) {
        self.agent_of(id, name, &Identity::generate().unwrap())
    }

    /// With a key of its own.
    fn agent_of(&mut self, id: u64, name: &str, identity: &Identity) -> (Queue, Cut) {
        let (mut queue, cut) = self.open(id);
        let key = identity.public_key_pem();
        self.batch(&[
            (
                id,
                json!({"type": "ADMIN_APPROVE", "admin_key": "k", "pubkey": key}),
            ),
            (id, json!({"type": "IDENTIFY", "name": name, "pubkey": key})),
        ]);
        let challenge = received(&mut queue).pop().unwrap();
        let text = |key: &str| challenge[key].as_str().unwrap().to_owned();
        let now = now_ms();
        let signature = identity.sign(&auth_text(&text("nonce"), &text("challenge_id"), now));
        self.batch(&[(
            id,
            json!({"type": "VERIFY_IDENTITY", "challenge_id": text("challenge_id"),
                "signature": signature, "timestamp": now}),
        )]);
        assert_eq!(received(&mut queue)[0]["type"], "WELCOME");
        (queue, cut)
    }
}

fn said_by(id: u64, frame: &Value) -> Command {
    let text = frame.to_string().into();
    Command::Frame { id, text }
}

/// What is in the queue.
fn taken(queue: &mut Queue) -> Vec<OutboundFrame> {
    let mut taken = vec![];
    while let Some(true) = futures::FutureExt::now_or_never(queue.take(&mut taken)) {}
    taken
}

/// What a client received so far, as it reads it.
fn received(queue: &mut Queue) -> Vec<Value> {
    let taken = taken(queue);
    let wire: Vec<u8> = taken
        .iter()
        .filter_map(OutboundFrame::bytes)
        .flatten()
        .copied()
        .collect();
    let mut socket = WebSocket::from_raw_socket(Cursor::new(wire), Role::Client, None);
    let mut frames = vec![];
    while let Ok(frame) = socket.read() {
        if let Message::Text(text) = frame {
            frames.push(serde_json::from_str(&text).unwrap());
        }
    }
    frames
}

/// How the connection was closed.
fn ends(queue: &mut Queue) -> Option<(u16, &'static str)> {
    let end = |out| match out {
        OutboundFrame::Close(code, reason) => Some((code, reason)),
        _ => None,
    };
    taken(queue).into_iter().filter_map(end).next_back()
}

fn message(content: &str) -> Value {
    json!({"type": "MSG", "to": "#general", "content": content})
}

#[test]
fn nobody_hears_of_what_could_not_be_stored_and_all_are_sent_away() {
    let mut fixture = Fixture::new();
    let (mut ada, ada_cut) = fixture.agent(1, "ada");
    fixture.batch(&[(1, json!({"type": "CREATE_CHANNEL", "channel": "#general"}))]);
    let (mut sam, sam_cut) = fixture.agent(2, "sam");
    fixture.batch(&[(1, message("one"))]);
    let frames = received(&mut sam);
    assert_eq!(frames.last().unwrap()["content"], "one", "{frames:?}");
    received(&mut ada);

    let store = Store::open(&fixture.dir.path().join("chat.db")).unwrap();
    store.begin().unwrap();
    store.allow("somebody", "holds the file", 0).unwrap();
    fixture.batch(&[(1, message("lost")), (2, message("lost too"))]);
    store.commit().unwrap();
    assert_eq!(received(&mut ada), [Value::Null; 0]);
    assert_eq!(received(&mut sam), [Value::Null; 0]);
    for mut cut in [ada_cut, sam_cut] {
        assert_eq!(cut.try_recv().unwrap(), (1011, "storage failed"));
    }

    // The order goes on where it was.
    let (mut eve, _cut) = fixture.agent(3, "eve");
    fixture.batch(&[(3, message("two")), (3, message("three"))]);
    let offsets: Vec<_> = received(&mut eve)
        .iter()
        .map(|m| m["offset"].as_u64())
        .collect();
    assert_eq!(offsets, [Some(2), Some(3)]);
}

#[test]
fn who_joins_again_while_reading_up_still_gets_all_that_was_promised() {
    let mut fixture = Fixture::new();
    let (mut ada, _ada) = fixture.agent(1, "ada");
    fixture.batch(&[(1, json!({"type": "CREATE_CHANNEL", "channel": "#general"}))]);
    let epoch = received(&mut ada)[0]["epoch"].clone();
    let many: Vec<_> = (1..=150).map(|n| (1, message(&n.to_string()))).collect();
    fixture.batch(&many);

    let (mut sam, _sam) = fixture.agent(2, "sam");
    let join = |offset| json!({"type": "JOIN", "channel": "#general", "resume": {"epoch": epoch, "offset": offset}});
    fixture.batch(&[(2, join(10))]);
    fixture.batch(&[(2, join(150)), (1, message("live"))]);
    let mut offsets = vec![];
    for _ in 0..4 {
        let frames = received(&mut sam).into_iter();
        let messages = frames.filter(|frame| frame["type"] == "MSG");
        offsets.extend(messages.filter_map(|message| message["offset"].as_u64()));
        let drained = Command::More { id: 2 };
        fixture.carry_out([drained]);
    }
    let expected: Vec<u64> = (11..=151).collect();
    assert_eq!(offsets, expected);
}
