//! What a change of an Agent's manifest does: one row a field, and the hash of those whose change needs a new
//! container.
//!
//! The hash is over named fields that differ from their defaults, so that a field that a release adds changes no
//! hash as long as manifests don't use it, and no container is replaced because the operator was.

use std::collections::BTreeMap;

use serde_json::Value;

/// Changes when the meaning of a field does: all containers are replaced then.
const VERSION: &str = "1";

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The container is replaced, gracefully; its home and its session go on.
    Replaces,
    /// The change is delivered into the running container; nothing restarts.
    DeliveredLive,
    /// The container stays as it is; the operator acts on the field.
    Nothing,
}

/// One field: its path in the manifest's spec (`a.b` also stands for all below), and what a change of it does.
pub type Row = (&'static str, Effect);

/// All fields of an Agent. A field that points at something stands for what it points at: the text of a ConfigMap,
/// the URL of a server, the Node that was chosen.
pub const TABLE: &[Row] = &[
    ("mission", Effect::Replaces),
    ("personality", Effect::Replaces),
    ("runtime.kind", Effect::Replaces),
    ("runtime.model", Effect::Replaces),
    ("runtime.allowedTools", Effect::Replaces),
    ("runtime.baseUrl", Effect::Replaces),
    ("limits.turns", Effect::Replaces),
    ("limits.duration", Effect::Replaces),
    ("limits.tokens", Effect::Replaces),
    ("limits.costUSD", Effect::Replaces),
    ("chat.displayName", Effect::Replaces),
    ("chat.serverRef", Effect::Replaces),
    ("chat.identity", Effect::Replaces),
    ("chat.channels", Effect::DeliveredLive),
    ("credentials", Effect::DeliveredLive),
    ("image", Effect::Replaces),
    ("resources.limits", Effect::Replaces),
    ("placement.nodeName", Effect::Replaces),
    ("terminationGracePeriodSeconds", Effect::DeliveredLive),
    ("suspend", Effect::Nothing),
];

/// What a change of a field does; `None` for a path that no row covers.
#[must_use]
pub fn effect(path: &str) -> Option<Effect> {
    let covers = |row: &str| {
        path.strip_prefix(row)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    TABLE
        .iter()
        .find(|(row, _)| covers(row))
        .map(|(_, effect)| *effect)
}

/// Values of fields, by path; one that is null, empty or false has its default.
pub type Fields = BTreeMap<&'static str, Value>;

/// The hash of the fields whose change needs a new container: `1-` and 32 hexadecimal digits.
#[must_use]
pub fn spec_hash(fields: &Fields) -> String {
    let mut hashed = serde_json::Map::new();
    for (path, value) in fields {
        if effect(path) == Some(Effect::Replaces) && !is_default(value) {
            hashed.insert((*path).to_owned(), value.clone());
        }
    }
    // Keys are sorted: by the map above, or by how they were inserted.
    format!(
        "{VERSION}-{}",
        digest(Value::Object(hashed).to_string().as_bytes())
    )
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// The first 32 hexadecimal digits of SHA-256.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    let first = hash.as_ref().iter().take(16);
    first.map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields() -> Fields {
        Fields::from([
            ("mission", json!("Say hello.")),
            ("image", json!("localhost/agentchat-agent:1")),
            ("placement.nodeName", json!("client-1")),
            ("chat.serverRef", json!("wss://agentchat-server-1:6667")),
            ("chat.channels", json!(["#general"])),
            (
                "resources.limits",
                json!({"cpu": 2000, "memory": 4_294_967_296_u64, "pids": 256}),
            ),
            ("runtime.model", Value::Null),
            ("runtime.allowedTools", json!([])),
        ])
    }

    /// Containers of earlier releases carry these: another value replaces every container of every swarm.
    #[test]
    fn hash_of_known_fields_is_the_golden_one() {
        assert_eq!(spec_hash(&fields()), "1-7ca78fe53cefa9ea094a41526b259cba");
        let least = Fields::from([("mission", json!("x"))]);
        assert_eq!(spec_hash(&least), "1-6774d410e36e2f4c7b2a9f88593f7d77");
    }

    #[test]
    fn field_with_its_default_does_not_count() {
        let mut more = fields();
        more.insert("runtime.baseUrl", Value::Null);
        more.insert("limits.turns", Value::Null);
        more.insert("personality", json!([]));
        assert_eq!(spec_hash(&more), spec_hash(&fields()));
        more.insert("limits.turns", json!(3));
        assert_ne!(spec_hash(&more), spec_hash(&fields()));
    }

    #[test]
    fn only_fields_that_replace_count() {
        for (path, effect) in TABLE {
            let mut changed = fields();
            changed.insert(path, json!("changed"));
            let replaces = spec_hash(&changed) != spec_hash(&fields());
            assert_eq!(replaces, *effect == Effect::Replaces, "{path}");
        }
    }

    #[test]
    fn row_covers_what_is_below_it_and_nothing_else() {
        assert_eq!(effect("credentials.apiKey"), Some(Effect::DeliveredLive));
        assert_eq!(effect("imagePullPolicy"), None);
        assert_eq!(effect("runtime"), None);
    }
}
