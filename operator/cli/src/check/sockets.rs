//! TCP sockets of this machine that listen, and the processes that they belong to.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::output::plain;

/// A socket that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its local address.
    pub address: IpAddr,
    inode: String,
}

/// The sockets that listen on a port.
pub fn listeners(port: u16) -> Vec<Listener> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let rows = tables.iter().flatten().flat_map(|text| text.lines());
    rows.filter_map(|row| listening(row, port)).collect()
}

impl Listener {
    /// Name and id of the process that it belongs to, as far as one may look.
    pub fn process(&self) -> Option<String> {
        let entries = fs::read_dir("/proc").ok()?.flatten();
        let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let pid = pids.find(|pid| self.is_of(*pid))?;
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some(format!("{} (process {pid})", plain(name.trim_end())))
    }

    fn is_of(&self, pid: i32) -> bool {
        let own = format!("socket:[{}]", self.inode);
        let open = fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten()
            .flatten();
        let mut targets = open.flat_map(|entry| fs::read_link(entry.path()));
        targets.any(|target| target.to_str() == Some(&own))
    }
}

/// A row of proc_net_tcp(5), when it is a listening socket on the port.
fn listening(row: &str, port: u16) -> Option<Listener> {
    let mut fields = row.split_ascii_whitespace();
    let (address, local) = fields.nth(1)?.rsplit_once(':')?;
    let state = fields.nth(1)?;
    if u16::from_str_radix(local, 16) != Ok(port) || state != "0A" {
        return None;
    }
    let inode = fields.nth(5)?.to_owned();
    let address = parse(address)?;
    Some(Listener { address, inode })
}

/// An address as the kernel writes it: words of 32 bits in the byte order of the machine, in hexadecimal.
fn parse(text: &str) -> Option<IpAddr> {
    let mut bytes = vec![];
    for at in (0..text.len()).step_by(8) {
        let word = u32::from_str_radix(text.get(at..at + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(Ipv4Addr::from(bytes).into());
    }
    let bytes = <[u8; 16]>::try_from(bytes.as_slice()).ok()?;
    Some(Ipv6Addr::from(bytes).into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn listener_is_found_with_its_address_and_process() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                continue;
            };
            let local = listener.local_addr().unwrap();
            let found = listeners(local.port());
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].address, local.ip());
            let own = format!("(process {})", std::process::id());
            assert!(found[0].process().unwrap().ends_with(&own));
            drop(listener);
            assert_eq!(listeners(local.port()), []);
        }
    }
}
