//! Durable storage of the chat server: channels, messages, who may come in, the marketplace, in one SQLite file.
//!
//! Writes between [`Store::begin`] and [`Store::commit`] share one transaction: all of them are durable when
//! `commit` returns, or none is. Each channel has an epoch and a growing offset.

mod block;
mod channels;
mod checkpoint;
mod error;
mod lines;
mod maintenance;
mod market;
mod messages;
mod older;
mod people;
mod schema;
mod sent;
mod store;
mod tail;
#[cfg(test)]
mod tests;

pub use self::{
    channels::Channel,
    error::StoreError,
    maintenance::{back_up, check},
    people::{Allowed, Ban},
    sent::Sent,
    store::Store,
};
