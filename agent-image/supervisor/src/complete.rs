//! Waits until the first delivery is complete.

use agentchat_contract::{Layout, paths};
use anyhow::Context as _;
use futures::StreamExt as _;
use inotify::{Inotify, WatchMask};

/// Returns once `.complete` is there.
pub async fn wait(layout: &Layout) -> anyhow::Result<()> {
    let directory = layout.path(paths::CONFIG_DIR);
    let complete = layout.path(paths::COMPLETE);
    let inotify = Inotify::init().context("can't watch the configuration")?;
    // The watch comes before the look, so that nothing happens unseen in between.
    inotify
        .watches()
        .add(&directory, WatchMask::CREATE | WatchMask::MOVED_TO)
        .with_context(|| format!("can't watch {}; mount it", directory.display()))?;
    let mut events = inotify.into_event_stream([0; 4096])?;
    while !complete.exists() {
        events
            .next()
            .await
            .context("the watch on the configuration ended")??;
    }
    Ok(())
}
