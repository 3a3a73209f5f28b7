//! Schemas of kinds that Kubernetes has built in, as far as they are served and written here.

use serde_json::{Value, json};

/// `v1` Namespace.
pub fn namespace() -> Value {
    json!({
        "type": "object",
        "description": "Namespace provides a scope for names.",
        "properties": {
            "spec": {"type": "object", "description": "What keeps the namespace.", "properties": {
                "finalizers": {"type": "array", "items": {"type": "string"}},
            }},
            "status": {"type": "object", "description": "Where the namespace stands.", "properties": {
                "phase": {"type": "string", "enum": ["Active", "Terminating"]},
                "conditions": {"type": "array", "items": {
                    "type": "object",
                    "required": ["type", "status"],
                    "properties": {
                        "type": {"type": "string"},
                        "status": {"type": "string"},
                        "reason": {"type": "string"},
                        "message": {"type": "string"},
                        "lastTransitionTime": {"type": "string", "format": "date-time"},
                    },
                }},
            }},
        },
    })
}

/// `v1` Secret.
pub fn secret() -> Value {
    json!({
        "type": "object",
        "description": "Secret holds secret data of a certain type.",
        "properties": {
            "type": {"type": "string", "default": "Opaque", "description": "What the data is for."},
            "immutable": {"type": "boolean", "description": "If true, the data can't be changed."},
            "data": {
                "type": "object",
                "description": "The secret data, base64-encoded.",
                "additionalProperties": {"type": "string", "format": "byte"},
            },
            "stringData": {
                "type": "object",
                "description": "Write-only: secret data as text; merged into data.",
                "additionalProperties": {"type": "string"},
            },
        },
    })
}

/// `v1` ConfigMap.
pub fn config_map() -> Value {
    json!({
        "type": "object",
        "description": "ConfigMap holds configuration for others to read.",
        "properties": {
            "immutable": {"type": "boolean", "description": "If true, the data can't be changed."},
            "data": {
                "type": "object",
                "description": "The configuration.",
                "additionalProperties": {"type": "string"},
            },
            "binaryData": {
                "type": "object",
                "description": "Configuration that is no text, base64-encoded.",
                "additionalProperties": {"type": "string", "format": "byte"},
            },
        },
    })
}
