//! Files in directories that the agent can write.
//!
//! Whatever the agent puts in their places (a link, a FIFO, a directory), the supervisor neither follows it nor
//! waits for it: it may fail to read or write, and then goes on.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::fcntl::OFlag;

/// Replaces a file as a whole; `durable` also survives a crash of the host.
pub fn replace(path: &Path, contents: &[u8], durable: bool) -> io::Result<()> {
    let temporary = path.with_extension("json.new");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary)?;
    file.write_all(contents)?;
    if durable {
        file.sync_data()?;
    }
    fs::rename(&temporary, path)
}

/// Reads a file of at most so many bytes.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits())
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut contents = Vec::new();
    file.take(most.saturating_add(1))
        .read_to_end(&mut contents)?;
    if contents.len() as u64 > most {
        return Err(io::Error::other(format!("it has more than {most} bytes")));
    }
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    #[test]
    fn fifo_and_link_in_a_files_place_are_neither_waited_for_nor_followed() {
        let root = tempfile::tempdir().unwrap();
        let (path, other) = (root.path().join("a.json"), root.path().join("other"));
        let temporary = path.with_extension("json.new");
        fs::write(&other, "kept").unwrap();
        for place in [&path, &temporary] {
            mkfifo(place, Mode::S_IRWXU).unwrap();
        }
        assert!(read(&path, 10).is_err());
        replace(&path, b"one", false).unwrap();
        assert_eq!(read(&path, 3).unwrap(), b"one");
        assert!(read(&path, 2).is_err());
        std::os::unix::fs::symlink(&other, &temporary).unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(read(&path, 10).is_err());
        replace(&path, b"two", true).unwrap();
        assert_eq!(read(&path, 10).unwrap(), b"two");
        assert_eq!(fs::read(&other).unwrap(), b"kept");
    }
}
