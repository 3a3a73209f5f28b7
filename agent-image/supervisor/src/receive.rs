//! `agent-supervisor receive`: writes one delivery.

use std::fs;
use std::io::Read;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use agentchat_contract::{Delivery, Layout, Place, exit, paths, read_delivery};
use anyhow::Context as _;

/// Reads one delivery and writes its files, `.complete` last.
pub fn receive(layout: &Layout, input: impl Read) -> anyhow::Result<i32> {
    let delivery = read_delivery(input)?;
    for file in &delivery.files {
        let directory = match file.place {
            Place::Config => layout.path(paths::CONFIG_DIR),
            Place::Secrets => layout.path(paths::SECRETS_DIR),
        };
        write(&directory.join(&file.path), &file.contents)?;
    }
    remove_old_parts(layout, &delivery)?;
    write(
        &layout.path(paths::COMPLETE),
        delivery.generation.to_string().as_bytes(),
    )?;
    Ok(exit::COMPLETED)
}

/// Writes a file beside its place and moves it there.
fn write(path: &Path, contents: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("can't write {}", path.display());
    let parent = path.parent().with_context(failed)?;
    let name = path.file_name().with_context(failed)?;
    fs::create_dir_all(parent).with_context(failed)?;
    let temporary = parent.join(format!(".new-{}", name.display()));
    if temporary.exists() {
        fs::remove_file(&temporary).with_context(failed)?;
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o400)
        .open(&temporary)
        .with_context(failed)?;
    file.write_all(contents).with_context(failed)?;
    file.set_permissions(fs::Permissions::from_mode(0o444))
        .with_context(failed)?;
    fs::rename(&temporary, path).with_context(failed)
}

/// Removes parts of the personality that an earlier delivery had and this one does not; a
/// delivery of secrets alone leaves them.
fn remove_old_parts(layout: &Layout, delivery: &Delivery) -> anyhow::Result<()> {
    let mut kept = delivery
        .files
        .iter()
        .filter(|file| file.place == Place::Config)
        .peekable();
    let directory = layout.path(paths::PERSONALITY_DIR);
    if kept.peek().is_none() || !directory.is_dir() {
        return Ok(());
    }
    let kept: Vec<_> = kept
        .map(|file| layout.path(paths::CONFIG_DIR).join(&file.path))
        .collect();
    for entry in fs::read_dir(&directory)? {
        let path = entry?.path();
        if path.is_file() && !kept.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use agentchat_contract::{DeliveredFile, encode_delivery};

    use super::*;

    fn file(place: Place, path: &str, contents: &str) -> DeliveredFile {
        DeliveredFile {
            place,
            path: path.into(),
            contents: contents.into(),
        }
    }

    #[test]
    fn writes_replaces_and_removes() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path().into());
        let deliver = |generation, files| {
            receive(
                &layout,
                &encode_delivery(&Delivery { generation, files })[..],
            )
            .unwrap();
        };
        deliver(
            1,
            vec![
                file(Place::Config, "personality/a.md", "a"),
                file(Place::Config, "personality/b.md", "b"),
                file(Place::Secrets, "api-key", "k1"),
            ],
        );
        deliver(2, vec![file(Place::Secrets, "api-key", "k2")]);
        assert!(layout.path("/etc/agent/personality/b.md").exists());
        deliver(3, vec![file(Place::Config, "personality/a.md", "A")]);
        assert!(!layout.path("/etc/agent/personality/b.md").exists());
        assert_eq!(
            fs::read(layout.path("/etc/agent/personality/a.md")).unwrap(),
            b"A"
        );
        let key = layout.path(paths::API_KEY);
        assert_eq!(fs::read(&key).unwrap(), b"k2");
        assert_eq!(
            fs::metadata(&key).unwrap().permissions().mode() & 0o777,
            0o444
        );
        assert_eq!(fs::read(layout.path(paths::COMPLETE)).unwrap(), b"3");
    }
}
