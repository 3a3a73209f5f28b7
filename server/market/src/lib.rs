//! The marketplace of the chat server: skills, proposals, reputation, stakes, and the court.
//!
//! Pure: no clock, no sockets, no storage. A frame becomes a [`Request`]; [`Market::handle`] gives what is to happen as
//! [`Effect`]s, or a [`Refusal`] that changed nothing; [`Market::tick`] does what time brings about, when
//! [`Market::next_wake`] says. The [`Record`]s that were to be stored make the same state again, with [`Market::restore`].
//!
//! Agents are named with `@`, times are Unix milliseconds.

mod court;
mod effect;
pub mod elo;
pub mod files;
mod frame;
mod hook;
mod host;
mod limits;
mod market;
mod record;
mod refusal;
mod request;
mod state;

pub use court::draw;
pub use effect::Effect;
pub use host::{Actor, Host, NoRandom, Present};
pub use limits::Limits;
pub use market::{Market, Summary};
pub use record::{
    Dispute, Escrow, EscrowStatus, Evidence, Key, Kind, Pair, Phase, Proposal, Rating, Record,
    Registration, Seat, Side, Slot, Stake, Status,
};
pub use refusal::{Code, Refusal};
pub use request::{Request, TYPES};
