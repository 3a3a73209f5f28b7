mod backup;
mod journal;

use std::path::Path;

use bytes::Bytes;
use rusqlite::Connection;

use super::*;

#[test]
fn what_was_stored_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let channel = Channel {
        name: "#a".into(),
        epoch: "e".into(),
        invite_only: true,
        ..Channel::default()
    };
    {
        let store = Store::open(&path).unwrap();
        store.create_channel(&channel).unwrap();
        for offset in 1..=3 {
            store
                .append("#a", offset, 1000, format!("m{offset}"))
                .unwrap();
        }
        store.allow("key", "note", 7).unwrap();
    }
    let store = Store::open(&path).unwrap();
    assert_eq!(store.channels().unwrap(), [Channel { last: 3, ..channel }]);
    assert_eq!(texts(&store, 1), ["m2", "m3"]);
    assert!(store.is_allowed("key").unwrap());
    assert!(store.disallow("key").unwrap());
    assert!(!store.is_allowed("key").unwrap());
}

#[test]
fn a_newer_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    drop(Store::open(&path).unwrap());
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Newer(99))));
}

#[test]
fn a_batch_is_stored_as_a_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let store = Store::open(&path).unwrap();
    let other = || Store::open(&path).unwrap();
    store.begin().unwrap();
    store.append("#a", 1, 0, "one").unwrap();
    assert_eq!(texts(&other(), 0), [""; 0], "seen before the commit");
    store.append("#a", 2, 0, "two").unwrap();
    store.commit().unwrap();
    assert_eq!(texts(&other(), 0), ["one", "two"]);

    store.begin().unwrap();
    store.append("#a", 3, 0, "three").unwrap();
    store.append("#a", 3, 0, "again").unwrap_err();
    store.append("#a", 4, 0, "four").unwrap();
    assert!(matches!(
        store.commit(),
        Err(StoreError::Batch { full: false })
    ));
    assert_eq!(texts(&store, 0), ["one", "two"]);

    store.begin().unwrap();
    store.append("#a", 3, 0, "three").unwrap();
    store.commit().unwrap();
    assert_eq!(texts(&other(), 2), ["three"]);
}

#[test]
fn reading_is_bounded_in_messages_and_bytes_and_always_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("chat.db")).unwrap();
    assert_eq!(store.first("#a").unwrap(), None);
    for offset in 3..=6 {
        store.append("#a", offset, 0, "four").unwrap();
    }
    assert_eq!(store.first("#a").unwrap(), Some(3));
    let read = |after, count, bytes| {
        let found = store.after("#a", after, count, bytes).unwrap();
        found
            .into_iter()
            .map(|(offset, _)| offset)
            .collect::<Vec<_>>()
    };
    assert_eq!(read(0, 9, 99), [3, 4, 5, 6]);
    assert_eq!(read(3, 2, 99), [4, 5]);
    assert_eq!(read(3, 9, 8), [4, 5]);
    assert_eq!(read(3, 9, 1), [4]);
    assert_eq!(read(6, 9, 99), [0; 0]);
}

fn texts(store: &Store, after: u64) -> Vec<String> {
    let found = store.after("#a", after, 99, 9999).unwrap();
    let text = |json: Bytes| String::from_utf8(json.to_vec()).unwrap();
    found.into_iter().map(|(_, json)| text(json)).collect()
}

