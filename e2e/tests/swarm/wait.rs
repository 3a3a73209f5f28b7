//! Waiting on conditions, with deadlines that say what was seen last.

use std::{fmt::Debug, time::Duration};

use tokio::time::Instant;

/// Longest wait for anything that involves a start of Claude Code on a busy machine.
pub const LONG: Duration = Duration::from_secs(120);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// Looks until `look` gives `Ok`; the last `Err` is in the panic when the deadline passes.
pub async fn until<T, E: Debug>(what: &str, look: impl AsyncFnMut() -> Result<T, E>) -> T {
    let (mut look, deadline) = (look, Instant::now() + LONG);
    loop {
        match look().await {
            Ok(found) => return found,
            Err(last) if Instant::now() > deadline => {
                panic!(
                    "{what}: not within {} s; last seen: {last:?}",
                    LONG.as_secs()
                )
            }
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}
