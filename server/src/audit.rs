//! The audit log: who did what, one JSON object a line, never what was said.
//!
//! It is for people who look into something later: a line may be missing after a crash, and a disk that is full
//! stops it and nothing else.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::frame::iso;

/// A file that has grown to so many bytes is set aside, and one that was set aside before is gone.
const FILE: u64 = 64 * 1024 * 1024;

/// The log; does nothing without a file.
#[derive(Default)]
pub struct Audit {
    file: Option<(PathBuf, File)>,
    size: u64,
    /// Lines of the batch that is under way.
    lines: Vec<u8>,
    /// The time of the last line, also as text: many are of the same.
    time: (i64, String),
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

    /// Notes that something happened at a time, in Unix milliseconds, with the fields of an object; it counts once
    /// the batch does.
    pub fn note(&mut self, event: &str, at: i64, fields: &impl Serialize) {
        if self.file.is_none() {
            return;
        }
        if self.time.0 != at {
            self.time = (at, iso(at).unwrap_or_default());
        }
        let before = self.lines.len();
        for part in [
            r#"{"ts":""#,
            &self.time.1,
            r#"","level":"info","event":""#,
            event,
            r#"""#,
        ] {
            self.lines.extend_from_slice(part.as_bytes());
        }
        let start = self.lines.len();
        let written = serde_json::to_writer(&mut self.lines, fields);
        let empty = self.lines.ends_with(b"{}") && self.lines.len() == start + 2;
        match self.lines.get_mut(start) {
            // The fields go on where the line is.
            Some(open @ b'{') if written.is_ok() && !empty => *open = b',',
            Some(b'{') if empty => drop(self.lines.remove(start)),
            _ => {
                tracing::error!(event, "an event could not be written as JSON");
                self.lines.truncate(before);
                return;
            }
        }
        self.lines.push(b'\n');
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
        file.write_all(&self.lines)?;
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
        audit.note("a", 0, &json!({}));
        audit.forget();
        audit.note("b", 1_700_000_000_001, &json!({"x": 1}));
        audit.write();
        let text = || std::fs::read_to_string(&path).unwrap();
        let b =
            "{\"ts\":\"2023-11-14T22:13:20.001Z\",\"level\":\"info\",\"event\":\"b\",\"x\":1}\n";
        assert_eq!(text(), b);

        audit.size = FILE;
        audit.note("c", 0, &json!({}));
        audit.write();
        let c = "{\"ts\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\",\"event\":\"c\"}\n";
        assert_eq!(text(), c);
        let aside = std::fs::read_to_string(dir.path().join("audit.jsonl.1")).unwrap();
        assert_eq!(aside, b);
    }
}
