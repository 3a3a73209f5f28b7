//! Durations as people write them: `90s`, `5m`, `2h`.

/// A duration that could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a duration; write a whole number and s, m or h, like 90s, 5m or 2h")]
pub struct DurationError(String);

/// Reads a duration; gives seconds.
pub fn parse_duration(text: &str) -> Result<u64, DurationError> {
    let wrong = || DurationError(text.chars().take(64).collect());
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        _ => return Err(wrong()),
    };
    let number = &text[..text.len() - 1];
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(unit))
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write_and_refuses_the_rest() {
        assert_eq!(parse_duration("90s"), Ok(90));
        assert_eq!(parse_duration("5m"), Ok(300));
        assert_eq!(parse_duration("2h"), Ok(7200));
        for bad in [
            "",
            "s",
            "5",
            "5d",
            "-5s",
            "+5s",
            "1.5h",
            "99999999999999999999h",
            "5é",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
