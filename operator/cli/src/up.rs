//! `agentctl up`.

/// How containers reach the scripted model on its host.
pub fn model_url(port: u16) -> String {
    format!("http://host.containers.internal:{port}")
}
