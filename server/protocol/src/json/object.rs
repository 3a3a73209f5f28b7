//! Objects, in JavaScript's order of keys.

use super::{Text, Value};

/// The largest key that counts as an index of an array, and so comes first, in numerical order.
const LAST_INDEX: u64 = 4_294_967_294;

/// An object. Its keys have an order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    fields: Vec<(Text, Value)>,
}

impl Object {
    /// An empty object.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Fields without a repetition, in the order in which they came.
    pub(super) fn received(mut fields: Vec<(Text, Value)>) -> Self {
        if fields.iter().any(|(key, _)| index(key).is_some()) {
            fields.sort_by_key(|(key, _)| index(key).unwrap_or(u64::MAX));
        }
        Self { fields }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let found = self.fields.iter().find(|(k, _)| k.as_str() == key);
        found.map(|(_, value)| value)
    }

    /// Sets a key: where it is, or at the end.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        match self.fields.iter_mut().find(|(k, _)| k.as_str() == key) {
            Some((_, old)) => *old = value.into(),
            None => self.fields.push((key.into(), value.into())),
        }
    }

    /// Adds a key that is not there yet, without looking: for objects with many keys.
    pub fn push(&mut self, key: &str, value: impl Into<Value>) {
        self.fields.push((key.into(), value.into()));
    }

    /// The same with one more field, at the end.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.set(key, value);
        self
    }

    /// The fields in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Value)> {
        self.fields.iter().map(|(key, value)| (key, value))
    }

    /// The same with U+FFFD for lone surrogates.
    #[must_use]
    pub fn well_formed(self) -> Self {
        let mut formed = Self::new();
        for (key, value) in self.fields {
            let value = value.well_formed();
            match key.literal() {
                // Two keys may have become one.
                Some(_) => formed.set(key.as_str(), value),
                None => formed.fields.push((key, value)),
            }
        }
        formed
    }
}

/// Whether a key is an index of an array, in its one canonical form.
fn index(key: &Text) -> Option<u64> {
    let key = key.as_str();
    let digits = key.len() <= 10 && key.bytes().all(|b| b.is_ascii_digit());
    let canonical = digits && (key == "0" || !key.starts_with('0'));
    let index: u64 = canonical.then(|| key.parse().ok())??;
    (index <= LAST_INDEX).then_some(index)
}
