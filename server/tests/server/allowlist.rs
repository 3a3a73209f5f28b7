//! Approving and revoking keys while they are in use.

use agentchat_client::{Admin, ClientError, Event};
use agentchat_protocol::{Identity, agent_id};
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
async fn a_key_that_lost_its_last_newline_is_the_same_key() {
    let server = Server::plain(&[]);
    let identity = Identity::generate().unwrap();
    let key = identity.public_key_pem();
    let id = format!("@{}", identity.agent_id());
    let mut operator = server.raw().await;
    let with = |action: &str, key: &str| json!({"type": format!("ADMIN_{action}"), "pubkey": key, "admin_key": ADMIN_KEY});
    assert_eq!(
        operator.refused(with("APPROVE", "a key")).await,
        "INVALID_MSG"
    );
    operator.tell(with("APPROVE", key.trim_end())).await;
    assert_eq!(operator.hear("ADMIN_RESULT").await["agentId"], id);
    server.raw().await.enter("ada", &identity).await;
    operator
        .tell(with("REVOKE", &key.replace('\n', "\r\n")))
        .await;
    assert_eq!(operator.hear("ADMIN_RESULT").await["success"], true);
    let mut raw = server.raw().await;
    let identify = json!({"type": "IDENTIFY", "name": "ada", "pubkey": key});
    assert_eq!(raw.refused(identify).await, "NOT_ALLOWED");
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

#[tokio::test]
async fn a_list_of_any_length_is_told_in_pages() {
    let keys: Vec<_> = (0..4500)
        .map(|_| Identity::generate().unwrap().public_key_pem())
        .collect();
    let entry = |key: &String| json!({"pubkey": key, "note": "\u{1f600}".repeat(150)});
    let entries: Vec<_> = keys.iter().map(entry).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), json!(entries).to_string()).unwrap();
    let server = Server::plain(&["--allowlist-file", file.path().to_str().unwrap()]);

    let admin = Admin::new(&server.url, None, ADMIN_KEY);
    let told: Vec<_> = admin.allowed().await.unwrap();
    let told: Vec<_> = told.into_iter().map(|a| a.agent_id).collect();
    let expected: Vec<_> = keys.iter().map(|k| format!("@{}", agent_id(k))).collect();
    assert!(told == expected, "{} of {}", told.len(), expected.len());

    // Who knows nothing of pages gets a frame that fits; who does, as much as it wants.
    let mut raw = server.raw().await;
    let mut list = json!({"type": "ADMIN_LIST", "admin_key": ADMIN_KEY});
    raw.tell(list.clone()).await;
    let first = raw.hear("ADMIN_RESULT").await;
    assert!(first.to_string().len() < 2_097_152 && first["next"].is_string());
    assert_eq!(
        (&first["enabled"], &first["strict"]),
        (&json!(true), &json!(true))
    );
    (list["limit"], list["after"]) = (json!(2), first["next"].clone());
    let went = first["entries"].as_array().unwrap().len();
    raw.tell(list.clone()).await;
    let second = raw.hear("ADMIN_RESULT").await;
    let ids = [0, 1].map(|i| second["entries"][i]["agentId"].as_str().unwrap().to_owned());
    assert_eq!(ids, expected[went..went + 2]);
    (list["limit"], list["after"]) = (json!(4500), (expected.len() - 1).to_string().into());
    raw.tell(list.clone()).await;
    let last = raw.hear("ADMIN_RESULT").await;
    assert!(last.get("next").is_none() && last["entries"].as_array().unwrap().len() == 1);
    list["after"] = json!(7);
    assert_eq!(raw.refused(list).await, "INVALID_MSG");
}

#[tokio::test]
async fn bans_are_listed_also_without_an_allowlist() {
    let server = Server::protocol(&["--allowlist-admin-key", ADMIN_KEY]);
    let admin = Admin::new(&server.url, None, ADMIN_KEY);
    assert_eq!(admin.bans().await.unwrap(), []);
    admin.ban("@one", Some("spam")).await.unwrap();
    admin.ban("two", None).await.unwrap();
    let told = admin.bans().await.unwrap();
    let told: Vec<_> = told.iter().map(|b| (&*b.agent_id, &*b.reason)).collect();
    assert_eq!(told, [("@one", "spam"), ("@two", "Banned by admin")]);
    let guess = Admin::new(&server.url, None, "a guess").bans().await;
    assert!(
        matches!(&guess, Err(ClientError::Server { code, .. }) if code == "AUTH_REQUIRED"),
        "{guess:?}"
    );
}
