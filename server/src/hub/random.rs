//! Ids and nonces.

use ring::rand::SecureRandom;

use super::Hub;
use crate::frame::{Refusal, invalid, now_ms};

/// Bytes that are asked of the system at a time.
const POOL: usize = 1024;
/// Digits of base 36.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

impl Hub {
    /// `count` random bytes in hexadecimal.
    pub(super) fn random_hex(&self, count: usize) -> Result<String, Refusal> {
        let bytes = (0..count).map(|_| self.random());
        bytes.map(|byte| Ok(format!("{:02x}", byte?))).collect()
    }

    /// `count` random characters of a-z and 0-9.
    pub(super) fn random_base36(&self, count: usize) -> Result<String, Refusal> {
        let mut text = String::with_capacity(count);
        self.push_base36(&mut text, count)?;
        Ok(text)
    }

    /// The id of a message that is said now: the time, and 6 random characters of a-z and 0-9.
    pub(super) fn message_id(&self, now: i64) -> Result<String, Refusal> {
        let mut id = now.to_string();
        id.push('-');
        self.push_base36(&mut id, 6)?;
        Ok(id)
    }

    fn push_base36(&self, text: &mut String, count: usize) -> Result<(), Refusal> {
        let end = text.len() + count;
        while text.len() < end {
            let byte = self.random()?;
            // Seven times 36: each character is as likely as the others.
            if byte < 252 {
                text.push(char::from(DIGITS[usize::from(byte % 36)]));
            }
        }
        Ok(())
    }

    /// An id with a prefix, such as `chal_`: the time in base 36, and 8 random hexadecimal digits.
    pub(super) fn stamped(&self, prefix: &str) -> Result<String, Refusal> {
        let stamp = base36(now_ms().unsigned_abs());
        Ok(format!("{prefix}_{stamp}_{}", self.random_hex(4)?))
    }

    /// A random byte, which is used once.
    fn random(&self) -> Result<u8, Refusal> {
        let none = || invalid("the server has no random numbers; try again");
        let mut pool = self.pool.borrow_mut();
        if pool.is_empty() {
            let mut bytes = vec![0; POOL];
            self.random.fill(&mut bytes).map_err(|_| none())?;
            *pool = bytes;
        }
        pool.pop().ok_or_else(none)
    }
}

fn base36(mut number: u64) -> String {
    let mut digits = vec![];
    loop {
        let digit = usize::try_from(number % 36).unwrap_or_default();
        digits.push(char::from(DIGITS[digit]));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        for (number, text) in [
            (0, "0"),
            (35, "z"),
            (36, "10"),
            (1_700_000_000_000, "loyw3v28"),
        ] {
            assert_eq!(base36(number), text);
        }
    }
}
