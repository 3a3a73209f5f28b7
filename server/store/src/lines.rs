//! Messages of one channel that follow each other, as text: a line each: when it was said, a blank, and the JSON.

use crate::error::StoreError;

/// A message.
#[derive(Clone, Copy, Debug)]
pub struct Line<'t> {
    /// Its offset in the channel's order.
    pub offset: u64,
    /// When it was said, Unix milliseconds.
    pub at: i64,
    /// What is sent to readers, JSON without line breaks.
    pub json: &'t str,
}

/// Lines, without a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Offset of the first.
    pub first: u64,
    /// How many there are.
    pub count: u32,
    /// When the youngest was said, Unix milliseconds.
    pub youngest: i64,
    /// The lines, each with its end.
    pub text: String,
}

impl Lines {
    /// With room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            ..Self::default()
        }
    }

    /// Lines that begin with an offset; none when they are damaged.
    pub fn of(first: u64, text: String) -> Option<Self> {
        if !text.ends_with('\n') {
            return None;
        }
        let mut lines = Self {
            first,
            text,
            ..Self::default()
        };
        let (mut count, mut youngest) = (0_u32, i64::MIN);
        for message in lines.messages() {
            count = count.checked_add(1)?;
            youngest = youngest.max(message.ok()?.at);
        }
        (lines.count, lines.youngest) = (count, youngest);
        Some(lines)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Offset of the last one, if there are some.
    pub fn last(&self) -> Option<u64> {
        let before = self.count.checked_sub(1)?;
        Some(self.first + u64::from(before))
    }

    /// Adds the message that follows.
    pub fn push(&mut self, Line { offset, at, json }: Line<'_>) {
        if self.is_empty() {
            (self.first, self.youngest) = (offset, at);
        }
        self.count += 1;
        self.youngest = self.youngest.max(at);
        for part in [itoa::Buffer::new().format(at), " ", json, "\n"] {
            self.text.push_str(part);
        }
    }

    /// Adds those that follow.
    pub fn extend(&mut self, next: &Self) {
        if self.is_empty() {
            (self.first, self.youngest) = (next.first, next.youngest);
        }
        self.count += next.count;
        self.youngest = self.youngest.max(next.youngest);
        self.text.push_str(&next.text);
    }

    /// The messages, in their order.
    pub fn messages(&self) -> impl Iterator<Item = Result<Line<'_>, StoreError>> {
        (self.first..)
            .zip(self.text.split_terminator('\n'))
            .map(|(offset, line)| {
                let parts = line.split_once(' ');
                let line = parts.and_then(|(at, json)| {
                    let at = at.parse().ok()?;
                    Some(Line { offset, at, json })
                });
                line.ok_or_else(|| StoreError::Damaged(format!("message {offset} can't be read")))
            })
    }
}
