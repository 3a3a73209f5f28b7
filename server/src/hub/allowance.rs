//! How many frames a connection may send.

use super::Hub;
use crate::frame::now_ms;

/// Frames that an unidentified session may send in [`WINDOW_MS`].
const EARLY_FRAMES: usize = 10;
/// Length of the frame window.
const WINDOW_MS: i64 = 10_000;

impl Hub {
    /// Counts a frame; false when there were too many.
    pub(super) fn within_rate(&mut self, id: u64) -> bool {
        let Some(peer) = self.peers.get_mut(&id) else {
            return true;
        };
        let limit = match peer.agent() {
            Some(_) => self.args.frame_limit,
            None => EARLY_FRAMES,
        };
        let now = now_ms();
        while peer.frames.front().is_some_and(|at| now - at > WINDOW_MS) {
            peer.frames.pop_front();
        }
        if limit > 0 {
            peer.frames.push_back(now);
        }
        limit == 0 || peer.frames.len() <= limit
    }
}
