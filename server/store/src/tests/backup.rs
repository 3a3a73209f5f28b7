//! What a backup leaves behind.

use super::*;

/// Names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect::<Vec<_>>();
    names.sort();
    names
}

#[test]
fn a_backup_that_fails_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let backups = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let store = Store::open(&path).unwrap();
    store.append("#a", 1, 0, "one").unwrap();
    store
        .write("INSERT INTO journal (lines) VALUES ('damage')", [])
        .unwrap();
    let copy = backups.path().join("copy.db");
    let failed = back_up(&path, &copy);
    assert!(matches!(failed, Err(StoreError::Damaged(_))), "{failed:?}");
    assert_eq!(names(backups.path()), [""; 0]);
    store
        .write("DELETE FROM journal WHERE lines = 'damage'", [])
        .unwrap();
    back_up(&path, &copy).unwrap();
    assert_eq!(names(backups.path()), ["copy.db"]);
    // The one file is all of the copy.
    let moved = dir.path().join("moved.db");
    std::fs::rename(&copy, &moved).unwrap();
    assert_eq!(texts(&Store::open(&moved).unwrap(), 0), ["one"]);
}

#[test]
fn a_backup_takes_no_name_whose_companions_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    drop(Store::open(&path).unwrap());
    let log = dir.path().join("copy.db-wal");
    std::fs::write(&log, "of another").unwrap();
    let failed = back_up(&path, &dir.path().join("copy.db"));
    assert!(
        matches!(&failed, Err(StoreError::Exists(name)) if *name == log.display().to_string()),
        "{failed:?}"
    );
    assert_eq!(names(dir.path()), ["chat.db", "copy.db-wal"]);
    assert_eq!(std::fs::read(&log).unwrap(), b"of another");
    let failed = back_up(&path, &dir.path().join("absent/copy.db"));
    assert!(
        matches!(failed, Err(StoreError::Unwritten(..))),
        "{failed:?}"
    );
}
