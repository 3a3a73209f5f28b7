//! Lists, watches and representations as clients ask for them on the wire.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod numbers;

use std::{path::Path, time::Duration};

use agentchat_apiserver::{ApiServer, Options};
use futures::{AsyncBufReadExt, StreamExt, TryStreamExt};
use http::{Request, StatusCode};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, PartialObjectMeta, PostParams},
    client::Body,
    runtime::watcher,
};
use serde_json::{Value, json};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// Opens a server; waits for a dropped client of the one before to let the database go.
async fn open(data_dir: &Path) -> ApiServer {
    let options = Options {
        data_dir: data_dir.to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        crds: agentchat_api::crds()
            .unwrap()
            .into_iter()
            .map(|(_, yaml)| yaml)
            .collect(),
    };
    let opened = async {
        loop {
            match ApiServer::open(options.clone()).await {
                Err(agentchat_apiserver::Error::Store(error)) => {
                    tracing::info!(%error, "not yet");
                    tokio::task::yield_now().await;
                }
                other => return other.unwrap(),
            }
        }
    };
    timeout(DEADLINE, opened).await.unwrap()
}

async fn make(client: &Client, names: &[&str]) {
    let api = Api::<ConfigMap>::default_namespaced(client.clone());
    for name in names {
        let map = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        api.create(&PostParams::default(), &map).await.unwrap();
    }
}

/// One request; its status and body.
async fn ask(client: &Client, request: Request<Vec<u8>>) -> (StatusCode, String) {
    let response = client.send(request.map(Body::from)).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = http_body_util::BodyExt::collect(body).await.unwrap();
    let text = String::from_utf8(bytes.to_bytes().to_vec()).unwrap();
    (parts.status, text)
}

async fn get(client: &Client, path: &str, accept: &str) -> (StatusCode, Value) {
    let request = Request::get(path).header("accept", accept);
    let (status, text) = ask(client, request.body(Vec::new()).unwrap()).await;
    let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (status, value)
}

/// The first events of a watch.
async fn watch(client: &Client, query: &str, count: usize) -> Vec<Value> {
    let path = format!("{MAPS}?watch=true&{query}");
    let request = Request::get(path).body(Vec::new()).unwrap();
    let lines = client.request_stream(request).await.unwrap().lines();
    let events = lines
        .take(count)
        .map_ok(|line| serde_json::from_str(&line).unwrap());
    let collected = events.try_collect::<Vec<Value>>();
    timeout(DEADLINE, collected).await.unwrap().unwrap()
}

#[tokio::test]
async fn pages_are_one_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(folder.path()).await;
    let client = server.client();
    make(&client, &["a", "b", "c"]).await;
    let api = Api::<ConfigMap>::default_namespaced(client.clone());
    let first = api.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!(first.metadata.remaining_item_count, Some(1));
    let token = first.metadata.continue_.clone().unwrap();
    api.delete("c", &Default::default()).await.unwrap();
    make(&client, &["d"]).await;
    let parameters = ListParams::default().limit(2).continue_token(&token);
    let second = api.list(&parameters).await.unwrap();
    let names: Vec<String> = second.items.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["c"]);
    assert_eq!(
        first.metadata.resource_version,
        second.metadata.resource_version
    );
    let (status, _) = get(&client, &format!("{MAPS}?continue=junk"), "*/*").await;
    assert_eq!(status, 400);
    let (status, _) = get(&client, &format!("{MAPS}?resourceVersion=999"), "*/*").await;
    assert_eq!(status, 504);
    let past = first.metadata.resource_version.unwrap();
    let exact = format!("{MAPS}?resourceVersion={past}&resourceVersionMatch=Exact");
    let (_, list) = get(&client, &exact, "*/*").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_watch_list_ends_its_beginning_with_a_bookmark() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(folder.path()).await;
    let client = server.client();
    make(&client, &["a", "b"]).await;
    let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let events = watch(&client, query, 3).await;
    let kinds: Vec<&Value> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["ADDED", "ADDED", "BOOKMARK"]);
    let notes = &events[2]["object"]["metadata"]["annotations"];
    assert_eq!(notes["k8s.io/initial-events-end"], "true");
    let without = format!("{MAPS}?watch=true&sendInitialEvents=true");
    assert_eq!(get(&client, &without, "*/*").await.0, 422);
    let list = format!("{MAPS}?sendInitialEvents=true");
    assert_eq!(get(&client, &list, "*/*").await.0, 422);

    let api = Api::<ConfigMap>::default_namespaced(client.clone());
    let config = watcher::Config::default().streaming_lists();
    let mut objects = watcher(api.clone(), config).boxed();
    let initial = objects.by_ref().try_take_while(|event| {
        let more = !matches!(event, watcher::Event::InitDone);
        async move { Ok(more) }
    });
    let count = timeout(DEADLINE, initial.try_collect::<Vec<_>>())
        .await
        .unwrap();
    assert_eq!(count.unwrap().len(), 3, "Init and two objects");
}

