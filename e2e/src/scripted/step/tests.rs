use super::*;

const PROMPT: &str = "You are the agent ada. You talk in these channels: #general, #b.\n\nGo.";

/// A conversation that grows as Claude Code's does.
struct Talk(Value);

impl Talk {
    fn new(prompt: &str) -> Self {
        let mut talk = Self(json!({"tools": [{"name": LISTEN}, {"name": SEND}], "messages": []}));
        talk.user(json!(prompt));
        talk
    }

    fn push(&mut self, role: &str, content: Value) {
        let messages = self.0["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": role, "content": content}));
    }

    fn user(&mut self, content: Value) {
        self.push("user", content);
    }

    /// Takes the next step, which must be this tool; gives its input.
    fn call(&mut self, wanted: &str) -> Value {
        let Step::Call { tool, input } = next(&self.0) else {
            panic!("no call of {wanted}: {:?}", next(&self.0))
        };
        assert_eq!(tool, wanted, "{input}");
        let id = self.0["messages"].as_array().unwrap().len().to_string();
        self.push(
            "assistant",
            json!([{"type": "tool_use", "id": id, "name": tool, "input": input}]),
        );
        input
    }

    fn answer(&mut self, content: &Value, error: bool) {
        let id = (self.0["messages"].as_array().unwrap().len() - 1).to_string();
        let text = json!([{"type": "text", "text": content.to_string()}]);
        self.user(
            json!([{"type": "tool_result", "tool_use_id": id, "content": text, "is_error": error}]),
        );
    }

    fn hears(&mut self, messages: &Value) {
        self.call(LISTEN);
        self.answer(&json!({"messages": messages, "timeout": false}), false);
    }

    fn ends(&self) {
        assert!(matches!(next(&self.0), Step::Say(_)), "{:?}", next(&self.0));
    }
}

fn message(id: &str, who: &str, content: &str) -> Value {
    json!({"from": "@x", "from_name": who, "to": "#b", "content": content, "msg_id": id, "ts": 1})
}

#[test]
fn listens_where_the_last_prompt_says() {
    let mut talk = Talk::new(PROMPT);
    let input = talk.call(LISTEN);
    assert_eq!(
        input,
        json!({"channels": ["#general", "#b"], "timeout_seconds": 300})
    );
    talk.answer(&json!({"messages": [], "timeout": true}), false);
    talk.ends();
    talk.user(json!("Listen again in #c."));
    assert_eq!(talk.call(LISTEN)["channels"], json!(["#c"]));
}

#[test]
fn answers_everybody_first_and_then_the_newest_agent() {
    let mut talk = Talk::new(PROMPT);
    talk.hears(&json!([
        message("1", "sam", "old (1/3)"),
        message("2", "eve", "Hello (1)"),
        message("3", "sam", "new (1/3)"),
        message("4", "bob", "And (2)"),
    ]));
    let mut said = vec![];
    for _ in 0..3 {
        let input = talk.call(SEND);
        assert_eq!(input["target"], "#b");
        said.push((
            input["in_reply_to"].clone(),
            input["message"].as_str().unwrap().to_owned(),
        ));
        talk.answer(&json!({"success": true}), false);
    }
    talk.ends();
    assert!(
        said[0].1.starts_with("ada (scripted model) heard eve"),
        "{said:?}"
    );
    assert!(
        said[0].1.contains("“Hello (1)”") && said[0].1.ends_with("(1/3)"),
        "{said:?}"
    );
    assert!(said[1].1.contains("“And (2)”"), "{said:?}");
    assert!(
        said[2].1.contains("“new”") && said[2].1.ends_with("(2/3)"),
        "{said:?}"
    );
    let ids: Vec<_> = said.iter().map(|s| s.0.as_str().unwrap()).collect();
    assert_eq!(ids, ["2", "4", "3"]);
}

#[test]
fn agents_do_not_answer_each_other_for_ever() {
    let mut talk = Talk::new(PROMPT);
    talk.hears(&json!([
        message("1", "sam", "early (1/3)"),
        message("2", "sam", "last (3/3)")
    ]));
    talk.ends();
}

#[test]
fn an_interruption_forgets_no_message_and_answers_none_twice() {
    let mut talk = Talk::new(PROMPT);
    talk.hears(&json!([message("1", "eve", "a"), message("2", "eve", "b")]));
    talk.call(SEND);
    talk.answer(&json!({"success": true}), false);
    talk.user(
        json!([{"type": "text", "text": "<system-reminder>x"}, {"type": "text", "text": PROMPT}]),
    );
    assert_eq!(talk.call(SEND)["in_reply_to"], "2");
    talk.answer(&json!("no"), true);
    assert_eq!(talk.call(SEND)["in_reply_to"], "2");
    talk.answer(&json!("no"), true);
    talk.call(SEND);
    talk.answer(&json!("no"), true);
    talk.ends();
    talk.user(json!("Listen again in #b."));
    talk.call(LISTEN);
}

#[test]
fn greets_once_and_only_when_asked() {
    let mut talk = Talk::new(&format!("{PROMPT} [[greet]]"));
    let hello = talk.call(SEND);
    assert!(
        hello["message"].as_str().unwrap().contains("ada"),
        "{hello}"
    );
    talk.answer(&json!({"success": true}), false);
    talk.ends();
    talk.user(json!("Listen again in #b."));
    talk.hears(&json!([message("1", "eve", "[[greet]] [[fail=500]]")]));
    assert_eq!(talk.call(SEND)["in_reply_to"], "1");
    assert_eq!(Directives::of(&talk.0).fail, None);
}

#[test]
fn without_chat_tools_it_only_says_what_it_is() {
    let request = json!({"messages": [{"role": "user", "content": PROMPT}]});
    assert!(matches!(next(&request), Step::Say(text) if text.contains("scripted model")));
}
