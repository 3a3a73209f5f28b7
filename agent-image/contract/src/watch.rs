//! Notices deliveries while a program runs.

use std::io;

use futures::StreamExt as _;
use inotify::{EventStream, Inotify, WatchMask};

use crate::{DELIVERY_MARKER, Layout, paths};

/// Notices each delivery that is complete: all of its files are there by then.
pub struct DeliveryWatch {
    events: EventStream<[u8; 4096]>,
}

impl DeliveryWatch {
    /// Starts to watch; no delivery that is completed from now on is missed. Needs a Tokio runtime.
    pub fn new(layout: &Layout) -> io::Result<Self> {
        let inotify = Inotify::init()?;
        inotify.watches().add(
            layout.path(paths::CONFIG_DIR),
            WatchMask::CREATE | WatchMask::MOVED_TO,
        )?;
        let events = inotify.into_event_stream([0; 4096])?;
        Ok(Self { events })
    }

    /// Waits for the next delivery, or for one that was completed since the last call. Several may be noticed as
    /// one, and one as several. Cancel-safe.
    pub async fn next(&mut self) -> io::Result<()> {
        loop {
            let event = self.events.next().await.ok_or_else(|| {
                io::Error::new(io::ErrorKind::UnexpectedEof, "the watch has ended")
            })??;
            // One without a name says that some were lost.
            if event.name.is_none_or(|name| name == DELIVERY_MARKER) {
                return Ok(());
            }
        }
    }
}
