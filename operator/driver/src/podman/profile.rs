//! The one hardened profile: from a [`ContainerSpec`] to what the engine is asked for.

use std::{collections::HashMap, net::Ipv4Addr};

use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, HostConfigLogConfig,
    Mount, MountType, NetworkingConfig, PortBinding, PortMap, ResourcesUlimits,
};

use crate::engine::{ContainerSpec, MemoryMount, MemoryOwner, PublishedPort, VolumeMount, labels};

/// Open files and processes; named both, since the engine adds limits of its own as soon as one is given,
/// which not every machine allows.
const ULIMITS: [(&str, i64); 2] = [("nofile", 20_000), ("nproc", 20_000)];
/// Largest log of a container that the engine keeps.
const LOG_SIZE: &str = "16m";

/// Addresses of a container's spec, as they are on its network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Its own, when it is fixed.
    pub own: Option<Ipv4Addr>,
    /// Of the names that it knows.
    pub hosts: Vec<(String, Ipv4Addr)>,
}

/// What the engine is asked for.
pub fn create_body(
    spec: &ContainerSpec,
    swarm: &str,
    addresses: &Addresses,
) -> ContainerCreateBody {
    let mut all: HashMap<_, _> = spec.labels.clone().into_iter().collect();
    all.insert(labels::SWARM.to_owned(), swarm.to_owned());
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        cmd: Some(spec.args.clone()),
        env: Some(spec.env.iter().map(|(k, v)| format!("{k}={v}")).collect()),
        labels: Some(all),
        stop_timeout: Some(spec.stop_timeout_seconds.into()),
        host_config: Some(host_config(spec, addresses)),
        exposed_ports: some(spec.ports.iter().map(container_port).collect()),
        networking_config: networking(spec, addresses),
        ..ContainerCreateBody::default()
    }
}

fn some<T>(all: Vec<T>) -> Option<Vec<T>> {
    Some(all).filter(|all| !all.is_empty())
}

/// What of the network is not the engine's default: more names, and a fixed address.
fn networking(spec: &ContainerSpec, addresses: &Addresses) -> Option<NetworkingConfig> {
    let fixed = addresses.own.map(|address| EndpointIpamConfig {
        ipv4_address: Some(address.to_string()),
        ..EndpointIpamConfig::default()
    });
    let aliases = some(spec.aliases.clone());
    if fixed.is_none() && aliases.is_none() {
        return None;
    }
    let endpoint = EndpointSettings {
        aliases,
        mac_address: addresses.own.map(mac_address),
        ipam_config: fixed,
        ..EndpointSettings::default()
    };
    Some(NetworkingConfig {
        endpoints_config: Some(HashMap::from([(spec.network.clone(), endpoint)])),
    })
}