#[tokio::test]
async fn watches_end_in_time_and_tell_the_revision() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(folder.path()).await;
    let client = server.client();
    make(&client, &["a"]).await;
    let query = "resourceVersion=0&timeoutSeconds=1&allowWatchBookmarks=true";
    let events = watch(&client, query, 9).await;
    let kinds: Vec<&Value> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["ADDED", "BOOKMARK"]);
}

#[tokio::test]
async fn what_leaves_a_selection_is_deleted_there() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(folder.path()).await;
    let client = server.client();
    let api = Api::<ConfigMap>::default_namespaced(client.clone());
    let labelled = |value: &str| -> kube::api::Patch<Value> {
        kube::api::Patch::Merge(json!({"metadata": {"labels": {"app": value}}}))
    };
    let (_, start) = get(&client, MAPS, "*/*").await;
    let start = start["metadata"]["resourceVersion"].as_str().unwrap();
    make(&client, &["a"]).await;
    for value in ["web", "db", "web"] {
        let parameters = Default::default();
        api.patch("a", &parameters, &labelled(value)).await.unwrap();
    }
    api.delete("a", &Default::default()).await.unwrap();
    let query = format!("resourceVersion={start}&labelSelector=app%3Dweb");
    let events = watch(&client, &query, 4).await;
    let kinds: Vec<&Value> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["ADDED", "DELETED", "ADDED", "DELETED"]);
    let left = &events[1]["object"]["metadata"];
    assert_eq!(left["labels"]["app"], "web", "the old content");
}

#[tokio::test]
async fn a_restart_continues_watches_and_what_was_forgotten_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(folder.path()).await;
    make(&server.client(), &["a", "b"]).await;
    drop(server);
    let server = open(folder.path()).await;
    let client = server.client();
    let (_, list) = get(&client, MAPS, "*/*").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    let newest: u64 = list["metadata"]["resourceVersion"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap();
    let events = watch(&client, &format!("resourceVersion={}", newest - 1), 1).await;
    assert_eq!(events[0]["object"]["metadata"]["name"], "b");
    drop((server, client));
    // Leaves only the newest change in the history.
    let statement = "DELETE FROM revisions WHERE revision < (SELECT max(revision) FROM revisions)";
    execute(folder.path(), statement).await;
    let server = open(folder.path()).await;
    let events = watch(&server.client(), "resourceVersion=1", 9).await;
    assert_eq!(events.len(), 1, "the stream ends after the error");
    assert_eq!(events[0]["type"], "ERROR");
    assert_eq!(events[0]["object"]["code"], 410);
    assert_eq!(events[0]["object"]["reason"], "Expired");
}

