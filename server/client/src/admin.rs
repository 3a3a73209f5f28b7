//! What the shared admin key allows, over short connections of its own: it works before one's own key is on
//! the allowlist.

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    Allowed, Client, ClientError,
    connection::connect,
    error::{chain, refusal},
    wire::{Incoming, close, put, take},
};

impl Client {
    /// Puts a key on the server's allowlist.
    pub async fn admin_approve(
        &self,
        public_key: &str,
        admin_key: &str,
        note: Option<&str>,
    ) -> Result<(), ClientError> {
        let frame = json!({"type": "ADMIN_APPROVE", "pubkey": public_key, "admin_key": admin_key,
            "note": note.unwrap_or("")});
        self.administer(frame).await.map(drop)
    }

    /// Takes a key off the server's allowlist; a session that proved it ends.
    pub async fn admin_revoke(&self, public_key: &str, admin_key: &str) -> Result<(), ClientError> {
        let frame = json!({"type": "ADMIN_REVOKE", "pubkey": public_key, "admin_key": admin_key});
        self.administer(frame).await.map(drop)
    }

    /// The server's allowlist.
    pub async fn admin_list(&self, admin_key: &str) -> Result<Vec<Allowed>, ClientError> {
        let frame = json!({"type": "ADMIN_LIST", "admin_key": admin_key});
        let mut result = self.administer(frame).await?;
        serde_json::from_value(result["entries"].take())
            .map_err(|e| ClientError::Disconnected(format!("ADMIN_RESULT can't be read: {e}")))
    }

    async fn administer(&self, frame: Value) -> Result<Value, ClientError> {
        let lost = ClientError::Disconnected;
        let socket = connect(&self.options, self.limits.connect).await;
        let mut socket = socket.map_err(|error| lost(chain(&error)))?;
        put(&mut socket, &frame, self.limits.write)
            .await
            .map_err(lost)?;
        let answer = async {
            loop {
                if let Incoming::Frame(type_, value) = take(&mut socket).await.map_err(lost)? {
                    match type_.as_str() {
                        "ERROR" => return Err(refusal(&value).into()),
                        "ADMIN_RESULT" => return Ok(value),
                        _ => {}
                    }
                }
            }
        };
        let late = || {
            let seconds = self.limits.silence.as_secs();
            lost(format!("no answer within {seconds} s"))
        };
        let answer = timeout(self.limits.silence, answer).await;
        // The answer is what counts; a connection that breaks now changes nothing.
        close(&mut socket, self.limits.close).await;
        answer.unwrap_or_else(|_| Err(late()))
    }
}
