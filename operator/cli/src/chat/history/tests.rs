//! What is asked for, and what of it is shown.

use super::*;

fn message(offset: u64, ts: i64) -> ChatMessage {
    let value =
        serde_json::json!({"from": "@a", "to": "#a", "content": "x", "offset": offset, "ts": ts});
    serde_json::from_value(value).unwrap()
}

fn history(since: u64, end: u64) -> History {
    History {
        messages: (since + 1..=end)
            .map(|o| message(o, i64::try_from(o * 10).unwrap()))
            .collect(),
        since: Some(since),
        end: Some(Position {
            epoch: "e".into(),
            offset: end,
        }),
        resumed: true,
    }
}

#[test]
fn history_is_read_as_far_back_as_is_wanted() {
    let wanted = |last, since| Wanted { last, since };
    let told = history(800, 1000);
    assert_eq!(wanted(Some(20), None).further(&told), None);
    assert_eq!(wanted(Some(500), None).further(&told), Some(500));
    assert_eq!(wanted(Some(5000), None).further(&told), Some(0));
    assert_eq!(wanted(None, Some(8020)).further(&told), None);
    assert_eq!(wanted(None, Some(100)).further(&told), Some(600));
    assert_eq!(wanted(Some(300), Some(100)).further(&told), Some(700));
    assert_eq!(wanted(Some(5000), None).further(&history(0, 1000)), None);
    let shown = wanted(Some(3), Some(9985)).of(told.messages.clone());
    let offsets: Vec<_> = shown.iter().filter_map(|m| m.offset).collect();
    assert_eq!(offsets, [999, 1000]);
    assert_eq!(wanted(Some(3), None).of(told.messages).len(), 3);
}

#[test]
fn time_is_read_in_every_documented_form() {
    let now: Zoned = "2026-01-31T14:30:00+01:00[+01:00]".parse().unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
    for (text, means) in [
        ("90s", "2026-01-31T13:28:30Z"),
        ("2h", "2026-01-31T11:30:00Z"),
        ("3d", "2026-01-28T13:30:00Z"),
        ("14:00", "2026-01-31T13:00:00Z"),
        ("2026-01-30", "2026-01-29T23:00:00Z"),
        ("2026-01-30T10:00", "2026-01-30T09:00:00Z"),
        ("2026-01-30 10:00:05", "2026-01-30T09:00:05Z"),
        ("2026-01-30T10:00:00Z", "2026-01-30T10:00:00Z"),
    ] {
        assert_eq!(time(text, &now), Some(at(means)), "{text}");
    }
    for text in ["", "yesterday", "5", "m", "25:00", "-5m", "2026-13-01", "é"] {
        assert_eq!(time(text, &now), None, "{text}");
    }
}
