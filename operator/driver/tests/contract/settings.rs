//! What a container's spec comes to in Podman.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
};

use agentchat_driver::{
    ContainerSpec, MemoryMount, MemoryOwner, PublishedPort, VolumeMount, labels,
};

use crate::{docker, output_of, podman};

#[tokio::test]
async fn published_port_is_on_its_host_address_alone() {
    let Some(swarm) = podman("ports") else {
        return;
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = free.local_addr().unwrap();
    drop(free);
    let mut spec = swarm.spec();
    spec.ports = vec![PublishedPort {
        host,
        container: 6667,
    }];
    let id = swarm.create(&spec).await;
    swarm.engine.start(&id).await.unwrap();
    let found = docker().inspect_container(&id, None).await.unwrap();
    let bindings = found.host_config.unwrap().port_bindings.unwrap();
    assert_eq!(bindings.len(), 1, "{bindings:?}");
    let binding = &bindings["6667/tcp"].as_ref().unwrap()[..];
    assert_eq!(binding.len(), 1, "{binding:?}");
    assert_eq!(binding[0].host_ip.as_deref(), Some("127.0.0.1"));
    assert_eq!(binding[0].host_port, Some(host.port().to_string()));
    assert!(TcpListener::bind(host).is_err(), "nobody listens");
    let elsewhere = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), host.port()));
    assert!(TcpListener::bind(elsewhere).is_ok(), "on all addresses");
}

#[tokio::test]
async fn alias_is_resolved_by_others_on_the_network() {
    let Some(swarm) = podman("alias") else {
        return;
    };
    let server = ContainerSpec {
        name: format!("{}-server", swarm.name),
        labels: [(labels::NODE.to_owned(), "n".to_owned())].into(),
        aliases: vec!["chat-of-n".to_owned(), "chat.of.n".to_owned()],
        ..swarm.spec()
    };
    let server = swarm.create(&server).await;
    swarm.engine.start(&server).await.unwrap();
    let found = docker().inspect_container(&server, None).await.unwrap();
    let networks = found.network_settings.unwrap().networks.unwrap();
    assert_eq!(networks.len(), 1, "{networks:?}");
    let network = &networks[&swarm.name];
    let aliases = network.aliases.clone().unwrap_or_default();
    assert!(aliases.iter().any(|a| a == "chat-of-n"), "{aliases:?}");
    let folders = ["/usr/lib/podman", "/usr/libexec/podman"].map(Path::new);
    if !folders.iter().any(|f| f.join("aardvark-dns").exists()) {
        return eprintln!("nothing resolves names here: aardvark-dns is not installed");
    }
    let agent = swarm.create(&swarm.spec()).await;
    swarm.engine.start(&agent).await.unwrap();
    let address = network.ip_address.clone().unwrap();
    for alias in ["chat-of-n", "chat.of.n"] {
        let resolved = output_of(&agent, &["getent", "ahostsv4", alias]).await;
        assert!(resolved.starts_with(&address), "{alias}: {resolved:?}");
    }
}

#[tokio::test]
async fn fixed_address_outlives_a_restart_and_is_known_by_name_without_a_name_server() {
    let Some(swarm) = podman("address") else {
        return;
    };
    let server = ContainerSpec {
        name: format!("{}-server", swarm.name),
        labels: [(labels::NODE.to_owned(), "n".to_owned())].into(),
        address_from_end: Some(7),
        ..swarm.spec()
    };
    let server = swarm.create(&server).await;
    let mut seen = vec![];
    for _ in 0..2 {
        swarm.engine.start(&server).await.unwrap();
        let found = docker().inspect_container(&server, None).await.unwrap();
        let networks = found.network_settings.unwrap().networks.unwrap();
        let network = networks[&swarm.name].clone();
        seen.push((network.ip_address.unwrap(), network.mac_address.unwrap()));
        swarm.engine.stop(&server, 0).await.unwrap();
    }
    assert_eq!(seen[0], seen[1], "neighbours would have to find out");
    let last: u8 = seen[0].0.rsplit('.').next().unwrap().parse().unwrap();
    assert_eq!(last, 255 - 7, "{seen:?}");
    let mut agent = swarm.spec();
    agent.hosts = [("chat-by-name".to_owned(), 7)].into();
    let agent = swarm.create(&agent).await;
    swarm.engine.start(&agent).await.unwrap();
    let hosts = output_of(&agent, &["cat", "/etc/hosts"]).await;
    let line = hosts.lines().find(|l| l.contains("chat-by-name"));
    assert!(line.is_some_and(|l| l.starts_with(&seen[0].0)), "{hosts}");
}

#[tokio::test]
async fn memory_mounts_and_volume_are_where_the_spec_says() {
    let Some(swarm) = podman("mounts") else {
        return;
    };
    let mut spec = swarm.spec();
    spec.volume = Some(VolumeMount {
        name: format!("{}-data", swarm.name),
        path: "/srv/data".to_owned(),
    });
    for (path, writable_by) in [
        ("/srv/root", MemoryOwner::Root),
        ("/srv/user", MemoryOwner::User),
        ("/srv/everybody", MemoryOwner::Everybody),
    ] {
        spec.memory_mounts.push(MemoryMount {
            path: path.to_owned(),
            size_mib: 3,
            writable_by,
        });
    }
    let id = swarm.create(&spec).await;
    swarm.engine.start(&id).await.unwrap();
    let mounts = output_of(&id, &["cat", "/proc/mounts"]).await;
    let has = |path: &str, option: &str| {
        let line = mounts.lines().find(|l| l.split(' ').nth(1) == Some(path));
        let options = line.and_then(|l| l.split(' ').nth(3)).unwrap_or_default();
        options.split(',').any(|o| o == option)
    };
    assert!(
        mounts.lines().any(|l| l.contains(" /srv/data ")),
        "{mounts}"
    );
    assert!(has("/", "ro"), "{mounts}");
    for (path, executable, modes) in [
        ("/srv/root", false, "0 0 755"),
        ("/srv/user", false, "10001 10001 700"),
        ("/srv/everybody", true, "0 0 1777"),
    ] {
        assert!(has(path, "size=3072k"), "{path}: {mounts}");
        assert_eq!(!has(path, "noexec"), executable, "{path}: {mounts}");
        assert!(
            has(path, "nosuid") && has(path, "nodev"),
            "{path}: {mounts}"
        );
        let stat = output_of(&id, &["stat", "--format=%u %g %a", path]).await;
        assert_eq!(stat, modes, "{path}");
    }
}

#[tokio::test]
async fn container_has_no_capabilities_and_gains_none() {
    let Some(swarm) = podman("hardened") else {
        return;
    };
    let id = swarm.create(&swarm.spec()).await;
    swarm.engine.start(&id).await.unwrap();
    let status = output_of(&id, &["cat", "/proc/1/status"]).await;
    for line in [
        "CapPrm:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
    ] {
        assert!(status.lines().any(|l| l == line), "{line}: {status}");
    }
    assert!(status.contains("Uid:\t10001\t"), "{status}");
}
