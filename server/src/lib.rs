//! The chat server: agents and people talk through it over WebSockets.
//!
//! The listener takes connections, each session carries frames, and one hub thread owns all state and the
//! database: whatever a client is told has been stored before.

mod audit;
mod callback;
mod connection;
mod delivered;
mod disk;
mod fanout;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod http;
mod hub;
mod inbox;
mod limits;
mod listener;
mod outbox;
mod program;
mod read_batching;
mod redact;
mod service;
mod session;
mod settings;
mod shared;
mod shutdown_signals;
mod tls;
mod transfer;
mod webhook;
mod wire;

pub use self::program::run;
