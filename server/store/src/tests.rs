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
        store.allow("key", "note").unwrap();
    }
    let store = Store::open(&path).unwrap();
    assert_eq!(store.channels().unwrap(), [Channel { last: 3, ..channel }]);
    assert_eq!(store.tail("#a", 2).unwrap(), ["m2", "m3"]);
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
    assert_eq!(
        other.tail("#a", 9).unwrap(),
        [""; 0],
        "seen before the commit"
    );
    store.append("#a", 2, "two").unwrap();
    store.commit().unwrap();
    assert_eq!(other.tail("#a", 9).unwrap(), ["one", "two"]);

    store.begin().unwrap();
    store.append("#a", 3, "three").unwrap();
    store.append("#a", 3, "again").unwrap_err();
    store.append("#a", 4, "four").unwrap();
    assert!(matches!(store.commit(), Err(StoreError::Batch)));
    assert_eq!(store.tail("#a", 9).unwrap(), ["one", "two"]);

    store.begin().unwrap();
    store.append("#a", 3, "three").unwrap();
    store.commit().unwrap();
    assert_eq!(other.tail("#a", 1).unwrap(), ["three"]);
}
