//! Numbers: JSON knows one kind, schemas know whole ones, of formats that bound them, and others.
//!
//! A Kubernetes API server writes `6667.0` and `1e3` back as `6667` and `1000`, whatever the schema says;
//! programs whose field is an integer rely on it.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::{flag, problem::Rule};

/// Formats of whole numbers and their ranges.
const FORMATS: [(&str, i128, i128); 8] = [
    ("int8", i8::MIN as i128, i8::MAX as i128),
    ("int16", i16::MIN as i128, i16::MAX as i128),
    ("int32", i32::MIN as i128, i32::MAX as i128),
    ("int64", i64::MIN as i128, i64::MAX as i128),
    ("uint8", 0, u8::MAX as i128),
    ("uint16", 0, u16::MAX as i128),
    ("uint32", 0, u32::MAX as i128),
    ("uint64", 0, u64::MAX as i128),
];

/// Where floats end to tell all whole numbers apart from what is far larger than any of them.
const WHOLE: f64 = 1e30;

/// Makes an integer of each number without a fraction that fits 64 bits, at any depth.
pub fn normalise(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            if let Some(whole) = whole(number).and_then(Number::from_i128)
                && !whole.is_f64()
            {
                *number = whole;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(normalise),
        Value::Object(fields) => fields.values_mut().for_each(normalise),
        _ => {}
    }
}

/// A number that has no fraction. Of floats beyond any format, just one that is beyond, too.
pub(crate) fn whole(number: &Number) -> Option<i128> {
    if let Some(whole) = number.as_i128() {
        return Some(whole);
    }
    let float = number.as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "clamped to what fits")]
    (float.fract() == 0.0).then(|| float.clamp(-WHOLE, WHOLE) as i128)
}

/// The rule that a number breaks.
pub(crate) fn broken(schema: &Value, number: &Number) -> Option<Rule> {
    if let Value::Number(bound) = &schema["minimum"] {
        let exclusive = flag(schema, "exclusiveMinimum");
        let order = compare(number, bound);
        if order == Ordering::Less || exclusive && order == Ordering::Equal {
            let bound = bound.clone();
            return Some(Rule::Minimum { bound, exclusive });
        }
    }
    if let Value::Number(bound) = &schema["maximum"] {
        let exclusive = flag(schema, "exclusiveMaximum");
        let order = compare(number, bound);
        if order == Ordering::Greater || exclusive && order == Ordering::Equal {
            let bound = bound.clone();
            return Some(Rule::Maximum { bound, exclusive });
        }
    }
    if let Value::Number(step) = &schema["multipleOf"]
        && !is_multiple(number, step)
    {
        return Some(Rule::MultipleOf(step.clone()));
    }
    let (format, least, most) = range(schema)?;
    let fits = whole(number).is_none_or(|whole| (least..=most).contains(&whole));
    (!fits).then_some(Rule::Range {
        format,
        least,
        most,
    })
}

/// The format of a schema that asks for whole numbers.
fn range(schema: &Value) -> Option<(&'static str, i128, i128)> {
    let named = |name: &str| FORMATS.iter().find(|(format, ..)| *format == name).copied();
    let format = schema["format"].as_str().and_then(named);
    let integer = schema["type"] == "integer" || flag(schema, "x-kubernetes-int-or-string");
    format.or_else(|| named("int64").filter(|_| integer))
}

/// Exact for whole numbers, which floats can't tell apart beyond 2^53.
fn compare(a: &Number, b: &Number) -> Ordering {
    if let (Some(a), Some(b)) = (whole(a), whole(b)) {
        return a.cmp(&b);
    }
    let (a, b) = (a.as_f64(), b.as_f64());
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

fn is_multiple(number: &Number, step: &Number) -> bool {
    if let (Some(number), Some(step)) = (whole(number), whole(step)) {
        return step == 0 || number % step == 0;
    }
    match (number.as_f64(), step.as_f64()) {
        (Some(number), Some(step)) if step > 0.0 => (number / step).fract() == 0.0,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_floats_become_integers_at_any_depth_and_others_stay() {
        let mut value = json!({
            "list": [6667.0, 1e3, -0.0, 1.5],
            "map": {"wide": 9.223372036854776e18, "unsigned": 1e19, "far": 1e20, "text": "1.0"},
        });
        normalise(&mut value);
        let expected = json!({
            "list": [6667, 1000, 0, 1.5],
            "map": {
                "wide": 9_223_372_036_854_775_808_u64, "unsigned": 10_000_000_000_000_000_000_u64,
                "far": 1e20, "text": "1.0",
            },
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn integers_are_held_to_the_range_of_their_format() {
        for (format, least, most) in FORMATS {
            let schema = json!({"type": "integer", "format": format});
            for inside in [least, most] {
                let number = Number::from_i128(inside).unwrap();
                assert_eq!(broken(&schema, &number), None, "{format}: {inside}");
            }
            for (outside, far) in [(least - 1, -1e19), (most + 1, 2e19)] {
                let exact = Number::from_i128(outside);
                let number = exact.or(Number::from_f64(far)).unwrap();
                let rule = Rule::Range {
                    format,
                    least,
                    most,
                };
                assert_eq!(broken(&schema, &number), Some(rule), "{format}: {outside}");
            }
        }
        let without = json!({"type": "integer"});
        for far in [2_f64.powi(70), -1e300, f64::MAX] {
            let number = Number::from_f64(far).unwrap();
            assert!(broken(&without, &number).is_some(), "{far}");
        }
        let float = json!({"type": "number"});
        assert_eq!(broken(&float, &Number::from_f64(f64::MAX).unwrap()), None);
    }

    #[test]
    fn bounds_tell_large_whole_numbers_apart() {
        let bounded = json!({"type": "integer", "maximum": 9_007_199_254_740_992_u64});
        let number = |value: u64| Number::from(value);
        assert_eq!(broken(&bounded, &number(9_007_199_254_740_992)), None);
        assert!(broken(&bounded, &number(9_007_199_254_740_993)).is_some());
        let even = json!({"type": "integer", "multipleOf": 2});
        assert_eq!(broken(&even, &number(4)), None);
        assert_eq!(broken(&even, &number(5)), Some(Rule::MultipleOf(2.into())));
    }
}
