//! `agentctl status`: whether all is well with a swarm, and who keeps it.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use agentchat_api::{Agent, Node, NodeRole};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use kube::ResourceExt;
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    check,
    control::{self, list},
    exit::{Code, WithCode},
    get::{Form, columns, render},
    help,
    operator::{self, Supervision},
    output, readiness,
    state::{State, SwarmConfig},
};

/// How long the API may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Shows whether all is well with the swarm, and who keeps it.
#[derive(Debug, Args)]
#[command(after_help = help::STATUS)]
pub struct Status {
    /// Form of the output.
    #[arg(long, short, value_enum)]
    output: Option<Form>,
}

/// What is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    swarm: String,
    /// Whether it was brought up, and not taken down since.
    up: bool,
    /// Why not all is well; empty when it is.
    problems: Vec<String>,
    operator: Supervision,
    api: String,
    nodes: Vec<NodeReport>,
    /// How many Agents there are of each phase.
    agents: BTreeMap<String, usize>,
    listens: Vec<Listens>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeReport {
    name: String,
    role: NodeRole,
    ready: bool,
    state: String,
    /// Where its chat server is reached; role Server.
    endpoints: Vec<String>,
    /// Restarts of its chat server.
    server_restarts: Option<u32>,
}

/// Something of the swarm that listens on this machine.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listens {
    address: IpAddr,
    port: u16,
    what: String,
}

impl Status {
    /// Carries it out; fails, after it has shown it, when not all is well.
    pub async fn run(&self, state: &State) -> Result<()> {
        let Some(config) = SwarmConfig::read(state)? else {
            return Err(control::not_up(state));
        };
        let report = look(state, &config).await?;
        output::put(match self.output {
            None => report.text(),
            Some(Form::Name) => format!("{}\n", report.swarm),
            Some(form) => render(&serde_json::to_value(&report)?, form)?,
        })?;
        match report.problems.join("; ") {
            _ if !report.up => Err(control::not_up(state)),
            problems if problems.is_empty() => Ok(()),
            problems => {
                let error = anyhow!("not all is well with swarm {}: {problems}", report.swarm);
                Err(error.code(Code::Failed))
            }
        }
    }
}

/// Looks at all of it.
async fn look(state: &State, config: &SwarmConfig) -> Result<Report> {
    let operator = operator::supervision(state)?;
    let mut report = Report {
        swarm: state.swarm().to_owned(),
        up: !config.down || operator.is_running(),
        problems: vec![],
        api: format!("https://{}", config.api_listen),
        nodes: vec![],
        agents: BTreeMap::new(),
        listens: listens(config.api_listen.port(), "API"),
        operator,
    };
    if !report.operator.is_supervised() {
        report
            .problems
            .push(format!("the operator is {}", report.operator));
    }
    if report.operator.is_running() {
        match objects(state).await {
            Ok((nodes, agents)) => report.add(&nodes, &agents),
            Err(error) => report.problems.push(format!("{error:#}")),
        }
    }
    Ok(report)
}

async fn objects(state: &State) -> Result<(Vec<Node>, Vec<Agent>)> {
    let client = control::client(state).await?;
    let both = async { Ok((list(&client).await?, list(&client).await?)) };
    let both = timeout(ANSWER, both).await;
    both.with_context(|| format!("the API does not answer within {} s", ANSWER.as_secs()))?
}

