//! Follows what a container's supervisor reports. All of it is untrusted and for display only.

use std::{sync::Arc, time::Duration};

use agentchat_contract::State;
use futures::StreamExt;
use tracing::debug;

use crate::{context::Context, error::chain};

/// Between the end of one report and the next try.
const PAUSE: Duration = Duration::from_secs(1);

/// Starts a task that follows the container's reports, unless one does already. It ends with the
/// container's run, and then has the agent looked at again.
pub fn follow(context: &Arc<Context>, key: &(String, String), id: Option<&str>) {
    let Some(id) = id.map(str::to_owned) else {
        return;
    };
    let run = context.live.with(key, |entry| {
        (!std::mem::replace(&mut entry.following, true)).then(|| entry.run.clone())
    });
    let Some(run) = run else { return };
    let (context, key) = (context.clone(), key.clone());
    let shutdown = context.shutdown.clone();
    context.tasks.clone().spawn(async move {
        shutdown
            .run_until_cancelled(read(&context, &key, &id, &run))
            .await;
    });
}

async fn read(context: &Context, key: &(String, String), id: &str, run: &str) {
    match context.engine.report(id).await {
        Ok(mut states) => {
            while let Some(state) = states.next().await {
                let news = context.live.with(key, |entry| {
                    entry.run == run && {
                        let news = entry.state.as_ref().is_none_or(|old| differs(old, &state));
                        entry.state = Some(state);
                        news
                    }
                });
                if news && context.wake.send(key.clone()).await.is_err() {
                    return;
                }
            }
        }
        Err(error) => debug!(error = %chain(&error), "no report from the container; trying again"),
    }
    tokio::time::sleep(PAUSE).await;
    context.live.with(key, |entry| {
        if entry.run == run {
            entry.following = false;
        }
    });
    if context.wake.send(key.clone()).await.is_err() {
        debug!("the controller ends; nobody to wake");
    }
}

/// Whether anything but the heartbeat moved.
fn differs(old: &State, new: &State) -> bool {
    State {
        heartbeat_at: 0,
        ..old.clone()
    } != State {
        heartbeat_at: 0,
        ..new.clone()
    }
}
