//! Processes and sockets, as the host sees them.

use std::{fs, net::Ipv4Addr};

/// Host ids of processes named `name` that descend from `ancestor`.
pub fn descendants(ancestor: i64, name: &str) -> Vec<i32> {
    let mut found = vec![];
    let mut queue = vec![i32::try_from(ancestor).unwrap()];
    while let Some(pid) = queue.pop() {
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
            continue;
        };
        for task in tasks.flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace().filter_map(|c| c.parse().ok()) {
                let comm = fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
                if comm.trim() == name {
                    found.push(child);
                }
                queue.push(child);
            }
        }
    }
    found
}

/// Sends SIGKILL to one process.
pub fn kill(pid: i32) {
    let status = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success(), "process {pid} could not be killed");
}

/// The line of a pid file that names a process: `PID STARTTIME BOOT NOTE`.
pub fn pid_line(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1;
    let started = fields.split_whitespace().nth(19).unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    format!("{pid} {started} {} f00\n", boot.trim())
}

/// The addresses on which somebody listens on a TCP port.
pub fn listening(port: u16) -> Vec<Ipv4Addr> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let six = fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    let local = |row: &str| {
        let mut fields = row.split_whitespace();
        let (address, at) = fields.nth(1)?.split_once(':')?;
        let listens = fields.nth(1)? == "0A" && u16::from_str_radix(at, 16) == Ok(port);
        listens.then(|| address.to_owned())
    };
    assert_eq!(six.lines().find_map(local), None, "port {port} on IPv6");
    let parse = |text: String| u32::from_str_radix(&text, 16).unwrap().to_ne_bytes().into();
    table.lines().filter_map(local).map(parse).collect()
}
