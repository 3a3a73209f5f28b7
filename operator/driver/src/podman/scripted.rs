//! A Podman that answers by script, for what the real one can't be brought to do at a certain moment.

use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
};

use super::Podman;

pub struct Scripted {
    /// The swarm `mine` on it.
    pub podman: Podman,
    requests: Arc<Mutex<Vec<String>>>,
    _folder: TempDir,
}

impl Scripted {
    /// Gives these answers, status and JSON, one after the other.
    pub fn start(answers: &'static [(u16, &'static str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("podman.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let asked = requests.clone();
        tokio::spawn(async move {
            let mut answers = answers.iter();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 1 << 16];
                let length = stream.read(&mut request).await.unwrap();
                // Who only looks whether somebody listens asks nothing.
                if length == 0 {
                    continue;
                }
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                asked.lock().unwrap().push(request);
                let (status, json) = answers.next().expect("asked more than expected");
                let answer = format!("HTTP/1.0 {status} x\r\n\r\n{json}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self {
            podman: Podman::connect(&socket, "mine".to_owned()).unwrap(),
            requests,
            _folder: folder,
        }
    }

    /// The first line of each request so far.
    pub fn requests(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let lines = requests.iter().filter_map(|r| r.lines().next());
        lines.map(str::to_owned).collect()
    }
}
