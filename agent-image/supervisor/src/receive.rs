//! `agent-supervisor receive`: writes one delivery.

use std::io::Read;

use agentchat_contract::{DeliveryDirs, Layout, exit, paths, read_delivery, write_delivery};

/// Reads one delivery and writes its files, `.complete` last.
pub fn receive(layout: &Layout, input: impl Read) -> anyhow::Result<i32> {
    let dirs = DeliveryDirs {
        config: layout.path(paths::CONFIG_DIR),
        secrets: layout.path(paths::SECRETS_DIR),
    };
    write_delivery(&dirs, &read_delivery(input)?)?;
    Ok(exit::COMPLETED)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use agentchat_contract::{DeliveredFile, Delivery, DeliveryDir, encode_delivery};

    use super::*;

    #[test]
    fn delivered_files_and_marker_are_where_the_agent_reads_them() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path().into());
        let file = |dir, path: &str, contents: &str| DeliveredFile {
            dir,
            path: path.into(),
            contents: contents.into(),
        };
        let delivery = Delivery {
            generation: 7,
            files: vec![
                file(DeliveryDir::Config, "mission.md", "greet"),
                file(DeliveryDir::Secrets, "api-key", "k"),
            ],
        };
        receive(&layout, &encode_delivery(&delivery)[..]).unwrap();
        for (path, contents) in [
            (paths::MISSION, "greet"),
            (paths::API_KEY, "k"),
            (paths::COMPLETE, "7"),
        ] {
            assert_eq!(fs::read_to_string(layout.path(path)).unwrap(), contents);
        }
    }
}
