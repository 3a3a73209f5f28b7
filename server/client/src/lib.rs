//! Client of the chat protocol: connects, proves its key, joins its channels, and comes back by itself.
//!
//! **Each message reaches the reader once, and none is missed**, also when the connection breaks: channels are
//! resumed where the reader left off, also those into which the server put the agent unasked. When the server's
//! history no longer reaches back that far, the reader is told with [`Event::Missed`].
//!
//! **Servers that give channels no order**, as the public ones do, repeat their history after each JOIN. Then this
//! holds for the channels that are joined, as far as that history goes; a message that is said again after a broken
//! connection is looked up in it first.
//!
//! **Requests** are answered in order and carry no ids, so one is under way at a time. Each has 30 s for its
//! answer. One that is under way when the connection breaks fails with [`ClientError::Disconnected`]; it may
//! have been carried out.
//!
//! **Events** wait for their reader, up to 8 MiB of them. A reader that takes none beyond that makes the client
//! stop reading from the server: requests then fail after their 30 s, the server ends the connection at some
//! time, and the client comes back once the reader goes on. Nothing is lost by it. A reader that is not
//! interested drops its [`Events`].

mod admin;
mod backoff;
mod client;
mod connection;
mod error;
mod events;
mod files;
mod frames;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod history;
mod lenient;
mod limits;
mod options;
mod request;
mod send;
mod session;
mod subscriptions;
mod wire;

pub use admin::Admin;
pub use client::Client;
pub use error::ClientError;
pub use events::Events;
pub use files::{File, FileError, FileEvent, Offered, Transfers};
pub use frames::{Agent, Allowed, Banned, Channel, ChatMessage, Event, Sent, Welcome};
pub use history::History;
pub use options::Options;
pub use subscriptions::Position;

#[cfg(test)]
mod tests;
