//! Invitations to channels that others don't see.

use serde_json::{Map, Value, json};

use super::{Hub, storage::storage};
use crate::frame::{self, Refusal, invalid, make};

impl Hub {
    pub(super) fn invite(&mut self, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let (channel, guest) = (frame::channel(fields)?, frame::agent(fields, "agent")?);
        if !self.settings.private_channels {
            return Err(invalid("private channels are switched off on this server"));
        }
        let agent = self.agent(id)?;
        let (me, my_name) = (agent.at(), agent.name.clone());
        let room = self.visible(id, channel)?;
        if !self.rooms[room].members.contains(&id) {
            return Err(("NOT_INVITED", format!("join {channel} first")));
        }
        if self.rooms[room].channel.invite_only && !self.rooms[room].invited.contains(guest) {
            let most = self.settings.limits.agent_id;
            if guest.len() > most {
                return Err(invalid(&format!("agent is longer than {most} characters")));
            }
            if self.rooms[room].invited.len() >= self.settings.limits.invitations {
                let text = format!("{channel} has as many invitations as it can");
                return Err(invalid(&text));
            }
            self.store.invite(channel, guest).map_err(storage)?;
            self.rooms[room].invited.insert(guest.to_owned());
        }
        if let Some(to) = self.online(guest) {
            let content = format!("{my_name} invites you to {channel}; JOIN it to come in");
            let message = json!({"from": me, "from_name": my_name, "to": format!("@{guest}"),
                "content": content});
            self.tell(to, &make("MSG", message));
        }
        Ok(())
    }
}
