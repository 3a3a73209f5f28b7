//! Seeded runs of the fuzzer's body. `AGENTCHAT_SEED=n` makes others of them; a failure names the seed.

use super::frames;

const PIECES: [&str; 35] = [
    "{\"type\":\"MSG\",\"from\":\"@a\",\"to\":\"#general\",\"content\":\"x\"",
    "{\"type\":\"MSG\",\"from\":\"@a\",\"to\":\"@b\",\"content\":",
    "{\"type\":\"JOINED\",\"channel\":\"#general\"",
    "{\"type\":\"WELCOME\",\"agent_id\":\"@b\",\"channels\":{\"#general\":{\"epoch\":\"e\",\"offset\":7}}",
    "{\"type\":\"FILE_CHUNK\",\"from\":\"@a\",\"content\":",
    "{\"type\":\"AGENTS_CHANGED\",\"left\":[\"@a\",1],\"joined\":[{\"id\":\"@c\"},null]",
    "{\"type\":\"LEFT\",\"channel\":\"#general\"",
    ",\"epoch\":\"e\"",
    ",\"epoch\":\"f\"",
    ",\"epoch\":1",
    ",\"offset\":",
    ",\"since\":",
    ",\"offset\":18446744073709551615",
    ",\"since\":18446744073709551615",
    ",\"offset\":18446744073709551614",
    ",\"since\":18446744073709551614",
    "{\"type\":\"WELCOME\",\"agent_id\":\"@b\",\"channels\":{\"#general\":{\"epoch\":\"e\",\"offset\":18446744073709551615}}",
    ",\"asked\":0",
    ",\"asked\":1",
    "0",
    "1",
    "2",
    "7",
    "-1",
    "1e300",
    "null",
    "}",
    "}\n",
    "}\n",
    "}\n",
    "\n",
    r#""{\"_ft\":\"offer\",\"tid\":\"t\",\"files\":[{\"name\":\"a\",\"size\":1}],\"totalSize\":1,\"sha256\":\"\",\"chunks\":2}""#,
    r#""{\"_ft\":\"chunk\",\"tid\":\"t\",\"idx\":0,\"data\":\"x\"}""#,
    r#""{\"_ft\":\"complete\",\"tid\":\"t\",\"sha256\":\"\"}""#,
    r#""{\"_ft\":\"accept\",\"tid\":\"t\",\"have\":18446744073709551615}""#,
];

/// Names the seed when a body panics.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with AGENTCHAT_SEED={}", self.0);
        }
    }
}

fn mixed(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn whatever_a_server_sends_is_read_and_given_once() {
    let given = std::env::var("AGENTCHAT_SEED").ok();
    let first: u64 = given.and_then(|seed| seed.parse().ok()).unwrap_or(1);
    for seed in first..first + 4000 {
        let named = Named(seed);
        let mut state = seed;
        let mut text = String::new();
        for _ in 0..mixed(&mut state) % 120 {
            let at = mixed(&mut state) % PIECES.len() as u64;
            text.push_str(PIECES[usize::try_from(at).unwrap()]);
        }
        frames(text.as_bytes());
        drop(named);
    }
}
