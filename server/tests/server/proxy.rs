//! A network that can be cut.

use std::sync::Arc;

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, watch},
};

/// Passes connections on to a server, until it is cut.
pub struct Proxy {
    pub port: u16,
    whole: watch::Sender<bool>,
    /// Held by every connection while it stands.
    connected: Arc<Mutex<()>>,
}

impl Proxy {
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (whole, seen) = watch::channel(true);
        let connected = Arc::new(Mutex::new(()));
        let one = connected.clone();
        tokio::spawn(async move {
            loop {
                let Ok((near, _)) = listener.accept().await else {
                    return;
                };
                let (mut whole, one) = (seen.clone(), one.clone());
                if *whole.borrow_and_update() {
                    tokio::spawn(async move {
                        let _one = one.lock().await;
                        tokio::select! {
                            () = pass(near, server) => {}
                            _ = whole.changed() => {}
                        }
                    });
                }
            }
        });
        Self {
            port,
            whole,
            connected,
        }
    }

    /// Breaks the connection, and all that come.
    pub async fn cut(&self) {
        self.whole.send_replace(false);
        drop(self.connected.lock().await);
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn pass(mut near: TcpStream, server: u16) {
    let mut far = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
    // Broken connections are what this is for.
    drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
}
