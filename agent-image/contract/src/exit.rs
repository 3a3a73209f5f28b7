//! Exit codes.
//!
//! | code | of the runner | of the container (the supervisor) |
//! |---|---|---|
//! | 0 | completed, or stopped on request | completed, or stopped on request |
//! | 1 | anything else; worth another try | anything else |
//! | 2 | not recoverable: another try cannot help | not recoverable |
//! | 3 | – | the permitted number of restarts is used up |
//! | 10 | the model refused the credential | the same |
//! | 11 | the model's quota is exhausted | the same |
//! | 12 | – | a limit of the manifest is reached |
//!
//! Codes 10 to 12 wait for a change, so the supervisor ends with them instead of restarting. A runner that is told
//! to stop because a limit is reached ends with 0, as with any request to stop.

use crate::TerminationReason;

/// Completed, or stopped on request.
pub const COMPLETED: i32 = 0;
/// Anything that has no code of its own.
pub const ERROR: i32 = 1;
/// Not recoverable: another try cannot help.
pub const FATAL: i32 = 2;
/// The permitted number of restarts is used up.
pub const RESTARTS_EXHAUSTED: i32 = 3;
/// The model refused the credential, or there is none.
pub const AUTHENTICATION_REFUSED: i32 = 10;
/// The model's quota is exhausted.
pub const QUOTA_EXHAUSTED: i32 = 11;
/// A limit of the manifest (turns, time, tokens, cost) is reached.
pub const BUDGET_EXHAUSTED: i32 = 12;

impl TerminationReason {
    /// What an exit code of the runner, or of the container, means.
    #[must_use]
    pub fn from_exit_code(code: i32) -> Self {
        match code {
            COMPLETED => Self::Completed,
            FATAL => Self::Fatal,
            RESTARTS_EXHAUSTED => Self::RestartsExhausted,
            AUTHENTICATION_REFUSED => Self::AuthenticationRefused,
            QUOTA_EXHAUSTED => Self::QuotaExhausted,
            BUDGET_EXHAUSTED => Self::BudgetExhausted,
            _ => Self::Error,
        }
    }

    /// The exit code that says so.
    #[must_use]
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Completed | Self::Stopped => COMPLETED,
            Self::Error => ERROR,
            Self::Fatal => FATAL,
            Self::AuthenticationRefused => AUTHENTICATION_REFUSED,
            Self::QuotaExhausted => QUOTA_EXHAUSTED,
            Self::BudgetExhausted => BUDGET_EXHAUSTED,
            Self::RestartsExhausted => RESTARTS_EXHAUSTED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_reasons_agree() {
        for code in [0, 1, 2, 3, 10, 11, 12] {
            assert_eq!(TerminationReason::from_exit_code(code).exit_code(), code);
        }
        assert_eq!(
            TerminationReason::from_exit_code(139),
            TerminationReason::Error
        );
    }
}
