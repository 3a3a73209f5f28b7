//! The server is played by its rules: positions at WELCOME, JOINED with `since`, messages in order.

use serde_json::json;

use super::*;

const ROOM: &str = "#room";

fn at(offset: u64) -> Position {
    let epoch = "e".to_owned();
    Position { epoch, offset }
}

fn entered(offset: u64) -> BTreeMap<String, Position> {
    BTreeMap::from([(ROOM.to_owned(), at(offset))])
}

/// The offsets that reach the reader.
fn hear(places: &mut Places, offsets: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let message = |offset| {
        serde_json::from_value(
            json!({"from": "@a", "to": ROOM, "content": "x", "epoch": "e",
            "offset": offset}),
        )
    };
    let heard = offsets.into_iter();
    heard
        .filter(|offset| places.admit(&message(*offset).unwrap()))
        .collect()
}

fn joined(places: &mut Places, since: u64, last: u64, fresh: bool) -> bool {
    let asked = if fresh { Asked::History } else { Asked::Rest };
    let frame = json!({"epoch": "e", "since": since, "offset": last});
    places.joined(ROOM, &frame, asked)
}

fn join(resume: Option<Position>) -> Vec<Join> {
    let channel = ROOM.to_owned();
    vec![Join { channel, resume }]
}

#[test]
fn a_channel_that_was_never_joined_is_resumed_too() {
    let mut places = Places::default();
    assert_eq!(places.connected(Some(&entered(5))), []);
    assert_eq!(hear(&mut places, [6, 7]), [6, 7]);
    // Gone, and two were said meanwhile.
    assert_eq!(places.connected(Some(&entered(9))), join(Some(at(7))));
    // What comes before the answer comes again.
    assert_eq!(hear(&mut places, [10]), [0; 0]);
    assert!(!joined(&mut places, 7, 10, false));
    assert_eq!(hear(&mut places, 8..=11), [8, 9, 10, 11]);
    // Gone, and nothing was said meanwhile: no JOIN is spent on it.
    assert_eq!(places.connected(Some(&entered(11))), []);
    assert_eq!(hear(&mut places, [12]), [12]);
}

#[test]
fn a_quiet_channel_is_resumed_from_where_it_stood() {
    let mut places = Places::default();
    assert_eq!(places.connected(Some(&entered(5))), []);
    assert_eq!(places.connected(Some(&entered(6))), join(Some(at(5))));
    assert!(!joined(&mut places, 5, 6, false));
    assert_eq!(hear(&mut places, [6]), [6]);
}

#[test]
fn the_first_join_asks_for_history_and_a_break_in_it_is_made_good() {
    let mut places = Places::new(&[ROOM.to_owned()]);
    assert_eq!(places.connected(Some(&entered(9))), join(None));
    assert_eq!(hear(&mut places, [10]), [10]);
    assert!(!joined(&mut places, 3, 10, true));
    assert_eq!(hear(&mut places, [4, 5]), [4, 5]);
    assert_eq!(places.connected(Some(&entered(10))), join(Some(at(5))));
    assert!(!joined(&mut places, 5, 10, false));
    assert_eq!(hear(&mut places, 6..=11), [6, 7, 8, 9, 11]);
    assert_eq!(places.resume(ROOM), Some(at(11)));
}

#[test]
fn what_can_not_be_had_any_more_is_told() {
    let mut places = Places::new(&[ROOM.to_owned()]);
    places.connected(Some(&entered(0)));
    assert!(!joined(&mut places, 0, 0, true));
    assert_eq!(hear(&mut places, [1]), [1]);
    assert_eq!(places.connected(Some(&entered(500))), join(Some(at(1))));
    assert!(joined(&mut places, 300, 500, false));
    assert_eq!(hear(&mut places, [300, 301]), [301]);
    // The order was set back: what comes is new again.
    places.connected(Some(&entered(2)));
    assert!(joined(&mut places, 0, 2, false));
    assert_eq!(hear(&mut places, [1, 2, 3]), [1, 2, 3]);
}

#[test]
fn another_order_is_new_to_the_reader() {
    let mut places = Places::default();
    places.connected(Some(&entered(7)));
    let other = Position {
        epoch: "other".to_owned(),
        offset: 3,
    };
    let here = BTreeMap::from([(ROOM.to_owned(), other)]);
    assert_eq!(places.connected(Some(&here)), join(Some(at(7))));
    let frame = json!({"epoch": "other", "since": 0, "offset": 3, "resumed": false});
    assert!(places.joined(ROOM, &frame, Asked::Rest));
    assert_eq!(places.0[ROOM].seen.as_ref().unwrap().end(), 0);
    // One that goes on from what was read loses nothing.
    let frame = json!({"epoch": "third", "since": 2, "offset": 3, "resumed": true});
    assert!(!places.joined(ROOM, &frame, Asked::Rest));
    assert_eq!(places.0[ROOM].seen.as_ref().unwrap().end(), 2);
}

#[test]
fn a_channel_that_was_left_is_silent() {
    let mut places = Places::new(&[ROOM.to_owned()]);
    places.connected(Some(&entered(0)));
    joined(&mut places, 0, 0, true);
    places.left(ROOM);
    assert_eq!(places.connected(Some(&entered(4))), []);
    assert_eq!(hear(&mut places, [5]), [0; 0]);
    // Joined again: history, as for whoever joins.
    assert_eq!(places.resume(ROOM), None);
    assert!(!joined(&mut places, 2, 5, true));
    assert_eq!(hear(&mut places, 3..=6), [3, 4, 5, 6]);
}

#[test]
fn a_reader_with_a_memory_of_its_own_says_what_it_has_had() {
    let mut places = Places::default();
    places.connected(Some(&entered(8)));
    places.restart(ROOM, Some(&at(5)));
    assert_eq!(places.resume(ROOM), Some(at(5)));
    assert_eq!(hear(&mut places, [9]), [9]);
    assert!(!joined(&mut places, 5, 9, false));
    assert_eq!(hear(&mut places, 6..=10), [6, 7, 8, 10]);
}

#[test]
fn a_server_without_an_order_is_joined_again_and_heard_again() {
    let mut places = Places::new(&[ROOM.to_owned()]);
    assert_eq!(places.connected(None), join(None));
    assert!(!places.joined(ROOM, &json!({"channel": ROOM}), Asked::History));
    let message = json!({"from": "@a", "to": ROOM, "content": "x"});
    let message: ChatMessage = serde_json::from_value(message).unwrap();
    assert!(places.admit(&message) && places.admit(&message));
    assert_eq!(places.connected(None), join(None));
}

#[test]
fn who_joins_by_itself_gets_all_of_history() {
    let mut places = Places::default();
    places.connected(Some(&entered(8)));
    assert_eq!(hear(&mut places, [9]), [9]);
    let frame = json!({"epoch": "e", "since": 7, "offset": 9});
    assert!(!places.joined(ROOM, &frame, Asked::Anew));
    assert_eq!(hear(&mut places, 8..=10), [8, 9, 10]);
    // The second time it has had it.
    assert_eq!(places.resume(ROOM), Some(at(10)));
}
