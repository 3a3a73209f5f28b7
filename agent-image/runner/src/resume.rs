//! Repairs Claude Code's own transcript before a session is resumed.
//!
//! Claude Code 2.1.197 resumes at the entry that the last `last-prompt` line of its transcript names. It writes
//! that line at a graceful stop and now and then; when later processes are killed before they wrote one, each
//! resumption starts from the old entry and forgets what those processes did, though it is in the file. A
//! pointer to the last entry, appended before each resumption, brings it back.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

/// Points the session at its last entry. Gives whether there was something to point at.
pub fn repair(home: &Path, session: &str) -> io::Result<bool> {
    let Some(path) = transcript(home, session)? else {
        return Ok(false);
    };
    let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
    let Some(leaf) = text.lines().rev().find_map(entry) else {
        return Ok(false);
    };
    let pointer =
        json!({"type": "last-prompt", "lastPrompt": "", "leafUuid": leaf, "sessionId": session});
    // A line that a kill cut off must not swallow the pointer.
    let separator = if text.ends_with('\n') { "" } else { "\n" };
    let mut file = OpenOptions::new().append(true).open(&path)?;
    file.write_all(format!("{separator}{pointer}\n").as_bytes())?;
    file.sync_data()?;
    Ok(true)
}

/// Where Claude Code keeps the session. It names the folder after the working folder, by a rule of its own.
fn transcript(home: &Path, session: &str) -> io::Result<Option<PathBuf>> {
    let projects = home.join(".claude/projects");
    if !projects.exists() {
        return Ok(None);
    }
    for folder in fs::read_dir(projects)? {
        let path = folder?.path().join(format!("{session}.jsonl"));
        if path.exists() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The id of a line that is part of the conversation.
fn entry(line: &str) -> Option<String> {
    let value: Value = serde_json::from_str(line).ok()?;
    let is_message = matches!(value["type"].as_str(), Some("user" | "assistant"));
    (is_message && value["isSidechain"] != true)
        .then(|| value["uuid"].as_str().map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_at_the_last_entry_also_after_a_cut_line() {
        let home = tempfile::tempdir().unwrap();
        assert!(!repair(home.path(), "s").unwrap());
        let folder = home.path().join(".claude/projects/-w");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("s.jsonl");
        fs::write(&path, "{\"type\":\"mode\"}\n").unwrap();
        assert!(!repair(home.path(), "s").unwrap());
        let text = concat!(
            "{\"type\":\"user\",\"uuid\":\"1\"}\n",
            "{\"type\":\"last-prompt\",\"leafUuid\":\"1\",\"sessionId\":\"s\"}\n",
            "{\"type\":\"assistant\",\"uuid\":\"2\"}\n",
            "{\"type\":\"user\",\"uuid\":\"3\",\"isSidechain\":true}\n",
            "{\"type\":\"user\",\"uu"
        );
        fs::write(&path, text).unwrap();
        assert!(repair(home.path(), "s").unwrap());
        let now = fs::read_to_string(&path).unwrap();
        let last: Value = serde_json::from_str(now.lines().last().unwrap()).unwrap();
        assert_eq!(
            (&last["leafUuid"], &last["sessionId"]),
            (&json!("2"), &json!("s"))
        );
        assert!(now.starts_with(text), "nothing else changed");
    }
}
