//! Where a connection that comes back left off.

use agentchat_store::StoreError;
use serde_json::{Map, Value, json};

use super::Hub;
use crate::frame::{Refusal, invalid};

/// A position in a channel's order.
pub struct Position {
    epoch: String,
    offset: u64,
}

/// Where replay starts.
pub struct Start {
    /// Offset of the last message before it.
    pub since: u64,
    /// Whether that is where the connection left off; none when it did not say where.
    pub resumed: Option<bool>,
}

/// The `resume` of a JOIN: a position, or positions by channel, of which that of another channel is none here.
pub fn position(fields: &Map<String, Value>, channel: &str) -> Result<Option<Position>, Refusal> {
    let given = fields.get("resume").filter(|resume| !resume.is_null());
    let by_channel = |positions: &Map<String, Value>| {
        let named = |name: &String| name.starts_with('#');
        !positions.is_empty() && positions.keys().all(named)
    };
    let resume = match given {
        Some(Value::Object(positions)) if by_channel(positions) => positions.get(channel),
        given => given,
    };
    match resume {
        None => Ok(None),
        Some(resume) => {
            let epoch = resume.get("epoch").and_then(Value::as_str);
            let offset = resume.get("offset").and_then(Value::as_u64);
            let (Some(epoch), Some(offset)) = (epoch, offset) else {
                return Err(invalid(
                    "resume must be {\"epoch\": string, \"offset\": whole number}, or such by channel",
                ));
            };
            let epoch = epoch.to_owned();
            Ok(Some(Position { epoch, offset }))
        }
    }
}

impl Hub {
    /// Exactly after the position, when history reaches back to it; else as much as newcomers get.
    pub(super) fn start(
        &self,
        room: usize,
        position: Option<Position>,
    ) -> Result<Start, StoreError> {
        let channel = &self.rooms[room].channel;
        let first = self.store.first(&channel.name)?;
        let before_first = first.map_or(channel.last, |first| first.saturating_sub(1));
        let reached = |position: &Position| {
            channel.shares(&position.epoch, position.offset) && position.offset >= before_first
        };
        let newcomers = channel.last.saturating_sub(u64::from(self.settings.replay));
        Ok(match position {
            Some(position) if reached(&position) => Start {
                since: position.offset,
                resumed: Some(true),
            },
            other => Start {
                since: newcomers.max(before_first),
                resumed: other.map(|_| false),
            },
        })
    }

    /// Where a room's order stands.
    pub(super) fn position(&self, room: usize) -> Value {
        let channel = &self.rooms[room].channel;
        json!({"epoch": channel.epoch, "offset": channel.last})
    }
}
