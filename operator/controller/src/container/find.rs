//! Finds the containers of one workload, over all engines on which they may be.

use agentchat_driver::{Container, ContainerPhase, Selector, labels};
use agentchat_plan::{ContainerRef, ObservedContainer, ObservedPhase};
use k8s_openapi::jiff::Timestamp;

use crate::{
    cache::CachedRun,
    engines::{EngineState, Engines},
    error::chain,
};

/// A container and where it is.
#[derive(Clone, Debug)]
pub struct Found {
    /// A Node that leads to its engine.
    pub node: String,
    /// The container.
    pub container: Container,
}

/// What a search gave.
#[derive(Clone, Debug)]
pub enum Search {
    /// All that there are, and a Node of each engine that was looked at.
    Complete(Vec<Found>, Vec<String>),
    /// The engine of a Node did not answer: nothing is known.
    Unknown {
        /// The Node.
        node: String,
        /// Why it did not answer; `None` when it was not asked yet.
        reason: Option<String>,
    },
}

/// Looks at the engines of these Nodes, at each engine once.
pub async fn find(engines: &Engines, nodes: &[String], selector: &Selector) -> Search {
    let (mut found, mut looked_at, mut ids) = (vec![], vec![], vec![]);
    for node in nodes {
        let unknown = |reason| Search::Unknown {
            node: node.clone(),
            reason,
        };
        let connection = match engines.state(node) {
            EngineState::Connected(connection) => connection,
            EngineState::Connecting => return unknown(None),
            EngineState::Unreachable { reason, .. } => return unknown(Some(reason)),
        };
        if ids.contains(&connection.info.id) {
            continue;
        }
        match connection.engine.find(selector).await {
            Ok(containers) => {
                let placed = |container| Found {
                    node: node.clone(),
                    container,
                };
                found.extend(containers.into_iter().map(placed));
            }
            Err(error) => return unknown(Some(chain(&error))),
        }
        ids.push(connection.info.id);
        looked_at.push(node.clone());
    }
    Search::Complete(found, looked_at)
}

/// The container that speaks for the workload: the running one if there is one.
pub fn current(found: &[Found]) -> Option<&Found> {
    found
        .iter()
        .min_by_key(|f| f.container.phase != ContainerPhase::Running)
}

impl Found {
    /// How an action addresses it.
    pub fn at(&self) -> ContainerRef {
        ContainerRef {
            node: self.node.clone(),
            id: self.container.id.clone(),
        }
    }

    /// Whether it runs.
    pub fn runs(&self) -> bool {
        self.container.phase == ContainerPhase::Running
    }

    /// As the plan sees it: with what is known of its run, if it is one of the object with this UID, and whether its
    /// last run ended because it was asked to.
    pub fn view(&self, run: &CachedRun, uid: &str, stopped: bool) -> ObservedContainer {
        let c = &self.container;
        let own = c.labels.get(labels::UID).is_some_and(|found| found == uid);
        let seconds =
            |t: &Option<String>| Some(t.as_deref()?.parse::<Timestamp>().ok()?.as_second());
        let known = run.id == c.run_id();
        let (of, count) = &run.restarts_in_a_row;
        ObservedContainer {
            at: self.at(),
            phase: match c.phase {
                ContainerPhase::Created => ObservedPhase::Created,
                ContainerPhase::Running => ObservedPhase::Running,
                ContainerPhase::Exited => ObservedPhase::Exited,
                ContainerPhase::Other => ObservedPhase::Other,
            },
            spec_hash: c.labels.get(labels::SPEC_HASH).cloned().filter(|_| own),
            exit_code: c.exit_code,
            stopped,
            delivered: run.delivered.clone().filter(|_| known),
            started_with: run.started_with.clone().filter(|_| known),
            restarts_in_a_row: if *of == c.id { *count } else { 0 },
            started_at: seconds(&c.started_at),
            finished_at: seconds(&c.finished_at),
        }
    }
}
