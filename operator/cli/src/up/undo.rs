//! After a failure: stops what the `up` has started; nothing is left of a first one.

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::steps::UpSteps;
use crate::{
    down,
    operator::{self, Operator},
    state::{State, SwarmConfig},
};

/// What there was of the swarm before this `up`.
pub struct SwarmBefore {
    fresh: bool,
    down: bool,
    running: bool,
}

impl SwarmBefore {
    /// Looks; `fresh` when the swarm's folder was made by this `up`.
    pub fn look(state: &State, fresh: bool) -> Result<Self> {
        let running = operator::is_running(state)?;
        let config = SwarmConfig::read(state)?;
        Ok(Self {
            fresh: fresh || (config.is_none() && !running),
            down: config.is_some_and(|config| config.down) && !running,
            running,
        })
    }
}

impl UpSteps<'_> {
    /// Stops what this `up` has started. A failure to do so is said, and does not hide why it was needed.
    pub async fn undo(&self, before: &SwarmBefore, error: &anyhow::Error) {
        let (state, progress) = (self.state, self.progress);
        let never = CancellationToken::new();
        let operator = Operator::new(state, progress, &never);
        let started = operator::is_running(state).unwrap_or(true);
        if started && (before.fresh || before.down) {
            let why = format!("{error:#}");
            let why = why.lines().next().unwrap_or_default();
            progress.note(format_args!("{why}; stopping what this call has started"));
        }
        let undone = match SwarmConfig::read(state) {
            Ok(None) if before.fresh => state.remove(),
            _ if before.fresh => down::take_down(state, progress, down::Kind::Purge, &never).await,
            _ if before.down => down::take_down(state, progress, down::Kind::Keep, &never).await,
            _ if before.running => Ok(()),
            _ => operator.stop().await,
        };
        if let Err(why) = undone {
            // Without an engine that answers, containers can't be removed, but the operator can be stopped.
            let stopped = match before.running {
                true => Ok(()),
                false => operator.stop().await,
            };
            let also = stopped.err().map(|also| format!("; {also:#}"));
            let also = also.unwrap_or_default();
            let purge = if before.fresh { " --purge" } else { "" };
            progress.note(format_args!(
                "that did not work: {why:#}{also}; `agentctl down --swarm {}{purge}` tries again",
                state.swarm()
            ));
        }
    }
}
