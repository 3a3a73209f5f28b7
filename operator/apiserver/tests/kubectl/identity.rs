//! Who a person is, and what they may do.

use crate::server::{EVE, Server};

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
