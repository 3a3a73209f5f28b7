//! Follows what a container's supervisor reports. All of it is untrusted and for display only.

use std::{sync::Arc, time::Duration};

use agentchat_contract::State;
use futures::{StreamExt, stream::BoxStream};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::debug;

use super::pace::{News, Pace};
use crate::{
    context::Context,
    error::chain,
    live::{Key, Report},
};

/// Between the end of one report and the next try.
const PAUSE: Duration = Duration::from_secs(1);
/// A supervisor renews its heartbeat every 10 s; one that is silent for so long is lost.
const SILENCE: Duration = Duration::from_secs(35);
/// Between two states that are read: a container can't keep the operator busy.
const BREATH: Duration = Duration::from_millis(20);

/// Starts a task that follows the current run's reports, unless one does already. It ends when the run does:
/// a reconcile sees that, and ends it.
pub fn follow(context: &Arc<Context>, key: &Key, id: &str) {
    let begun = context.live.with(key, |entry| {
        let token = entry.begin_following(&context.shutdown)?;
        Some((token, entry.run.clone()))
    });
    let Some((token, run)) = begun else { return };
    let follower = Follower {
        context: context.clone(),
        key: key.clone(),
        id: id.to_owned(),
        run,
        pace: Pace::new(Instant::now()),
        heard: Instant::now(),
    };
    context
        .tasks
        .spawn(async move { token.run_until_cancelled_owned(follower.run()).await });
}

struct Follower {
    context: Arc<Context>,
    key: Key,
    id: String,
    run: String,
    pace: Pace,
    /// When something was last heard.
    heard: Instant,
}

impl Follower {
    async fn run(mut self) {
        loop {
            match self.context.engine.report(&self.id).await {
                Ok(states) => self.read(states).await,
                Err(error) => debug!(error = %chain(&error), "no report from the container"),
            }
            if self.heard.elapsed() >= SILENCE {
                self.store(Report::Lost);
            }
            // Either the run has ended, which is to be seen, or only the connection to it.
            self.wake().await;
            sleep(PAUSE).await;
        }
    }

    /// Reads states as they come, and has the agent looked at when they bring news.
    async fn read(&mut self, mut states: BoxStream<'static, State>) {
        let mut due: Option<Instant> = None;
        loop {
            let look = async {
                match due {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = look => {
                    due = None;
                    self.wake().await;
                }
                state = timeout_at(self.heard + SILENCE, states.next()) => {
                    let Ok(Some(state)) = state else { return };
                    self.heard = Instant::now();
                    let news = self.take(state);
                    let at = self.pace.due(news, Instant::now());
                    due = [due, at].into_iter().flatten().min();
                    if due.is_none_or(|due| due > Instant::now()) {
                        sleep(BREATH).await;
                    }
                }
            }
        }
    }

    /// Keeps the state, and says what it brings.
    fn take(&self, state: State) -> News {
        let context = &self.context;
        let before = context.live.during(&self.key, &self.run, |entry| {
            let new = Report::Known(Box::new(state.clone()));
            std::mem::replace(&mut entry.report, new)
        });
        match before {
            Some(Report::Known(before)) => compare(&before, &state),
            Some(_) => News::State,
            // Another run has begun.
            None => News::Nothing,
        }
    }

    fn store(&self, report: Report) {
        let context = &self.context;
        context
            .live
            .during(&self.key, &self.run, |entry| entry.report = report);
    }

    async fn wake(&mut self) {
        self.pace.looked(Instant::now());
        if self.context.wake.send(self.key.clone()).await.is_err() {
            debug!("the controller ends; nobody to wake");
        }
    }
}

fn compare(old: &State, new: &State) -> News {
    let quiet = |state: &State| State {
        heartbeat_at: 0,
        ..state.clone()
    };
    let still = |state: &State| {
        let mut state = quiet(state);
        state.usage = Default::default();
        state.activity.since = 0;
        state
    };
    if still(old) != still(new) {
        News::State
    } else if quiet(old) != quiet(new) {
        News::Counters
    } else {
        News::Nothing
    }
}

#[cfg(test)]
mod tests {
    use agentchat_contract::ActivityState;

    use super::*;

    #[test]
    fn a_heartbeat_is_no_news_and_counters_are_little() {
        let old = State::default();
        let mut new = old.clone();
        new.heartbeat_at = 5;
        assert_eq!(compare(&old, &new), News::Nothing);
        new.usage.turns = 1;
        assert_eq!(compare(&old, &new), News::Counters);
        new.activity.state = ActivityState::Thinking;
        assert_eq!(compare(&old, &new), News::State);
    }
}
