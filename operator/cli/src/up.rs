//! `agentctl up`: from manifests to agents that talk.
//!
//! Level-triggered: what is there is kept, what is missing is made, so it can be called again at any moment.
//! When it fails, what this call has started is stopped; after a first `up` that failed, nothing is left.

mod configure;
mod credentials;
mod flags;
mod foreground;
mod ports;
mod ready;
mod steps;
mod undo;

use anyhow::{Context, Result};

use steps::UpSteps;
use undo::SwarmBefore;

use crate::{
    exit::{Code, WithCode},
    interrupt,
    output::{self, Progress, say},
    state::{Lock, State},
};

pub use configure::model_url;
pub use credentials::exposed;
pub use flags::Up;

impl Up {
    /// Carries it out.
    pub async fn run(&self, state: &State) -> Result<()> {
        let progress = Progress::start();
        let interrupt = interrupt::listen()?;
        let credential = self.credential.read().code(Code::Invalid)?;
        if let Some(warning) = self.credential.warning() {
            progress.note(warning);
        }
        let fresh = !state.exists();
        state.create()?;
        let lock = Lock::take(state, &progress).await?;
        let lock =
            lock.context("the state folder was removed meanwhile; call `agentctl up` again")?;
        let before = SwarmBefore::look(state, fresh)?;
        let steps = UpSteps {
            up: self,
            state,
            progress,
            interrupt: &interrupt,
        };
        if let Err(error) = steps.bring(credential).await {
            steps.undo(&before, &error).await;
            return Err(error);
        }
        drop(lock);
        let export = format!(
            "export KUBECONFIG={}\n",
            shell_word(&state.kubeconfig().to_string_lossy())
        );
        output::put_somewhere(export);
        hints(state, self.detach);
        if self.detach {
            Ok(())
        } else {
            foreground::hold(state, progress, &interrupt).await
        }
    }
}

fn hints(state: &State, detached: bool) {
    let swarm = match state.swarm() {
        "default" => String::new(),
        other => format!(" --swarm {other}"),
    };
    say("  kubectl get agents           how the agents are; `-w` goes on watching");
    say(format_args!(
        "  agentctl{swarm} logs -f NAME     what an agent's container writes"
    ));
    if detached {
        say(format_args!(
            "  agentctl{swarm} status           whether all is well\n  agentctl{swarm} chat             talk with the agents"
        ));
        say(format_args!(
            "  agentctl{swarm} down             stop everything, keep what was made (--purge: keep nothing)"
        ));
    }
}

/// A word that a shell takes as one.
fn shell_word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::shell_word;

    #[test]
    fn quoted_path_is_one_word_for_a_shell() {
        assert_eq!(shell_word("/home/x/kubeconfig"), "/home/x/kubeconfig");
        assert_eq!(shell_word("/a b/it's"), r"'/a b/it'\''s'");
    }
}
