//! The wait for Nodes and Agents, with a word about each change.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use agentchat_api::{Agent, Node, is_true};
use agentchat_manifests::Manifest;
use anyhow::{Result, anyhow};
use kube::{Api, Client, ResourceExt, api::ListParams};

use crate::{
    control::told,
    exit::{Code, WithCode, code_of},
    get::all_agents,
    logs,
    output::{FAINT, Progress},
    standing::{self, NO_ANSWER, Outlook, Standing},
    swarm::Swarm,
    wait::{Changes, Look, Patience},
};

/// How long something may stand badly before it counts: what stands there may be from before.
const SETTLE: Duration = Duration::from_secs(10);
/// How long a program may be away before the end of its log is shown.
const CRASHES: Duration = Duration::from_secs(4);
/// Lines of an agent's log that are shown when it fails.
const LINES: u32 = 15;

/// Waits until the Nodes are Ready.
pub async fn nodes(
    client: &Client,
    wanted: &[&Manifest],
    swarm: &mut Swarm<'_>,
    patience: &Patience,
    progress: Progress,
) -> Result<()> {
    let api = Api::<Node>::all(client.clone());
    let mut watch = Watch::new(progress, "Node");
    patience
        .until("Nodes", async || {
            swarm.check()?;
            let list = api.list(&ListParams::default()).await;
            let all = list
                .map_err(|error| told(error, "the Nodes are not to be had"))?
                .items;
            let here = |m: &Manifest| all.iter().find(|n| n.name_any() == m.name);
            watch.look(wanted, |m| here(m).map(standing::node))
        })
        .await
}

/// What Agents that begin anew had done before: all but those that were well and stay as they are.
pub struct Before {
    /// Tokens written, by title.
    tokens: BTreeMap<String, u64>,
}

impl Before {
    /// Of the Agents there were, without those whose manifests made no change.
    pub fn new(were: &[Agent], changed: &BTreeSet<String>) -> Self {
        let counted = were.iter().filter_map(|agent| {
            let title = title(agent);
            let status = agent.status.as_ref()?;
            let well = is_true(&status.conditions, "Ready") && !changed.contains(&title);
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
    before: &Before,
    swarm: &mut Swarm<'_>,
    patience: &Patience,
    progress: Progress,
) -> Result<()> {
    let mut watch = Watch::new(progress, "Agent");
    let mut quoted = BTreeSet::new();
    let waited = patience
        .until("Agents", async || {
            swarm.check()?;
            if let Some(crashing) = watch
                .crashing
                .take()
                .filter(|one| quoted.insert(one.clone()))
            {
                quote(client, &crashing, progress).await;
            }
            let all = all_agents(client).await?;
            let here = |m: &Manifest| {
                let same = |a: &&Agent| a.name_any() == m.name && a.namespace() == m.namespace;
                let found = all.iter().find(same);
                found.map(|agent| standing::agent(agent, before.of(m)))
            };
            watch.look(wanted, here)
        })
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
    /// Namespace and name of one that does not stand well.
    worst: Option<(String, String)>,
    /// Whether its log may tell more.
    log: bool,
    /// One that keeps ending, for so long that it was said.
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
        standing: impl Fn(&Manifest) -> Option<Standing>,
    ) -> Result<Look<()>> {
        let mut waiting = vec![];
        self.worst = None;
        for manifest in wanted {
            let title = manifest.title();
            let now = standing(manifest)
                .unwrap_or_else(|| Standing::new(Outlook::Bad, "was deleted meanwhile"));
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
