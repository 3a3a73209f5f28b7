//! An independent WebSocket client: it shares no code with ours, so that an error in both can't hide.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::{SinkExt, StreamExt};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use crate::wait::LONG;

/// The server takes one message per second from a socket.
const BETWEEN_MESSAGES: Duration = Duration::from_millis(1050);

/// A person at the chat.
pub struct Person {
    socket: WebSocketStream<TlsStream<TcpStream>>,
    /// When the next message may be sent.
    may_say: Instant,
}

/// A connection that nobody uses yet.
pub async fn connect(
    port: u16,
    ca_pem: &str,
) -> Result<WebSocketStream<TlsStream<TcpStream>>, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let failed = |error: &dyn std::error::Error| error.to_string();
    let tcp = TcpStream::connect(("127.0.0.1", port)).await;
    let tcp = tcp.map_err(|e| failed(&e))?;
    let name = "localhost".try_into().unwrap();
    let tls = TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await;
    let tls = tls.map_err(|e| failed(&e))?;
    let url = format!("wss://localhost:{port}/");
    let made = tokio_tungstenite::client_async(url, tls).await;
    Ok(made.map_err(|e| failed(&e))?.0)
}

impl Person {
    /// Connects, has its key approved with the admin key, proves it and joins `#general`.
    pub async fn join(port: u16, ca_pem: &str, admin_key: &str) -> Self {
        let mut person = Self {
            socket: connect(port, ca_pem).await.unwrap(),
            may_say: Instant::now(),
        };

        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let mut der = vec![
            0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
        ];
        der.extend_from_slice(key.public_key().as_ref());
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            BASE64_STANDARD.encode(der)
        );
        person
            .tell(json!({"type": "ADMIN_APPROVE", "pubkey": pem, "admin_key": admin_key}))
            .await;
        person.hear("ADMIN_RESULT").await;
        person
            .tell(json!({"type": "IDENTIFY", "name": "person", "pubkey": pem}))
            .await;
        let challenge = person.hear("CHALLENGE").await;
        let (nonce, id) = (&challenge["nonce"], &challenge["challenge_id"]);
        let stamp = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
        let text = format!(
            "AGENTCHAT_AUTH|{}|{}|{stamp}",
            nonce.as_str().unwrap(),
            id.as_str().unwrap()
        );
        let signature = BASE64_STANDARD.encode(key.sign(text.as_bytes()));
        person
            .tell(json!({"type": "VERIFY_IDENTITY", "challenge_id": id, "signature": signature, "timestamp": u64::try_from(stamp).unwrap()}))
            .await;
        person.hear("WELCOME").await;
        person
            .tell(json!({"type": "JOIN", "channel": "#general"}))
            .await;
        person.hear("JOINED").await;
        person
    }

    async fn tell(&mut self, frame: Value) {
        self.socket
            .send(Message::text(frame.to_string()))
            .await
            .unwrap();
    }

    /// The next frame of a type; others are passed over. An ERROR ends the test.
    pub async fn hear(&mut self, wanted: &str) -> Value {
        let hear = async {
            loop {
                let frame = self
                    .socket
                    .next()
                    .await
                    .expect("the server closed")
                    .unwrap();
                let Message::Text(text) = frame else { continue };
                let value: Value = serde_json::from_str(&text).unwrap();
                assert_ne!(
                    value["type"], "ERROR",
                    "while waiting for {wanted}: {value}"
                );
                if value["type"] == wanted {
                    return value;
                }
            }
        };
        let late = format!("no {wanted} within {} s", LONG.as_secs());
        tokio::time::timeout(LONG, hear).await.expect(&late)
    }

    /// Says something in `#general`, no sooner than the server takes it.
    pub async fn say(&mut self, content: &str) {
        sleep_until(self.may_say).await;
        self.tell(json!({"type": "MSG", "to": "#general", "content": content}))
            .await;
        self.may_say = Instant::now() + BETWEEN_MESSAGES;
    }

    /// Waits until every one of `names` has said something live that contains `part`.
    pub async fn hear_all(&mut self, names: &[&str], part: &str) {
        let mut missing: Vec<&str> = names.to_vec();
        while !missing.is_empty() {
            let message = self.hear("MSG").await;
            let said = message["content"].as_str().unwrap_or_default();
            if message["replay"] != true && said.contains(part) {
                missing.retain(|name| message["from_name"] != *name);
            }
        }
    }

    /// Everything that the channel remembers: `(from_name, content, msg_id)` of user messages, in order.
    pub async fn history(&mut self) -> Vec<(String, String, String)> {
        self.tell(json!({"type": "JOIN", "channel": "#general"}))
            .await;
        self.hear("JOINED").await;
        self.tell(json!({"type": "PING"})).await;
        let mut all = vec![];
        loop {
            let Some(Ok(Message::Text(text))) = self.socket.next().await else {
                continue;
            };
            let value: Value = serde_json::from_str(&text).unwrap();
            match value["type"].as_str() {
                Some("PONG") => return all,
                Some("MSG") if value["replay"] == true && value["from"] != "@server" => {
                    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
                    all.push((text("from_name"), text("content"), text("msg_id")));
                }
                _ => {}
            }
        }
    }
}
