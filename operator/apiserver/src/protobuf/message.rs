//! Field numbers, from the `generated.proto` files of k8s.io/api and k8s.io/apimachinery.

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text,
    Texts,
    Bytes,
    Truth,
    Number,
    One(&'static Message),
    Many(&'static Message),
    Map(&'static Message),
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    pub number: u64,
    pub name: &'static str,
    pub kind: Kind,
}

/// One message.
#[derive(Debug)]
pub(super) struct Message(&'static [Field]);

impl Message {
    pub(super) fn field(&self, number: u64) -> Option<&Field> {
        self.0.iter().find(|field| field.number == number)
    }
}

const fn field(number: u64, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind }
}

/// The message of a kind.
pub(super) fn of_kind(kind: &str) -> Option<&'static Message> {
    match kind {
        "Namespace" => Some(&NAMESPACE),
        "Secret" => Some(&SECRET),
        "ConfigMap" => Some(&CONFIG_MAP),
        "DeleteOptions" => Some(&DELETE_OPTIONS),
        _ => None,
    }
}

/// `runtime.Unknown`, the envelope.
pub(super) static UNKNOWN: Message = Message(&[
    field(1, "typeMeta", Kind::One(&TYPE_META)),
    field(2, "raw", Kind::Bytes),
]);

static TYPE_META: Message = Message(&[
    field(1, "apiVersion", Kind::Text),
    field(2, "kind", Kind::Text),
]);

static TEXT_ENTRY: Message = Message(&[field(1, "key", Kind::Text), field(2, "value", Kind::Text)]);

static BYTES_ENTRY: Message =
    Message(&[field(1, "key", Kind::Text), field(2, "value", Kind::Bytes)]);

/// Without the timestamps, which only the server writes.
static OBJECT_META: Message = Message(&[
    field(1, "name", Kind::Text),
    field(2, "generateName", Kind::Text),
    field(3, "namespace", Kind::Text),
    field(5, "uid", Kind::Text),
    field(6, "resourceVersion", Kind::Text),
    field(11, "labels", Kind::Map(&TEXT_ENTRY)),
    field(12, "annotations", Kind::Map(&TEXT_ENTRY)),
    field(13, "ownerReferences", Kind::Many(&OWNER_REFERENCE)),
    field(14, "finalizers", Kind::Texts),
]);

static OWNER_REFERENCE: Message = Message(&[
    field(1, "kind", Kind::Text),
    field(3, "name", Kind::Text),
    field(4, "uid", Kind::Text),
    field(5, "apiVersion", Kind::Text),
    field(6, "controller", Kind::Truth),
    field(7, "blockOwnerDeletion", Kind::Truth),
]);

static NAMESPACE: Message = Message(&[
    field(1, "metadata", Kind::One(&OBJECT_META)),
    field(2, "spec", Kind::One(&NAMESPACE_SPEC)),
    field(3, "status", Kind::One(&NAMESPACE_STATUS)),
]);

static NAMESPACE_SPEC: Message = Message(&[field(1, "finalizers", Kind::Texts)]);

static NAMESPACE_STATUS: Message = Message(&[field(1, "phase", Kind::Text)]);

static SECRET: Message = Message(&[
    field(1, "metadata", Kind::One(&OBJECT_META)),
    field(2, "data", Kind::Map(&BYTES_ENTRY)),
    field(3, "type", Kind::Text),
    field(4, "stringData", Kind::Map(&TEXT_ENTRY)),
    field(5, "immutable", Kind::Truth),
]);

static CONFIG_MAP: Message = Message(&[
    field(1, "metadata", Kind::One(&OBJECT_META)),
    field(2, "data", Kind::Map(&TEXT_ENTRY)),
    field(3, "binaryData", Kind::Map(&BYTES_ENTRY)),
    field(4, "immutable", Kind::Truth),
]);

static DELETE_OPTIONS: Message = Message(&[
    field(1, "gracePeriodSeconds", Kind::Number),
    field(2, "preconditions", Kind::One(&PRECONDITIONS)),
    field(3, "orphanDependents", Kind::Truth),
    field(4, "propagationPolicy", Kind::Text),
    field(5, "dryRun", Kind::Texts),
]);

static PRECONDITIONS: Message = Message(&[
    field(1, "uid", Kind::Text),
    field(2, "resourceVersion", Kind::Text),
]);
