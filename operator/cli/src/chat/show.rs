//! How a conversation looks.

use agentchat_client::ChatMessage;
use anstyle::{AnsiColor, Style};
use k8s_openapi::jiff::{Timestamp, tz::TimeZone};
use serde_json::json;

use crate::output::{FAINT, plain};

/// Form of the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

const COLOURS: [AnsiColor; 6] = [
    AnsiColor::Cyan,
    AnsiColor::Magenta,
    AnsiColor::Yellow,
    AnsiColor::Green,
    AnsiColor::Blue,
    AnsiColor::BrightRed,
];

/// A message, as one line or more.
pub fn message(message: &ChatMessage, show: Show) -> String {
    if show == Show::Json {
        let value = json!({"from": message.from, "fromName": message.from_name, "to": message.to,
            "content": message.content, "msgId": message.msg_id, "inReplyTo": message.in_reply_to,
            "ts": message.ts, "replay": message.replay, "verified": message.verified});
        return format!("{value}\n");
    }
    let name = if message.from_name.is_empty() {
        &message.from
    } else {
        &message.from_name
    };
    let colour = message.from.bytes().map(usize::from).sum::<usize>() % COLOURS.len();
    let style = COLOURS[colour].on_default();
    let (style, body) = if message.replay {
        (style.dimmed(), FAINT)
    } else {
        (style.bold(), Style::new())
    };
    let time = time(message.ts);
    let text = plain(&message.content).replace('\n', "\n          ");
    format!(
        "{FAINT}{time}{FAINT:#}  {style}{}{style:#}{body}: {text}{body:#}\n",
        plain(name)
    )
}

/// Local time of the day, from Unix milliseconds.
fn time(ms: i64) -> String {
    let Ok(time) = Timestamp::from_millisecond(ms) else {
        return "--:--:--".into();
    };
    time.to_zoned(TimeZone::system())
        .strftime("%H:%M:%S")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_steer_the_terminal() {
        let one = ChatMessage {
            from: "@a".into(),
            from_name: "ada".into(),
            to: "#general".into(),
            content: "two\nlines\u{1b}[2J".into(),
            msg_id: Some("m".into()),
            ts: 1_700_000_000_000,
            in_reply_to: None,
            replay: false,
            verified: true,
            offset: None,
            epoch: None,
        };
        let text = message(&one, Show::Text);
        let bare = anstream::adapter::strip_str(&text).to_string();
        assert!(bare.contains("  ada: two\n          lines"), "{bare}");
        assert!(!text.contains("\u{1b}[2J"), "{text:?}");
        let json: serde_json::Value = serde_json::from_str(&message(&one, Show::Json)).unwrap();
        assert_eq!(
            (&json["fromName"], &json["replay"]),
            (&"ada".into(), &false.into())
        );
    }
}
