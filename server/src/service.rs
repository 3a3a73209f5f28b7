//! What a service manager gives, and what it wants to hear: a socket that listens already, readiness, the end.
//!
//! The protocols are systemd's: `LISTEN_FDS` and `NOTIFY_SOCKET`. Without them nothing happens.

use std::{
    io,
    net::TcpListener,
    os::{
        fd::FromRawFd,
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
};

use anyhow::Context;

/// The first descriptor that is passed.
const FIRST: i32 = 3;

/// The socket that was passed to this process, if one was.
pub fn listener(
    environment: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<Option<TcpListener>> {
    let number = |name| environment(name).and_then(|text| text.parse::<u32>().ok());
    let ours = number("LISTEN_PID") == Some(std::process::id());
    if !ours || number("LISTEN_FDS").unwrap_or(0) == 0 {
        return Ok(None);
    }
    #[expect(
        unsafe_code,
        reason = "the service manager says that this descriptor is ours, and nothing else has taken it"
    )]
    let listener = unsafe { TcpListener::from_raw_fd(FIRST) };
    let address = listener.local_addr();
    address.context("the socket that the service manager passed is no TCP socket")?;
    listener.set_nonblocking(true)?;
    Ok(Some(listener))
}

/// Tells the service manager, if there is one, such as `READY=1`.
pub fn notify(environment: impl Fn(&str) -> Option<String>, state: &str) {
    let Some(path) = environment("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(&path, state) {
        tracing::warn!(%error, state, "the service manager could not be told");
    }
}

fn send(path: &str, state: &str) -> io::Result<()> {
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_manager_hears_by_path_and_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("agentchat-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&address).unwrap();
        for (socket, there) in [
            (by_path, path.display().to_string()),
            (by_name, format!("@{name}")),
        ] {
            notify(|_| Some(there.clone()), "READY=1");
            let mut received = [0; 16];
            let length = socket.recv(&mut received).unwrap();
            assert_eq!(&received[..length], b"READY=1");
        }
        notify(|_| None, "READY=1");
    }

    #[test]
    fn a_socket_for_another_process_is_not_ours() {
        let given = |name: &str| match name {
            "LISTEN_FDS" => Some("1".to_owned()),
            "LISTEN_PID" => Some("1".to_owned()),
            _ => None,
        };
        assert!(listener(given).unwrap().is_none());
        assert!(listener(|_| None).unwrap().is_none());
    }
}
