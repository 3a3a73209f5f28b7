//! Follows what a container's supervisor reports. All of it is untrusted and for display only.

use std::{sync::Arc, time::Duration};

use agentchat_contract::State;
use agentchat_plan::{Plan, Verdict};
use futures::{StreamExt, stream::BoxStream};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::debug;

use super::{
    observe::ObservedAgent,
    report_throttle::{News, ReportThrottle},
};
use crate::{
    cache::{Key, Report},
    context::Context,
    engines::Connection,
    error::chain,
};

/// Between the end of one report and the next try.
const PAUSE: Duration = Duration::from_secs(1);
/// A supervisor renews its heartbeat every 10 s; one that is silent for so long is lost.
const SILENCE: Duration = Duration::from_secs(35);
/// Between two states that are read: a container can't keep the operator busy.
const READ_PAUSE: Duration = Duration::from_millis(20);

/// Starts a task that follows the reports of the run that goes on, unless one does already; ends it when nothing runs.
/// It ends when the run does: a reconcile sees that.
pub fn follow_or_end(plan: &Plan, observed: &ObservedAgent, key: &Key, context: &Arc<Context>) {
    if plan.verdict != Verdict::Running {
        // A change is under way, or nothing runs; where nothing is known, the connection is lost anyway.
        if plan.verdict != Verdict::Converging {
            context
                .agents
                .if_there(key, crate::cache::CachedAgent::end_following);
        }
        return;
    }
    let Some(running) = observed.running() else {
        return;
    };
    let Some(connection) = context.engines.connected(&running.node) else {
        return;
    };
    let begun = context.agents.with(key, |cached| {
        let token = cached.begin_following(&context.shutdown)?;
        Some((token, cached.followed.clone()))
    });
    let Some((token, run)) = begun else { return };
    let follower = Follower {
        context: context.clone(),
        connection,
        key: key.clone(),
        id: running.container.id.clone(),
        run,
        throttle: ReportThrottle::new(Instant::now()),
        last_report: Instant::now(),
    };
    context
        .tasks
        .spawn(async move { token.run_until_cancelled_owned(follower.run()).await });
}

struct Follower {
    context: Arc<Context>,
    connection: Connection,
    key: Key,
    id: String,
    run: String,
    throttle: ReportThrottle,
    last_report: Instant,
}

impl Follower {
    async fn run(mut self) {
        loop {
            match self.connection.engine.report(&self.id).await {
                Ok(states) => self.read(states).await,
                Err(error) => debug!(error = %chain(&error), "no report from the container"),
            }
            if self.last_report.elapsed() >= SILENCE {
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
                state = timeout_at(self.last_report + SILENCE, states.next()) => {
                    let Ok(Some(state)) = state else { return };
                    self.last_report = Instant::now();
                    let news = self.take(state);
                    let at = self.throttle.due(news, Instant::now());
                    due = [due, at].into_iter().flatten().min();
                    if due.is_none_or(|due| due > Instant::now()) {
                        sleep(READ_PAUSE).await;
                    }
                }
            }
        }
    }

    /// Keeps the state, and says what it brings.
    fn take(&self, state: State) -> News {
        let context = &self.context;
        let before = context.agents.during(&self.key, &self.run, |cached| {
            let new = Report::Known(Box::new(state.clone()));
            std::mem::replace(&mut cached.report, new)
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
            .agents
            .during(&self.key, &self.run, |cached| cached.report = report);
    }

    async fn wake(&mut self) {
        self.throttle.note_look(Instant::now());
        self.context.wake_agent(self.key.clone()).await;
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
    fn heartbeat_is_no_news_and_counters_are_little() {
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
