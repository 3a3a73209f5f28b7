//! The scripted model: a stand-in for the Messages API that follows a script instead of thinking.
//!
//! Stateless: what it answers is a function of the request alone, so that Claude Code, its container
//! and this program can be killed and started again at any moment. Every answer carries the header
//! [`HEADER`], and what it says in the chat names it for what it is.
//!
//! The script: listen in the channels that the last prompt names; answer every message of a person once,
//! and messages of other scripted agents up to a depth that each answer carries at its end, as in `(1/3)`;
//! then end the turn. Directives in the prompt (never in what others write) change that, see
//! [`Directives`].

mod conversation;
mod directives;
mod names;
mod route;
mod step;
mod wire;

pub use directives::Directives;
pub use route::{HEADER, app};
pub use step::{Step, next};
