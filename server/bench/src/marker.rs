//! What messages carry so that whoever hears one knows which it is, and when it was sent.
//!
//! The marker stands at the beginning of the content and has a fixed width, so that it is found and read
//! without parsing JSON.

use std::cell::Cell;

use crate::prose;

/// How a message's content begins, and the JSON in front of it.
const BEFORE: &str = "\"content\":\"bench:";
/// Digits of sender, number and time; each with a colon after it.
const WIDTHS: [usize; 3] = [5, 9, 15];
/// All of them.
const DIGITS: usize = WIDTHS[0] + WIDTHS[1] + WIDTHS[2] + WIDTHS.len();
/// The content's part of [`BEFORE`].
const PREFIX: usize = "bench:".len();

/// The shortest content that has room for a marker.
pub const SHORTEST: usize = PREFIX + DIGITS;

/// Which message this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Who sent it.
    pub sender: u32,
    /// Which of the sender's, from 0.
    pub number: u32,
    /// When it was, or should have been, sent: nanoseconds of the generator's clock.
    pub sent_ns: u64,
}

/// Writes the frame that says it, with a content of `size` bytes. By hand: the generator does this for every message.
pub fn say(out: &mut Vec<u8>, channel: &str, marker: Marker, size: usize) {
    let Marker {
        sender,
        number,
        sent_ns,
    } = marker;
    out.clear();
    for part in ["{\"type\":\"MSG\",\"to\":\"", channel, "\",", BEFORE] {
        out.extend(part.as_bytes());
    }
    for (value, width) in [sender.into(), number.into(), sent_ns]
        .into_iter()
        .zip(WIDTHS)
    {
        push_digits(out, value, width);
        out.push(b':');
    }
    let rest = size.saturating_sub(SHORTEST);
    out.extend(prose::some(
        u64::from(sender) << 32 | u64::from(number),
        rest,
    ));
    out.extend(b"\"}");
}

/// Writes the last digits of a number.
fn push_digits(out: &mut Vec<u8>, mut value: u64, width: usize) {
    let start = out.len();
    out.resize(start + width, b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit += (value % 10) as u8;
        value /= 10;
    }
}

/// Finds markers. Frames of one server look alike, so that the last place is tried first.
#[derive(Default)]
pub struct Finder {
    last: Cell<usize>,
}

impl Finder {
    /// The marker of a frame; none when it is not a message of ours.
    pub fn find(&self, frame: &[u8]) -> Option<Marker> {
        let before = BEFORE.as_bytes();
        let there = |at: usize| frame.get(at..).is_some_and(|rest| rest.starts_with(before));
        let at = if there(self.last.get()) {
            self.last.get()
        } else {
            frame.windows(before.len()).position(|w| w == before)?
        };
        self.last.set(at);
        let digits = frame.get(at + before.len()..)?.get(..DIGITS)?;
        let (mut values, mut at) = ([0_u64; 3], 0);
        for (value, width) in values.iter_mut().zip(WIDTHS) {
            for &digit in &digits[at..at + width] {
                if !digit.is_ascii_digit() {
                    return None;
                }
                *value = *value * 10 + u64::from(digit - b'0');
            }
            if digits[at + width] != b':' {
                return None;
            }
            at += width + 1;
        }
        let [sender, number, sent_ns] = values;
        Some(Marker {
            sender: sender.try_into().ok()?,
            number: number.try_into().ok()?,
            sent_ns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKER: Marker = Marker {
        sender: 42,
        number: 1_234_567,
        sent_ns: 98_765_432_100,
    };

    fn said(size: usize) -> String {
        let mut text = vec![];
        say(&mut text, "#bench", MARKER, size);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn the_content_has_the_size_that_was_asked_for() {
        for size in [SHORTEST, 128, 2048] {
            let frame: serde_json::Value = serde_json::from_str(&said(size)).unwrap();
            assert_eq!(frame["content"].as_str().unwrap().len(), size);
            assert_eq!(
                (&frame["type"], &frame["to"]),
                (&"MSG".into(), &"#bench".into())
            );
        }
    }

    #[test]
    fn markers_are_found_wherever_the_content_stands() {
        let finder = Finder::default();
        let said: serde_json::Value = serde_json::from_str(&said(128)).unwrap();
        let content = &said["content"];
        for _ in 0..2 {
            for frame in [
                format!("{{\"content\":{content},\"to\":\"#bench\"}}"),
                format!("{{\"from\":\"@a\",\"to\":\"#bench\",\"content\":{content},\"ts\":1}}"),
            ] {
                assert_eq!(finder.find(frame.as_bytes()), Some(MARKER), "{frame}");
            }
        }
    }

    #[test]
    fn other_frames_have_none() {
        let finder = Finder::default();
        assert_eq!(finder.find(said(128).as_bytes()), Some(MARKER));
        for other in [
            "",
            "{\"type\":\"AGENT_JOINED\",\"channel\":\"#bench\"}",
            "{\"content\":\"somebody came\"}",
            "{\"content\":\"bench:00042:",
            "{\"content\":\"bench:00042:x01234567:000098765432100:\"}",
        ] {
            assert_eq!(finder.find(other.as_bytes()), None, "{other}");
        }
    }
}
