//! The protocol's files: `first-seen.json`, `allowlist.json`, `bans.json`, and the marketplace's in `.agentchat`, out of
//! the database and into it.
//!
//! Files are written beside their place and renamed, so that a reader finds all of one or nothing.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use agentchat_market::files::File;
use agentchat_protocol::{agent_id, canonical_public_key};
use agentchat_store::{Ban, Store};
use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

const SEEN: &str = "first-seen.json";
const ALLOWLIST: &str = "allowlist.json";
const BANS: &str = "bans.json";
/// Folder of the marketplace's files.
const MARKET: &str = ".agentchat";

/// Writes all files into a folder.
pub fn export(store: &Store, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
    let seen: Map<_, _> = store
        .seen()?
        .into_iter()
        .map(|(key, at)| (key, at.into()))
        .collect();
    let allowed = store.allowed()?.into_iter().map(|allowed| {
        json!({"pubkey": allowed.pubkey, "agentId": agent_id(&allowed.pubkey),
            "approvedAt": allowed.approved_at, "approvedBy": "admin", "note": allowed.note})
    });
    let bans = store.bans()?.into_iter().map(|ban| {
        json!({"agentId": ban.agent, "reason": ban.reason, "bannedAt": ban.at,
            "bannedBy": "admin"})
    });
    write(&folder.join(SEEN), &Value::Object(seen))?;
    write(&folder.join(ALLOWLIST), &allowed.collect())?;
    write(&folder.join(BANS), &bans.collect())?;
    let market = folder.join(MARKET);
    fs::create_dir_all(&market).with_context(|| format!("{} can't be made", market.display()))?;
    let records = store.market()?;
    for file in File::ALL {
        put(&market.join(file.name()), &file.write(&records))?;
    }
    Ok(())
}

/// Reads the files that are in a folder; all of them count, or none. Says what was read.
pub fn import(store: &Store, folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut lines = vec![];
    store.begin()?;
    for (name, read) in [
        (SEEN, read_seen as fn(&Store, &Value) -> _),
        (ALLOWLIST, read_allowlist),
        (BANS, read_bans),
    ] {
        let path = folder.join(name);
        if path.exists() {
            let count = read(store, &json(&path)?)
                .with_context(|| format!("{} can't be imported", path.display()))?;
            lines.push(format!("{name}: {count} entries"));
        }
    }
    for file in File::ALL {
        let path = folder.join(MARKET).join(file.name());
        if path.exists() {
            let name = || format!("{} can't be imported", path.display());
            let records = file.read(&text(&path)?).with_context(name)?;
            for record in &records {
                store.keep(record).with_context(name)?;
            }
            lines.push(format!(
                "{MARKET}/{}: {} entries",
                file.name(),
                records.len()
            ));
        }
    }
    if lines.is_empty() {
        let folder = folder.display();
        bail!("{folder} has none of {SEEN}, {ALLOWLIST}, {BANS}, and none of {MARKET}'s files");
    }
    store.commit()?;
    Ok(lines)
}

/// Approves the keys of a file.
pub fn approve(store: &Store, path: &Path) -> anyhow::Result<()> {
    read_allowlist(store, &json(path)?)
        .with_context(|| format!("{} can't be read as an allowlist", path.display()))?;
    Ok(())
}

fn read_seen(store: &Store, value: &Value) -> anyhow::Result<usize> {
    let entries = value
        .as_object()
        .context("it is not an object of keys and times")?;
    for (key, at) in entries {
        let canonical = canonical(key)?;
        let at = at
            .as_f64()
            .with_context(|| format!("{key:?} has no time"))?;
        store.see(&canonical, whole(at))?;
    }
    Ok(entries.len())
}

fn read_allowlist(store: &Store, value: &Value) -> anyhow::Result<usize> {
    let entries = value.as_array().context("it is not a list")?;
    for (at, entry) in entries.iter().enumerate() {
        let key = entry["pubkey"].as_str();
        let key = key.with_context(|| format!("entry {at} has no pubkey"))?;
        let key = canonical(key)?;
        let note = entry["note"].as_str().unwrap_or_default();
        let approved = entry["approvedAt"].as_f64().map_or(0, whole);
        store.allow(&key, note, approved)?;
    }
    Ok(entries.len())
}

