//! Names of channels on the command line.

/// A channel's name with its `#`, from what people type: without one, since `#` begins a comment in shells, or with.
///
/// # Errors
/// What a name may consist of, when it is none.
pub fn channel(text: &str) -> Result<String, String> {
    let name = text.strip_prefix('#').unwrap_or(text);
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if (1..=31).contains(&name.len()) && name.bytes().all(good) {
        Ok(format!("#{name}"))
    } else {
        Err("a channel's name has at most 31 of a-z, A-Z, 0-9, _ and -".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_is_named_with_or_without_its_hash() {
        assert_eq!(channel("help"), Ok("#help".into()));
        assert_eq!(channel("#help"), Ok("#help".into()));
        for bad in ["a b", "#", "", "##a", &"a".repeat(32)] {
            assert!(channel(bad).is_err(), "{bad:?}");
        }
    }
}
