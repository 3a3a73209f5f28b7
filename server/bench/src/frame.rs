//! WebSocket frames as a client sees them: its own are made, the server's are read where they lie.
//!
//! A load generator has no time to lose: nothing is copied, and what makes no sense ends the connection.

/// A text frame.
pub const TEXT: u8 = 1;
/// A close frame.
pub const CLOSE: u8 = 8;
/// A ping, which wants a pong.
pub const PING: u8 = 9;
/// A pong.
pub const PONG: u8 = 10;

/// A frame of the server.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is.
    pub opcode: u8,
    /// What it carries.
    pub payload: &'a [u8],
}

/// What bytes turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Scan<'a> {
    /// A frame, and how many bytes it took.
    Frame(Frame<'a>, usize),
    /// The beginning of a frame; so many bytes are needed at the least.
    Partial(usize),
    /// Nothing that a server sends: masked, or in fragments.
    Nonsense,
}

/// Looks at the beginning of what came in.
pub fn scan(bytes: &[u8]) -> Scan<'_> {
    let &[first, second, ref rest @ ..] = bytes else {
        return Scan::Partial(2);
    };
    if first & 0xf0 != 0x80 || second & 0x80 != 0 {
        return Scan::Nonsense;
    }
    let extra = match second {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let head = 2 + extra;
    let Some(extended) = rest.get(..extra) else {
        return Scan::Partial(head);
    };
    let length = match extra {
        0 => usize::from(second),
        _ => {
            let big = extended.iter().fold(0, |n, &b| n << 8 | u64::from(b));
            match usize::try_from(big) {
                Ok(length) if length <= MOST => length,
                _ => return Scan::Nonsense,
            }
        }
    };
    match bytes.get(head..head + length) {
        Some(payload) => {
            let opcode = first & 0x0f;
            Scan::Frame(Frame { opcode, payload }, head + length)
        }
        None => Scan::Partial(head + length),
    }
}

/// No server has more to say at once.
const MOST: usize = 64 * 1024 * 1024;

/// Appends a frame of ours. It is masked, as the protocol wants it, with a key that changes nothing.
pub fn push(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(0x80 | opcode);
    let length = payload.len() as u64;
    let [.., second, first] = length.to_be_bytes();
    match length {
        0..126 => out.push(0x80 | first),
        126..0x1_0000 => out.extend([0x80 | 126, second, first]),
        _ => {
            out.push(0x80 | 127);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a server would send it.
    fn served(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![];
        push(&mut out, opcode, payload);
        let mask = out.len() - payload.len() - 4;
        out.drain(mask..mask + 4);
        out[1] &= 0x7f;
        out
    }

    #[test]
    fn frames_are_read_wherever_they_are_split() {
        let payloads = [0, 1, 125, 126, 127, 300, 0xffff, 0x1_0000].map(|n| vec![b'x'; n]);
        for payload in &payloads {
            let bytes = served(TEXT, payload);
            for end in 0..bytes.len() {
                match scan(&bytes[..end]) {
                    Scan::Partial(needed) => assert!(end < needed && needed <= bytes.len()),
                    other => panic!("{end} of {} bytes are {other:?}", bytes.len()),
                }
            }
            let frame = Frame {
                opcode: TEXT,
                payload,
            };
            let length = bytes.len();
            assert_eq!(scan(&bytes), Scan::Frame(frame, length));
        }
    }

    #[test]
    fn a_frame_ends_where_the_next_begins() {
        let bytes = [
            served(TEXT, b"one"),
            served(PING, b""),
            served(CLOSE, b"\x03\xe8"),
        ]
        .concat();
        let (mut at, mut seen) = (0, vec![]);
        while let Scan::Frame(frame, taken) = scan(&bytes[at..]) {
            seen.push((frame.opcode, frame.payload.to_vec()));
            at += taken;
        }
        assert_eq!(at, bytes.len());
        let expected = [(TEXT, &b"one"[..]), (PING, b""), (CLOSE, b"\x03\xe8")];
        assert_eq!(seen, expected.map(|(opcode, p)| (opcode, p.to_vec())));
    }

    #[test]
    fn fragments_masks_and_monsters_are_nonsense() {
        let huge = [0x81, 127, 0xff, 0, 0, 0, 0, 0, 0, 0];
        for bytes in [&[0x01, 0][..], &[0x81, 0x80], &[0xc1, 0], &huge] {
            assert_eq!(scan(bytes), Scan::Nonsense, "{bytes:?}");
        }
    }

    #[test]
    fn our_frames_are_what_a_server_reads() {
        use tokio_tungstenite::tungstenite::protocol::frame::FrameSocket;
        for length in [0, 125, 126, 0xffff, 0x1_0000] {
            let (mut bytes, payload) = (vec![], vec![b'y'; length]);
            push(&mut bytes, TEXT, &payload);
            let mut socket = FrameSocket::new(std::io::Cursor::new(bytes));
            let frame = socket.read(None).unwrap().unwrap();
            assert_eq!(frame.into_text().unwrap().as_bytes(), payload);
        }
    }
}
