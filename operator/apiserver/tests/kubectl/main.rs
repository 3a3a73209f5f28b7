//! The real kubectl over TLS: what a person does, and what they are told when it is wrong.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod errors;
mod identity;
mod server;
mod verbs;
