use super::*;

/// Parsed and written again.
fn again(text: &str) -> String {
    parse(text).unwrap().to_json()
}

#[test]
fn what_is_read_and_written_again_is_what_javascript_makes_of_it() {
    let cases = [
        (" { \"b\" : 1 , \"a\" : [ ] } ", r#"{"b":1,"a":[]}"#),
        (
            r#"{"b":1,"10":2,"2":3,"a":4,"01":5}"#,
            r#"{"2":3,"10":2,"b":1,"a":4,"01":5}"#,
        ),
        (
            r#"{"4294967295":1,"4294967294":2,"-1":3}"#,
            r#"{"4294967294":2,"4294967295":1,"-1":3}"#,
        ),
        (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
        ("[100.0,1e21,1e400,-0,0.1]", "[100,1e+21,null,0,0.1]"),
        (
            r#""\u0041\/\u00e9é\u001F\u007f\u2028""#,
            "\"A/éé\\u001f\u{7f}\u{2028}\"",
        ),
        (r#""\"\\\b\f\n\r\t""#, r#""\"\\\b\f\n\r\t""#),
        (r#""\ud83d\ude00""#, "\"😀\""),
        (r#""a\uD83Db\"\ude00""#, r#""a\ud83db\"\ude00""#),
        (r#""\ud83d\ud83d\ude00""#, "\"\\ud83d😀\""),
        ("[null,true,false]", "[null,true,false]"),
    ];
    for (text, wanted) in cases {
        assert_eq!(again(text), wanted, "{text}");
    }
}

#[test]
fn a_lone_surrogate_is_replaced_in_text_and_kept_in_json() {
    let value = parse(r#"{"a\udc00":"x\ud800y"}"#).unwrap();
    let object = value.as_object().unwrap();
    assert_eq!(
        object.get("a\u{fffd}").unwrap().as_str(),
        Some("x\u{fffd}y")
    );
    assert_eq!(value.to_json(), r#"{"a\udc00":"x\ud800y"}"#);
    assert_eq!(
        value.well_formed().to_json(),
        "{\"a\u{fffd}\":\"x\u{fffd}y\"}"
    );
}

#[test]
fn what_is_not_json_is_refused_and_said_where() {
    for bad in [
        "",
        " ",
        "nul",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "-",
        "[1,]",
        "[1 2]",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":1,}",
        "\"",
        "\"\n\"",
        r#""\x""#,
        r#""\u12g4""#,
        r#""\u+123""#,
        "1 2",
        "\u{feff}1",
        "'a'",
        "NaN",
        "[",
        "{",
    ] {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
    let error = parse("[1,x]").unwrap_err();
    assert_eq!(error.to_string(), "not JSON at byte 3: a value is missing");
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    assert!(parse(&nested(MAX_DEPTH + 2)).is_err());
    assert!(parse(&"[".repeat(1_000_000)).is_err());
}

#[test]
fn a_list_of_keys_chooses_and_orders_at_every_level() {
    let value = parse(r#"{"b":{"c":1,"a":2},"a":[{"b":1,"d":2}]}"#).unwrap();
    let (a, b) = (Text::from("a"), Text::from("b"));
    assert_eq!(
        value.to_json_of(&[&a, &b]),
        r#"{"a":[{"b":1}],"b":{"a":2}}"#
    );
}

#[test]
fn length_is_counted_in_utf16_units() {
    assert_eq!(utf16_len("aé€😀"), 5);
}

proptest::proptest! {
    #[test]
    fn what_is_written_reads_as_the_same(text in ".*", number in proptest::num::f64::ANY) {
        let value = Value::from(vec![text.into(), Value::Number(number)]);
        let json = value.to_json();
        let read: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
        proptest::prop_assert_eq!(read.len(), 2);
        proptest::prop_assert_eq!(again(&json), json);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[\\[\\]{}\",:0-9a-fu\\\\.e+ -]*") {
        if let Ok(value) = parse(&text) {
            let json = value.to_json();
            proptest::prop_assert_eq!(again(&json), json);
        }
    }
}
