//! kube's own parts on the in-process client: finalizer, watcher, pages, status.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use agentchat_apiserver::{ApiServer, Options};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::{
    Api, Client, ResourceExt,
    api::{
        ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
        PostParams,
    },
    runtime::{
        Controller,
        controller::Action,
        finalizer::{Event, finalizer},
        watcher,
    },
};
use serde_json::json;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(20);
const FINALIZER: &str = "example.com/test";

async fn open(folder: &tempfile::TempDir) -> ApiServer {
    ApiServer::open(Options {
        data_dir: folder.path().to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        crds: vec![
            include_str!("../../../manifests/crds/agents.agentchat.dev.yaml").into(),
            include_str!("../../../manifests/crds/nodes.agentchat.dev.yaml").into(),
        ],
    })
    .await
    .unwrap()
}

fn agents(client: Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("agentchat.dev", "v1alpha1", "Agent");
    Api::default_namespaced_with(client, &ApiResource::from_gvk(&kind))
}

fn agent(name: &str) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": "agentchat.dev/v1alpha1",
        "kind": "Agent",
        "metadata": {"name": name},
        "spec": {"mission": "say hello"},
    }))
    .unwrap()
}

fn revision(object: &DynamicObject) -> u64 {
    object.resource_version().unwrap().parse().unwrap()
}

#[tokio::test]
async fn finalizers_keep_an_object_until_cleanup() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    let api = agents(server.client());
    let made = api
        .create(&PostParams::default(), &agent("a"))
        .await
        .unwrap();
    assert_eq!(made.metadata.generation, Some(1));
    let reconcile = |object: DynamicObject| {
        let api = api.clone();
        async move {
            finalizer(&api, FINALIZER, Arc::new(object), |event| async move {
                let seen = match event {
                    Event::Apply(_) => "apply",
                    Event::Cleanup(_) => "cleanup",
                };
                tracing::info!(seen);
                Ok::<_, std::io::Error>(Action::await_change())
            })
            .await
            .unwrap();
        }
    };
    reconcile(made).await;
    let kept = api.get("a").await.unwrap();
    assert_eq!(kept.finalizers(), [FINALIZER]);
    let deleted = api.delete("a", &DeleteParams::default()).await.unwrap();
    let marked = deleted.left().unwrap();
    assert!(marked.metadata.deletion_timestamp.is_some());
    assert_eq!(marked.metadata.generation, Some(2));
    reconcile(marked).await;
    assert!(api.get_opt("a").await.unwrap().is_none());
}

#[tokio::test]
async fn a_watcher_sees_every_change_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    let api = agents(server.client());
    for name in ["a", "b", "c"] {
        api.create(&PostParams::default(), &agent(name))
            .await
            .unwrap();
    }
    let config = watcher::Config::default().page_size(2);
    let mut events = watcher(api.clone(), config).boxed();
    let next = async |events: &mut futures::stream::BoxStream<_>| {
        timeout(DEADLINE, events.try_next())
            .await
            .unwrap()
            .unwrap()
            .unwrap()
    };
    let mut initial = Vec::new();
    loop {
        match next(&mut events).await {
            watcher::Event::Init => {}
            watcher::Event::InitApply(object) => initial.push(object.name_any()),
            watcher::Event::InitDone => break,
            other => panic!("{other:?} before the list was over"),
        }
    }
    assert_eq!(initial, ["a", "b", "c"]);
    let nothing = Patch::Merge(json!({"spec": {"mission": "say hello"}}));
    let before = api.get("a").await.unwrap();
    let same = api
        .patch("a", &PatchParams::default(), &nothing)
        .await
        .unwrap();
    assert_eq!(revision(&before), revision(&same));
    let status = Patch::Merge(json!({"status": {"phase": "Running"}}));
    let running = api
        .patch_status("a", &PatchParams::default(), &status)
        .await
        .unwrap();
    assert_eq!(running.metadata.generation, Some(1));
    let watcher::Event::Apply(seen) = next(&mut events).await else {
        panic!("the change of status was not seen");
    };
    assert_eq!(revision(&seen), revision(&running));
    assert_eq!(seen.data["status"]["phase"], "Running");
    api.delete("b", &DeleteParams::default()).await.unwrap();
    let watcher::Event::Delete(gone) = next(&mut events).await else {
        panic!("the deletion was not seen");
    };
    assert_eq!(gone.name_any(), "b");
    assert!(revision(&gone) > revision(&running));
}

