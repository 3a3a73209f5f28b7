//! The script: what the model does next, from the conversation alone.

use serde_json::{Value, json};

use super::{
    conversation::{Block, blocks},
    directives::Directives,
    names,
};

const LISTEN: &str = "mcp__agentchat__agentchat_listen";
const SEND: &str = "mcp__agentchat__agentchat_send";
/// How long one listen waits, seconds.
const LISTEN_SECONDS: u64 = 300;
/// Times that one message is answered when sending fails.
const TRIES: usize = 3;
/// Characters that are quoted of a person, and of another agent.
const QUOTED: (usize, usize) = (2000, 160);

/// What the model does.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Calls a tool.
    Call {
        /// Tool's name.
        tool: &'static str,
        /// What it is given.
        input: Value,
    },
    /// Says something and ends its turn.
    Say(String),
}

/// The next step.
#[must_use]
pub fn next(request: &Value) -> Step {
    if !offers(request, LISTEN) || !offers(request, SEND) {
        return Step::Say("This is the scripted model; there are no chat tools here.".to_owned());
    }
    let script = Script {
        blocks: blocks(request),
    };
    if let Some(answer) = script.answer() {
        return answer;
    }
    match script.blocks.last() {
        Some(Block::User(prompt)) => {
            let mut channels = names::channels(prompt);
            if channels.is_empty() {
                channels.push("#general".to_owned());
            }
            if Directives::of(request).greet && !script.greeted() {
                return script.greet(&channels[0]);
            }
            let input = json!({"channels": channels, "timeout_seconds": LISTEN_SECONDS});
            Step::Call {
                tool: LISTEN,
                input,
            }
        }
        Some(Block::Answered {
            error: true, text, ..
        }) => Step::Say(format!(
            "Scripted model: a tool failed: {}",
            names::short(text, QUOTED.1)
        )),
        _ => Step::Say("Scripted model: nothing is left to answer.".to_owned()),
    }
}

fn offers(request: &Value, tool: &str) -> bool {
    let tools = request["tools"].as_array();
    tools.is_some_and(|tools| tools.iter().any(|t| t["name"] == tool))
}

struct Script {
    blocks: Vec<Block>,
}

impl Script {
    fn name(&self) -> &str {
        let texts = self.blocks.iter().filter_map(|block| match block {
            Block::User(text) => names::own(text),
            _ => None,
        });
        texts.into_iter().next().unwrap_or("agent")
    }

    fn called(&self, wanted: &str) -> impl Iterator<Item = (&str, &Value)> {
        self.blocks.iter().filter_map(move |block| match block {
            Block::Called { id, name, input } if name == wanted => Some((id.as_str(), input)),
            _ => None,
        })
    }

    /// A tool's answer, unless it failed or never came.
    fn result(&self, call: &str) -> Option<&str> {
        self.blocks.iter().find_map(|block| match block {
            Block::Answered {
                id,
                text,
                error: false,
            } if id == call => Some(text.as_str()),
            _ => None,
        })
    }

    /// The answer to the oldest message that waits for one, also when it came before an interruption.
    fn answer(&self) -> Option<Step> {
        for (call, _) in self.called(LISTEN) {
            let batch = self
                .result(call)
                .and_then(|text| serde_json::from_str::<Value>(text).ok());
            let messages = batch.as_ref().and_then(|b| b["messages"].as_array());
            if let Some(message) = messages.and_then(|m| self.waiting(m)) {
                return Some(self.reply(message));
            }
        }
        None
    }

    /// Of one batch: everything that a person said, in order; then the newest that an agent said.
    fn waiting<'a>(&self, messages: &'a [Value]) -> Option<&'a Value> {
        let depth = |m: &Value| names::depth(m["content"].as_str().unwrap_or_default()).1;
        let people = messages.iter().filter(|m| depth(m) == 0);
        let agent = messages.iter().rev().find(|m| depth(m) > 0);
        let agent = agent.filter(|m| depth(m) < names::DEPTH);
        people
            .chain(agent)
            .find(|m| m["msg_id"].is_string() && !self.settled(&m["msg_id"]))
    }

    /// Whether a message was answered, or sending failed too often.
    fn settled(&self, msg_id: &Value) -> bool {
        let answers: Vec<_> = self
            .called(SEND)
            .filter(|(_, input)| input["in_reply_to"] == *msg_id)
            .map(|(call, _)| self.result(call).is_some())
            .collect();
        answers.len() >= TRIES || answers.contains(&true)
    }

    fn reply(&self, message: &Value) -> Step {
        let text = |key: &str| message[key].as_str().unwrap_or_default();
        let (said, depth) = names::depth(text("content"));
        let (verb, about, quoted) = match depth {
            0 => ("heard", "say", names::short(said, QUOTED.0)),
            // Not quotes of quotes of quotes.
            _ => (
                "agrees with",
                "about",
                names::short(names::innermost(said), QUOTED.1),
            ),
        };
        let speaker = [text("from_name"), text("from"), "somebody"];
        let speaker = speaker
            .into_iter()
            .find(|s| !s.is_empty())
            .unwrap_or_default();
        let content = format!(
            "{} (scripted model) {verb} {speaker} {about}: “{quoted}” ({}/{})",
            self.name(),
            depth + 1,
            names::DEPTH
        );
        let input =
            json!({"target": message["to"], "message": content, "in_reply_to": message["msg_id"]});
        Step::Call { tool: SEND, input }
    }

    fn greeted(&self) -> bool {
        self.called(SEND)
            .any(|(_, input)| input.get("in_reply_to").is_none())
    }

    fn greet(&self, channel: &str) -> Step {
        let content = format!(
            "Hello, this is {}. I follow a script; no model thinks here. (1/{})",
            self.name(),
            names::DEPTH
        );
        Step::Call {
            tool: SEND,
            input: json!({"target": channel, "message": content}),
        }
    }
}

#[cfg(test)]
mod tests;
