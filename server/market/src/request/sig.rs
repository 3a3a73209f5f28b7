//! Signatures as they come with a request.

use agentchat_protocol::{json::Object, signing::version_2};

/// A signature: of version 1, over a text that follows from the request, or of version 2, over the frame's fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Sig {
    /// As it came, and as others see it.
    pub(crate) text: String,
    /// The frame, for version 2.
    frame: Option<Object>,
}

impl Sig {
    pub(super) fn new(text: &str, frame: &Object) -> Self {
        let second = version_2::parts(text).is_some();
        Self {
            text: text.to_owned(),
            frame: second.then(|| frame.clone()),
        }
    }

    /// Of one of version 2: when it was made, its base64, and what it is over.
    pub(crate) fn second(&self, server: &str, agent: &str) -> Option<(i64, &str, String)> {
        let (at, sig) = version_2::parts(&self.text)?;
        let text = version_2::text(server, agent, at, self.frame.as_ref()?)?;
        Some((at, sig, text))
    }
}
