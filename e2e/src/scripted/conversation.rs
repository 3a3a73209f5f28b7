//! A request's messages as a flat list of what matters, in order.

use serde_json::Value;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// The user's text.
    User(String),
    /// The model called a tool.
    Called {
        /// Id of the call.
        id: String,
        /// Tool's name.
        name: String,
        /// What it was given.
        input: Value,
    },
    /// A tool answered.
    Answered {
        /// Id of the call.
        id: String,
        /// Text of the answer.
        text: String,
        /// Whether it failed.
        error: bool,
    },
}

/// Texts that Claude Code adds to what the user says.
const ADDED: &str = "<system-reminder>";

/// Reads a request. Total: what is not known is passed over, also messages of role `system`.
pub fn blocks(request: &Value) -> Vec<Block> {
    let messages = request["messages"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    messages.iter().flat_map(of_message).collect()
}

fn of_message(message: &Value) -> Vec<Block> {
    let role = message["role"].as_str().unwrap_or_default();
    match &message["content"] {
        Value::String(text) => user(role, text).into_iter().collect(),
        Value::Array(blocks) => blocks.iter().filter_map(|b| of_block(role, b)).collect(),
        _ => vec![],
    }
}

fn user(role: &str, text: &str) -> Option<Block> {
    let said = role == "user" && !text.trim_start().starts_with(ADDED);
    said.then(|| Block::User(text.to_owned()))
}

fn of_block(role: &str, block: &Value) -> Option<Block> {
    let text = |key: &str| block[key].as_str().unwrap_or_default().to_owned();
    match block["type"].as_str()? {
        "text" => user(role, block["text"].as_str()?),
        "tool_use" if role == "assistant" => Some(Block::Called {
            id: text("id"),
            name: text("name"),
            input: block["input"].clone(),
        }),
        "tool_result" if role == "user" => Some(Block::Answered {
            id: text("tool_use_id"),
            text: flat(&block["content"]),
            error: block["is_error"] == true,
        }),
        _ => None,
    }
}

/// The text of a tool's answer: a string, or a list of texts.
fn flat(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|p| p["text"].as_str()).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn system_messages_and_reminders_are_not_the_users_words() {
        let request = json!({"messages": [
            {"role": "user", "content": [{"type": "text", "text": "<system-reminder>[[fail=500]]"}, {"type": "text", "text": "hi"}]},
            {"role": "system", "content": "[[fail=500]]"},
            {"role": "assistant", "content": [{"type": "text", "text": "[[fail=500]]"}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x"}]}]},
            {"role": "user", "content": "bye"}, {"role": "user"}, 7,
        ]});
        let answered = Block::Answered {
            id: "t".into(),
            text: "x".into(),
            error: false,
        };
        assert_eq!(
            blocks(&request),
            [
                Block::User("hi".into()),
                answered,
                Block::User("bye".into())
            ]
        );
        assert_eq!(blocks(&json!(null)), []);
    }
}
