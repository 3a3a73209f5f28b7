//! The connection to the chat, as the container reports it.

use agentchat_api::{Reason, Statement};
use agentchat_contract::State;

use crate::{agent::reported, cache::Report};

/// Whether there is one, and why not; `why` says why no container runs.
pub fn chat(runs: bool, state: Option<&State>, report: &Report, why: &Statement) -> Statement {
    match state {
        Some(State { chat, .. }) => {
            let default = if chat.connected {
                Reason::Connected
            } else {
                Reason::Connecting
            };
            let word = reported::word(chat.reason.as_deref(), default.as_str());
            let message = reported::text(chat.message.as_deref().unwrap_or_default());
            Statement::new(Some(chat.connected), word, message)
        }
        None if runs && matches!(report, Report::Lost) => Statement::no(
            Reason::NoReport,
            "its container runs, but its supervisor reports nothing",
        ),
        None if runs => Statement::no(Reason::Connecting, ""),
        None => Statement::no(why.reason.clone(), ""),
    }
}
