//! Why a socket can't be used, and what a person can do about it.

use std::{
    env, fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::Path,
};

use nix::unistd::{Uid, User, geteuid};

/// The sentence for a connection that failed.
pub fn unusable(socket: &Path, error: &io::Error) -> String {
    let shown = socket.display();
    let about = fs::metadata(socket);
    match (error.kind(), &about) {
        (io::ErrorKind::PermissionDenied, _) => {
            let whose = about.map_or_else(
                |_| "in a folder that is closed to you".to_owned(),
                |about| {
                    let mode = about.permissions().mode() & 0o7777;
                    format!("of {}, mode {mode:04o}", name(about.uid()))
                },
            );
            format!(
                "user {} may not use Podman's socket {shown} ({whose}); {}",
                name(geteuid().as_raw()),
                own(socket)
            )
        }
        (_, Ok(about)) if !about.file_type().is_socket() => {
            let is = if about.is_dir() { "a folder" } else { "a file" };
            format!("{shown} is {is} and no socket; give Podman's socket with --socket")
        }
        (io::ErrorKind::NotFound, _) if !installed() => format!(
            "there is no Podman here: neither its socket {shown} nor a program `podman`; install it with \
             `cargo xtask setup` or your system's packages"
        ),
        (io::ErrorKind::NotFound, _) => {
            format!("Podman's socket {shown} is not there; {}", start(socket))
        }
        (io::ErrorKind::ConnectionRefused, Ok(_)) => format!(
            "nobody listens on Podman's socket {shown}, it was left behind; {}",
            start(socket)
        ),
        _ => format!(
            "Podman's socket {shown} can't be used: {error}; {}",
            start(socket)
        ),
    }
}

/// How Podman's service is started, or another is chosen.
fn start(socket: &Path) -> String {
    let user = if geteuid().is_root() { "" } else { "--user " };
    let by_hand = if Path::new("/run/systemd/system").is_dir() {
        format!("systemctl {user}enable --now podman.socket")
    } else {
        format!(
            "podman system service --time=0 unix://{} &",
            socket.display()
        )
    };
    format!("start it with `cargo xtask setup` or `{by_hand}`, or give another with --socket")
}

/// What somebody can do who may not use this one.
fn own(socket: &Path) -> String {
    if geteuid().is_root() {
        return "give one with --socket that root may use".into();
    }
    let own = super::default_socket();
    if own == socket {
        return "see who made it, and give one of your own with --socket".into();
    }
    format!(
        "use a Podman of your own: leave --socket out, that is {}",
        own.display()
    )
}

/// Whether there is a program `podman`.
fn installed() -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join("podman").is_file())
}

fn name(id: u32) -> String {
    let user = User::from_uid(Uid::from_raw(id)).ok().flatten();
    user.map_or_else(|| id.to_string(), |user| user.name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn unusable_socket_is_named_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let said = |path: &Path| unusable(path, &UnixStream::connect(path).unwrap_err());
        let left = dir.path().join("left");
        drop(UnixListener::bind(&left).unwrap());
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        for (path, says) in [
            (left, "left behind"),
            (file, "is a file and no socket"),
            (dir.path().to_owned(), "is a folder and no socket"),
            (dir.path().join("none"), "socket"),
        ] {
            let said = said(&path);
            let named = said.contains(&path.display().to_string());
            assert!(said.contains(says) && named, "{said}");
        }
    }
}
