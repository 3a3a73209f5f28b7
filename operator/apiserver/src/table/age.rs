//! Ages as kubectl shows them: two units while they matter, one when they don't.

use jiff::Timestamp;

/// The age of something that began then.
pub(super) fn between(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - then.as_second();
    // A clock that is a little behind is no reason for a strange answer.
    if seconds < -1 {
        return "<invalid>".into();
    }
    human(seconds.max(0))
}

fn human(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |large: i64, unit: &str, small: i64, other: &str| {
        if small == 0 {
            format!("{large}{unit}")
        } else {
            format!("{large}{unit}{small}{other}")
        }
    };
    if minutes < 2 {
        format!("{seconds}s")
    } else if minutes < 10 {
        two(minutes, "m", seconds % 60, "s")
    } else if hours < 3 {
        format!("{minutes}m")
    } else if hours < 8 {
        two(hours, "h", minutes % 60, "m")
    } else if hours < 48 {
        format!("{hours}h")
    } else if days < 8 {
        two(days, "d", hours % 24, "h")
    } else if days < 2 * 365 {
        format!("{days}d")
    } else if days < 8 * 365 {
        two(days / 365, "y", days % 365, "d")
    } else {
        format!("{}y", days / 365)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_kubectl_shows_them() {
        let (minute, hour, day) = (60, 3600, 86_400);
        for (seconds, text) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (599, "9m59s"),
            (600, "10m"),
            (179 * minute, "179m"),
            (3 * hour + 5 * minute, "3h5m"),
            (8 * hour + 59 * minute, "8h"),
            (47 * hour, "47h"),
            (2 * day + 3 * hour, "2d3h"),
            (8 * day + 3 * hour, "8d"),
            (729 * day, "729d"),
            (731 * day, "2y1d"),
            (9 * 365 * day, "9y"),
        ] {
            assert_eq!(human(seconds), text, "{seconds}");
        }
    }
}
