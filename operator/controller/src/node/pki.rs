//! The chat server's CA, certificate and admin key, kept in Secrets of the system namespace.
//!
//! The certificate is made anew when it does not cover all names, was not issued by the CA, or has not long
//! to live; a server that runs goes on with the one it was started with, which the same CA issued. The CA is
//! made once.

mod certificate;

use agentchat_api::{
    ADMIN_KEY_KEY, SYSTEM_NAMESPACE, chat_admin_secret, chat_ca_secret, chat_tls_secret,
};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use tracing::info;

use crate::{
    error::Error,
    secret::{Secrets, Stored},
};

/// Names that every server certificate has.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "host.containers.internal"];
/// Key of a CA's certificate in a Secret, and of its private key.
const CA: (&str, &str) = ("ca.crt", "ca.key");
/// Key of a server's certificate in a Secret, and of its private key.
const TLS: (&str, &str) = ("tls.crt", "tls.key");

/// Makes what is missing or not good any more; gives the CA's certificate, PEM.
pub async fn ensure(
    client: &Client,
    node: &str,
    advertise: &[String],
    now: Timestamp,
) -> Result<String, Error> {
    let secrets = Secrets::new(client, SYSTEM_NAMESPACE);
    let admin = chat_admin_secret(node);
    if secrets.read(&admin).await?.is_none() {
        let key = [(ADMIN_KEY_KEY, random_hex()?)];
        secrets.create(&admin, key).await?;
    }
    let names = names(advertise)?;
    let ca_name = chat_ca_secret(node);
    let ca = match secrets.read(&ca_name).await? {
        Some(ca) => ca,
        None => {
            let (cert, key) = certificate::authority(&format!("AgentChat CA of {node}"), now)?;
            secrets
                .create(&ca_name, [(CA.0, cert), (CA.1, key)])
                .await?
        }
    };
    let ca_cert = part(&ca, &ca_name, CA.0)?;
    let tls_name = chat_tls_secret(node);
    let tls = secrets.read(&tls_name).await?;
    let good = |tls: &Stored| {
        let cert = tls.text(TLS.0);
        cert.is_some_and(|cert| certificate::is_good(cert, ca_cert, &names, now))
    };
    if tls.as_ref().is_some_and(good) {
        return Ok(ca_cert.to_owned());
    }
    let authority = (ca_cert, part(&ca, &ca_name, CA.1)?);
    let common = format!("agentchat-server {node}");
    let (cert, key) = certificate::server(&common, names, authority, now)?;
    let files = [(TLS.0, cert), (TLS.1, key), (CA.0, ca_cert.to_owned())];
    if tls.is_some() {
        secrets.change(&tls_name, files).await?;
        info!(
            "the certificate was made anew; a chat server that runs takes it with its next start"
        );
    } else {
        secrets.create(&tls_name, files).await?;
    }
    Ok(ca_cert.to_owned())
}

fn part<'a>(stored: &'a Stored, secret: &str, key: &str) -> Result<&'a str, Error> {
    stored.text(key).ok_or_else(|| {
        Error::Invalid(format!(
            "Secret {SYSTEM_NAMESPACE}/{secret} has no key {key:?}; delete it to have a new one made"
        ))
    })
}

/// All names of a certificate, each checked.
fn names(advertise: &[String]) -> Result<Vec<String>, Error> {
    for (i, name) in advertise.iter().enumerate() {
        if !certificate::is_name(name) {
            return Err(Error::Invalid(format!(
                "spec.server.advertise[{i}]: {name:?} is neither a DNS name nor an IP address"
            )));
        }
    }
    let fixed = NAMES.map(str::to_owned);
    Ok(fixed.into_iter().chain(advertise.iter().cloned()).collect())
}

/// Removes the Node's Secrets.
pub async fn remove(client: &Client, node: &str) -> Result<(), Error> {
    let secrets = Secrets::new(client, SYSTEM_NAMESPACE);
    for name in [
        chat_admin_secret(node),
        chat_ca_secret(node),
        chat_tls_secret(node),
    ] {
        secrets.remove(&name).await?;
    }
    Ok(())
}

/// 256 random bits in hexadecimal.
fn random_hex() -> Result<String, Error> {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0_u8; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::Invalid("the system gives no random numbers".into()))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}
