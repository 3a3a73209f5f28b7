//! What was granted on the chat server is withdrawn: keys of agents that are gone do not stay on the allowlist.

use agentchat_api::IDENTITY_KEY;
use agentchat_client::{Client as Chat, Options};
use agentchat_protocol::Identity;
use k8s_openapi::api::core::v1::Secret;
use kube::api::DeleteParams;
use serde_json::json;

use crate::{Swarm, server::ChatServer, wait::until};

/// Notes on the server's allowlist.
async fn notes(swarm: &Swarm, chat: &ChatServer) -> Result<Vec<String>, String> {
    let (ca, admin_key) = chat.administration(&swarm.client).await;
    let (client, _events) = Chat::start(Options {
        url: chat.url(),
        ca_pem: Some(ca),
        name: "test".to_owned(),
        identity: None,
        channels: vec![],
    });
    let list = client.admin_list(&admin_key).await;
    client.shutdown().await;
    let list = list.map_err(|error| error.to_string())?;
    Ok(list.into_iter().map(|entry| entry.note).collect())
}

async fn notes_until(swarm: &Swarm, chat: &ChatServer, what: &str, is: impl Fn(&[String]) -> bool) {
    until(what, async || match notes(swarm, chat).await {
        Ok(notes) if is(&notes) => Ok(()),
        other => Err(other),
    })
    .await;
}

fn has(notes: &[String], agent: &str) -> bool {
    notes.contains(&format!("agentchat:default/default/{agent}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_agent_is_removed_from_the_allowlist() {
    let (swarm, chat) = Swarm::ready().await;
    for name in ["ada", "bob"] {
        swarm.agent(name, json!({})).await;
        swarm.listens(name).await;
    }
    notes_until(&swarm, &chat, "both are listed", |n| {
        has(n, "ada") && has(n, "bob")
    })
    .await;
    swarm.delete("ada").await;
    notes_until(&swarm, &chat, "bob alone is listed", |n| {
        !has(n, "ada") && has(n, "bob")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agent_deleted_while_the_server_was_away_is_removed_from_the_allowlist_later() {
    let (swarm, mut chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    swarm.listens("ada").await;
    notes_until(&swarm, &chat, "ada is listed", |n| has(n, "ada")).await;
    chat.kill();
    swarm.delete("ada").await;
    until("the Agent is gone", async || {
        match swarm
            .api::<agentchat_api::Agent>()
            .get_opt("ada")
            .await
            .unwrap()
        {
            None => Ok(()),
            Some(agent) => Err(agent.status),
        }
    })
    .await;
    chat.start_again();
    notes_until(&swarm, &chat, "ada is not listed", |n| !has(n, "ada")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_that_was_replaced_is_removed_from_the_allowlist() {
    let (swarm, chat) = Swarm::ready().await;
    swarm.agent("ada", json!({})).await;
    swarm.listens("ada").await;
    let secrets = swarm.api::<Secret>();
    let key = |secret: Secret| {
        let pem = secret.data.unwrap().remove(IDENTITY_KEY).unwrap().0;
        let pem = String::from_utf8(pem).unwrap();
        Identity::from_pkcs8_pem(&pem).unwrap().agent_id()
    };
    let old = key(secrets.get("ada-identity").await.unwrap());
    secrets
        .delete("ada-identity", &DeleteParams::default())
        .await
        .unwrap();
    let new = until("another key is made", async || {
        match secrets.get_opt("ada-identity").await.unwrap() {
            Some(secret) => Ok(key(secret)),
            None => Err("no key"),
        }
    })
    .await;
    assert_ne!(old, new);
    until("the new key alone is listed", async || {
        let ids = chat.allowed_ids(&swarm.client).await;
        if ids.contains(&new) && !ids.contains(&old) {
            Ok(())
        } else {
            Err(ids)
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agent_that_changes_its_server_is_removed_from_the_allowlist_of_the_old_one() {
    let (swarm, old) = Swarm::ready().await;
    let new = swarm.chat_server("server-2").await;
    swarm
        .agent("ada", json!({"chat": {"serverRef": {"name": "server-1"}}}))
        .await;
    swarm.listens("ada").await;
    notes_until(&swarm, &old, "ada is listed", |n| has(n, "ada")).await;
    swarm
        .change("ada", json!({"chat": {"serverRef": {"name": "server-2"}}}))
        .await;
    notes_until(&swarm, &new, "ada is listed on the new one", |n| {
        has(n, "ada")
    })
    .await;
    notes_until(&swarm, &old, "ada is not listed on the old one", |n| {
        !has(n, "ada")
    })
    .await;
}
