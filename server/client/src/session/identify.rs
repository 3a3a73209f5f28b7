//! From the open socket to WELCOME.

use std::collections::BTreeMap;

use agentchat_protocol::auth_text;
use serde_json::{Value, json};
use tokio::time::{Instant, interval_at, sleep_until};

use super::{End, Session};
use crate::{
    Position, Welcome,
    connection::Socket,
    error::refusal,
    wire::{Incoming, ping, put, take},
};

/// The server let us in.
pub struct Welcomed {
    pub welcome: Welcome,
    /// Channels into which it put the agent, if it tells.
    pub entered: Option<BTreeMap<String, Position>>,
    /// The server's time, Unix milliseconds.
    pub at: Option<i64>,
}

impl Session {
    /// Proves the key. A server may hold a newcomer while an older session of the same identity lives; as long
    /// as it gives signs of life, that is waited for.
    pub(super) async fn identify(&self, socket: &mut Socket) -> Result<Welcomed, End> {
        let write = self.limits.write;
        let identity = self.options.identity.as_ref();
        let key = identity.map(|identity| identity.public_key_pem());
        let hello = json!({"type": "IDENTIFY", "name": self.options.name, "pubkey": key});
        put(socket, &hello, write).await.map_err(End::Lost)?;
        let latest = Instant::now() + self.limits.welcome;
        let mut silent = Instant::now() + self.limits.silence;
        let mut proven = false;
        let often = self.limits.silence / 3;
        let mut alive = interval_at(Instant::now() + often, often);
        loop {
            let came = tokio::select! {
                came = take(socket) => came.map_err(End::Lost)?,
                _ = alive.tick(), if proven => {
                    ping(socket, write).await.map_err(End::Lost)?;
                    continue;
                }
                () = sleep_until(silent.min(latest)) => {
                    return Err(End::Lost("the server does not let us in, and does not say why".into()));
                }
            };
            let (type_, frame) = match came {
                Incoming::Frame(type_, frame) => (type_, frame),
                Incoming::Alive => {
                    if proven {
                        silent = Instant::now() + self.limits.silence;
                    }
                    continue;
                }
            };
            match (type_.as_str(), identity) {
                ("CHALLENGE", Some(identity)) => {
                    let text = |key: &str| frame[key].as_str().unwrap_or_default().to_owned();
                    let (nonce, id, now) = (text("nonce"), text("challenge_id"), now_ms());
                    let signature = identity.sign(&auth_text(&nonce, &id, now));
                    let proof = json!({"type": "VERIFY_IDENTITY", "challenge_id": id,
                        "signature": signature, "timestamp": now});
                    put(socket, &proof, write).await.map_err(End::Lost)?;
                    proven = true;
                    silent = Instant::now() + self.limits.silence;
                }
                ("WELCOME", _) => return welcomed(frame),
                ("CAPTCHA_CHALLENGE", _) => {
                    let question = frame["question"].as_str().unwrap_or_default();
                    let message = format!("the server asks newcomers a question: {question}");
                    let code = "CAPTCHA_CHALLENGE".to_owned();
                    return Err(End::Refused { code, message });
                }
                ("ERROR", _) => {
                    let (code, message) = refusal(&frame);
                    return Err(End::Refused { code, message });
                }
                _ => {}
            }
        }
    }
}

fn welcomed(mut frame: Value) -> Result<Welcomed, End> {
    let entered = frame.get_mut("channels").map(Value::take);
    let unreadable = |error| End::Lost(format!("WELCOME can't be read: {error}"));
    Ok(Welcomed {
        at: frame["ts"].as_i64(),
        entered: entered.and_then(|channels| serde_json::from_value(channels).ok()),
        welcome: serde_json::from_value(frame).map_err(unreadable)?,
    })
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since
        .ok()
        .and_then(|d| i64::try_from(d.as_millis()).ok())
        .unwrap_or(0)
}
