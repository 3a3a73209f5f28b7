//! Wrong admin keys: from one address only so many a minute are looked at, whatever connections they come over.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
};

/// A minute, in which they are counted.
const MINUTE_MS: i64 = 60_000;
/// Addresses that are remembered before the old ones are looked for.
const REMEMBERED: usize = 4096;

/// Wrong keys of late, by address: since when, and how many.
#[derive(Default)]
pub struct Guesses(HashMap<IpAddr, (i64, u32)>);

/// Who has one address of IPv6 has all of its network.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

impl Guesses {
    /// Whether a key from an address is looked at; 0 allows any number of wrong ones.
    pub fn may(&self, address: IpAddr, now: i64, most: u32) -> bool {
        let known = self.0.get(&network(address));
        let recent = known.filter(|(since, _)| now - *since < MINUTE_MS);
        most == 0 || recent.is_none_or(|(_, count)| *count < most)
    }

    /// One was wrong.
    pub fn note(&mut self, address: IpAddr, now: i64) {
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, (since, _)| now - *since < MINUTE_MS);
            if self.0.len() >= REMEMBERED {
                self.0.clear();
            }
        }
        let (since, count) = self.0.entry(network(address)).or_insert((now, 0));
        if now - *since >= MINUTE_MS {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_guesses_a_minute() {
        let mut guesses = Guesses::default();
        let (one, other) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        for now in 0..3 {
            assert!(guesses.may(one, now, 3));
            guesses.note(one, now);
        }
        assert!(!guesses.may(one, MINUTE_MS - 1, 3) && guesses.may(other, 3, 3));
        assert!(guesses.may(one, MINUTE_MS, 3) && guesses.may(one, 3, 0));
        guesses.note("2001:db8::1".parse().unwrap(), 0);
        assert!(!guesses.may("2001:db8::2".parse().unwrap(), 1, 1));
        assert!(guesses.may("2001:db8:0:1::2".parse().unwrap(), 1, 1));
        for n in 0..100_000_u32 {
            guesses.note(n.to_be_bytes().into(), 0);
        }
        assert!(guesses.0.len() <= REMEMBERED, "{}", guesses.0.len());
    }
}
