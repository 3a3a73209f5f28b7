//! The chat server's CA, certificate and admin key, kept in Secrets of the system namespace.
//!
//! The certificate is made anew when it does not cover all names, was not issued by the CA, or has not long
//! to live; it is delivered into the server that runs. The CA is made once, also by people: they may put their own
//! into its Secret.

mod certificate;

use std::fmt;

use agentchat_api::{
    ADMIN_KEY_KEY, SYSTEM_NAMESPACE, ServerSpec, chat_admin_secret, chat_ca_secret,
    chat_server_host, chat_tls_secret,
};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use tracing::info;

use crate::{
    context::Context,
    error::Error,
    secret::{Secrets, Stored},
};

/// Names that every server certificate has.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "host.containers.internal"];
/// Key of a CA's certificate in a Secret, and of its private key.
const CA: (&str, &str) = ("ca.crt", "ca.key");
/// Key of a server's certificate in a Secret, and of its private key.
const TLS: (&str, &str) = ("tls.crt", "tls.key");

/// Keys of a chat server.
#[derive(Clone)]
pub struct ChatKeys {
    /// The CA's certificate, PEM.
    pub ca: String,
    /// The server's certificate, PEM.
    pub certificate: String,
    /// Its private key, PEM; a secret.
    pub certificate_key: String,
    /// The admin key; a secret.
    pub admin_key: String,
}

impl fmt::Debug for ChatKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChatKeys")
    }
}

/// Makes what is missing or not good any more; gives all of it.
pub async fn ensure(
    context: &Context,
    node: &str,
    server: &ServerSpec,
    now: Timestamp,
) -> Result<ChatKeys, Error> {
    let secrets = Secrets::new(&context.client, SYSTEM_NAMESPACE);
    let names = names(node, &server.advertise)?;
    let admin_name = chat_admin_secret(node);
    let admin = match stored(context, &secrets, &admin_name).await? {
        Some(admin) => admin,
        None => {
            let key = [(ADMIN_KEY_KEY, random_hex()?)];
            secrets.create(&admin_name, key).await?
        }
    };
    let ca_name = chat_ca_secret(node);
    let ca = match stored(context, &secrets, &ca_name).await? {
        Some(ca) => ca,
        None => {
            let (cert, key) = certificate::authority(&format!("AgentChat CA of {node}"), now)?;
            let made = [(CA.0, cert), (CA.1, key)];
            secrets.create(&ca_name, made).await?
        }
    };
    let ca_cert = part(&ca, &ca_name, CA.0)?;
    let tls_name = chat_tls_secret(node);
    let tls = stored(context, &secrets, &tls_name).await?;
    let good = |tls: &Stored| {
        let cert = tls.text(TLS.0);
        cert.is_some_and(|cert| certificate::is_good(cert, ca_cert, &names, now))
    };
    let (certificate, certificate_key) = match &tls {
        Some(tls) if good(tls) => {
            let key = part(tls, &tls_name, TLS.1)?;
            (part(tls, &tls_name, TLS.0)?.to_owned(), key.to_owned())
        }
        // People who run the server themselves keep its CA's private key to themselves.
        _ if server.endpoint.is_some() && ca.text(CA.1).is_none() => Default::default(),
        _ => {
            let authority = (ca_cert, part(&ca, &ca_name, CA.1)?);
            let common = format!("agentchat-server {node}");
            let (cert, key) = certificate::server(&common, names, authority, now)?;
            let files = [
                (TLS.0, cert.clone()),
                (TLS.1, key.clone()),
                (CA.0, ca_cert.to_owned()),
            ];
            if tls.is_some() {
                secrets.change(&tls_name, files).await?;
                info!("the certificate was made anew");
            } else {
                secrets.create(&tls_name, files).await?;
            }
            (cert, key)
        }
    };
    Ok(ChatKeys {
        ca: ca_cert.to_owned(),
        certificate,
        certificate_key,
        admin_key: part(&admin, &admin_name, ADMIN_KEY_KEY)?.to_owned(),
    })
}

/// What a Secret holds: as the watch knows it, or as it is stored when the watch does not know it.
async fn stored(context: &Context, secrets: &Secrets, name: &str) -> Result<Option<Stored>, Error> {
    match context.stores.secret(SYSTEM_NAMESPACE, name) {
        Some(known) => Ok(Some(known)),
        None => secrets.read(name).await,
    }
}

fn part<'a>(stored: &'a Stored, secret: &str, key: &str) -> Result<&'a str, Error> {
    stored.text(key).ok_or_else(|| {
        Error::Invalid(format!(
            "Secret {SYSTEM_NAMESPACE}/{secret} has no key {key:?}; delete it to have a new one made"
        ))
    })
}

/// All names of a certificate, each checked.
fn names(node: &str, advertise: &[String]) -> Result<Vec<String>, Error> {
    for (i, name) in advertise.iter().enumerate() {
        if !certificate::is_name(name) {
            return Err(Error::Invalid(format!(
                "spec.server.advertise[{i}]: {name:?} is neither a DNS name nor an IP address"
            )));
        }
    }
    let fixed = NAMES.map(str::to_owned);
    let own = chat_server_host(node);
    let all = fixed.into_iter().chain([own]);
    Ok(all.chain(advertise.iter().cloned()).collect())
}

/// Removes the Node's Secrets.
pub async fn remove(client: &Client, namespace: &str, node: &str) -> Result<(), Error> {
    let secrets = Secrets::new(client, namespace);
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
