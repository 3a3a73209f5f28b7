//! What older programs wrote: text, or all of it as one block of LZ4 with its length before it, four bytes, the lowest
//! first.

use std::{collections::HashMap, mem};

use rusqlite::types::ValueRef;

use crate::{
    block::{self, FULL},
    error::StoreError,
    lines::{Line, Lines},
};

/// The text; none when it is damaged.
pub fn text(stored: ValueRef<'_>) -> Option<String> {
    let mut text = match stored {
        ValueRef::Text(text) => String::from_utf8(text.to_vec()).ok()?,
        ValueRef::Blob(packed) => {
            let (length, packed) = lz4_flex::block::uncompressed_size(packed).ok()?;
            block::inflate(packed, length)?
        }
        _ => return None,
    };
    // Of the first chunks, the last line does not end.
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    Some(text)
}

/// The messages of a row of the journal, by channel and not too many at a time, without those that are known: of each
/// channel, `known` gives the offset up to which all are. Each message was a line: channel, offset, when it was said,
/// and the JSON, with blanks between them.
pub fn journal(
    text: &str,
    mut known: impl FnMut(&str) -> Result<u64, StoreError>,
) -> Result<Vec<(String, Lines)>, StoreError> {
    let mut full = vec![];
    let mut others: HashMap<&str, Lines> = HashMap::new();
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
        let lines = others.entry(channel).or_default();
        if lines.last().is_some_and(|last| last + 1 != line.offset) {
            return Err(StoreError::OutOfOrder(channel.to_owned(), line.offset));
        }
        lines.push(line);
        if lines.text.len() >= FULL {
            full.push((channel.to_owned(), mem::take(lines)));
        }
    }
    let others = others.into_iter().filter(|(_, lines)| !lines.is_empty());
    full.extend(others.map(|(channel, lines)| (channel.to_owned(), lines)));
    Ok(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_one_block_of_it_are_read() {
        let long = "7 {\"type\":\"MSG\",\"content\":\"hé 💬\"}\n".repeat(10_000);
        for (lines, read) in [
            ("", ""),
            ("7 {}\n", "7 {}\n"),
            ("7 {}", "7 {}\n"),
            (&long, &long),
        ] {
            let packed = lz4_flex::compress_prepend_size(lines.as_bytes());
            assert_eq!(text(ValueRef::Blob(&packed)).unwrap(), read);
            assert_eq!(text(ValueRef::Text(lines.as_bytes())).unwrap(), read);
        }
    }

    #[test]
    fn what_is_damaged_gives_nothing_and_takes_no_memory() {
        let packed = lz4_flex::compress_prepend_size(b"7 {\"type\":\"MSG\"}\n");
        let cut = &packed[..packed.len() - 1];
        let mut huge = packed.clone();
        huge[3] = 0xff;
        let mut longer = packed.clone();
        longer[0] += 1;
        let no_text = lz4_flex::compress_prepend_size(b"\xff");
        for damaged in [cut, &huge, &longer, &packed[..3], &[], &no_text] {
            assert_eq!(text(ValueRef::Blob(damaged)), None);
        }
        assert_eq!(text(ValueRef::Text(b"\xff")), None);
        assert_eq!(text(ValueRef::Integer(7)), None);
    }

    #[test]
    fn a_row_is_cut_where_a_channel_has_much_in_it() {
        let json = "x".repeat(999);
        let line = |channel: &str, offset: u64| format!("{channel} {offset} 7 {json}\n");
        let row: String = (1..=40)
            .map(|offset| line("#a", offset) + &line("#b", offset))
            .collect();
        let known = |channel: &str| Ok(if channel == "#a" { 4 } else { 40 });
        let read = journal(&row, known).unwrap();
        let ranges: Vec<_> = read
            .iter()
            .map(|(c, l)| (&**c, l.first, l.last().unwrap()))
            .collect();
        assert_eq!(ranges, [("#a", 5, 21), ("#a", 22, 38), ("#a", 39, 40)]);
        let gap = line("#a", 1) + &line("#a", 3);
        assert!(matches!(
            journal(&gap, |_| Ok(0)),
            Err(StoreError::OutOfOrder(_, 3))
        ));
        for damaged in ["#a 1 7\n", "#a one 7 x\n", "#a 1 seven x\n", "\n"] {
            assert!(journal(damaged, |_| Ok(0)).is_err(), "{damaged:?}");
        }
    }
}
