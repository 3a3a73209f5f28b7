//! `agentctl chat`: a person in the chat, with a key of their own.

mod conversation;
mod history;
mod person;
mod refusal;
mod send;
mod server_selector;
mod session;
mod show;
mod who;

use anyhow::{Context, Result, anyhow};
use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;

use crate::{
    channel::channel,
    exit::{Code, WithCode},
    help,
    state::State,
};

pub use conversation::{Conversation, Input};
pub use person::{Key, Person, chat_name};
pub use refusal::{of_admin, unreachable};
pub use server_selector::{Access, ServerSelector};
pub use session::ChatSession;
pub use show::Show;
pub use who::{Present, present};

/// The channel that is joined unless another is named.
const CHANNEL: &str = "#general";

/// Talks with the agents, or looks at what they say.
#[derive(Debug, Args)]
#[command(after_help = help::CHAT)]
pub struct Chat {
    /// What to do; without it, `join`.
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Channel to join, with or without its `#`.
    #[arg(long, value_name = "CHANNEL", value_parser = channel)]
    channel: Option<String>,
    /// Sends only this, and ends.
    #[arg(long, value_name = "TEXT")]
    say: Option<String>,
    #[command(flatten)]
    selector: ServerSelector,
    /// Name shown to others; default: the user's.
    #[arg(long, global = true, value_name = "NAME", value_parser = chat_name)]
    name: Option<String>,
    /// Output as JSON, one object a line.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Joins a channel: shows messages, and sends what is typed.
    #[command(after_help = help::CHAT_JOIN)]
    Join {
        /// Channel, with or without its `#`.
        #[arg(value_parser = channel, default_value = CHANNEL)]
        channel: String,
    },
    /// Sends one message, once.
    Send(send::Send),
    /// Shows what was said in a channel.
    History(history::HistoryArgs),
    /// Shows who is there, and what they do.
    Who(who::Who),
    /// Shows the channels.
    Channels(who::Channels),
}

impl Chat {
    /// Carries it out.
    pub async fn run(&self, state: &State) -> Result<()> {
        let form = if self.json { Show::Json } else { Show::Text };
        let (selector, name) = (&self.selector, self.name.clone());
        let Some(verb) = &self.verb else {
            let channel = self.channel.as_deref().unwrap_or(CHANNEL);
            return self.join(state, channel, form).await;
        };
        if self.channel.is_some() || self.say.is_some() {
            let text = "--channel and --say stand without a verb; verbs take the channel as it is, as in \
                        `agentctl chat history general`";
            return Err(anyhow!(text).code(Code::Invalid));
        }
        match verb {
            Verb::Join { channel } => self.join(state, channel, form).await,
            Verb::Send(send) => send.run(state, selector, name, self.json).await,
            Verb::History(past) => past.run(state, selector, name, form).await,
            Verb::Who(who) => who.run(state, selector, name, form).await,
            Verb::Channels(channels) => channels.run(state, selector, name, form).await,
        }
    }

    /// Until Ctrl-C or Ctrl-D.
    async fn join(&self, state: &State, channel: &str, form: Show) -> Result<()> {
        let access = self.selector.find(state).await?;
        let person = Person::prepare(access, state, self.name.clone(), Key::Free)?;
        let mut conversation = Conversation::open(person, channel).await?;
        if let Some(text) = &self.say {
            return conversation.say_once(text).await;
        }
        let stop = CancellationToken::new();
        let interrupted = stop.clone();
        tokio::spawn(async move {
            tokio::signal::ctrl_c()
                .await
                .context("Ctrl-C can't be listened to")?;
            interrupted.cancel();
            anyhow::Ok(())
        });
        conversation.hold(form, Input::EndsTheChat, &stop).await
    }
}
