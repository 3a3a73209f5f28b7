//! The signals that the supervisor acts on.

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// Streams of signals.
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    child: tokio::signal::unix::Signal,
}

impl Signals {
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            child: signal(SignalKind::child())?,
        })
    }

    /// The next request to stop.
    pub async fn stop(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = self.interrupt.recv() => Signal::SIGINT,
        }
    }

    /// The next request to stop, or `None` when a child changed its state.
    pub async fn next(&mut self) -> Option<Signal> {
        tokio::select! {
            _ = self.terminate.recv() => Some(Signal::SIGTERM),
            _ = self.interrupt.recv() => Some(Signal::SIGINT),
            _ = self.child.recv() => None,
        }
    }

    /// Waits until a child changes its state, or for so long.
    pub async fn child(&mut self, at_most: std::time::Duration) {
        let _ = tokio::time::timeout(at_most, self.child.recv()).await;
    }
}
