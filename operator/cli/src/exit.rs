//! Exit codes, and errors that carry one.

use std::fmt;

/// How `agentctl` ends when something is wrong; [`help`](crate::help) lists the same codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Something failed; the message says what.
    Failed = 1,
    /// The command line or a manifest is wrong; nothing was changed.
    Invalid = 2,
    /// The swarm is not up, or what was asked for does not exist.
    NotFound = 3,
    /// What was waited for did not come in time.
    TimedOut = 4,
    /// Ctrl-C.
    Interrupted = 130,
}

/// An error that ends the program with a certain code.
#[derive(Debug)]
struct Coded {
    code: Code,
    error: anyhow::Error,
}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Coded {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// Gives errors a code.
pub trait WithCode {
    /// What comes out.
    type Out;
    /// The same, with a code.
    fn code(self, code: Code) -> Self::Out;
}

impl WithCode for anyhow::Error {
    type Out = Self;
    fn code(self, code: Code) -> Self {
        Self::new(Coded { code, error: self })
    }
}

impl<T, E: Into<anyhow::Error>> WithCode for Result<T, E> {
    type Out = anyhow::Result<T>;
    fn code(self, code: Code) -> anyhow::Result<T> {
        self.map_err(|error| error.into().code(code))
    }
}

/// The code that an error carries.
pub fn code_of(error: &anyhow::Error) -> Code {
    error
        .downcast_ref::<Coded>()
        .map_or(Code::Failed, |coded| coded.code)
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn exit_code_survives_added_context() {
        let inner = anyhow!("no such file").context("it can't be read");
        let error = Err::<(), _>(inner.code(Code::NotFound))
            .context("chat")
            .unwrap_err();
        assert_eq!(code_of(&error), Code::NotFound);
        assert_eq!(format!("{error:#}"), "chat: it can't be read: no such file");
        assert_eq!(code_of(&anyhow!("x")), Code::Failed);
    }
}
