//! From what a client sent to what is stored: the server's own fields, unknown fields, defaults,
//! validity, generation. Pure, apart from the time and the uid that are handed in.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    failure::{Cause, Failure},
    meta,
    query::FieldValidation,
    target::{Subresource, Target},
    types::{Origin, Resource},
};

/// An object fit to be stored, and what to warn the client about.
#[derive(Debug)]
pub struct Admitted {
    /// The object.
    pub object: Value,
    /// Unknown fields that were dropped.
    pub warnings: Vec<String>,
}

/// What an update means by the values of the server's own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// A new object.
    Create,
    /// A whole object; it must say which revision it replaces.
    Replace,
    /// A patched object, and the patch as it was sent.
    Patch(&'a str),
}

/// Makes a new object.
pub fn create(
    target: &Target,
    mut object: Value,
    validation: FieldValidation,
    now: Timestamp,
    uid: &str,
) -> Result<Admitted, Failure> {
    let resource = &target.resource;
    identify(target, &mut object)?;
    if resource.status {
        remove(&mut object, "status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        if metadata.get("resourceVersion").is_some_and(|v| v != "") {
            return Err(Failure::bad_request(
                "resourceVersion should not be set on objects to be created",
            ));
        }
        meta::drop_owned(metadata);
        generate_name(metadata, uid);
        metadata.insert("uid".into(), uid.into());
        metadata.insert("creationTimestamp".into(), meta::time(now).into());
        if resource.has_generation() {
            metadata.insert("generation".into(), 1.into());
        }
    }
    settle(target, object, None, Change::Create, validation)
}

/// Makes the next state of an object that is there. The result may equal the current state.
pub fn update(
    target: &Target,
    current: &Value,
    mut object: Value,
    change: Change<'_>,
    validation: FieldValidation,
) -> Result<Admitted, Failure> {
    let resource = &target.resource;
    identify(target, &mut object)?;
    preconditions(target, current, &object, change)?;
    match target.subresource {
        Some(Subresource::Status) => object = with(current, &object, "status"),
        Some(Subresource::Finalize) => object = with(current, &object, "spec"),
        None => {
            if resource.status {
                object = without_change(current, object, "status");
            }
            if resource.finalize {
                object = without_change(current, object, "spec");
            }
        }
    }
    if target.subresource.is_none() {
        meta::keep_owned(&mut object, current);
    }
    let mut admitted = settle(target, object, Some(current), change, validation)?;
    if meta::deleting(current) {
        let known = meta::finalizers(current);
        let added = meta::finalizers(&admitted.object);
        if added.iter().any(|finalizer| !known.contains(finalizer)) {
            let why = "no new finalizers can be added if the object is being deleted";
            let cause = Cause::forbidden("metadata.finalizers", why);
            return Err(invalid(target, current, vec![cause]));
        }
    }
    if resource.has_generation() && content(&admitted.object) != content(current) {
        meta::bump(&mut admitted.object["metadata"]);
    }
    Ok(admitted)
}

/// A 422 about the target's type.
fn invalid(target: &Target, object: &Value, causes: Vec<Cause>) -> Failure {
    let resource = &target.resource;
    Failure::invalid(
        &resource.group,
        &resource.kind,
        meta::text(object, "name"),
        causes,
    )
}

