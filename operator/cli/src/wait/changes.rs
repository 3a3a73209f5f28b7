//! A word about things whenever they stand otherwise than before.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::{
    output::{NAME, Progress, plain},
    standing::{Outlook, Standing},
};

/// How long something may stand badly before a word is lost about it: most of what stands in the way
/// while things start goes away by itself.
const CALM: Duration = Duration::from_secs(3);

/// How things stand, and what was said of them.
#[derive(Debug, Default)]
pub struct Changes(BTreeMap<String, Thing>);

#[derive(Debug)]
struct Thing {
    outlook: Outlook,
    since: Instant,
    said: Option<String>,
}

impl Changes {
    /// Notes how a thing stands, and says it when that is new; gives how long its outlook has been the same.
    pub fn note(&mut self, progress: &Progress, name: &str, standing: &Standing) -> Duration {
        let (since, new) = self.take(name, standing, Instant::now());
        if new {
            let (style, text) = (standing.style(), plain(&standing.text));
            progress.step(format_args!("{NAME}{name}{NAME:#} {style}{text}{style:#}"));
        }
        since
    }

    /// How long the outlook has been the same, and whether there is something to say.
    fn take(&mut self, name: &str, standing: &Standing, now: Instant) -> (Duration, bool) {
        let Standing { outlook, text, .. } = standing;
        let thing = self.0.entry(name.to_owned()).or_insert(Thing {
            outlook: *outlook,
            since: now,
            said: None,
        });
        if thing.outlook != *outlook {
            (thing.outlook, thing.since) = (*outlook, now);
        }
        let since = now.duration_since(thing.since);
        let calm = matches!(outlook, Outlook::Good | Outlook::Waiting) || since >= CALM;
        let new = calm && thing.said.as_ref() != Some(text);
        if new {
            thing.said = Some(text.clone());
        }
        (since, new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_way_of_a_start_is_said_only_when_it_stays() {
        let (mut changes, start) = (Changes::default(), Instant::now());
        let mut said = |outlook, text: &str, seconds: u64| {
            let now = start + Duration::from_secs(seconds);
            changes.take("Node a", &Standing::new(outlook, text), now).1
        };
        assert!(said(Outlook::Waiting, "Pending", 0));
        assert!(!said(Outlook::Waiting, "Pending", 1));
        assert!(!said(Outlook::Hindered, "refused", 2));
        assert!(!said(Outlook::Hindered, "not allowed", 4));
        assert!(said(Outlook::Good, "Ready", 5));
        assert!(!said(Outlook::Hindered, "refused", 6));
        assert!(said(Outlook::Hindered, "still refused", 9));
        assert!(!said(Outlook::Hindered, "still refused", 10));
        assert!(said(Outlook::Hindered, "refused in another way", 11));
    }
}
