//! The chat protocol: identities, what is signed, what is allowed.

mod identity;

pub use identity::{Identity, IdentityError, agent_id, auth_text, is_canonical_public_key, verify};
