//! Agents in channels, ready to be measured: the same crowd at the chat server and at the bare hub.

use std::process::Command;

use agentchat_protocol::Identity;
use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    chat_server::{ChatServer, Settings},
    connection::Connection,
    dial::Dial,
    machine,
    program::{Program, beside},
};

/// Handshakes at a time while a crowd is gathered.
const AT_ONCE: usize = 64;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The chat server.
    Ours,
    /// The bare hub.
    Hub,
}

/// A running server with a crowd.
pub enum Server {
    /// The chat server.
    Ours(ChatServer),
    /// The bare hub.
    Hub(Program),
}

impl Server {
    /// Starts one.
    pub fn start(who: Who, settings: Settings) -> Result<Self> {
        Ok(match who {
            Who::Ours => Self::Ours(ChatServer::start(settings)?),
            Who::Hub => {
                let mut command = Command::new(beside("bare-hub")?);
                command.arg(machine::loopback());
                Self::Hub(Program::start(command)?)
            }
        })
    }

    /// The process.
    pub fn program(&self) -> &Program {
        match self {
            Self::Ours(server) => &server.program,
            Self::Hub(program) => program,
        }
    }

    /// How to reach it.
    pub fn dial(&self) -> Result<Dial> {
        let address = self.program().address;
        match self {
            Self::Ours(ChatServer {
                certificate: Some(certificate),
                ..
            }) => Dial::tls(address, certificate),
            _ => Ok(Dial::plain(address)),
        }
    }

    /// Fills channels, `#bench0` and so on, each with so many agents.
    pub async fn gather(&self, dial: &Dial, sizes: &[usize]) -> Result<Vec<Vec<Connection>>> {
        let mut all = match self {
            Self::Ours(_) => known(dial, sizes.iter().sum()).await?.into_iter(),
            Self::Hub(_) => {
                let place = |(channel, &size)| (0..size).map(move |_| channel);
                let places = sizes.iter().enumerate().flat_map(place).enumerate();
                let connect = async |(index, channel): (usize, usize)| {
                    dial.connect(index, &format!("/bench{channel}")).await
                };
                let all: Vec<_> = stream::iter(places)
                    .map(connect)
                    .buffered(AT_ONCE)
                    .try_collect()
                    .await?;
                all.into_iter()
            }
        };
        let mut channels: Vec<Vec<_>> = sizes
            .iter()
            .map(|&size| all.by_ref().take(size).collect())
            .collect();
        if let Self::Ours(_) = self {
            for (index, members) in channels.iter_mut().enumerate() {
                fill(&name(index), members).await?;
            }
            for member in channels.iter_mut().flatten() {
                member.settle().await?;
            }
        }
        Ok(channels)
    }
}

/// A channel's name.
pub fn name(index: usize) -> String {
    format!("#bench{index}")
}

/// Agents whose keys are approved, each connected and welcome.
pub async fn known(dial: &Dial, count: usize) -> Result<Vec<Connection>> {
    let identities: Vec<_> = (0..count)
        .map(|_| Identity::generate())
        .collect::<Result<_, _>>()?;
    let Some((first, others)) = identities.split_first() else {
        return Ok(vec![]);
    };
    let mut founder = dial.connect(0, "/").await?;
    founder.approve(std::slice::from_ref(first)).await?;
    founder.prove("bench0", first).await?;
    founder.approve(others).await?;
    let arrive = async |(index, identity): (usize, &Identity)| {
        let mut agent = dial.connect(index, "/").await?;
        agent.prove(&format!("bench{index}"), identity).await?;
        anyhow::Ok(agent)
    };
    let arrivals = stream::iter(identities.iter().enumerate().skip(1)).map(arrive);
    let mut all = vec![founder];
    all.extend(arrivals.buffered(AT_ONCE).try_collect::<Vec<_>>().await?);
    Ok(all)
}

/// The first makes a channel, the others join it.
async fn fill(channel: &str, members: &mut [Connection]) -> Result<()> {
    let Some((first, others)) = members.split_first_mut() else {
        return Ok(());
    };
    first.create(channel).await?;
    let join = async |member: &mut Connection| member.join(channel).await.map(drop);
    stream::iter(others)
        .map(join)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}
