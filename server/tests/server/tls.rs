//! The certificate: read again when it changes.

use std::time::Duration;

use crate::process::Server;

#[tokio::test]
async fn a_changed_certificate_counts_without_a_restart() {
    let mut server = Server::start();
    let (ada, _events) = server.approved("ada").await;
    let identity = server.identity().await;
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let write =
        |name: &str, text: &str| std::fs::write(server.dir.path().join(name), text).unwrap();
    // A moment in which the files don't fit changes nothing.
    write("tls.crt", "half of it");
    write("tls.key", &made.signing_key.serialize_pem());
    ada.ping().await.unwrap();
    write("tls.crt", &made.cert.pem());
    server.ca_pem = Some(made.cert.pem());
    // The client tries until the server has the certificate that it trusts.
    let (sam, _events) = server.client("sam", Some(identity));
    sam.connected_within(Duration::from_secs(20)).await.unwrap();
    // Who was here stays.
    ada.ping().await.unwrap();
}
