//! The server's certificate: read at the start, and again when its files change.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use anyhow::{Context, bail};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::TlsAcceptor;

use crate::settings::Settings;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(2);

/// A certificate and its key, with their files.
pub struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    current: Mutex<TlsAcceptor>,
}

/// When files were last changed.
type Changed = [Option<SystemTime>; 2];

impl Certificate {
    /// What the settings say; without a certificate, plain connections are taken on loopback only, unless the
    /// settings allow others.
    pub fn new(settings: &Settings) -> anyhow::Result<Option<Arc<Self>>> {
        match &settings.tls {
            Some((cert, key)) => Ok(Some(Arc::new(Self {
                current: Mutex::new(acceptor(cert, key)?),
                cert: cert.clone(),
                key: key.clone(),
            }))),
            None => {
                plain(settings, settings.listen)?;
                Ok(None)
            }
        }
    }

    /// For the next handshake.
    pub fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.lock();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again whenever they change, for ever. What can't be read changes nothing.
    pub async fn follow(self: Arc<Self>) {
        let mut known = self.changed();
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            let now = self.changed();
            if now == known {
                continue;
            }
            match acceptor(&self.cert, &self.key) {
                Ok(acceptor) => {
                    known = now;
                    *self.current.lock().unwrap_or_else(PoisonError::into_inner) = acceptor;
                    tracing::info!("the certificate was read again");
                }
                // Certificate and key are two files: one may be new and the other not yet.
                Err(error) => tracing::warn!("the certificate stays as it was: {error:#}"),
            }
        }
    }

    fn changed(&self) -> Changed {
        let changed = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
        [changed(&self.cert), changed(&self.key)]
    }
}

/// Whether plain connections may be taken at an address.
pub fn plain(settings: &Settings, listen: SocketAddr) -> anyhow::Result<()> {
    if settings.tls.is_some() || listen.ip().is_loopback() {
        return Ok(());
    }
    if !settings.allow_plain {
        bail!(
            "{listen} is reachable from outside: give --tls-cert and --tls-key, listen on 127.0.0.1, or say --allow-plain true"
        );
    }
    tracing::warn!(%listen, "anybody on the way can read what is said");
    Ok(())
}

fn acceptor(cert: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("--tls-cert {} can't be read", cert.display()))?;
    if chain.is_empty() {
        bail!("--tls-cert {} has no certificate", cert.display());
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("--tls-key {} can't be read", key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .with_context(|| {
            let (cert, key) = (cert.display(), key.display());
            format!("--tls-cert {cert} and --tls-key {key} don't fit together")
        })?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
