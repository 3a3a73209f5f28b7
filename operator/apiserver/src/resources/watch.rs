//! Watch: changes as a stream of JSON lines.
//!
//! A watcher holds no queue. It remembers the revision it has seen and reads the shared history
//! from there, so that a slow one costs nothing; when the history has moved on past it, it gets the
//! 410 that Kubernetes clients know and lists anew.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::{Stream, stream};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior},
};

use super::{Api, Call, revision};
use crate::{
    accept::Representation,
    failure::Failure,
    render::Renderer,
    selector::Selector,
    store::{Event, within},
};

/// How often a watcher without news hears of the revision.
const BOOKMARKS: Duration = Duration::from_secs(60);

/// How long a watch lasts when the client doesn't say; upstream draws from 30 to 60 minutes.
const LONG: u64 = 1800;

/// Changes rendered in one go.
const BATCH: usize = 256;

/// Watch of a collection.
pub fn many(api: &Arc<Api>, call: Call) -> Result<Response, Failure> {
    let query = &call.query;
    let selector = Selector::parse(
        &call.target.resource,
        &query.label_selector,
        &query.field_selector,
    )?;
    start(api, call, selector)
}

/// Watch of one object by the legacy prefix.
pub fn one(api: &Arc<Api>, call: Call, name: &str) -> Result<Response, Failure> {
    let by_name = format!("metadata.name={name}");
    let selector = Selector::parse(&call.target.resource, "", &by_name)?;
    start(api, call, selector)
}

fn start(api: &Arc<Api>, call: Call, selector: Selector) -> Result<Response, Failure> {
    if call.representation == Representation::Yaml {
        return Err(Failure::not_acceptable(
            "application/json, application/json;stream=watch",
        ));
    }
    if api.shutdown.is_cancelled() {
        // A watch that ended at once would be asked for again at once.
        return Err(Failure::unavailable("the server is shutting down"));
    }
    let query = &call.query;
    let exact = query.resource_version_match.as_deref() == Some("Exact");
    if query.send_initial_events && query.resource_version_match.is_none() || exact {
        return Err(Failure::unprocessable(
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires resourceVersionMatch NotOlderThan, and a watch knows no other",
        ));
    }
    let initial = query.send_initial_events || query.resource_version.unwrap_or_default() == 0;
    let seconds = query.timeout_seconds.filter(|seconds| *seconds > 0);
    let now = Instant::now();
    let mut bookmarks = tokio::time::interval_at(now + BOOKMARKS, BOOKMARKS);
    bookmarks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watcher = Watcher {
        newest: api.store.subscribe(),
        renderer: call.renderer(),
        selector,
        stored: call.target.resource.stored_as(),
        namespace: call.target.namespace.clone(),
        seen: query.resource_version.unwrap_or_default(),
        lines: VecDeque::new(),
        first: true,
        ended: false,
        deadline: now + Duration::from_secs(seconds.unwrap_or(LONG)),
        bookmarks: query.bookmarks.then_some(bookmarks),
        api: api.clone(),
    };
    if initial {
        watcher.begin(query.send_initial_events)?;
    }
    let headers = [(header::CONTENT_TYPE, "application/json")];
    let body = Body::from_stream(watcher.into_stream());
    Ok((StatusCode::OK, headers, body).into_response())
}

struct Watcher {
    api: Arc<Api>,
    newest: watch::Receiver<u64>,
    renderer: Renderer,
    selector: Selector,
    stored: String,
    namespace: Option<String>,
    /// Everything up to this revision has been looked at.
    seen: u64,
    lines: VecDeque<Bytes>,
    /// Nothing was sent yet; a table's first row says what its columns are.
    first: bool,
    ended: bool,
    deadline: Instant,
    bookmarks: Option<Interval>,
}

