//! One WebSocket connection: TLS with the given CA, or plain to this host only.

use std::{sync::Arc, time::Duration};

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{self, protocol::WebSocketConfig},
};
use url::Url;

/// The server may add fields to a message of the greatest size, so frames are a little larger.
const MAX_FRAME: usize = 4 * 1024 * 1024;

/// A byte stream, encrypted or not.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A WebSocket over either.
pub type Socket = WebSocketStream<Box<dyn Stream>>;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is not one that can be used.
    #[error("{0}")]
    Url(String),
    /// The CA certificate is unusable.
    #[error("the CA certificate is unusable: {0}")]
    Ca(String),
    /// No TCP or TLS connection.
    #[error("no connection to {0}")]
    Io(String, #[source] std::io::Error),
    /// Nothing answered.
    #[error("no connection to {0} within {1:?}")]
    Late(String, Duration),
    /// No WebSocket.
    #[error("the server does not speak WebSocket")]
    WebSocket(#[from] Box<tungstenite::Error>),
}

/// Where to connect to.
pub struct Server {
    /// `wss://host:port`, or `ws://` on this host.
    pub url: String,
    /// CA certificate that the server's must come from, PEM.
    pub ca_pem: Option<String>,
}

/// Connects, or gives up.
pub async fn connect(server: &Server, within: Duration) -> Result<Socket, ConnectError> {
    match timeout(within, open(server)).await {
        Ok(opened) => opened,
        Err(_) => Err(ConnectError::Late(server.url.clone(), within)),
    }
}

async fn open(server: &Server) -> Result<Socket, ConnectError> {
    let wrong = |why: &str| ConnectError::Url(format!("{:?}: {why}", server.url));
    let url = Url::parse(&server.url).map_err(|e| wrong(&e.to_string()))?;
    let host = url
        .host_str()
        .ok_or_else(|| wrong("has no host"))?
        .to_owned();
    let port = url
        .port_or_known_default()
        .ok_or_else(|| wrong("must start with wss:// or ws://"))?;
    let address = format!("{host}:{port}");
    let failed = |e| ConnectError::Io(address.clone(), e);
    let tcp = TcpStream::connect((host.trim_matches(['[', ']']), port))
        .await
        .map_err(failed)?;
    tcp.set_nodelay(true).map_err(failed)?;
    let stream: Box<dyn Stream> = match url.scheme() {
        "wss" => {
            let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
                .map_err(|_| wrong("has no usable host name"))?;
            let tls = TlsConnector::from(Arc::new(tls(server)?));
            Box::new(tls.connect(name, tcp).await.map_err(failed)?)
        }
        "ws" if tcp.peer_addr().is_ok_and(|a| a.ip().is_loopback()) => Box::new(tcp),
        "ws" => return Err(wrong("plain ws:// is used on this host only; use wss://")),
        _ => return Err(wrong("must start with wss:// or ws://")),
    };
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = 16 * 1024;
    config.max_frame_size = Some(MAX_FRAME);
    config.max_message_size = Some(MAX_FRAME);
    let (socket, _) = client_async_with_config(server.url.as_str(), stream, Some(config))
        .await
        .map_err(Box::new)?;
    Ok(socket)
}

fn tls(server: &Server) -> Result<rustls::ClientConfig, ConnectError> {
    let pem = server
        .ca_pem
        .as_deref()
        .ok_or_else(|| ConnectError::Ca("none was given, and wss:// needs one".into()))?;
    let mut roots = rustls::RootCertStore::empty();
    let mut wrong = None;
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|e| ConnectError::Ca(e.to_string()))?;
        // What a system trusts may hold some that are of no use here.
        wrong = roots.add(certificate).err().or(wrong);
    }
    if roots.is_empty() {
        let why = wrong.map_or_else(|| "it holds none".to_owned(), |error| error.to_string());
        return Err(ConnectError::Ca(why));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| ConnectError::Ca(e.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
