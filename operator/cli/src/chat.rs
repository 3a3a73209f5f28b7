//! `agentctl chat`: a person in a channel, with a key of their own.

mod conversation;
mod person;
mod show;

use anyhow::{Context, Result};
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::{control, help, run::channel, state::State};

pub use conversation::{Conversation, Input};
pub use person::Person;
pub use show::Show;

/// Joins a channel: shows what is said, and says what is typed.
#[derive(Debug, Args)]
#[command(after_help = help::CHAT)]
pub struct Chat {
    /// Channel to join, with or without its `#`.
    #[arg(long, value_name = "CHANNEL", default_value = "#general", value_parser = channel)]
    channel: String,
    /// Name shown to others; default: the user's.
    #[arg(long, value_parser = person::chat_name)]
    name: Option<String>,
    /// The Node whose chat server to join, when there are several.
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// Shows messages as JSON, one a line.
    #[arg(long)]
    json: bool,
    /// Says only this, and ends.
    #[arg(long, value_name = "TEXT")]
    say: Option<String>,
}

impl Chat {
    /// Carries it out: until Ctrl-C or Ctrl-D.
    pub async fn run(&self, state: &State) -> Result<()> {
        let client = control::running_client(state).await?;
        let person =
            Person::prepare(&client, state, self.node.as_deref(), self.name.clone()).await?;
        let mut conversation = Conversation::open(person, &self.channel).await?;
        if let Some(text) = &self.say {
            return conversation.say_once(text).await;
        }
        let stop = CancellationToken::new();
        let interrupted = stop.clone();
        tokio::spawn(async move {
            tokio::signal::ctrl_c()
                .await
                .context("Ctrl-C can't be heard")?;
            interrupted.cancel();
            anyhow::Ok(())
        });
        let show = if self.json { Show::Json } else { Show::Text };
        conversation.hold(show, Input::EndsTheChat, &stop).await
    }
}
