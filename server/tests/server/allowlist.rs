//! Approving and revoking keys while they are in use.

use agentchat_client::{ClientError, Event};
use agentchat_protocol::Identity;
use serde_json::json;
use tokio::time::timeout;

use crate::{
    DEADLINE,
    process::{ADMIN_KEY, Server},
};

#[tokio::test]
async fn revoking_a_key_ends_its_session_and_keeps_it_out() {
    let server = Server::start();
    let (ada, _a) = server.approved("ada").await;
    let identity = server.identity().await;
    let (key, agent) = (identity.public_key_pem(), identity.agent_id());
    let (sam, mut events) = server.client("sam", Some(identity));
    timeout(DEADLINE, sam.connected()).await.unwrap().unwrap();

    let listed = ada.admin_list(ADMIN_KEY).await.unwrap();
    let entry = listed.iter().find(|a| a.agent_id == format!("@{agent}"));
    let entry = entry.expect("sam is not on the list");
    assert!(entry.approved_at > 0 && key.starts_with(entry.pubkey_prefix.trim_end_matches("...")));

    ada.admin_revoke(&key, ADMIN_KEY).await.unwrap();
    let mut kicked = false;
    let refused = async {
        loop {
            match events.recv().await.unwrap() {
                Event::Disconnected { reason } => kicked |= reason.contains("KICKED"),
                Event::Refused { code, .. } => return code,
                _ => {}
            }
        }
    };
    let code = timeout(DEADLINE, refused).await.unwrap();
    assert_eq!((&*code, kicked), ("NOT_ALLOWED", true));
    let again = ada.admin_revoke(&key, ADMIN_KEY).await;
    assert!(
        matches!(&again, Err(ClientError::Server { code, .. }) if code == "AGENT_NOT_FOUND"),
        "{again:?}"
    );
    let wrong = ada.admin_list("not-the-admin-key").await;
    assert!(
        matches!(&wrong, Err(ClientError::Server { code, .. }) if code == "AUTH_REQUIRED"),
        "{wrong:?}"
    );
}

#[tokio::test]
async fn a_key_that_is_revoked_while_it_is_proven_does_not_come_in() {
    let server = Server::plain(&[]);
    let identity = server.identity().await;
    let mut raw = server.raw().await;
    let key = identity.public_key_pem();
    raw.tell(json!({"type": "IDENTIFY", "name": "ada", "pubkey": key}))
        .await;
    let challenge = raw.hear("CHALLENGE").await;
    raw.tell(
        json!({"type": "ADMIN_REVOKE", "agent_id": identity.agent_id(),
        "admin_key": ADMIN_KEY}),
    )
    .await;
    assert_eq!(raw.hear("ADMIN_RESULT").await["action"], "revoke");
    raw.answer(&challenge, &identity).await;
    assert_eq!(raw.hear("ERROR").await["code"], "NOT_ALLOWED");
}

#[tokio::test]
async fn revoking_needs_the_admin_key_and_a_name() {
    let server = Server::plain(&[]);
    let mut raw = server.raw().await;
    let key = Identity::generate().unwrap().public_key_pem();
    for (frame, code) in [
        (
            json!({"type": "ADMIN_REVOKE", "admin_key": ADMIN_KEY}),
            "INVALID_MSG",
        ),
        (
            json!({"type": "ADMIN_REVOKE", "pubkey": key, "admin_key": "wrong"}),
            "AUTH_REQUIRED",
        ),
        (
            json!({"type": "ADMIN_REVOKE", "pubkey": key}),
            "INVALID_MSG",
        ),
        (json!({"type": "ADMIN_LIST"}), "INVALID_MSG"),
    ] {
        raw.tell(frame.clone()).await;
        assert_eq!(raw.hear("ERROR").await["code"], code, "{frame}");
    }
}
