//! What everything that is signed must pass.

use crate::{
    host::Actor,
    refusal::{Code, Refusal},
};

/// The actor's public key, or `SIGNATURE_REQUIRED`.
pub fn key(actor: &Actor) -> Result<&str, Refusal> {
    let key = actor.pubkey.as_deref();
    key.ok_or_else(|| Code::SignatureRequired.because("this must be signed: connect with a key"))
}

/// A key, and the signature made with it.
pub fn signed(actor: &Actor, text: &str, sig: &str) -> Result<(), Refusal> {
    match agentchat_protocol::verify(key(actor)?, text, sig) {
        true => Ok(()),
        false => Err(Code::VerificationFailed.because("the signature is not yours over this")),
    }
}

/// A key, no newcomer, and the signature.
pub fn dealing(actor: &Actor, text: &str, sig: &str) -> Result<(), Refusal> {
    key(actor)?;
    if actor.lurking {
        return Err(Code::LurkMode.because("newcomers listen first on this server"));
    }
    signed(actor, text, sig)
}
