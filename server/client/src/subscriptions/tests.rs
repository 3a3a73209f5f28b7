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
fn hear(subscriptions: &mut Subscriptions, offsets: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let message = |offset| {
        serde_json::from_value(
            json!({"from": "@a", "to": ROOM, "content": "x", "epoch": "e",
            "offset": offset}),
        )
    };
    let heard = offsets.into_iter();
    heard
        .filter(|offset| subscriptions.admit(&message(*offset).unwrap()))
        .collect()
}

fn joined(subscriptions: &mut Subscriptions, since: u64, last: u64, fresh: bool) -> bool {
    let asked = if fresh {
        HistoryScope::History
    } else {
        HistoryScope::Rest
    };
    let frame = json!({"epoch": "e", "since": since, "offset": last});
    subscriptions.joined(ROOM, &frame, asked)
}

fn join(resume: Option<Position>) -> Vec<Join> {
    let channel = ROOM.to_owned();
    vec![Join { channel, resume }]
}

#[test]
fn a_channel_that_was_never_joined_is_resumed_too() {
    let mut subscriptions = Subscriptions::default();
    assert_eq!(subscriptions.connected(Some(&entered(5))), []);
    assert_eq!(hear(&mut subscriptions, [6, 7]), [6, 7]);
    // Gone, and two were said meanwhile.
    assert_eq!(
        subscriptions.connected(Some(&entered(9))),
        join(Some(at(7)))
    );
    // What comes before the answer comes again.
    assert_eq!(hear(&mut subscriptions, [10]), [0; 0]);
    assert!(!joined(&mut subscriptions, 7, 10, false));
    assert_eq!(hear(&mut subscriptions, 8..=11), [8, 9, 10, 11]);
    // Gone, and nothing was said meanwhile: no JOIN is spent on it.
    assert_eq!(subscriptions.connected(Some(&entered(11))), []);
    assert_eq!(hear(&mut subscriptions, [12]), [12]);
}

#[test]
fn a_quiet_channel_is_resumed_from_where_it_stood() {
    let mut subscriptions = Subscriptions::default();
    assert_eq!(subscriptions.connected(Some(&entered(5))), []);
    assert_eq!(
        subscriptions.connected(Some(&entered(6))),
        join(Some(at(5)))
    );
    assert!(!joined(&mut subscriptions, 5, 6, false));
    assert_eq!(hear(&mut subscriptions, [6]), [6]);
}

#[test]
fn the_first_join_asks_for_history_and_a_break_in_it_is_made_good() {
    let mut subscriptions = Subscriptions::new(&[ROOM.to_owned()]);
    assert_eq!(subscriptions.connected(Some(&entered(9))), join(None));
    assert_eq!(hear(&mut subscriptions, [10]), [10]);
    assert!(!joined(&mut subscriptions, 3, 10, true));
    assert_eq!(hear(&mut subscriptions, [4, 5]), [4, 5]);
    assert_eq!(
        subscriptions.connected(Some(&entered(10))),
        join(Some(at(5)))
    );
    assert!(!joined(&mut subscriptions, 5, 10, false));
    assert_eq!(hear(&mut subscriptions, 6..=11), [6, 7, 8, 9, 11]);
    assert_eq!(subscriptions.resume(ROOM), Some(at(11)));
}

#[test]
fn what_can_not_be_had_any_more_is_told() {
    let mut subscriptions = Subscriptions::new(&[ROOM.to_owned()]);
    subscriptions.connected(Some(&entered(0)));
    assert!(!joined(&mut subscriptions, 0, 0, true));
    assert_eq!(hear(&mut subscriptions, [1]), [1]);
    assert_eq!(
        subscriptions.connected(Some(&entered(500))),
        join(Some(at(1)))
    );
    assert!(joined(&mut subscriptions, 300, 500, false));
    assert_eq!(hear(&mut subscriptions, [300, 301]), [301]);
    // The order was set back: what comes is new again.
    subscriptions.connected(Some(&entered(2)));
    assert!(joined(&mut subscriptions, 0, 2, false));
    assert_eq!(hear(&mut subscriptions, [1, 2, 3]), [1, 2, 3]);
}

