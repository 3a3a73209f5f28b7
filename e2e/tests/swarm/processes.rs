//! Processes of a container, as the host sees them.

use std::fs;

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
