//! Defaulting: absent fields get the schema's value.

use serde_json::Value;

use crate::{flag, of_field};

/// Fills defaults in, outermost first, so that a defaulted object gets its own defaults too.
pub(crate) fn default(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|field, inner| {
                let known = of_field(schema, field);
                !inner.is_null() || known.is_none_or(|known| flag(known, "nullable"))
            });
            let declared = schema["properties"].as_object();
            for (field, known) in declared.into_iter().flatten() {
                if let Some(default) = known.get("default")
                    && !fields.contains_key(field)
                {
                    fields.insert(field.clone(), default.clone());
                }
            }
            for (field, inner) in fields.iter_mut() {
                if let Some(known) = of_field(schema, field) {
                    default(known, inner);
                }
            }
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|inner| default(&schema["items"], inner)),
        _ => {}
    }
}
