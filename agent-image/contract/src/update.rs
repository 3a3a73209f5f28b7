//! What the runner and the MCP server tell the supervisor: one JSON line each.
//!
//! **Who may write.** Everything in the container that runs as the agent's user, the agent's own tools included.
//! So an update is taken for what it can do at worst: session, activity and chat are for display, and usage can
//! only be raised. One that claims too little, or nothing, changes nothing of what was counted before; one that
//! claims too much hurts only the agent, whose limits it reaches. The runner is one of those processes: what it
//! counts is right unless the agent's own tools tamper with it.
//!
//! **Answers.** [`Update::Runner`] is answered with the line [`UPDATE_TAKEN`] once its usage is in the
//! supervisor's account; the others are not answered.

use serde::{Deserialize, Serialize};

use crate::{Activity, ChatState, Session, State, Usage};

/// The longest line, in bytes, that the supervisor reads from its control socket.
pub const UPDATE_LIMIT: usize = 16 * 1024;

/// The supervisor's answer, line feed included, to an update of the runner.
pub const UPDATE_TAKEN: &str = "taken\n";

/// One line to the control socket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Update {
    /// The runner's session, and what was used.
    Runner {
        /// The session, once it is known.
        #[serde(default)]
        session: Option<Session>,
        /// An increment: what was used since the last update of the runner that was answered, and that was in
        /// none before. The supervisor adds it to its account ([`Usage::add`]), which no update lowers. A
        /// runner that got no answer sends the same again with its next update, so that in the worst case usage
        /// is counted twice, and never not at all.
        used: Usage,
    },
    /// What the agent does now.
    Activity(Activity),
    /// The connection to the chat server.
    Chat(ChatState),
}

impl Update {
    /// Merges the update into a state.
    pub fn apply(self, state: &mut State) {
        match self {
            Self::Runner { session, used } => {
                if session.is_some() {
                    state.session = session;
                }
                state.usage.add(&used);
            }
            Self::Activity(activity) => state.activity = activity,
            Self::Chat(chat) => state.chat = chat,
        }
    }

    /// The update as one line, line feed included.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("strings and numbers always serialise");
        line.push('\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ActivityState;

    #[test]
    fn lines_look_as_agreed() {
        let update = Update::Activity(Activity {
            state: ActivityState::Listening,
            since: 5,
        });
        assert_eq!(
            update.to_line(),
            "{\"activity\":{\"state\":\"Listening\",\"since\":5}}\n"
        );
        assert_eq!(
            serde_json::from_str::<Update>(&update.to_line()).unwrap(),
            update
        );
    }

    #[test]
    fn runner_update_adds_its_usage_and_keeps_the_known_session() {
        let mut state = State {
            session: Some(Session {
                id: "s".into(),
                resumed: false,
            }),
            ..State::default()
        };
        for (turns, cost_usd, total) in
            [(2, 0.5, (2, 0.5)), (0, -9.0, (2, 0.5)), (1, 0.5, (3, 1.0))]
        {
            let used = Usage {
                turns,
                cost_usd,
                ..Usage::default()
            };
            let session = None;
            Update::Runner { session, used }.apply(&mut state);
            assert_eq!((state.usage.turns, state.usage.cost_usd), total);
        }
        assert!(state.session.is_some());
        let older = r#"{"runner":{"session":null,"usage":{"turns":0}}}"#;
        assert!(serde_json::from_str::<Update>(older).is_err());
    }
}
