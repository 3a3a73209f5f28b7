//! Claude Code's structured output, one JSON event a line. Total: what is not known is passed over.

use serde_json::Value;

/// What an event means to the runner.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A session stands.
    Init {
        /// Its id.
        session: String,
        /// Whether the chat tools are there.
        chat_tools: bool,
    },
    /// The model has said something.
    Assistant {
        /// Id of the model's message; several events may carry one.
        message: String,
        /// The tools that it calls.
        calls: Vec<ToolCall>,
    },
    /// Claude Code itself says, in the model's place, that something failed.
    Complaint {
        /// Whether it was the credential: refused, or not there at all.
        credential: bool,
    },
    /// Tools have answered.
    ToolResults {
        /// Ids of the calls.
        calls: Vec<String>,
    },
    /// The model's API has failed, and is tried again.
    Retry {
        /// How often it was tried.
        attempt: u64,
        /// HTTP status, if there was an answer.
        status: Option<u64>,
    },
    /// A turn has ended.
    Result {
        /// Whether it failed.
        error: Option<Failure>,
        /// Cost of this process so far, US dollars.
        cost_usd: f64,
        /// Tokens sent in this turn, cached ones included.
        tokens_in: u64,
        /// Tokens received in this turn.
        tokens_out: u64,
    },
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// Its id.
    pub id: String,
    /// The tool's name.
    pub tool: String,
}

/// Why a turn failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The model refused the credential (401, 403), or there is none.
    Authentication,
    /// The quota is exhausted (429).
    Quota,
    /// Anything else.
    Other,
}

/// Reads one line.
pub fn parse(line: &str) -> Option<Event> {
    let value: Value = serde_json::from_str(line).ok()?;
    match (value["type"].as_str()?, value["subtype"].as_str()) {
        ("system", Some("init")) => Some(Event::Init {
            session: value["session_id"].as_str()?.to_owned(),
            chat_tools: value["mcp_servers"].as_array().is_some_and(|servers| {
                servers
                    .iter()
                    .any(|s| s["name"] == "agentchat" && s["status"] == "connected")
            }),
        }),
        ("system", Some("api_retry")) => Some(Event::Retry {
            attempt: value["attempt"].as_u64().unwrap_or(0),
            status: value["error_status"].as_u64(),
        }),
        ("assistant", _) => {
            let message = &value["message"];
            if message["model"] == "<synthetic>" {
                let error = value["error"].as_str()?;
                let credential = error == "authentication_failed";
                return Some(Event::Complaint { credential });
            }
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let contents = message["content"].as_array()?.iter();
            let calls = contents.filter(|part| part["type"] == "tool_use");
            Some(Event::Assistant {
                message: message["id"].as_str()?.to_owned(),
                calls: calls
                    .map(|call| ToolCall {
                        id: text(&call["id"]),
                        tool: text(&call["name"]),
                    })
                    .collect(),
            })
        }
        ("user", _) => {
            let contents = value["message"]["content"].as_array();
            let results = contents.into_iter().flatten();
            let results = results.filter(|part| part["type"] == "tool_result");
            Some(Event::ToolResults {
                calls: results
                    .filter_map(|result| Some(result["tool_use_id"].as_str()?.to_owned()))
                    .collect(),
            })
        }
        ("result", _) => {
            let usage = |key: &str| value["usage"][key].as_u64().unwrap_or(0);
            let sent = [
                "input_tokens",
                "cache_read_input_tokens",
                "cache_creation_input_tokens",
            ];
            Some(Event::Result {
                error: (value["is_error"] == true).then(|| failure(&value)),
                cost_usd: value["total_cost_usd"].as_f64().unwrap_or(0.0),
                tokens_in: sent.iter().map(|key| usage(key)).sum(),
                tokens_out: usage("output_tokens"),
            })
        }
        _ => None,
    }
}

/// By the status of the model's answer, where Claude Code gives one: not when there is no credential, and not
/// when there was no answer. A [`Event::Complaint`] before it tells these apart.
fn failure(value: &Value) -> Failure {
    match value["api_error_status"].as_u64() {
        Some(401 | 403) => Failure::Authentication,
        Some(429) => Failure::Quota,
        _ => Failure::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_events_that_matter() {
        let init = r#"{"type":"system","subtype":"init","session_id":"s","mcp_servers":[{"name":"agentchat","status":"connected"}]}"#;
        assert_eq!(
            parse(init),
            Some(Event::Init {
                session: "s".into(),
                chat_tools: true
            })
        );
        let pending = init.replace("connected", "pending");
        assert_eq!(
            parse(&pending),
            Some(Event::Init {
                session: "s".into(),
                chat_tools: false
            })
        );
        let call = r#"{"type":"assistant","message":{"id":"m","content":[{"type":"text"},{"type":"tool_use","id":"c","name":"t"}]}}"#;
        assert_eq!(
            parse(call),
            Some(Event::Assistant {
                message: "m".into(),
                calls: vec![ToolCall {
                    id: "c".into(),
                    tool: "t".into()
                }]
            })
        );
        let answer =
            r#"{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"c"}]}}"#;
        assert_eq!(
            parse(answer),
            Some(Event::ToolResults {
                calls: vec!["c".into()]
            })
        );
        let text = r#"{"type":"user","message":{"content":"hello"}}"#;
        assert_eq!(parse(text), Some(Event::ToolResults { calls: vec![] }));
        let retry = r#"{"type":"system","subtype":"api_retry","attempt":2,"error_status":401}"#;
        assert_eq!(
            parse(retry),
            Some(Event::Retry {
                attempt: 2,
                status: Some(401)
            })
        );
        let result = r#"{"type":"result","subtype":"success","is_error":false,"total_cost_usd":0.5,"usage":{"input_tokens":1,"cache_read_input_tokens":2,"output_tokens":3}}"#;
        let expected = Event::Result {
            error: None,
            cost_usd: 0.5,
            tokens_in: 3,
            tokens_out: 3,
        };
        assert_eq!(parse(result), Some(expected));
    }

    #[test]
    fn a_failure_has_its_kind_whatever_the_subtype_says() {
        let of = |rest: &str| match parse(&format!(
            r#"{{"type":"result","subtype":"success","is_error":true{rest}}}"#
        )) {
            Some(Event::Result { error, .. }) => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            of(r#","api_error_status":401"#),
            Some(Failure::Authentication)
        );
        assert_eq!(of(r#","api_error_status":429"#), Some(Failure::Quota));
        assert_eq!(of(r#","api_error_status":529"#), Some(Failure::Other));
        // No answer, or no credential: the same, but for the complaint before.
        assert_eq!(
            of(r#","api_error_status":null,"duration_api_ms":0,"num_turns":1"#),
            Some(Failure::Other)
        );
        let complained = |error: &str| {
            parse(&format!(
                r#"{{"type":"assistant","message":{{"id":"m","model":"<synthetic>","content":[]}}{error}}}"#
            ))
        };
        let complaint = |credential| Some(Event::Complaint { credential });
        assert_eq!(
            complained(r#","error":"authentication_failed""#),
            complaint(true)
        );
        assert_eq!(complained(r#","error":"server_error""#), complaint(false));
        assert_eq!(complained(""), None);
    }

    #[test]
    fn anything_else_is_passed_over() {
        for line in [
            "",
            "{",
            "null",
            "[]",
            "{}",
            r#"{"type":1}"#,
            r#"{"type":"assistant"}"#,
            r#"{"type":"x"}"#,
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
