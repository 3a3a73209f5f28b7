//! Certificates themselves: made, and checked as a client of the chat server would.

use std::{sync::Arc, time::Duration};

use k8s_openapi::jiff::{Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};

use crate::error::Error;

/// Years that a CA lasts. It is made once, so it outlives every swarm.
const CA_YEARS: i16 = 50;
/// Years that a server's certificate lasts: longer than any server runs without a start.
const SERVER_YEARS: i16 = 10;
/// What is left of a certificate's life when another is made.
const LEFT: Duration = Duration::from_secs(365 * 24 * 3600);

/// Makes a CA: certificate and private key, PEM.
pub fn authority(common_name: &str, now: Timestamp) -> Result<(String, String), Error> {
    let key = KeyPair::generate()?;
    let mut params = params(vec![], common_name, now, CA_YEARS)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

/// Makes a server's certificate: certificate and private key, PEM. The CA is given as the same.
pub fn server(
    common_name: &str,
    names: Vec<String>,
    (ca_cert, ca_key): (&str, &str),
    now: Timestamp,
) -> Result<(String, String), Error> {
    let issuer = Issuer::from_ca_cert_pem(ca_cert, KeyPair::from_pem(ca_key)?)?;
    let key = KeyPair::generate()?;
    let mut params = params(names, common_name, now, SERVER_YEARS)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok((params.signed_by(&key, &issuer)?.pem(), key.serialize_pem()))
}

fn params(
    names: Vec<String>,
    common_name: &str,
    now: Timestamp,
    years: i16,
) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    let today = now.to_zoned(TimeZone::UTC).date();
    // The 28th is a day of every month. A day's difference between clocks does no harm.
    let day = |year: i16| {
        let month = today.month().unsigned_abs();
        date_time_ymd(year.into(), month, today.day().unsigned_abs().min(28))
    };
    params.not_before = day(today.year()) - Duration::from_secs(24 * 3600);
    params.not_after = day(today.year().saturating_add(years));
    Ok(params)
}

/// Whether it is a name or an address that a certificate can have.
pub fn is_name(text: &str) -> bool {
    ServerName::try_from(text).is_ok()
}

/// Whether a client that trusts the CA would take the certificate for every one of the names, now and for a
/// good while.
pub fn is_good(cert: &str, ca: &str, names: &[String], now: Timestamp) -> bool {
    let read = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).ok();
    let (Some(cert), Some(ca)) = (read(cert), read(ca)) else {
        return false;
    };
    let mut roots = RootCertStore::empty();
    if roots.add(ca).is_err() {
        return false;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let Ok(verifier) = verifier else {
        return false;
    };
    let now = Duration::from_secs(now.as_second().unsigned_abs());
    [now, now + LEFT].into_iter().all(|when| {
        let when = UnixTime::since_unix_epoch(when);
        names.iter().all(|name| {
            ServerName::try_from(name.as_str()).is_ok_and(|name| {
                let verified = verifier.verify_server_cert(&cert, &[], &name, &[], when);
                verified.is_ok()
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn years(now: Timestamp, years: i64) -> Timestamp {
        Timestamp::from_second(now.as_second() + years * 365 * 24 * 3600).unwrap()
    }

    #[test]
    fn a_certificate_is_good_for_its_names_and_its_time() {
        let now = "2026-02-28T12:00:00Z".parse().unwrap();
        let (ca, ca_key) = authority("CA", now).unwrap();
        let own = names(&["localhost", "127.0.0.1", "::1", "chat.example.com"]);
        let (cert, _) = server("server", own.clone(), (&ca, &ca_key), now).unwrap();
        assert!(is_good(&cert, &ca, &own, now));
        assert!(is_good(&cert, &ca, &own, years(now, 8)));
        assert!(!is_good(&cert, &ca, &own, years(now, 10)), "too old");
        let more = names(&["localhost", "other.example.com"]);
        assert!(!is_good(&cert, &ca, &more, now), "a name more");
        let (other, _) = authority("CA", now).unwrap();
        assert!(!is_good(&cert, &other, &own, now), "another CA");
        assert!(!is_good("nonsense", &ca, &own, now));
    }

    #[test]
    fn names_are_told_from_nonsense() {
        assert!(is_name("chat.example.com") && is_name("10.0.0.1") && is_name("::1"));
        assert!(!is_name("two words") && !is_name("https://x") && !is_name(""));
    }
}
