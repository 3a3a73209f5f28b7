//! Networks that are trusted.

use std::{net::IpAddr, str::FromStr};

/// Networks, such as those of proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<(IpAddr, u32)>);

/// Not a list of networks.
#[derive(Debug, PartialEq, Eq)]
pub struct NotNetworks;

impl Networks {
    /// Whether an address is in one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let within = |(network, bits): &(IpAddr, u32)| match (network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let away = u32::from(*network) ^ u32::from(address);
                away.leading_zeros() >= *bits
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let away = u128::from(*network) ^ u128::from(address);
                away.leading_zeros() >= *bits
            }
            _ => false,
        };
        self.0.iter().any(within)
    }
}

impl FromStr for Networks {
    type Err = NotNetworks;

    fn from_str(text: &str) -> Result<Self, NotNetworks> {
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        items.map(network).collect::<Result<_, _>>().map(Self)
    }
}

fn network(text: &str) -> Result<(IpAddr, u32), NotNetworks> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| NotNetworks)?;
    let all = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) => bits.parse().map_err(|_| NotNetworks)?,
        None => all,
    };
    (bits <= all).then_some((address, bits)).ok_or(NotNetworks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let networks: Networks = "10.0.0.0/8, 192.168.1.7,::1/128,0.0.0.0/32"
            .parse()
            .unwrap();
        let within = |address: &str| networks.contain(address.parse().unwrap());
        for inside in [
            "10.1.2.3",
            "192.168.1.7",
            "::1",
            "::ffff:10.0.0.1",
            "0.0.0.0",
        ] {
            assert!(within(inside), "{inside}");
        }
        for outside in ["11.0.0.1", "192.168.1.8", "::2", "0.0.0.1"] {
            assert!(!within(outside), "{outside}");
        }
        assert!(
            "0.0.0.0/0"
                .parse::<Networks>()
                .unwrap()
                .contain([8, 8, 8, 8].into())
        );
        for bad in ["10.0.0.0/33", "ten", "1.2.3.4/", "/8", "::/129"] {
            assert_eq!(bad.parse::<Networks>(), Err(NotNetworks), "{bad}");
        }
    }
}
