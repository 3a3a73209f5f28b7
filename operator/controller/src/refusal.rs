//! What the API refuses for good stands on the object that asked for it: as a condition, and as an Event.

use agentchat_api::{ConditionType, Reason, Statement, set_condition};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};
use kube::{Api, Client};
use tracing::{debug, warn};

use crate::{error::chain, event, status, watch::Watched};

/// Says on an object that the API refused what its reconcile asked for. The other conditions stay: they say what was
/// seen last. Nothing is said twice.
pub async fn publish<K: Watched>(
    client: Client,
    api: Api<K>,
    object: K,
    mut conditions: Vec<Condition>,
    message: String,
) {
    let before = conditions.clone();
    let statement = Statement::no(Reason::ApiRefused, message.as_str());
    let metadata = object.meta();
    let when = (metadata.generation, Timestamp::now());
    set_condition(&mut conditions, ConditionType::Ready, &statement, when);
    if conditions == before {
        return;
    }
    warn!(kind = %K::kind(&()), namespace = metadata.namespace, name = metadata.name, message, "refused for good");
    if let Err(error) = status::write_conditions(&api, metadata, &conditions).await {
        debug!(error = %chain(&error), "the condition could not be written");
    }
    event::warn(&client, &object, Reason::ApiRefused, &message).await;
}
