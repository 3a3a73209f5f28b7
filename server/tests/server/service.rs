//! What a service manager gives, and what it hears.

use std::{
    net::TcpListener,
    process::{Command, Stdio},
};

use crate::DEADLINE;

#[test]
fn a_socket_that_a_service_manager_passes_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let program = env!("CARGO_BIN_EXE_agentchat-server");
    let script = format!(
        "LISTEN_PID=$$ LISTEN_FDS=1 exec {program} --data-dir {} 3<&0 </dev/null",
        dir.path().display()
    );
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    let answered = std::net::TcpStream::connect(address).map(|mut tcp| {
        std::io::Write::write_all(&mut tcp, b"GET /livez HTTP/1.1\r\n\r\n").unwrap();
        std::io::read_to_string(tcp).unwrap()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(line, format!("listening on ws://{address}\n"));
    assert!(answered.unwrap().starts_with("HTTP/1.1 200 OK"));
}

#[test]
fn a_service_manager_hears_of_readiness_and_of_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(DEADLINE)).unwrap();
    let hear = || {
        let mut said = [0; 64];
        let length = manager.recv(&mut said).unwrap();
        String::from_utf8(said[..length].to_vec()).unwrap()
    };
    let mut child = Command::new(env!("CARGO_BIN_EXE_agentchat-server"))
        .args(["--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir.path())
        .env("NOTIFY_SOCKET", &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(hear(), "READY=1");
    // Ready is who listens.
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    let address = line.trim().rsplit('/').next().unwrap();
    std::net::TcpStream::connect(address).unwrap();
    let pid = child.id().to_string();
    let told = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(told.unwrap().success());
    assert_eq!(hear(), "STOPPING=1");
    assert!(child.wait().unwrap().success());
}
