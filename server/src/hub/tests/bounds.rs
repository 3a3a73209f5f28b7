//! What a peer can grow is bounded: at the limit it works, over it it does not.

use super::*;

/// The codes of the errors that were received.
pub fn codes(queue: &mut Queue) -> Vec<String> {
    let frames = received(queue).into_iter();
    let errors = frames.filter(|frame| frame["type"] == "ERROR");
    errors
        .map(|error| error["code"].as_str().unwrap().to_owned())
        .collect()
}

fn create(n: usize, invite_only: bool) -> Value {
    json!({"type": "CREATE_CHANNEL", "channel": format!("#c{n}"), "invite_only": invite_only})
}

#[test]
fn channels_and_invitations() {
    let bound = |limits: &mut Limits| (limits.channels, limits.invitations) = (3, 3);
    let mut fixture = Fixture::with(json!({}), bound);
    let (mut ada, _cut) = fixture.agent(1, "ada");
    fixture.batch(&(0..3).map(|n| (1, create(n, true))).collect::<Vec<_>>());
    assert_eq!(codes(&mut ada), [""; 0]);
    fixture.batch(&[(1, create(3, true))]);
    assert_eq!(codes(&mut ada), ["INVALID_MSG"]);

    // The maker's own is one of three.
    let invite = |guest: &str| {
        (
            1,
            json!({"type": "INVITE", "channel": "#c0", "agent": format!("@{guest}")}),
        )
    };
    fixture.batch(&["a", "b", "a"].map(invite));
    assert_eq!(codes(&mut ada), [""; 0]);
    fixture.batch(&[invite("c"), invite(&"x".repeat(65))]);
    assert_eq!(codes(&mut ada), ["INVALID_MSG", "INVALID_MSG"]);
}

#[test]
fn lists_of_keys_bans_and_grants() {
    let mut fixture = Fixture::with(json!({}), |limits| limits.listed = 2);
    let (mut ada, _cut) = fixture.agent(1, "ada");
    let approve = || {
        let key = Identity::generate().unwrap().public_key_pem();
        (
            1,
            json!({"type": "ADMIN_APPROVE", "admin_key": "k", "pubkey": key}),
        )
    };
    let ban = |id: &str| {
        (
            1,
            json!({"type": "ADMIN_BAN", "admin_key": "k", "agent_id": id}),
        )
    };
    fixture.batch(&[approve(), ban("a"), ban("b")]);
    assert_eq!(codes(&mut ada), [""; 0]);
    fixture.batch(&[approve(), ban("c")]);
    assert_eq!(codes(&mut ada), ["INVALID_MSG", "INVALID_MSG"]);
    // What is on a full list can still be changed.
    fixture.batch(&[ban("a")]);
    assert_eq!(codes(&mut ada), [""; 0]);
    let word = |id: &str, verified: bool| {
        (
            1,
            json!({"type": "ADMIN_VERIFY", "admin_key": "k", "agent_id": id, "verified": verified}),
        )
    };
    let keys: Vec<_> = (0..3).map(|_| Identity::generate().unwrap()).collect();
    let ids: Vec<_> = keys.iter().map(Identity::agent_id).collect();
    fixture.hub.settings.limits.listed = 100;
    let _agents: Vec<_> = (7..)
        .zip(&keys)
        .map(|(id, key)| fixture.agent_of(id, "more", key))
        .collect();
    received(&mut ada);
    fixture.hub.settings.limits.listed = 2;
    fixture.batch(&[
        word(&ids[0], true),
        word(&ids[1], true),
        word(&ids[0], false),
    ]);
    assert_eq!(codes(&mut ada), [""; 0]);
    fixture.batch(&[word(&ids[2], true)]);
    assert_eq!(codes(&mut ada), ["INVALID_MSG"]);
    fixture.batch(&[
        (
            1,
            json!({"type": "ADMIN_UNBAN", "admin_key": "k", "agent_id": "a"}),
        ),
        ban("c"),
    ]);
    assert_eq!(codes(&mut ada), [""; 0]);
}

#[test]
fn keys_that_were_seen() {
    let mut fixture = Fixture::with(json!({}), |limits| limits.seen = 10);
    let first = Identity::generate().unwrap();
    let _first = fixture.agent_of(1, "first", &first);
    for id in 2..=30 {
        let _agent = fixture.agent(id, "more");
        assert!(fixture.hub.store.seen_count().unwrap() <= 10);
        assert_eq!(fixture.hub.seen, fixture.hub.store.seen_count().unwrap());
    }
    // It is a newcomer again.
    assert_eq!(
        fixture.hub.store.seen_at(&first.public_key_pem()).unwrap(),
        None
    );
}

