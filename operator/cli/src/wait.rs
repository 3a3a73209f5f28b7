//! Waiting: with a deadline, an eye on Ctrl-C, and a word whenever something has changed.

mod changes;

use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    exit::{Code, WithCode},
    interrupt::interrupted,
};

pub use changes::Changes;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// What a look has found.
#[derive(Debug)]
pub enum Look<T> {
    /// What was waited for.
    Done(T),
    /// Not yet; and how it stands.
    NotYet(String),
}

/// How long to wait, and what ends the wait early.
#[derive(Clone, Debug)]
pub struct Patience {
    within: Duration,
    deadline: Instant,
    interrupt: CancellationToken,
}

impl Patience {
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
                let seconds = self.within.as_secs();
                let error = anyhow!("{what}: not within {seconds} s; it stands at: {state}");
                return Err(error.code(Code::TimedOut));
            }
            tokio::select! {
                () = self.interrupt.cancelled() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::code_of;

    #[tokio::test]
    async fn a_wait_ends_by_success_deadline_or_interruption() {
        let token = CancellationToken::new();
        let (mut looks, short) = (0, Patience::new(Duration::from_millis(1), &token));
        let found = Patience::new(Duration::from_secs(60), &token)
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
