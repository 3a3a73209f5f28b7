//! Addresses on a swarm's network that are known before anything runs there.
//!
//! They are counted from the end of the network's range, since the engine hands out from its beginning. Names that
//! are written into a container with them need no name server: that of Podman 4.3.1 passes questions for IPv6
//! addresses on, and a program that waits for both answers waits for that one in vain.

use std::net::Ipv4Addr;

use super::{Podman, error::is_not_found};
use crate::engine::EngineError;

/// The range of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    last: u32,
    size: u32,
}

impl Range {
    /// From `10.89.0.0/24`; `None` for one that is not of IPv4, or too small to share.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let (address, bits) = (address.parse::<Ipv4Addr>().ok()?, bits.parse::<u32>().ok()?);
        if !(8..=26).contains(&bits) {
            return None;
        }
        let size = 1_u32 << (32 - bits);
        let last = u32::from(address) | (size - 1);
        Some(Self { last, size })
    }

    /// The address that is so far from the end, 1 being the last that a container can have; the latter half of the
    /// range is for such addresses.
    pub fn nth_from_end(self, distance: u32) -> Option<Ipv4Addr> {
        let fits = distance >= 1 && distance < self.size / 2;
        fits.then(|| Ipv4Addr::from(self.last - distance))
    }
}

impl Podman {
    /// The range of a network.
    pub(super) async fn range_of(&self, network: &str) -> Result<Range, EngineError> {
        let refused = |message: String| EngineError::Refused {
            action: "look for a network's range".to_owned(),
            message,
        };
        let found = match self.docker.inspect_network(network, None).await {
            Ok(found) => found,
            Err(e) if is_not_found(&e) => {
                return Err(refused(format!("there is no network {network}")));
            }
            Err(e) => return Err(self.failed("look for a network's range", e)),
        };
        let configs = found.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
        let mut ranges = configs
            .iter()
            .filter_map(|config| Range::parse(config.subnet.as_deref()?));
        ranges.next().ok_or_else(|| {
            refused(format!(
                "network {network} has no IPv4 range of at least 64 addresses; remove it, so that it is made anew"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_from_the_end_of_the_range() {
        let range = Range::parse("10.89.3.0/24").unwrap();
        assert_eq!(range.nth_from_end(1), Some(Ipv4Addr::new(10, 89, 3, 254)));
        assert_eq!(range.nth_from_end(65), Some(Ipv4Addr::new(10, 89, 3, 190)));
        assert_eq!(
            (range.nth_from_end(0), range.nth_from_end(128)),
            (None, None)
        );
        for bad in [
            "",
            "10.89.3.0",
            "10.89.3.0/30",
            "fd00::/64",
            "x/24",
            "1.2.3.4/99",
        ] {
            assert_eq!(Range::parse(bad), None, "{bad}");
        }
    }
}
