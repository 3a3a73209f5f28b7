//! Request bodies: JSON by default, YAML or protobuf when declared.

use agentchat_schema::decode;
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use serde_json::Value;

use crate::{failure::Failure, protobuf};

/// What Kubernetes takes as one body: 3 MiB.
const LIMIT: usize = 3_145_728;

const ACCEPTED: &str =
    "application/json, application/yaml, application/vnd.kubernetes.protobuf of built-in types";

/// Reads a whole body.
pub async fn read(body: Body) -> Result<Bytes, Failure> {
    let limited = http_body_util::Limited::new(body, LIMIT);
    match http_body_util::BodyExt::collect(limited).await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Failure::too_large(
            format!("Request entity too large: limit is {LIMIT}"),
        )),
        Err(error) => Err(Failure::bad_request(format!("reading the body: {error}"))),
    }
}

/// The media type of a body, without its parameters; JSON when it isn't said.
pub fn media_type(headers: &HeaderMap) -> String {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map_or("application/json", |value| {
            value.split(';').next().unwrap_or(value)
        })
        .trim()
        .to_ascii_lowercase()
}

/// Decodes JSON.
pub fn json(bytes: &[u8]) -> Result<Value, Failure> {
    decode::json(bytes).map_err(|error| undecodable(&error, "JSON"))
}

fn undecodable(error: &decode::Error, language: &str) -> Failure {
    Failure::bad_request(match error {
        decode::Error::Syntax(message) => format!("the body is not {language}: {message}"),
        decode::Error::Number { .. } => error.to_string(),
    })
}

/// Decodes an object.
pub fn object(media_type: &str, bytes: &[u8]) -> Result<Value, Failure> {
    let value: Value = match media_type {
        "application/json" | "" => json(bytes)?,
        "application/yaml" => decode::yaml(serde_yaml::Deserializer::from_slice(bytes))
            .map_err(|error| undecodable(&error, "YAML"))?,
        protobuf::MEDIA_TYPE => protobuf::decode(bytes)?,
        _ => return Err(Failure::unsupported_media_type(ACCEPTED)),
    };
    if value.is_object() {
        Ok(value)
    } else {
        Err(Failure::bad_request("the body is no object"))
    }
}
