//! The wait for Nodes and Agents, with a line about each change.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use agentchat_api::{Agent, ConditionType, EndpointScope, Node, is_true};
use agentchat_manifests::Manifest;
use anyhow::{Result, anyhow};
use kube::{Api, Client, ResourceExt};
use tokio::{net::TcpStream, time::timeout};
use url::Url;

use crate::{
    exit::{Code, WithCode, code_of},
    logs,
    output::{FAINT, Progress},
    readiness::{self, NO_ANSWER, Outlook, Readiness},
    wait::{Changes, Deadline, Look},
};

/// How long an object may be in a bad state before that counts: its status may be from before.
const SETTLE: Duration = Duration::from_secs(10);
/// How long a program may be away before the end of its log is shown.
const CRASHES: Duration = Duration::from_secs(4);
/// Lines of an agent's log that are shown when it fails.
const LINES: u32 = 15;

/// How long a connection to a chat server may take.
const CONNECTION: Duration = Duration::from_secs(2);

/// Waits until the Nodes are Ready, and their chat servers take connections: right after a start of the operator, a
/// status may be from before the last `down`.
pub async fn nodes(
    client: &Client,
    wanted: &[&Manifest],
    deadline: &Deadline,
    progress: Progress,
) -> Result<()> {
    let mut watch = Watch::new(progress, "Node");
    let look = async |all: &[Arc<Node>]| {
        let mut found = BTreeMap::new();
        for node in all {
            let mut readiness = readiness::node(node);
            if readiness.is_good() && !takes_connections(node).await {
                readiness = Readiness::new(Outlook::Waiting, "waits for its chat server");
            }
            found.insert(node.name_any(), readiness);
        }
        watch.look(wanted, |m| found.get(&m.name).cloned())
    };
    deadline
        .watch("Nodes", Api::all(client.clone()), look)
        .await
}

/// Whether a Node's chat server can be connected to from here; true for a Node that has none on this machine.
async fn takes_connections(node: &Node) -> bool {
    let endpoints = node.status.iter().flat_map(|status| &status.endpoints);
    let mut local = endpoints.filter(|endpoint| endpoint.scope == EndpointScope::Host);
    let Some(url) = local.next().and_then(|e| Url::parse(&e.url).ok()) else {
        return true;
    };
    let (Some(host), Some(port)) = (url.host_str(), url.port()) else {
        return true;
    };
    let connected = timeout(CONNECTION, TcpStream::connect((host, port))).await;
    connected.is_ok_and(|connected| connected.is_ok())
}

/// What Agents that begin anew had done before: all but those that were well and stay as they are.
pub struct TokensBefore {
    /// Tokens written, by title.
    tokens: BTreeMap<String, u64>,
}

impl TokensBefore {
    /// Of the Agents there were, without those whose manifests made no change.
    pub fn new(were: &[Agent], changed: &BTreeSet<String>) -> Self {
        let counted = were.iter().filter_map(|agent| {
            let title = title(agent);
            let status = agent.status.as_ref()?;
            let well =
                is_true(&status.conditions, ConditionType::Ready) && !changed.contains(&title);
            let tokens = status.usage.as_ref().map_or(0, |usage| usage.tokens_out);
            (!well).then_some((title, tokens))
        });
        Self {
            tokens: counted.collect(),
        }
    }

    fn of(&self, manifest: &Manifest) -> Option<u64> {
        self.tokens.get(&manifest.title()).copied()
    }
}

/// As [`Manifest::title`] has it.
fn title(agent: &Agent) -> String {
    match agent.namespace() {
        Some(namespace) if namespace != "default" => {
            format!("Agent {namespace}/{}", agent.name_any())
        }
        _ => format!("Agent {}", agent.name_any()),
    }
}

