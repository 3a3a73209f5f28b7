//! A conversation: what is said is shown, what is typed is said.

use std::{
    fs::File,
    io::{IsTerminal, stdin},
    time::Duration,
};

use agentchat_client::{ChatMessage, Client, ClientError, Event, Events};
use anyhow::{Context, Result, anyhow, bail};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Person, Show, show};
use crate::{
    exit::{Code, WithCode},
    output::{FAINT, NOTE, put, say},
};

/// How long getting in may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// Lines that may wait to be said.
const LINES: usize = 64;
/// The server takes one message a second from a person; a refused one is tried again after this.
const PACE: Duration = Duration::from_millis(1100);
/// How often.
const TRIES: usize = 5;

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
    chat: Client,
    events: Events,
    channel: String,
    own_id: String,
    last: Option<(Option<String>, u64)>,
    _lock: File,
}

impl Conversation {
    /// Puts the person's key on the allowlist and connects.
    pub async fn open(person: Person, channel: &str) -> Result<Self> {
        let url = person.url.clone();
        let (options, approval, lock) = person.into_options(channel);
        let (chat, mut events) = Client::start(options);
        let enter = async {
            chat.admin_approve(
                &approval.public_key,
                &approval.admin_key,
                Some(&approval.note),
            )
            .await?;
            anyhow::Ok(())
        };
        let why = || format!("the chat server {url} does not let us in");
        timeout(DEADLINE, enter)
            .await
            .with_context(why)?
            .with_context(why)?;
        let connect = async {
            loop {
                match events.recv().await {
                    Some(Event::Connected(welcome)) => return Ok(welcome),
                    // The first attempt may have come before the key was on the list.
                    Some(Event::Refused { code, .. }) if code == "NOT_ALLOWED" => {}
                    Some(Event::Refused { code, message }) => bail!("{code}: {message}"),
                    Some(_) => {}
                    None => bail!("the client ended"),
                }
            }
        };
        let welcome = timeout(DEADLINE, connect)
            .await
            .with_context(why)?
            .with_context(why)?;
        Ok(Self {
            chat,
            events,
            channel: channel.to_owned(),
            own_id: welcome.agent_id,
            last: None,
            _lock: lock,
        })
    }

    /// Says one thing, and leaves.
    pub async fn say_once(mut self, text: &str) -> Result<()> {
        let said = {
            let drain = async { while self.events.recv().await.is_some() {} };
            tokio::select! {
                said = timeout(DEADLINE, send(&self.chat, &self.channel, text)) => said.context("the chat server does not answer"),
                () = drain => Err(anyhow!("the client ended")),
            }
        };
        self.chat.shutdown().await;
        said?
    }

    /// Shows and says until `stop`, or until the input's end where that counts.
    pub async fn hold(&mut self, show: Show, input: Input, stop: &CancellationToken) -> Result<()> {
        let terminal = stdin().is_terminal();
        let typed = stop.child_token();
        let (lines, mut waiting) = mpsc::channel::<String>(LINES);
        let (chat, channel) = (self.chat.clone(), self.channel.clone());
        let sender = tokio::spawn(async move {
            while let Some(line) = waiting.recv().await {
                if let Err(error) = send(&chat, &channel, &line).await {
                    say(format_args!("{NOTE}not said: {error:#}{NOTE:#}"));
                }
            }
        });
        let ended = typed.clone();
        let reader = tokio::spawn(async move {
            let mut typed = BufReader::new(tokio::io::stdin()).lines();
            while let Ok(Some(line)) = typed.next_line().await {
                if !line.trim().is_empty() && lines.send(line).await.is_err() {
                    break;
                }
            }
            if terminal && input == Input::EndsTheChat {
                ended.cancel();
            }
        });
        let result = self.listen(show, terminal, &typed).await;
        reader.abort();
        sender.abort();
        self.chat.shutdown().await;
        result
    }

    async fn listen(&mut self, show: Show, terminal: bool, stop: &CancellationToken) -> Result<()> {
        let mut away = false;
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                event = self.events.recv() => event.context("the chat client ended")?,
            };
            match event {
                Event::Message(message) => {
                    // What was typed on a terminal stands there already.
                    let own = terminal && message.from == self.own_id && !message.replay;
                    if self.is_new(&message) && !(own && show == Show::Text) {
                        put(show::message(&message, show))?;
                    }
                }
                Event::Connected(welcome) => {
                    self.own_id = welcome.agent_id;
                    if std::mem::take(&mut away) {
                        say(format_args!("{FAINT}· connected again{FAINT:#}"));
                    }
                }
                Event::Disconnected { reason } if !std::mem::replace(&mut away, true) => {
                    say(format_args!(
                        "{NOTE}· the chat server is away ({reason}); trying again{NOTE:#}"
                    ));
                }
                Event::JoinRefused { channel, code, .. }
                    if channel == self.channel && code == "CHANNEL_NOT_FOUND" =>
                {
                    return Err(self.no_channel().await);
                }
                Event::JoinRefused {
                    channel,
                    code,
                    message,
                } if channel == self.channel => {
                    bail!("the chat server does not let you into {channel}: {code}: {message}")
                }
                Event::Refused { code, message } => {
                    bail!("the chat server refused: {code}: {message}")
                }
                Event::AgentJoined { name, .. } if show == Show::Text => {
                    say(format_args!(
                        "{FAINT}· {} came in{FAINT:#}",
                        crate::output::plain(&name)
                    ));
                }
                _ => {}
            }
        }
    }

    async fn no_channel(&self) -> anyhow::Error {
        let listed = timeout(DEADLINE, self.chat.list_channels()).await;
        let names: Vec<_> = listed
            .into_iter()
            .flatten()
            .flatten()
            .map(|c| c.name)
            .collect();
        anyhow!(
            "there is no channel {}; there are {}",
            self.channel,
            names.join(", ")
        )
        .code(Code::NotFound)
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

/// Says something, at the pace that the server wants.
async fn send(chat: &Client, channel: &str, text: &str) -> Result<()> {
    let mut tries = 0;
    loop {
        match chat.send(channel, text, None).await {
            Ok(_) => return Ok(()),
            Err(ClientError::Server { code, .. }) if code == "RATE_LIMITED" && tries < TRIES => {
                tries += 1;
                sleep(PACE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