/// Changes the database of a server that was closed.
async fn execute(data_dir: &Path, statement: &str) {
    let attempt = || {
        let database = rusqlite::Connection::open(data_dir.join("state.db"))?;
        database.busy_timeout(Duration::from_millis(100))?;
        database.execute(statement, [])
    };
    let changed = async {
        while let Err(error) = attempt() {
            tracing::info!(%error, "not yet");
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, changed).await.unwrap();
}

#[tokio::test]
async fn metadata_alone_tables_and_yaml() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(folder.path()).await;
    let client = server.client();
    make(&client, &["a"]).await;
    let api = Api::<ConfigMap>::default_namespaced(client.clone());
    let listed = api.list_metadata(&ListParams::default()).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    let metadata = Api::<PartialObjectMeta<ConfigMap>>::default_namespaced(client.clone());
    let mut changes = watcher(metadata, watcher::Config::default()).boxed();
    let seen = async {
        loop {
            let event: watcher::Event<PartialObjectMeta<ConfigMap>> =
                changes.try_next().await.unwrap().unwrap();
            if let watcher::Event::InitApply(object) = event {
                return object.name_any();
            }
        }
    };
    assert_eq!(timeout(DEADLINE, seen).await.unwrap(), "a");

    let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let (_, shown) = get(&client, &format!("{MAPS}?includeObject=None"), table).await;
    assert_eq!(shown["kind"], "Table");
    assert_eq!(shown["rows"][0]["cells"][1], "0");
    assert!(shown["rows"][0].get("object").is_none());
    let wrong = format!("{MAPS}?includeObject=Some");
    assert_eq!(get(&client, &wrong, table).await.0, 400);
    let (_, yaml) = get(&client, &format!("{MAPS}/a"), "application/yaml").await;
    assert!(yaml.as_str().unwrap().contains("kind: ConfigMap"));
    let protobuf = "application/vnd.kubernetes.protobuf";
    assert_eq!(get(&client, MAPS, protobuf).await.0, 406);

    let body = "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: made-}\n";
    let request = Request::post(MAPS).header("content-type", "application/yaml");
    let (status, made) = ask(&client, request.body(body.into()).unwrap()).await;
    assert_eq!(status, 201);
    let made: Value = serde_json::from_str(&made).unwrap();
    let name = made["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("made-") && name.len() == 10, "{name}");
}

#[tokio::test]
async fn bodies_and_paths_that_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(folder.path()).await;
    let client = server.client();
    make(&client, &["a"]).await;
    let body = |text: &str| text.as_bytes().to_vec();
    let agents = "/apis/agentchat.dev/v1alpha1/namespaces/default/agents";
    let agent = r#"{"apiVersion": "agentchat.dev/v1alpha1", "kind": "Agent", "metadata": "x"}"#;
    let secret = r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": 3}"#;
    let labels =
        r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "s", "labels": "x"}}"#;
    let secrets = "/api/v1/namespaces/default/secrets";
    for (method, path, kind, text, expected) in [
        ("POST", MAPS, "application/json", "{", 400),
        ("POST", MAPS, "application/json", "[]", 400),
        ("POST", MAPS, "text/plain", "x", 415),
        (
            "POST",
            MAPS,
            "application/json",
            r#"{"kind": "ConfigMap"}"#,
            400,
        ),
        ("POST", agents, "application/json", agent, 400),
        ("POST", secrets, "application/json", secret, 422),
        (
            "POST",
            "/api/v1/namespaces",
            "application/json",
            labels,
            422,
        ),
        ("PUT", MAPS, "application/json", "{}", 400),
        ("DELETE", "/api/v1/events", "application/json", "", 405),
        ("GET", "/api/v1/pods", "", "", 404),
        ("GET", "/nothing", "", "", 404),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", kind)
            .body(body(text))
            .unwrap();
        let (status, said) = ask(&client, request).await;
        assert_eq!(status, expected, "{method} {path} {text}: {said}");
    }
    for patch in [
        r#"{"metadata": 5}"#,
        r#"{"metadata": null}"#,
        r#"{"metadata": {"labels": [1]}}"#,
        r#"{"data": "x"}"#,
        r#"{"kind": "Secret"}"#,
        r#"{"metadata": {"uid": "other"}}"#,
    ] {
        let request = Request::patch(format!("{MAPS}/a"))
            .header("content-type", "application/merge-patch+json")
            .body(body(patch))
            .unwrap();
        let (status, said) = ask(&client, request).await;
        let refused = status.is_client_error() || patch.contains("null");
        assert!(refused, "{patch}: {status} {said}");
    }
    let large = format!("{{\"data\": {{\"k\": \"{}\"}}}}", "x".repeat(4_000_000));
    let request = Request::patch(format!("{MAPS}/a"))
        .header("content-type", "application/merge-patch+json")
        .body(body(&large))
        .unwrap();
    assert_eq!(ask(&client, request).await.0, 413);
}

#[tokio::test]
async fn a_collection_is_deleted_by_selector() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(folder.path()).await;
    let client = server.client();
    make(&client, &["a", "b"]).await;
    let api = Api::<ConfigMap>::default_namespaced(client);
    let selected = ListParams::default().fields("metadata.name=a");
    let dry = kube::api::DeleteParams::default().dry_run();
    api.delete_collection(&dry, &selected).await.unwrap();
    assert_eq!(
        api.list(&ListParams::default()).await.unwrap().items.len(),
        2
    );
    let deleted = api
        .delete_collection(&Default::default(), &selected)
        .await
        .unwrap();
    assert_eq!(deleted.left().unwrap().items.len(), 1);
    let left = api.list(&ListParams::default()).await.unwrap();
    assert_eq!(left.items[0].name_any(), "b");
}
