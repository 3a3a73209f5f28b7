//! Events are kept for an hour after they were last renewed.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use super::{Api, delete};
use crate::target::Target;

/// How long an Event is kept.
const KEPT: Duration = Duration::from_secs(3600);
/// Between two looks for those that are older.
const LOOK: Duration = Duration::from_secs(300);

/// Removes old Events until the shutdown.
pub async fn expire(api: Arc<Api>) {
    let expiring = async {
        loop {
            remove_old(&api, Timestamp::now()).await;
            tokio::time::sleep(LOOK).await;
        }
    };
    api.shutdown.run_until_cancelled(expiring).await;
}

async fn remove_old(api: &Api, now: Timestamp) {
    let old: Vec<(String, String)> = api.store.read(|state| {
        state
            .list("events", None)
            .filter(|(_, event)| is_old(event, now))
            .map(|(key, _)| (key.namespace.clone(), key.name.clone()))
            .collect()
    });
    for (namespace, name) in old {
        let path = format!("/api/v1/namespaces/{namespace}/events");
        let Some(target) = Target::parse(&api.registry, &path) else {
            return;
        };
        let removed = delete::run(api, target, name, delete::Options::default()).await;
        if let Err(failure) = removed {
            tracing::debug!(why = failure.message(), "an old event was not removed");
        }
    }
}

/// Whether an Event was last renewed too long ago; one without a readable time is as old as the object.
fn is_old(event: &Value, now: Timestamp) -> bool {
    let times = [
        &event["lastTimestamp"],
        &event["metadata"]["creationTimestamp"],
    ];
    let time = times
        .into_iter()
        .find_map(|time| time.as_str()?.parse::<Timestamp>().ok());
    time.is_some_and(|time| now.duration_since(time) > KEPT.try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn event_is_old_an_hour_after_it_was_last_renewed() {
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        let old = |last: &str, made: &str| {
            let event = json!({"lastTimestamp": last, "metadata": {"creationTimestamp": made}});
            is_old(&event, now)
        };
        assert!(!old("2026-01-01T11:30:00Z", "2026-01-01T09:00:00Z"));
        assert!(old("2026-01-01T10:59:00Z", "2026-01-01T09:00:00Z"));
        assert!(old("", "2026-01-01T10:59:00Z"));
    }
}
