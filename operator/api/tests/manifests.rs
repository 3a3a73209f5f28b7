//! The manifests in the repository are what the types say.

use std::{fs, path::Path};

use agentchat_api::{Agent, Node, crds};
use serde::Deserialize;
use serde_json::Value;

fn manifests() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests")
}

#[test]
fn the_generated_crds_are_up_to_date() {
    for (file, yaml) in crds().unwrap() {
        let stored = fs::read_to_string(manifests().join("crds").join(file)).unwrap_or_default();
        let fresh = stored == yaml;
        assert!(
            fresh,
            "manifests/crds/{file} is stale: run `cargo xtask codegen`"
        );
    }
}

#[test]
fn the_quickstart_parses_as_what_it_says() {
    for entry in fs::read_dir(manifests().join("quickstart")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for document in serde_yaml::Deserializer::from_str(&text) {
            let value = Value::deserialize(document).unwrap();
            match value["kind"].as_str() {
                Some("Node") => drop(serde_json::from_value::<Node>(value).unwrap()),
                Some("Agent") => drop(serde_json::from_value::<Agent>(value).unwrap()),
                other => panic!("unexpected kind {other:?}"),
            }
        }
    }
}
