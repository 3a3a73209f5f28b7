//! Who may do what, over real HTTP: the administrator, a user who is authenticated and nothing more, a
//! user in no group at all, and nobody.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::time::Duration;

use agentchat_apiserver::{ApiServer, Options, UserInfo};
use axum::{Extension, Router, routing::get};
use http::{Request, StatusCode};
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(20);
const AGENTS: &str = "/apis/agentchat.dev/v1alpha1/namespaces/default/agents";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1";
const LOG: &str = "/access/v1/namespaces/default/agents/ada/log";

struct Server {
    _folder: tempfile::TempDir,
    kubeconfig: String,
    shutdown: CancellationToken,
    serving: JoinHandle<Result<(), agentchat_apiserver::Error>>,
}

impl Server {
    async fn start() -> (Self, Client) {
        let folder = tempfile::tempdir().unwrap();
        let server = ApiServer::open(Options {
            data_dir: folder.path().to_owned(),
            listen: "127.0.0.1:0".parse().unwrap(),
            crds: vec![include_str!("../../../manifests/crds/agents.agentchat.dev.yaml").into()],
        })
        .await
        .unwrap()
        .with_token("of-eve", UserInfo::new("eve", &["system:authenticated"]))
        .with_token("of-mallory", UserInfo::new("mallory", &[]));
        let (kubeconfig, inside) = (server.kubeconfig(), server.client());
        let shutdown = CancellationToken::new();
        let log = async |Extension(user): Extension<UserInfo>| user.name;
        let extra = Router::new().route(
            "/access/v1/namespaces/{namespace}/agents/{name}/log",
            get(log),
        );
        let serving = tokio::spawn(server.serve(extra, shutdown.clone()));
        let server = Self {
            _folder: folder,
            kubeconfig,
            shutdown,
            serving,
        };
        (server, inside)
    }

    /// A client with this token, with the administrator's when it is empty.
    async fn client(&self, token: &str) -> Client {
        let mut kubeconfig = Kubeconfig::from_yaml(&self.kubeconfig).unwrap();
        let user = kubeconfig.auth_infos[0].auth_info.as_mut().unwrap();
        if !token.is_empty() {
            user.token = Some(token.to_owned().into());
        }
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        Client::try_from(config.unwrap()).unwrap()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        let ended = timeout(DEADLINE, self.serving).await;
        ended.unwrap().unwrap().unwrap();
    }
}

/// One request; its status and body.
async fn ask(client: &Client, method: &str, path: &str, body: &Value) -> (StatusCode, String) {
    let media_type = match method {
        "PATCH" => "application/merge-patch+json",
        _ => "application/json",
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", media_type)
        .body(Body::from(body.to_string().into_bytes()))
        .unwrap();
    let answered = async {
        let (parts, body) = client.send(request).await.unwrap().into_parts();
        let bytes = http_body_util::BodyExt::collect(body).await.unwrap();
        let text = String::from_utf8(bytes.to_bytes().to_vec()).unwrap();
        (parts.status, text)
    };
    timeout(DEADLINE, answered).await.unwrap()
}

fn review(kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "metadata": {}, "spec": spec})
}

fn whoami() -> Value {
    json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {}})
}

