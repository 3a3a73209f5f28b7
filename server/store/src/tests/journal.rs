//! How long the journal gets.

use rusqlite::{params, types::ValueRef};

use super::*;
use crate::{block::Block, schema::BLOCKS};

fn one_channel(store: &Store) {
    let name = "#a".to_owned();
    store
        .create_channel(&Channel {
            name,
            ..Channel::default()
        })
        .unwrap();
}

/// Rows of a table, and bytes of their lines, before these are packed.
fn sizes(store: &Store, table: &str) -> (usize, usize) {
    let mut query = store
        .db
        .prepare(&format!("SELECT form, lines FROM {table}"))
        .unwrap();
    let size = |row: &rusqlite::Row| {
        Ok(match (row.get(0)?, row.get_ref(1)?) {
            (BLOCKS, ValueRef::Blob(stored)) => bytes(stored, table == "journal"),
            (_, text) => text.as_str()?.len(),
        })
    };
    let sizes = query.query_map([], size).unwrap().map(Result::unwrap);
    sizes.fold((0, 0), |(rows, bytes), size| (rows + 1, bytes + size))
}

/// What blocks say of the bytes of their lines; in the journal, each has the name of its channel before it.
fn bytes(mut stored: &[u8], named: bool) -> usize {
    let mut bytes = 0;
    while !stored.is_empty() {
        if named {
            let (length, rest) = stored.split_first_chunk().unwrap();
            stored = &rest[usize::from(u16::from_le_bytes(*length))..];
        }
        let (block, rest) = Block::read(stored).unwrap();
        bytes += block.bytes as usize;
        stored = rest;
    }
    bytes
}

/// Says 20000 messages of which the last ten are kept; the longest journal on the way, in bytes.
fn longest(json: &str, batches_per_run: u64) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let mut store = Store::open(&path).unwrap();
    one_channel(&store);
    let mut longest = 0;
    for batch in 1..=200 {
        store.begin().unwrap();
        for offset in 100 * (batch - 1) + 1..=100 * batch {
            store.append("#a", offset, 0, json).unwrap();
        }
        store.forget("#a", 100 * batch - 10, u64::MAX).unwrap();
        store.commit().unwrap();
        longest = longest.max(sizes(&store, "journal").1);
        if batch % batches_per_run == 0 {
            drop(store);
            store = Store::open(&path).unwrap();
            assert_eq!(store.first("#a").unwrap(), Some(100 * batch - 9));
        }
    }
    assert_eq!(channel(&store).last, 20_000);
    let kept = store.after("#a", 0, 99, usize::MAX).unwrap();
    let expected = (19_991..=20_000).map(|offset| (offset, json.to_owned().into()));
    assert!(kept == expected.collect::<Vec<_>>());
    longest
}

#[test]
fn retention_does_not_keep_the_journal_from_being_emptied() {
    // Also where the server is stopped long before the journal is full.
    for batches_per_run in [200, 10] {
        let most = longest("short", batches_per_run);
        assert!(most < 65 * 100 * 20, "{most} bytes of short messages");
    }
    let most = longest(&"long ".repeat(300), 10);
    assert!(most < 5_000_000, "{most} bytes of long messages");
}

#[test]
fn a_long_journal_waits_until_something_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let store = Store::open(&path).unwrap();
    one_channel(&store);
    let text = "x".repeat(60);
    let lines = (1..=5000).map(|offset| format!("#a {offset} 0 {text}\n"));
    let lines = lines.collect::<String>();
    store
        .write("INSERT INTO journal (lines) VALUES (?1)", [lines])
        .unwrap();
    store.forget("#a", 5000, u64::MAX).unwrap();
    drop(store);
    let store = Store::open(&path).unwrap();
    store.forget("#a", 5000, u64::MAX).unwrap();
    store.begin().unwrap();
    store.allow("key", "note", 7).unwrap();
    store.commit().unwrap();
    assert_eq!(sizes(&store, "journal").0, 1);
    store.append("#a", 5001, 0, "y").unwrap();
    assert_eq!(sizes(&store, "journal"), (1, "0 y\n".len()));
    assert_eq!(texts(&store, 5000), ["y"]);
}

#[test]
fn a_file_that_does_not_say_what_was_forgotten_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let store = Store::open(&path).unwrap();
    one_channel(&store);
    for offset in 1..=3 {
        store.append("#a", offset, 0, "m").unwrap();
    }
    store
        .write("UPDATE channel SET forgotten = 'two'", [])
        .unwrap();
    drop(store);
    assert!(matches!(Store::open(&path), Err(StoreError::Sqlite(_))));
}

