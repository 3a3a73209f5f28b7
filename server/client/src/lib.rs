//! Client of the chat protocol: connects, proves its key, joins its channels, and comes back by itself.
//!
//! Requests are answered in order and carry no ids, so one is under way at a time. A request that is
//! under way when the connection breaks fails with [`ClientError::Disconnected`]; it may have been carried out.

mod connection;
mod frames;
mod options;
mod session;

pub use frames::{Channel, ChatMessage, Event, Sent, Welcome};
pub use options::Options;
pub use session::{Client, ClientError, Events};
