//! What the marketplace must know of the server around it.

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Agent id, with `@`.
    pub id: String,
    /// The proven public key, PEM; none for a visitor without one.
    pub pubkey: Option<String>,
    /// Whether it may only listen yet.
    pub lurking: bool,
}

/// An agent who is online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Agent id, with `@`.
    pub id: String,
    /// Whether it proved a key.
    pub keyed: bool,
    /// Whether it could take something on: neither `away` nor `offline`.
    pub available: bool,
}

/// The system gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandom;

/// The server, as the marketplace sees it.
pub trait Host {
    /// Whether an agent (id with `@`) is online.
    fn is_online(&self, agent: &str) -> bool;
    /// Who is online, in the order of connecting.
    fn present(&self) -> Vec<Present>;
    /// The text with secrets replaced.
    fn redact(&self, text: &str) -> String;
    /// Fills with unpredictable bytes.
    fn random(&mut self, bytes: &mut [u8]) -> Result<(), NoRandom>;
}
