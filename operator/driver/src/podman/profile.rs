//! The one hardened profile: from a [`ContainerSpec`] to what the engine is asked for.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType, ResourcesUlimits,
};

use crate::engine::{ContainerSpec, labels};

/// Memory file systems: path and options. `U` gives it to the container's user; the others are root's.
const TMPFS: [(&str, &str); 4] = [
    ("/run/agent", "size=4m,mode=0700,U,noexec,nosuid,nodev"),
    ("/etc/agent", "size=8m,mode=0755,noexec,nosuid,nodev"),
    ("/run/secrets", "size=8m,mode=0755,noexec,nosuid,nodev"),
    ("/tmp", "size=64m,mode=1777,nosuid,nodev"),
];
/// Open files and processes; named both, since the engine adds limits of its own as soon as one is given,
/// which not every machine allows.
const ULIMITS: [(&str, i64); 2] = [("nofile", 20_000), ("nproc", 20_000)];
/// Largest log of a container that the engine keeps.
const LOG_SIZE: &str = "16m";
/// Where an agent's volume is mounted.
const HOME: &str = "/home/agent";

/// What the engine is asked for.
pub fn create_body(spec: &ContainerSpec, swarm: &str) -> ContainerCreateBody {
    let mut all: HashMap<_, _> = spec.labels.clone().into_iter().collect();
    all.insert(labels::SWARM.to_owned(), swarm.to_owned());
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        cmd: Some(spec.args.clone()),
        env: Some(spec.env.iter().map(|(k, v)| format!("{k}={v}")).collect()),
        labels: Some(all),
        stop_timeout: Some(spec.stop_timeout_seconds.into()),
        host_config: Some(host_config(spec)),
        ..ContainerCreateBody::default()
    }
}

fn host_config(spec: &ContainerSpec) -> HostConfig {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let memory = spec.memory.map(signed);
    HostConfig {
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        readonly_rootfs: Some(true),
        network_mode: Some(spec.network.clone()),
        tmpfs: Some(
            TMPFS
                .map(|(path, options)| (path.to_owned(), options.to_owned()))
                .into(),
        ),
        mounts: Some(vec![Mount {
            target: Some(HOME.to_owned()),
            source: Some(spec.home_volume.clone()),
            typ: Some(MountType::VOLUME),
            ..Mount::default()
        }]),
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

    fn spec() -> ContainerSpec {
        ContainerSpec {
            name: "agentchat-ada".into(),
            image: "image".into(),
            args: vec!["ada".into()],
            env: BTreeMap::from([("AGENT_NAME".into(), "ada".into())]),
            labels: BTreeMap::from([(labels::NAME.into(), "ada".into())]),
            network: "agentchat".into(),
            home_volume: "agentchat-ada-home".into(),
            cpu_millis: Some(1500),
            memory: Some(1 << 30),
            pids: Some(256),
            stop_timeout_seconds: 30,
        }
    }

    #[test]
    fn the_profile_is_hardened() {
        let host = host_config(&spec());
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
    }

    #[test]
    fn the_swarms_label_can_not_be_overridden() {
        let mut spec = spec();
        spec.labels.insert(labels::SWARM.into(), "another".into());
        let body = create_body(&spec, "mine");
        assert_eq!(
            body.labels.unwrap().get(labels::SWARM).map(String::as_str),
            Some("mine")
        );
        assert_eq!(body.user, None, "the image's user is not overridden");
    }
}
