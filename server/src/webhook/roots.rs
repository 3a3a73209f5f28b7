//! Whom a receiver's certificate must come from.

use std::{path::Path, sync::Arc};

use anyhow::{Context, bail};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_rustls::TlsConnector;

/// Where systems keep the certificates that everybody trusts.
const SYSTEM: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// Trusts what a file says, or else what the system does.
pub fn connector(file: Option<&Path>) -> anyhow::Result<TlsConnector> {
    let system = || SYSTEM.iter().map(Path::new).find(|path| path.exists());
    let Some(path) = file.or_else(system) else {
        bail!(
            "an https webhook needs --escrow-webhook-ca FILE: this system has no certificates to trust"
        );
    };
    let unreadable = || format!("--escrow-webhook-ca {} can't be read", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).with_context(unreadable)? {
        let added = roots.add(certificate.with_context(unreadable)?);
        // A system may trust certificates of kinds that are not known here.
        if let (Err(error), true) = (added, file.is_some()) {
            return Err(error).with_context(unreadable);
        }
    }
    if roots.is_empty() {
        bail!("--escrow-webhook-ca {} has no certificate", path.display());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config).into())
}
