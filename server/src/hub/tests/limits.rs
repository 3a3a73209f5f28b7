//! Texts and rates are bounded: at the limit it works, one over it does not.

use super::{bounds::codes, *};

fn with(bound: impl FnOnce(&mut Limits)) -> (Fixture, Queue, Cut) {
    let mut fixture = Fixture::with(json!({}), bound);
    let (mut ada, cut) = fixture.agent(1, "ada");
    fixture.batch(&[(1, json!({"type": "CREATE_CHANNEL", "channel": "#general"}))]);
    received(&mut ada);
    (fixture, ada, cut)
}

/// What comes of one frame.
fn tell(fixture: &mut Fixture, queue: &mut Queue, frame: Value) -> Vec<Value> {
    fixture.batch(&[(1, frame)]);
    received(queue)
}

#[test]
fn content_is_counted_in_units_of_javascript() {
    let (mut fixture, mut ada, _cut) = with(|limits| limits.content = 4);
    assert_eq!(
        tell(&mut fixture, &mut ada, message("😀é!"))[0]["content"],
        "😀é!"
    );
    for long in ["😀é!!", "12345"] {
        assert_eq!(
            tell(&mut fixture, &mut ada, message(long))[0]["code"],
            "INVALID_MSG"
        );
    }
    let chunk = |content: &str| json!({"type": "FILE_CHUNK", "to": "@nobody", "content": content});
    let code = |frames: Vec<Value>| frames[0]["code"].clone();
    assert_eq!(
        code(tell(&mut fixture, &mut ada, chunk("1234"))),
        "AGENT_NOT_FOUND"
    );
    assert_eq!(
        code(tell(&mut fixture, &mut ada, chunk("12345"))),
        "INVALID_MSG"
    );
}

#[test]
fn small_texts() {
    let (mut fixture, mut ada, _cut) = with(|limits| (limits.field, limits.client_id) = (8, 8));
    let (most, over) = ("x".repeat(8), "x".repeat(9));
    let with = |key: &str, text: &str| {
        let mut frame = message("hi");
        frame[key] = text.into();
        frame
    };
    for (key, given) in [
        ("sig", "sig"),
        ("in_reply_to", "in_reply_to"),
        ("client_msg_id", "msg_id"),
    ] {
        let told = tell(&mut fixture, &mut ada, with(key, &most)).remove(0);
        assert!(told["content"] == "hi" && told[given].is_string(), "{told}");
    }
    for key in ["sig", "client_msg_id"] {
        assert_eq!(
            tell(&mut fixture, &mut ada, with(key, &over))[0]["code"],
            "INVALID_MSG"
        );
    }
    // What is too long to name a message is left out.
    let told = tell(&mut fixture, &mut ada, with("in_reply_to", &over)).remove(0);
    assert_eq!(
        (&told["content"], told.get("in_reply_to")),
        (&json!("hi"), None)
    );
    let claim = |id: &str| json!({"type": "RESPONDING_TO", "channel": "#general", "msg_id": id, "started_at": 1});
    assert_eq!(tell(&mut fixture, &mut ada, claim(&most)), [Value::Null; 0]);
    assert_eq!(
        tell(&mut fixture, &mut ada, claim(&over))[0]["code"],
        "INVALID_MSG"
    );
}

#[test]
fn names_nicks_and_channels() {
    let mut fixture = Fixture::with(json!({"allowlist_strict": false}), |limits| {
        limits.nick_ms = 0
    });
    let (mut open, _cut) = fixture.open(9);
    let identify = |length| json!({"type": "IDENTIFY", "name": "n".repeat(length)});
    fixture.batch(&[(9, identify(33))]);
    assert_eq!(codes(&mut open), ["INVALID_MSG"]);
    fixture.batch(&[(9, identify(32))]);
    assert_eq!(received(&mut open)[0]["type"], "WELCOME");
    let (mut ada, _cut) = fixture.agent(1, "ada");
    let nick = |length| json!({"type": "SET_NICK", "nick": "n".repeat(length)});
    let create =
        |length| json!({"type": "CREATE_CHANNEL", "channel": format!("#{}", "c".repeat(length))});
    for (good, bad, told) in [
        (nick(24), nick(25), "NICK_CHANGED"),
        (create(31), create(32), "JOINED"),
    ] {
        assert_eq!(tell(&mut fixture, &mut ada, good)[0]["type"], told);
        assert_eq!(tell(&mut fixture, &mut ada, bad)[0]["code"], "INVALID_MSG");
    }
}

