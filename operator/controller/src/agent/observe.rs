//! What is there of one agent: its containers over all engines on which they may be, what has to be there before one
//! is brought up, what was reported, and what it has used.

use agentchat_api::{Abandoned, LastTermination, UsageStatus};
use agentchat_contract::{TerminationReason, Usage, UsageLedger};
use agentchat_driver::{ContainerPhase, Selector};
use agentchat_plan::{Containers, Observed};
use k8s_openapi::jiff::Timestamp;

use super::validate::{Intent, ValidatedAgent};
use crate::{
    cache::{CachedRun, Report},
    container::{Found, Search, current, find},
    context::Context,
    engines::EngineState,
    error::{Error, chain},
};

/// Why a run ended that was asked to.
const STOPPED: &str = "Stopped";
/// Exit codes of a run that did as it was asked: by itself, by SIGTERM, by SIGKILL after its grace period.
const STOPPED_CODES: [i64; 3] = [0, 137, 143];

/// What is there of one agent.
pub struct ObservedAgent {
    /// Its containers.
    pub containers: Search,
    /// How its last run ended.
    pub last_termination: Option<LastTermination>,
    /// What was reported from the run that goes on.
    pub report: Report,
    /// What it has used, in all of its containers; never less than what was known before.
    pub ledger: UsageLedger,
    /// What is given up now.
    pub abandoned: Option<Abandoned>,
    /// Why the image could not be looked for.
    pub image_error: Option<Error>,
    /// For the plan.
    pub for_plan: Observed,
}

impl ObservedAgent {
    /// Its containers; none while nothing is known.
    pub fn found(&self) -> &[Found] {
        match &self.containers {
            Search::Complete(found, _) => found,
            Search::Unknown { .. } => &[],
        }
    }

    /// The container that runs.
    pub fn running(&self) -> Option<&Found> {
        self.found().iter().find(|found| found.runs())
    }
}

/// Looks at all of it.
pub async fn observe(agent: &ValidatedAgent, context: &Context) -> ObservedAgent {
    let (nodes, abandoned) = nodes_to_look_at(agent, context);
    let selector = Selector::agent(&agent.key.0, &agent.key.1);
    let containers = find(&context.engines, &nodes, &selector).await;
    let (found, looked_at) = match &containers {
        Search::Complete(found, nodes) => (found.as_slice(), nodes.clone()),
        Search::Unknown { .. } => (&[][..], vec![]),
    };
    let running = found.iter().find(|f| f.runs());
    let (run, report) = context.agents.with(&agent.key, |cached| {
        if let Some(running) = running {
            cached.turn_to(&running.container.run_id());
        }
        (cached.run.clone(), cached.report.clone())
    });
    let last_termination = last_termination(agent, found, &run);
    let (image_present, image_error) = image_present(agent, found, context).await;
    let ledger = ledger(agent, &report);
    let now = Timestamp::now().as_millisecond();
    let limits = agent.run().map(|run| &run.limits);
    let over_limit = limits.is_some_and(|limits| limits.reached(&ledger, now).is_some());
    let stopped = |f: &Found| {
        let end = last_termination.as_ref();
        end.is_some_and(|t| {
            t.reason == STOPPED
                && t.finished_at.is_some()
                && t.finished_at == f.container.finished_at
        })
    };
    let views = found.iter().map(|f| f.view(&run, &agent.uid, stopped(f)));
    let approval = agent.run().and_then(|run| run.approval.as_ref());
    let for_plan = Observed {
        containers: match &containers {
            Search::Complete(..) if image_error.is_none() => Containers::Known(views.collect()),
            _ => Containers::Unknown,
        },
        nodes: looked_at,
        bound: agent.bound.as_ref().map(|bound| bound.node.clone()),
        image_present,
        key_approved: approval.is_some_and(|a| context.chat.is_approved(&a.server, &a.public_key)),
        over_limit,
    };
    ObservedAgent {
        containers,
        last_termination,
        report,
        ledger,
        abandoned,
        image_error,
        for_plan,
    }
}

/// Nodes whose engines may have something of the agent: where it is, where it is to be and, when it is deleted,
/// every one that answers. A Node that is given up is left out while its engine does not answer.
fn nodes_to_look_at(agent: &ValidatedAgent, context: &Context) -> (Vec<String>, Option<Abandoned>) {
    let (mut nodes, mut abandoned) = (vec![], None);
    if let Some(bound) = &agent.bound {
        let answers = matches!(
            context.engines.state(&bound.node),
            EngineState::Connected(_)
        );
        if answers || !bound.given_up {
            nodes.push(bound.node.clone());
        } else {
            let container = agent.previous.container_id.as_deref();
            let container = container.unwrap_or("of unknown id");
            abandoned = Some(Abandoned {
                node: bound.node.clone(),
                what: format!("container {container}, volume {}", agent.home_volume),
                time: Timestamp::now().to_string(),
            });
        }
    }
    let more = match &agent.intent {
        Intent::Run(run) => vec![run.workload.node.clone()],
        Intent::Delete => context.engines.one_node_each(),
        Intent::Hold(_) | Intent::Suspend => vec![],
    };
    for node in more {
        if !nodes.contains(&node) {
            nodes.push(node);
        }
    }
    (nodes, abandoned)
}

