//! The administrator's kubeconfig, everything inline.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use base64::{Engine, prelude::BASE64_STANDARD};

/// Writes it. A server that listens everywhere is reached over loopback.
pub fn admin(listen: SocketAddr, ca: &str, token: &str) -> String {
    let mut address = listen;
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let ca = BASE64_STANDARD.encode(ca);
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: agentchat
  cluster:
    server: https://{address}
    certificate-authority-data: {ca}
users:
- name: agentchat-admin
  user:
    token: {token}
contexts:
- name: agentchat
  context:
    cluster: agentchat
    user: agentchat-admin
    namespace: default
current-context: agentchat
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_can_read_it() {
        let text = admin("0.0.0.0:6443".parse().unwrap(), "CA", "secret");
        let config: kube::config::Kubeconfig = serde_yaml::from_str(&text).unwrap();
        let cluster = config.clusters[0].cluster.as_ref().unwrap();
        assert_eq!(cluster.server.as_deref(), Some("https://127.0.0.1:6443"));
    }
}
