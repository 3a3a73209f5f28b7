//! Names that promise more than an agent is: they are not refused at the door, but marked.

use serde_json::Value;

use super::agent::Agent;

/// Names of those who run a server, in lower case.
const RESERVED: [&str; 12] = [
    "server",
    "admin",
    "system",
    "root",
    "moderator",
    "mod",
    "bot",
    "agentchat",
    "operator",
    "shadow",
    "god",
    "jc",
];

/// Whether nobody may take this nick.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&&*name.to_ascii_lowercase())
}

impl Agent {
    /// Whether it has such a name, and nobody has vouched for it.
    pub fn poses(&self) -> bool {
        !self.verified && is_reserved(&self.name)
    }

    /// Marks what is told of an agent that poses, with the additional field `reserved_name`.
    pub fn mark(&self, told: &mut Value) {
        if self.poses() {
            told["reserved_name"] = true.into();
        }
    }
}