#[test]
fn bytes_before_and_after_one_says_who_one_is() {
    let ping = |length: usize| {
        let frame = json!({"type": "PING", "x": ""}).to_string().len();
        json!({"type": "PING", "x": "x".repeat(length - frame)})
    };
    let bound = |limits: &mut Limits| (limits.bytes, limits.early_bytes) = (4000, 1000);
    let mut fixture = Fixture::with(json!({}), bound);
    let (mut open, _cut) = fixture.open(1);
    fixture.batch(&[(1, ping(900)), (1, ping(100))]);
    assert_eq!((received(&mut open).len(), ends(&mut open)), (2, None));
    fixture.batch(&[(1, ping(24))]);
    assert_eq!(ends(&mut open), Some((1008, "Rate limit exceeded")));

    let (mut ada, _cut) = fixture.agent(2, "ada");
    let spent = fixture.hub.peers[&2].spent.bytes();
    fixture.batch(&[(2, ping(4000 - spent))]);
    assert_eq!((received(&mut ada).len(), ends(&mut ada)), (1, None));
    fixture.batch(&[(2, ping(24))]);
    assert_eq!(ends(&mut ada), Some((1008, "Rate limit exceeded")));
}

#[test]
fn bytes_of_an_agent_that_comes_back() {
    let mut fixture = Fixture::with(json!({}), |limits| limits.bytes = 20_000);
    let key = Identity::generate().unwrap();
    let mut last = None;
    for id in 1..=2 {
        let (mut ada, _cut) = fixture.agent_of(id, "ada", &key);
        fixture.batch(&[(id, json!({"type": "PING", "x": "x".repeat(9000)}))]);
        last = ends(&mut ada);
        fixture.gone(id);
    }
    // The two handshakes count too.
    assert_eq!(last, None);
    let (mut ada, _cut) = fixture.agent_of(3, "ada", &key);
    fixture.batch(&[(3, json!({"type": "PING", "x": "x".repeat(2000)}))]);
    assert_eq!(ends(&mut ada), Some((1008, "Rate limit exceeded")));
    // Others have their own.
    let (mut sam, _cut) = fixture.agent(4, "sam");
    fixture.batch(&[(4, json!({"type": "PING", "x": "x".repeat(9000)}))]);
    assert_eq!(ends(&mut sam), None);
}

#[test]
fn messages_that_are_remembered() {
    let (mut fixture, mut ada, _cut) = with(|limits| limits.sent = 20);
    let say = |n: u32| {
        let mut frame = message(&n.to_string());
        frame["client_msg_id"] = format!("id{n}").into();
        frame
    };
    for n in 1..=60 {
        tell(&mut fixture, &mut ada, say(n));
    }
    // The youngest are, the oldest are said again.
    for n in [41, 60] {
        assert_eq!(tell(&mut fixture, &mut ada, say(n))[0]["offset"], n);
    }
    for (n, offset) in [(1, 61), (30, 62)] {
        assert_eq!(tell(&mut fixture, &mut ada, say(n))[0]["offset"], offset);
    }
}

#[test]
fn channels_of_one_that_is_not_verified() {
    let settings = json!({"allowlist_strict": false, "open_channel_creation": "upstream"});
    let mut fixture = Fixture::with(settings, |limits| limits.channels_per_agent = 2);
    let (mut sam, _cut) = fixture.open(1);
    let create = |n: u32| json!({"type": "CREATE_CHANNEL", "channel": format!("#c{n}")});
    fixture.batch(&[
        (1, json!({"type": "IDENTIFY", "name": "sam"})),
        (1, create(1)),
        (1, create(2)),
    ]);
    assert_eq!(codes(&mut sam), [""; 0]);
    fixture.batch(&[(1, create(3))]);
    assert_eq!(codes(&mut sam), ["INVALID_MSG"]);
    // Another has its own two, and who is verified has no such bound.
    let (mut ada, _cut) = fixture.agent(2, "ada");
    fixture.batch(&[3, 4, 5].map(|n| (2, create(n))));
    assert_eq!(codes(&mut ada), [""; 0]);
}

