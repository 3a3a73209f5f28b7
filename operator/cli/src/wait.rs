//! Waiting: with a deadline, until Ctrl-C, and with a line of progress whenever something has changed.

mod changes;

use std::{fmt::Debug, pin::pin, sync::Arc, time::Duration};

use agentchat_api::parse_duration;
use anyhow::{Result, anyhow};
use futures::StreamExt;
use kube::{
    Api, Resource,
    runtime::{
        WatchStreamExt, reflector,
        watcher::{self, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{
    exit::{Code, WithCode},
    interrupt::interrupted,
};

pub use changes::Changes;

/// Between two looks at what nothing tells changes of.
const LOOK: Duration = Duration::from_millis(200);
/// Between two looks at what is watched, when nothing changes: time passes all the same.
const TICK: Duration = Duration::from_secs(1);

/// A time as people write it, like 90s or 5m.
pub fn seconds(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .map(Duration::from_secs)
        .map_err(|error| error.to_string())
}

/// What a look has found.
#[derive(Debug)]
pub enum Look<T> {
    /// What was waited for.
    Done(T),
    /// Not yet; and what is missing.
    NotYet(String),
}

/// Until when to wait, and what ends the wait early.
#[derive(Clone, Debug)]
pub struct Deadline {
    within: Duration,
    deadline: Instant,
    interrupt: CancellationToken,
}

impl Deadline {
    /// From now on.
    pub fn new(within: Duration, interrupt: &CancellationToken) -> Self {
        let deadline = Instant::now() + within;
        Self {
            within,
            deadline,
            interrupt: interrupt.clone(),
        }
    }

    /// Looks until it is done. An error of a look ends the wait.
    pub async fn until<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> Result<Look<T>>,
    ) -> Result<T> {
        loop {
            if self.interrupt.is_cancelled() {
                return Err(interrupted());
            }
            let state = match look().await? {
                Look::Done(found) => return Ok(found),
                Look::NotYet(state) => state,
            };
            if Instant::now() > self.deadline {
                return Err(self.passed(what, &state));
            }
            tokio::select! {
                () = self.interrupt.cancelled() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Watches the objects of an API, and looks at them all whenever one has changed, until it is done. An API that
    /// does not answer is asked again; an error of a look ends the wait.
    pub async fn watch<K, T>(
        &self,
        what: &str,
        api: Api<K>,
        mut look: impl AsyncFnMut(&[Arc<K>]) -> Result<Look<T>>,
    ) -> Result<T>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let (objects, writer) = reflector::store();
        let events = watcher(api, watcher::Config::default()).default_backoff();
        let mut events = pin!(reflector(writer, events));
        let mut tick = tokio::time::interval(TICK);
        let (mut is_complete, mut state) = (false, "the API has not answered yet".to_owned());
        loop {
            tokio::select! {
                () = self.interrupt.cancelled() => return Err(interrupted()),
                () = sleep_until(self.deadline) => return Err(self.passed(what, &state)),
                event = events.next() => match event {
                    Some(Ok(watcher::Event::Init | watcher::Event::InitApply(_))) => continue,
                    Some(Ok(_)) => is_complete = true,
                    Some(Err(error)) => state = format!("the API does not answer: {error}"),
                    None => return Err(anyhow!("{what}: the watch ended")),
                },
                _ = tick.tick() => {}
            }
            if !is_complete {
                continue;
            }
            match look(&objects.state()).await? {
                Look::Done(found) => return Ok(found),
                Look::NotYet(now) => state = now,
            }
        }
    }

    fn passed(&self, what: &str, state: &str) -> anyhow::Error {
        let seconds = self.within.as_secs();
        anyhow!("{what}: not within {seconds} s; last state: {state}").code(Code::TimedOut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::code_of;

    #[tokio::test]
    async fn wait_ends_by_success_deadline_or_interruption() {
        let token = CancellationToken::new();
        let (mut looks, short) = (0, Deadline::new(Duration::from_millis(1), &token));
        let found = Deadline::new(Duration::from_secs(60), &token)
            .until("x", async || {
                looks += 1;
                Ok(if looks == 2 {
                    Look::Done(looks)
                } else {
                    Look::NotYet(String::new())
                })
            })
            .await;
        assert_eq!(found.unwrap(), 2);
        let never = async || Ok(Look::<()>::NotYet("NoNode".into()));
        let late = short.until("Agent ada", never).await.unwrap_err();
        assert_eq!(code_of(&late), Code::TimedOut);
        assert!(late.to_string().contains("NoNode"), "{late}");
        token.cancel();
        let stopped = short.until("x", never).await.unwrap_err();
        assert_eq!(code_of(&stopped), Code::Interrupted);
    }
}
