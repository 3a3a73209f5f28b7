//! How a conversation looks.

use agentchat_client::ChatMessage;
use anstyle::{AnsiColor, Style};
use k8s_openapi::jiff::{Timestamp, Zoned, civil::Date, tz::TimeZone};
use serde_json::json;

use crate::output::{FAINT, json_line, plain, plain_line};

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

/// A message, as one line or more; what was said before one came is faint.
pub fn message(message: &ChatMessage, show: Show) -> String {
    match show {
        Show::Json => as_json(message),
        Show::Text => as_text(message, message.replay),
    }
}

/// A message of the past, where all are.
pub fn past(message: &ChatMessage, show: Show) -> String {
    match show {
        Show::Json => as_json(message),
        Show::Text => as_text(message, false),
    }
}

fn as_json(message: &ChatMessage) -> String {
    json_line(
        &json!({"from": message.from, "fromName": message.from_name, "to": message.to,
        "content": message.content, "msgId": message.msg_id, "inReplyTo": message.in_reply_to,
        "ts": message.ts, "replay": message.replay, "verified": message.verified}),
    )
}

fn as_text(message: &ChatMessage, faint: bool) -> String {
    let name = if message.from_name.is_empty() {
        &message.from
    } else {
        &message.from_name
    };
    let colour = message.from.bytes().map(usize::from).sum::<usize>() % COLOURS.len();
    let style = COLOURS[colour].on_default();
    let (style, body) = if faint {
        (style.dimmed(), FAINT)
    } else {
        (style.bold(), Style::new())
    };
    let time = clock(message.ts);
    let text = plain(&message.content).replace('\n', "\n          ");
    format!(
        "{FAINT}{time}{FAINT:#}  {style}{}{style:#}{body}: {text}{body:#}\n",
        plain_line(name)
    )
}

/// Local time of the day, from Unix milliseconds.
pub fn clock(ms: i64) -> String {
    local(ms).map_or_else(
        || "--:--:--".into(),
        |time| time.strftime("%H:%M:%S").to_string(),
    )
}

fn local(ms: i64) -> Option<Zoned> {
    Some(
        Timestamp::from_millisecond(ms)
            .ok()?
            .to_zoned(TimeZone::system()),
    )
}

/// Headings of the days of a longer past.
#[derive(Debug, Default)]
pub struct Days(Option<Date>);

impl Days {
    /// The heading of a day that begins with this message; nothing for today alone.
    pub fn heading(&mut self, ms: i64) -> String {
        let Some(day) = local(ms).map(|time| time.date()) else {
            return String::new();
        };
        let last = self.0.replace(day);
        let today = last.is_none() && day == Zoned::now().date();
        if last == Some(day) || today {
            return String::new();
        }
        format!("{FAINT}{}{FAINT:#}\n", day.strftime("%A, %d %B %Y"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_cannot_steer_the_terminal() {
        let one = ChatMessage {
            from: "@a".into(),
            from_name: "ada\n".into(),
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
        assert!(
            bare.contains("  ada\u{fffd}: two\n          lines"),
            "{bare}"
        );
        assert!(!text.contains("\u{1b}[2J"), "{text:?}");
        let json: serde_json::Value = serde_json::from_str(&message(&one, Show::Json)).unwrap();
        assert_eq!(
            (&json["fromName"], &json["replay"]),
            (&"ada\n".into(), &false.into())
        );
    }

    #[test]
    fn history_of_several_days_has_headings() {
        let day = 86_400_000;
        let mut days = Days::default();
        let now = Timestamp::now().as_millisecond();
        assert_eq!(days.heading(now), "");
        let mut days = Days::default();
        assert!(days.heading(now - 2 * day).contains(", "));
        assert_eq!(days.heading(now - 2 * day), "");
        assert!(days.heading(now).contains(", "));
    }
}
