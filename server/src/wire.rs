//! Frames as they go over the wire: encoded once, written to any number of sockets.

mod object;

use std::cell::RefCell;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::Serialize;

pub use self::object::{Object, is_plain};

/// The longest head of a frame from a server.
const HEAD: usize = 10;
/// The memory that frames share, in bytes: few of them, as a slow client may keep all of it for a single one.
const BLOCK: usize = 1024;
/// Room for the text of most frames, in bytes.
const USUAL: usize = 512;
/// Room for what most messages are besides their content, in bytes.
const FIELDS: usize = 256;
/// Final frame of a text message.
const TEXT: u8 = 0x81;
/// An empty ping.
pub const PING: &[u8] = &[0x89, 0];

/// A WebSocket text frame, head included; clones share it.
#[derive(Clone, Debug)]
pub struct Encoded {
    frame: Bytes,
    head: usize,
}

thread_local! {
    /// Where this thread's next frames go: they share the memory of a block, which is kept for as long as one of
    /// them is.
    static FRAMES: RefCell<BytesMut> = RefCell::default();
}

impl Encoded {
    /// A frame with this text.
    pub fn text(text: &str) -> Self {
        Self::write(text.len(), |frame| frame.put_slice(text.as_bytes()))
    }

    /// A frame with a value as JSON, one of text keys and finite numbers.
    pub fn json(value: &impl Serialize) -> Self {
        Self::write(USUAL, |frame| object::write(value, frame))
    }

    /// A frame with an object of this type, to be filled with a content of so many bytes and what is usual besides.
    pub fn object(type_: &'static str, size: usize, fill: impl FnOnce(&mut Object<'_>)) -> Self {
        Self::write(FIELDS + size, |frame| {
            let mut object = Object::new(frame, type_);
            fill(&mut object);
            object.end();
        })
    }

    /// A frame whose text is written, of about so many bytes.
    fn write(size: usize, text: impl FnOnce(&mut BytesMut)) -> Self {
        FRAMES.with_borrow_mut(|frames| {
            if frames.capacity() < HEAD + size {
                *frames = BytesMut::with_capacity(BLOCK.max(HEAD + size));
            }
            frames.put_bytes(0, HEAD);
            text(frames);
            Self::finish(frames.split())
        })
    }

    /// Puts the head right before the text, so that the text is never moved.
    fn finish(mut frame: BytesMut) -> Self {
        let (head, start) = head(frame.len() - HEAD);
        frame.advance(start);
        if let Some(place) = frame.get_mut(..HEAD - start) {
            place.copy_from_slice(&head[start..]);
        }
        Self {
            frame: frame.freeze(),
            head: HEAD - start,
        }
    }

    /// Adds a frame whose text has these parts.
    pub fn add(frames: &mut Vec<u8>, parts: &[&[u8]]) {
        let (head, start) = head(parts.iter().map(|part| part.len()).sum());
        frames.extend_from_slice(&head[start..]);
        parts.iter().for_each(|part| frames.extend_from_slice(part));
    }

    /// The whole frame.
    pub fn bytes(&self) -> &Bytes {
        &self.frame
    }

    /// The text in it.
    pub fn payload(&self) -> &[u8] {
        self.frame.get(self.head..).unwrap_or_default()
    }

    /// The text in it, in bytes.
    pub fn payload_len(&self) -> usize {
        self.frame.len() - self.head
    }
}

/// The head of a text frame, at the end of its array, and where it starts.
fn head(length: usize) -> ([u8; HEAD], usize) {
    let mut head = [0; HEAD];
    let start = match length {
        0..126 => {
            head[HEAD - 1] = length.to_le_bytes()[0];
            HEAD - 2
        }
        126..65_536 => {
            head[HEAD - 3] = 126;
            head[HEAD - 2..].copy_from_slice(&length.to_be_bytes()[size_of::<usize>() - 2..]);
            HEAD - 4
        }
        _ => {
            head[1] = 127;
            head[2..].copy_from_slice(&(length as u64).to_be_bytes());
            0
        }
    };
    head[start] = TEXT;
    (head, start)
}

/// The texts of frames that were written here.
#[cfg(any(test, feature = "fuzzing"))]
pub fn texts(mut wire: &[u8]) -> Vec<&[u8]> {
    let mut texts = vec![];
    while let [TEXT, length, rest @ ..] = wire {
        let (bytes, rest) = match length {
            126 => rest.split_at(2),
            127 => rest.split_at(8),
            _ => (std::slice::from_ref(length), rest),
        };
        let length = bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let (text, rest) = rest.split_at(length);
        texts.push(text);
        wire = rest;
    }
    assert!(wire.is_empty(), "not a text frame: {wire:?}");
    texts
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocket};

    use super::*;

    #[test]
    fn another_implementation_reads_the_frames() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let text = "x".repeat(length);
            let frame = Encoded::text(&text);
            assert_eq!(frame.payload_len(), length);
            let wire = std::io::Cursor::new(frame.bytes().to_vec());
            let mut socket = WebSocket::from_raw_socket(wire, Role::Client, None);
            assert_eq!(socket.read().unwrap(), Message::text(text));
        }
        let mut several = vec![];
        for length in [0, 125, 126, 65_535, 65_536] {
            Encoded::add(
                &mut several,
                &[&vec![b'x'; length / 2], &vec![b'y'; length - length / 2]],
            );
        }
        let lengths: Vec<_> = texts(&several).into_iter().map(<[u8]>::len).collect();
        assert_eq!(lengths, [0, 125, 126, 65_535, 65_536]);
        let frame = Encoded::json(&serde_json::json!({"type": "PONG"}));
        assert_eq!(frame.payload(), r#"{"type":"PONG"}"#.as_bytes());
    }
}
