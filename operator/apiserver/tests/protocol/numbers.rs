//! Numbers: whole ones are stored as integers however they are written, others are refused by name.

use http::{Request, StatusCode};
use kube::Client;
use serde_json::{Value, json};

use crate::{ask, execute, get, open};

const AGENTS: &str = "/apis/agentchat.dev/v1alpha1/namespaces/default/agents";
const NODES: &str = "/apis/agentchat.dev/v1alpha1/nodes";
const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";

async fn send(
    client: &Client,
    method: &str,
    path: &str,
    media_type: &str,
    body: &str,
) -> (StatusCode, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", media_type);
    ask(client, request.body(body.as_bytes().to_vec()).unwrap()).await
}

fn node(name: &str, port: &str) -> String {
    format!(
        r#"{{"apiVersion": "agentchat.dev/v1alpha1", "kind": "Node", "metadata": {{"name": "{name}"}},
            "spec": {{"role": "Server", "server": {{"port": {port}}}}}}}"#
    )
}

#[tokio::test]
async fn whole_float_is_stored_as_an_integer_by_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(folder.path()).await;
    let client = server.client();
    let there = format!("{NODES}/n");
    let (status, text) = send(&client, "POST", NODES, JSON, &node("n", "6667.0")).await;
    assert_eq!(status, 201, "{text}");
    let made: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(made["spec"]["server"]["port"], json!(6667));

    let mut whole = made;
    whole["spec"]["server"]["port"] = json!(2000.0);
    for (method, media_type, body, port) in [
        ("PUT", JSON, whole.to_string(), 2000),
        (
            "PATCH",
            MERGE,
            r#"{"spec":{"server":{"port":3e3}}}"#.into(),
            3000,
        ),
        (
            "PATCH",
            JSON_PATCH,
            r#"[{"op":"replace","path":"/spec/server/port","value":4.0e3}]"#.into(),
            4000,
        ),
    ] {
        let (status, text) = send(&client, method, &there, media_type, &body).await;
        assert_eq!(status, 200, "{body}: {text}");
        let (_, stored) = get(&client, &there, "*/*").await;
        assert_eq!(stored["spec"]["server"]["port"], json!(port), "{body}");
        assert_eq!(
            stored["metadata"]["generation"],
            json!(port / 1000),
            "{body}"
        );
    }
    // The same number, written otherwise, is no change.
    let same = r#"{"spec":{"server":{"port":4000.0}}}"#;
    send(&client, "PATCH", &there, MERGE, same).await;
    let (_, stored) = get(&client, &there, "*/*").await;
    assert_eq!(stored["metadata"]["generation"], json!(4));

    let condition = json!({
        "type": "Ready", "status": "True", "reason": "Ok", "message": "",
        "lastTransitionTime": "2030-01-31T08:00:00Z", "observedGeneration": 4.0,
    });
    let status_path = format!("{there}/status");
    let mut whole = stored;
    whole["status"] = json!({"agents": 1.0, "conditions": [condition]});
    for (method, media_type, body, agents) in [
        ("PUT", JSON, whole.to_string(), 1),
        ("PATCH", MERGE, r#"{"status":{"agents":2.0}}"#.into(), 2),
        (
            "PATCH",
            JSON_PATCH,
            r#"[{"op":"replace","path":"/status/agents","value":3.0}]"#.into(),
            3,
        ),
    ] {
        let (status, text) = send(&client, method, &status_path, media_type, &body).await;
        assert_eq!(status, 200, "{body}: {text}");
        let (_, stored) = get(&client, &there, "*/*").await;
        assert_eq!(stored["status"]["agents"], json!(agents), "{body}");
        let observed = &stored["status"]["conditions"][0]["observedGeneration"];
        assert_eq!(observed, &json!(4), "{body}");
    }
    let agent = "apiVersion: agentchat.dev/v1alpha1\nkind: Agent\nmetadata: {name: a}\n\
                 spec: {mission: x, limits: {costUSD: 1.5, turns: 7.0}, resources: {limits: {cpu: 2.0}}}\n";
    let (status, text) = send(&client, "POST", AGENTS, "application/yaml", agent).await;
    assert_eq!(status, 201, "{text}");
    let (_, stored) = get(&client, &format!("{AGENTS}/a"), "*/*").await;
    assert_eq!(
        stored["spec"]["limits"],
        json!({"costUSD": 1.5, "turns": 7})
    );
    assert_eq!(stored["spec"]["resources"]["limits"], json!({"cpu": 2}));
}

