//! After a failure: stops what the call has started; nothing is left of a first `up`.

use std::collections::BTreeSet;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::call::Call;
use crate::{
    control::OPERATOR,
    down,
    output::NAME,
    service,
    state::{Remembered, State},
};

/// How the swarm stood before this call.
pub struct Before {
    fresh: bool,
    down: bool,
    running: BTreeSet<String>,
}

impl Before {
    /// Looks; `fresh` when the swarm's folder was made by this call.
    pub fn look(state: &State, fresh: bool) -> Result<Self> {
        let mut running = BTreeSet::new();
        for name in state.services()? {
            if service::running(state, &name)?.is_some() {
                running.insert(name);
            }
        }
        let remembered = Remembered::read(state)?;
        let fresh = fresh || (remembered.is_none() && running.is_empty());
        let down = remembered.is_some_and(|r| r.down) && !running.contains(OPERATOR);
        Ok(Self {
            fresh,
            down,
            running,
        })
    }
}

impl Call<'_> {
    /// Stops what this call has started. A failure to do so is said, and does not hide why it was needed.
    pub async fn undo(&self, before: &Before, error: &anyhow::Error) {
        let (state, progress) = (self.state, self.progress);
        let never = CancellationToken::new();
        let started = state.services().is_ok_and(|names| !names.is_empty());
        if started && (before.fresh || before.down) {
            let why = headline(error);
            progress.note(format_args!("{why}; stopping what this call has started"));
        }
        let undone = match Remembered::read(state) {
            Ok(None) if before.fresh => state.remove(),
            _ if before.fresh => down::take_down(state, progress, true, &never).await,
            _ if before.down => down::take_down(state, progress, false, &never).await,
            _ => self.stop_others(&before.running).await,
        };
        if let Err(why) = undone {
            // Without an engine that answers, containers can't be removed, but services can be stopped.
            let stopped = self.stop_others(&before.running).await;
            let also = stopped
                .err()
                .map(|also| format!("; {also:#}"))
                .unwrap_or_default();
            let purge = if before.fresh { " --purge" } else { "" };
            progress.note(format_args!(
                "that did not work: {why:#}{also}; `agentctl down --swarm {}{purge}` tries again",
                state.swarm()
            ));
        }
    }

    async fn stop_others(&self, kept: &BTreeSet<String>) -> Result<()> {
        for name in self.state.services()? {
            if !kept.contains(&name) && service::stop(self.state, &name).await? {
                self.progress
                    .step(format_args!("{NAME}{name}{NAME:#} stopped"));
            }
        }
        Ok(())
    }
}

/// A headline is not longer than this, where it can be cut.
const HEADLINE: usize = 60;

/// The beginning of an error: the whole of it is said at the end.
fn headline(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let until = |text: &str, mark| text.split(mark).next().unwrap_or_default().to_owned();
    let mut head = ["\n", "; ", " ("]
        .into_iter()
        .fold(text, |head, mark| until(&head, mark));
    if head.chars().count() > HEADLINE {
        head = until(&head, ": ");
    }
    head
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::headline;

    #[test]
    fn a_headline_says_who_and_leaves_the_rest_for_the_end() {
        for (error, says) in [
            (
                "Agent ada Failed: it ended (Refused)",
                "Agent ada Failed: it ended",
            ),
            (
                "Agents: not within 2 s; it stands at: x",
                "Agents: not within 2 s",
            ),
            (
                "agentchat-server ended (exit status: 1); the end of x:\n  | y",
                "agentchat-server ended",
            ),
            ("interrupted", "interrupted"),
        ] {
            assert_eq!(headline(&anyhow!(error)), says);
        }
    }
}
