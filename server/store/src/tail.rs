//! The youngest messages, in memory and in the journal.
//!
//! A batch puts all its messages into one row of the journal, so that what is said in many channels costs no more
//! than what is said in one. A long journal is settled little by little, see [`crate::messages`]: the oldest
//! messages first, and a row is taken away once all of its messages are settled or forgotten.

use std::{
    collections::{BTreeSet, VecDeque},
    ops::Range,
};

use foldhash::HashMap;

use crate::StoreError;

/// The journal is long when it has this many lines…
const LINES: usize = 32 * 1024;
/// …or bytes.
const BYTES: usize = 8 * 1024 * 1024;
/// So many rows are taken away at a time, at least…
const ROWS: usize = 64;
/// …or rows with so many bytes.
const ROW_BYTES: usize = 256 * 1024;

/// A message.
#[derive(Clone, Copy, Debug)]
pub struct Line<'t> {
    /// Its place in the channel's order.
    pub offset: u64,
    /// When it was said, Unix milliseconds.
    pub at: i64,
    /// What is sent to readers, JSON.
    pub json: &'t str,
}

/// Where a line is.
struct Place {
    offset: u64,
    at: i64,
    /// Its row.
    seq: i64,
    /// Its JSON, in the text of that row.
    json: Range<usize>,
}

/// A row of the journal.
struct Row {
    seq: i64,
    /// A line for each message: channel, offset, when it was said, and the JSON, with blanks between them.
    text: String,
    lines: usize,
    /// Lines that are neither settled nor forgotten.
    left: usize,
}

/// Messages that are not settled yet, by channel, each without a gap.
#[derive(Default)]
pub struct Tail {
    channels: HashMap<String, VecDeque<Place>>,
    /// The oldest row that each channel has a line in.
    oldest: BTreeSet<(i64, String)>,
    /// The journal's rows, and the one of the batch that is under way, if it has lines.
    rows: VecDeque<Row>,
    /// Of all rows.
    lines: usize,
    bytes: usize,
    /// The place of the row of the batch that is under way.
    next: i64,
}

impl Tail {
    /// Adds a message of the batch that is under way.
    pub fn add(&mut self, channel: &str, line: Line<'_>) -> Result<(), StoreError> {
        let Line { offset, at, json } = line;
        if json.contains('\n') {
            return Err(StoreError::Place(channel.to_owned(), offset));
        }
        let (mut number, mut time) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (number, time) = (number.format(offset), time.format(at));
        let row = self.row();
        let before = row.text.len();
        for part in [channel, " ", number, " ", time, " "] {
            row.text.push_str(part);
        }
        let start = row.text.len();
        row.text.push_str(json);
        let json = start..row.text.len();
        row.text.push('\n');
        row.lines += 1;
        row.left += 1;
        let (seq, bytes) = (row.seq, row.text.len() - before);
        self.lines += 1;
        self.bytes += bytes;
        let place = Place {
            offset,
            at,
            seq,
            json,
        };
        self.keep(channel, place)
    }

