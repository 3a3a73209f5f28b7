//! Carries out the actions that are about containers. No decisions are left here.

use std::{collections::BTreeMap, sync::Arc};

use agentchat_contract::Delivery;
use agentchat_driver::{ContainerSpec, Engine, EngineError};
use agentchat_plan::{Action, At, ContainerRef, Start};
use bytes::Bytes;
use tracing::info;

use super::Found;
use crate::{cache::CachedRun, engines::Engines, error::Error};

/// What a container is made from, and what it is given.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Node on whose engine it is made.
    pub node: String,
    /// The container.
    pub spec: ContainerSpec,
    /// What is delivered, when something is.
    pub delivery: Option<Delivery>,
    /// Digest of it, as the plan compares it.
    pub delivery_digest: String,
    /// The program of the image that takes the delivery.
    pub receiver: &'static [&'static str],
}

/// Carries out actions one by one, and keeps what the next one needs to know.
pub struct Executor<'a> {
    /// Engines.
    pub engines: &'a Engines,
    /// What is to run; `None` when nothing is made or started.
    pub workload: Option<&'a Workload>,
    /// Containers as they were found.
    pub found: &'a [Found],
    /// Volume that outlives the containers.
    pub volume: &'a str,
    /// Seconds that a stop waits.
    pub grace_seconds: u32,
    /// Files for the container's volume, unpacked after it was made: path in the container, and a tar archive.
    pub import: Option<(&'a str, Bytes)>,
    created: Option<ContainerRef>,
    runs: BTreeMap<String, String>,
    /// Restarts that were made.
    pub restarts: u32,
}

impl<'a> Executor<'a> {
    /// Nothing done yet.
    pub fn new(
        engines: &'a Engines,
        workload: Option<&'a Workload>,
        found: &'a [Found],
        (volume, grace_seconds): (&'a str, u32),
    ) -> Self {
        Self {
            engines,
            workload,
            found,
            volume,
            grace_seconds,
            import: None,
            created: None,
            runs: BTreeMap::new(),
            restarts: 0,
        }
    }

    /// Carries out one action; `note` takes down what is to be known of the run later.
    pub async fn carry_out(
        &mut self,
        action: &Action,
        note: &impl Fn(&dyn Fn(&mut CachedRun)),
    ) -> Result<(), Error> {
        match action {
            Action::Bind { .. } | Action::ApproveKey => {
                let what = format!("{action:?} is no action about a container");
                return Err(Error::Invalid(what));
            }
            Action::Create => self.create().await?,
            Action::Start { at, start } => {
                let at = self.resolve(at)?;
                let begun = self.engine(&at.node)?.start(&at.id).await?;
                let run = begun.run_id();
                if let Start::Restart { in_a_row } = start {
                    self.restarts += 1;
                    note(&|cached| cached.restarts_in_a_row = (at.id.clone(), *in_a_row));
                }
                note(&|cached| cached.begin(&run));
                info!(id = at.id, ?start, "container started");
                self.runs.insert(at.id, run);
            }
            Action::Deliver { at } => self.deliver(at, note).await?,
            Action::Stop { at } => {
                let run = self.run_of(&at.id);
                note(&|cached| cached.stopped.clone_from(&run));
                let engine = self.engine(&at.node)?;
                engine.stop(&at.id, self.grace_seconds).await?;
                info!(id = at.id, "container stopped");
            }
            Action::Remove { at } => {
                self.engine(&at.node)?.remove(&at.id).await?;
                info!(id = at.id, "container removed");
            }
            Action::RemoveVolume { node } => {
                self.engine(node)?.remove_volume(self.volume).await?;
            }
        }
        Ok(())
    }

    /// Makes the container, with the network and the volume that it needs.
    async fn create(&mut self) -> Result<(), Error> {
        let Workload { node, spec, .. } = self.planned()?;
        let engine = self.engine(node)?;
        engine.ensure_network(&spec.network).await?;
        if let Some(volume) = &spec.volume {
            engine.ensure_volume(&volume.name, &spec.labels).await?;
        }
        let id = engine.create(spec).await?;
        if let Some((path, archive)) = &self.import {
            engine.import(&id, path, archive.clone()).await?;
            info!(id, path, "files of an earlier release taken along");
        }
        info!(id, node, image = spec.image, "container created");
        let node = node.clone();
        self.created = Some(ContainerRef { node, id });
        Ok(())
    }

    /// Hands over configuration and secrets, and notes into which run.
    async fn deliver(&self, at: &At, note: &impl Fn(&dyn Fn(&mut CachedRun))) -> Result<(), Error> {
        let at = self.resolve(at)?;
        let workload = self.planned()?;
        if let Some(delivery) = &workload.delivery {
            let engine = self.engine(&at.node)?;
            engine.deliver(&at.id, workload.receiver, delivery).await?;
            info!(id = at.id, "configuration delivered");
        }
        if let Some(run) = self.run_of(&at.id) {
            note(&|cached| cached.note_delivery(&run, &workload.delivery_digest));
        }
        Ok(())
    }

    fn planned(&self) -> Result<&'a Workload, Error> {
        self.workload
            .ok_or_else(|| Error::Invalid("nothing is to run".into()))
    }

    fn resolve(&self, at: &At) -> Result<ContainerRef, Error> {
        match at {
            At::Observed(at) => Ok(at.clone()),
            At::Created => self
                .created
                .clone()
                .ok_or_else(|| Error::Invalid("no container was created".into())),
        }
    }

    /// The run of a container: one that began here, or the one it was found with.
    fn run_of(&self, id: &str) -> Option<String> {
        let found = || self.found.iter().find(|f| f.container.id == id);
        let begun = self.runs.get(id).cloned();
        begun.or_else(|| found().map(|f| f.container.run_id()))
    }

    fn engine(&self, node: &str) -> Result<Arc<dyn Engine>, Error> {
        let connection = self.engines.connected(node);
        let connection = connection.ok_or_else(|| EngineError::Unreachable {
            socket: format!("Node {node}"),
            reason: "the connection was lost meanwhile".into(),
        })?;
        Ok(connection.engine)
    }
}
