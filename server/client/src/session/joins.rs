//! JOINs that the client makes by itself, not faster than servers take frames.

use std::collections::VecDeque;

use tokio::time::{Instant, sleep_until};

use crate::{limits::Limits, subscriptions::Join};

/// JOINs that are due.
pub struct Joins {
    due: VecDeque<Join>,
    /// When the last ones were made.
    made: VecDeque<Instant>,
    limits: Limits,
}

impl Joins {
    pub fn new(due: Vec<Join>, limits: Limits) -> Self {
        Self {
            due: due.into(),
            made: VecDeque::new(),
            limits,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    /// The next one, once there may be one; never when there is none. Cancel-safe.
    pub async fn next(&mut self) -> Join {
        if self.made.len() >= self.limits.joins
            && let Some(first) = self.made.front()
        {
            sleep_until(*first + self.limits.join_window).await;
            self.made.pop_front();
        }
        match self.due.pop_front() {
            Some(join) => {
                self.made.push_back(Instant::now());
                join
            }
            None => std::future::pending().await,
        }
    }
}