#[test]
fn another_order_is_new_to_the_reader() {
    let mut subscriptions = Subscriptions::default();
    subscriptions.connected(Some(&entered(7)));
    let other = Position {
        epoch: "other".to_owned(),
        offset: 3,
    };
    let here = BTreeMap::from([(ROOM.to_owned(), other)]);
    assert_eq!(subscriptions.connected(Some(&here)), join(Some(at(7))));
    let frame = json!({"epoch": "other", "since": 0, "offset": 3, "resumed": false});
    assert!(subscriptions.joined(ROOM, &frame, HistoryScope::Rest));
    assert_eq!(subscriptions.0[ROOM].received.as_ref().unwrap().end(), 0);
    // One that goes on from what was read loses nothing.
    let frame = json!({"epoch": "third", "since": 2, "offset": 3, "resumed": true});
    assert!(!subscriptions.joined(ROOM, &frame, HistoryScope::Rest));
    assert_eq!(subscriptions.0[ROOM].received.as_ref().unwrap().end(), 2);
}

#[test]
fn a_channel_that_was_left_is_silent() {
    let mut subscriptions = Subscriptions::new(&[ROOM.to_owned()]);
    subscriptions.connected(Some(&entered(0)));
    joined(&mut subscriptions, 0, 0, true);
    subscriptions.left(ROOM);
    assert_eq!(subscriptions.connected(Some(&entered(4))), []);
    assert_eq!(hear(&mut subscriptions, [5]), [0; 0]);
    // Joined again: history, as for whoever joins.
    assert_eq!(subscriptions.resume(ROOM), None);
    assert!(!joined(&mut subscriptions, 2, 5, true));
    assert_eq!(hear(&mut subscriptions, 3..=6), [3, 4, 5, 6]);
}

#[test]
fn a_reader_with_a_memory_of_its_own_says_what_it_has_had() {
    let mut subscriptions = Subscriptions::default();
    subscriptions.connected(Some(&entered(8)));
    subscriptions.restart(ROOM, Some(&at(5)));
    assert_eq!(subscriptions.resume(ROOM), Some(at(5)));
    assert_eq!(hear(&mut subscriptions, [9]), [9]);
    assert!(!joined(&mut subscriptions, 5, 9, false));
    assert_eq!(hear(&mut subscriptions, 6..=10), [6, 7, 8, 10]);
}

#[test]
fn a_server_without_an_order_is_joined_again_and_heard_again() {
    let mut subscriptions = Subscriptions::new(&[ROOM.to_owned()]);
    assert_eq!(subscriptions.connected(None), join(None));
    assert!(!subscriptions.joined(ROOM, &json!({"channel": ROOM}), HistoryScope::History));
    let message = json!({"from": "@a", "to": ROOM, "content": "x"});
    let message: ChatMessage = serde_json::from_value(message).unwrap();
    assert!(subscriptions.admit(&message) && subscriptions.admit(&message));
    assert_eq!(subscriptions.connected(None), join(None));
}

#[test]
fn who_joins_by_itself_gets_all_of_history() {
    let mut subscriptions = Subscriptions::default();
    subscriptions.connected(Some(&entered(8)));
    assert_eq!(hear(&mut subscriptions, [9]), [9]);
    let frame = json!({"epoch": "e", "since": 7, "offset": 9});
    assert!(!subscriptions.joined(ROOM, &frame, HistoryScope::Anew));
    assert_eq!(hear(&mut subscriptions, 8..=10), [8, 9, 10]);
    // The second time it has had it.
    assert_eq!(subscriptions.resume(ROOM), Some(at(10)));
}