/// The sockets of this machine that listen on a port.
fn listens(port: u16, what: &str) -> Vec<Listens> {
    let listeners = check::listeners(port).into_iter();
    let mut all: Vec<_> = listeners
        .map(|listener| Listens {
            address: listener.address,
            port,
            what: what.to_owned(),
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

impl Report {
    fn add(&mut self, nodes: &[Node], agents: &[Agent]) {
        for node in nodes {
            let (name, readiness) = (node.name_any(), readiness::node(node));
            if !readiness.is_good() {
                self.problems
                    .push(format!("Node {name} {}", readiness.text));
            }
            let status = node.status.clone().unwrap_or_default();
            let server = node.spec.server.clone().unwrap_or_default();
            let is_server = node.spec.role == NodeRole::Server;
            if is_server && server.endpoint.is_none() && node.spec.machine.local.is_some() {
                let what = format!("chat server of Node {name}");
                self.listens.extend(listens(server.port, &what));
            }
            self.nodes.push(NodeReport {
                name,
                role: node.spec.role,
                ready: readiness.is_good(),
                state: readiness.text,
                endpoints: status.endpoints.into_iter().map(|e| e.url).collect(),
                server_restarts: status.server_restarts,
            });
        }
        for agent in agents {
            let readiness = readiness::agent(agent, None);
            if !readiness.is_good() {
                let problem = format!("Agent {} {}", agent.name_any(), readiness.text);
                self.problems.push(problem);
            }
            let phase = agent.status.as_ref().and_then(|status| status.phase);
            let phase = format!("{:?}", phase.unwrap_or_default());
            *self.agents.entry(phase).or_default() += 1;
        }
    }

    /// For people.
    fn text(&self) -> String {
        let row = |title: &str, text: String| vec![title.to_owned(), text];
        let state = if self.up { "up" } else { "down" };
        let mut head = vec![
            row("SWARM", format!("{}, {state}", self.swarm)),
            row("OPERATOR", self.operator.to_string()),
            row("API", self.api.clone()),
        ];
        if !self.agents.is_empty() {
            let counts = self
                .agents
                .iter()
                .map(|(phase, count)| format!("{count} {phase}"));
            head.push(row("AGENTS", counts.collect::<Vec<_>>().join(", ")));
        }
        for (i, one) in self.listens.iter().enumerate() {
            let title = if i == 0 { "LISTENING" } else { "" };
            let (address, port) = (one.address, one.port);
            head.push(row(title, format!("{address} port {port}, {}", one.what)));
        }
        let mut text = columns(&head);
        let heading = ["NODE", "ROLE", "STATE", "RESTARTS", "CHAT SERVER"];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        rows.extend(self.nodes.iter().map(|n| {
            let restarts = n.server_restarts.map_or(String::new(), |n| n.to_string());
            let (role, endpoints) = (format!("{:?}", n.role), n.endpoints.join(", "));
            vec![n.name.clone(), role, n.state.clone(), restarts, endpoints]
        }));
        if rows.len() > 1 {
            text.push('\n');
            text.push_str(&columns(&rows));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use agentchat_manifests::OWN_API;
    use serde_json::json;

    use super::*;

    const GOLDEN: &str = "\
SWARM       two, up
OPERATOR    kept by a supervising process (7): it comes back after a crash, not after a reboot; restarts: 2
API         https://127.0.0.1:7443
AGENTS      1 Failed, 1 Listening
LISTENING   127.0.0.1 port 7443, API

NODE       ROLE     STATE                                     RESTARTS   CHAT SERVER
server-1   Server   Ready                                     2          wss://inside:6667, wss://127.0.0.1:1
client-1   Client   NotReady: no answer (EngineUnreachable)
";

    fn condition(type_: &str, status: &str, reason: &str, message: &str) -> serde_json::Value {
        json!({"type": type_, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": "2024-01-01T00:00:00Z"})
    }

    #[test]
    fn report_shows_the_swarm_and_names_each_problem() {
        let node = |name: &str, role: &str, status: serde_json::Value| {
            let value = json!({"apiVersion": OWN_API, "kind": "Node", "metadata": {"name": name},
                "spec": {"role": role}, "status": status});
            serde_json::from_value::<Node>(value).unwrap()
        };
        let agent = |name: &str, status: serde_json::Value| {
            let value = json!({"apiVersion": OWN_API, "kind": "Agent", "metadata": {"name": name},
                "spec": {"mission": "x"}, "status": status});
            serde_json::from_value::<Agent>(value).unwrap()
        };
        let ready = condition("Ready", "True", "Ready", "");
        let nodes = [
            node(
                "server-1",
                "Server",
                json!({"phase": "Ready", "serverRestarts": 2,
                    "conditions": [ready],
                    "endpoints": [
                        {"scope": "SameEngine", "url": "wss://inside:6667"},
                        {"scope": "Host", "url": "wss://127.0.0.1:1"}]}),
            ),
            node(
                "client-1",
                "Client",
                json!({"phase": "NotReady",
                    "conditions": [condition("Ready", "False", "EngineUnreachable", "no answer")]}),
            ),
        ];
        let failed = condition("Ready", "False", "Fatal", "it can't go on");
        let agents = [
            agent(
                "ada",
                json!({"phase": "Listening", "conditions": [ready], "activity": {"state": "Listening"}}),
            ),
            agent("sam", json!({"phase": "Failed", "conditions": [failed]})),
        ];
        let mut report = Report {
            swarm: "two".into(),
            up: true,
            problems: vec![],
            operator: Supervision::SupervisingProcess {
                pid: 7,
                restarts: 2,
            },
            api: "https://127.0.0.1:7443".into(),
            nodes: vec![],
            agents: BTreeMap::new(),
            listens: vec![Listens {
                address: "127.0.0.1".parse().unwrap(),
                port: 7443,
                what: "API".into(),
            }],
        };
        report.add(&nodes, &agents);
        assert_eq!(report.text(), GOLDEN);
        assert_eq!(
            report.problems,
            [
                "Node client-1 NotReady: no answer (EngineUnreachable)",
                "Agent sam Failed: it can't go on (Fatal)"
            ]
        );
        let value = serde_json::to_value(&report).unwrap();
        assert_eq!(value["operator"]["kind"], "supervisingProcess");
        assert_eq!(value["nodes"][0]["serverRestarts"], 2);
    }
}