#[test]
fn a_long_journal_gets_shorter_and_no_batch_settles_much_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let store = Store::open(&path).unwrap();
    let names: Vec<_> = (0..50).map(|n| format!("#c{n}")).collect();
    let text = |channel: usize, offset: u64| format!("{channel}:{offset:0>1000}");
    let (mut longest, mut most, mut before) = (0, 0, 0);
    for offset in 1..=400 {
        store.begin().unwrap();
        for (channel, name) in names.iter().enumerate() {
            let json = text(channel, offset);
            store.append(name, offset, 0, json).unwrap();
        }
        store.commit().unwrap();
        let (_, settled) = sizes(&store, "chunk");
        longest = longest.max(sizes(&store, "journal").1);
        most = most.max(settled - before);
        before = settled;
    }
    // A batch says 50 KiB; 20 MiB in all.
    assert!(longest < 10 * 1024 * 1024, "{longest} bytes in the journal");
    assert!(most < 150 * 1024, "{most} bytes settled at a time");
    let (count, bytes) = sizes(&store, "chunk");
    assert!(bytes / count > 15 * 1024, "{count} chunks of {bytes} bytes");
    drop(store);
    let store = Store::open(&path).unwrap();
    for (channel, name) in names.iter().enumerate() {
        let found = store.after(name, 0, 999, usize::MAX).unwrap();
        let expected = (1..=400).map(|offset| (offset, text(channel, offset).into()));
        assert!(found == expected.collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn messages_that_were_not_stored_are_forgotten_when_the_journal_can_be_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("chat.db")).unwrap();
    one_channel(&store);
    store.append("#a", 1, 0, "one").unwrap();
    store.begin().unwrap();
    store.append("#a", 2, 0, "lost").unwrap();
    // The batch failed, could not be rolled back, and the journal could not be read.
    store.stale.set(true);
    assert_eq!(store.channels().unwrap()[0].last, 1);
    store.begin().unwrap();
    store.append("#a", 2, 0, "two").unwrap();
    store.commit().unwrap();
    let texts = store.after("#a", 0, 9, usize::MAX).unwrap();
    assert_eq!(texts, [(1, "one".into()), (2, "two".into())]);
}

/// Chunks: first offset, and the blocks that they have.
fn chunks(store: &Store) -> Vec<(u64, usize)> {
    let mut query = store
        .db
        .prepare("SELECT first, lines FROM chunk WHERE form = 1 ORDER BY first")
        .unwrap();
    let chunk = |row: &rusqlite::Row| {
        let (first, stored): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let mut rest = &*stored;
        let mut count = 0;
        while !rest.is_empty() {
            rest = Block::read(rest).unwrap().1;
            count += 1;
        }
        Ok((first.unsigned_abs(), count))
    };
    query
        .query_map([], chunk)
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// Says messages, so many in a batch, and settles them.
fn settled(batches: u64, messages: u64, json: &str) -> Vec<(u64, usize)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let store = Store::open(&path).unwrap();
    for batch in 0..batches {
        store.begin().unwrap();
        for offset in batch * messages + 1..=(batch + 1) * messages {
            store.append("#a", offset, 0, json).unwrap();
        }
        // Also those that are not stored yet.
        let last = store
            .after("#a", batch * messages, usize::MAX, usize::MAX)
            .unwrap();
        assert_eq!(last.len() as u64, messages);
        store.commit().unwrap();
    }
    store.begin().unwrap();
    store.settle().unwrap();
    store.commit().unwrap();
    drop(store);
    check(&path).unwrap();
    let store = Store::open(&path).unwrap();
    let all = store.after("#a", 0, usize::MAX, usize::MAX).unwrap();
    let expected = (1..=batches * messages).map(|offset| (offset, json.to_owned().into()));
    assert!(all == expected.collect::<Vec<_>>());
    chunks(&store)
}

#[test]
fn what_was_said_at_once_stays_together_and_what_is_alone_is_put_together() {
    let json = "x".repeat(997);
    // A line has 1,000 bytes.
    assert_eq!(settled(20, 1, &json), [(1, 1), (18, 1)]);
    assert_eq!(settled(8, 5, &json), [(1, 4), (21, 4)]);
    // A batch is cut where it would make a chunk too long.
    assert_eq!(settled(1, 40, &json), [(1, 1), (18, 1), (35, 1)]);
}

