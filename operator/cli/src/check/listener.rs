//! Whether a certain process listens on a port: an answer alone may be another program's.

use std::{collections::HashSet, fs};

use crate::output::plain;

/// Whether the process has a socket that listens on the TCP port, whatever the address.
pub fn listens(pid: i32, port: u16) -> bool {
    has_one_of(pid, &inodes(port))
}

/// Name and id of the process that listens on the TCP port, as far as one may look.
pub fn holder(port: u16) -> Option<(String, i32)> {
    let inodes = inodes(port);
    let entries = fs::read_dir("/proc").ok()?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let pid = pids.into_iter().find(|pid| has_one_of(*pid, &inodes))?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some((plain(name.trim_end()), pid))
}

/// The sockets that listen on the port.
fn inodes(port: u16) -> HashSet<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let rows = tables.iter().flatten().flat_map(|text| text.lines());
    rows.filter_map(|row| listening(row, port))
        .map(str::to_owned)
        .collect()
}

fn has_one_of(pid: i32, inodes: &HashSet<String>) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    open.flatten().any(|entry| {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        let inode = target
            .to_str()
            .and_then(|t| t.strip_prefix("socket:[")?.strip_suffix(']'));
        inode.is_some_and(|inode| inodes.contains(inode))
    })
}

/// The inode of a row of proc_net_tcp(5), when it is a listening socket on the port.
fn listening(row: &str, port: u16) -> Option<&str> {
    let mut fields = row.split_ascii_whitespace();
    let local = fields.nth(1)?.rsplit_once(':')?.1;
    let state = fields.nth(1)?;
    let here = u16::from_str_radix(local, 16) == Ok(port) && state == "0A";
    here.then(|| fields.nth(5)).flatten()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_listener_is_told_from_others() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(listens(own, port));
        assert_eq!(holder(port).unwrap().1, own);
        let mut other = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        assert!(!listens(i32::try_from(other.id()).unwrap(), port));
        other.kill().unwrap();
        other.wait().unwrap();
        drop(listener);
        assert!(!listens(own, port));
        assert_eq!(holder(port), None);
    }
}
