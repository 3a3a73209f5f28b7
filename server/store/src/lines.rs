//! How lines are stored: compressed, as what is said in a chat repeats itself. Less than half is written, and waited
//! for.
//!
//! A block of LZ4 with its length before it, four bytes, the lowest first. Rows of older programs are text. What is read
//! is not trusted: only the writing side of the library is the faster one without bounds checks.

use rusqlite::types::ValueRef;

use crate::StoreError;

/// The most that LZ4 makes of a byte.
const RATIO: usize = 255;

/// What is stored of lines.
pub fn pack(lines: &str) -> Vec<u8> {
    lz4_flex::compress_prepend_size(lines.as_bytes())
}

/// Lines as they were stored; `place` says where, in case they are damaged.
pub fn unpack(stored: ValueRef<'_>, place: impl Fn() -> String) -> Result<String, StoreError> {
    let text = match stored {
        ValueRef::Text(text) => Some(text.to_vec()),
        ValueRef::Blob(packed) => inflate(packed),
        _ => None,
    };
    let text = text.and_then(|text| String::from_utf8(text).ok());
    text.ok_or_else(|| StoreError::Damaged(format!("{} can't be read", place())))
}

/// None when it is damaged; a length that can't be true takes no memory.
fn inflate(packed: &[u8]) -> Option<Vec<u8>> {
    let (length, block) = lz4_flex::block::uncompressed_size(packed).ok()?;
    if length > block.len().saturating_mul(RATIO) {
        return None;
    }
    let lines = lz4_flex::decompress(block, length).ok();
    // A block that is cut between two of its parts gives less.
    lines.filter(|lines| lines.len() == length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stored: ValueRef<'_>) -> Result<String, String> {
        unpack(stored, || "row 7".to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_come_back_as_they_were_and_text_of_older_programs_too() {
        let long = "7 {\"type\":\"MSG\",\"content\":\"hé 💬\"}\n".repeat(10_000);
        for lines in ["", "7 {}\n", &long] {
            let packed = pack(lines);
            assert_eq!(read(ValueRef::Blob(&packed)).unwrap(), lines);
            assert_eq!(read(ValueRef::Text(lines.as_bytes())).unwrap(), lines);
        }
        assert!(pack(&long).len() * 100 < long.len());
    }

    #[test]
    fn what_is_damaged_is_named_and_takes_no_memory() {
        let packed = pack("7 {\"type\":\"MSG\"}\n");
        let cut = &packed[..packed.len() - 1];
        let mut huge = packed.clone();
        huge[3] = 0xff;
        let mut longer = packed.clone();
        longer[0] += 1;
        for damaged in [cut, &huge, &longer, &packed[..3], &[], &pack("\u{fe}")[..4]] {
            let error = read(ValueRef::Blob(damaged)).unwrap_err();
            assert!(error.contains("row 7 can't be read"), "{error}");
        }
        assert!(read(ValueRef::Text(b"\xff")).is_err());
        assert!(read(ValueRef::Integer(7)).is_err());
    }
}
