//! The operator's log: bounded, and quoted when something went wrong.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use anyhow::{Context, Result};

/// A log larger than this is set aside when the operator is started; one old log is kept.
const LARGE: u64 = 16 << 20;
/// How much of the end is read.
const END: u64 = 16 << 10;
/// How many lines are quoted.
const LINES: usize = 15;

/// Sets a large log aside.
pub fn rotate(path: &Path) -> Result<()> {
    if fs::metadata(path).is_ok_and(|about| about.len() > LARGE) {
        fs::rename(path, path.with_extension("log.old"))
            .with_context(|| format!("{} can't be set aside", path.display()))?;
    }
    Ok(())
}

/// The last lines, ready to follow a sentence; says so when there are none.
pub fn end(path: &Path) -> String {
    let text = read_end(path).unwrap_or_default();
    let text = crate::output::plain(text.trim_end());
    if text.is_empty() {
        return format!("; its log {} is empty", path.display());
    }
    let lines: Vec<_> = text.lines().rev().take(LINES).collect();
    let quoted: String = lines
        .iter()
        .rev()
        .map(|line| format!("\n  | {line}"))
        .collect();
    format!("; the end of {}:{quoted}", path.display())
}

fn read_end(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(END);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = vec![];
    file.take(END).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_end_cannot_steer_a_terminal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        assert!(end(&path).contains("is empty"));
        let lines: String = (1..=40).map(|n| format!("line {n}\u{1b}[2J\n")).collect();
        fs::write(&path, lines).unwrap();
        let quoted = end(&path);
        assert!(
            quoted.contains("| line 40") && quoted.contains("| line 26"),
            "{quoted}"
        );
        assert!(
            !quoted.contains("line 25") && !quoted.contains('\u{1b}'),
            "{quoted}"
        );
    }
}
