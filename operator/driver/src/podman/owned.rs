//! What carries a label, of any kind: containers, volumes and networks.

use std::collections::HashMap;

use bollard::query_parameters::{ListNetworksOptionsBuilder, ListVolumesOptionsBuilder};

use super::Podman;
use crate::engine::{EngineError, Owned};

type Labels = HashMap<String, String>;

impl Podman {
    pub(super) async fn list_owned(&self) -> Result<Vec<Owned>, EngineError> {
        let found = self.labelled(&self.swarm_label()).await?;
        let own = found.into_iter().filter(|(_, l)| self.is_own(Some(l)));
        let mut own: Vec<_> = own.map(|(owned, _)| owned).collect();
        own.sort();
        Ok(own)
    }

    /// What carries `label` (a key, or a key with its value), with all its labels. It is the only filter: Podman
    /// may list volumes and networks that match any of several.
    pub(super) async fn labelled(&self, label: &str) -> Result<Vec<(Owned, Labels)>, EngineError> {
        let filters = HashMap::from([("label", vec![label.to_owned()])]);
        let containers = self.containers(&filters).await?;
        let containers = containers.into_iter().map(|c| {
            let first = c.names.unwrap_or_default().into_iter().next();
            let name = first.or(c.id).unwrap_or_default();
            let name = name.trim_start_matches('/').to_owned();
            ("container", name, c.labels.unwrap_or_default())
        });
        let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let volumes = self.docker.list_volumes(Some(options)).await;
        let volumes = volumes.map_err(|e| self.failed("list volumes", e))?.volumes;
        let volumes = volumes.unwrap_or_default().into_iter();
        let volumes = volumes.map(|v| ("volume", v.name, v.labels));
        let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
        let networks = self.docker.list_networks(Some(options)).await;
        let networks = networks.map_err(|e| self.failed("list networks", e))?;
        let networks = networks.into_iter().map(|n| {
            let name = n.name.or(n.id).unwrap_or_default();
            ("network", name, n.labels.unwrap_or_default())
        });
        let all = containers.chain(volumes).chain(networks);
        Ok(all
            .map(|(kind, name, found)| (Owned { kind, name }, found))
            .collect())
    }
}
