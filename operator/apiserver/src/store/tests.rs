use serde_json::json;

use super::*;

fn key(name: &str) -> Key {
    Key {
        resource: "things.example.com".into(),
        namespace: "default".into(),
        name: name.into(),
    }
}

fn put(store: &Store, name: &str, value: i64) -> u64 {
    let object = json!({"metadata": {"name": name}, "spec": value});
    let (stored, ()) = store
        .transact_blocking(|_| Ok((Write::Put(key(name), object), ())))
        .unwrap();
    stored["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

fn open(folder: &tempfile::TempDir, history: usize) -> Store {
    Store::open_with_history(&folder.path().join("state.db"), history).unwrap()
}

#[test]
fn revisions_have_no_gaps_and_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, 100);
    assert_eq!((put(&store, "a", 1), put(&store, "b", 1)), (1, 2));
    let kept = store.transact_blocking(|state| {
        let object = state.get(&key("a")).cloned();
        Ok((Write::Keep(object.ok_or_else(Failure::no_such_path)?), ()))
    });
    assert!(kept.is_ok());
    drop(store);
    let store = open(&folder, 100);
    assert_eq!(
        put(&store, "a", 2),
        3,
        "a write of nothing made no revision"
    );
    store.read(|state| {
        let seen: Vec<u64> = state
            .events_after(1)
            .unwrap()
            .map(|event| event.revision)
            .collect();
        assert_eq!(seen, [2, 3]);
    });
}

#[test]
fn an_earlier_revision_can_be_listed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, 100);
    put(&store, "a", 1);
    let then = put(&store, "b", 1);
    put(&store, "a", 2);
    put(&store, "c", 1);
    let gone = json!({"metadata": {"name": "b"}, "spec": 1});
    store
        .transact_blocking(|_| Ok((Write::Remove(key("b"), gone), ())))
        .unwrap();
    store.read(|state| {
        let listed = state.list_at("things.example.com", None, then).unwrap();
        let seen: Vec<(&str, &Value)> = listed
            .iter()
            .map(|(key, object)| (key.name.as_str(), &object["spec"]))
            .collect();
        assert_eq!(seen, [("a", &json!(1)), ("b", &json!(1))]);
        let now: Vec<&str> = state
            .list("things.example.com", Some("default"))
            .map(|(key, _)| key.name.as_str())
            .collect();
        assert_eq!(now, ["a", "c"]);
    });
}

#[test]
fn what_left_the_history_is_too_old() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, 2);
    for value in 1..=5 {
        put(&store, "a", value);
    }
    let too_old = TooOld {
        asked: 2,
        oldest: 3,
    };
    store.read(|state| {
        assert_eq!(state.events_after(2).err(), Some(too_old));
        assert_eq!(state.events_after(3).unwrap().count(), 2);
    });
    drop(store);
    open(&folder, 2).read(|state| {
        assert_eq!(state.events_after(3).unwrap().count(), 2);
        assert!(state.events_after(2).is_err());
    });
}

#[test]
fn a_newer_file_and_a_file_in_use_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, 2);
    put(&store, "a", 1);
    let path = folder.path().join("state.db");
    let second = Store::open(&path).unwrap_err().to_string();
    assert!(second.contains("in use by another process"), "{second}");
    store
        .connection
        .lock()
        .unwrap()
        .execute_batch("PRAGMA user_version = 9")
        .unwrap();
    drop(store);
    let newer = Store::open(&path).unwrap_err().to_string();
    assert!(newer.contains("schema version 9"), "{newer}");
}
