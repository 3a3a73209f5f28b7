//! What a person is told when something is wrong.

use crate::server::Server;

fn agent(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: agentchat.dev/v1alpha1\nkind: Agent\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
}

#[tokio::test]
async fn manifests_that_are_wrong() {
    let server = Server::start().await;
    for (name, spec, told) in [
        (
            "a",
            "{mission: x, bogus: 1}",
            "strict decoding error: unknown field \"spec.bogus\"",
        ),
        (
            "a",
            "{mission: 5}",
            "spec.mission: Invalid value: \"integer\": spec.mission in body must be of type string: \"integer\"",
        ),
        (
            "a",
            "{}",
            "The Agent \"a\" is invalid: spec.mission: Required value",
        ),
        (
            "A_b",
            "{mission: x}",
            "a lowercase RFC 1123 subdomain must consist of",
        ),
        (
            "a",
            "{mission: x, chat: {identity: Odd}}",
            "Unsupported value: \"Odd\": supported values: \"Persistent\", \"Ephemeral\"",
        ),
    ] {
        let manifest = agent(name, spec);
        for verb in ["apply", "create"] {
            let refused = server.feed(&[verb, "-f", "-"], &manifest).await.refused();
            assert!(refused.contains(told), "{verb} {manifest}: {refused}");
        }
    }
    let both = agent("a", "{mission: '', limits: {turns: many}}");
    let refused = server.feed(&["apply", "-f", "-"], &both).await.refused();
    for told in ["* spec.mission: Invalid", "* spec.limits.turns: Invalid"] {
        assert!(refused.contains(told), "{refused}");
    }
    let good = agent("a", "{mission: x}");
    server.feed(&["apply", "-f", "-"], &good).await.printed();
    let bogus = agent("a", "{mission: x, bogus: 1}");
    let refused = server.feed(&["apply", "-f", "-"], &bogus).await.refused();
    assert!(
        refused.contains("unknown field \"spec.bogus\""),
        "{refused}"
    );
    let apply = ["apply", "--validate=warn", "-f", "-"];
    let warned = server.feed(&apply, &bogus).await;
    assert!(warned.ok, "{warned:?}");
    assert!(
        warned.err.contains("Warning: unknown field \"spec.bogus\""),
        "{warned:?}"
    );
    server.stop().await;
}

#[tokio::test]
async fn things_that_are_not_there_or_not_allowed() {
    let server = Server::start().await;
    let kind = "apiVersion: agentchat.dev/v1alpha1\nkind: Agnet\nmetadata: {name: a}\n";
    let refused = server.feed(&["apply", "-f", "-"], kind).await.refused();
    assert!(
        refused.contains("no matches for kind \"Agnet\" in version \"agentchat.dev/v1alpha1\""),
        "{refused}"
    );
    for (arguments, told) in [
        (
            &["get", "frobs"][..],
            "the server doesn't have a resource type \"frobs\"",
        ),
        (
            &["get", "agent", "nobody"],
            "agents.agentchat.dev \"nobody\" not found",
        ),
        (
            &["create", "cm", "x", "-n", "nowhere"],
            "namespaces \"nowhere\" not found",
        ),
        (
            &["delete", "ns", "kube-system"],
            "this namespace may not be deleted",
        ),
        (
            &["get", "agents", "--field-selector=spec.mission=x"],
            "field label not supported: spec.mission",
        ),
        (
            &["create", "ns", "Not_A_Name"],
            "a lowercase RFC 1123 label must consist of",
        ),
    ] {
        let refused = server.kubectl(arguments).await.refused();
        assert!(refused.contains(told), "{arguments:?}: {refused}");
    }
    let good = agent("a", "{mission: x}");
    server.feed(&["create", "-f", "-"], &good).await.printed();
    let twice = server.feed(&["create", "-f", "-"], &good).await.refused();
    assert!(twice.contains("\"a\" already exists"), "{twice}");
    let strategic = ["patch", "agent", "a", "--type=strategic", "-p", "{}"];
    let refused = server.kubectl(&strategic).await.refused();
    assert!(refused.contains("strategic"), "{refused}");
    let applied = ["apply", "--server-side", "-f", "-"];
    let refused = server.feed(&applied, &good).await.refused();
    assert!(
        refused.contains("application/merge-patch+json"),
        "{refused}"
    );
    server.stop().await;
}

#[tokio::test]
async fn the_wrong_token_and_the_wrong_authority() {
    let server = Server::start().await;
    let extra = server.kubectl(&["get", "--raw", "/extra"]).await.printed();
    assert_eq!(extra, "an extra route");
    for path in ["/api/v1/secrets", "/extra", "/healthz"] {
        let wrong = server
            .kubectl(&["get", "--raw", path, "--token=wrong"])
            .await
            .refused();
        assert!(
            wrong.contains("Unauthorized") || wrong.contains("must be logged in"),
            "{wrong}"
        );
    }
    let kubeconfig = std::fs::read_to_string(server.path("kubeconfig")).unwrap();
    let without: String = kubeconfig
        .lines()
        .filter(|line| !line.contains("certificate-authority-data"))
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(server.path("kubeconfig"), without).unwrap();
    let refused = server.kubectl(&["get", "ns"]).await.refused();
    assert!(refused.contains("certificate"), "{refused}");
    server.stop().await;
}