#[tokio::test]
async fn request_is_answered_by_who_asks() {
    let (server, _) = Server::start().await;
    let ada = json!({
        "apiVersion": "agentchat.dev/v1alpha1", "kind": "Agent",
        "metadata": {"name": "ada"}, "spec": {"mission": "say hello"},
    });
    let (one, status) = (format!("{AGENTS}/ada"), format!("{AGENTS}/ada/status"));
    let watch = format!("{AGENTS}?watch=true&timeoutSeconds=1");
    let secrets = json!({"verb": "list", "resource": "secrets"});
    let asked = json!({"resourceAttributes": secrets});
    let about_eve = json!({"user": "eve", "resourceAttributes": secrets});
    let running = json!({"status": {"phase": "Running"}});
    let suspended = json!({"spec": {"suspend": true}});
    let whoami_path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let own = format!("{REVIEWS}/selfsubjectaccessreviews");
    let rules = format!("{REVIEWS}/selfsubjectrulesreviews");
    let other = format!("{REVIEWS}/subjectaccessreviews");
    let local = format!("{REVIEWS}/namespaces/default/localsubjectaccessreviews");
    let in_default = json!({"namespace": "default"});
    let none = json!({});
    // What the administrator, eve and mallory get.
    for (method, path, body, codes) in [
        ("POST", AGENTS, &ada, [201, 403, 403]),
        ("GET", AGENTS, &none, [200, 403, 403]),
        ("GET", "/api/v1/secrets", &none, [200, 403, 403]),
        ("GET", &one, &none, [200, 403, 403]),
        ("GET", &watch, &none, [200, 403, 403]),
        ("PATCH", &status, &running, [200, 403, 403]),
        ("PATCH", &one, &suspended, [200, 403, 403]),
        ("DELETE", &one, &none, [200, 403, 403]),
        ("DELETE", AGENTS, &none, [200, 403, 403]),
        (
            "GET",
            "/apis/agentchat.dev/v1alpha1/frobs",
            &none,
            [404, 403, 403],
        ),
        ("GET", LOG, &none, [200, 403, 403]),
        ("GET", "/access/v2", &none, [404, 403, 403]),
        ("GET", "/apis", &none, [200, 200, 403]),
        ("GET", "/api/v1", &none, [200, 200, 403]),
        (
            "GET",
            "/apis/agentchat.dev/v1alpha1",
            &none,
            [200, 200, 403],
        ),
        ("GET", "/openapi/v3", &none, [200, 200, 403]),
        ("GET", "/healthz", &none, [200, 200, 403]),
        ("POST", whoami_path, &whoami(), [201, 201, 403]),
        (
            "POST",
            &own,
            &review("SelfSubjectAccessReview", &asked),
            [201, 201, 403],
        ),
        (
            "POST",
            &rules,
            &review("SelfSubjectRulesReview", &in_default),
            [201, 201, 403],
        ),
        (
            "POST",
            &other,
            &review("SubjectAccessReview", &about_eve),
            [201, 403, 403],
        ),
        (
            "POST",
            &local,
            &review("LocalSubjectAccessReview", &about_eve),
            [201, 403, 403],
        ),
        ("GET", &own, &none, [405, 403, 403]),
    ] {
        // Refused first, so that a refusal that did something would show.
        for (token, code) in ["", "of-eve", "of-mallory"].iter().zip(codes).rev() {
            let client = server.client(token).await;
            let (said, text) = ask(&client, method, path, body).await;
            assert_eq!(said, code, "{token} {method} {path}: {text}");
            if code == 403 {
                let status: Value = serde_json::from_str(&text).unwrap();
                let name = token.trim_start_matches("of-");
                let message = status["message"].as_str().unwrap();
                assert!(
                    message.contains(&format!("User \"{name}\" cannot ")),
                    "{message}"
                );
                assert_eq!(
                    (&status["kind"], &status["reason"]),
                    (&"Status".into(), &"Forbidden".into())
                );
            }
        }
        let stranger = server.client("of-nobody").await;
        assert_eq!(
            ask(&stranger, method, path, body).await.0,
            401,
            "{method} {path}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn answers_are_about_the_user_who_asks() {
    let (server, inside) = Server::start().await;
    let whoami_path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let asked = json!({"resourceAttributes": {"verb": "create", "group": "agentchat.dev", "resource": "agents"}});
    let own = format!("{REVIEWS}/selfsubjectaccessreviews");
    let (admin, eve) = (server.client("").await, server.client("of-eve").await);
    for (client, name, allowed) in [
        (&admin, "agentchat-admin", true),
        (&eve, "eve", false),
        (&inside, "agentchat-operator", true),
    ] {
        let (_, text) = ask(client, "POST", whoami_path, &whoami()).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["status"]["userInfo"]["username"], name, "{text}");
        let review = review("SelfSubjectAccessReview", &asked);
        let (_, text) = ask(client, "POST", &own, &review).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["status"]["allowed"], allowed, "{text}");
    }
    let (_, log) = ask(&admin, "GET", LOG, &Value::Null).await;
    assert_eq!(log, "agentchat-admin", "the extra routes know the user too");
    server.stop().await;
}

#[tokio::test]
async fn question_that_is_none_is_refused() {
    let (server, _) = Server::start().await;
    let admin = server.client("").await;
    let about = json!({"verb": "get", "resource": "secrets", "namespace": "elsewhere"});
    let local = format!("{REVIEWS}/namespaces/default/localsubjectaccessreviews");
    for (path, body, code, says) in [
        (
            format!("{REVIEWS}/selfsubjectaccessreviews"),
            review("SelfSubjectAccessReview", &json!({})),
            422,
            "exactly one of resourceAttributes and nonResourceAttributes must be given",
        ),
        (
            format!("{REVIEWS}/subjectaccessreviews"),
            review("SubjectAccessReview", &json!({"resourceAttributes": about})),
            422,
            "spec.user",
        ),
        (
            local,
            review(
                "LocalSubjectAccessReview",
                &json!({"user": "eve", "resourceAttributes": about}),
            ),
            422,
            "must be the namespace of the request, default",
        ),
        (
            format!("{REVIEWS}/selfsubjectrulesreviews"),
            review("SelfSubjectRulesReview", &json!({})),
            422,
            "spec.namespace",
        ),
        (
            format!("{REVIEWS}/selfsubjectrulesreviews"),
            whoami(),
            400,
            "SelfSubjectRulesReview",
        ),
    ] {
        let (status, text) = ask(&admin, "POST", &path, &body).await;
        assert_eq!(status, code, "{text}");
        assert!(text.contains(says), "{text}");
    }
    server.stop().await;
}
