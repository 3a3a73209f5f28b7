//! `agentctl delete`: Agents or Nodes, with what belongs to them.

use std::{collections::BTreeSet, fmt::Debug, sync::Arc, time::Duration};

use agentchat_api::{ABANDON_ANNOTATION, Agent, Node, Reason};
use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    control::{FIELD_MANAGER, api_error},
    exit::{Code, WithCode},
    help, operator, output,
    state::State,
    wait::{Deadline, Look, seconds},
};

/// How long an object may be held up by an engine that does not answer before the wait ends: its status may be from
/// before.
const SETTLE: Duration = Duration::from_secs(10);

/// Deletes Agents or Nodes, with what belongs to them.
#[derive(Debug, Args)]
#[command(after_help = help::DELETE)]
pub struct Delete {
    /// Of which kind.
    #[arg(value_enum)]
    what: What,
    /// Their names.
    #[arg(required = true)]
    names: Vec<String>,
    /// Namespace of the Agents.
    #[arg(long, short, default_value = "default")]
    namespace: String,
    /// Gives up what is on an engine that does not answer: containers and volumes are left there, with what is in
    /// them, and nobody removes them when the engine comes back.
    #[arg(long)]
    force: bool,
    /// Returns before they are gone.
    #[arg(long)]
    no_wait: bool,
    /// How long to wait, like 90s or 5m.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = seconds)]
    timeout: Duration,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    #[value(alias = "agents")]
    Agent,
    #[value(alias = "nodes")]
    Node,
}

impl Delete {
    /// Carries it out.
    pub async fn run(&self, state: &State) -> Result<()> {
        let client = operator::running_client(state).await?;
        match self.what {
            What::Agent => {
                let api = Api::<Agent>::namespaced(client.clone(), &self.namespace);
                self.delete(&client, &api).await
            }
            What::Node => {
                self.delete(&client, &Api::<Node>::all(client.clone()))
                    .await
            }
        }
    }

    async fn delete<K: Deletable>(&self, client: &Client, api: &Api<K>) -> Result<()> {
        let mut objects = vec![];
        for name in &self.names {
            let what = format!("{} {name} can't be read", K::kind(&()));
            objects.push(
                api.get(name)
                    .await
                    .map_err(|error| api_error(error, &what))?,
            );
        }
        let deletion = Deletion {
            client,
            force: self.force,
            forced_by: "--force",
        };
        deletion.delete(&objects).await?;
        let done = if self.no_wait {
            "is being deleted"
        } else {
            "deleted"
        };
        if !self.no_wait {
            let deadline = Deadline::new(self.timeout, &CancellationToken::new());
            deletion.wait(&objects, &deadline).await?;
        }
        for name in &self.names {
            output::put(format_args!("{} {name} {done}\n", K::kind(&())))?;
        }
        Ok(())
    }
}

/// What can be deleted.
pub trait Deletable:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
    /// Where an object belongs.
    fn home(&self, client: &Client) -> Api<Self>;
    /// Its conditions.
    fn conditions(&self) -> &[Condition];
}

impl Deletable for Agent {
    fn home(&self, client: &Client) -> Api<Self> {
        Api::namespaced(client.clone(), &self.namespace().unwrap_or_default())
    }
    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map_or(&[], |s| &s.conditions)
    }
}

impl Deletable for Node {
    fn home(&self, client: &Client) -> Api<Self> {
        Api::all(client.clone())
    }
    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map_or(&[], |s| &s.conditions)
    }
}

/// How objects are deleted.
pub struct Deletion<'a> {
    /// Access to the API.
    pub client: &'a Client,
    /// Whether what is on an engine that does not answer is given up.
    pub force: bool,
    /// What a person says for that.
    pub forced_by: &'static str,
}

impl Deletion<'_> {
    /// Asks for it; those that are gone already are passed over.
    pub async fn delete<K: Deletable>(&self, objects: &[K]) -> Result<()> {
        for object in objects {
            let (api, name) = (object.home(self.client), object.name_any());
            if self.force {
                let patch = json!({"metadata": {"annotations": {ABANDON_ANNOTATION: "true"}}});
                let params = PatchParams::apply(FIELD_MANAGER);
                gone_is_fine::<K, _>(api.patch(&name, &params, &Patch::Merge(patch)).await, &name)?;
            }
            gone_is_fine::<K, _>(api.delete(&name, &DeleteParams::default()).await, &name)?;
        }
        Ok(())
    }

    /// Waits until they are gone, as long as that may still come: not for an engine that does not answer.
    pub async fn wait<K: Deletable>(&self, objects: &[K], deadline: &Deadline) -> Result<()> {
        let wanted: BTreeSet<_> = objects.iter().filter_map(ResourceExt::uid).collect();
        let mut held_up_since = None;
        let look = async |all: &[Arc<K>]| {
            let is_wanted = |one: &&Arc<K>| one.uid().is_some_and(|uid| wanted.contains(&uid));
            let left: Vec<_> = all.iter().filter(is_wanted).collect();
            if left.is_empty() {
                return Ok(Look::Done(()));
            }
            let names: Vec<_> = left.iter().map(|one| one.name_any()).collect();
            let held_up = left
                .iter()
                .find_map(|one| Some((one, unreachable(one.conditions())?)));
            let Some((one, why)) = held_up.filter(|_| !self.force) else {
                held_up_since = None;
                return Ok(Look::NotYet(names.join(", ")));
            };
            let since = held_up_since.get_or_insert_with(Instant::now);
            if since.elapsed() < SETTLE {
                return Ok(Look::NotYet(names.join(", ")));
            }
            let (kind, name, forced_by) = (K::kind(&()), one.name_any(), self.forced_by);
            Err(anyhow!(
                "{kind} {name} can't be removed now: {why}; if that engine is gone for good, `{forced_by}` gives up \
                 what is on it"
            )
            .code(Code::TimedOut))
        };
        let what = format!("Removal of {}s", K::kind(&()));
        deadline
            .watch(&what, Api::all(self.client.clone()), look)
            .await
    }
}

/// Why nothing is known of what belongs to an object, when its engine does not answer.
fn unreachable(conditions: &[Condition]) -> Option<&str> {
    let unreachable = |c: &&Condition| {
        Reason::parse(&c.reason) == Some(Reason::EngineUnreachable) && c.status != "True"
    };
    conditions
        .iter()
        .find(unreachable)
        .map(|c| c.message.as_str())
}

fn gone_is_fine<K: Deletable, T>(result: kube::Result<T>, name: &str) -> Result<()> {
    match result {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(api_error(
            error,
            &format!("{} {name} can't be deleted", K::kind(&())),
        )),
    }
}
