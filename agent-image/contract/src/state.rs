//! `state.json`: what the supervisor says about the agent.
//!
//! **What is monotonic.** While a container lives, [`State::usage`] and [`State::runner_restarts`] never fall,
//! and [`State::first_start`] never changes once it is not 0. `usage` and `first_start` begin with the record
//! that the operator delivered ([`UsageLedger`]), so that they also never fall from one container of the agent
//! to the next as long as the operator delivers what it last recorded. All other fields may change in any
//! direction at any time.
//!
//! **What is trusted.** Nothing, except for display and with one exception: the operator raises its own record
//! with `usage` and `first_start` ([`UsageLedger::raise`]), which a report that is too small does not lower.

use serde::{Deserialize, Serialize};

use crate::{Usage, UsageLedger};

/// The version of [`State`] that this crate writes.
pub const STATE_VERSION: u32 = 1;

/// What the supervisor says about the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// [`STATE_VERSION`].
    pub version: u32,
    /// Where the container stands.
    pub phase: Phase,
    /// How often the runner was restarted.
    pub runner_restarts: u32,
    /// The runner's process id, as seen in the container.
    pub pid: Option<u32>,
    /// When back-off ends, in milliseconds since the epoch.
    pub next_restart_at: Option<i64>,
    /// How the runner ended last.
    pub last_termination: Option<Termination>,
    /// The session of the runtime.
    pub session: Option<Session>,
    /// The connection to the chat server.
    pub chat: ChatState,
    /// What the agent does now.
    pub activity: Activity,
    /// What the agent used so far, in all of its containers; by the supervisor's own account.
    pub usage: Usage,
    /// When the agent was started first, in any of its containers: milliseconds since the epoch, 0 when it
    /// never was.
    pub first_start: i64,
    /// When the supervisor was last seen alive, in milliseconds since the epoch.
    pub heartbeat_at: i64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: STATE_VERSION,
            phase: Phase::default(),
            runner_restarts: 0,
            pid: None,
            next_restart_at: None,
            last_termination: None,
            session: None,
            chat: ChatState::default(),
            activity: Activity::default(),
            usage: Usage::default(),
            first_start: 0,
            heartbeat_at: 0,
        }
    }
}

impl State {
    /// The account of usage that this state holds.
    #[must_use]
    pub fn ledger(&self) -> UsageLedger {
        UsageLedger {
            usage: self.usage.clone(),
            first_start: self.first_start,
        }
    }
}

/// Where the container stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Waits for its configuration.
    #[default]
    Starting,
    /// The runner runs.
    Running,
    /// Waits before the next start of the runner.
    BackOff,
    /// Asked to stop.
    Stopping,
    /// Ended as it should.
    Completed,
    /// Ended otherwise.
    Failed,
}

/// How the runner ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Termination {
    /// Why.
    pub reason: TerminationReason,
    /// Its exit code, unless a signal ended it.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Why, for people, where the reason alone does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When, in milliseconds since the epoch.
    pub finished_at: i64,
}

/// Why the runner, or the container, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TerminationReason {
    /// By itself, with nothing left to do.
    Completed,
    /// On request.
    Stopped,
    /// A failure that another try may get over.
    Error,
    /// A failure that another try cannot get over.
    Fatal,
    /// The model refused the credential, or there is none.
    AuthenticationRefused,
    /// The model's quota is exhausted.
    QuotaExhausted,
    /// A limit of the manifest is reached.
    BudgetExhausted,
    /// The permitted number of restarts is used up.
    RestartsExhausted,
}

/// The session of the runtime.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// Whether it goes on from an earlier process.
    pub resumed: bool,
}

/// The connection to the chat server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChatState {
    /// Whether there is one.
    pub connected: bool,
    /// The id by which the server knows the agent.
    pub agent_id: Option<String>,
    /// Why there is none: one CamelCase word.
    pub reason: Option<String>,
    /// Why there is none, for people.
    pub message: Option<String>,
}

/// What the agent does now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Activity {
    /// What.
    pub state: ActivityState,
    /// Since when, in milliseconds since the epoch.
    pub since: i64,
}

/// Kinds of activity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActivityState {
    /// Nothing.
    #[default]
    Idle,
    /// Blocks in `agentchat_listen`.
    Listening,
    /// The model works.
    Thinking,
    /// Another tool works.
    Tool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_survives_its_json() {
        let state = State {
            phase: Phase::BackOff,
            last_termination: Some(Termination {
                reason: TerminationReason::Error,
                exit_code: None,
                signal: Some(9),
                message: None,
                finished_at: 7,
            }),
            session: Some(Session {
                id: "s".into(),
                resumed: true,
            }),
            ..State::default()
        };
        let text = serde_json::to_string(&state).unwrap();
        assert!(
            text.contains(r#""phase":"BackOff","runnerRestarts":0"#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }

    #[test]
    fn an_empty_object_is_a_state() {
        assert_eq!(
            serde_json::from_str::<State>("{}").unwrap(),
            State::default()
        );
    }
}
