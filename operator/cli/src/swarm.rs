//! The services of a swarm: how each is started, and how one knows that it is there.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use agentchat_api::{
    ADMIN_KEY_KEY, Node, SYSTEM_NAMESPACE, ServerProfile, chat_admin_secret, chat_tls_secret,
};
use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{Api, Client, ResourceExt};
use tokio_util::sync::CancellationToken;

use crate::{
    check,
    control::{self, OPERATOR, told},
    output::Progress,
    service::{self, Running, Service, Start},
    state::{Remembered, State, write_private},
    wait::{Look, Patience},
};

/// The chat server's program, and the service of the first Node that has one.
pub const SERVER: &str = "agentchat-server";
/// The scripted model's program and service.
pub const MODEL: &str = "scripted-model";
/// How long a service may take until it answers.
const START: Duration = Duration::from_secs(60);

/// Services being started, and those that were.
#[derive(Debug)]
pub struct Swarm<'a> {
    state: &'a State,
    progress: Progress,
    interrupt: &'a CancellationToken,
    running: Vec<Running>,
}

impl<'a> Swarm<'a> {
    /// None started yet.
    pub fn new(state: &'a State, progress: Progress, interrupt: &'a CancellationToken) -> Self {
        Self {
            state,
            progress,
            interrupt,
            running: vec![],
        }
    }

    /// Fails when one of the services has ended.
    pub fn check(&mut self) -> Result<()> {
        self.running
            .iter_mut()
            .try_for_each(|running| running.check(self.state))
    }

    /// Starts the operator unless it runs, waits until its API answers, and gives a client.
    pub async fn operator(&mut self, chosen: &Remembered) -> Result<Client> {
        let args = [
            ("--data-dir", self.state.folder("operator")?.into()),
            ("--listen", chosen.api_listen.to_string().into()),
            ("--socket", chosen.socket.clone().into()),
            ("--swarm", self.state.swarm().into()),
            ("--agent-image", chosen.agent_image.clone().into()),
            ("--kubeconfig-out", self.state.kubeconfig().into()),
        ];
        let service = Service::new(OPERATOR, OPERATOR, flags(args))?;
        let state = self.state;
        self.start(&service, async |_| answering(state).await).await
    }

    /// A client of the operator, once it answers; `None` when it does not run, or ends instead of answering:
    /// somebody may be killing it right now.
    pub async fn operator_that_runs(&self) -> Result<Option<Client>> {
        let patience = Patience::new(START, self.interrupt);
        let look = async || {
            if service::running(self.state, OPERATOR)?.is_none() {
                return Ok(Look::Done(None));
            }
            Ok(match answering(self.state).await? {
                Look::Done(client) => Look::Done(Some(client)),
                Look::NotYet(state) => Look::NotYet(state),
            })
        };
        patience.until("The API", look).await
    }

    /// Starts the scripted model unless it runs, and waits until it answers.
    pub async fn model(&mut self, port: u16) -> Result<()> {
        let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let service = Service::new(
            MODEL,
            MODEL,
            flags([("--listen", listen.to_string().into())]),
        )?;
        self.start(&service, async |pid| Ok(listening(pid, port)))
            .await
    }

