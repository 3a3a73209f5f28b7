//! Keeps secrets that the container was given out of what it writes down.

use std::fs;

use agentchat_contract::{Layout, paths};

/// Secrets, each with what stands in its place.
const SECRETS: [(&str, &str); 3] = [
    (paths::OAUTH_TOKEN, "[oauth-token]"),
    (paths::API_KEY, "[api-key]"),
    (paths::IDENTITY, "[identity]"),
];
/// Shorter lines are no secret, and replacing them would spoil the text.
const SHORTEST: usize = 12;

/// What must not be written down, and what is written instead.
pub struct Redaction {
    found: Vec<(String, &'static str)>,
}

impl Redaction {
    /// Of the secrets that are there now.
    pub fn read(layout: &Layout) -> Self {
        let mut redaction = Self { found: vec![] };
        redaction.extend(layout);
        redaction
    }

    /// Adds those that are there now; those of before stay: whoever has them may still write them. Of one with
    /// several lines, such as a private key, each line counts: in JSON there is something else between them.
    pub fn extend(&mut self, layout: &Layout) {
        for (path, instead) in SECRETS {
            let text = fs::read_to_string(layout.path(path)).unwrap_or_default();
            let lines = text
                .lines()
                .map(str::trim)
                .filter(|line| line.len() >= SHORTEST && !line.starts_with("-----"));
            for line in lines {
                let secret = (line.to_owned(), instead);
                if !self.found.contains(&secret) {
                    self.found.push(secret);
                }
            }
        }
    }

    /// The text without them.
    pub fn apply(&self, text: String) -> String {
        let replace = |text: String, (secret, instead): &(String, &str)| {
            if text.contains(secret.as_str()) {
                text.replace(secret.as_str(), instead)
            } else {
                text
            }
        };
        self.found.iter().fold(text, replace)
    }
}