#[test]
fn a_file_of_the_first_schema_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let old = "CREATE TABLE channel (name TEXT PRIMARY KEY, epoch TEXT NOT NULL, verified_only INTEGER NOT NULL);
        CREATE TABLE message (channel TEXT NOT NULL, offset INTEGER NOT NULL, json TEXT NOT NULL,
            PRIMARY KEY (channel, offset)) WITHOUT ROWID;
        CREATE TABLE allowed (pubkey TEXT PRIMARY KEY, note TEXT NOT NULL);
        INSERT INTO allowed VALUES ('key', 'note');
        INSERT INTO channel VALUES ('#a', '0123', 0);
        INSERT INTO message VALUES ('#a', 1, '{\"epoch\":\"0123\"}'), ('#a', 2, '{\"ts\": 77}');
        PRAGMA user_version = 1;";
    Connection::open(&path).unwrap().execute_batch(old).unwrap();
    let mut ids = None;
    for _ in 0..2 {
        let store = Store::open(&path).unwrap();
        assert_eq!(texts(&store, 0), [r#"{"epoch":"0123"}"#, "{\"ts\": 77}"]);
        assert_eq!(store.older("#a", 77).unwrap(), Some(1));
        let allowed = store.allowed().unwrap();
        assert_eq!((&*allowed[0].note, allowed[0].approved_at), ("note", 0));
        let id = store.server_id().unwrap();
        assert_eq!(ids.get_or_insert(id.clone()), &id);
        assert_eq!(id.len(), 32);
    }
    // What an older program wrote is copied and checked as well.
    check(&path).unwrap();
    let copy = dir.path().join("copy.db");
    back_up(&path, &copy).unwrap();
    let copy = Store::open(&copy).unwrap();
    let epoch = format!(r#"{{"epoch":"{}"}}"#, channel(&copy).epoch);
    assert_ne!(epoch, r#"{"epoch":"0123"}"#);
    assert_eq!(texts(&copy, 0), [&epoch, "{\"ts\": 77}"]);
}

fn channel(store: &Store) -> Channel {
    store.channels().unwrap().remove(0)
}

#[test]
fn what_is_forgotten_is_gone_and_the_order_goes_on_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let store = Store::open(&path).unwrap();
    let name = "#a".to_owned();
    store
        .create_channel(&Channel {
            name,
            ..Channel::default()
        })
        .unwrap();
    for offset in 1..=10 {
        store
            .append("#a", offset, 100 + i64::try_from(offset).unwrap(), "m")
            .unwrap();
    }
    assert_eq!(store.older("#a", 101).unwrap(), None);
    assert_eq!(store.older("#a", 104).unwrap(), Some(3));
    assert_eq!(store.older("#a", 999).unwrap(), Some(10));
    assert_eq!(store.forget("#a", 5, 2).unwrap(), 2);
    assert_eq!(store.forget("#a", 5, 100).unwrap(), 3);
    assert_eq!(store.forget("#a", 5, 100).unwrap(), 0);
    assert_eq!(
        (store.first("#a").unwrap(), channel(&store).last),
        (Some(6), 10)
    );
    assert_eq!(store.forget("#a", 10, 100).unwrap(), 5);
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(
        (store.first("#a").unwrap(), channel(&store).last),
        (None, 10)
    );
}

#[test]
fn a_key_is_seen_once_and_the_oldest_are_forgotten_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("chat.db")).unwrap();
    for (key, now, at) in [("a", 1, 1), ("b", 2, 2), ("a", 9, 1)] {
        assert_eq!(store.see(key, now).unwrap(), at, "{key}");
    }
    assert_eq!(store.forget_seen(1).unwrap(), 1);
    assert_eq!(store.seen().unwrap(), [("b".to_owned(), 2)]);
    assert_eq!(store.seen_at("a").unwrap(), None);
}

#[test]
fn bans_and_grants_stay_until_they_are_lifted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let ban = |reason: &str| Ban {
        agent: "a".into(),
        reason: reason.into(),
        at: 5,
    };
    {
        let store = Store::open(&path).unwrap();
        assert!(store.ban(&ban("spam")).unwrap() && !store.ban(&ban("more spam")).unwrap());
        store.grant("b", true).unwrap();
        store.grant("b", false).unwrap();
        store.invite("#a", "b").unwrap();
    }
    let store = Store::open(&path).unwrap();
    assert_eq!(store.bans().unwrap(), [ban("more spam")]);
    assert_eq!(store.banned("a").unwrap().as_deref(), Some("more spam"));
    assert_eq!(
        (store.granted("b").unwrap(), store.granted("c").unwrap()),
        (Some(false), None)
    );
    assert_eq!(
        store.invitations().unwrap(),
        [("#a".to_owned(), "b".to_owned())]
    );
    assert_eq!(store.listed().unwrap(), [0, 1, 1]);
    assert!(store.unban("a").unwrap() && !store.unban("a").unwrap());
}

#[test]
fn a_backup_is_whole_also_while_the_file_is_in_use_and_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("chat.db"), dir.path().join("copy.db"));
    let store = Store::open(&path).unwrap();
    store.append("#a", 1, 0, "one").unwrap();
    store.begin().unwrap();
    store.append("#a", 2, 0, "not yet").unwrap();
    back_up(&path, &copy).unwrap();
    store.commit().unwrap();
    assert!(matches!(back_up(&path, &copy), Err(StoreError::Exists(_))));
    assert_eq!(texts(&Store::open(&copy).unwrap(), 0), ["one"]);
    assert!(back_up(&dir.path().join("absent.db"), &dir.path().join("x")).is_err());
}

#[test]
fn a_copy_has_orders_of_its_own_that_go_on_from_those_of_the_original() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("chat.db"), dir.path().join("copy.db"));
    let store = Store::open(&path).unwrap();
    let old = Channel {
        name: "#a".into(),
        epoch: "0123456789abcdef".into(),
        ..Channel::default()
    };
    store.create_channel(&old).unwrap();
    let said = |epoch: &str| {
        let content = r#"they write \"epoch\":\"0123456789abcdef\""#;
        format!(r#"{{"content":"{content}","epoch":"{epoch}","offset":1}}"#)
    };
    store.append("#a", 1, 0, said(&old.epoch)).unwrap();
    back_up(&path, &copy).unwrap();
    let copy = Store::open(&copy).unwrap();
    let new = channel(&copy);
    assert_ne!(new.epoch, old.epoch);
    assert_eq!(new.former, Some((old.epoch.clone(), 1)));
    assert_eq!(texts(&copy, 0), [said(&new.epoch)]);
    assert_eq!(texts(&store, 0), [said(&old.epoch)]);
    assert_eq!(copy.server_id().unwrap(), store.server_id().unwrap());
    copy.append("#a", 2, 0, "on the copy").unwrap();
    let new = channel(&copy);
    for (epoch, offset, shared) in [
        (&old.epoch, 1, true),
        (&old.epoch, 2, false),
        (&new.epoch, 2, true),
        (&new.epoch, 3, false),
        (&"another".to_owned(), 1, false),
    ] {
        assert_eq!(new.shares(epoch, offset), shared, "{epoch} {offset}");
    }
}

