//! What must be true of a hub between two batches.

use std::collections::{BTreeMap, HashSet};

use super::*;
use crate::hub::handshake::Stage;

/// What must be true of the hub whatever was said.
pub fn check(hub: &Hub) {
    let mut agents = BTreeMap::new();
    let (mut held, mut addresses) = (0, 0);
    for (id, peer) in &hub.peers {
        addresses += 1;
        match &peer.stage {
            Stage::In(agent) => {
                assert_eq!(
                    agents.insert(agent.id.clone(), *id),
                    None,
                    "two sessions of one agent"
                );
            }
            Stage::Held(_) => held += 1,
            _ => assert!(peer.rooms.is_empty()),
        }
        for room in &peer.rooms {
            assert!(hub.rooms[*room].members.contains(id));
        }
    }
    assert_eq!(
        agents,
        hub.agents.clone().into_iter().collect::<BTreeMap<_, _>>()
    );
    assert_eq!(
        (held, addresses),
        (hub.held, hub.addresses.values().sum::<usize>())
    );
    for (at, room) in hub.rooms.iter().enumerate() {
        assert_eq!(hub.names.get(&room.channel.name), Some(&at));
        assert!(
            room.members
                .iter()
                .all(|id| hub.peers[id].rooms.contains(&at))
        );
    }
    let online: HashSet<u64> = agents.into_values().collect();
    assert!(hub.floor.holders().all(|id| online.contains(&id)));
    assert!(
        hub.checks
            .values()
            .all(|check| online.contains(&check.asker))
    );
    assert!(hub.leaving.is_empty() && hub.outbound.is_empty());
}