    /// Adds a row of the journal, without what was settled or forgotten: `known` gives an offset up to which all
    /// of a channel is.
    pub fn read(
        &mut self,
        seq: i64,
        text: String,
        mut known: impl FnMut(&str) -> Result<u64, StoreError>,
    ) -> Result<(), StoreError> {
        self.next = seq + 1;
        let mut row = Row::new(seq, String::new());
        let mut end = 0;
        for line in text.split_inclusive('\n') {
            end += line.len();
            let damaged = || StoreError::Damaged(format!("the journal says {line:?}"));
            let (line, last) = match line.strip_suffix('\n') {
                Some(line) => (line, end - 1),
                None => (line, end),
            };
            let mut parts = line.splitn(4, ' ');
            let (Some(channel), Some(offset), Some(at), Some(json)) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return Err(damaged());
            };
            let place = Place {
                offset: offset.parse().map_err(|_| damaged())?,
                at: at.parse().map_err(|_| damaged())?,
                seq,
                json: last - json.len()..last,
            };
            row.lines += 1;
            if place.offset > known(channel)? {
                row.left += 1;
                self.keep(channel, place)?;
            }
        }
        self.lines += row.lines;
        self.bytes += text.len();
        self.rows.push_back(Row { text, ..row });
        Ok(())
    }

    /// The row of the batch that is under way.
    fn row(&mut self) -> &mut Row {
        let usual = match self.rows.back() {
            Some(row) if row.seq == self.next => None,
            Some(row) => Some(row.text.len()),
            None => Some(0),
        };
        if let Some(usual) = usual {
            let row = Row::new(self.next, String::with_capacity(usual));
            self.rows.push_back(row);
        }
        let last = self.rows.len() - 1;
        &mut self.rows[last]
    }

    fn keep(&mut self, channel: &str, place: Place) -> Result<(), StoreError> {
        let places = match self.channels.get_mut(channel) {
            Some(places) => places,
            None => self.channels.entry(channel.to_owned()).or_default(),
        };
        match places.back() {
            Some(last) if last.offset + 1 != place.offset => {
                return Err(StoreError::Place(channel.to_owned(), place.offset));
            }
            Some(_) => {}
            None => {
                self.oldest.insert((place.seq, channel.to_owned()));
            }
        }
        places.push_back(place);
        Ok(())
    }

    /// What is to be written to the journal: the row's place, and its lines; none when nothing was said.
    pub fn unwritten(&self) -> Option<(i64, &str)> {
        let row = self.rows.back()?;
        (row.seq == self.next).then_some((row.seq, &row.text))
    }

    /// The row of the batch that is under way is in the journal now; gives its bytes.
    pub fn written(&mut self) -> usize {
        let Some(row) = self.rows.back_mut().filter(|row| row.seq == self.next) else {
            return 0;
        };
        self.next += 1;
        row.text.shrink_to_fit();
        row.text.len()
    }

    /// Whether it is time to settle some.
    pub fn is_long(&self) -> bool {
        self.lines >= LINES || self.bytes >= BYTES
    }

    /// The channel that has the oldest message.
    pub fn oldest(&self) -> Option<&str> {
        self.oldest.first().map(|(_, channel)| channel.as_str())
    }

    /// The place up to which rows can be taken away, when these are some: they are as good as gone.
    pub fn take_rows(&mut self) -> Option<i64> {
        let free = self.rows.iter().take_while(|row| row.left == 0);
        let (count, bytes) = free.fold((0, 0), |(count, bytes), row| {
            (count + 1, bytes + row.text.len())
        });
        if count < ROWS && bytes < ROW_BYTES {
            return None;
        }
        let mut last = None;
        for row in self.rows.drain(..count) {
            self.lines -= row.lines;
            self.bytes -= row.text.len();
            last = Some(row.seq);
        }
        last
    }

    /// The messages of a channel, oldest first.
    pub fn of(&self, channel: &str) -> impl DoubleEndedIterator<Item = Line<'_>> {
        self.after(channel, 0)
    }

    /// The messages of a channel after an offset, oldest first.
    pub fn after(&self, channel: &str, offset: u64) -> impl DoubleEndedIterator<Item = Line<'_>> {
        let places = self.channels.get(channel);
        let skipped = self.up_to(channel, offset);
        let places = places.map(|places| places.range(skipped..));
        places
            .into_iter()
            .flatten()
            .filter_map(|place| self.line(place))
    }

    /// How many messages of a channel have an offset up to this.
    pub fn up_to(&self, channel: &str, offset: u64) -> usize {
        let Some(places) = self.channels.get(channel) else {
            return 0;
        };
        // Without a gap.
        let first = places.front().map_or(0, |place| place.offset);
        let count = offset.saturating_add(1).saturating_sub(first);
        usize::try_from(count).map_or(places.len(), |count| count.min(places.len()))
    }

    /// The offset of the first message of a channel that was said at this time or later.
    pub fn since(&self, channel: &str, at: i64) -> Option<u64> {
        let mut places = self.channels.get(channel)?.iter();
        places
            .find(|place| place.at >= at)
            .map(|place| place.offset)
    }

    fn line(&self, place: &Place) -> Option<Line<'_>> {
        let row = self.rows.binary_search_by_key(&place.seq, |row| row.seq);
        let row = row.ok().and_then(|at| self.rows.get(at));
        let json = row.and_then(|row| row.text.get(place.json.clone()));
        debug_assert!(json.is_some(), "a line of no row");
        Some(Line {
            offset: place.offset,
            at: place.at,
            json: json?,
        })
    }

    /// Takes the oldest messages of a channel out, so many.
    pub fn take(&mut self, channel: &str, count: usize) {
        let Some(places) = self.channels.get_mut(channel) else {
            return;
        };
        let was_in = places.front().map(|place| place.seq);
        for place in places.drain(..count.min(places.len())) {
            let row = self.rows.binary_search_by_key(&place.seq, |row| row.seq);
            if let Some(row) = row.ok().and_then(|at| self.rows.get_mut(at)) {
                row.left -= 1;
            }
        }
        let is_in = places.front().map(|place| place.seq);
        if is_in.is_none() {
            self.channels.remove(channel);
        }
        if is_in != was_in {
            let of = |seq: i64| (seq, channel.to_owned());
            if let Some(was_in) = was_in {
                self.oldest.remove(&of(was_in));
            }
            self.oldest.extend(is_in.map(of));
        }
    }
}

impl Row {
    fn new(seq: i64, text: String) -> Self {
        Self {
            seq,
            text,
            lines: 0,
            left: 0,
        }
    }
}
