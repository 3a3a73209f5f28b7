//! The chat server's allowlist: which keys the operator has to add, and which of its own are not wanted any more,
//! for example because their Agent was deleted, changed its key, or moved to another server. Pure.
//!
//! Entries are told apart by their notes: the operator's own name an agent of this swarm. Those of people are left
//! alone.

use agentchat_client::Allowed;
use agentchat_protocol::agent_id;

use super::talkers::Talker;

/// What is to be changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Keys to approve: public key, PEM, and note.
    pub approve: Vec<(String, String)>,
    /// Ids of agents whose keys are to be revoked.
    pub revoke: Vec<String>,
}

/// Compares the list with the agents that talk through the server.
pub fn changes(allowed: &[Allowed], talkers: &[Talker], swarm: &str) -> Changes {
    let id = |entry: &Allowed| entry.agent_id.trim_start_matches('@').to_owned();
    let listed: Vec<_> = allowed.iter().map(id).collect();
    let staying: Vec<_> = talkers.iter().filter(|talker| talker.stays).collect();
    let wanted: Vec<_> = staying
        .iter()
        .filter_map(|talker| Some((talker.public_key.clone()?, talker.note.clone())))
        .collect();
    let wanted_ids: Vec<_> = wanted.iter().map(|(key, _)| agent_id(key)).collect();
    // A key that the watch does not know yet was approved by the agent's own reconcile.
    let may_be_new = |note: &str| {
        let unknown = |talker: &&&Talker| talker.public_key.is_none() && talker.note == note;
        staying.iter().find(unknown).is_some()
    };
    let unwanted = |entry: &&Allowed| {
        is_own(&entry.note, swarm) && !wanted_ids.contains(&id(entry)) && !may_be_new(&entry.note)
    };
    Changes {
        revoke: allowed.iter().filter(unwanted).map(id).collect(),
        approve: wanted
            .into_iter()
            .filter(|(key, _)| !listed.contains(&agent_id(key)))
            .collect(),
    }
}

/// Whether a note is one of the operator's own for an agent of this swarm; earlier releases noted the container's name.
fn is_own(note: &str, swarm: &str) -> bool {
    let earlier = if swarm == "default" {
        note.starts_with("agentchat-") && !note.contains(' ')
    } else {
        note.starts_with(&format!("agentchat_{swarm}_"))
    };
    earlier || note.starts_with(&format!("agentchat:{swarm}/"))
}

#[cfg(test)]
mod tests {
    use agentchat_protocol::Identity;

    use super::*;

    fn entry(id: &str, note: &str) -> Allowed {
        Allowed {
            agent_id: format!("@{id}"),
            pubkey_prefix: String::new(),
            approved_at: 0,
            note: note.to_owned(),
        }
    }

    #[test]
    fn living_agents_are_approved_and_gone_ones_revoked_and_people_left_alone() {
        let ada = Identity::generate().unwrap();
        let talker = Talker {
            note: "agentchat:default/default/ada".into(),
            public_key: Some(ada.public_key_pem()),
            stays: true,
        };
        let unknown = Talker {
            note: "agentchat:default/default/eve".into(),
            public_key: None,
            stays: true,
        };
        let leaving = Talker {
            note: "agentchat:default/default/sam".into(),
            public_key: None,
            stays: false,
        };
        let talkers = [talker.clone(), unknown, leaving];
        let list = [
            entry("01", "agentchat:default/default/sam"),
            entry("02", "agentchat:default/default/ada"),
            entry("03", "agentchat-old"),
            entry("04", "operator"),
            entry("05", "agentchat:other/default/sam"),
            entry("06", "mum's laptop"),
            entry("07", "agentchat:default/default/eve"),
        ];
        let changes = super::changes(&list, &talkers, "default");
        assert_eq!(changes.revoke, ["01", "02", "03"]);
        assert_eq!(changes.approve, [(ada.public_key_pem(), talker.note)]);
        let settled = [entry(&ada.agent_id(), "agentchat:default/default/ada")];
        assert_eq!(
            super::changes(&settled, &talkers, "default"),
            Changes::default()
        );
    }
}
