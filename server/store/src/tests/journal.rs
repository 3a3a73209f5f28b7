//! How long the journal gets.

use rusqlite::types::ValueRef;

use super::*;

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
        .prepare(&format!("SELECT lines FROM {table}"))
        .unwrap();
    let size = |row: &rusqlite::Row| {
        Ok(match row.get_ref(0)? {
            ValueRef::Blob(packed) => lz4_flex::block::uncompressed_size(packed).unwrap().0,
            text => text.as_str()?.len(),
        })
    };
    let sizes = query.query_map([], size).unwrap().map(Result::unwrap);
    sizes.fold((0, 0), |(rows, bytes), size| (rows + 1, bytes + size))
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
    assert_eq!(sizes(&store, "journal"), (1, "#a 5001 0 y\n".len()));
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
