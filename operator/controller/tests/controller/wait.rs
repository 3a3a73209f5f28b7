//! Waiting on conditions, with a deadline that says what was seen last.

use std::{fmt::Debug, time::Duration};

use tokio::time::{Instant, sleep};

/// Longest wait for anything.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Looks until `look` gives `Ok`; the last `Err` is in the panic when the deadline passes.
pub async fn until<T, E: Debug>(what: &str, look: impl AsyncFnMut() -> Result<T, E>) -> T {
    let (mut look, deadline) = (look, Instant::now() + DEADLINE);
    loop {
        match look().await {
            Ok(found) => return found,
            Err(last) if Instant::now() > deadline => {
                panic!("{what}: not in time; last seen: {last:#?}")
            }
            Err(_) => sleep(LOOK).await,
        }
    }
}
