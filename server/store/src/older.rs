//! What older programs wrote: text, or all of it as one block of LZ4 with its length before it, four bytes, the lowest
//! first.

use std::collections::{HashMap, hash_map::Entry};

use rusqlite::types::ValueRef;

use crate::{
    StoreError,
    lines::{Line, Lines},
};

/// The most that LZ4 makes of a byte.
const RATIO: usize = 255;

/// The text; none when it is damaged.
pub fn text(stored: ValueRef<'_>) -> Option<String> {
    let text = match stored {
        ValueRef::Text(text) => text.to_vec(),
        ValueRef::Blob(packed) => inflate(packed)?,
        _ => return None,
    };
    String::from_utf8(text).ok()
}

/// A length that can't be true takes no memory.
fn inflate(packed: &[u8]) -> Option<Vec<u8>> {
    let (length, block) = lz4_flex::block::uncompressed_size(packed).ok()?;
    if length > block.len().saturating_mul(RATIO) {
        return None;
    }
    let lines = lz4_flex::block::decompress(block, length).ok();
    // A block that is cut between two of its parts gives less.
    lines.filter(|lines| lines.len() == length)
}

/// The messages of a row of the journal, by channel, without those that are known: of each, `known` gives the offset up
/// to which all are. Each message was a line: channel, offset, when it was said, and the JSON, with blanks between them.
pub fn journal(
    text: &str,
    mut known: impl FnMut(&str) -> Result<u64, StoreError>,
) -> Result<Vec<(String, Lines)>, StoreError> {
    let mut channels: Vec<(String, Lines)> = vec![];
    let mut places = HashMap::new();
    for line in text.split_terminator('\n') {
        let damaged = || StoreError::Damaged(format!("the journal says {line:?}"));
        let mut parts = line.splitn(4, ' ');
        let (Some(channel), Some(offset), Some(at), Some(json)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(damaged());
        };
        let line = Line {
            offset: offset.parse().map_err(|_| damaged())?,
            at: at.parse().map_err(|_| damaged())?,
            json,
        };
        if line.offset <= known(channel)? {
            continue;
        }
        let place = match places.entry(channel) {
            Entry::Occupied(place) => *place.get(),
            Entry::Vacant(place) => {
                channels.push((channel.to_owned(), Lines::default()));
                *place.insert(channels.len() - 1)
            }
        };
        let (_, lines) = &mut channels[place];
        if lines.last().is_some_and(|last| last + 1 != line.offset) {
            return Err(StoreError::Place(channel.to_owned(), line.offset));
        }
        lines.push(line);
    }
    Ok(channels)
}
