//! Programs on a unix socket that are not the Podman one wants.

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
};

/// What one says, whatever it is asked.
#[derive(Clone)]
pub enum Answer {
    /// An HTTP answer.
    Json(u16, String),
    /// Something else.
    Bytes(&'static str),
    /// A good version, and no image.
    Podman,
}

/// One that answers until the test ends.
pub struct Fake {
    socket: String,
}

impl Fake {
    /// Listens from now on.
    pub fn start(socket: &str, answer: Answer) -> Self {
        let listener = UnixListener::bind(Path::new(socket)).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // Who asks may have gone already, which is none of our business.
                drop(stream.and_then(|stream| reply(stream, &answer)));
            }
        });
        Self {
            socket: socket.to_owned(),
        }
    }

    /// Where it listens.
    pub fn socket(&self) -> &str {
        &self.socket
    }
}

fn reply(mut stream: UnixStream, answer: &Answer) -> std::io::Result<()> {
    let mut asked = vec![0; 4096];
    let length = stream.read(&mut asked)?;
    let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
    let http = |status: u16, body: &str| format!("HTTP/1.0 {status} x\r\n\r\n{body}");
    let version = r#"{"Components": [{"Name": "Podman Engine", "Version": "5.4.2"}]}"#;
    let text = match answer {
        Answer::Json(status, body) => http(*status, body),
        Answer::Bytes(text) => (*text).to_owned(),
        Answer::Podman if asked.starts_with("GET /version") => http(200, version),
        Answer::Podman => http(404, "{}"),
    };
    stream.write_all(text.as_bytes())
}
