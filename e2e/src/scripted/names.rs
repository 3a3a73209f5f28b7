//! Small readings of texts: who am I, which channels, how deep.

/// How deep scripted agents answer each other.
pub const DEPTH: u32 = 3;

/// The agent's name, from `the agent NAME.` in its prompt.
pub fn own(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("the agent ")?;
    let end = rest
        .char_indices()
        .find(|(at, c)| {
            let next = rest[at + c.len_utf8()..].chars().next();
            *c == '\n' || (*c == '.' && next.is_none_or(char::is_whitespace))
        })
        .map_or(rest.len(), |(at, _)| at);
    Some(rest[..end].trim()).filter(|name| !name.is_empty())
}

/// Channels that a text names, each once, in order. `#7` is a number, not a channel.
pub fn channels(text: &str) -> Vec<String> {
    let inside = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let mut found: Vec<String> = vec![];
    for (at, _) in text.match_indices('#') {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| inside(c) || c == '#') {
            continue;
        }
        let rest = &text[at + 1..];
        let name = &rest[..rest.find(|c| !inside(c)).unwrap_or(rest.len())];
        let channel = format!("#{name}");
        if name.contains(char::is_alphabetic) && !found.contains(&channel) {
            found.push(channel);
        }
    }
    found
}

/// A text without its marker, and its depth: `hello (2/3)` is `hello` at 2; without a marker, 0.
pub fn depth(text: &str) -> (&str, u32) {
    let trimmed = text.trim_end();
    let marked = (1..=DEPTH).find_map(|k| {
        let rest = trimmed.strip_suffix(&format!("({k}/{DEPTH})"))?;
        Some((rest.trim_end(), k))
    });
    marked.unwrap_or((trimmed, 0))
}

/// What a scripted agent's text quotes, or all of it.
pub fn innermost(text: &str) -> &str {
    let after = text.split_once('“').map_or(text, |(_, rest)| rest);
    after.strip_suffix('”').unwrap_or(after)
}

/// The first `most` characters.
pub fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_channels_and_depths() {
        assert_eq!(own("You are the agent ada. You talk"), Some("ada"));
        assert_eq!(own("You are the agent Dr.X Y\nand"), Some("Dr.X Y"));
        assert_eq!(own("nobody"), None);
        let text = "# Title\nin (#general), #a-b. #general; a#b ##c #3 #ü";
        assert_eq!(channels(text), ["#general", "#a-b", "#ü"]);
        assert_eq!(depth("Hello (1)"), ("Hello (1)", 0));
        assert_eq!(depth("a (1/3) b"), ("a (1/3) b", 0));
        assert_eq!(depth("a (2/3) \n"), ("a", 2));
        assert_eq!(depth("(4/3)"), ("(4/3)", 0));
        assert_eq!(innermost("x heard y say: “a “b” c”"), "a “b” c");
        assert_eq!(innermost("a"), "a");
        assert_eq!(short("äbc", 2), "äb…");
    }
}