#[test]
fn rows_of_older_programs_are_read_and_settled_with_those_of_this_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let store = Store::open(&path).unwrap();
    one_channel(&store);
    let text = "#a 3 7 three\n#b 1 7 other\n#a 4 7 four\n";
    let packed = lz4_flex::compress_prepend_size(b"#a 5 8 five\n");
    store
        .write(
            "INSERT INTO chunk (channel, first, last, at, lines) VALUES ('#a', 1, 3, 6, ?1)",
            ["6 one\n6 two\n6 three"],
        )
        .unwrap();
    store
        .write(
            "INSERT INTO journal (lines) VALUES (?1), (?2)",
            params![text, packed],
        )
        .unwrap();
    drop(store);
    let all = ["one", "two", "three", "four", "five", "six"];
    let store = Store::open(&path).unwrap();
    store.append("#a", 6, 9, "six").unwrap();
    drop(store);
    for _ in 0..2 {
        let store = Store::open(&path).unwrap();
        assert_eq!(texts(&store, 0), all);
        assert_eq!(store.older("#a", 7).unwrap(), Some(3));
        assert_eq!(store.older("#a", 9).unwrap(), Some(5));
        assert_eq!(texts(&store, 2), all[2..]);
        assert_eq!(store.after("#b", 0, 9, 99).unwrap(), [(1, "other".into())]);
        check(&path).unwrap();
        store.begin().unwrap();
        store.settle().unwrap();
        store.commit().unwrap();
    }
    let store = Store::open(&path).unwrap();
    assert_eq!(chunks(&store), [(1, 1), (4, 1)]);
    // A chunk that is one block of LZ4.
    let packed = lz4_flex::compress_prepend_size(b"6 ein\n6 zwei\n6 drei\n");
    store
        .write(
            "UPDATE chunk SET lines = ?1 WHERE channel = '#a' AND first = 1",
            [packed],
        )
        .unwrap();
    assert_eq!(texts(&store, 1)[..2], ["zwei", "drei"]);
    check(&path).unwrap();
    store
        .write(
            "UPDATE chunk SET lines = '6 one' WHERE channel = '#a' AND first = 1",
            [],
        )
        .unwrap();
    let error = check(&path).unwrap_err().to_string();
    assert!(error.contains("messages 1 to 3 of #a"), "{error}");
}

#[test]
fn a_damaged_journal_is_found_when_the_file_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let store = Store::open(&path).unwrap();
    one_channel(&store);
    store.append("#a", 1, 7, "hello, world").unwrap();
    let mut query = store.db.prepare("SELECT lines FROM journal").unwrap();
    let stored: Vec<u8> = query.query_row([], |row| row.get(0)).unwrap();
    // The name, the count, the time, and the last letter.
    for at in [2, 4 + 8, 4 + 12, stored.len() - 2] {
        let mut damaged = stored.clone();
        damaged[at] = 0xff;
        store
            .write("UPDATE journal SET lines = ?1", [damaged])
            .unwrap();
        let error = Store::open(&path).map(drop).unwrap_err().to_string();
        assert!(error.contains("row 0 of the journal"), "byte {at}: {error}");
        assert_eq!(check(&path).unwrap_err().to_string(), error);
    }
}

#[test]
fn what_is_forgotten_in_the_batch_that_says_it_is_gone_and_the_order_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let store = Store::open(&path).unwrap();
    one_channel(&store);
    let say = |from: u64, to: u64| {
        for offset in from..=to {
            let at = i64::try_from(offset).unwrap();
            store.append("#a", offset, at, offset.to_string()).unwrap();
        }
    };
    store.begin().unwrap();
    say(1, 3);
    assert_eq!(store.forget("#a", 3, 99).unwrap(), 3);
    assert_eq!(
        (store.first("#a").unwrap(), store.older("#a", 0).unwrap()),
        (None, None)
    );
    say(4, 6);
    store.commit().unwrap();
    store.begin().unwrap();
    say(7, 8);
    assert_eq!(store.forget("#a", 5, 99).unwrap(), 2);
    store.commit().unwrap();
    let mut store = store;
    for _ in 0..2 {
        assert_eq!(texts(&store, 0), ["6", "7", "8"]);
        assert_eq!(
            (store.first("#a").unwrap(), channel(&store).last),
            (Some(6), 8)
        );
        // Only those that are forgotten were said before.
        assert_eq!(store.older("#a", 4).unwrap(), None);
        assert_eq!(store.older("#a", 7).unwrap(), Some(6));
        drop(store);
        store = Store::open(&path).unwrap();
    }
}

#[test]
fn only_what_is_kept_is_looked_at_for_its_age() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("chat.db")).unwrap();
    one_channel(&store);
    store.begin().unwrap();
    // The clock was put back between the two.
    store.append("#a", 1, 5, "one").unwrap();
    store.append("#a", 2, 3, "two").unwrap();
    store.commit().unwrap();
    assert_eq!(store.older("#a", 4).unwrap(), None);
    assert_eq!(store.forget("#a", 1, 9).unwrap(), 1);
    assert_eq!(store.older("#a", 4).unwrap(), Some(2));
    store.begin().unwrap();
    store.settle().unwrap();
    store.commit().unwrap();
    assert_eq!(store.older("#a", 4).unwrap(), Some(2));
}

#[test]
fn a_batch_that_fails_after_a_block_is_full_never_happened() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("chat.db")).unwrap();
    one_channel(&store);
    let long = "x".repeat(10_000);
    store.begin().unwrap();
    for offset in 1..=5 {
        store.append("#a", offset, 0, &long).unwrap();
    }
    store.append("#a", 7, 0, "a gap").unwrap_err();
    store.commit().unwrap_err();
    assert_eq!((sizes(&store, "journal").0, channel(&store).last), (0, 0));
    store.append("#a", 1, 0, "one").unwrap();
    assert_eq!(texts(&store, 0), ["one"]);
}
