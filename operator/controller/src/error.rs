//! Why a reconcile did not get through, and when to try again.

use std::{sync::Arc, time::Duration};

use agentchat_api::Reason;
use agentchat_client::ClientError;
use agentchat_driver::EngineError;

/// Why a reconcile did not get through.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or did not answer.
    #[error("the API server failed")]
    Kube(#[source] Arc<kube::Error>),
    /// The engine refused or did not answer.
    #[error("the container engine failed")]
    Engine(#[source] Arc<EngineError>),
    /// The chat server refused or did not answer.
    #[error("the chat server failed")]
    Chat(#[source] Arc<ClientError>),
    /// Certificates could not be made.
    #[error("making certificates failed")]
    Certificate(#[source] Arc<rcgen::Error>),
    /// A value could not be written as JSON.
    #[error("writing JSON failed")]
    Json(#[source] Arc<serde_json::Error>),
    /// An object without a name or namespace, or a stored value that does not parse.
    #[error("{0}")]
    Invalid(String),
    /// Finalizer bookkeeping failed.
    #[error("keeping the finalizer failed: {0}")]
    Finalizer(String),
    /// What is being deleted has users yet; its finalizer stays.
    #[error("it is still used: {0}")]
    InUse(String),
    /// The engine of a Node that had to be looked at does not answer.
    #[error("{0}")]
    Unknown(String),
    /// The operator ends.
    #[error("the operator is being stopped")]
    Stopping,
}

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// After this time, longer after each further failure.
    After(Duration),
    /// When the object changes: trying again gives the same answer.
    OnChange,
}

impl Error {
    /// When to try again, the first of several times.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Kube(error) if is_refusal(error) => Retry::OnChange,
            Self::Kube(_) | Self::Finalizer(_) | Self::InUse(_) => {
                Retry::After(Duration::from_secs(1))
            }
            Self::Engine(_) | Self::Chat(_) | Self::Stopping | Self::Unknown(_) => {
                Retry::After(Duration::from_secs(2))
            }
            Self::Certificate(_) | Self::Json(_) | Self::Invalid(_) => {
                Retry::After(Duration::from_secs(30))
            }
        }
    }

    /// The word for it in a condition; `None` when it says nothing about the object.
    pub fn reason(&self) -> Option<Reason> {
        Some(match self {
            Self::Kube(error) if is_refusal(error) => Reason::ApiRefused,
            Self::Kube(_) | Self::Finalizer(_) | Self::InUse(_) | Self::Stopping => return None,
            Self::Unknown(_) => Reason::EngineUnreachable,
            Self::Engine(error) => match **error {
                EngineError::Unreachable { .. } => Reason::EngineUnreachable,
                EngineError::TimedOut { .. } => Reason::EngineTimedOut,
                EngineError::ImageNotFound(_) => Reason::ImageNotFound,
                _ => Reason::EngineRefused,
            },
            Self::Chat(_) => Reason::ChatServerFailed,
            Self::Invalid(_) => Reason::InvalidSpec,
            Self::Certificate(_) | Self::Json(_) => Reason::ReconcileFailed,
        })
    }
}

/// Whether the API refused for good: what was sent breaks a rule (422), or is not allowed (403).
pub fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 403 | 422))
}

/// Whether the API server says that something is there already.
pub fn already_exists(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 && status.reason == "AlreadyExists")
}

/// An error that is wrapped so that it can be kept and shown later.
macro_rules! wraps {
    ($($inner:ty => $variant:ident),+ $(,)?) => {
        $(impl From<$inner> for Error {
            fn from(error: $inner) -> Self {
                Self::$variant(Arc::new(error))
            }
        })+
    };
}

wraps! {
    kube::Error => Kube,
    EngineError => Engine,
    ClientError => Chat,
    rcgen::Error => Certificate,
    serde_json::Error => Json,
}

impl From<kube::runtime::finalizer::Error<Error>> for Error {
    fn from(error: kube::runtime::finalizer::Error<Error>) -> Self {
        use kube::runtime::finalizer::Error as F;
        match error {
            F::ApplyFailed(inner) | F::CleanupFailed(inner) => inner,
            F::AddFinalizer(inner) | F::RemoveFinalizer(inner) => inner.into(),
            other => Self::Finalizer(other.to_string()),
        }
    }
}

/// The error with all its causes, for a log line or a condition.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn refusal_waits_for_a_change_and_everything_else_is_tried_again() {
        let answer = |code| {
            let status = Status::failure("no", "Reason").with_code(code);
            Error::from(kube::Error::Api(status.boxed())).retry()
        };
        assert_eq!(
            (answer(403), answer(422)),
            (Retry::OnChange, Retry::OnChange)
        );
        for code in [401, 404, 409, 429, 500, 503] {
            assert!(matches!(answer(code), Retry::After(_)), "{code}");
        }
    }
}
