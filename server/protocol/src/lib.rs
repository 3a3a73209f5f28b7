//! The chat protocol: identities, what is signed, what is allowed.

mod hash;
mod identity;
pub mod json;
pub mod signing;

pub use hash::{hex, sha256_hex};
pub use identity::{
    Identity, IdentityError, agent_id, auth_text, canonical_public_key, is_canonical_public_key,
    verify,
};