#[test]
fn damage_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let store = Store::open(&path).unwrap();
    for offset in 1..=500 {
        store.append("#a", offset, 0, "x".repeat(100)).unwrap();
    }
    drop(store);
    check(&path).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[half..half + 32 * 1024].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    assert!(check(&path).is_err());
}

#[test]
fn damaged_messages_are_found_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let store = Store::open(&path).unwrap();
    store.append("#a", 1, 0, "one").unwrap();
    store.append("#a", 2, 0, "two").unwrap();
    store.begin().unwrap();
    store.settle().unwrap();
    store.commit().unwrap();
    store.append("#a", 3, 0, "three").unwrap();
    drop(store);
    check(&path).unwrap();
    for (damage, named) in [
        (
            "UPDATE journal SET lines = substr(lines, 1, 9)",
            "row 0 of the journal",
        ),
        ("UPDATE chunk SET last = 4", "messages 1 to 4 of #a"),
        (
            "UPDATE chunk SET last = 2, lines = x'05000000ff'",
            "messages 1 to 2 of #a",
        ),
    ] {
        Connection::open(&path)
            .unwrap()
            .execute(damage, [])
            .unwrap();
        let error = check(&path).unwrap_err().to_string();
        assert!(error.contains(named), "{damage}: {error}");
    }
}

#[test]
fn what_was_sent_is_remembered_for_a_while() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("chat.db")).unwrap();
    let sent = |offset| Sent {
        target: "#a".into(),
        offset,
        msg_id: format!("m{offset}"),
    };
    for offset in 1..=5 {
        store
            .note_sent("ada", &format!("c{offset}"), &sent(offset))
            .unwrap();
    }
    assert_eq!(store.sent("ada", "c2").unwrap(), Some(sent(2)));
    assert_eq!(store.sent("sam", "c2").unwrap(), None);
    assert!(store.note_sent("ada", "c2", &sent(9)).is_err());
    assert_eq!(store.forget_sent(2).unwrap(), 3);
    assert_eq!(
        (
            store.sent("ada", "c3").unwrap(),
            store.sent("ada", "c4").unwrap()
        ),
        (None, Some(sent(4)))
    );
}

#[test]
fn the_journal_is_settled_and_nothing_of_it_is_missed_or_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let channels = ["#a", "#b", "#c"];
    let text = |channel: &str, offset: u64| format!("{channel}{offset:0>900}");
    {
        let store = Store::open(&path).unwrap();
        for name in channels {
            store
                .create_channel(&Channel {
                    name: name.into(),
                    ..Channel::default()
                })
                .unwrap();
        }
        // In all more than is kept in the journal, some in batches of several, and the last ones not settled.
        for round in 0..500 {
            store.begin().unwrap();
            for offset in 10 * round + 1..=10 * round + 10 {
                for channel in channels {
                    let json = text(channel, offset);
                    let at = i64::try_from(offset).unwrap();
                    store.append(channel, offset, at, json).unwrap();
                }
            }
            store.commit().unwrap();
        }
        // A batch that fails in the midst of it leaves everything as it was.
        store.begin().unwrap();
        store.append("#a", 5001, 5001, "lost").unwrap();
        store.append("#a", 5003, 5003, "gap").unwrap_err();
        store.commit().unwrap_err();
    }
    for look in 0..2 {
        let store = Store::open(&path).unwrap();
        let lines: i64 = store
            .db
            .query_row("SELECT COUNT(*) FROM journal", [], |row| row.get(0))
            .unwrap();
        assert!(lines > 0 && lines < 500, "{lines} rows in the journal");
        assert_eq!(store.channels().unwrap()[1].last, 5000);
        for (at, channel) in channels.into_iter().enumerate() {
            let kept = if look == 1 { 1000 * at as u64 } else { 0 };
            let found = store.after(channel, 0, 9999, usize::MAX).unwrap();
            let expected = (kept + 1..=5000).map(|offset| (offset, text(channel, offset).into()));
            assert!(
                found == expected.collect::<Vec<_>>(),
                "{channel} at look {look}"
            );
            let boundary = store.after(channel, 4321, 2, usize::MAX).unwrap();
            assert_eq!((boundary[0].0, boundary[1].0), (4322, 4323));
            assert_eq!(store.older(channel, 4444).unwrap(), Some(4443));
            assert_eq!(store.first(channel).unwrap(), Some(kept + 1));
            // In the midst of a chunk.
            let gone = store.forget(channel, 1000 * at as u64, 100_000).unwrap();
            assert_eq!(gone, 1000 * at as u64 - kept);
        }
    }
    let store = Store::open(&path).unwrap();
    assert_eq!(store.forget("#b", 4990, 100_000).unwrap(), 3990);
    let left = store.after("#b", 0, 99, usize::MAX).unwrap();
    assert_eq!((left.len(), left[0].0), (10, 4991));
}
