//! `agentctl run`: an Agent from a command line.

use agentchat_manifests::{ApplyError, Manifest, OWN_API, Overlay, create};
use anyhow::{Result, anyhow};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    channel::channel,
    control::{FIELD_MANAGER, not_applied},
    exit::{Code, WithCode},
    get::{Form, render},
    help, operator, output,
    state::{Credentials, State, SwarmConfig},
    up,
};

/// Makes an Agent with a mission.
#[derive(Debug, Args)]
#[command(after_help = help::RUN)]
pub struct Run {
    /// Name of the Agent.
    name: String,
    /// What it is to do, in words.
    #[arg(required = true)]
    mission: Vec<String>,
    /// Its namespace.
    #[arg(long, short, default_value = "default")]
    namespace: String,
    /// Who it is, in words: becomes its system prompt.
    #[arg(long, value_name = "TEXT")]
    personality: Option<String>,
    /// Channel to join, with or without its `#`; may be repeated.
    #[arg(long = "channel", value_name = "CHANNEL", value_parser = channel)]
    channels: Vec<String>,
    /// Model instead of the program's own.
    #[arg(long)]
    model: Option<String>,
    /// Ends after so many answers of the model.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    turns: Option<u64>,
    /// Ends after so many US dollars.
    #[arg(long, value_name = "USD")]
    cost: Option<f64>,
    /// Only shows what would be made.
    #[arg(long)]
    dry_run: bool,
    /// Shows the Agent in this form.
    #[arg(long, short, value_enum)]
    output: Option<Form>,
}

impl Run {
    /// Carries it out.
    pub async fn run(&self, state: &State) -> Result<()> {
        let mut manifest = Manifest::read(self.manifest()).code(Code::Invalid)?;
        // A dry run needs no swarm; with one, it shows what the swarm would change.
        let config = SwarmConfig::read(state)?;
        let scripted = config.filter(|c| c.credentials == Credentials::ScriptedModel);
        let base_url = scripted.map(|_| up::model_url());
        Overlay {
            base_url,
            chat_port: None,
        }
        .lay(&mut manifest);
        if self.dry_run {
            let form = self.output.unwrap_or(Form::Yaml);
            return Ok(output::put(render(&manifest.effective(), form)?)?);
        }
        let client = operator::running_client(state).await?;
        let made = create(&client, &manifest, FIELD_MANAGER).await;
        let made = made.map_err(|error| match error {
            ApplyError::Refused {
                title,
                source: kube::Error::Api(status),
            } if status.code == 409 => {
                anyhow!("{title} exists already; choose another name, or delete it first")
            }
            other => not_applied(other),
        })?;
        match self.output {
            Some(form) => output::put(render(&made, form)?)?,
            None => output::put(format_args!("{} created\n", manifest.title()))?,
        }
        Ok(())
    }

    fn manifest(&self) -> Value {
        let mut spec = json!({"mission": self.mission.join(" ")});
        if let Some(text) = &self.personality {
            spec["personality"] = json!([{"inline": text}]);
        }
        if !self.channels.is_empty() {
            spec["chat"] = json!({"channels": self.channels});
        }
        if let Some(model) = &self.model {
            spec["runtime"] = json!({"model": model});
        }
        let limits = [
            ("turns", self.turns.map(Value::from)),
            ("costUSD", self.cost.map(Value::from)),
        ];
        for (name, limit) in limits {
            if let Some(limit) = limit {
                spec["limits"][name] = limit;
            }
        }
        let metadata = json!({"name": self.name, "namespace": self.namespace});
        json!({"apiVersion": OWN_API, "kind": "Agent", "metadata": metadata, "spec": spec})
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        run: Run,
    }

    fn manifest(line: &str) -> Value {
        Line::parse_from(line.split(' ')).run.manifest()
    }

    #[test]
    fn arguments_become_a_manifest() {
        let line = "run eve Keep people company --channel help --turns 3 --cost 0.5 --model m";
        let value = manifest(line);
        Manifest::read(value.clone()).unwrap();
        let spec = json!({"mission": "Keep people company", "chat": {"channels": ["#help"]},
            "runtime": {"model": "m"}, "limits": {"turns": 3, "costUSD": 0.5}});
        assert_eq!(value["spec"], spec);
        assert_eq!(manifest("run eve Talk")["spec"], json!({"mission": "Talk"}));
    }
}
