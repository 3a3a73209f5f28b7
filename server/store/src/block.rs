//! Lines as they are stored: compressed, as what is said in a channel repeats itself. Where several messages come at
//! once, half as much is written, and waited for; a single one becomes a little longer.
//!
//! A block is a head, whose numbers have their lowest byte first, and what LZ4 makes of the lines. The journal and the
//! chunks hold blocks, so that most go from the one to the other as they are. What is read is not trusted: only the
//! writing side of the library is the faster one without bounds checks.

use lz4_flex::block::{
    CompressTable, compress_into_with_table, decompress, get_maximum_output_size,
};

use crate::lines::Lines;

/// A block takes no more messages when its lines have this many bytes, and neither does a chunk.
pub const FULL: usize = 16 * 1024;

/// Bytes of a head: first offset, lines, when the youngest was said, bytes of the lines, bytes of what they became.
const HEAD: usize = 8 + 4 + 8 + 4 + 4;
/// The most that LZ4 makes of a byte.
const RATIO: usize = 255;
/// Memory to work with that has grown beyond this many bytes is given back.
const KEPT: usize = 64 * 1024;

/// Lines, packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Offset of the first message.
    pub first: u64,
    /// Never 0.
    pub count: u32,
    /// When the youngest message was said, Unix milliseconds.
    pub youngest: i64,
    /// Bytes of the lines.
    pub bytes: u32,
    /// As it is stored, head and all.
    pub stored: Box<[u8]>,
}

/// Makes blocks.
#[derive(Default)]
pub struct Packer {
    table: CompressTable,
    packed: Vec<u8>,
}

impl Packer {
    /// Packs some lines; none when these are 4 GiB or more.
    pub fn pack(&mut self, lines: &Lines) -> Option<Block> {
        let Lines {
            first,
            count,
            youngest,
            text,
        } = lines;
        let most = get_maximum_output_size(text.len());
        if self.packed.len() < most {
            self.packed.resize(most, 0);
        }
        let packed =
            compress_into_with_table(text.as_bytes(), &mut self.packed, &mut self.table).ok()?;
        let [bytes, length] = [text.len(), packed].map(u32::try_from);
        let (bytes, length) = (bytes.ok()?, length.ok()?);
        let mut stored = Vec::with_capacity(HEAD + packed);
        stored.extend(first.to_le_bytes());
        stored.extend(count.to_le_bytes());
        stored.extend(youngest.to_le_bytes());
        stored.extend(bytes.to_le_bytes());
        stored.extend(length.to_le_bytes());
        stored.extend_from_slice(self.packed.get(..packed)?);
        self.packed.truncate(KEPT);
        self.packed.shrink_to(KEPT);
        Some(Block {
            first: *first,
            count: *count,
            youngest: *youngest,
            bytes,
            stored: stored.into(),
        })
    }
}

impl Block {
    /// Reads a block, and gives what follows it; none when it is damaged.
    pub fn read(stored: &[u8]) -> Option<(Self, &[u8])> {
        let mut head = stored.get(..HEAD)?;
        let first = u64::from_le_bytes(take(&mut head)?);
        let count = u32::from_le_bytes(take(&mut head)?);
        let youngest = i64::from_le_bytes(take(&mut head)?);
        let bytes = u32::from_le_bytes(take(&mut head)?);
        let length = usize::try_from(u32::from_le_bytes(take(&mut head)?)).ok()?;
        let (stored, rest) = stored.split_at_checked(HEAD.checked_add(length)?)?;
        let likely = count > 0 && first.checked_add(u64::from(count)).is_some();
        let block = Self {
            first,
            count,
            youngest,
            bytes,
            stored: stored.into(),
        };
        likely.then_some((block, rest))
    }

    /// Offset of the last message.
    pub fn last(&self) -> u64 {
        self.first + u64::from(self.count) - 1
    }

    /// The lines; none when they are damaged, or not what the head says.
    pub fn lines(&self) -> Option<Lines> {
        let text = inflate(self.stored.get(HEAD..)?, usize::try_from(self.bytes).ok()?)?;
        let lines = Lines::of(self.first, text)?;
        let as_said = lines.count == self.count && lines.youngest == self.youngest;
        as_said.then_some(lines)
    }
}

/// The lines of blocks that follow each other; none when they are damaged, or do not follow.
pub fn unpack(mut stored: &[u8]) -> Option<Lines> {
    let mut all = Lines::default();
    while !stored.is_empty() {
        let (block, rest) = Block::read(stored)?;
        if all.last().is_some_and(|last| last + 1 != block.first) {
            return None;
        }
        all.extend(&block.lines()?);
        stored = rest;
    }
    Some(all)
}

/// Text of so many bytes from what LZ4 made of it; none when it is damaged. A length that can't be true takes no memory.
pub fn inflate(packed: &[u8], length: usize) -> Option<String> {
    if length > packed.len().saturating_mul(RATIO) {
        return None;
    }
    let text = decompress(packed, length).ok()?;
    // What is cut between two of its parts gives less.
    let whole = text.len() == length;
    whole.then(|| String::from_utf8(text).ok())?
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Line;

    fn some(first: u64, count: u64, json: &str) -> Lines {
        let mut lines = Lines::default();
        for offset in first..first + count {
            lines.push(Line {
                offset,
                at: 7 + i64::try_from(offset % 5).unwrap(),
                json,
            });
        }
        lines
    }

    #[test]
    fn lines_come_back_as_they_were_one_block_after_the_other() {
        let mut packer = Packer::default();
        let long = some(3, 10_000, "{\"type\":\"MSG\",\"content\":\"hé 💬\"}");
        let [short, after] = [some(1, 2, "{}"), some(10_003, 1, "")];
        let blocks = [&short, &long, &after].map(|lines| packer.pack(lines).unwrap());
        assert!(blocks[1].stored.len() * 50 < long.text.len());
        assert_eq!((blocks[1].last(), blocks[1].youngest), (10_002, 11));
        let stored = [&*blocks[0].stored, &blocks[1].stored, &blocks[2].stored];
        let (read, rest) = Block::read(&stored.concat())
            .map(|(b, r)| (b, r.len()))
            .unwrap();
        assert_eq!(
            (&read, rest),
            (&blocks[0], stored[1].len() + stored[2].len())
        );
        let mut all = short.clone();
        all.extend(&long);
        all.extend(&after);
        assert_eq!(unpack(&stored.concat()).unwrap(), all);
        // One is missing, or they are in another order.
        assert_eq!(unpack(&[stored[0], stored[2]].concat()), None);
        assert_eq!(unpack(&[stored[1], stored[0]].concat()), None);
    }

    #[test]
    fn what_is_damaged_gives_nothing_and_takes_no_memory() {
        let block = Packer::default()
            .pack(&some(1, 9, "{\"type\":\"MSG\"}"))
            .unwrap();
        let stored = block.stored.to_vec();
        for cut in 1..stored.len() {
            assert_eq!(unpack(&stored[..cut]), None, "cut at {cut}");
        }
        // The first offset, count, time, length, and length of what it became.
        for (at, byte) in [
            (7, 0xff),
            (8, 0),
            (8, 8),
            (20, 0),
            (23, 0xff),
            (24, 1),
            (27, 0xff),
        ] {
            let mut damaged = stored.clone();
            assert_ne!(damaged[at], byte);
            damaged[at] = byte;
            if at == 7 {
                damaged[..8].fill(0xff);
            }
            assert_eq!(unpack(&damaged), None, "{byte} at {at}");
        }
    }
}
