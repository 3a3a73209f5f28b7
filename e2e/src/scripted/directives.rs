//! Directives: `[[name]]` or `[[name=value]]` in the user's text.

use std::time::Duration;

use super::conversation::Block;

/// What the user's texts ask for besides the script.
///
/// | directive | from | effect |
/// |---|---|---|
/// | `[[greet]]` | any prompt | says hello once in the conversation, before it listens |
/// | `[[latency=MS]]` | any prompt, the last wins | each answer takes MS milliseconds longer |
/// | `[[fail=STATUS]]` | the last prompt | each request fails with this HTTP status (400 to 599) |
/// | `[[cut]]` | the last prompt | each stream breaks off in the middle; answers without a stream are whole |
/// | `[[stall]]` | the last prompt | each stream stops after its first event and stays open |
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// Say hello first.
    pub greet: bool,
    /// Added to each answer.
    pub latency: Duration,
    /// HTTP status to fail with.
    pub fail: Option<u16>,
    /// Break streams off.
    pub cut: bool,
    /// Let streams hang.
    pub stall: bool,
}

/// The longest added latency.
const LATENCY: u64 = 600_000;

impl Directives {
    /// Those of the user's texts; never of what a tool or the model said.
    #[must_use]
    pub fn of(request: &serde_json::Value) -> Self {
        let blocks = super::conversation::blocks(request);
        let mut all = Self::default();
        for block in &blocks {
            let Block::User(text) = block else { continue };
            let said = Self::read(text);
            all = Self {
                greet: all.greet || said.greet,
                latency: if said.latency.is_zero() {
                    all.latency
                } else {
                    said.latency
                },
                ..said
            };
        }
        all
    }

    fn read(text: &str) -> Self {
        let mut found = Self::default();
        for part in text.split("[[").skip(1) {
            let Some((inner, _)) = part.split_once("]]") else {
                continue;
            };
            let (name, value) = inner.split_once('=').unwrap_or((inner, ""));
            match name.trim() {
                "greet" => found.greet = true,
                "cut" => found.cut = true,
                "stall" => found.stall = true,
                "latency" => {
                    let millis = value.trim().parse().unwrap_or(0).min(LATENCY);
                    found.latency = Duration::from_millis(millis);
                }
                "fail" => {
                    let status = value.trim().parse().ok();
                    found.fail = status.filter(|s| (400..600).contains(s));
                }
                _ => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn faults_are_of_the_last_prompt_and_latency_stays() {
        let first = "[[greet]] [[latency=50]] [[fail=529]]";
        let mut request = json!({"messages": [{"role": "user", "content": first}]});
        let at_first = Directives::of(&request);
        assert_eq!((at_first.fail, at_first.greet), (Some(529), true));
        let more = json!({"role": "user", "content": "go on [[cut]] [[fail=7]] [[x"});
        request["messages"].as_array_mut().unwrap().push(more);
        let then = Directives {
            greet: true,
            latency: Duration::from_millis(50),
            cut: true,
            ..Directives::default()
        };
        assert_eq!(Directives::of(&request), then);
    }
}
