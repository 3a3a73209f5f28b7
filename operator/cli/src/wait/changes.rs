//! Lines of progress about objects whose readiness has changed.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::{
    output::{NAME, Progress, plain},
    readiness::{Outlook, Readiness},
};

/// How long an object may be hindered before that is shown: most of what hinders while things start goes away by
/// itself.
const CALM: Duration = Duration::from_secs(3);

/// The readiness of objects, and what was shown of it.
#[derive(Debug, Default)]
pub struct Changes(BTreeMap<String, Known>);

#[derive(Debug)]
struct Known {
    outlook: Outlook,
    since: Instant,
    shown: Option<String>,
}

impl Changes {
    /// Notes an object's readiness, and shows it when that is new; gives how long its outlook has been the same.
    pub fn note(&mut self, progress: &Progress, name: &str, readiness: &Readiness) -> Duration {
        let (since, new) = self.take(name, readiness, Instant::now());
        if new {
            let (style, text) = (readiness.style(), plain(&readiness.text));
            progress.step(format_args!("{NAME}{name}{NAME:#} {style}{text}{style:#}"));
        }
        since
    }

    /// How long the outlook has been the same, and whether there is something to show.
    fn take(&mut self, name: &str, readiness: &Readiness, now: Instant) -> (Duration, bool) {
        let Readiness { outlook, text, .. } = readiness;
        let known = self.0.entry(name.to_owned()).or_insert(Known {
            outlook: *outlook,
            since: now,
            shown: None,
        });
        if known.outlook != *outlook {
            (known.outlook, known.since) = (*outlook, now);
        }
        let since = now.duration_since(known.since);
        let calm = matches!(outlook, Outlook::Good | Outlook::Waiting) || since >= CALM;
        let new = calm && known.shown.as_ref() != Some(text);
        if new {
            known.shown = Some(text.clone());
        }
        (since, new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hindrance_is_shown_only_when_it_stays() {
        let (mut changes, start) = (Changes::default(), Instant::now());
        let mut shown = |outlook, text: &str, seconds: u64| {
            let now = start + Duration::from_secs(seconds);
            changes
                .take("Node a", &Readiness::new(outlook, text), now)
                .1
        };
        assert!(shown(Outlook::Waiting, "Pending", 0));
        assert!(!shown(Outlook::Waiting, "Pending", 1));
        assert!(!shown(Outlook::Hindered, "refused", 2));
        assert!(!shown(Outlook::Hindered, "not allowed", 4));
        assert!(shown(Outlook::Good, "Ready", 5));
        assert!(!shown(Outlook::Hindered, "refused", 6));
        assert!(shown(Outlook::Hindered, "still refused", 9));
        assert!(!shown(Outlook::Hindered, "still refused", 10));
        assert!(shown(Outlook::Hindered, "refused in another way", 11));
    }
}
