//! A conversation: messages are shown, what is typed is sent.

use std::io::{IsTerminal, stdin};

use agentchat_client::{ChatMessage, ClientError, Event};
use anyhow::{Context, Result};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use super::{
    person::Person,
    refusal,
    send::{Message, once},
    session::ChatSession,
    show::{self, Show},
};
use crate::output::{FAINT, NOTE, plain, plain_line, put, say};

/// Lines that may wait to be sent.
const LINES: usize = 64;
/// What the end of standard input means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// On a terminal, Ctrl-D ends the conversation.
    EndsTheChat,
    /// Nothing: it goes on.
    MayEnd,
}

/// A person in a channel.
pub struct Conversation {
    session: ChatSession,
    channel: String,
    last: Option<(Option<String>, u64)>,
}

impl Conversation {
    /// Puts the person's key on the allowlist, where that is the swarm's, and gets them in.
    pub async fn open(person: Person, channel: &str) -> Result<Self> {
        Ok(Self {
            session: ChatSession::enter(person, &[channel]).await?,
            channel: channel.to_owned(),
            last: None,
        })
    }

    /// Says one thing, and leaves.
    pub async fn say_once(mut self, text: &str) -> Result<()> {
        let message = message(&self.channel, text);
        let said = {
            let drain = async { while self.session.events.recv().await.is_some() {} };
            tokio::select! {
                said = once(&self.session.chat, &message) => said,
                () = drain => Err(ClientError::Closed),
            }
        };
        let said = match said {
            Ok(_) => Ok(()),
            Err(error) => {
                let ChatSession { chat, access, .. } = &self.session;
                Err(refusal::in_channel(chat, access, &self.channel, error).await)
            }
        };
        self.session.leave().await;
        said
    }

    /// Shows and says until `stop`, or until the input's end where that counts.
    pub async fn hold(&mut self, show: Show, input: Input, stop: &CancellationToken) -> Result<()> {
        let terminal = stdin().is_terminal();
        let typed = stop.child_token();
        if show == Show::Text {
            self.greet();
        }
        let (lines, mut waiting) = mpsc::channel::<String>(LINES);
        let (chat, channel) = (self.session.chat.clone(), self.channel.clone());
        let sender = tokio::spawn(async move {
            while let Some(line) = waiting.recv().await {
                if let Err(error) = once(&chat, &message(&channel, &line)).await {
                    let reason = plain(&error.to_string());
                    say(format_args!("{NOTE}not sent: {reason}{NOTE:#}"));
                }
            }
        });
        let sends = sender.abort_handle();
        let ended = typed.clone();
        let reader = tokio::spawn(async move {
            let mut typed = BufReader::new(tokio::io::stdin()).lines();
            while let Ok(Some(line)) = typed.next_line().await {
                if !line.trim().is_empty() && lines.send(line).await.is_err() {
                    break;
                }
            }
            drop(lines);
            if terminal && input == Input::EndsTheChat {
                // What was typed last is still to be sent.
                drop(sender.await);
                ended.cancel();
            }
        });
        let result = self.listen(show, terminal, &typed).await;
        reader.abort();
        sends.abort();
        self.session.chat.shutdown().await;
        result
    }

    /// What somebody who comes in should know.
    fn greet(&self) {
        let welcome = &self.session.welcome;
        if let Some(motd) = &welcome.motd {
            say(format_args!("{NOTE}· {}{NOTE:#}", plain(motd)));
        }
        match (welcome.lurk, welcome.lurk_until) {
            (false, _) => {}
            (true, Some(until)) => {
                let until = show::clock(until);
                say(format_args!(
                    "{NOTE}· you may only listen until {until}{NOTE:#}"
                ));
            }
            (true, None) => say(format_args!("{NOTE}· you may only listen here{NOTE:#}")),
        }
    }

    async fn listen(&mut self, show: Show, terminal: bool, stop: &CancellationToken) -> Result<()> {
        let mut away = false;
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                event = self.session.events.recv() => event.context("the chat client ended")?,
            };
            match event {
                Event::Message(message) => {
                    // A terminal shows already what was typed.
                    let own = terminal
                        && message.from == self.session.welcome.agent_id
                        && !message.replay;
                    if self.is_new(&message) && !(own && show == Show::Text) {
                        put(show::message(&message, show))?;
                    }
                }
                Event::Connected(welcome) => {
                    self.session.welcome = welcome;
                    if std::mem::take(&mut away) {
                        say(format_args!("{FAINT}· connected again{FAINT:#}"));
                    }
                }
                Event::Disconnected { reason } if !std::mem::replace(&mut away, true) => {
                    let reason = plain_line(&reason);
                    say(format_args!(
                        "{NOTE}· the chat server is away ({reason}); trying again{NOTE:#}"
                    ));
                }
                Event::JoinRefused {
                    channel,
                    code,
                    message,
                } if channel == self.channel => {
                    let ChatSession { chat, access, .. } = &self.session;
                    return Err(refusal::coded(chat, access, &channel, &code, &message).await);
                }
                Event::Missed { channel } if channel == self.channel => {
                    say(format_args!(
                        "{NOTE}· what was said while you were away is partly gone{NOTE:#}"
                    ));
                }
                Event::Refused { code, message } => {
                    let ChatSession { access, key, .. } = &self.session;
                    return Err(refusal::at_the_door(access, &code, &message, key));
                }
                Event::AgentJoined { name, .. } if show == Show::Text => {
                    say(format_args!(
                        "{FAINT}· {} came in{FAINT:#}",
                        plain_line(&name)
                    ));
                }
                _ => {}
            }
        }
    }

    /// Whether a message was not shown yet: after a lost connection the server repeats what it has.
    fn is_new(&mut self, message: &ChatMessage) -> bool {
        let Some(offset) = message.offset.filter(|_| message.to == self.channel) else {
            return true;
        };
        if let Some((epoch, last)) = &self.last
            && *epoch == message.epoch
            && offset <= *last
        {
            return false;
        }
        self.last = Some((message.epoch.clone(), offset));
        true
    }
}

fn message<'a>(to: &'a str, text: &'a str) -> Message<'a> {
    Message {
        to,
        text,
        reply_to: None,
        id: None,
    }
}
