//! Checks before anything is started: ports that are free, an engine that can be asked.

mod sockets;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
};

use agentchat_driver::{Bounded, Deadlines, EngineError, Podman};
use anyhow::{Result, anyhow, bail};

pub use sockets::{Listener, listeners};

/// How many ports after the usual one are tried.
const TRIES: u16 = 200;

/// The engine behind a socket, as the swarm of this id sees it.
pub fn engine(socket: &Path, swarm_id: &str) -> Result<Bounded, EngineError> {
    let podman = Podman::connect(socket, swarm_id.to_owned())?;
    Ok(Bounded::new(Arc::new(podman), Deadlines::default()))
}

/// An engine's error in a person's terms: here nothing is tried again.
pub fn engine_error(error: EngineError) -> anyhow::Error {
    match error {
        EngineError::TimedOut { action, seconds } => anyhow!(
            "it took longer than {seconds} s to {action}; see whether Podman is stuck, then try again"
        ),
        other => other.into(),
    }
}

/// Fails unless `address` is free; `what` and `flag` are for the message.
pub fn free(address: SocketAddr, what: &str, flag: &str) -> Result<()> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let all = listeners(address.port());
            let who = all.iter().find_map(Listener::process);
            let who = who.unwrap_or_else(|| "another program".to_owned());
            bail!(
                "{what} can't listen on {address}: {who} has that port; stop it or choose another port \
                 with {flag}"
            )
        }
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            bail!("{what} can't listen on {address}: this machine has no such address; see {flag}")
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => bail!(
            "{what} can't listen on {address}: ports below 1024 are not for everybody; choose another \
             port with {flag}"
        ),
        Err(error) => bail!("{what} can't listen on {address}: {error}; see {flag}"),
    }
}

/// The usual port, or the next free one after it.
pub fn free_port(address: Ipv4Addr, usual: u16) -> Result<u16> {
    let mut ports = usual..usual.saturating_add(TRIES);
    match ports.find(|port| TcpListener::bind((address, *port)).is_ok()) {
        Some(port) => Ok(port),
        None => bail!("no free port on {address} from {usual} on"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_port_is_named_with_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let said = free(address, "The API", "--api-listen")
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("--api-listen") && said.contains(&address.to_string()),
            "{said}"
        );
        let other = free_port(Ipv4Addr::LOCALHOST, address.port()).unwrap();
        assert!(other > address.port());
        drop(taken);
        free(address, "The API", "--api-listen").unwrap();
    }
}