    /// Starts the chat server of a Node unless it runs, with the keys that the operator made for it.
    pub async fn chat_server(&mut self, client: &Client, node: &Node, service: &str) -> Result<()> {
        let keys = self.keys(client, &node.name_any()).await?;
        let folder = self.state.folder(&format!("chat/{}", node.name_any()))?;
        for (name, contents) in &keys {
            write_private(&folder.join(name), contents)?;
        }
        let server = node.spec.server.clone().unwrap_or_default();
        let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, server.port));
        let profile = match server.profile {
            ServerProfile::Private => "private",
            ServerProfile::Public => "public",
        };
        let args = [
            ("--listen", listen.to_string().into()),
            ("--data-dir", folder.join("data").into()),
            ("--tls-cert", folder.join("tls.crt").into()),
            ("--tls-key", folder.join("tls.key").into()),
            ("--profile", profile.into()),
            ("--admin-key-file", folder.join("admin.key").into()),
            ("--name", node.name_any().into()),
        ];
        let mut service = Service::new(service, SERVER, flags(args))?;
        service.reads = keys.into_iter().map(|(_, contents)| contents).collect();
        if service::running(self.state, &service.name)?.is_none() {
            let what = format!("The chat server of Node {}", node.name_any());
            check::free(listen, &what, "--chat-port")?;
        }
        self.start(&service, async |pid| Ok(listening(pid, server.port)))
            .await
    }

    /// Waits for the Secrets of a Node's chat server; gives the files that it reads.
    async fn keys(&mut self, client: &Client, node: &str) -> Result<[(&'static str, Vec<u8>); 3]> {
        let api = Api::<Secret>::namespaced(client.clone(), SYSTEM_NAMESPACE);
        let names = [chat_tls_secret(node), chat_admin_secret(node)];
        let patience = Patience::new(START, self.interrupt);
        let running = &mut self.running;
        let read = async || {
            running
                .iter_mut()
                .try_for_each(|one| one.check(self.state))?;
            let mut found = vec![];
            for name in &names {
                let secret = api.get_opt(name).await;
                match secret.map_err(|e| told(e, &format!("Secret {name} is not to be had")))? {
                    Some(secret) => found.push(secret.data.unwrap_or_default()),
                    None => {
                        return Ok(Look::NotYet(format!(
                            "Secret {SYSTEM_NAMESPACE}/{name} is missing"
                        )));
                    }
                }
            }
            Ok(Look::Done(found))
        };
        let mut found = patience
            .until(&format!("The keys of Node {node}"), read)
            .await?;
        let mut take = |from: usize, key: &str| {
            let value = found.get_mut(from).and_then(|data| data.remove(key));
            value
                .map(|bytes| bytes.0)
                .with_context(|| format!("Secret {} has no key {key:?}", names[from]))
        };
        Ok([
            ("tls.crt", take(0, "tls.crt")?),
            ("tls.key", take(0, "tls.key")?),
            ("admin.key", take(1, ADMIN_KEY_KEY)?),
        ])
    }

    async fn start<T>(
        &mut self,
        service: &Service,
        mut answers: impl AsyncFnMut(i32) -> Result<Look<T>>,
    ) -> Result<T> {
        let mut found = service.start(self.state).await?;
        let mut answer = self.answer(service, &mut found.0, &mut answers).await;
        // What ran may have been ending already when it was found.
        if answer.is_err() && found.1 == Start::Kept && found.0.check(self.state).is_err() {
            found = service.start(self.state).await?;
            answer = self.answer(service, &mut found.0, &mut answers).await;
        }
        let answer = answer?;
        let (running, start) = found;
        self.running.push(running);
        let name = &service.name;
        match start {
            Start::Kept => self.progress.step(format_args!("{name} runs already")),
            Start::Fresh => self.progress.good(format_args!("{name} started")),
            Start::Replaced => {
                let text = format_args!("{name} started again, with what has changed");
                self.progress.good(text);
            }
        }
        Ok(answer)
    }

    /// Waits until a service answers, or has ended.
    async fn answer<T>(
        &self,
        service: &Service,
        running: &mut Running,
        answers: &mut impl AsyncFnMut(i32) -> Result<Look<T>>,
    ) -> Result<T> {
        let look = async || {
            running.check(self.state)?;
            answers(running.pid()).await
        };
        let patience = Patience::new(START, self.interrupt);
        patience.until(&service.name, look).await
    }
}

/// A client, when the API answers.
async fn answering(state: &State) -> Result<Look<Client>> {
    let client = match control::client(state).await {
        Ok(client) => client,
        Err(error) => return Ok(Look::NotYet(format!("{error:#}"))),
    };
    let answer = Api::<Namespace>::all(client.clone())
        .get("kube-system")
        .await;
    Ok(match answer {
        Ok(_) => Look::Done(client),
        Err(error) => Look::NotYet(error.to_string()),
    })
}

/// Nodes whose chat server is ours to run, the main one first; `main` is its name from before.
pub fn chat_servers(nodes: Vec<Node>, main: Option<&str>) -> Result<Vec<(Node, String)>> {
    let mut servers: Vec<_> = nodes.into_iter().filter(is_ours).collect();
    servers.sort_by_key(|node| {
        (
            Some(node.name_any().as_str()) != main,
            node.metadata.creation_timestamp.clone(),
            node.name_any(),
        )
    });
    let mut ports: Vec<_> = servers
        .iter()
        .map(|n| n.spec.server.clone().unwrap_or_default().port)
        .collect();
    ports.sort_unstable();
    if let Some(pair) = ports.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!(
            "two Nodes of role Server want port {} of this machine; change spec.server.port of one",
            pair[0]
        );
    }
    let named = servers.into_iter().enumerate().map(|(i, node)| {
        let service = if i == 0 {
            SERVER.to_owned()
        } else {
            format!("{SERVER}-{}", node.name_any())
        };
        (node, service)
    });
    Ok(named.collect())
}

fn is_ours(node: &Node) -> bool {
    node.spec.role == agentchat_api::NodeRole::Server
        && node.spec.machine.local.is_some()
        && node.metadata.deletion_timestamp.is_none()
}

fn listening(pid: i32, port: u16) -> Look<()> {
    if check::listens(pid, port) {
        Look::Done(())
    } else {
        Look::NotYet(format!("it does not listen on port {port} yet"))
    }
}

fn flags<const N: usize>(pairs: [(&str, OsString); N]) -> Vec<OsString> {
    pairs
        .into_iter()
        .flat_map(|(flag, value)| [flag.into(), value])
        .collect()
}
