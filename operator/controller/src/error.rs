//! Why a reconcile did not get through, and when to try again.

use std::time::Duration;

use agentchat_client::ClientError;
use agentchat_driver::EngineError;

/// Why a reconcile did not get through.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or did not answer.
    #[error("the API server failed")]
    Kube(#[from] kube::Error),
    /// The engine refused or did not answer.
    #[error("the container engine failed")]
    Engine(#[from] EngineError),
    /// The chat server refused or did not answer.
    #[error("the chat server failed")]
    Chat(#[from] ClientError),
    /// Certificates could not be made.
    #[error("making certificates failed")]
    Certificate(#[from] rcgen::Error),
    /// A value could not be written as JSON.
    #[error("writing JSON failed")]
    Json(#[from] serde_json::Error),
    /// An object without a name or namespace, or a stored value that does not parse.
    #[error("{0}")]
    Invalid(String),
    /// Finalizer bookkeeping failed.
    #[error("keeping the finalizer failed: {0}")]
    Finalizer(String),
    /// What is being deleted has users yet; its finalizer stays.
    #[error("it is still used: {0}")]
    InUse(String),
    /// The operator ends.
    #[error("the operator is being stopped")]
    Stopping,
}

impl Error {
    /// How long to wait before the first of several tries.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Kube(_) | Self::Finalizer(_) | Self::InUse(_) => Duration::from_secs(1),
            Self::Engine(_) | Self::Chat(_) | Self::Stopping => Duration::from_secs(2),
            Self::Certificate(_) | Self::Json(_) | Self::Invalid(_) => Duration::from_secs(30),
        }
    }
}

impl From<kube::runtime::finalizer::Error<Error>> for Error {
    fn from(error: kube::runtime::finalizer::Error<Error>) -> Self {
        use kube::runtime::finalizer::Error as F;
        match error {
            F::ApplyFailed(inner) | F::CleanupFailed(inner) => inner,
            F::AddFinalizer(inner) | F::RemoveFinalizer(inner) => Self::Kube(inner),
            other => Self::Finalizer(other.to_string()),
        }
    }
}

/// Whether the API server says that something is there already.
pub fn already_exists(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 && status.reason == "AlreadyExists")
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
