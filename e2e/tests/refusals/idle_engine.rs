//! A Podman that has every image, lists nothing, and refuses whatever is asked of it.

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
};

/// Listens from now on, until the test ends.
pub fn listen(socket: &Path) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Each on a thread of its own: a client may keep its connection open before it asks.
            std::thread::spawn(move || drop(reply(stream)));
        }
    });
}

fn reply(mut stream: UnixStream) -> std::io::Result<()> {
    let mut asked = vec![0; 8192];
    let length = stream.read(&mut asked)?;
    let asked = String::from_utf8_lossy(&asked[..length]);
    let path = asked.split(' ').nth(1).unwrap_or_default();
    let gone = (404, r#"{"message": "no such thing"}"#);
    let (status, body) = match path {
        _ if asked.starts_with("DELETE ") => gone,
        _ if asked.starts_with("POST ") => (500, r#"{"message": "this engine does nothing"}"#),
        _ if path.contains("/version") => (
            200,
            r#"{"Components": [{"Name": "Podman Engine", "Version": "5.4.2"}], "Version": "5.4.2", "ApiVersion": "1.41"}"#,
        ),
        _ if path.contains("/info") => (200, r#"{"ID": "idle", "DockerRootDir": "/nowhere"}"#),
        _ if path.contains("/images/") => (200, r#"{"Id": "sha256:1"}"#),
        _ if path.contains("/volumes/agentchat-engine") => (
            200,
            r#"{"Name": "agentchat-engine", "Driver": "local", "Mountpoint": "/nowhere", "Scope": "local", "Options": {}, "Labels": {"agentchat.dev/engine": "idle"}}"#,
        ),
        _ if path.contains("/networks/") || path.contains("/volumes/") => gone,
        _ if path.contains("/volumes") => (200, r#"{"Volumes": []}"#),
        _ if path.contains("/json") || path.contains("/networks") => (200, "[]"),
        _ => gone,
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}
