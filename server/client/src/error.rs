//! Why something did not work.

use serde_json::Value;

/// Why a request failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection broke, or never stood, or does not answer.
    #[error("not connected to the chat server: {0}")]
    Disconnected(String),
    /// The server said no.
    #[error("the chat server answered {code}: {message}")]
    Server {
        /// Protocol's error code.
        code: String,
        /// Server's words.
        message: String,
    },
    /// The client was shut down.
    #[error("the chat client was shut down")]
    Closed,
}

/// Code and words of an ERROR frame.
pub fn refusal(frame: &Value) -> (String, String) {
    let text = |key: &str| frame[key].as_str().unwrap_or_default().to_owned();
    (text("code"), text("message"))
}

impl From<(String, String)> for ClientError {
    fn from((code, message): (String, String)) -> Self {
        Self::Server { code, message }
    }
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
