//! The chat server's CA, certificate and admin key, kept in Secrets of the system namespace.

use std::collections::BTreeMap;

use agentchat_api::{
    ADMIN_KEY_KEY, SYSTEM_NAMESPACE, chat_admin_secret, chat_ca_secret, chat_tls_secret,
};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client,
    api::{DeleteParams, ObjectMeta, PostParams},
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::error::Error;

/// Names that every server certificate has.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "host.containers.internal"];

/// Makes what is missing; gives the CA's certificate, PEM.
///
/// The CA and the certificate are made together, once. Their replacement before they expire is not
/// automatic yet; they last as long as the certificate library's default.
pub async fn ensure(client: &Client, node: &str, advertise: &[String]) -> Result<String, Error> {
    let api = Api::<Secret>::namespaced(client.clone(), SYSTEM_NAMESPACE);
    if api.get_opt(&chat_admin_secret(node)).await?.is_none() {
        let key = random_hex()?;
        create(&api, &chat_admin_secret(node), [(ADMIN_KEY_KEY, key)]).await?;
    }
    let (ca, tls) = (
        api.get_opt(&chat_ca_secret(node)).await?,
        api.get_opt(&chat_tls_secret(node)).await?,
    );
    let stored = |secret: Option<&Secret>, key: &str| {
        let bytes = secret?.data.as_ref()?.get(key)?;
        String::from_utf8(bytes.0.clone()).ok()
    };
    if let (Some(cert), Some(_)) = (stored(ca.as_ref(), "ca.crt"), &tls) {
        return Ok(cert);
    }
    let (issuer, cert) = match (stored(ca.as_ref(), "ca.crt"), stored(ca.as_ref(), "ca.key")) {
        (Some(cert), Some(key)) => (
            Issuer::from_ca_cert_pem(&cert, KeyPair::from_pem(&key)?)?,
            cert,
        ),
        _ => make_ca(&api, node).await?,
    };
    let key = KeyPair::generate()?;
    let mut names: Vec<String> = NAMES.map(str::to_owned).to_vec();
    names.extend_from_slice(advertise);
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, format!("agentchat-server {node}"));
    let tls = params.signed_by(&key, &issuer)?;
    let files = [
        ("tls.crt", tls.pem()),
        ("tls.key", key.serialize_pem()),
        ("ca.crt", cert.clone()),
    ];
    create(&api, &chat_tls_secret(node), files).await?;
    Ok(cert)
}

async fn make_ca(
    api: &Api<Secret>,
    node: &str,
) -> Result<(Issuer<'static, KeyPair>, String), Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![])?;
    params
        .distinguished_name
        .push(DnType::CommonName, format!("AgentChat CA of {node}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let cert = params.self_signed(&key)?.pem();
    let files = [("ca.crt", cert.clone()), ("ca.key", key.serialize_pem())];
    create(api, &chat_ca_secret(node), files).await?;
    Ok((Issuer::new(params, key), cert))
}

/// Removes the Node's Secrets.
pub async fn remove(client: &Client, node: &str) -> Result<(), Error> {
    let api = Api::<Secret>::namespaced(client.clone(), SYSTEM_NAMESPACE);
    for name in [
        chat_admin_secret(node),
        chat_ca_secret(node),
        chat_tls_secret(node),
    ] {
        match api.delete(&name, &DeleteParams::default()).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn create<const N: usize>(
    api: &Api<Secret>,
    name: &str,
    files: [(&str, String); N],
) -> Result<(), Error> {
    let data: BTreeMap<_, _> = files
        .into_iter()
        .map(|(k, v)| (k.to_owned(), ByteString(v.into_bytes())))
        .collect();
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some(data),
        ..Secret::default()
    };
    api.create(&PostParams::default(), &secret).await?;
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
