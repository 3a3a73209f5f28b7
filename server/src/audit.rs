//! The audit log: who did what, one JSON object a line, never what was said.
//!
//! It is for people who look into something later: a line may be missing after a crash, and a disk that is full
//! stops it and nothing else.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde_json::Value;

/// A file that has grown to so many bytes is set aside, and one that was set aside before is gone.
const FILE: u64 = 64 * 1024 * 1024;

/// The log; does nothing without a file.
#[derive(Default)]
pub struct Audit {
    file: Option<(PathBuf, File)>,
    size: u64,
    /// Lines of the batch that is under way.
    lines: String,
    /// Whether the last write failed, which is told once.
    failed: bool,
}

impl Audit {
    /// Opens the file, and makes it when it is absent.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self {
            size: file.metadata()?.len(),
            file: Some((path.to_owned(), file)),
            ..Self::default()
        })
    }

    /// Whether there is one.
    pub fn is_kept(&self) -> bool {
        self.file.is_some()
    }

    /// Notes something; it counts once the batch does.
    pub fn note(&mut self, line: &Value) {
        if self.file.is_some() {
            self.lines.push_str(&line.to_string());
            self.lines.push('\n');
        }
    }

    /// The batch happened.
    pub fn write(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let written = self.append();
        self.lines.clear();
        if let Err(error) = &written
            && !self.failed
        {
            tracing::error!(%error, "the audit log can't be written");
        }
        self.failed = written.is_err();
    }

    /// The batch did not happen.
    pub fn forget(&mut self) {
        self.lines.clear();
    }

    fn append(&mut self) -> io::Result<()> {
        let Some((path, file)) = &mut self.file else {
            return Ok(());
        };
        if self.size >= FILE {
            let mut aside = path.clone().into_os_string();
            aside.push(".1");
            std::fs::rename(&*path, aside)?;
            *file = OpenOptions::new().create(true).append(true).open(&*path)?;
            self.size = 0;
        }
        file.write_all(self.lines.as_bytes())?;
        self.size += u64::try_from(self.lines.len()).unwrap_or_default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_count_with_their_batch_and_files_do_not_grow_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let mut audit = Audit::open(&path).unwrap();
        audit.note(&json!({"event": "a"}));
        audit.forget();
        audit.note(&json!({"event": "b"}));
        audit.write();
        let text = || std::fs::read_to_string(&path).unwrap();
        assert_eq!(text(), "{\"event\":\"b\"}\n");

        audit.size = FILE;
        audit.note(&json!({"event": "c"}));
        audit.write();
        assert_eq!(text(), "{\"event\":\"c\"}\n");
        let aside = std::fs::read_to_string(dir.path().join("audit.jsonl.1")).unwrap();
        assert_eq!(aside, "{\"event\":\"b\"}\n");
    }
}