#[test]
fn names_in_a_nudge() {
    let settings = json!({"idle_prompts": true, "idle_timeout_ms": 1});
    let mut fixture = Fixture::with(settings, |limits| limits.nudged = 2);
    let (mut ada, _cut) = fixture.agent(1, "ada");
    fixture.batch(&[(1, json!({"type": "CREATE_CHANNEL", "channel": "#general"}))]);
    for (others, wanted) in [(1, ""), (2, "and 1 others")] {
        let _agent = fixture.agent(1 + others, "more");
        received(&mut ada);
        fixture.hub.rooms[0].active = 0;
        fixture.hub.look();
        fixture.batch(&[]);
        let nudge = received(&mut ada).pop().unwrap()["content"]
            .as_str()
            .unwrap()
            .to_owned();
        let names = nudge.matches('@').count();
        assert_eq!(
            (names, nudge.contains("others")),
            (2, !wanted.is_empty()),
            "{nudge}"
        );
        assert!(nudge.contains(wanted), "{nudge}");
    }
}

#[test]
fn wrong_keys_of_an_address_whatever_they_come_over() {
    let mut fixture = Fixture::with(json!({}), |limits| limits.guesses = 3);
    let kick = |key: &str| json!({"type": "ADMIN_KICK", "agent_id": "x", "admin_key": key});
    let (mut first, _cut) = fixture.open(1);
    let (mut second, _other) = fixture.open(2);
    fixture.batch(&[(1, kick("a")), (2, kick("b")), (2, kick("k"))]);
    assert_eq!(codes(&mut first), ["AUTH_REQUIRED"]);
    assert_eq!(codes(&mut second), ["AUTH_REQUIRED", "AGENT_NOT_FOUND"]);
    let here = [127, 0, 0, 1].into();
    let elsewhere = [127, 0, 0, 2].into();
    assert_eq!(fixture.hub.connections(Some("c"), here), None);
    // That was the third: the right key is not looked at any more from here, and is from elsewhere.
    fixture.batch(&[(2, kick("k"))]);
    assert_eq!(codes(&mut second), ["AUTH_REQUIRED"]);
    assert_eq!(fixture.hub.connections(Some("k"), here), None);
    assert!(fixture.hub.connections(Some("k"), elsewhere).is_some());
}

#[test]
fn what_an_operator_says() {
    let bound = |limits: &mut Limits| {
        limits.early_frames = 0;
        (limits.agent_id, limits.reason, limits.note, limits.motd) = (16, 8, 8, 8);
    };
    let mut fixture = Fixture::with(json!({}), bound);
    let (mut raw, _cut) = fixture.open(1);
    let mut code = |action: &str, key: &str, value: &str| {
        let mut frame = json!({"type": format!("ADMIN_{action}"), "admin_key": "k", "agent_id": "a", "verified": true});
        frame[key] = value.into();
        tell(&mut fixture, &mut raw, frame).pop().unwrap()["code"].clone()
    };
    let (most, over) = ("x".repeat(8), "x".repeat(9));
    assert_eq!(
        (code("MOTD", "motd", &most), code("MOTD", "motd", &over)),
        (Value::Null, json!("INVALID_MSG"))
    );
    for action in ["KICK", "BAN", "UNBAN", "VERIFY"] {
        let known = code(action, "agent_id", &"y".repeat(16));
        assert_ne!(known, "INVALID_MSG", "{action}");
        assert_eq!(
            code(action, "agent_id", &"y".repeat(17)),
            "INVALID_MSG",
            "{action}"
        );
    }
    code("BAN", "reason", &over);
    let key = Identity::generate().unwrap().public_key_pem();
    tell(
        &mut fixture,
        &mut raw,
        json!({"type": "ADMIN_APPROVE", "admin_key": "k", "pubkey": key, "note": over}),
    );
    let bans = fixture.hub.store.bans().unwrap();
    assert_eq!(bans.last().unwrap().reason, most);
    assert_eq!(fixture.hub.store.allowed().unwrap()[0].note, most);
}

#[test]
fn wrong_keys_of_a_connection() {
    let mut fixture = Fixture::with(json!({}), |limits| limits.wrong_keys = 3);
    let (mut raw, _cut) = fixture.open(1);
    let guess = (
        1,
        json!({"type": "ADMIN_KICK", "agent_id": "x", "admin_key": "guess"}),
    );
    fixture.batch(&[guess.clone(), guess.clone()]);
    assert_eq!((codes(&mut raw).len(), fixture.hub.peers.len()), (2, 1));
    fixture.batch(&[guess]);
    assert_eq!(ends(&mut raw), Some((1008, "Too many wrong admin keys")));
    assert_eq!(fixture.hub.peers.len(), 0);
}
