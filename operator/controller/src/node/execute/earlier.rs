//! The files of a chat server of an earlier release, which was a process of the host: they are taken along into the
//! volume of its container.
//!
//! The folder is set aside between unpacking and the first start, so that at each moment exactly one of the two is
//! the server's data: whatever ends the operator in between, nothing is lost and nothing taken twice.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use agentchat_contract::server;
use bytes::Bytes;

use crate::error::Error;

/// Where the files go in the container.
pub const TARGET: &str = server::DATA_DIR;
/// Held by a server that runs on the folder.
const LOCK: &str = "chat.lock";

/// The folder as a tar archive whose files belong to the server's user; `None` when there is no such folder.
pub async fn pack(folder: &Path) -> Result<Option<Bytes>, Error> {
    let folder = folder.to_owned();
    blocking(move || {
        if !folder.is_dir() {
            return Ok(None);
        }
        if !is_idle(&folder)? {
            let message = format!(
                "a chat server still runs on {}; stop it, so that its data can be taken along",
                folder.display()
            );
            return Err(io::Error::other(message));
        }
        let mut archive = tar::Builder::new(vec![]);
        add(&mut archive, &folder, &folder)?;
        Ok(Some(archive.into_inner()?.into()))
    })
    .await
}

/// Renames the folder, so that it is not taken again.
pub async fn set_aside(folder: &Path) -> Result<(), Error> {
    let folder = folder.to_owned();
    blocking(move || {
        let aside = aside(&folder)?;
        fs::rename(&folder, aside)
    })
    .await
}

/// A name beside it that is free.
fn aside(folder: &Path) -> io::Result<PathBuf> {
    let names = std::iter::once("moved".to_owned()).chain((1..1000).map(|n| format!("moved.{n}")));
    let mut free = names
        .map(|extension| folder.with_extension(extension))
        .filter(|path| !path.exists());
    free.next()
        .ok_or_else(|| io::Error::other(format!("no free name beside {}", folder.display())))
}

fn is_idle(folder: &Path) -> io::Result<bool> {
    let lock = match File::open(folder.join(LOCK)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    match lock.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn add(archive: &mut tar::Builder<Vec<u8>>, root: &Path, folder: &Path) -> io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = path.strip_prefix(root).map_err(io::Error::other)?;
        let mut header = tar::Header::new_gnu();
        header.set_uid(server::UID.into());
        header.set_gid(server::UID.into());
        if kind.is_dir() {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o700);
            header.set_size(0);
            archive.append_data(&mut header, name, io::empty())?;
            add(archive, root, &path)?;
        } else if kind.is_file() && entry.file_name() != LOCK {
            header.set_mode(0o600);
            header.set_size(entry.metadata()?.len());
            archive.append_data(&mut header, name, File::open(&path)?)?;
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|_| Error::Stopping)?;
    done.map_err(|error| {
        Error::Invalid(format!(
            "the data of the earlier chat server can't be taken along: {error}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[tokio::test]
    async fn files_are_packed_for_the_servers_user_and_set_aside_once() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("data");
        assert!(pack(&folder).await.unwrap().is_none());
        fs::create_dir_all(folder.join("lists")).unwrap();
        fs::write(folder.join("chat.db"), "database").unwrap();
        fs::write(folder.join("lists/bans.json"), "[]").unwrap();
        fs::write(folder.join(LOCK), "").unwrap();
        let packed = pack(&folder).await.unwrap().unwrap();
        let mut archive = tar::Archive::new(&packed[..]);
        let mut names = vec![];
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            assert_eq!(entry.header().uid().unwrap(), u64::from(server::UID));
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            names.push(format!("{} {text}", entry.path().unwrap().display()));
        }
        assert_eq!(names, ["chat.db database", "lists ", "lists/bans.json []"]);
        set_aside(&folder).await.unwrap();
        assert!(pack(&folder).await.unwrap().is_none());
        assert!(base.path().join("data.moved/chat.db").exists());
    }

    #[tokio::test]
    async fn folder_of_a_server_that_runs_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let lock = File::create(folder.path().join(LOCK)).unwrap();
        lock.lock().unwrap();
        let refused = pack(folder.path()).await.unwrap_err();
        assert!(refused.to_string().contains("still runs"), "{refused}");
    }
}