impl Watcher {
    fn into_stream(self) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
        stream::unfold(self, |mut watcher| async move {
            let line = watcher.next().await?;
            Some((Ok(line), watcher))
        })
    }

    /// Starts with what is there.
    fn begin(&mut self, tell_end: bool) -> Result<(), Failure> {
        let (newest, objects) = self.api.store.read(|state| {
            let objects: Vec<Arc<Value>> = state
                .list(&self.stored, self.namespace.as_deref())
                .map(|(_, object)| object.clone())
                .collect();
            (state.revision(), objects)
        });
        if self.seen > newest {
            return Err(Failure::revision_too_large(self.seen, newest));
        }
        self.seen = newest;
        for object in objects {
            if self.selector.matches(&object) {
                self.push("ADDED", &object)?;
            }
        }
        if tell_end {
            self.bookmark(true);
        }
        Ok(())
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            if self.ended {
                return None;
            }
            self.newest.mark_unchanged();
            if self.advance() {
                continue;
            }
            let tick = async {
                match &mut self.bookmarks {
                    Some(bookmarks) => bookmarks.tick().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.newest.changed() => self.ended |= changed.is_err(),
                _ = tick => self.bookmark(false),
                () = tokio::time::sleep_until(self.deadline) => self.end(),
                () = self.api.shutdown.cancelled() => self.end(),
            }
        }
    }

    /// Takes the next changes in; `false` when there is nothing new.
    fn advance(&mut self) -> bool {
        let events: Result<Vec<Arc<Event>>, _> = self.api.store.read(|state| {
            let events = state.events_after(self.seen)?;
            Ok(events.take(BATCH).cloned().collect())
        });
        match events {
            Ok(events) => {
                for event in &events {
                    self.seen = event.revision;
                    if let Err(failure) = self.tell(event) {
                        self.fail(&failure);
                    }
                }
                !events.is_empty()
            }
            Err(crate::store::TooOld { asked, oldest }) => {
                self.fail(&Failure::expired(format!(
                    "too old resource version: {asked} ({oldest})"
                )));
                true
            }
        }
    }

    fn tell(&mut self, event: &Event) -> Result<(), Failure> {
        if !within(&event.key, &self.stored, self.namespace.as_deref()) {
            return Ok(());
        }
        let before = event.previous.as_ref();
        let before = before.is_some_and(|object| self.selector.matches(object));
        let after = self.selector.matches(&event.object);
        match (before, after, event.deleted) {
            (false, false, _) | (false, true, true) => Ok(()),
            (true, _, true) => self.push("DELETED", &event.object),
            (false, true, false) => self.push("ADDED", &event.object),
            (true, true, false) => self.push("MODIFIED", &event.object),
            // It left the selection: its old content, with the revision at which it left.
            (true, false, false) => {
                let mut left = event.previous.as_deref().cloned().unwrap_or_default();
                left["metadata"]["resourceVersion"] = event.revision.to_string().into();
                self.push("DELETED", &left)
            }
        }
    }

    fn push(&mut self, kind: &str, object: &Value) -> Result<(), Failure> {
        debug_assert!(revision(object) > 0, "a stored object has a revision");
        let object = self.renderer.value(object, self.first);
        self.first = false;
        self.line(kind, &object);
        Ok(())
    }

    fn line(&mut self, kind: &str, object: &Value) {
        let mut line = json!({"type": kind, "object": object}).to_string();
        line.push('\n');
        self.lines.push_back(line.into());
    }

    fn bookmark(&mut self, initial_end: bool) {
        if self.bookmarks.is_none() {
            return;
        }
        let resource = &self.renderer.resource;
        let mut object = json!({
            "kind": resource.kind,
            "apiVersion": resource.api_version(),
            "metadata": {"resourceVersion": self.seen.to_string()},
        });
        if initial_end {
            object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = self.renderer.bookmark(&object);
        self.line("BOOKMARK", &object);
    }

    fn end(&mut self) {
        self.bookmark(false);
        self.ended = true;
    }

    fn fail(&mut self, failure: &Failure) {
        self.line("ERROR", &failure.status());
        self.ended = true;
    }
}
