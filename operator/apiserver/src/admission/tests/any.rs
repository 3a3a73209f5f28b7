//! Values made from a schema: most of them fit it, some only just, some not.

use std::collections::BTreeMap;

use proptest::{
    collection::{btree_map, vec},
    option::weighted,
    prelude::*,
    sample::select,
    string::string_regex,
};
use serde_json::{Map, Number, Value, json};

/// A value of a schema.
fn of(schema: &Value) -> BoxedStrategy<Value> {
    let nothing = if schema["nullable"] == true { 10 } else { 1 };
    prop_oneof![
        100 => of_type(schema),
        nothing => Just(Value::Null),
        1 => odd(),
    ]
    .boxed()
}

/// Of no schema in particular.
fn odd() -> BoxedStrategy<Value> {
    let values = [
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1.0),
        json!(1e30),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!([]),
        json!([null]),
        json!({}),
        json!({"x": 1}),
    ];
    select(values.to_vec()).boxed()
}

fn of_type(schema: &Value) -> BoxedStrategy<Value> {
    if schema["x-kubernetes-int-or-string"] == true {
        return prop_oneof![integer(schema), string(schema)].boxed();
    }
    if let Some(allowed) = schema["enum"].as_array() {
        return select(allowed.clone()).boxed();
    }
    match schema["type"].as_str() {
        Some("object") => object(schema),
        Some("array") => array(schema),
        Some("string") => string(schema),
        Some("boolean") => any::<bool>().prop_map(Value::from).boxed(),
        Some("integer") => integer(schema),
        Some("number") => prop_oneof![integer(schema), fraction()].boxed(),
        _ => odd(),
    }
}

/// An object of a schema.
pub fn object(schema: &Value) -> BoxedStrategy<Value> {
    let mut fields: BoxedStrategy<Vec<(String, Option<Value>)>> = Just(vec![]).boxed();
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let present = if required.contains(&name.as_str().into()) {
            0.995
        } else {
            0.6
        };
        let name = name.clone();
        let field = weighted(present, of(inner)).prop_map(move |value| (name.clone(), value));
        fields = (fields, field)
            .prop_map(|(mut fields, field)| {
                fields.push(field);
                fields
            })
            .boxed();
    }
    let others = &schema["additionalProperties"];
    let others = if others.is_object() {
        btree_map("[a-z]{1,8}", of(others), 0..3).boxed()
    } else {
        let unknown = btree_map("[a-z]{1,2}", odd(), 1..3);
        prop_oneof![20 => Just(BTreeMap::new()), 1 => unknown].boxed()
    };
    (fields, others)
        .prop_map(|(fields, others)| {
            let present = fields
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)));
            Value::Object(others.into_iter().chain(present).collect::<Map<_, _>>())
        })
        .boxed()
}

fn array(schema: &Value) -> BoxedStrategy<Value> {
    let least = size(schema, "minItems").unwrap_or(0);
    let most = size(schema, "maxItems").unwrap_or(usize::MAX);
    let few = vec(of(&schema["items"]), least..=most.min(least + 3));
    few.prop_map(Value::from).boxed()
}

fn string(schema: &Value) -> BoxedStrategy<Value> {
    let texts = match (schema["pattern"].as_str(), schema["format"].as_str()) {
        (Some(pattern), _) => {
            // Text that merely contains what matches, where the pattern has no end.
            let (tail, pattern) = (!pattern.ends_with('$'), pattern.trim_matches(['^', '$']));
            let matching = string_regex(pattern).unwrap();
            let tails = if tail { "\\PC{0,8}" } else { "" };
            (matching, tails)
                .prop_map(|(head, tail)| head + &tail)
                .boxed()
        }
        (None, Some("date-time")) => times(),
        (None, Some("byte")) => select(vec!["", "AA==", "AA", "a b=", "_-==", "AAAA\n"])
            .prop_map(String::from)
            .boxed(),
        _ => {
            let least = size(schema, "minLength").unwrap_or(0);
            let most = size(schema, "maxLength").unwrap_or(usize::MAX);
            string_regex(&format!("\\PC{{{least},{}}}", most.min(least + 8)))
                .unwrap()
                .boxed()
        }
    };
    texts.prop_map(Value::from).boxed()
}

/// Ways to write a time: of RFC 3339, of its relatives, and of neither.
fn times() -> BoxedStrategy<String> {
    let times = [
        "2030-01-31T08:00:00Z",
        "2030-01-31T08:00:00.123456789+14:00",
        "2030-01-31t08:00:00z",
        "2030-01-31 08:00:00-00:00",
        "2016-12-31T23:59:60Z",
        "2030-02-30T00:00:00Z",
        "2030-01-31T08:00:00",
        "2030-01-31",
        "20300131T080000Z",
        "2030-01-31T08Z",
        "2030-01-31T08:00:00Z[UTC]",
        "2030-01-31T08:00:00+01[Europe/Berlin]",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-12:00",
        "-009999-01-02T01:59:59Z",
        "+010000-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2030-W05-4T08:00:00Z",
        "now",
        "",
    ];
    let valid = select(times[..2].to_vec());
    prop_oneof![3 => valid, 1 => select(times.to_vec())]
        .prop_map(String::from)
        .boxed()
}

/// Whole numbers around the bounds, some written as floats.
fn integer(schema: &Value) -> BoxedStrategy<Value> {
    let bound = |side: &str| schema[side].as_f64().map(|bound| bound as i128);
    let (least, most) = match schema["format"].as_str() {
        Some("int32") => (i128::from(i32::MIN), i128::from(i32::MAX)),
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    };
    let least = bound("minimum").map_or(least, |bound| bound.max(least));
    let most = bound("maximum").map_or(most, |bound| bound.min(most));
    let small = least.max(0)..=most.min(least.max(0) + 1000);
    let inside = prop_oneof![6 => small, 1 => Just(least), 1 => Just(most)];
    let outside = select(vec![
        least - 1,
        most + 1,
        0,
        -1,
        i128::from(i32::MAX) + 1,
        i128::from(u32::MAX) + 1,
        i128::from(i64::MAX),
        i128::from(u64::MAX),
        1_i128 << 70,
    ]);
    let floats = prop_oneof![3 => Just(false), 1 => Just(true)];
    (prop_oneof![60 => inside, 1 => outside], floats)
        .prop_map(|(whole, float)| {
            let exact = Number::from_i128(whole).filter(|_| !float);
            Value::from(exact.or_else(|| Number::from_f64(whole as f64)))
        })
        .boxed()
}

fn fraction() -> BoxedStrategy<Value> {
    let numbers = vec![0.5, -0.0, 1e-300, 5e-324, 1e21, 1e300, f64::MAX, -1.5, 0.1];
    select(numbers).prop_map(Value::from).boxed()
}

fn size(schema: &Value, rule: &str) -> Option<usize> {
    usize::try_from(schema[rule].as_u64()?).ok()
}