/// The whole of kube's machinery: each reconcile writes the status it wants, and then it is quiet.
#[tokio::test]
async fn a_controller_converges_and_rests() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    let client = server.client();
    let api = agents(client.clone());
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("agentchat.dev", "v1alpha1", "Agent"));
    let reconcile = {
        let api = api.clone();
        move |agent: Arc<DynamicObject>, runs: Arc<AtomicUsize>| {
            let api = api.clone();
            async move {
                runs.fetch_add(1, Ordering::SeqCst);
                let phase = Patch::Merge(json!({"status": {"phase": "Running"}}));
                api.patch_status(&agent.name_any(), &PatchParams::default(), &phase)
                    .await?;
                Ok::<_, kube::Error>(Action::await_change())
            }
        }
    };
    let runs = Arc::new(AtomicUsize::new(0));
    let wait = |_: Arc<DynamicObject>, _: &kube::Error, _: Arc<AtomicUsize>| Action::await_change();
    let controller = Controller::new_with(api.clone(), watcher::Config::default(), kind)
        .owns(Api::<ConfigMap>::all(client), watcher::Config::default())
        .run(reconcile, wait, runs.clone());
    let mut reconciled = controller.boxed();
    api.create(&PostParams::default(), &agent("a"))
        .await
        .unwrap();
    // The creation, and the status that came of it; after that nothing changes.
    for _ in 0..2 {
        let next = timeout(DEADLINE, reconciled.next()).await.unwrap();
        next.unwrap().unwrap();
    }
    let quiet = timeout(Duration::from_millis(500), reconciled.next()).await;
    assert!(quiet.is_err(), "{} reconciles", runs.load(Ordering::SeqCst));
    let seen = api.get("a").await.unwrap();
    assert_eq!(seen.data["status"]["phase"], "Running");
}

#[tokio::test]
async fn writers_that_are_late_get_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    let api = Api::<ConfigMap>::default_namespaced(server.client());
    let map: ConfigMap =
        serde_json::from_value(json!({"metadata": {"name": "m"}, "data": {"k": "1"}})).unwrap();
    let first = api.create(&PostParams::default(), &map).await.unwrap();
    let again = api.create(&PostParams::default(), &map).await;
    assert_eq!(code(again), 409);
    let mut changed = first.clone();
    changed.data = Some([("k".to_owned(), "2".to_owned())].into());
    api.replace("m", &PostParams::default(), &changed)
        .await
        .unwrap();
    let late = api.replace("m", &PostParams::default(), &changed).await;
    assert_eq!(code(late), 409);
}

#[tokio::test]
async fn a_namespace_is_needed_and_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    let client = server.client();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(server.serve(axum::Router::new(), shutdown.clone()));
    let secrets = Api::<Secret>::namespaced(client.clone(), "team");
    let secret: Secret =
        serde_json::from_value(json!({"metadata": {"name": "s"}, "stringData": {"k": "v"}}))
            .unwrap();
    let nowhere = secrets.create(&PostParams::default(), &secret).await;
    assert_eq!(code(nowhere), 404);
    let namespaces = Api::<Namespace>::all(client);
    let team: Namespace = serde_json::from_value(json!({"metadata": {"name": "team"}})).unwrap();
    namespaces
        .create(&PostParams::default(), &team)
        .await
        .unwrap();
    let made = secrets
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
    assert_eq!(made.data.unwrap()["k"].0, b"v");
    let mut changes = watcher(namespaces.clone(), watcher::Config::default()).boxed();
    namespaces
        .delete("team", &DeleteParams::default())
        .await
        .unwrap();
    let gone = async {
        while let Some(event) = changes.try_next().await.unwrap() {
            if matches!(&event, watcher::Event::Delete(gone) if gone.name_any() == "team")
                || namespaces.get_opt("team").await.unwrap().is_none()
            {
                return;
            }
        }
    };
    timeout(DEADLINE, gone).await.unwrap();
    let left = secrets.list(&ListParams::default()).await.unwrap();
    assert!(left.items.is_empty());
    let protected = namespaces
        .delete("kube-system", &DeleteParams::default())
        .await;
    assert_eq!(code(protected), 403);
    shutdown.cancel();
    timeout(DEADLINE, serving).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_taken_port_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    let second = tempfile::tempdir().unwrap();
    let options = Options {
        data_dir: second.path().to_owned(),
        listen: server.address(),
        crds: Vec::new(),
    };
    let refused = ApiServer::open(options).await.unwrap_err().to_string();
    assert!(refused.contains("choose another address"), "{refused}");
}

fn code<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> u16 {
    match result {
        Err(kube::Error::Api(status)) => status.code,
        other => panic!("expected a refusal, got {other:?}"),
    }
}
