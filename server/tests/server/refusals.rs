//! What the server refuses, and how.

use agentchat_client::ClientError;
use agentchat_protocol::Identity;
use tokio::time::timeout;

use crate::{DEADLINE, process::Server};

#[tokio::test]
async fn unlisted_keys_and_visitors_are_refused() {
    let server = Server::start();
    for identity in [None, Some(Identity::generate().unwrap())] {
        let (client, _events) = server.client("stranger", identity);
        let refused = timeout(DEADLINE, client.connected()).await.unwrap();
        let code =
            matches!(&refused, Err(ClientError::Server { code, .. }) if code == "NOT_ALLOWED");
        assert!(code, "{refused:?}");
        let wrong = client.admin_approve("x", "not-the-admin-key", None).await;
        assert!(
            matches!(&wrong, Err(ClientError::Server { code, .. }) if code == "AUTH_REQUIRED"),
            "{wrong:?}"
        );
        client.shutdown().await;
    }
}

#[tokio::test]
async fn a_refusal_names_its_reason_and_ends_nothing() {
    let server = Server::start();
    let (ada, _events) = server.approved("ada").await;
    let code = |result: Result<(), ClientError>| match result {
        Err(ClientError::Server { code, .. }) => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(ada.join("#nowhere").await), "CHANNEL_NOT_FOUND");
    assert_eq!(code(ada.join("nowhere").await), "INVALID_MSG");
    assert_eq!(
        code(ada.send("#nowhere", "x", None).await.map(drop)),
        "CHANNEL_NOT_FOUND"
    );
    assert_eq!(
        code(ada.send("@someone", "x", None).await.map(drop)),
        "AGENT_NOT_FOUND"
    );
    ada.create_channel("#a", false, false).await.unwrap();
    assert_eq!(
        code(ada.create_channel("#a", false, false).await),
        "CHANNEL_EXISTS"
    );
    ada.leave("#a").await.unwrap();
    assert_eq!(
        code(ada.send("#a", "x", None).await.map(drop)),
        "NOT_INVITED"
    );
    ada.set_presence("listening", Some("to you")).await.unwrap();
    ada.ping().await.unwrap();
    ada.shutdown().await;
}