#[tokio::test]
async fn number_that_can_not_be_stored_is_refused_with_field_value_and_what_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(folder.path()).await;
    let client = server.client();
    let at = "spec.server.port";
    for (port, code, value, allowed) in [
        ("70000", 422, "70000", "less than or equal to 65535"),
        ("-1", 422, "-1", "greater than or equal to 1"),
        (
            "1180591620717411303424",
            422,
            "1.1805916207174113e+21",
            "65535",
        ),
        ("6667.5", 422, "number", "must be of type integer"),
        ("1e400", 400, "1e400", "up to 1.79"),
    ] {
        let (status, text) = send(&client, "POST", NODES, JSON, &node("n", port)).await;
        assert_eq!(status, code, "{port}: {text}");
        for says in [at, value, allowed] {
            assert!(text.contains(says), "{port}: {says}: {text}");
        }
    }
    let (status, text) = send(&client, "POST", NODES, JSON, &node("n", "1")).await;
    assert_eq!(status, 201, "{text}");
    let status_path = format!("{NODES}/n/status");
    for (agents, says) in [
        ("4294967296", "4294967295"),
        ("-1e3", "equal to 0"),
        ("1e400", "1e400"),
    ] {
        let patch = format!(r#"{{"status":{{"agents":{agents}}}}}"#);
        let (status, text) = send(&client, "PATCH", &status_path, MERGE, &patch).await;
        assert!(status.is_client_error(), "{agents}: {text}");
        assert!(
            text.contains("status.agents") && text.contains(says),
            "{agents}: {text}"
        );
    }
    let agent = |cost: &str| {
        format!(
            "apiVersion: agentchat.dev/v1alpha1\nkind: Agent\nmetadata: {{name: a}}\n\
             spec: {{mission: x, limits: {{costUSD: {cost}}}}}\n"
        )
    };
    for cost in [".nan", "-.inf", "1180591620717411303424"] {
        let body = agent(cost);
        let (status, text) = send(&client, "POST", AGENTS, "application/yaml", &body).await;
        assert_eq!(status, 400, "{cost}: {text}");
        assert!(
            text.contains("spec.limits.costUSD") && text.contains(cost),
            "{cost}: {text}"
        );
    }
    let turns = r#"{"apiVersion": "agentchat.dev/v1alpha1", "kind": "Agent", "metadata": {"name": "a"},
        "spec": {"mission": "x", "limits": {"turns": 9223372036854775808}}}"#;
    let (status, text) = send(&client, "POST", AGENTS, JSON, turns).await;
    assert_eq!(status, 422, "{text}");
    let says = "spec.limits.turns in body must be of type int64, a whole number from";
    assert!(
        text.contains(says) && text.contains("9223372036854775808"),
        "{text}"
    );
}

#[tokio::test]
async fn whole_float_that_an_earlier_program_stored_is_read_as_an_integer() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(folder.path()).await;
    let (status, text) = send(&server.client(), "POST", NODES, JSON, &node("n", "6667")).await;
    assert_eq!(status, 201, "{text}");
    drop(server);
    let statement = r#"UPDATE objects SET body = replace(body, '"port":6667', '"port":6667.0')"#;
    execute(folder.path(), statement).await;
    let server = open(folder.path()).await;
    let request = Request::get(format!("{NODES}/n")).body(Vec::new()).unwrap();
    let (_, text) = ask(&server.client(), request).await;
    assert!(text.contains(r#""port":6667,"#), "{text}");
}