/// Whether the image is there; asked only where a container would have to be made from it.
async fn image_present(
    agent: &ValidatedAgent,
    found: &[Found],
    context: &Context,
) -> (Option<bool>, Option<Error>) {
    let Some(run) = agent.run() else {
        return (None, None);
    };
    let hash = &run.target.spec_hash;
    let label = agentchat_driver::labels::SPEC_HASH;
    let fits = |f: &Found| f.container.labels.get(label) == Some(hash);
    let Some(connection) = context.engines.connected(&run.workload.node) else {
        return (None, None);
    };
    if found.iter().any(fits) {
        return (None, None);
    }
    match connection.engine.image_id(&run.workload.spec.image).await {
        Ok(id) => (Some(id.is_some()), None),
        Err(error) => (None, Some(error.into())),
    }
}

/// The operator's own account: what is in the status, raised by what was reported.
fn ledger(agent: &ValidatedAgent, report: &Report) -> UsageLedger {
    let mut ledger = agent
        .previous
        .usage
        .as_ref()
        .map(of_status)
        .unwrap_or_default();
    if let Some(state) = report.state() {
        ledger.raise(&UsageLedger {
            usage: state.usage.clone(),
            first_start: state.first_start,
        });
    }
    ledger
}

fn of_status(usage: &UsageStatus) -> UsageLedger {
    let since = usage.since.as_deref();
    let since = since.and_then(|text| text.parse::<Timestamp>().ok());
    UsageLedger {
        usage: Usage {
            turns: usage.turns,
            tokens_in: usage.tokens_in,
            tokens_out: usage.tokens_out,
            cost_usd: usage.cost_usd.parse().unwrap_or(0.0),
        },
        first_start: since.map_or(0, Timestamp::as_millisecond),
    }
}

/// How the last run ended. What was noted when it was fresh is kept: it is noted once for each end.
fn last_termination(
    agent: &ValidatedAgent,
    found: &[Found],
    run: &CachedRun,
) -> Option<LastTermination> {
    let noted = agent.previous.last_termination.clone();
    let Some(ended) = current(found).filter(|f| f.container.phase == ContainerPhase::Exited) else {
        return noted;
    };
    let container = &ended.container;
    if noted
        .as_ref()
        .is_some_and(|t| t.finished_at.is_some() && t.finished_at == container.finished_at)
    {
        return noted;
    }
    let asked = run.stopped.as_deref() == Some(&container.run_id());
    let code = container.exit_code;
    // An operator that was started anew does not know whom it asked; a suspended agent that ended well was asked.
    let stopped = (asked && code.is_some_and(|code| STOPPED_CODES.contains(&code)))
        || (agent.suspended && code == Some(0));
    Some(LastTermination {
        reason: if stopped {
            STOPPED.to_owned()
        } else {
            reason(ended)
        },
        exit_code: code,
        oom: container.oom_killed,
        finished_at: container.finished_at.clone(),
    })
}

/// Why a run ended that was not asked to.
fn reason(ended: &Found) -> String {
    let code = ended.container.exit_code.map(i32::try_from);
    match code {
        _ if ended.container.oom_killed => "OOMKilled".to_owned(),
        Some(Ok(code)) if code >= 128 => "Killed".to_owned(),
        Some(Ok(code)) => format!("{:?}", TerminationReason::from_exit_code(code)),
        Some(Err(_)) => "Error".to_owned(),
        None => "Unknown".to_owned(),
    }
}

impl ObservedAgent {
    /// Why nothing is known, for people; `None` when something is, and while no answer is due yet.
    pub fn unknown(&self) -> Option<String> {
        match &self.containers {
            Search::Unknown {
                node,
                reason: Some(reason),
            } => Some(format!("Node {node}: {reason}")),
            _ => self.image_error.as_ref().map(|error| chain(error)),
        }
    }

    /// Whether an engine that had to be looked at was not asked yet: the operator has just been started.
    pub fn is_connecting(&self) -> bool {
        matches!(&self.containers, Search::Unknown { reason: None, .. })
    }
}
