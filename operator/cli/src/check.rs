//! Looks before the leap: ports that are free, an engine that answers.

mod engine;
mod listener;
mod socket;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use anyhow::{Result, bail};

pub use engine::{Engine, default_socket};
pub use listener::listens;

/// How many ports after the usual one are tried.
const TRIES: u16 = 200;

/// Fails unless `address` is free; `what` and `flag` are for the message.
pub fn free(address: SocketAddr, what: &str, flag: &str) -> Result<()> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let who = listener::holder(address.port()).map_or_else(
                || "another program".to_owned(),
                |(name, pid)| format!("{name} (process {pid})"),
            );
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
    fn a_taken_port_is_named_with_the_way_out() {
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
