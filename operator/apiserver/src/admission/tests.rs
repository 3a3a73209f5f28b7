//! What is admitted fits the types that controllers read it as: one object that doesn't would end the
//! watch of every other.

mod any;

use std::{cell::Cell, sync::Arc};

use agentchat_api::{Agent, Node};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::{
    body,
    target::Subresource,
    types::{Registry, Resource},
};

/// Objects that are tried of each type.
const CASES: u32 = 500;

fn resource(group: &str, version: &str, plural: &str) -> Arc<Resource> {
    let crds: Vec<String> = agentchat_api::crds()
        .unwrap()
        .into_iter()
        .map(|(_, yaml)| yaml)
        .collect();
    let registry = Registry::new(&crds).unwrap();
    registry.find(group, version, plural).unwrap().clone()
}

fn target(resource: &Arc<Resource>, subresource: Option<Subresource>) -> Target {
    Target {
        resource: resource.clone(),
        namespace: resource.namespaced.then(|| "default".to_owned()),
        name: None,
        subresource,
        watch: false,
    }
}

fn make(target: &Target, object: Value) -> Result<Value, Failure> {
    let uid = "0b3fd4c4-2a1c-4f7a-9d0e-6f5a3c0c1d2e";
    let validation = FieldValidation::Warn;
    let admitted = super::create(target, object, validation, Timestamp::UNIX_EPOCH, uid)?;
    Ok(admitted.object)
}

/// An object as a client writes it, read from its text.
fn written(resource: &Resource, mut object: Value, metadata: &Value) -> Value {
    object["apiVersion"] = resource.api_version().into();
    object["kind"] = resource.kind.clone().into();
    object["metadata"] = metadata.clone();
    object["metadata"]["name"] = "a".into();
    // What would be a precondition.
    for field in ["namespace", "uid", "resourceVersion"] {
        object["metadata"][field] = Value::Null;
    }
    body::object("application/json", object.to_string().as_bytes()).unwrap()
}

/// A schema whose texts are names, which nearly all of metadata's are.
fn named(mut schema: Value) -> Value {
    if schema.get("type").is_some_and(|kind| kind == "string") && schema.get("format").is_none() {
        schema["pattern"] = "^[a-z]{1,8}$".into();
    }
    match schema {
        Value::Object(fields) => fields.into_iter().map(|(k, v)| (k, named(v))).collect(),
        other => other,
    }
}

/// Tries objects of the type, whole ones and their status: each is refused, or reads as `T`.
fn fits<T: DeserializeOwned>(resource: &Arc<Resource>, minimal: &Value) {
    let (whole, status) = (
        target(resource, None),
        target(resource, Some(Subresource::Status)),
    );
    let there = make(&whole, written(resource, minimal.clone(), &json!({}))).unwrap();
    let (tried, admitted) = (Cell::new(0), Cell::new(0));
    let reads = |result: Result<Value, Failure>| {
        tried.set(tried.get() + 1);
        if let Ok(object) = result {
            admitted.set(admitted.get() + 1);
            let read = serde_json::from_value::<T>(object.clone());
            prop_assert!(read.is_ok(), "{}: {object:#}", read.err().unwrap());
        }
        Ok(())
    };
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let objects = (
        any::object(resource.schema.root()),
        any::object(&named(agentchat_schema::metadata::schema())),
    );
    let outcome = TestRunner::new(config).run(&objects, |(object, metadata)| {
        let object = written(resource, object, &metadata);
        if resource.status {
            let change = Change::Patch("");
            let validation = FieldValidation::Warn;
            let updated = update(&status, &there, object.clone(), change, validation);
            reads(updated.map(|admitted| admitted.object))?;
        }
        reads(make(&whole, object))
    });
    if let Err(failure) = outcome {
        panic!("{}: {failure}", resource.kind);
    }
    // Were next to none admitted, nothing was tried.
    let (tried, admitted) = (tried.get(), admitted.get());
    assert!(admitted * 5 > tried, "{admitted} of {tried} were admitted");
}

#[test]
fn admitted_agent_deserialises() {
    let agents = resource("agentchat.dev", "v1alpha1", "agents");
    fits::<Agent>(&agents, &json!({"spec": {"mission": "x"}}));
}

#[test]
fn admitted_node_deserialises() {
    let nodes = resource("agentchat.dev", "v1alpha1", "nodes");
    fits::<Node>(&nodes, &json!({"spec": {"role": "Client"}}));
}

#[test]
fn admitted_object_of_a_built_in_type_deserialises() {
    fits::<Namespace>(&resource("", "v1", "namespaces"), &json!({}));
    fits::<Secret>(&resource("", "v1", "secrets"), &json!({}));
    fits::<ConfigMap>(&resource("", "v1", "configmaps"), &json!({}));
}
