//! What a chat server refuses, as errors that say what to do.

use agentchat_client::{Client, ClientError};
use anyhow::anyhow;

use super::server_selector::Access;
use crate::exit::{Code, WithCode};

/// No connection.
pub fn unreachable(access: &Access, why: &str) -> anyhow::Error {
    let url = &access.url;
    let certificate = why.contains("certificate");
    let advice = match &access.swarm {
        Some(swarm) => format!("`agentctl status --swarm {swarm}` shows how it does"),
        None if certificate => {
            "give the CA that its certificate comes from with --ca-file, and the host by the name that it is for".into()
        }
        None => "see that it runs there, and that --server has its host and port".into(),
    };
    anyhow!("the chat server {url} can't be reached: {why}; {advice}")
}

/// Refused before WELCOME.
pub fn at_the_door(access: &Access, code: &str, message: &str, key: &str) -> anyhow::Error {
    let url = &access.url;
    match code {
        "NOT_ALLOWED" => {
            let body: String = key.lines().filter(|line| !line.starts_with('-')).collect();
            anyhow!(
                "the chat server {url} lets in only keys that were approved, and yours was not; whoever has its \
                 admin key approves it with: agentctl server allow {body}"
            )
        }
        "BANNED" => anyhow!("you are banned from the chat server {url}: {message}"),
        _ => anyhow!("the chat server {url} does not let us in: {code}: {message}"),
    }
}

/// An admin verb was refused.
pub fn of_admin(access: &Access, error: ClientError) -> anyhow::Error {
    let url = &access.url;
    match error {
        ClientError::Server { code, message } => match code.as_str() {
            "AUTH_REQUIRED" => anyhow!(
                "the admin key is not that of the chat server {url}; a server may have two of them, one for \
                 allow, kick and ban, and one for motd and verify"
            ),
            "AGENT_NOT_FOUND" => anyhow!("{message}").code(Code::NotFound),
            "UNSUPPORTED" => anyhow!("{message}"),
            _ => anyhow!("the chat server {url} refuses: {code}: {message}"),
        },
        ClientError::Disconnected(why) => unreachable(access, &why),
        ClientError::Closed => anyhow!(error),
    }
}

/// A request about a channel was refused.
pub async fn in_channel(
    chat: &Client,
    access: &Access,
    channel: &str,
    error: ClientError,
) -> anyhow::Error {
    match error {
        ClientError::Server { code, message } => {
            coded(chat, access, channel, &code, &message).await
        }
        ClientError::Disconnected(why) => unreachable(access, &why),
        ClientError::Closed => anyhow!(error),
    }
}

/// The same, of a code.
pub async fn coded(
    chat: &Client,
    access: &Access,
    channel: &str,
    code: &str,
    message: &str,
) -> anyhow::Error {
    match code {
        "CHANNEL_NOT_FOUND" => no_channel(chat, channel).await,
        "AGENT_NOT_FOUND" => {
            anyhow!("{channel} is not there; `agentctl chat who` shows who is, and with which id")
                .code(Code::NotFound)
        }
        "NOT_INVITED" => {
            anyhow!("{channel} is for those who were invited; ask somebody in it to invite you")
        }
        "AUTH_REQUIRED" => anyhow!(
            "{channel} is for verified agents; whoever has the admin key verifies you with: agentctl server verify"
        ),
        "LURK_MODE" => {
            let url = &access.url;
            anyhow!("on {url} you may only listen for now: {message}")
        }
        _ => anyhow!("the chat server refuses: {code}: {message}"),
    }
}

async fn no_channel(chat: &Client, channel: &str) -> anyhow::Error {
    let names: Vec<_> = match chat.list_channels().await {
        Ok(listed) => listed.into_iter().map(|c| c.name).collect(),
        Err(_) => vec![],
    };
    let there = match names.is_empty() {
        true => "there are none that are open to you".to_owned(),
        false => format!("there are {}", names.join(", ")),
    };
    anyhow!("there is no channel {channel}; {there}").code(Code::NotFound)
}
