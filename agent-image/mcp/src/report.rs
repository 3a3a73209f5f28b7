//! Tells the supervisor how the connection to the chat stands. A report that fails stops nothing.

use std::{path::PathBuf, time::Duration};

use agentchat_contract::{ChatState, Update};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::watch,
};

/// Pause before the supervisor is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);
/// Characters of a message that are reported.
const MESSAGE: usize = 500;

/// Reports each change, and the whole state after each reconnection, until `state` has no sender.
pub async fn keep(socket: PathBuf, mut state: watch::Receiver<ChatState>) {
    loop {
        match UnixStream::connect(&socket).await {
            Ok(stream) => {
                state.mark_changed();
                if follow(stream, &mut state).await.is_break() {
                    return;
                }
            }
            Err(error) => tracing::debug!(%error, "the supervisor is not there"),
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
        if state.has_changed().is_err() {
            return;
        }
    }
}

async fn follow(
    mut stream: UnixStream,
    state: &mut watch::Receiver<ChatState>,
) -> std::ops::ControlFlow<()> {
    use std::ops::ControlFlow::{Break, Continue};
    let (mut input, mut output) = stream.split();
    let mut nothing = [0; 64];
    loop {
        tokio::select! {
            biased;
            changed = state.changed() => {
                if changed.is_err() {
                    return Break(());
                }
                let line = Update::Chat(state.borrow_and_update().clone()).to_line();
                if output.write_all(line.as_bytes()).await.is_err() {
                    return Continue(());
                }
            }
            // The supervisor says nothing here; this shows when it is gone.
            read = input.read(&mut nothing) => if !matches!(read, Ok(1..)) {
                return Continue(());
            },
        }
    }
}

/// There is no connection, and why; `code` may be in the protocol's form, as `NOT_ALLOWED`.
pub fn not_connected(code: &str, message: &str) -> ChatState {
    let word = |word: &str| {
        let lower = word.to_ascii_lowercase();
        let mut letters = lower.chars();
        letters.next().map_or(String::new(), |first| {
            first.to_ascii_uppercase().to_string() + letters.as_str()
        })
    };
    let reason = if code.contains('_') || code.chars().all(|c| c.is_ascii_uppercase()) {
        code.split('_').map(word).collect()
    } else {
        code.to_owned()
    };
    ChatState {
        connected: false,
        agent_id: None,
        reason: Some(reason),
        message: Some(message.chars().take(MESSAGE).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_one_word() {
        assert_eq!(
            not_connected("NOT_ALLOWED", "x").reason.as_deref(),
            Some("NotAllowed")
        );
        assert_eq!(
            not_connected("Disconnected", "x").reason.as_deref(),
            Some("Disconnected")
        );
        assert_eq!(
            not_connected("BANNED", "x").reason.as_deref(),
            Some("Banned")
        );
    }
}