#[test]
fn callbacks_of_all_agents() {
    let mut fixture = Fixture::with(json!({}), |limits| limits.all_callbacks = 3);
    let _queues = [fixture.agent(1, "ada"), fixture.agent(2, "sam")];
    let later = |id| (id, message("@@cb:60s@@x"));
    fixture.batch(&[later(1), later(1), later(2), later(2)]);
    assert_eq!(fixture.hub.callbacks.count(), 3);
    fixture.gone(1);
    assert_eq!(fixture.hub.callbacks.count(), 1);
    fixture.batch(&[later(2), later(2), later(2)]);
    assert_eq!(fixture.hub.callbacks.count(), 3);
    // Nothing is left of those whose agents are gone, also no timer.
    fixture.gone(2);
    assert_eq!(fixture.hub.timers.count(timers::What::Callback), 0);
}

#[test]
fn the_age_of_messages() {
    let mut fixture = Fixture::with(json!({"retain_days": 1}), |_| {});
    let (mut ada, _cut) = fixture.agent(1, "ada");
    fixture.batch(&[(1, json!({"type": "CREATE_CHANNEL", "channel": "#general"}))]);
    received(&mut ada);
    let (day, minute) = (24 * 3_600_000, 60_000);
    for (offset, age) in [(1, day + minute), (2, day - minute)] {
        fixture
            .hub
            .store
            .append("#general", offset, now_ms() - age, "{}")
            .unwrap();
        fixture.hub.rooms[0].channel.last = offset;
    }
    fixture.hub.look();
    let kept = fixture.hub.store.after("#general", 0, 9, 999).unwrap();
    assert_eq!(kept, [(2, "{}".into())]);
    fixture.batch(&[(1, message("three"))]);
    assert_eq!(received(&mut ada)[0]["offset"], 3);
}

#[test]
fn who_reads_up_too_slowly_is_told_that_history_is_gone() {
    let mut fixture = Fixture::with(json!({"retain_messages": 10}), |_| {});
    let (mut ada, _cut) = fixture.agent(1, "ada");
    fixture.batch(&[(1, json!({"type": "CREATE_CHANNEL", "channel": "#general"}))]);
    let wide = "x".repeat(200_000);
    for _ in 0..5 {
        fixture.batch(&[(1, message(&wide))]);
        received(&mut ada);
    }
    let (mut sam, _cut) = fixture.agent(2, "sam");
    fixture.batch(&[(2, json!({"type": "JOIN", "channel": "#general"}))]);
    assert!(!received(&mut sam).is_empty());
    // One or two of five are on their way, and the rest is taken away.
    for n in 0..40 {
        fixture.batch(&[(1, message(&n.to_string()))]);
    }
    let more = Command::More { id: 2 };
    fixture.carry_out([more]);
    let end = ends(&mut sam);
    assert_eq!(end, Some((4008, "history moved on")));
}

#[test]
fn notices_of_many() {
    let mut fixture = Fixture::with(json!({}), |limits| {
        (limits.notices, limits.notice_frames) = (2, 0);
        limits.notice = std::time::Duration::ZERO;
    });
    let (mut ada, _cut) = fixture.agent(1, "ada");
    fixture.batch(&[(1, json!({"type": "CREATE_CHANNEL", "channel": "#general"}))]);
    for many in [2, 3] {
        let ids = 10..10 + many;
        let _queues: Vec<_> = ids.clone().map(|id| fixture.agent(id, "more")).collect();
        received(&mut ada);
        let gone = ids.map(|id| Command::Gone { id });
        fixture.carry_out(gone);
        let types: Vec<_> = received(&mut ada)
            .iter()
            .map(|f| f["type"].clone())
            .collect();
        match many {
            2 => assert_eq!(types, ["AGENT_LEFT", "AGENT_LEFT"]),
            _ => assert_eq!(types, ["AGENTS_CHANGED"]),
        }
    }
    // With one who hears of it, three are three frames: as many as may be, and then one more than that.
    for (frames, told) in [(3, 3), (2, 1)] {
        fixture.hub.settings.limits.notice_frames = frames;
        let _queues: Vec<_> = (20..23).map(|id| fixture.agent(id, "more")).collect();
        received(&mut ada);
        fixture.carry_out((20..23).map(|id| Command::Gone { id }));
        assert_eq!(received(&mut ada).len(), told);
    }
}

/// What was told of comings and goings: type and channel.
fn told(queue: &mut Queue) -> Vec<(String, String)> {
    let text = |frame: &Value, key: &str| frame[key].as_str().unwrap().to_owned();
    let frames = received(queue).into_iter();
    let notices = frames.filter(|f| f["type"].as_str().unwrap().starts_with("AGENT"));
    notices
        .map(|f| (text(&f, "type"), text(&f, "channel")))
        .collect()
}

/// Two channels, whose maker hears of comings and goings in rounds that are far apart.
fn rounds() -> (Fixture, Queue, Cut) {
    let mut fixture = Fixture::new();
    let (mut ada, cut) = fixture.agent(1, "ada");
    for channel in ["#general", "#other"] {
        let create = json!({"type": "CREATE_CHANNEL", "channel": channel});
        fixture.batch(&[(1, create)]);
    }
    fixture.hub.settings.limits.notice = std::time::Duration::from_secs(3600);
    received(&mut ada);
    (fixture, ada, cut)
}