/// The hardware address that goes with a fixed one, locally administered: when the container is started again, its
/// neighbours still know the way, and need not find out for half a minute that it has changed.
fn mac_address(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("02:a9:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

fn container_port(port: &PublishedPort) -> String {
    format!("{}/tcp", port.container)
}

/// Ports with the one address of the host where each is passed on.
fn port_bindings(ports: &[PublishedPort]) -> Option<PortMap> {
    let mut bindings = PortMap::new();
    for port in ports {
        let binding = PortBinding {
            host_ip: Some(port.host.ip().to_string()),
            host_port: Some(port.host.port().to_string()),
        };
        let of_port = bindings.entry(container_port(port)).or_default();
        of_port.get_or_insert_default().push(binding);
    }
    Some(bindings).filter(|bindings| !bindings.is_empty())
}

/// Options of a memory file system. `U` gives it to the container's user; the others are root's.
fn tmpfs(mount: &MemoryMount) -> (String, String) {
    let access = match mount.writable_by {
        MemoryOwner::Root => "mode=0755,noexec,nosuid,nodev",
        MemoryOwner::User => "mode=0700,U,noexec,nosuid,nodev",
        MemoryOwner::Everybody => "mode=1777,nosuid,nodev",
    };
    let options = format!("size={}m,{access}", mount.size_mib);
    (mount.path.clone(), options)
}

fn mount(volume: &VolumeMount) -> Mount {
    Mount {
        target: Some(volume.path.clone()),
        source: Some(volume.name.clone()),
        typ: Some(MountType::VOLUME),
        ..Mount::default()
    }
}

fn host_config(spec: &ContainerSpec, addresses: &Addresses) -> HostConfig {
    let known = |(name, address): &(String, Ipv4Addr)| format!("{name}:{address}");
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let memory = spec.memory.map(signed);
    HostConfig {
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        readonly_rootfs: Some(true),
        network_mode: Some(spec.network.clone()),
        tmpfs: Some(spec.memory_mounts.iter().map(tmpfs).collect()),
        mounts: Some(spec.volume.iter().map(mount).collect()),
        extra_hosts: some(addresses.hosts.iter().map(known).collect()),
        port_bindings: port_bindings(&spec.ports),
        nano_cpus: spec.cpu_millis.map(|m| signed(m.saturating_mul(1_000_000))),
        memory,
        memory_swap: memory,
        pids_limit: spec.pids.map(signed),
        ulimits: Some(
            ULIMITS
                .map(|(name, limit)| ResourcesUlimits {
                    name: Some(name.to_owned()),
                    soft: Some(limit),
                    hard: Some(limit),
                })
                .to_vec(),
        ),
        log_config: Some(HostConfigLogConfig {
            typ: Some("k8s-file".to_owned()),
            config: Some(HashMap::from([(
                "max-size".to_owned(),
                LOG_SIZE.to_owned(),
            )])),
        }),
        ..HostConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::agent_memory_mounts;

    fn spec() -> ContainerSpec {
        ContainerSpec {
            name: "agentchat-ada".into(),
            image: "image".into(),
            args: vec!["ada".into()],
            env: BTreeMap::from([("AGENT_NAME".into(), "ada".into())]),
            labels: BTreeMap::from([(labels::NAME.into(), "ada".into())]),
            network: "agentchat".into(),
            volume: Some(VolumeMount {
                name: "agentchat-ada-home".into(),
                path: "/home/agent".into(),
            }),
            memory_mounts: agent_memory_mounts(),
            cpu_millis: Some(1500),
            memory: Some(1 << 30),
            pids: Some(256),
            stop_timeout_seconds: 30,
            ..ContainerSpec::default()
        }
    }

    #[test]
    fn every_container_is_hardened() {
        let host = host_config(&spec(), &Addresses::default());
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(
            host.security_opt,
            Some(vec!["no-new-privileges".to_owned()])
        );
        assert_eq!(host.readonly_rootfs, Some(true));
        assert_eq!(
            (host.memory, host.memory_swap),
            (Some(1 << 30), Some(1 << 30))
        );
        assert_eq!(
            (host.nano_cpus, host.pids_limit),
            (Some(1_500_000_000), Some(256))
        );
        // Nothing is added that would weaken it.
        assert_eq!(host.privileged, None);
        assert_eq!((host.cap_add, host.binds, host.devices), (None, None, None));
        assert_eq!(
            (host.pid_mode, host.ipc_mode, host.userns_mode),
            (None, None, None)
        );
        assert_eq!(host.network_mode.as_deref(), Some("agentchat"));
        assert_eq!(host.restart_policy, None);
        assert_eq!(host.port_bindings, None);
        let ulimits = host.ulimits.unwrap_or_default();
        let ulimits = ulimits.iter().map(|u| (u.name.as_deref(), u.soft, u.hard));
        let limit = Some(20_000);
        assert_eq!(
            ulimits.collect::<Vec<_>>(),
            [
                (Some("nofile"), limit, limit),
                (Some("nproc"), limit, limit)
            ]
        );
    }

    #[test]
    fn agent_has_its_four_memory_file_systems_and_its_volume() {
        let host = host_config(&spec(), &Addresses::default());
        let expected = [
            ("/run/agent", "size=4m,mode=0700,U,noexec,nosuid,nodev"),
            ("/etc/agent", "size=8m,mode=0755,noexec,nosuid,nodev"),
            ("/run/secrets", "size=8m,mode=0755,noexec,nosuid,nodev"),
            ("/tmp", "size=64m,mode=1777,nosuid,nodev"),
        ];
        let expected = expected.map(|(path, options)| (path.to_owned(), options.to_owned()));
        assert_eq!(host.tmpfs, Some(expected.into()));
        let mounts = host.mounts.unwrap_or_default();
        assert_eq!(mounts.len(), 1);
        assert_eq!(mounts[0].target.as_deref(), Some("/home/agent"));
        assert_eq!(mounts[0].source.as_deref(), Some("agentchat-ada-home"));
        assert_eq!(mounts[0].typ, Some(MountType::VOLUME));
    }

    #[test]
    fn published_port_is_bound_to_its_host_address_alone() {
        let port = |host: &str| PublishedPort {
            host: host.parse().unwrap(),
            container: 6667,
        };
        let mut spec = spec();
        spec.ports = vec![port("127.0.0.1:7000"), port("[::1]:7001")];
        let body = create_body(&spec, "mine", &Addresses::default());
        assert_eq!(body.exposed_ports.unwrap()[0], "6667/tcp");
        let binding = |ip: &str, port: &str| PortBinding {
            host_ip: Some(ip.into()),
            host_port: Some(port.into()),
        };
        let expected = vec![binding("127.0.0.1", "7000"), binding("::1", "7001")];
        let bindings = body.host_config.unwrap().port_bindings;
        assert_eq!(
            bindings,
            Some(PortMap::from([("6667/tcp".into(), Some(expected))]))
        );
    }

    #[test]
    fn spec_with_another_swarms_label_gets_the_label_of_its_own() {
        let mut spec = spec();
        spec.labels.insert(labels::SWARM.into(), "another".into());
        let body = create_body(&spec, "mine", &Addresses::default());
        assert_eq!(
            body.labels.unwrap().get(labels::SWARM).map(String::as_str),
            Some("mine")
        );
        assert_eq!(body.user, None, "the image's user is not overridden");
    }
}
