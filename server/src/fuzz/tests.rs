//! Seeded runs of the fuzzers' bodies. `AGENTCHAT_SEED=n` makes others of them; a failure names the seed.

use std::collections::BTreeSet;

/// Bytes that are the same for a seed each time.
struct Bytes(u64);

impl Bytes {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn some(&mut self, most: u64) -> Vec<u8> {
        let count = self.next() % most;
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// Pieces of something that makes sense, and a few bytes of nonsense.
    fn pieces(&mut self, of: &[&str]) -> Vec<u8> {
        let mut all = vec![];
        for _ in 0..self.next() % 40 {
            let at = usize::try_from(self.next()).unwrap() % of.len();
            all.extend(of[at].as_bytes());
            if self.next().is_multiple_of(30) {
                all.extend(self.some(4));
            }
        }
        all
    }
}

/// Names the seed when a body panics.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with AGENTCHAT_SEED={}", self.0);
        }
    }
}

fn first_seed() -> u64 {
    let given = std::env::var("AGENTCHAT_SEED").ok();
    given.and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

fn seeded(runs: u64, mut body: impl FnMut(&mut Bytes)) {
    for seed in first_seed()..first_seed() + runs {
        let named = Named(seed);
        body(&mut Bytes(seed));
        drop(named);
    }
}

const JSON: [&str; 26] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\ud83d",
    "\\ude00",
    "\\u00e4",
    "1",
    "-0",
    "0.5",
    "1e400",
    "1e-7",
    "null",
    "true",
    "\"type\"",
    "\"a\"",
    "\"\"",
    " ",
    "ä",
    "😀",
    "9007199254740993",
    "{\"type\":\"MSG\",\"a\":",
];

#[test]
fn readers_of_json_end_and_agree() {
    seeded(3000, |bytes| super::json(&bytes.pieces(&JSON)));
    for text in [
        r#"{"type":"MSG","content":"\ud83d"}"#,
        r#"{"type":"A","type":"B"}"#,
        r#"{"a":[1e999,-1e999,1E-999,-0,"\udc00\ud800"]}"#,
        &format!("{}{}", "[".repeat(128), "]".repeat(128)),
        &"[".repeat(100_000),
    ] {
        super::json(text.as_bytes());
    }
}

#[test]
fn a_session_takes_any_bytes() {
    seeded(600, |bytes| super::session(&bytes.some(3000)));
}

const FILES: [&str; 40] = [
    "{",
    "}",
    ":",
    ",",
    "[",
    "]",
    "null",
    "1",
    "-1",
    "1e300",
    "\"@a\"",
    "\"@a\":{\"rating\":1200,\"transactions\":",
    "\"updated\":",
    "\"2024-01-01T00:00:00.000Z\"",
    "\"rating\"",
    "\"transactions\"",
    "\"agent_id\"",
    "\"skills\"",
    "\"registered_at\"",
    "\"sig\"",
    "\"p\":{\"from\":{\"agent_id\":\"@a\",\"stake\":1},\"to\":{\"agent_id\":\"@b\",\"stake\":",
    "\"status\":\"active\"",
    "\"status\":\"settled\"",
    "\"created_at\"",
    "\"expires_at\"",
    "\"proposal_id\"",
    "\"p\"",
    "\"stake\"",
    "\"capability\"",
    "\"rate\"",
    "\"currency\"",
    "0",
    "20",
    "9007199254740993",
    "\"\\ud83d\"",
    "true",
    "}}",
    "},",
    "\"a\":{",
    "\"skills\":[{\"capability\":\"x\"}]",
];

#[test]
fn files_of_other_servers_are_read_or_refused() {
    for which in 0..3 {
        seeded(1000, |bytes| {
            super::files(&[&[which][..], b"{", &bytes.pieces(&FILES), b"}"].concat());
        });
    }
    for (which, text) in [
        (
            0,
            r#"{"@a":{"rating":1e300,"transactions":3,"updated":"2024-01-01T00:00:00.000Z"}}"#,
        ),
        (0, r#"{"@a":{"rating":null,"transactions":0}}"#),
        (
            1,
            r#"{"p":{"proposal_id":"p","created_at":1,"from":{"agent_id":"@a","stake":5},
            "to":{"agent_id":"@b","stake":1e18},"status":"active","expires_at":null}}"#,
        ),
        (
            2,
            r#"{"a":{"agent_id":"@a","skills":[{"capability":"x","rate":1e400}],"registered_at":1,"sig":"s"}}"#,
        ),
    ] {
        super::files(&[&[which][..], text.as_bytes()].concat());
    }
}

/// Answers that only a marketplace and a court at work give.
const RECEIVED: [&str; 32] = [
    "WELCOME",
    "CHALLENGE",
    "JOINED",
    "LEFT",
    "AGENT_JOINED",
    "CHANNELS",
    "AGENTS",
    "MSG",
    "TYPING",
    "PRESENCE_CHANGED",
    "NICK_CHANGED",
    "FLOOR_CLAIMED",
    "PONG",
    "ERROR",
    "VERIFY_REQUEST",
    "ADMIN_RESULT",
    "MOTD_UPDATE",
    "FILE_CHUNK",
    "SKILLS_REGISTERED",
    "SEARCH_RESULTS",
    "PROPOSAL",
    "ACCEPT",
    "REJECT",
    "COMPLETE",
    "DISPUTE",
    "DISPUTE_INTENT_ACK",
    "PANEL_FORMED",
    "ARBITER_ASSIGNED",
    "DISPUTE_REVEALED",
    "CASE_READY",
    "VERDICT",
    "SETTLEMENT_COMPLETE",
];

#[test]
fn a_hub_takes_every_type_of_frame_in_any_order() {
    let mut received = BTreeSet::new();
    let mut runs = 0;
    // Some are rare: it takes as long as it takes, within bounds.
    while runs < 20 || (runs < 400 && !missing(&received).is_empty()) {
        let seed = first_seed() + runs;
        let named = Named(seed);
        received.extend(super::hub(&Bytes(seed).some(30_000)));
        drop(named);
        runs += 1;
    }
    assert!(
        missing(&received).is_empty(),
        "never received: {:?}",
        missing(&received)
    );
}

fn missing(received: &BTreeSet<String>) -> Vec<&'static str> {
    let missing = RECEIVED.iter().filter(|type_| !received.contains(**type_));
    missing.copied().collect()
}
