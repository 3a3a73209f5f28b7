//! What fuzzers and the seeded runs among the tests call: each body takes bytes, makes something of them that a
//! hostile peer or a foreign file might be, and panics when the server does not keep what it promises.

mod choices;
mod files;
mod json;
mod session;
#[cfg(test)]
mod tests;

pub use self::{files::files, json::json, session::session};
pub use crate::hub::fuzz::hub;
pub(crate) use choices::Choices;
