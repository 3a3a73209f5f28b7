//! The wait for Nodes and Agents, with a word about each change.

use std::time::Duration;

use agentchat_api::{Agent, Node};
use anyhow::{Result, anyhow};
use kube::{Api, Client, ResourceExt, api::ListParams};
use tokio::time::Instant;

use crate::{
    control::told,
    exit::{Code, WithCode, code_of},
    get::all_agents,
    logs,
    manifest::Manifest,
    output::Progress,
    standing::{self, NO_ANSWER, Standing},
    swarm::Swarm,
    wait::{Changes, Look, Patience},
};

/// How long something may stand badly before it counts: what stands there may be from before.
const SETTLE: Duration = Duration::from_secs(10);
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

/// Waits until the Agents are Ready, or have done what they had to.
pub async fn agents(
    client: &Client,
    wanted: &[&Manifest],
    swarm: &mut Swarm<'_>,
    patience: &Patience,
    progress: Progress,
) -> Result<()> {
    let mut watch = Watch::new(progress, "Agent");
    let waited = patience
        .until("Agents", async || {
            swarm.check()?;
            let all = all_agents(client).await?;
            let here = |m: &Manifest| {
                let same = |a: &&Agent| a.name_any() == m.name && a.namespace() == m.namespace;
                all.iter().find(same).map(standing::agent)
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
    match watch.worst {
        Some((namespace, name)) => Err(with_log(client, &namespace, &name, error).await),
        None => Err(error),
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
    since: Instant,
    /// Namespace and name of one that does not stand well.
    worst: Option<(String, String)>,
}

impl Watch {
    fn new(progress: Progress, kind: &'static str) -> Self {
        Self {
            progress,
            kind,
            changes: Changes::default(),
            since: Instant::now(),
            worst: None,
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
            let now =
                standing(manifest).unwrap_or_else(|| Standing::Bad("was deleted meanwhile".into()));
            self.changes
                .note(&self.progress, &title, now.text(), now.style());
            if let Standing::Good(_) = now {
                continue;
            }
            self.worst = Some((
                manifest.namespace.clone().unwrap_or_default(),
                manifest.name.clone(),
            ));
            if matches!(now, Standing::Bad(_)) && self.since.elapsed() > SETTLE {
                return Err(anyhow!("{title} {}", now.text()));
            }
            waiting.push(format!("{title} {}", now.text()));
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
