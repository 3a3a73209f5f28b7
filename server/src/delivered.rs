//! Configuration and secrets that the operator delivers into the server's container.
//!
//! `agentchat-server receive` writes one delivery; `agentchat-server serve --delivered` waits for the first one. A
//! later one changes the certificate at once, see [`crate::tls`]. Everything else counts after a restart, and the log
//! says so.

use std::{io::Read, path::Path, path::PathBuf};

use agentchat_contract::{
    DELIVERY_MARKER, DeliveryDirs, Layout, read_delivery, server, write_delivery,
};
use anyhow::Context;
use futures::StreamExt;
use inotify::{EventStream, Inotify, WatchMask};

/// Room for the events that are read at a time.
type Buffer = [u8; 1024];

/// Writes one delivery below a root, which is `/` in a container.
pub fn receive(root: &Path, input: impl Read) -> anyhow::Result<()> {
    let delivery = read_delivery(input)?;
    write_delivery(&dirs(&Layout::new(root.to_owned())), &delivery)?;
    Ok(())
}

fn dirs(layout: &Layout) -> DeliveryDirs {
    DeliveryDirs {
        config: layout.path(server::CONFIG_DIR),
        secrets: layout.path(server::SECRETS_DIR),
    }
}

/// Notices deliveries.
pub struct Deliveries {
    layout: Layout,
    events: EventStream<Buffer>,
}

/// What counts after a restart only: the settings and the admin key.
type Lasting = [Option<Vec<u8>>; 2];

impl Deliveries {
    /// Watches the configuration directory below a root.
    pub fn watch(root: &Path) -> anyhow::Result<Self> {
        let layout = Layout::new(root.to_owned());
        let directory = dirs(&layout).config;
        let inotify = Inotify::init().context("the deliveries can't be watched")?;
        let mut watches = inotify.watches();
        let watched = watches.add(&directory, WatchMask::CREATE | WatchMask::MOVED_TO);
        watched.with_context(|| {
            let directory = directory.display();
            format!("{directory} can't be watched; mount a memory file system there")
        })?;
        let events = inotify.into_event_stream([0; _])?;
        Ok(Self { layout, events })
    }

    /// The configuration file that is delivered.
    pub fn config(&self) -> PathBuf {
        self.layout.path(server::CONFIG)
    }

    /// Returns when a delivery is complete, also one from before.
    pub async fn first(&mut self) -> anyhow::Result<()> {
        let marker = dirs(&self.layout).marker();
        while !marker.exists() {
            self.next().await?;
        }
        Ok(())
    }

    /// Says in the log when a later delivery has something that counts after a restart only; for ever.
    pub async fn follow(mut self) {
        let begun_with = self.lasting();
        let mut known = begun_with.clone();
        while self.next().await.is_ok() {
            let now = self.lasting();
            if now != known && now != begun_with {
                tracing::warn!(
                    "other settings or another admin key were delivered; restart the server for them to count"
                );
            }
            known = now;
        }
        tracing::error!("deliveries are not noticed any more");
        std::future::pending().await
    }

    fn lasting(&self) -> Lasting {
        [server::CONFIG, server::ADMIN_KEY].map(|path| std::fs::read(self.layout.path(path)).ok())
    }

    /// Waits for the end of the next delivery.
    async fn next(&mut self) -> anyhow::Result<()> {
        loop {
            let event = self.events.next().await;
            let event = event.context("the watch for deliveries has ended")??;
            if event.name.is_some_and(|name| name == DELIVERY_MARKER) {
                return Ok(());
            }
        }
    }
}
