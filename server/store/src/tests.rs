use super::*;

#[test]
fn what_was_stored_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let channel = Channel {
        name: "#a".into(),
        epoch: "e".into(),
        verified_only: false,
        last: 0,
    };
    {
        let store = Store::open(&path).unwrap();
        store.create_channel(&channel).unwrap();
        for offset in 1..=3 {
            store.append("#a", offset, &format!("m{offset}")).unwrap();
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
    let other = Store::open(&path).unwrap();
    store.begin().unwrap();
    store.append("#a", 1, "one").unwrap();
    assert_eq!(texts(&other, 0), [""; 0], "seen before the commit");
    store.append("#a", 2, "two").unwrap();
    store.commit().unwrap();
    assert_eq!(texts(&other, 0), ["one", "two"]);

    store.begin().unwrap();
    store.append("#a", 3, "three").unwrap();
    store.append("#a", 3, "again").unwrap_err();
    store.append("#a", 4, "four").unwrap();
    assert!(matches!(store.commit(), Err(StoreError::Batch)));
    assert_eq!(texts(&store, 0), ["one", "two"]);

    store.begin().unwrap();
    store.append("#a", 3, "three").unwrap();
    store.commit().unwrap();
    assert_eq!(texts(&other, 2), ["three"]);
}

#[test]
fn reading_is_bounded_in_messages_and_bytes_and_always_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("chat.db")).unwrap();
    assert_eq!(store.first("#a").unwrap(), None);
    for offset in 3..=6 {
        store.append("#a", offset, "four").unwrap();
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
    found.into_iter().map(|(_, json)| json).collect()
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
        INSERT INTO message VALUES ('#a', 1, 'm1');
        PRAGMA user_version = 1;";
    Connection::open(&path).unwrap().execute_batch(old).unwrap();
    for _ in 0..2 {
        let store = Store::open(&path).unwrap();
        assert_eq!(texts(&store, 0), ["m1"]);
        let allowed = store.allowed().unwrap();
        assert_eq!((&*allowed[0].note, allowed[0].approved_at), ("note", 0));
    }
}
