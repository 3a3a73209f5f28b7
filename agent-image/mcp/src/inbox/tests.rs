use super::*;

fn message(offset: u64, content: &str) -> ChatMessage {
    ChatMessage {
        from: "@e".into(),
        from_name: "eve".into(),
        to: "#a".into(),
        content: content.into(),
        msg_id: Some(format!("m{offset}")),
        ts: i64::try_from(offset).unwrap(),
        in_reply_to: None,
        replay: false,
        verified: true,
        offset: Some(offset),
        epoch: Some("one".into()),
    }
}

fn replay(offset: u64, content: &str) -> ChatMessage {
    ChatMessage {
        replay: true,
        ..message(offset, content)
    }
}

fn taken(inbox: &Inbox) -> Vec<String> {
    let batch = inbox.take(|to| to == "#a", 50, 100_000).unwrap();
    inbox.confirm().unwrap();
    batch
        .messages
        .into_iter()
        .map(|(inbound, _)| inbound.content)
        .collect()
}

#[test]
fn each_message_comes_once_also_after_restarts_and_replays() {
    let dir = tempfile::tempdir().unwrap();
    let inbox = Inbox::open(dir.path()).unwrap();
    inbox.connected(3).unwrap();
    for old in [
        replay(1, "old"),
        replay(2, "old"),
        replay(3, "now"),
        message(5, "live"),
    ] {
        inbox.add(old).unwrap();
    }
    drop(inbox);
    let inbox = Inbox::open(dir.path()).unwrap();
    inbox.connected(100).unwrap();
    for again in [
        replay(2, "old"),
        replay(3, "now"),
        replay(4, "missed"),
        replay(5, "live"),
    ] {
        inbox.add(again).unwrap();
    }
    assert_eq!(taken(&inbox), ["now", "missed", "live"]);
    drop(inbox);
    let inbox = Inbox::open(dir.path()).unwrap();
    inbox.add(replay(4, "missed")).unwrap();
    inbox.add(message(6, "new")).unwrap();
    assert_eq!(taken(&inbox), ["new"]);
    assert_eq!(taken(&inbox), Vec::<String>::new());
}

#[test]
fn messages_of_a_new_order_of_a_channel_are_new() {
    let dir = tempfile::tempdir().unwrap();
    let inbox = Inbox::open(dir.path()).unwrap();
    inbox.add(message(1, "a")).unwrap();
    inbox
        .add(ChatMessage {
            epoch: Some("two".into()),
            ..message(1, "b")
        })
        .unwrap();
    assert_eq!(taken(&inbox), ["a", "b"]);
}

#[test]
fn line_that_was_cut_off_costs_no_other_message() {
    let dir = tempfile::tempdir().unwrap();
    let inbox = Inbox::open(dir.path()).unwrap();
    inbox.add(message(1, "a")).unwrap();
    drop(inbox);
    let path = dir.path().join("inbox.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}{}", &text[..text.len() / 2])).unwrap();
    let inbox = Inbox::open(dir.path()).unwrap();
    inbox.add(message(2, "b")).unwrap();
    drop(inbox);
    assert_eq!(taken(&Inbox::open(dir.path()).unwrap()), ["a", "b"]);
}

#[test]
fn batches_and_the_inbox_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let inbox = Inbox::open(dir.path()).unwrap();
    let many = u64::try_from(KEPT).unwrap() + 5;
    for offset in 1..=many {
        inbox
            .add(message(offset, &"x".repeat(CONTENT + 9)))
            .unwrap();
    }
    let batch = inbox.take(|_| true, 3, 1_000_000).unwrap();
    assert_eq!((batch.messages.len(), batch.lost), (3, 5));
    assert_eq!(batch.messages[0].0.offset, Some(6));
    assert!(batch.messages[0].0.content.ends_with("longer]"));
    let batch = inbox.take(|_| true, 50, 10).unwrap();
    assert_eq!(batch.messages.len(), 1, "one message always fits");
    // What was dropped stays known.
    inbox.add(replay(2, "again")).unwrap();
    assert_eq!(
        inbox.take(|_| true, 1, 1).unwrap().messages[0].0.offset,
        Some(10)
    );
}

#[test]
fn long_log_is_shortened_and_means_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let inbox = Inbox::open(dir.path()).unwrap();
    inbox.connected(1).unwrap();
    for offset in 1..=6000 {
        inbox.add(message(offset, "x")).unwrap();
    }
    let before = inbox.take(|_| true, 1, 100).unwrap().messages;
    inbox.confirm().unwrap();
    drop(inbox);
    let lines = std::fs::read_to_string(dir.path().join("inbox.jsonl"))
        .unwrap()
        .lines()
        .count();
    assert!(lines < 3000, "{lines} lines");
    let inbox = Inbox::open(dir.path()).unwrap();
    inbox.add(replay(17, "again")).unwrap();
    let after = inbox.take(|_| true, 1, 100).unwrap().messages;
    assert_eq!(after[0].0.offset.unwrap(), before[0].0.offset.unwrap() + 1);
}

#[test]
fn tail_gives_the_same_messages_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let inbox = Inbox::open(dir.path()).unwrap();
    for (offset, content) in [(1, "a"), (2, "b"), (3, "c")] {
        inbox.add(message(offset, content)).unwrap();
    }
    for _ in 0..2 {
        let tail = inbox.tail(|_| true, 2).unwrap().messages;
        assert_eq!(
            (tail[0].0.content.as_str(), tail[1].0.content.as_str()),
            ("b", "c")
        );
    }
    assert_eq!(taken(&inbox), ["a"]);
}

#[test]
fn messages_for_a_caller_that_is_gone_at_once_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let inbox = Inbox::open(dir.path()).unwrap();
    inbox.add(message(1, "a")).unwrap();
    assert_eq!(inbox.take(|_| true, 9, 99).unwrap().messages.len(), 1);
    assert!(!inbox.waits(|_| true));
    drop(inbox);
    let inbox = Inbox::open(dir.path()).unwrap();
    let batch = inbox.take(|_| true, 9, 99).unwrap();
    assert!(batch.messages[0].1, "it does not say that it comes again");
    inbox.confirm().unwrap();
    drop(inbox);
    assert!(!Inbox::open(dir.path()).unwrap().waits(|_| true));
}
