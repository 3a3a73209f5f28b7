//! Getting in: the key is put on the allowlist where that is ours, then proven.

use std::{fs::File, time::Duration};

use agentchat_client::{Admin, Client, ClientError, Event, Events, Welcome};
use anyhow::{Context, Result, anyhow};
use tokio::time::timeout;

use super::{person::Person, refusal, server_selector::Access};
use crate::exit::{Code, WithCode};

/// How long getting in may take; a server may hold whoever comes back after a lost connection for 5 s.
const DEADLINE: Duration = Duration::from_secs(20);
/// Connections that may break before WELCOME.
const BROKEN: usize = 2;

/// A person who is in.
pub struct ChatSession {
    /// The connection.
    pub chat: Client,
    /// What happens.
    pub events: Events,
    /// The server's greeting.
    pub welcome: Welcome,
    /// The server.
    pub access: Access,
    /// The person's public key, PEM.
    pub key: String,
    /// Held while the key is in use.
    _lock: File,
}

impl ChatSession {
    /// Gets a person in.
    pub async fn enter(person: Person, channels: &[&str]) -> Result<Self> {
        approve(&person).await?;
        let key = person.public_key();
        let channels = channels.iter().map(|&channel| channel.to_owned());
        let (options, access, lock) = person.into_options(channels.collect());
        let (chat, mut events) = Client::start(options);
        let welcome = timeout(DEADLINE, welcomed(&mut events, &access, &key)).await;
        let welcome = welcome.map_err(|_| {
            let (url, seconds) = (&access.url, DEADLINE.as_secs());
            anyhow!("the chat server {url} does not let us in within {seconds} s")
                .code(Code::TimedOut)
        })??;
        Ok(Self {
            chat,
            events,
            welcome,
            access,
            key,
            _lock: lock,
        })
    }

    /// Leaves.
    pub async fn leave(self) {
        drop(self.events);
        self.chat.shutdown().await;
    }
}

/// Puts the key on the allowlist, where there is one and its key is at hand.
async fn approve(person: &Person) -> Result<()> {
    let access = &person.access;
    let Some(key) = &access.admin_key else {
        return Ok(());
    };
    let admin = Admin::new(&access.url, access.ca_pem.as_deref(), key);
    let (key, note) = (person.public_key(), person.note());
    match admin.approve(&key, Some(&note)).await {
        // This server has no allowlist: everybody may come in.
        Err(ClientError::Server { code, .. }) if code == "INVALID_MSG" => Ok(()),
        Err(error) => Err(refusal::of_admin(access, error)),
        Ok(_) => Ok(()),
    }
}

async fn welcomed(events: &mut Events, access: &Access, key: &str) -> Result<Welcome> {
    let mut broken = 0;
    loop {
        match events.recv().await.context("the chat client ended")? {
            Event::Connected(welcome) => return Ok(welcome),
            Event::Refused { code, message } => {
                return Err(refusal::at_the_door(access, &code, &message, key));
            }
            Event::Disconnected { reason } => {
                broken += 1;
                if broken == BROKEN {
                    return Err(refusal::unreachable(access, &reason));
                }
            }
            _ => {}
        }
    }
}