fn read_bans(store: &Store, value: &Value) -> anyhow::Result<usize> {
    let entries = value.as_array().context("it is not a list")?;
    for (at, entry) in entries.iter().enumerate() {
        let agent = entry["agentId"].as_str();
        let agent = agent.with_context(|| format!("entry {at} has no agentId"))?;
        store.ban(&Ban {
            agent: agent.trim_start_matches('@').to_owned(),
            reason: entry["reason"].as_str().unwrap_or_default().to_owned(),
            at: entry["bannedAt"].as_f64().map_or(0, whole),
        })?;
    }
    Ok(entries.len())
}

/// A key in another form is the same key, and has one id here.
fn canonical(key: &str) -> anyhow::Result<String> {
    let canonical = canonical_public_key(key);
    canonical.with_context(|| format!("{key:?} is not an Ed25519 public key in SPKI PEM"))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float that is no time becomes the nearest one"
)]
fn whole(ms: f64) -> i64 {
    ms as i64
}

fn json(path: &Path) -> anyhow::Result<Value> {
    let text = text(path)?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

fn text(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))
}

fn write(path: &Path, value: &Value) -> anyhow::Result<()> {
    put(path, &format!("{value:#}\n"))
}

/// Nobody else reads it: it says whom this server trusts, and what agents staked.
fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    let beside = path.with_extension("tmp");
    let open = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside);
    open.and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&beside, path))
        .with_context(|| format!("{} can't be written", path.display()))
}

#[cfg(test)]
mod tests {
    use agentchat_protocol::Identity;

    use super::*;

    fn store(dir: &Path, name: &str) -> Store {
        Store::open(&dir.join(name)).unwrap()
    }

    #[test]
    fn what_is_exported_can_be_imported() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (store(dir.path(), "from.db"), store(dir.path(), "to.db"));
        let key = Identity::generate().unwrap().public_key_pem();
        from.see(&key, 5).unwrap();
        from.allow(&key, "a note", 6).unwrap();
        let ban = Ban {
            agent: "0123456789abcdef".into(),
            reason: "spam".into(),
            at: 7,
        };
        from.ban(&ban).unwrap();
        let ratings = r#"{"@a": {"rating": 1234, "transactions": 3}}"#;
        for record in File::Ratings.read(ratings).unwrap() {
            from.keep(&record).unwrap();
        }
        let files = dir.path().join("files");
        export(&from, &files).unwrap();
        let mode = fs::metadata(files.join(ALLOWLIST)).unwrap().permissions();
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
            0o600
        );
        assert_eq!(import(&to, &files).unwrap().len(), 6);
        assert_eq!(to.market().unwrap(), from.market().unwrap());
        assert_eq!(to.market().unwrap().len(), 1);
        assert_eq!(to.seen().unwrap(), [(key.clone(), 5)]);
        assert_eq!(
            (to.allowed().unwrap(), to.bans().unwrap()),
            (from.allowed().unwrap(), vec![ban])
        );

        // Other servers also know keys that lost their last newline.
        let lost = json!([{"pubkey": key.trim_end()}]).to_string();
        fs::write(files.join(ALLOWLIST), lost).unwrap();
        let fresh = store(dir.path(), "fresh.db");
        approve(&fresh, &files.join(ALLOWLIST)).unwrap();
        assert!(fresh.is_allowed(&key).unwrap());
    }

    #[test]
    fn a_file_that_is_wrong_imports_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let to = store(dir.path(), "to.db");
        let key = Identity::generate().unwrap().public_key_pem();
        fs::write(dir.path().join(SEEN), json!({key: 5}).to_string()).unwrap();
        for wrong in ["[{\"pubkey\": \"x\"}]", "[1]", "{}", "["] {
            fs::write(dir.path().join(ALLOWLIST), wrong).unwrap();
            assert!(
                import(&store(dir.path(), "to.db"), dir.path()).is_err(),
                "{wrong}"
            );
        }
        assert_eq!(to.seen().unwrap(), []);
        assert!(import(&to, &dir.path().join("nowhere")).is_err());
    }
}
