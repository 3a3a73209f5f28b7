//! What goes out in one write, joined once for all who get the same.

use bytes::Bytes;

use super::outbound_frame::OutboundFrame;

/// A buffer that has grown beyond this many bytes is given back when it is forgotten.
const KEPT: usize = 256 * 1024;

/// The frames that the last session got, one after the other: the next session often gets the very same.
#[derive(Default)]
pub struct Joined {
    frames: Vec<Bytes>,
    bytes: Vec<u8>,
}

impl Joined {
    /// What goes over the wire, in its order; none when there is more to do than to send it.
    pub fn join<'j, 'o: 'j>(
        &'j mut self,
        outbound: impl Iterator<Item = &'o OutboundFrame> + Clone,
    ) -> Option<&'j [u8]> {
        if outbound.clone().any(OutboundFrame::is_more_than_bytes) {
            return None;
        }
        let frames = outbound.filter_map(OutboundFrame::bytes);
        let mut rest = frames.clone();
        if let (Some(only), None) = (rest.next(), rest.next()) {
            return Some(only);
        }
        let mut pairs = frames.clone().zip(&self.frames);
        let same = pairs.all(|(one, other)| std::ptr::eq(&raw const **one, &raw const **other));
        if !same || frames.clone().count() != self.frames.len() {
            self.frames.clear();
            self.bytes.clear();
            for frame in frames {
                self.bytes.extend_from_slice(frame);
                self.frames.push(frame.clone());
            }
        }
        Some(&self.bytes)
    }

    /// Lets go of the frames.
    pub fn forget(&mut self) {
        self.frames.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Encoded;

    #[test]
    fn each_gets_its_own_frames() {
        let frames = ["a", "b", "c"].map(|text| OutboundFrame::Text(Encoded::text(text)));
        let mut joined = Joined::default();
        let mut of = |chosen: &[usize]| {
            let outbound = chosen.iter().map(|at| &frames[*at]);
            joined.join(outbound).unwrap().to_vec()
        };
        assert_eq!(of(&[0, 1]), b"\x81\x01a\x81\x01b");
        assert_eq!(of(&[0, 1]), b"\x81\x01a\x81\x01b");
        assert_eq!(of(&[1, 0]), b"\x81\x01b\x81\x01a");
        assert_eq!(of(&[2]), b"\x81\x01c");
        assert_eq!(of(&[1, 0, 2]), b"\x81\x01b\x81\x01a\x81\x01c");
        let more = [frames[0].clone(), OutboundFrame::More];
        assert_eq!(joined.join(more.iter()).unwrap(), b"\x81\x01a");
        let probe = [frames[0].clone(), OutboundFrame::Probe];
        assert!(joined.join(probe.iter()).is_none());
    }
}
