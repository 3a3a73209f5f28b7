//! `agentctl chat history`: what was said in a channel.

mod reach;

use std::time::Duration;

use agentchat_client::{ChatMessage, Client, ClientError, History, Position};
use anyhow::Result;
use clap::Args;
use k8s_openapi::jiff::{Timestamp, Zoned, civil, tz::TimeZone};

use super::{
    person::{Key, Person},
    refusal,
    server_selector::ServerSelector,
    session::ChatSession,
    show::{self, Show},
};
use crate::{channel::channel, help, output::put, state::State};
use reach::Reach;

/// Messages that are shown unless more are asked for.
const LAST: usize = 20;

/// Shows what was said in a channel.
#[derive(Debug, Args)]
#[command(after_help = help::CHAT_HISTORY)]
pub struct HistoryArgs {
    /// Channel, with or without its `#`.
    #[arg(value_parser = channel, default_value = "#general")]
    channel: String,
    /// At most so many messages, the last ones; default: 20, or all since --since.
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    last: Option<u32>,
    /// Only what was said since then: 90s, 15m, 2h or 3d ago, 14:30 today, 2026-01-31, 2026-01-31T14:30:00Z.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<i64>,
}

/// What is wanted of a channel's past.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    last: Option<usize>,
    /// Unix milliseconds.
    since: Option<i64>,
}

impl HistoryArgs {
    /// Carries it out.
    pub async fn run(
        &self,
        state: &State,
        selector: &ServerSelector,
        name: Option<String>,
        form: Show,
    ) -> Result<()> {
        let access = selector.find(state).await?;
        let person = Person::prepare(access, state, name, Key::Free)?;
        let session = ChatSession::enter(person, &[]).await?;
        let read = read(&session.chat, &self.channel, self.wanted()).await;
        let messages = match read {
            Ok(messages) => messages,
            Err(error) => {
                let error =
                    refusal::in_channel(&session.chat, &session.access, &self.channel, error).await;
                session.leave().await;
                return Err(error);
            }
        };
        session.leave().await;
        let mut days = show::Days::default();
        for message in &messages {
            if form == Show::Text {
                put(days.heading(message.ts))?;
            }
            put(show::past(message, form))?;
        }
        Ok(())
    }

    fn wanted(&self) -> Wanted {
        let last = self.last.and_then(|n| usize::try_from(n).ok());
        Wanted {
            last: last.or(self.since.is_none().then_some(LAST)),
            since: self.since,
        }
    }
}

/// Reads as far back as is wanted, and as the server can tell.
async fn read(
    chat: &Client,
    channel: &str,
    wanted: Wanted,
) -> Result<Vec<ChatMessage>, ClientError> {
    let mut history = chat.history(channel, None).await?;
    if let (Some(since), Some(end)) = (history.since, history.end.clone()) {
        let mut reach = Reach::new(since);
        while let Some(offset) = wanted.further(&history).and_then(|o| reach.next(o)) {
            let epoch = end.epoch.clone();
            let further = chat
                .history(channel, Some(Position { epoch, offset }))
                .await?;
            reach.answered(offset, further.resumed);
            if further.resumed {
                history = further;
            }
        }
    }
    Ok(wanted.of(history.messages))
}

impl Wanted {
    /// The offset after which history is to begin, when it does not reach back far enough.
    fn further(self, history: &History) -> Option<u64> {
        let since = history.since.filter(|since| *since > 0)?;
        let enough = match (self.last, self.since) {
            (Some(last), _) if history.messages.len() >= last => true,
            (_, Some(time)) => history.messages.first().is_some_and(|m| m.ts < time),
            _ => false,
        };
        if enough {
            return None;
        }
        let end = history.end.as_ref()?.offset;
        let have = end.saturating_sub(since).max(1);
        // Of a time nobody knows how far back it is: twice as far each time.
        let last = self.last.and_then(|last| u64::try_from(last).ok());
        let more = match (last, self.since) {
            (Some(last), None) => last,
            (Some(last), Some(_)) => last.min(have.saturating_mul(2)),
            (None, _) => have.saturating_mul(2),
        };
        Some(end.saturating_sub(more)).filter(|offset| *offset < since)
    }

    /// What of the messages is wanted.
    fn of(self, mut messages: Vec<ChatMessage>) -> Vec<ChatMessage> {
        if let Some(since) = self.since {
            messages.retain(|m| m.ts >= since);
        }
        let surplus = messages
            .len()
            .saturating_sub(self.last.unwrap_or(usize::MAX));
        messages.split_off(surplus)
    }
}

/// A time as people write it; gives Unix milliseconds.
fn since(text: &str) -> Result<i64, String> {
    time(text, &Zoned::now()).ok_or_else(|| {
        "write how long ago, like 90s, 15m, 2h or 3d, a time of today, like 14:30, or a date, with a time or without"
            .into()
    })
}

fn time(text: &str, now: &Zoned) -> Option<i64> {
    if let Some(ago) = ago(text) {
        let ago = i64::try_from(ago.as_millis()).ok()?;
        return now.timestamp().as_millisecond().checked_sub(ago);
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp.as_millisecond());
    }
    let here = |time: civil::DateTime| {
        let zone: TimeZone = now.time_zone().clone();
        Some(time.to_zoned(zone).ok()?.timestamp().as_millisecond())
    };
    if text.contains('-') {
        let date = text.parse::<civil::DateTime>();
        let day = || text.parse::<civil::Date>().map(|d| d.at(0, 0, 0, 0));
        return here(date.or_else(|_| day()).ok()?);
    }
    here(now.date().to_datetime(text.parse::<civil::Time>().ok()?))
}

/// 90s, 15m, 2h, 3d.
fn ago(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u64 = text[..text.len() - 1].parse().ok()?;
    Some(Duration::from_secs(number.checked_mul(unit)?))
}

#[cfg(test)]
mod tests;
