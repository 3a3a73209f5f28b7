//! `agentctl chat send`: sends one message, once.

use std::{io::IsTerminal, time::Duration};

use agentchat_client::{Client, ClientError};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, stdin},
    time::{Instant, sleep},
};

use super::{
    person::{Key, Person},
    refusal,
    server_selector::ServerSelector,
    session::ChatSession,
};
use crate::{
    channel::channel,
    exit::{Code, WithCode},
    help,
    output::{json_line, put},
    state::State,
};

/// A server takes one message a second from a person; a refused one is tried again after this.
const PACE: Duration = Duration::from_millis(1100);
/// How long the server may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of a message as it goes over the wire; servers take frames of 2 MiB.
const LARGEST: usize = 2 * 1024 * 1024 - 1024;

/// Sends one message, once.
#[derive(Debug, Args)]
#[command(after_help = help::CHAT_SEND)]
pub struct Send {
    /// Channel, with or without its `#`, or an agent's id with its `@`.
    #[arg(value_parser = target)]
    to: String,
    /// What to send; without it, or with -, standard input is read.
    text: Vec<String>,
    /// Message that this one answers, by its id.
    #[arg(long, value_name = "MESSAGE")]
    reply_to: Option<String>,
    /// Name of this message; with the same one, the same is said once however often this is called.
    #[arg(long, value_name = "ID", value_parser = message_name)]
    id: Option<String>,
}

/// A channel, or an agent.
fn target(text: &str) -> Result<String, String> {
    let Some(id) = text.strip_prefix('@') else {
        return channel(text).map_err(|error| format!("{error}; an agent's id begins with @"));
    };
    match !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        true => Ok(text.to_owned()),
        false => Err("an agent's id is @ and what `agentctl chat who` shows after it".into()),
    }
}

fn message_name(text: &str) -> Result<String, String> {
    match (1..=64).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err("it has 1 to 64 bytes".into()),
    }
}

impl Send {
    /// Carries it out.
    pub async fn run(
        &self,
        state: &State,
        selector: &ServerSelector,
        name: Option<String>,
        json: bool,
    ) -> Result<()> {
        let text = self.text().await?;
        let access = selector.find(state).await?;
        let key = match self.id {
            Some(_) => Key::Sender,
            None => Key::Free,
        };
        let person = Person::prepare(access, state, name, key)?;
        let session = ChatSession::enter(person, &[]).await?;
        let said = self.say(&session, &text).await;
        session.leave().await;
        let id = said?;
        if json {
            put(json_line(&json!({"msgId": id, "to": self.to})))?;
        }
        Ok(())
    }

    async fn text(&self) -> Result<String> {
        let text = match self.text.as_slice() {
            [] => read(std::io::stdin().is_terminal()).await?,
            [dash] if dash == "-" => read(false).await?,
            words => words.join(" "),
        };
        let text = text.trim_end_matches(['\n', '\r']).to_owned();
        if text.trim().is_empty() {
            return Err(anyhow!("there is nothing to send: the text is empty").code(Code::Invalid));
        }
        let size = json!(text).to_string().len();
        if size > LARGEST {
            return Err(anyhow!(
                "the text takes {size} bytes, and at most {LARGEST} can be sent at once; send it in parts"
            )
            .code(Code::Invalid));
        }
        Ok(text)
    }

    async fn say(&self, session: &ChatSession, text: &str) -> Result<String> {
        let (chat, access) = (&session.chat, &session.access);
        let message = Message {
            to: &self.to,
            text,
            reply_to: self.reply_to.as_deref(),
            id: self.id.as_deref(),
        };
        let mut said = once(chat, &message).await;
        // One is in most channels from the start, but not in all.
        if let Err(ClientError::Server { code, .. }) = &said
            && code == "NOT_INVITED"
        {
            said = match chat.join(&self.to).await {
                Ok(()) => once(chat, &message).await,
                Err(error) => Err(error),
            };
        }
        match said {
            Ok(id) => Ok(id),
            Err(error) => Err(refusal::in_channel(chat, access, &self.to, error).await),
        }
    }
}

/// Standard input, all of it.
async fn read(terminal: bool) -> Result<String> {
    if terminal {
        return Err(anyhow!(
            "there is nothing to send: give a text, or a file with `<`; `agentctl chat join` talks"
        )
        .code(Code::Invalid));
    }
    let mut bytes = vec![];
    let most = u64::try_from(LARGEST).unwrap_or(u64::MAX) + 1;
    let read = stdin().take(most).read_to_end(&mut bytes).await;
    read.context("standard input can't be read")?;
    String::from_utf8(bytes)
        .map_err(|_| anyhow!("standard input is no UTF-8 text").code(Code::Invalid))
}

/// Something to say.
pub struct Message<'a> {
    /// Channel or agent.
    pub to: &'a str,
    /// Words.
    pub text: &'a str,
    /// Message that it answers.
    pub reply_to: Option<&'a str>,
    /// Name of the message; a random one when there is none.
    pub id: Option<&'a str>,
}

/// Says something, once and at the pace that the server wants; gives the message's id.
pub async fn once(chat: &Client, message: &Message<'_>) -> Result<String, ClientError> {
    let latest = Instant::now() + PATIENCE;
    loop {
        let left = latest.saturating_duration_since(Instant::now());
        let Message {
            to,
            text,
            reply_to,
            id,
        } = message;
        let said = match id {
            Some(id) => chat.send_as(id, to, text, *reply_to, left).await,
            None => chat.send_once(to, text, *reply_to, left).await,
        };
        match said {
            Err(ClientError::Server { code, .. })
                if code == "RATE_LIMITED" && Instant::now() + PACE < latest =>
            {
                sleep(PACE).await;
            }
            Ok(sent) => return Ok(sent.msg_id),
            Err(error) => return Err(error),
        }
    }
}
