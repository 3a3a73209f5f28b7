//! What the runner and the MCP server tell the supervisor: one JSON line each.

use serde::{Deserialize, Serialize};

use crate::{Activity, ChatState, Session, State, Usage};

/// The longest line, in bytes, that the supervisor reads from its control socket.
pub const UPDATE_LIMIT: usize = 16 * 1024;

/// One line to the control socket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Update {
    /// The runner's session and usage.
    Runner {
        /// The session, once it is known.
        #[serde(default)]
        session: Option<Session>,
        /// Usage so far.
        #[serde(default)]
        usage: Usage,
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
            Self::Runner { session, usage } => {
                if session.is_some() {
                    state.session = session;
                }
                state.usage = usage;
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
    fn a_runner_without_a_session_keeps_the_known_one() {
        let mut state = State {
            session: Some(Session {
                id: "s".into(),
                resumed: false,
            }),
            ..State::default()
        };
        let usage = Usage {
            turns: 2,
            ..Usage::default()
        };
        Update::Runner {
            session: None,
            usage: usage.clone(),
        }
        .apply(&mut state);
        assert_eq!(state.usage, usage);
        assert!(state.session.is_some());
    }
}