/// Checks that body and path speak of the same object, and fills in what the path says.
fn identify(target: &Target, object: &mut Value) -> Result<(), Failure> {
    let resource = &target.resource;
    let api_version = resource.api_version();
    match object["kind"].as_str() {
        None | Some("") => return Err(Failure::bad_request("Object 'Kind' is missing")),
        Some(kind) if kind != resource.kind => {
            let rule = format!("must be {}", resource.kind);
            let cause = Cause::invalid("kind", &kind.into(), &rule);
            return Err(invalid(target, object, vec![cause]));
        }
        _ => {}
    }
    match object["apiVersion"].as_str() {
        Some(said) if said == api_version => {}
        said => {
            let said = said.unwrap_or_default();
            return Err(Failure::bad_request(format!(
                "the API version in the data ({said}) does not match the expected API version ({api_version})"
            )));
        }
    }
    if object["metadata"].is_null() {
        object["metadata"] = Value::Object(Map::new());
    }
    let Some(metadata) = object["metadata"].as_object_mut() else {
        return Err(Failure::bad_request("metadata: must be of type object"));
    };
    let sides = [
        ("namespace", target.namespace.as_deref()),
        ("name", target.name.as_deref()),
    ];
    for (field, expected) in sides {
        let said = metadata.get(field).filter(|v| !v.is_null() && **v != "");
        match (said, expected) {
            (Some(said), Some(expected)) if said != expected => {
                let said = said.as_str().unwrap_or("not a text");
                return Err(Failure::bad_request(format!(
                    "the {field} of the object ({said}) does not match the {field} on the URL ({expected})"
                )));
            }
            (None, Some(expected)) => {
                metadata.insert(field.into(), expected.into());
            }
            (Some(_), None) if field == "namespace" && !resource.namespaced => {
                metadata.remove(field);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Refuses a change of another object, or of an older state.
fn preconditions(
    target: &Target,
    current: &Value,
    object: &Value,
    change: Change<'_>,
) -> Result<(), Failure> {
    let resource = &target.resource;
    let name = meta::text(current, "name");
    let conflict = |why: &str| Failure::conflict(&resource.group, &resource.plural, name, why);
    let (uid, known) = (meta::text(object, "uid"), meta::text(current, "uid"));
    if !uid.is_empty() && uid != known {
        if matches!(change, Change::Patch(_)) {
            let cause = Cause::invalid("metadata.uid", &uid.into(), "field is immutable");
            return Err(invalid(target, current, vec![cause]));
        }
        let why =
            format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {known}");
        return Err(conflict(&why));
    }
    let said = meta::text(object, "resourceVersion");
    if said.is_empty() {
        if change == Change::Replace && resource.origin == Origin::Custom {
            let cause = Cause::invalid(
                "metadata.resourceVersion",
                &0.into(),
                "must be specified for an update",
            );
            return Err(invalid(target, current, vec![cause]));
        }
    } else if said != meta::text(current, "resourceVersion") {
        return Err(conflict(
            "the object has been modified; please apply your changes to the latest version and try again",
        ));
    }
    Ok(())
}

/// Everything that is wrong with an object.
fn wrong(resource: &Resource, object: &Value) -> Vec<Cause> {
    let mut causes = meta::validate(object, resource.name_rule);
    let problems = resource.schema.validate(object);
    causes.extend(problems.into_iter().map(Cause::from));
    causes
}

/// Prunes, defaults, normalises and validates.
fn settle(
    target: &Target,
    mut object: Value,
    current: Option<&Value>,
    change: Change<'_>,
    validation: FieldValidation,
) -> Result<Admitted, Failure> {
    let resource = &target.resource;
    let mut unknown = meta::tidy(&mut object);
    let pruned = resource.schema.prune(&mut object);
    unknown.extend(pruned.into_iter().map(|problem| problem.field));
    unknown.sort();
    let named: Vec<String> = unknown
        .iter()
        .map(|field| format!("unknown field \"{field}\""))
        .collect();
    if validation == FieldValidation::Strict && !named.is_empty() {
        return Err(undecodable(target, &object, change, &named.join(", ")));
    }
    resource.schema.default(&mut object);
    agentchat_schema::normalise(&mut object);
    let mut causes = wrong(resource, &object);
    if let Some(current) = current
        && !causes.is_empty()
    {
        // What was wrong before and didn't change doesn't stand in the way of other changes.
        let before = wrong(resource, current);
        causes.retain(|cause| !before.contains(cause));
    }
    if let Some(current) = current
        && resource.origin == Origin::BuiltIn
        && current["immutable"] == true
    {
        for field in ["immutable", "data", "binaryData"] {
            if object[field] != current[field] {
                let why = "field is immutable when `immutable` is set";
                causes.push(Cause::forbidden(field, why));
            }
        }
    }
    if !causes.is_empty() {
        return Err(invalid(target, &object, causes));
    }
    if let Some(prepare) = resource.prepare {
        prepare(&mut object);
    }
    let warnings = if validation == FieldValidation::Ignore {
        Vec::new()
    } else {
        named
    };
    Ok(Admitted { object, warnings })
}

/// The refusal of unknown fields. Of a patch it is about the patch, as upstream has it.
fn undecodable(target: &Target, object: &Value, change: Change<'_>, why: &str) -> Failure {
    let (kind, version) = (&target.resource.kind, &target.resource.version);
    let why = format!("strict decoding error: {why}");
    match change {
        Change::Patch(patch) => {
            let cause = Cause::invalid("patch", &patch.into(), &why);
            invalid(target, object, vec![cause])
        }
        Change::Create | Change::Replace => Failure::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"
        )),
    }
}

/// The current object with one field of another.
fn with(current: &Value, object: &Value, field: &str) -> Value {
    let mut result = current.clone();
    match object.get(field) {
        Some(value) => result[field] = value.clone(),
        None => remove(&mut result, field),
    }
    result
}

/// The object with one field as it is now.
fn without_change(current: &Value, mut object: Value, field: &str) -> Value {
    match current.get(field) {
        Some(value) => object[field] = value.clone(),
        None => remove(&mut object, field),
    }
    object
}

fn remove(object: &mut Value, field: &str) {
    if let Some(fields) = object.as_object_mut() {
        fields.remove(field);
    }
}

/// What counts for the generation: everything but metadata and status.
fn content(object: &Value) -> Vec<(&String, &Value)> {
    object
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !matches!(key.as_str(), "metadata" | "status"))
        .collect()
}

/// Fills `name` from `generateName`, with five characters of the uid's randomness.
fn generate_name(metadata: &mut Map<String, Value>, uid: &str) {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let named = metadata.get("name").is_some_and(|name| name != "");
    let Some(prefix) = metadata.get("generateName").and_then(Value::as_str) else {
        return;
    };
    if named || prefix.is_empty() {
        return;
    }
    let mut name: String = prefix.chars().take(58).collect();
    let hex: Vec<u8> = uid.bytes().filter(u8::is_ascii_hexdigit).collect();
    for pair in hex.chunks(2).take(5) {
        let byte = std::str::from_utf8(pair)
            .ok()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            .unwrap_or_default();
        name.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
    }
    metadata.insert("name".into(), name.into());
}
