//! What is being received: pieces in order, no more of them than were offered.

use std::time::{Duration, Instant};

use super::{File, FileError, archive::unpack, sha256, wire::Offered};

/// How long an offer may be accepted.
pub const OFFERED: Duration = Duration::from_secs(30 * 60);
/// How long the next piece may take.
pub const SILENT: Duration = Duration::from_secs(120);
/// The largest sum of offered files, in bytes.
pub const LARGEST: u64 = 50 * 1024 * 1024;
/// Files of an offer.
const FILES: usize = 1000;

/// A transfer to us.
#[derive(Debug)]
pub struct Incoming {
    pub files: Vec<Offered>,
    pub total_size: u64,
    sha256: String,
    chunks: u64,
    /// Pieces that are there.
    have: u64,
    text: String,
    pub accepted: bool,
    /// When the last word came.
    heard: Instant,
}

impl Incoming {
    /// Checks an offer.
    pub fn new(
        files: Vec<Offered>,
        total_size: u64,
        sha256: String,
        chunks: u64,
        now: Instant,
    ) -> Result<Self, FileError> {
        let sum = files
            .iter()
            .try_fold(0_u64, |sum, file| sum.checked_add(file.size));
        if sum != Some(total_size) || files.len() > FILES || files.is_empty() {
            return Err(FileError::Offer("its files and their sizes don't add up"));
        }
        if total_size > LARGEST {
            return Err(FileError::Offer("it is larger than 50 MiB"));
        }
        if chunks == 0 || chunks > longest(total_size, files.len()) {
            return Err(FileError::Offer("it has too many pieces, or none"));
        }
        Ok(Self {
            files,
            total_size,
            sha256,
            chunks,
            have: 0,
            text: String::new(),
            accepted: false,
            heard: now,
        })
    }

    /// Takes a piece. One that is there already, or that comes too early, is passed over.
    pub fn take(&mut self, idx: u64, data: &str, now: Instant) -> Result<(), FileError> {
        if !self.accepted || idx != self.have || self.have == self.chunks {
            return Ok(());
        }
        let most = longest(self.total_size, self.files.len());
        if u64::try_from(self.text.len() + data.len()).unwrap_or(u64::MAX) > most {
            return Err(FileError::Offer("more comes than was offered"));
        }
        self.text.push_str(data);
        self.have += 1;
        self.heard = now;
        Ok(())
    }

    /// Takes the transfer up, for the first time or again.
    pub fn resume(&mut self, now: Instant) -> u64 {
        (self.accepted, self.heard) = (true, now);
        self.have
    }

    /// Whether pieces are missing.
    pub fn is_short(&self) -> bool {
        self.have < self.chunks
    }

    /// Why nothing will come of it any more.
    pub fn expired(&self, now: Instant) -> Option<&'static str> {
        let silent = now.saturating_duration_since(self.heard);
        match self.accepted {
            true => (silent > SILENT).then_some("the sender fell silent"),
            false => (silent > OFFERED).then_some("the offer was not accepted in time"),
        }
    }

    /// All pieces are there: the files.
    pub fn finish(self) -> Result<Vec<File>, FileError> {
        if sha256(&self.text) != self.sha256.to_ascii_lowercase() {
            return Err(FileError::Digest);
        }
        let files = unpack(&self.text)?;
        let offered = |file: &File| {
            let size = u64::try_from(file.bytes.len()).unwrap_or(u64::MAX);
            self.files
                .iter()
                .any(|o| o.name == file.name && o.size == size)
        };
        if files.len() != self.files.len() || !files.iter().all(offered) {
            return Err(FileError::Offer("other files came than were offered"));
        }
        Ok(files)
    }
}

/// The longest archive of so many bytes: all in base64, with the longest headers.
fn longest(total_size: u64, files: usize) -> u64 {
    let files = u64::try_from(files).unwrap_or(u64::MAX);
    total_size / 3 * 4 + 4 + files.saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::archive::pack;

    fn offer(bytes: &[u8]) -> (Incoming, String) {
        let file = File {
            name: "a".into(),
            bytes: bytes.to_vec(),
        };
        let text = pack(&[file]).unwrap();
        let size = u64::try_from(bytes.len()).unwrap();
        let files = vec![Offered {
            name: "a".into(),
            size,
        }];
        let incoming = Incoming::new(files, size, sha256(&text), 2, Instant::now()).unwrap();
        (incoming, text)
    }

    #[test]
    fn pieces_are_taken_in_order_and_once() {
        let now = Instant::now();
        let (mut incoming, text) = offer(b"some bytes");
        let (first, second) = text.split_at(7);
        incoming.take(0, first, now).unwrap();
        assert_eq!(
            incoming.resume(now),
            0,
            "nothing is taken before it is accepted"
        );
        incoming.take(1, second, now).unwrap();
        incoming.take(0, first, now).unwrap();
        incoming.take(0, first, now).unwrap();
        assert_eq!((incoming.resume(now), incoming.is_short()), (1, true));
        incoming.take(1, second, now).unwrap();
        incoming.take(2, "more", now).unwrap();
        assert!(!incoming.is_short());
        assert_eq!(incoming.finish().unwrap()[0].bytes, b"some bytes");
    }

    #[test]
    fn what_is_not_what_was_offered_is_refused() {
        let now = Instant::now();
        let (mut incoming, text) = offer(b"some bytes");
        incoming.resume(now);
        incoming.take(0, &text, now).unwrap();
        incoming.take(1, "x", now).unwrap();
        assert!(matches!(incoming.finish(), Err(FileError::Digest)));
        let (mut incoming, _) = offer(b"x");
        incoming.resume(now);
        assert!(incoming.take(0, &"x".repeat(2000), now).is_err());
        let one = |size| {
            vec![Offered {
                name: "a".into(),
                size,
            }]
        };
        assert!(Incoming::new(one(LARGEST), LARGEST, String::new(), 1, now).is_ok());
        for (files, total, chunks) in [
            (one(5), 4, 1),
            (vec![], 0, 1),
            (one(LARGEST + 1), LARGEST + 1, 1),
            (one(5), 5, 0),
            (one(5), 5, u64::MAX),
            ([one(u64::MAX), one(1)].concat(), 0, 1),
        ] {
            assert!(Incoming::new(files, total, String::new(), chunks, now).is_err());
        }
    }

    #[test]
    fn offers_and_transfers_end() {
        let (mut incoming, _) = offer(b"x");
        let now = Instant::now();
        assert!(incoming.expired(now + OFFERED - SILENT).is_none());
        assert!(incoming.expired(now + OFFERED + SILENT).is_some());
        incoming.resume(now);
        assert!(incoming.expired(now + SILENT).is_none());
        assert!(incoming.expired(now + SILENT * 2).is_some());
    }
}
