//! Who a person is, and what they may do.

use crate::server::{EVE, Server};

#[tokio::test]
async fn whoami_names_the_user_of_the_token() {
    let server = Server::start().await;
    let json = ["auth", "whoami", "-o", "jsonpath={.status.userInfo}"];
    for (more, said) in [
        (
            &[][..],
            r#"{"groups":["system:masters","system:authenticated"],"username":"agentchat-admin"}"#,
        ),
        (
            &[EVE],
            r#"{"groups":["system:authenticated"],"username":"eve"}"#,
        ),
    ] {
        let arguments = [&json, more].concat();
        assert_eq!(server.kubectl(&arguments).await.printed(), said);
    }
    let table = server.kubectl(&["auth", "whoami"]).await.printed();
    assert!(table.contains("Username    agentchat-admin"), "{table}");
    server.stop().await;
}

#[tokio::test]
async fn can_i_answers_as_the_request_would() {
    let server = Server::start().await;
    for (arguments, eve_may) in [
        (&["create", "agents"][..], false),
        (&["list", "secrets", "-A"], false),
        (&["patch", "agents", "--subresource=status"], false),
        (&["get", "agents/ada"], false),
        (&["*", "*"], false),
        (&["get", "/access/v1"], false),
        (&["get", "/apis"], true),
        (
            &["create", "selfsubjectaccessreviews.authorization.k8s.io"],
            true,
        ),
    ] {
        let arguments = [&["auth", "can-i"], arguments].concat();
        let admin = server.kubectl(&arguments).await;
        assert_eq!(admin.printed(), "yes\n", "{arguments:?}");
        let eve = server.kubectl(&[&arguments[..], &[EVE]].concat()).await;
        let expected = if eve_may { "yes\n" } else { "no\n" };
        assert_eq!(
            (eve.ok, eve.out.as_str()),
            (eve_may, expected),
            "{arguments:?} {}",
            eve.err
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn can_i_list_shows_the_rules_of_the_user() {
    let server = Server::start().await;
    let list = ["auth", "can-i", "--list"];
    let words = |text: &str| -> Vec<String> {
        let rows = text.lines().skip(1);
        rows.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    let admin = words(&server.kubectl(&list).await.printed());
    for row in ["*.* [] [] [*]", "[*] [] [*]"] {
        assert!(admin.iter().any(|shown| shown == row), "{row}: {admin:?}");
    }
    let eve = words(
        &server
            .kubectl(&[&list[..], &[EVE]].concat())
            .await
            .printed(),
    );
    for row in [
        "selfsubjectreviews.authentication.k8s.io [] [] [create]",
        "selfsubjectaccessreviews.authorization.k8s.io [] [] [create]",
        "[/apis/*] [] [get]",
    ] {
        assert!(eve.iter().any(|shown| shown == row), "{row}: {eve:?}");
    }
    assert!(
        !eve.iter()
            .any(|row| row.contains('*') && !row.starts_with("[/")),
        "{eve:?}"
    );
    server.stop().await;
}

#[tokio::test]
async fn reviews_are_discovered_explained_and_answered() {
    let server = Server::start().await;
    let shown = server.kubectl(&["api-resources", "-o", "wide"]).await;
    let shown = shown.printed();
    for plural in [
        "selfsubjectreviews",
        "selfsubjectaccessreviews",
        "subjectaccessreviews",
        "localsubjectaccessreviews",
        "selfsubjectrulesreviews",
    ] {
        let row = shown.lines().find(|row| row.starts_with(plural));
        assert!(row.is_some_and(|row| row.contains("create")), "{shown}");
    }
    let explained = server
        .kubectl(&["explain", "subjectaccessreview.spec.resourceAttributes"])
        .await
        .printed();
    assert!(explained.contains("subresource"), "{explained}");
    let manifest = "apiVersion: authorization.k8s.io/v1\nkind: LocalSubjectAccessReview\n\
        metadata: {namespace: default}\nspec: {user: eve, groups: [GROUP], \
        resourceAttributes: {verb: get, resource: secrets}}\n";
    for (group, allowed) in [
        ("system:masters", "true"),
        ("system:authenticated", "false"),
    ] {
        let asked = manifest.replace("GROUP", group);
        let path = "jsonpath={.status.allowed} {.spec.resourceAttributes.namespace}";
        let create = ["create", "-f", "-", "-o", path];
        let said = server.feed(&create, &asked).await.printed();
        assert_eq!(said, format!("{allowed} default"));
    }
    server.stop().await;
}

#[tokio::test]
async fn user_without_rights_is_told_what_they_may_not_do() {
    let server = Server::start().await;
    for (arguments, said) in [
        (
            &["get", "agents", "-A"][..],
            r#"Error from server (Forbidden): agents.agentchat.dev is forbidden: User "eve" cannot list resource "agents" in API group "agentchat.dev" at the cluster scope"#,
        ),
        (
            &["get", "agents", "-w"],
            r#"agents.agentchat.dev is forbidden: User "eve" cannot list resource "agents" in API group "agentchat.dev" in the namespace "default""#,
        ),
        (
            &["get", "secret", "x"],
            r#"secrets "x" is forbidden: User "eve" cannot get resource "secrets" in API group "" in the namespace "default""#,
        ),
        (
            &["delete", "ns", "default"],
            r#"namespaces "default" is forbidden: User "eve" cannot delete resource "namespaces" in API group "" in the namespace "default""#,
        ),
        (
            &["get", "--raw", "/extra"],
            r#"forbidden: User "eve" cannot get path "/extra""#,
        ),
    ] {
        let refused = server.kubectl(&[arguments, &[EVE]].concat()).await;
        let refused = refused.refused();
        assert!(refused.contains(said), "{arguments:?}: {refused}");
    }
    let refused = server.kubectl(&["get", "ns", "--as=eve"]).await.refused();
    assert!(
        refused.contains("impersonation (kubectl --as) is not supported"),
        "{refused}"
    );
    server.stop().await;
}
