//! What Podman's answers mean.

use std::{io::ErrorKind, os::unix::net::UnixStream, path::Path};

use bollard::errors::Error;

use super::Podman;
use crate::engine::EngineError;

/// Longest text taken over from the engine.
const TEXT: usize = 600;

/// Why nothing answers on a socket, with what to do; `None` when something does.
pub fn probe(socket: &Path) -> Option<String> {
    let error = UnixStream::connect(socket).err()?;
    Some(match error.kind() {
        ErrorKind::NotFound => "there is no such socket; start Podman's API service with \
            `cargo xtask setup` or `systemctl enable --now podman.socket`, or name another one with --socket"
            .to_owned(),
        ErrorKind::PermissionDenied => "you may not use this socket; use your own with --socket \
            $XDG_RUNTIME_DIR/podman/podman.sock, or run this as root"
            .to_owned(),
        ErrorKind::ConnectionRefused => "nobody listens on this socket any more; start Podman's API \
            service again with `cargo xtask setup` or `systemctl restart podman.socket`"
            .to_owned(),
        _ => error.to_string(),
    })
}

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

impl Podman {
    /// An error of the engine in our terms.
    pub(super) fn failed(&self, action: &str, error: Error) -> EngineError {
        let socket = self.socket.display().to_string();
        match error {
            Error::DockerResponseServerError { message, .. } => EngineError::Refused {
                action: action.to_owned(),
                message: message.chars().take(TEXT).collect(),
            },
            Error::DockerStreamError { error } => EngineError::Refused {
                action: action.to_owned(),
                message: error.chars().take(TEXT).collect(),
            },
            Error::RequestTimeoutError => EngineError::Unreachable {
                socket,
                reason: format!("it took too long to {action}"),
            },
            other => {
                let reason = probe(&self.socket).unwrap_or_else(|| other.to_string());
                EngineError::Unreachable { socket, reason }
            }
        }
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

    #[test]
    fn a_missing_socket_is_named_with_what_to_do() {
        let why = probe(Path::new("/nonexistent/podman.sock")).unwrap();
        assert!(why.contains("cargo xtask setup"), "{why}");
    }
}
