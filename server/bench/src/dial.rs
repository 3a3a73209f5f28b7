//! Connections to a server on this machine, as many as are wanted.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;

use crate::{
    connection::{Connection, Scratch, Stream},
    plain::Plain,
};

/// Connections from one address of IPv4, of which this machine has many.
const PER_ADDRESS: usize = 4000;
/// Connections from the one of IPv6: it has some 28,000 ports.
const ALL: usize = 20_000;

/// A small buffer of the system for what is not read yet, bytes.
const SMALL: u32 = 16 * 1024;

/// How to reach a server.
#[derive(Clone)]
pub struct Dial {
    server: SocketAddr,
    tls: Option<TlsConnector>,
    small_from: usize,
    scratch: Scratch,
}

impl Dial {
    /// Plain WebSocket, to a server on this machine.
    pub fn plain(server: SocketAddr) -> Self {
        Self {
            server,
            tls: None,
            small_from: usize::MAX,
            scratch: Scratch::default(),
        }
    }

    /// Over TLS, to the server with this certificate.
    pub fn tls(server: SocketAddr, certificate: &[u8]) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(certificate))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            tls: Some(TlsConnector::from(Arc::new(config))),
            ..Self::plain(server)
        })
    }

    /// The same, but the system keeps little for connections from this one on when they are not read.
    pub fn small_from(self, index: usize) -> Self {
        Self {
            small_from: index,
            ..self
        }
    }

    /// Makes one; `index` counts all connections to this server.
    pub async fn connect(&self, index: usize, path: &str) -> Result<Connection> {
        let failed = || format!("connection {index} could not be made");
        let socket = match self.server {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if index >= self.small_from {
            socket.set_recv_buffer_size(SMALL)?;
        }
        if self.server.is_ipv4() {
            let last = u8::try_from(2 + index / PER_ADDRESS).context("too many connections")?;
            socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into())?;
        } else if index >= ALL {
            bail!(
                "connection {index}: only {ALL} can be made over ::1, whose ports come to an end"
            );
        }
        let stream = socket.connect(self.server).await.with_context(failed)?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(Plain(stream)),
            Some(tls) => {
                let name = ServerName::try_from("localhost")?;
                Box::new(tls.connect(name, stream).await.with_context(failed)?)
            }
        };
        Connection::upgrade(stream, path, self.scratch.clone())
            .await
            .with_context(failed)
    }
}