#[test]
fn who_shows_itself_is_introduced_before() {
    for frame in [
        json!({"type": "LEAVE", "channel": "#general"}),
        json!({"type": "TYPING", "channel": "#general"}),
        json!({"type": "SET_PRESENCE", "status": "busy"}),
        message("hello"),
    ] {
        let (mut fixture, mut ada, _ada) = rounds();
        let (_sam, _cut) = fixture.agent(2, "sam");
        assert_eq!(told(&mut ada), []);
        fixture.batch(&[(2, frame.clone())]);
        let frames = received(&mut ada);
        let types: Vec<_> = frames.iter().map(|f| f["type"].as_str().unwrap()).collect();
        assert_eq!(types[..2], ["AGENT_JOINED", "AGENT_JOINED"], "{frame}");
        assert_eq!(types.len(), 3, "{frame}");
    }
}

#[test]
fn who_comes_and_goes_within_a_round_is_told_of_unless_there_are_many() {
    let (mut fixture, mut ada, _ada) = rounds();
    fixture.hub.settings.limits.notice_frames = 0;
    for many in [1, 5] {
        let ids = 10..10 + many;
        let _queues: Vec<_> = ids.clone().map(|id| fixture.agent(id, "more")).collect();
        let _stays = fixture.agent(9, "stays");
        ids.for_each(|id| fixture.gone(id));
        fixture.hub.notices.clear_pause();
        fixture.batch(&[]);
        let told = told(&mut ada);
        let of = |channel: &str| {
            let here = told.iter().filter(|(_, c)| c == channel);
            here.map(|(type_, _)| type_.as_str()).collect::<Vec<_>>()
        };
        match many {
            1 => assert_eq!(of("#other"), ["AGENT_JOINED", "AGENT_JOINED", "AGENT_LEFT"]),
            _ => assert_eq!(of("#other"), ["AGENTS_CHANGED"]),
        }
        fixture.gone(9);
        fixture.hub.notices.clear_pause();
        fixture.batch(&[]);
        received(&mut ada);
    }
}

#[test]
fn what_is_said_in_a_batch_leaves_room_in_every_queue_and_the_rest_comes_with_the_next() {
    let bytes = 60_000;
    let mut fixture = Fixture::with(json!({}), |limits| limits.queue_bytes = bytes);
    let (mut ada, _cut) = fixture.agent(1, "ada");
    fixture.batch(&[(1, json!({"type": "CREATE_CHANNEL", "channel": "#general"}))]);
    received(&mut ada);
    let frames = (1..=200).map(|n: u32| said_by(1, &message(&n.to_string().repeat(100))));
    let mut commands: VecDeque<_> = frames.collect();
    let (mut offset, mut batches) = (0, 0);
    while !commands.is_empty() {
        let before = commands.len();
        let batch = fixture.hub.batch(&mut commands).unwrap();
        assert_eq!(batch.size, before - commands.len());
        let weight = fixture.hub.outbound.weight();
        assert!(weight < bytes / 3 + 1000, "{weight} bytes in one batch");
        fixture.hub.deliver().unwrap();
        for frame in received(&mut ada) {
            offset += 1;
            assert_eq!(frame["offset"], offset);
        }
        batches += 1;
    }
    assert_eq!(offset, 200);
    assert!(batches > 3, "{batches} batches");
}

#[test]
fn what_is_left_of_those_who_are_sent_away_is_not_carried_out_and_the_end_is_the_last_word() {
    let mut fixture = Fixture::with(json!({}), |limits| limits.queue_bytes = 60_000);
    let (mut ada, mut cut) = fixture.agent(1, "ada");
    fixture.batch(&[(1, json!({"type": "CREATE_CHANNEL", "channel": "#general"}))]);
    received(&mut ada);
    let wide = "x".repeat(10_000);
    let mut commands: VecDeque<_> = (0..9).map(|_| said_by(1, &message(&wide))).collect();
    let store = Store::open(&fixture.dir.path().join("chat.db")).unwrap();
    store.begin().unwrap();
    store.allow("somebody", "holds the file", 0).unwrap();
    fixture.hub.batch(&mut commands).unwrap();
    store.commit().unwrap();
    assert!(!commands.is_empty());
    assert_eq!(cut.try_recv().unwrap(), (1011, "storage failed"));
    let (mut eve, _cut) = fixture.agent(2, "eve");
    fixture.batch(&[(2, json!({"type": "JOIN", "channel": "#general"}))]);
    commands.push_back(said_by(2, &message("before")));
    commands.push_back(Command::Stop);
    commands.push_back(said_by(2, &message("after")));
    fixture.hub.batch(&mut commands).unwrap();
    fixture.hub.deliver().unwrap();
    assert!(fixture.hub.stopping);
    let frames = received(&mut eve);
    let messages = frames.iter().filter(|frame| frame["type"] == "MSG");
    let messages: Vec<_> = messages.map(|m| (&m["content"], &m["offset"])).collect();
    assert_eq!(messages, [(&json!("before"), &json!(1))]);
}
