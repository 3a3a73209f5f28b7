//! What the API refuses for good stands on the object that asked for it: as a condition, and as an Event.

use agentchat_api::{ConditionType, Reason, Statement, find_condition, set_condition};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};
use kube::{Api, Client};
use tracing::debug;

use crate::{
    error::{Error, chain},
    event, status,
    watch::Watched,
};

/// Says on an object that the API refused what its reconcile asked for; gives the object as it is stored since then,
/// when that is news. The other conditions stay: they say what was seen last.
pub async fn publish<K: Watched>(
    client: &Client,
    api: &Api<K>,
    object: &K,
    mut conditions: Vec<Condition>,
    error: &Error,
) -> Option<K> {
    let error = chain(error);
    let message = format!(
        "{error}; it is tried again when this object changes, or the operator is started anew"
    );
    event::warn(client, object, Reason::ApiRefused, &message).await;
    // A pass that went on to its end has said it already.
    let says =
        |c: &Condition| c.reason == Reason::ApiRefused.as_str() && c.message.contains(&error);
    if find_condition(&conditions, ConditionType::Ready).is_some_and(says) {
        return None;
    }
    let metadata = object.meta();
    let statement = Statement::no(Reason::ApiRefused, message);
    let when = (metadata.generation, Timestamp::now());
    set_condition(&mut conditions, ConditionType::Ready, &statement, when);
    match status::write_conditions(api, metadata, &conditions).await {
        Ok(stored) => stored,
        Err(error) => {
            debug!(error = %chain(&error), "the condition could not be written");
            None
        }
    }
}
