//! SIGKILL at random moments while others speak, trade and judge: what the server said is true afterwards. Every
//! third time it is SIGTERM, after which the server also ends well and in time.
//!
//! A few rounds run with every test run. `AGENTCHAT_SLOW=1` runs fifty. `AGENTCHAT_SEED=n` repeats the moments and
//! the texts of a run, as far as the machine does.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

mod court;
mod deals;
mod dice;
mod messages;
#[path = "../server/process.rs"]
#[expect(dead_code, reason = "shared with the other tests of the program")]
mod process;
#[path = "../server/raw.rs"]
#[expect(dead_code, reason = "shared with the other tests of the program")]
mod raw;
mod storage;

use std::{sync::Arc, time::Duration};

use agentchat_protocol::Identity;
use serde_json::Value;
use tokio::{sync::watch, time::timeout};

use self::{court::Court, deals::Deals, dice::Dice, messages::Messages, process::Server, raw::Raw};

const DEADLINE: Duration = Duration::from_secs(30);
/// What the server has to end in, and what a busy machine takes.
const STOP: Duration = Duration::from_secs(7);
const ROUNDS: u64 = 6;
/// Of which fifty are kills.
const SLOW_ROUNDS: u64 = 75;

/// Counts what was acknowledged, of all kinds.
type Acknowledged = Arc<watch::Sender<u64>>;

fn count(acknowledged: &Acknowledged) {
    acknowledged.send_modify(|count| *count += 1);
}

/// An agent with a key.
struct Agent {
    key: Identity,
    id: String,
    raw: Raw,
}

impl Agent {
    async fn enter(server: &Server, key: Identity) -> Self {
        let mut raw = server.raw().await;
        raw.enter("agent", &key).await;
        let id = format!("@{}", key.agent_id());
        Self { key, id, raw }
    }

    async fn new(server: &Server) -> Self {
        Self::enter(server, Identity::generate().unwrap()).await
    }

    /// The same agent on a new connection.
    async fn again(&mut self, server: &Server) {
        self.raw = server.raw().await;
        self.raw.enter("agent", &self.key).await;
    }

    /// Sends a frame with a signature over a text; none when the connection is gone.
    async fn sign(&mut self, mut frame: Value, text: &str) -> Option<()> {
        frame["sig"] = self.key.sign(text).into();
        self.raw.try_tell(frame).await.then_some(())
    }

    /// The next frame that fits; none when the connection ends before. A refusal is the test's end.
    async fn hear(&mut self, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        loop {
            let frame = self.raw.next().await.ok()?;
            assert_ne!(frame["type"], "ERROR", "{frame}");
            if fits(&frame) {
                return Some(frame);
            }
        }
    }
}

fn text(frame: &Value, key: &str) -> String {
    frame[key].as_str().unwrap().to_owned()
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_the_server_in_order_and_once() {
    let seed = from_environment("AGENTCHAT_SEED").unwrap_or(1);
    let rounds = match from_environment("AGENTCHAT_SLOW") {
        Some(1) => SLOW_ROUNDS,
        _ => ROUNDS,
    };
    let mut dice = Dice(seed);
    let mut server = Server::protocol(
        &[
            &["--lurk-disabled", "true", "--announcements", "false"][..],
            &["--min-proposal-age-ms", "0", "--dispute-evidence-ms", "20"],
            &["--retain-messages", "0"],
        ]
        .concat(),
    );
    // The court first: it stops the server for a moment.
    let mut court = Court::new(&mut server).await;
    let mut messages = Messages::new(&server).await;
    let mut deals = Deals::new(&server).await;
    for round in 0..rounds {
        let acknowledged: Acknowledged = Arc::default();
        // Enough that something of each kind is under way.
        let (enough, then) = (100 + dice.below(500), dice.below(5000));
        let mut counted = acknowledged.subscribe();
        let kill = async {
            counted.wait_for(|count| *count >= enough).await.unwrap();
            tokio::time::sleep(Duration::from_micros(then)).await;
            match round % 3 {
                2 => assert!(server.terminate(STOP).await.success(), "seed {seed}"),
                _ => server.kill(),
            }
        };
        let all = async {
            tokio::join!(
                kill,
                messages.flood(round, dice.next(), &acknowledged),
                deals.flood(round, &acknowledged),
                court.sit(&acknowledged),
            )
        };
        let done = timeout(DEADLINE, all).await;
        done.unwrap_or_else(|_| panic!("seed {seed}, round {round}: it goes on for too long"));

        let left = storage::read(&server);
        deals.check(&left);
        court.check(&left);
        if dice.below(3) == 0 {
            // Once more, while it starts.
            let mut young = server.begin_to_start();
            tokio::time::sleep(Duration::from_micros(dice.below(40_000))).await;
            young.kill().unwrap();
            young.wait().unwrap();
        }
        server.restart();
        messages.again(&server).await;
        deals.again(&server).await;
        court.again(&server).await;
        deals.go_on().await;
    }
    messages.check(&server).await;
    assert!(court.verdicts > 0, "no dispute came to its end");
}
