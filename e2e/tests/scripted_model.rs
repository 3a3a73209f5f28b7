//! The scripted model as Claude Code meets it: the real program, HTTP by hand.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(20);

struct Model {
    child: Child,
    address: String,
}

impl Model {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_scripted-model"))
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("scripted model listening on http://");
        let address = address
            .unwrap_or_else(|| panic!("it said {line:?}"))
            .to_owned();
        Self { child, address }
    }

    fn open(&self, head: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let length = body.len();
        write!(stream, "{head} HTTP/1.1\r\nhost: x\r\nx-api-key: k\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
            .unwrap();
        stream
    }

    /// Head and body of an answer.
    fn ask(&self, head: &str, body: &Value) -> (String, String) {
        let mut text = String::new();
        self.open(head, &body.to_string())
            .read_to_string(&mut text)
            .unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_lowercase(), body.to_owned())
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn request(prompt: &str, stream: bool) -> Value {
    json!({"model": "claude-x", "max_tokens": 1, "stream": stream, "thinking": {"type": "adaptive"},
        "tools": [{"name": "mcp__agentchat__agentchat_listen"}, {"name": "mcp__agentchat__agentchat_send"}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": prompt}]}, {"role": "system", "content": "x"}]})
}

const MESSAGES: &str = "POST /v1/messages?beta=true";

#[test]
fn answers_whole_and_streamed_and_says_what_it_is() {
    let model = Model::start();
    let (head, body) = model.ask("HEAD /", &Value::Null);
    assert!(
        head.starts_with("http/1.1 200") && body.is_empty(),
        "{head}"
    );
    let (head, body) = model.ask(MESSAGES, &request("Listen in #b.", false));
    assert!(head.contains("x-scripted-model: true"), "{head}");
    let whole: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&whole["stop_reason"], &whole["model"]),
        (&json!("tool_use"), &json!("claude-x"))
    );
    assert_eq!(whole["content"][0]["input"]["channels"], json!(["#b"]));
    assert!(whole["usage"]["output_tokens"].as_u64().unwrap() > 0);

    let (head, body) = model.ask(MESSAGES, &request("Listen in #b.", true));
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    let data = body.lines().filter_map(|l| l.strip_prefix("data: "));
    let events: Vec<Value> = data.map(|d| serde_json::from_str(d).unwrap()).collect();
    let types: Vec<_> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    let input = events[2]["delta"]["partial_json"].as_str().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(input).unwrap()["channels"],
        json!(["#b"])
    );
}

#[test]
fn faults_come_when_they_are_asked_for() {
    let model = Model::start();
    let (head, body) = model.ask(MESSAGES, &request("x [[fail=529]]", true));
    assert!(head.starts_with("http/1.1 529"), "{head}");
    assert!(
        body.contains("overloaded_error") && body.contains("scripted model"),
        "{body}"
    );
    let began = Instant::now();
    model.ask(MESSAGES, &request("x [[latency=300]]", false));
    assert!(began.elapsed() >= Duration::from_millis(300));
    // Chunked: a stream that broke off has no last chunk.
    let (_, body) = model.ask(MESSAGES, &request("x [[cut]]", true));
    assert!(
        body.contains("message_start") && !body.contains("message_stop"),
        "{body}"
    );
    assert!(!body.ends_with("0\r\n\r\n"), "{body}");
    let mut stalled = model.open(MESSAGES, &request("x [[stall]]", true).to_string());
    let mut seen = String::new();
    let mut part = [0; 4096];
    while !seen.contains("message_start") {
        let read = stalled.read(&mut part).unwrap();
        assert_ne!(read, 0, "it ended: {seen}");
        seen.push_str(std::str::from_utf8(&part[..read]).unwrap());
    }
    stalled
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let waits = stalled.read(&mut part).unwrap_err();
    assert_eq!(waits.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn bad_requests_are_told_so() {
    let model = Model::start();
    for (head, status) in [(MESSAGES, "400"), ("POST /v1/nothing", "404")] {
        let mut text = String::new();
        model.open(head, "{").read_to_string(&mut text).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{text}");
    }
    let mut bare = TcpStream::connect(&model.address).unwrap();
    write!(bare, "POST /v1/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}").unwrap();
    let mut text = String::new();
    bare.read_to_string(&mut text).unwrap();
    assert!(
        text.contains("401") && text.contains("authentication_error"),
        "{text}"
    );
}
