//! What Podman's answers mean.

use bollard::errors::Error;

use super::Podman;
use crate::{engine::EngineError, probe};

/// Longest text taken over from the engine.
const TEXT: usize = 600;

/// Whether the engine says that something does not exist. Podman says so with 500 in places.
pub fn is_not_found(error: &Error) -> bool {
    match error {
        Error::DockerResponseServerError {
            status_code: 404, ..
        } => true,
        Error::DockerResponseServerError {
            status_code: 500,
            message,
        } => ["no such", "not found", "does not exist", "unable to find"]
            .iter()
            .any(|text| message.to_lowercase().contains(text)),
        _ => false,
    }
}

/// Whether the engine says that a name is taken.
pub fn is_taken(error: &Error) -> bool {
    match error {
        Error::DockerResponseServerError {
            status_code: 409, ..
        } => true,
        Error::DockerResponseServerError {
            status_code: 500,
            message,
        } => message.contains("already in use") || message.contains("already exists"),
        _ => false,
    }
}

/// Whether the engine says that it was in the middle of something else with this container.
pub fn is_improper(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { message, .. } if message.contains("state improper"))
}

/// What the engine, or we in its place, will not do.
pub fn refused(action: &str, message: String) -> EngineError {
    EngineError::Refused {
        action: action.to_owned(),
        message,
    }
}

impl Podman {
    /// An error of the engine in our terms.
    pub(super) fn failed(&self, action: &str, error: Error) -> EngineError {
        match error {
            Error::DockerResponseServerError { message, .. } => {
                refused(action, message.chars().take(TEXT).collect())
            }
            Error::DockerStreamError { error } => {
                refused(action, error.chars().take(TEXT).collect())
            }
            Error::RequestTimeoutError => self.unreachable(format!("it took too long to {action}")),
            other => {
                let why = probe::reach(&self.socket).err();
                self.unreachable(why.map_or_else(|| other.to_string(), |why| why.to_string()))
            }
        }
    }

    /// Nothing is known of the engine.
    pub(super) fn unreachable(&self, reason: String) -> EngineError {
        let socket = self.socket.display().to_string();
        EngineError::Unreachable { socket, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status_code: u16, message: &str) -> Error {
        Error::DockerResponseServerError {
            status_code,
            message: message.to_owned(),
        }
    }

    #[test]
    fn podmans_500s_are_told_apart() {
        assert!(is_not_found(&answer(404, "")));
        assert!(is_not_found(&answer(
            500,
            "unable to find network with name or ID x: network not found"
        )));
        assert!(!is_not_found(&answer(500, "disk full")));
        assert!(is_taken(&answer(409, "")));
        assert!(is_taken(&answer(
            500,
            r#"the container name "a" is already in use by 123"#
        )));
        assert!(!is_taken(&answer(500, "disk full")));
    }
}
