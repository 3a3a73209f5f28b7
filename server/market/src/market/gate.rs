//! What everything that is signed must pass.

use super::Market;
use crate::{
    host::Actor,
    refusal::{Code, Refusal},
    request::Sig,
};

/// The actor's public key, or `SIGNATURE_REQUIRED`.
pub fn key(actor: &Actor) -> Result<&str, Refusal> {
    let key = actor.pubkey.as_deref();
    key.ok_or_else(|| Code::SignatureRequired.because("this must be signed: connect with a key"))
}

impl Market {
    /// A key, and the signature made with it: over this text, or of version 2.
    pub(crate) fn signed(
        &self,
        now: i64,
        actor: &Actor,
        text: &str,
        sig: &Sig,
    ) -> Result<(), Refusal> {
        let key = key(actor)?;
        let verified = match sig.second(&self.server, &actor.id) {
            None => agentchat_protocol::verify(key, text, &sig.text),
            Some((at, sig, text)) => {
                let skew = self.state.limits.skew;
                if now.abs_diff(at) > skew.unsigned_abs() {
                    let text =
                        format!("the signature is more than {skew} ms old, or of the future");
                    return Err(Code::VerificationFailed.because(text));
                }
                agentchat_protocol::verify(key, &text, sig)
            }
        };
        match verified {
            true => Ok(()),
            false => Err(Code::VerificationFailed.because("the signature is not yours over this")),
        }
    }

    /// A key, no newcomer, and the signature.
    pub(crate) fn dealing(
        &self,
        now: i64,
        actor: &Actor,
        text: &str,
        sig: &Sig,
    ) -> Result<(), Refusal> {
        key(actor)?;
        if actor.lurking {
            return Err(Code::LurkMode.because("newcomers listen first on this server"));
        }
        self.signed(now, actor, text, sig)
    }
}
