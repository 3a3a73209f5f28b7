//! A step in the form of the Messages API: whole, or as server-sent events.

use serde_json::{Value, json};
use uuid::Uuid;

use super::step::Step;

/// An answer, ready to be written.
pub struct Answer {
    message: Value,
}

impl Answer {
    /// The answer to a request. Usage counts words, so that limits on cost stay out of the way of scripts.
    pub fn new(request: &Value, step: Step) -> Self {
        let (block, stop) = match step {
            Step::Say(text) => (json!({"type": "text", "text": text}), "end_turn"),
            Step::Call { tool, input } => {
                let id = format!("toolu_{}", Uuid::new_v4().simple());
                (
                    json!({"type": "tool_use", "id": id, "name": tool, "input": input}),
                    "tool_use",
                )
            }
        };
        let words = |value: &Value| value.to_string().split_whitespace().count();
        let last = request["messages"].as_array().and_then(|m| m.last());
        let usage = json!({"input_tokens": last.map_or(1, words), "output_tokens": words(&block),
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0});
        let model = request["model"].as_str().unwrap_or("scripted-model");
        Self {
            message: json!({"id": format!("msg_{}", Uuid::new_v4().simple()), "type": "message",
                "role": "assistant", "model": model, "content": [block], "stop_reason": stop,
                "stop_sequence": null, "usage": usage}),
        }
    }

    /// As one JSON object.
    pub fn whole(self) -> Value {
        self.message
    }

    /// As server-sent events, each complete with its empty line.
    pub fn events(mut self) -> Vec<String> {
        let mut block = self.message["content"][0].take();
        let stop = self.message["stop_reason"].take();
        let usage = self.message["usage"].clone();
        self.message["content"] = json!([]);
        let delta = if block["type"] == "text" {
            let text = std::mem::replace(&mut block["text"], json!(""));
            json!({"type": "text_delta", "text": text})
        } else {
            let input = std::mem::replace(&mut block["input"], json!({}));
            json!({"type": "input_json_delta", "partial_json": input.to_string()})
        };
        let output = json!({"output_tokens": usage["output_tokens"]});
        [
            json!({"type": "message_start", "message": self.message}),
            json!({"type": "content_block_start", "index": 0, "content_block": block}),
            json!({"type": "content_block_delta", "index": 0, "delta": delta}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null}, "usage": output}),
            json!({"type": "message_stop"}),
        ]
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default()))
        .collect()
    }
}
