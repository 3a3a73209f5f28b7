//! `agentctl get`: Agents or Nodes, as a table or as they are.

mod table;

pub use table::{columns, short};

use agentchat_api::{Agent, Node};
use agentchat_manifests::{Kind, OWN_API};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use kube::{Api, ResourceExt, api::ListParams};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    control::api_error,
    exit::{Code, WithCode},
    help, operator, output,
    state::State,
};

/// Shows Agents or Nodes.
#[derive(Debug, Args)]
#[command(after_help = help::GET)]
pub struct Get {
    /// What to show.
    #[arg(value_enum)]
    what: What,
    /// Only these.
    names: Vec<String>,
    /// Namespace of the Agents; default: all.
    #[arg(long, short)]
    namespace: Option<String>,
    /// Form of the output.
    #[arg(long, short, value_enum)]
    output: Option<Form>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    #[value(alias = "agent")]
    Agents,
    #[value(alias = "node")]
    Nodes,
}

/// Form of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Kind and name.
    Name,
}

impl Get {
    /// Carries it out.
    pub async fn run(&self, state: &State) -> Result<()> {
        let client = operator::running_client(state).await?;
        let text = match self.what {
            What::Agents => {
                let api: Api<Agent> = match &self.namespace {
                    Some(namespace) => Api::namespaced(client, namespace),
                    None => Api::all(client),
                };
                let agents = self.fetch(&api, |a| a.name_any()).await?;
                self.show(&agents, Kind::Agent, table::agents)?
            }
            What::Nodes => {
                let api = Api::<Node>::all(client);
                let nodes = self.fetch(&api, |n| n.name_any()).await?;
                self.show(&nodes, Kind::Node, table::nodes)?
            }
        };
        Ok(output::put(text)?)
    }

    async fn fetch<K>(&self, api: &Api<K>, name: impl Fn(&K) -> String) -> Result<Vec<K>>
    where
        K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
    {
        let list = api.list(&ListParams::default()).await;
        let all = list.map_err(|error| api_error(error, "the list can't be read"))?;
        let all = all.items;
        if self.names.is_empty() {
            return Ok(all);
        }
        let find = |wanted: &String| {
            let found = all.iter().find(|one| name(one) == *wanted).cloned();
            let found = found.with_context(|| format!("there is no {wanted:?} here"));
            found.code(Code::NotFound)
        };
        self.names.iter().map(find).collect()
    }

    fn show<K: Serialize + ResourceExt>(
        &self,
        all: &[K],
        kind: Kind,
        table: fn(&[K]) -> String,
    ) -> Result<String> {
        let Some(form) = self.output else {
            return Ok(table(all));
        };
        if form == Form::Name {
            let (name, group) = (kind.name().to_lowercase(), kind.resource().group);
            let line = |one: &K| format!("{name}.{group}/{}\n", one.name_any());
            return Ok(all.iter().map(line).collect());
        }
        let mut items = all
            .iter()
            .map(|one| whole(one, kind))
            .collect::<Result<Vec<_>>>()?;
        let value = match (self.names.len(), items.pop()) {
            (1, Some(only)) => only,
            (_, last) => {
                items.extend(last);
                json!({"apiVersion": "v1", "kind": "List", "items": items})
            }
        };
        render(&value, form)
    }
}

/// The object with what lists leave out: its kind.
fn whole<K: Serialize>(one: &K, kind: Kind) -> Result<Value> {
    let mut value = serde_json::to_value(one)?;
    value["apiVersion"] = OWN_API.into();
    value["kind"] = kind.name().into();
    Ok(value)
}

/// A value as JSON or YAML.
pub fn render(value: &Value, form: Form) -> Result<String> {
    match form {
        Form::Yaml => serde_yaml::to_string(value).context("it can't be written as YAML"),
        Form::Json => Ok(format!("{}\n", serde_json::to_string_pretty(value)?)),
        Form::Name => {
            let text = |pointer| value.pointer(pointer).and_then(Value::as_str);
            let [api, kind, name] = ["/apiVersion", "/kind", "/metadata/name"]
                .map(|pointer| text(pointer).unwrap_or_default());
            let group = api.split_once('/').map(|(group, _)| format!(".{group}"));
            let (kind, group) = (kind.to_lowercase(), group.unwrap_or_default());
            Ok(format!("{kind}{group}/{name}\n"))
        }
    }
}
