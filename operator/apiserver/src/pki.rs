//! The server's own CA, its certificate and the administrator's token, kept in `pki/`.
//!
//! The CA and the token last; the server's certificate is made anew at every start, so that it
//! names the address of this start and is never old. Everything is readable by its owner alone.

use std::{
    fs,
    io::{ErrorKind, Write},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// Names that the certificate always has.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "kubernetes.default.svc"];

/// How long the CA lasts.
const CA_YEARS: i16 = 10;

/// How long a server certificate lasts.
const SERVER_YEARS: i16 = 1;

/// Why keys and certificates can't be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A certificate can't be made, or the stored CA is damaged.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A certificate or key can't be read back.
    #[error("reading a certificate: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// TLS refuses the certificate.
    #[error("tls: {0}")]
    Tls(#[from] rustls::Error),
    /// The system gives no randomness.
    #[error("the system gives no random bytes")]
    Random,
}

/// What the server shows and what it asks for.
#[derive(Debug)]
pub struct Pki {
    /// The CA's certificate, PEM.
    pub ca: String,
    /// The administrator's bearer token.
    pub token: String,
    /// TLS as a server.
    pub tls: Arc<ServerConfig>,
}

impl Pki {
    /// Reads what is there and makes what isn't.
    pub fn open(data_dir: &Path, listen: SocketAddr) -> Result<Self, Error> {
        let folder = data_dir.join("pki");
        make_folder(&folder)?;
        let (ca, issuer) = authority(&folder)?;
        let token = kept(&folder.join("admin.token"), random_token)?;
        let (cert, key) = certificate(&issuer, listen)?;
        write(&folder.join("server.crt"), &cert)?;
        write(&folder.join("server.key"), &key)?;
        let chain = vec![
            CertificateDer::from_pem_slice(cert.as_bytes())?,
            CertificateDer::from_pem_slice(ca.as_bytes())?,
        ];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            ca,
            token: token.trim().to_owned(),
            tls: Arc::new(tls),
        })
    }
}

/// Makes a folder that only its owner can enter.
pub fn make_folder(path: &Path) -> Result<(), Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })
}

fn authority(folder: &Path) -> Result<(String, Issuer<'static, KeyPair>), Error> {
    // The certificate is derived from the key, so the key is written first and one of them
    // alone is no damage.
    let key = kept(&folder.join("ca.key"), || {
        Ok(KeyPair::generate()?.serialize_pem())
    })?;
    let key = KeyPair::from_pem(&key)?;
    let cert = kept(&folder.join("ca.crt"), || {
        let mut params = lasting(Vec::new(), CA_YEARS)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "agentchat-operator CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(params.self_signed(&key)?.pem())
    })?;
    let issuer = Issuer::from_ca_cert_pem(&cert, key)?;
    Ok((cert, issuer))
}

fn certificate(
    issuer: &Issuer<'static, KeyPair>,
    listen: SocketAddr,
) -> Result<(String, String), Error> {
    let mut names: Vec<String> = NAMES.map(str::to_owned).to_vec();
    if !listen.ip().is_unspecified() && !listen.ip().is_loopback() {
        names.push(listen.ip().to_string());
    }
    let key = KeyPair::generate()?;
    let mut params = lasting(names, SERVER_YEARS)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "agentchat-operator");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let cert = params.signed_by(&key, issuer)?;
    Ok((cert.pem(), key.serialize_pem()))
}

/// Parameters valid from yesterday, for clocks that disagree, for that many years.
fn lasting(names: Vec<String>, years: i16) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(names)?;
    let today = jiff::Zoned::now()
        .with_time_zone(jiff::tz::TimeZone::UTC)
        .date();
    let day = |date: jiff::civil::Date| {
        rcgen::date_time_ymd(
            date.year().into(),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        )
    };
    params.not_before = day(today.yesterday().unwrap_or(today));
    params.not_after = day(today.saturating_add(jiff::Span::new().years(years)));
    Ok(params)
}

fn random_token() -> Result<String, Error> {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A file's text; made when the file isn't there.
fn kept(path: &Path, make: impl FnOnce() -> Result<String, Error>) -> Result<String, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let text = make()?;
            write(path, &text)?;
            Ok(text)
        }
        Err(source) => Err(Error::File {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Replaces a file whole.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let temporary = path.with_extension("new");
    let attempt = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    attempt().map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_authority_and_the_token_last_and_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let listen = "127.0.0.1:1".parse().unwrap();
        let first = Pki::open(folder.path(), listen).unwrap();
        let second = Pki::open(folder.path(), listen).unwrap();
        assert_eq!((&first.ca, &first.token), (&second.ca, &second.token));
        assert_eq!(first.token.len(), 64);
        for entry in fs::read_dir(folder.path().join("pki")).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{:?}", entry.path());
        }
    }
}
