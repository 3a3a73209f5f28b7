//! `agentctl chat who` and `agentctl chat channels`: who is where.

use std::{collections::BTreeMap, time::Duration};

use agentchat_client::{Agent, Client};
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    person::{Key, Person},
    refusal,
    server_selector::ServerSelector,
    session::ChatSession,
    show::Show,
};
use crate::{
    channel::channel,
    get::columns,
    help,
    output::{json_line, put, say},
    state::State,
};

/// Channels that are looked at without pauses; servers take 60 requests in 10 s.
const AT_ONCE: usize = 40;
/// The pause before each further one.
const PAUSE: Duration = Duration::from_millis(200);

/// Shows who is there.
#[derive(Debug, Args)]
#[command(after_help = help::CHAT_WHO)]
pub struct Who {
    /// Only in this channel, with or without its `#`.
    #[arg(value_parser = channel)]
    channel: Option<String>,
}

/// Shows the channels.
#[derive(Debug, Args)]
#[command(after_help = help::CHAT_CHANNELS)]
pub struct Channels {}

/// An agent, and the channels that it is in.
pub struct Present {
    /// The agent.
    pub agent: Agent,
    /// Its channels.
    pub channels: Vec<String>,
}

impl Who {
    /// Carries it out.
    pub async fn run(
        &self,
        state: &State,
        selector: &ServerSelector,
        name: Option<String>,
        form: Show,
    ) -> Result<()> {
        let person = Person::prepare(selector.find(state).await?, state, name, Key::Free)?;
        let session = ChatSession::enter(person, &[]).await?;
        let found = present(&session, self.channel.as_deref()).await;
        session.leave().await;
        let found = found?;
        match form {
            Show::Json => put(found.iter().map(as_json).collect::<String>())?,
            Show::Text if found.is_empty() => say("nobody else is there"),
            Show::Text => put(table(&found, self.channel.is_none()))?,
        }
        Ok(())
    }
}

impl Channels {
    /// Carries it out.
    pub async fn run(
        &self,
        state: &State,
        selector: &ServerSelector,
        name: Option<String>,
        form: Show,
    ) -> Result<()> {
        let person = Person::prepare(selector.find(state).await?, state, name, Key::Free)?;
        let session = ChatSession::enter(person, &[]).await?;
        let listed = match session.chat.list_channels().await {
            Ok(listed) => Ok(listed),
            Err(error) => Err(refusal::in_channel(&session.chat, &session.access, "", error).await),
        };
        session.leave().await;
        let listed = listed?;
        let for_whom = |verified| if verified { "verified" } else { "all" };
        let mut rows = vec![["NAME", "AGENTS", "FOR"].map(str::to_owned).to_vec()];
        for c in &listed {
            if form == Show::Json {
                let value =
                    json!({"name": c.name, "agents": c.agents, "verifiedOnly": c.verified_only});
                put(json_line(&value))?;
            }
            let agents = c.agents.to_string();
            rows.push(vec![
                c.name.clone(),
                agents,
                for_whom(c.verified_only).into(),
            ]);
        }
        if form == Show::Text {
            put(columns(&rows))?;
        }
        Ok(())
    }
}

/// Who is in a channel, or in any, without oneself; sorted by name.
pub async fn present(session: &ChatSession, channel: Option<&str>) -> Result<Vec<Present>> {
    let (chat, access) = (&session.chat, &session.access);
    let all = match channel {
        Some(channel) => vec![channel.to_owned()],
        None => match chat.list_channels().await {
            Ok(listed) => listed.into_iter().map(|c| c.name).collect(),
            Err(error) => return Err(refusal::in_channel(chat, access, "", error).await),
        },
    };
    let mut found: BTreeMap<String, Present> = BTreeMap::new();
    for (count, name) in all.into_iter().enumerate() {
        if count >= AT_ONCE {
            sleep(PAUSE).await;
        }
        let agents = match agents(chat, &name, channel.is_some()).await {
            Ok(agents) => agents,
            Err(error) => return Err(refusal::in_channel(chat, access, &name, error).await),
        };
        for agent in agents {
            let channels = vec![];
            let entry = found.entry(agent.id.clone());
            let present = entry.or_insert(Present { agent, channels });
            present.channels.push(name.clone());
        }
    }
    found.remove(&session.welcome.agent_id);
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by(|a, b| (&a.agent.name, &a.agent.id).cmp(&(&b.agent.name, &b.agent.id)));
    Ok(found)
}

/// Who is in one channel; nobody, when it is one of many and went away meanwhile.
async fn agents(
    chat: &Client,
    channel: &str,
    only: bool,
) -> Result<Vec<Agent>, agentchat_client::ClientError> {
    match chat.list_agents(channel).await {
        Err(agentchat_client::ClientError::Server { .. }) if !only => Ok(vec![]),
        listed => listed,
    }
}

fn as_json(present: &Present) -> String {
    let Present { agent, channels } = present;
    let value: Value = json!({"id": agent.id, "name": agent.name, "presence": agent.presence,
        "statusText": agent.status_text, "verified": agent.verified, "channels": channels});
    json_line(&value)
}

fn table(all: &[Present], channels: bool) -> String {
    let head = ["NAME", "ID", "PRESENCE", "VERIFIED", "CHANNELS", "STATUS"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for present in all {
        let agent = &present.agent;
        let verified = if agent.verified { "yes" } else { "no" };
        rows.push(vec![
            agent.name.clone(),
            agent.id.clone(),
            agent.presence.clone(),
            verified.to_owned(),
            present.channels.join(","),
            agent.status_text.clone().unwrap_or_default(),
        ]);
    }
    if !channels {
        rows.iter_mut().for_each(|row| drop(row.remove(4)));
    }
    columns(&rows)
}
