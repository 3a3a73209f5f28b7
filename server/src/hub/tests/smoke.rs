//! Random frames from many connections: nothing they say ends the hub, and what it knows stays true.

use std::collections::{BTreeMap, HashSet};

use super::*;
use crate::hub::peer::Stage;

/// A generator that gives the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = self.roll(of.len());
        &of[at]
    }
}

const TYPES: [&str; 37] = [
    "IDENTIFY",
    "VERIFY_IDENTITY",
    "CAPTCHA_RESPONSE",
    "PING",
    "LIST_CHANNELS",
    "LIST_AGENTS",
    "JOIN",
    "LEAVE",
    "MSG",
    "MSG",
    "MSG",
    "CREATE_CHANNEL",
    "INVITE",
    "TYPING",
    "SET_PRESENCE",
    "SET_NICK",
    "RESPONDING_TO",
    "FILE_CHUNK",
    "VERIFY_REQUEST",
    "VERIFY_RESPONSE",
    "ADMIN_APPROVE",
    "ADMIN_REVOKE",
    "ADMIN_LIST",
    "ADMIN_KICK",
    "ADMIN_BAN",
    "ADMIN_UNBAN",
    "ADMIN_MOTD",
    "ADMIN_VERIFY",
    "PROPOSAL",
    "ACCEPT",
    "REGISTER_SKILLS",
    "SEARCH_SKILLS",
    "EVIDENCE",
    "ARBITER_VOTE",
    "COMPLETE",
    "DISPUTE",
    "NONE",
];

const KEYS: [&str; 30] = [
    "name",
    "pubkey",
    "direct",
    "challenge_id",
    "signature",
    "timestamp",
    "captcha_id",
    "answer",
    "channel",
    "resume",
    "to",
    "content",
    "sig",
    "in_reply_to",
    "invite_only",
    "verified_only",
    "agent",
    "status",
    "status_text",
    "nick",
    "msg_id",
    "started_at",
    "target",
    "nonce",
    "request_id",
    "agent_id",
    "motd",
    "kick",
    "verified",
    "skills",
];

/// A frame that may make sense, or half of it.
fn frame(dice: &mut Dice, agents: &[String]) -> Value {
    let mut frame = json!({"type": dice.one(&TYPES)});
    let agent = agents
        .get(dice.roll(agents.len().max(1)))
        .cloned()
        .unwrap_or_default();
    // What is usually there.
    let sense = json!({
        "name": "ada", "channel": dice.one(&["#general", "#a", "#b", "#ops", "#none"]),
        "to": dice.one(&["#general", "#a", agent.as_str()]),
        "content": dice.one(&["hi", "@@cb:0s@@x", "@@cb:1s#general@@x", "sk-ant-xxxxxxxxxxxxxxxxxxxxxxxx"]),
        "agent": agent, "target": agent, "agent_id": agent, "status": "busy", "nick": dice.one(&["n", "god"]),
        "msg_id": dice.roll(5).to_string(), "started_at": dice.roll(9), "nonce": "0123456789abcdef",
        "admin_key": dice.one(&["k", "k", "k", "wrong"]), "answer": "5", "verified": dice.roll(2) == 0,
        "invite_only": dice.roll(3) == 0, "skills": [], "query": {},
    });
    for (key, value) in sense.as_object().unwrap() {
        if dice.roll(12) > 0 {
            frame[key] = value.clone();
        }
    }
    // And what is not.
    for _ in 0..dice.roll(3) {
        let nonsense = [
            json!(null),
            json!(0),
            json!(-1.5),
            json!(1e300),
            json!(true),
            json!(""),
            json!("x".repeat(3000)),
            json!([]),
            json!([null]),
            json!({}),
            json!({"toString": 1}),
            json!("@"),
            json!("#"),
            json!("\u{0}"),
        ];
        frame[*dice.one(&KEYS)] = dice.one(&nonsense).clone();
    }
    frame
}

/// What must be true of the hub whatever was said.
fn check(hub: &Hub) {
    let mut agents = BTreeMap::new();
    let (mut held, mut addresses) = (0, 0);
    for (id, peer) in &hub.peers {
        addresses += 1;
        match &peer.stage {
            Stage::In(agent) => {
                assert_eq!(
                    agents.insert(agent.id.clone(), *id),
                    None,
                    "two sessions of one agent"
                );
            }
            Stage::Held(_) => held += 1,
            _ => assert!(peer.rooms.is_empty()),
        }
        for room in &peer.rooms {
            assert!(hub.rooms[*room].members.contains(id));
        }
    }
    assert_eq!(
        agents,
        hub.agents.clone().into_iter().collect::<BTreeMap<_, _>>()
    );
    assert_eq!(
        (held, addresses),
        (hub.held, hub.addresses.values().sum::<usize>())
    );
    for (at, room) in hub.rooms.iter().enumerate() {
        assert_eq!(hub.names.get(&room.channel.name), Some(&at));
        assert!(
            room.members
                .iter()
                .all(|id| hub.peers[id].rooms.contains(&at))
        );
    }
    let online: HashSet<u64> = agents.into_values().collect();
    assert!(hub.floor.holders().all(|id| online.contains(&id)));
    assert!(
        hub.checks
            .values()
            .all(|check| online.contains(&check.asker))
    );
    assert!(hub.leaving.is_empty() && hub.outs.is_empty());
}