/// Waits until the Agents are Ready, or have done what they had to.
pub async fn agents(
    client: &Client,
    wanted: &[&Manifest],
    before: &TokensBefore,
    deadline: &Deadline,
    progress: Progress,
) -> Result<()> {
    let mut watch = Watch::new(progress, "Agent");
    let mut quoted = BTreeSet::new();
    let look = async |all: &[Arc<Agent>]| {
        let crashing = watch.crashing.take();
        if let Some(crashing) = crashing.filter(|one| quoted.insert(one.clone())) {
            quote(client, &crashing, progress).await;
        }
        let find = |m: &Manifest| {
            let same = |a: &&Arc<Agent>| a.name_any() == m.name && a.namespace() == m.namespace;
            all.iter().find(same)
        };
        watch.look(wanted, |m| {
            find(m).map(|agent| readiness::agent(agent, before.of(m)))
        })
    };
    let waited = deadline
        .watch("Agents", Api::all(client.clone()), look)
        .await;
    let Err(error) = waited else { return Ok(()) };
    if code_of(&error) == Code::Interrupted {
        return Err(error);
    }
    let error = match error.to_string().contains(NO_ANSWER) {
        true => with_advice(error),
        false => error,
    };
    match watch.worst.filter(|_| watch.log) {
        Some((namespace, name)) => Err(with_log(client, &namespace, &name, error).await),
        None => Err(error),
    }
}

/// Shows the end of the log of an Agent whose program ends again and again.
async fn quote(client: &Client, (namespace, name): &(String, String), progress: Progress) {
    let read = logs::last_lines(client, (namespace, name), LINES).await;
    for line in read.unwrap_or_default().lines() {
        progress.step(format_args!("{FAINT}  {name} | {line}{FAINT:#}"));
    }
}

/// The error, with what may be behind a model that does not answer.
fn with_advice(error: anyhow::Error) -> anyhow::Error {
    let code = code_of(&error);
    let advice = "a wrong credential or an endpoint that can't be reached looks like this";
    anyhow!("{error:#} ({advice}; see --oauth-token-file and --api-key-file)").code(code)
}

/// The error, with the end of the agent's log when there is one.
async fn with_log(
    client: &Client,
    namespace: &str,
    name: &str,
    error: anyhow::Error,
) -> anyhow::Error {
    match logs::last_lines(client, (namespace, name), LINES).await {
        Ok(text) if !text.trim().is_empty() => {
            let quoted: String = text.lines().map(|line| format!("\n  | {line}")).collect();
            let code = code_of(&error);
            anyhow!("{error:#}; the end of {name}'s log:{quoted}").code(code)
        }
        _ => error,
    }
}

/// Objects of one kind that are waited for.
struct Watch {
    progress: Progress,
    kind: &'static str,
    changes: Changes,
    /// Namespace and name of one that is not ready.
    worst: Option<(String, String)>,
    /// Whether its log may tell more.
    log: bool,
    /// One that keeps ending, for so long that it was shown.
    crashing: Option<(String, String)>,
}

impl Watch {
    fn new(progress: Progress, kind: &'static str) -> Self {
        Self {
            progress,
            kind,
            changes: Changes::default(),
            worst: None,
            log: false,
            crashing: None,
        }
    }

    fn look(
        &mut self,
        wanted: &[&Manifest],
        readiness: impl Fn(&Manifest) -> Option<Readiness>,
    ) -> Result<Look<()>> {
        let mut waiting = vec![];
        self.worst = None;
        for manifest in wanted {
            let title = manifest.title();
            let now = readiness(manifest)
                .unwrap_or_else(|| Readiness::new(Outlook::Bad, "was deleted meanwhile"));
            let since = self.changes.note(&self.progress, &title, &now);
            if now.is_good() {
                continue;
            }
            let name = manifest.name.clone();
            let name = (manifest.namespace.clone().unwrap_or_default(), name);
            self.log = now.log;
            self.worst = Some(name.clone());
            if now.outlook == Outlook::Bad && since > SETTLE {
                return Err(anyhow!("{title} {}", now.text));
            }
            if now.outlook == Outlook::Hindered && now.log && since > CRASHES {
                self.crashing = Some(name);
            }
            waiting.push(format!("{title} {}", now.text));
        }
        if waiting.is_empty() {
            return Ok(Look::Done(()));
        }
        Ok(Look::NotYet(format!(
            "{} {}(s): {}",
            waiting.len(),
            self.kind,
            waiting.join("; ")
        )))
    }
}
