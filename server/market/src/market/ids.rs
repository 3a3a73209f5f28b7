//! Ids that nobody can foresee.

use agentchat_protocol::hex;

use crate::{
    host::Host,
    refusal::{Code, Refusal},
};

/// `count` random bytes, in hexadecimal.
pub fn random_hex<const COUNT: usize>(host: &mut impl Host) -> Result<String, Refusal> {
    let mut bytes = [0; COUNT];
    let failed = |_| Code::InvalidMsg.because("the server has no random numbers; try again");
    host.random(&mut bytes).map_err(failed)?;
    Ok(hex(&bytes))
}

/// A prefix, the time in base 36, and 8 hexadecimal digits.
pub fn id(prefix: &str, now: i64, host: &mut impl Host) -> Result<String, Refusal> {
    Ok(format!(
        "{prefix}_{}_{}",
        base36(now),
        random_hex::<4>(host)?
    ))
}

fn base36(number: i64) -> String {
    let mut digits = vec![];
    let mut rest = number.unsigned_abs();
    loop {
        let digit = u32::try_from(rest % 36).unwrap_or(0);
        digits.push(char::from_digit(digit, 36).unwrap_or('0'));
        rest /= 36;
        if rest == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_written_in_base_36() {
        assert_eq!(base36(0), "0");
        assert_eq!(base36(35), "z");
        assert_eq!(base36(1_700_000_000_000), "loyw3v28");
    }
}