/// Gives how many messages came through.
fn storm(seed: u64, settings: Value) -> u64 {
    let mut dice = Dice(seed);
    let mut fixture = Fixture::with(settings, |limits| {
        (limits.early_frames, limits.guesses) = (0, 0)
    });
    let _maker = fixture.agent(1_000_000, "maker");
    for channel in ["#general", "#a"] {
        let create = json!({"type": "CREATE_CHANNEL", "channel": channel});
        fixture.batch(&[(1_000_000, create)]);
    }
    fixture.gone(1_000_000);
    let identities: Vec<_> = (0..4).map(|_| Identity::generate().unwrap()).collect();
    // Several connections share each.
    let identity = |id: u64| &identities[usize::try_from(id % 4).unwrap()];
    let mut agents: Vec<String> = identities
        .iter()
        .map(|i| format!("@{}", i.agent_id()))
        .collect();
    agents.push("@nobody".to_owned());
    let mut queues = BTreeMap::new();
    let mut next = 0;
    for _ in 0..1500 {
        while queues.len() < 12 {
            next += 1;
            queues.insert(next, fixture.open(next));
        }
        let ids: Vec<u64> = queues.keys().copied().collect();
        let mut frames = vec![];
        for _ in 0..dice.roll(8) {
            let id = *dice.one(&ids);
            let mut said = frame(&mut dice, &agents);
            let peer = fixture.hub.peers.get(&id);
            let open = peer.is_some_and(|peer| matches!(peer.stage, Stage::Open));
            if open && dice.roll(3) > 0 {
                said["type"] = "IDENTIFY".into();
            }
            if said["type"] == "IDENTIFY" && dice.roll(3) > 0 {
                said["pubkey"] = identity(id).public_key_pem().into();
            }
            if ["ADMIN_KICK", "ADMIN_BAN"]
                .iter()
                .any(|t| said["type"] == *t)
                && dice.roll(4) > 0
            {
                said["agent_id"] = "@nobody".into();
            }
            frames.push((id, said));
        }
        fixture.batch(&frames);
        check(&fixture.hub);
        let gone = *dice.one(&ids);
        queues.retain(|id, (queue, _)| {
            let heard = said(queue);
            for frame in heard {
                assert!(frame["type"].is_string() && frame["ts"].is_i64(), "{frame}");
                let id_of_proof = frame["challenge_id"].as_str();
                if let (Some(challenge), Some(nonce)) = (id_of_proof, frame["nonce"].as_str()) {
                    let now = now_ms();
                    let signature = identity(*id).sign(&auth_text(nonce, challenge, now));
                    let proof = json!({"type": "VERIFY_IDENTITY", "challenge_id": challenge,
                        "signature": signature, "timestamp": now});
                    fixture.batch(&[(*id, proof)]);
                }
                if frame["type"] == "CAPTCHA_CHALLENGE" {
                    let answer = json!({"type": "CAPTCHA_RESPONSE", "answer": "5",
                        "captcha_id": frame["captcha_id"]});
                    fixture.batch(&[(*id, answer)]);
                }
                if let Some(agent) = frame["agent_id"]
                    .as_str()
                    .filter(|_| frame["type"] == "WELCOME")
                {
                    agents.push(agent.to_owned());
                }
            }
            fixture.hub.peers.contains_key(id)
        });
        if dice.roll(10) == 0 {
            queues.remove(&gone);
            fixture.gone(gone);
        }
        if dice.roll(10) == 0 {
            fixture
                .hub
                .batch([Command::More { id: gone }, Command::Alive { id: gone }].into_iter())
                .unwrap();
        }
        agents.dedup();
        let keep = agents.len().saturating_sub(12);
        agents.drain(5.min(keep)..keep);
        check(&fixture.hub);
    }
    assert_eq!(fixture.hub.counts.failed_batches, 0);
    fixture.hub.counts.messages
}

#[test]
fn a_private_server_takes_anything() {
    let settings = json!({"cb_poll_ms": 0, "allowlist_strict": false, "lurk_disabled": true});
    let said: u64 = (1..=3).map(|seed| storm(seed, settings.clone())).sum();
    assert!(said > 20, "only {said} messages came through");
}

#[test]
fn a_public_server_takes_anything() {
    let settings = |seed| {
        json!({"profile": "public", "lurk_disabled": true, "dms_enabled": "upstream",
            "file_transfer_enabled": "upstream", "open_channel_creation": "upstream",
            "private_channels_enabled": true, "captcha_enabled": seed == 5,
            "captcha_fail_action": "shadow_lurk", "allowlist_enabled": true, "retain_messages": 20})
    };
    let said: u64 = (4..=6).map(|seed| storm(seed, settings(seed))).sum();
    assert!(said > 20, "only {said} messages came through");
}
