//! What is applied, on a real API, and next to the real kubectl.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::{io, path::PathBuf, time::Duration};

use agentchat_apiserver::{ApiServer, Options};
use agentchat_manifests::{Applied, ApplyError, Manifest, api, apply, create, load};
use axum::Router;
use kube::Client;
use serde_json::{Value, json};
use tokio::{process::Command, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(60);
const MANAGER: &str = "test";
const NOTE: &str = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";
const TEAM: &str = "\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Namespace
  metadata: {name: team, labels: {b: x, a: z}}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: texts, namespace: team}
  data: {ada: be kind, eve: 'be \"brief\"'}
- apiVersion: agentchat.dev/v1alpha1
  kind: Agent
  metadata: {name: ada}
  spec: {mission: say hello, limits: {turns: 7, costUSD: 1.5}}
";

struct Server {
    folder: tempfile::TempDir,
    client: Client,
    shutdown: CancellationToken,
    serving: JoinHandle<Result<(), agentchat_apiserver::Error>>,
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            data_dir: folder.path().join("data"),
            listen: "127.0.0.1:0".parse().unwrap(),
            crds: vec![include_str!("../../../manifests/crds/agents.agentchat.dev.yaml").into()],
        };
        let server = ApiServer::open(options).await.unwrap();
        std::fs::write(folder.path().join("kubeconfig"), server.kubeconfig()).unwrap();
        let (client, shutdown) = (server.client(), CancellationToken::new());
        let serving = tokio::spawn(server.serve(Router::new(), shutdown.clone()));
        Self {
            folder,
            client,
            shutdown,
            serving,
        }
    }

    fn file(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("m.yaml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Applies a text; says what became of each object.
    async fn apply(&self, text: &str) -> Vec<Applied> {
        let mut done = vec![];
        for manifest in load(&[self.file(text)], io::empty()).unwrap() {
            done.push(apply(&self.client, &manifest, MANAGER).await.unwrap());
        }
        done
    }

    /// The same with kubectl; gives what it prints.
    async fn kubectl_apply(&self, text: &str) -> String {
        let mut command = Command::new(std::env::var_os("KUBECTL").unwrap_or("kubectl".into()));
        command
            .args(["apply", "-f"])
            .arg(self.file(text))
            .env("KUBECONFIG", self.folder.path().join("kubeconfig"))
            .env("HOME", self.folder.path())
            .env("NO_PROXY", "127.0.0.1")
            .kill_on_drop(true);
        let output = timeout(DEADLINE, command.output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn get(&self, manifest: &Manifest) -> Value {
        let found = api(&self.client, manifest).get(&manifest.name).await;
        serde_json::to_value(found.unwrap()).unwrap()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        let ended = timeout(DEADLINE, self.serving).await;
        ended.unwrap().unwrap().unwrap();
    }
}

fn manifests(text: &str) -> Vec<Manifest> {
    load(&["-".into()], text.as_bytes()).unwrap()
}

#[tokio::test]
async fn change_keeps_what_others_added_and_removes_what_was_dropped() {
    let server = Server::start().await;
    assert_eq!(server.apply(TEAM).await, [Applied::Created; 3]);
    assert_eq!(server.apply(TEAM).await, [Applied::Unchanged; 3]);
    let ada = &manifests(TEAM)[2];
    let theirs = json!({"spec": {"limits": {"tokens": 5}}});
    let patch = kube::api::Patch::Merge(&theirs);
    let agents = api(&server.client, ada);
    let patched = agents.patch("ada", &Default::default(), &patch).await;
    patched.unwrap();
    let changed = TEAM.replace("costUSD: 1.5", "duration: 1h");
    assert_eq!(
        server.apply(&changed).await,
        [Applied::Unchanged, Applied::Unchanged, Applied::Changed]
    );
    let limits = server.get(ada).await["spec"]["limits"].clone();
    assert_eq!(limits["duration"], "1h");
    assert_eq!(
        (&limits["turns"], &limits["tokens"]),
        (&json!(7), &json!(5))
    );
    assert_eq!(limits.get("costUSD"), None);
    server.stop().await;
}

#[tokio::test]
async fn kubectl_goes_on_from_what_was_applied_and_the_other_way_round() {
    let (ours, theirs) = (Server::start().await, Server::start().await);
    ours.apply(TEAM).await;
    let made = theirs.kubectl_apply(TEAM).await;
    assert_eq!(made.matches(" created").count(), 3, "{made}");
    for manifest in manifests(TEAM) {
        let (one, other) = (ours.get(&manifest).await, theirs.get(&manifest).await);
        let note = one.pointer(NOTE).unwrap();
        assert_eq!(note, other.pointer(NOTE).unwrap(), "{}", manifest.title());
    }
    let same = ours.kubectl_apply(TEAM).await;
    assert_eq!(same.matches(" unchanged").count(), 3, "{same}");
    assert_eq!(theirs.apply(TEAM).await, [Applied::Unchanged; 3]);

    let dropped = TEAM.replace(", eve: 'be \"brief\"'", "");
    for server in [&ours, &theirs] {
        server.apply(TEAM).await;
    }
    let changed = ours.kubectl_apply(&dropped).await;
    assert!(changed.contains("configmap/texts configured"), "{changed}");
    theirs.apply(&dropped).await;
    for server in [&ours, &theirs] {
        let texts = server.get(&manifests(TEAM)[1]).await;
        assert_eq!(texts["data"], json!({"ada": "be kind"}));
    }
    ours.stop().await;
    theirs.stop().await;
}

#[tokio::test]
async fn refusal_of_the_api_is_given_with_the_object() {
    let server = Server::start().await;
    let [team, texts, _] = &manifests(TEAM)[..] else {
        panic!("three manifests")
    };
    let error = apply(&server.client, texts, MANAGER).await.unwrap_err();
    assert_eq!(error.to_string(), "ConfigMap team/texts was not accepted");
    let code = |error: ApplyError| match error {
        ApplyError::Refused {
            source: kube::Error::Api(status),
            ..
        } => status.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(error), 404, "its Namespace is not there");
    create(&server.client, team, MANAGER).await.unwrap();
    let error = create(&server.client, team, MANAGER).await.unwrap_err();
    assert_eq!(code(error), 409, "it is there already");
    server.stop().await;
}
