//! The whole structured stream, in segments of bounded size.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Size at which a segment ends, in bytes.
const SEGMENT: u64 = 8 * 1024 * 1024;
/// Segments that are kept.
const KEPT: u32 = 8;

/// The open segment.
pub struct Transcript {
    folder: PathBuf,
    number: u32,
    file: File,
    size: u64,
}

impl Transcript {
    /// Goes on where the last one ended.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let number = fs::read_dir(folder)?
            .filter_map(|entry| {
                entry
                    .ok()?
                    .file_name()
                    .to_str()?
                    .strip_prefix("transcript-")?
                    .strip_suffix(".jsonl")?
                    .parse()
                    .ok()
            })
            .max()
            .unwrap_or(0);
        let file = segment(folder, number)?;
        let size = file.metadata()?.len();
        Ok(Self {
            folder: folder.to_owned(),
            number,
            file,
            size,
        })
    }

    /// Adds a line; `durable` at the end of a turn.
    pub fn add(&mut self, line: &str, durable: bool) -> io::Result<()> {
        if self.size >= SEGMENT {
            self.number += 1;
            self.file = segment(&self.folder, self.number)?;
            self.size = 0;
            if let Some(old) = self.number.checked_sub(KEPT) {
                let old = name(&self.folder, old);
                if old.exists() {
                    fs::remove_file(old)?;
                }
            }
        }
        self.file.write_all(line.as_bytes())?;
        self.file.write_all(b"\n")?;
        self.size += line.len() as u64 + 1;
        if durable {
            self.file.sync_data()
        } else {
            Ok(())
        }
    }
}

fn name(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("transcript-{number:04}.jsonl"))
}

fn segment(folder: &Path, number: u32) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(name(folder, number))
}
