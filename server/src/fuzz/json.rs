//! Two readers of JSON: of what the hub deals with, and of what signatures cover.

use agentchat_protocol::json;

use crate::frame;

/// Any text: both readers end, and don't contradict each other.
pub fn json(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let plain = serde_json::from_str::<serde_json::Value>(&text);
    let ours = json::parse(&text);
    if let Ok(value) = &ours {
        // Written and read again, it is the same: signatures cover what is written.
        let written = value.to_json();
        let again = json::parse(&written).map(|again| again.to_json());
        assert_eq!(again.as_deref(), Ok(written.as_str()), "{text:?}");
        // What is kept and relayed is JSON for everybody.
        let kept = value.clone().well_formed().to_json();
        assert!(readable(&kept), "{kept:?} from {text:?}");
    }
    if let Err(error) = &ours
        && error.what != "nested too deeply"
    {
        assert!(plain.is_err(), "{error} in {text:?}");
    }
    if let Err(error) = &plain
        && ours.is_ok()
    {
        // Numbers that are infinite for JavaScript, halves of characters, and one level more or less.
        let error = error.to_string();
        let known = ["out of range", "surrogate", "hex escape", "recursion"];
        assert!(
            known.iter().any(|known| error.contains(known)),
            "{error} in {text:?}"
        );
    }
    if let Ok((type_, fields)) = frame::parse(&text) {
        assert_eq!(fields["type"], type_);
        let ours = ours.as_ref().map(|value| value.clone().well_formed());
        let ours = ours.as_ref().ok().and_then(|value| value.as_object());
        let same = ours.and_then(|object| object.get("type")?.as_str());
        assert_eq!(same, Some(type_.as_str()), "{text:?}");
    }
}

fn readable(text: &str) -> bool {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_) => true,
        Err(error) => error.to_string().contains("recursion"),
    }
}
