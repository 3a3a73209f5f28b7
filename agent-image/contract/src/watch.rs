//! Notices deliveries while a program runs.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use futures::StreamExt as _;
use inotify::{EventStream, Inotify, WatchMask};

use crate::{DELIVERY_MARKER, Layout, paths};

/// Between two looks at the marker where the kernel does not tell: the first, then doubled up to the longest.
const LOOK: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Notices each delivery that is complete: all of its files are there by then.
///
/// The kernel tells of them. It does so for 128 processes of a host's user by default, which is less than a host
/// may have agents; beyond that the marker is looked at now and then.
pub struct DeliveryWatch {
    marker: PathBuf,
    events: Option<EventStream<[u8; 4096]>>,
    /// The marker that was looked at last.
    last: Option<Marker>,
}

/// What tells one delivery's marker from another's: it is a new file each time.
type Marker = (u64, i64, i64);

impl DeliveryWatch {
    /// Starts to watch; no delivery that is completed from now on is missed. Needs a Tokio runtime with time and
    /// I/O.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        let mut watch = Self::looking(layout);
        watch.events = events(&layout.path(paths::CONFIG_DIR)).ok();
        watch
    }

    fn looking(layout: &Layout) -> Self {
        let marker = layout.path(paths::COMPLETE);
        Self {
            last: identify(&marker),
            marker,
            events: None,
        }
    }

    /// Waits for the next delivery, or for one that was completed since the last call. Several may be noticed as
    /// one, and one as several. Cancel-safe.
    pub async fn next(&mut self) {
        while let Some(events) = &mut self.events {
            match events.next().await {
                // One without a name says that some were lost.
                Some(Ok(event))
                    if event
                        .name
                        .as_ref()
                        .is_none_or(|name| name == DELIVERY_MARKER) =>
                {
                    self.last = identify(&self.marker);
                    return;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => self.events = None,
            }
        }
        let mut pause = LOOK.0;
        loop {
            let now = identify(&self.marker);
            if now.is_some() && now != self.last {
                self.last = now;
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK.1);
        }
    }
}

fn events(directory: &Path) -> io::Result<EventStream<[u8; 4096]>> {
    let inotify = Inotify::init()?;
    let what = WatchMask::CREATE | WatchMask::MOVED_TO;
    inotify.watches().add(directory, what)?;
    inotify.into_event_stream([0; 4096])
}

fn identify(marker: &Path) -> Option<Marker> {
    let metadata = fs::metadata(marker).ok()?;
    Some((metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::{DeliveredFile, Delivery, DeliveryDir, DeliveryDirs, write_delivery};

    #[test]
    fn each_delivery_is_noticed_also_where_the_kernel_does_not_tell() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path().into());
        let dirs = DeliveryDirs {
            config: layout.path(paths::CONFIG_DIR),
            secrets: layout.path(paths::SECRETS_DIR),
        };
        fs::create_dir_all(&dirs.config).unwrap();
        let deliver = |generation| {
            let file = DeliveredFile {
                dir: DeliveryDir::Config,
                path: "agent.json".into(),
                contents: b"{}".to_vec(),
            };
            let files = vec![file];
            write_delivery(&dirs, &Delivery { generation, files }).unwrap();
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            for told in [true, false] {
                let mut watch = match told {
                    true => DeliveryWatch::new(&layout),
                    false => DeliveryWatch::looking(&layout),
                };
                assert_eq!(watch.events.is_some(), told);
                for generation in 1..4 {
                    assert!(watch.next().now_or_never().is_none());
                    deliver(generation);
                    let noticed = tokio::time::timeout(Duration::from_secs(20), watch.next());
                    noticed.await.expect("the delivery was not noticed");
                }
            }
        });
    }
}
