//! Content negotiation: plain JSON or YAML, a table, or metadata alone.

use axum::http::{HeaderMap, header};

use crate::failure::Failure;

/// How an answer is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Representation {
    /// Objects as they are.
    Json,
    /// The same in YAML.
    Yaml,
    /// `meta.k8s.io/v1` Table.
    Table,
    /// `PartialObjectMetadata` or its list.
    Metadata,
}

const ACCEPTED: &str = "application/json, application/yaml";

/// Takes the first entry that we can answer.
pub fn negotiate(headers: &HeaderMap) -> Result<Representation, Failure> {
    let mut said = false;
    for value in headers.get_all(header::ACCEPT) {
        let Ok(value) = value.to_str() else { continue };
        for entry in value.split(',').filter(|entry| !entry.trim().is_empty()) {
            said = true;
            if let Some(representation) = understood(entry) {
                return Ok(representation);
            }
        }
    }
    if said {
        Err(Failure::not_acceptable(ACCEPTED))
    } else {
        Ok(Representation::Json)
    }
}

fn understood(entry: &str) -> Option<Representation> {
    let mut parts = entry.split(';').map(str::trim);
    let media_type = parts.next()?.to_ascii_lowercase();
    let (mut shape, mut group, mut version) = ("", "", "");
    for part in parts {
        match part.split_once('=') {
            Some(("as", value)) => shape = value,
            Some(("g", value)) => group = value,
            Some(("v", value)) => version = value,
            _ => {}
        }
    }
    let meta = group == "meta.k8s.io" && version == "v1";
    match (media_type.as_str(), shape) {
        ("application/json" | "application/*" | "*/*", "") => Some(Representation::Json),
        ("application/yaml", "") => Some(Representation::Yaml),
        ("application/json", "Table") if meta => Some(Representation::Table),
        ("application/json", "PartialObjectMetadata" | "PartialObjectMetadataList") if meta => {
            Some(Representation::Metadata)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiated(accept: &str) -> Option<Representation> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        negotiate(&headers).ok()
    }

    #[test]
    fn the_first_that_can_be_answered() {
        assert_eq!(negotiate(&HeaderMap::new()).unwrap(), Representation::Json);
        let table = "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        assert_eq!(negotiated(table), Some(Representation::Table));
        let protobuf = "application/vnd.kubernetes.protobuf,application/json";
        assert_eq!(negotiated(protobuf), Some(Representation::Json));
        assert_eq!(negotiated("application/vnd.kubernetes.protobuf"), None);
    }
}
