//! What is being sent: piece after piece, as fast as the server and the receiver take them.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::wire::Word;
use crate::{Client, ClientError};

/// Characters of a piece.
pub const PIECE: usize = 128 * 1024;
/// Between two pieces: the server takes one in 100 ms.
const PACE: Duration = Duration::from_millis(110);
/// After something that was refused because it came too soon.
const AGAIN: Duration = Duration::from_millis(1100);
/// How long one piece, or one word, is tried.
const SEND_LIMIT: Duration = Duration::from_secs(120);

/// The pieces of an archive.
pub fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = vec![];
    let mut rest = text;
    while rest.len() > PIECE {
        let at = (0..=PIECE).rev().find(|at| rest.is_char_boundary(*at));
        let (piece, after) = rest.split_at(at.unwrap_or(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

/// Sends all pieces from one on, and says that they were all.
pub async fn send(
    client: Client,
    to: String,
    tid: String,
    text: Arc<str>,
    sha256: String,
    from: u64,
) -> Result<(), ClientError> {
    let skip = usize::try_from(from).unwrap_or(usize::MAX);
    for (idx, piece) in (0..).zip(pieces(&text)).skip(skip) {
        let chunk = Word::Chunk {
            tid: tid.clone(),
            idx,
            data: piece.to_owned(),
        };
        // A piece that arrives twice is passed over.
        send_with_retries(&client, &to, &chunk).await?;
        sleep(PACE).await;
    }
    say(client, to, Word::Complete { tid, sha256 }).await
}

/// Says one word.
pub async fn say(client: Client, to: String, word: Word) -> Result<(), ClientError> {
    send_with_retries(&client, &to, &word).await
}

/// Tries again what came too soon, and what a broken connection took with it.
async fn send_with_retries(client: &Client, to: &str, word: &Word) -> Result<(), ClientError> {
    let content = word.content();
    let deadline = Instant::now() + SEND_LIMIT;
    loop {
        let sent = match word {
            Word::Chunk { .. } => client.send_chunk(to, &content).await,
            _ => {
                let sent = client.send_once(to, &content, None, SEND_LIMIT).await;
                sent.map(drop)
            }
        };
        let error = match sent {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(error) => error,
        };
        match error {
            ClientError::Server { code, .. } if code == "RATE_LIMITED" => sleep(AGAIN).await,
            ClientError::Disconnected(_) => {
                let left = deadline.saturating_duration_since(Instant::now());
                client.connected_within(left).await?;
            }
            error => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_all_of_it() {
        for text in [
            String::new(),
            "x".repeat(PIECE),
            "x".repeat(PIECE + 1),
            "é".repeat(PIECE),
        ] {
            let pieces = pieces(&text);
            assert_eq!(pieces.concat(), text);
            assert!(pieces.iter().all(|piece| piece.len() <= PIECE));
            assert_eq!(pieces.len(), text.len().div_ceil(PIECE).max(1));
        }
    }
}
