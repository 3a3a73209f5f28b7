//! Callbacks in what is said: `@@cb:<seconds>s@@<text>` and `@@cb:<seconds>s#<channel>@@<text>`.
//!
//! A callback's text goes on to the next `@@cb:` or to the end. What is left is what others hear.

use std::{sync::LazyLock, time::Duration};

use regex::Regex;

use crate::{frame::longer, limits::Limits};

/// How a callback begins.
const MARK: &str = "@@cb:";

#[expect(
    clippy::unwrap_used,
    reason = "the pattern is constant, and a test uses it"
)]
static HEAD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^@@cb:([0-9]+(?:\.[0-9]+)?)s(?:#([a-zA-Z0-9_-]+))?@@").unwrap());

/// What an agent wants to be told later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    pub delay: Duration,
    /// With `#`; none for the agent itself.
    pub channel: Option<String>,
    pub text: String,
}

/// What a message holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Parsed {
    pub callbacks: Vec<Callback>,
    /// What is left, trimmed; none when there was no callback at all.
    pub rest: Option<String>,
}

/// Takes the callbacks out of a message. Those whose text is too long are left out.
pub fn extract(content: &str, limits: &Limits) -> Parsed {
    if !content.contains(MARK) {
        return Parsed {
            callbacks: vec![],
            rest: None,
        };
    }
    let (mut callbacks, mut rest, mut found) = (vec![], String::new(), false);
    let mut left = content;
    loop {
        let Some(start) = left.find(MARK) else {
            rest.push_str(left);
            break;
        };
        rest.push_str(&left[..start]);
        left = &left[start..];
        let Some(head) = HEAD.captures(left) else {
            // Not a callback, but it ends the one before.
            rest.push_str(MARK);
            left = &left[MARK.len()..];
            continue;
        };
        found = true;
        let body = &left[head[0].len()..];
        let end = body.find(MARK).unwrap_or(body.len());
        let text = body[..end].trim();
        if !longer(text, limits.callback_text) {
            // More digits than a number has are a very long time.
            let seconds = head[1].parse::<f64>().unwrap_or(f64::MAX);
            callbacks.push(Callback {
                delay: Duration::from_secs_f64(seconds.min(f64::from(limits.callback_s))),
                channel: head.get(2).map(|name| format!("#{}", name.as_str())),
                text: text.to_owned(),
            });
        }
        left = &body[end..];
    }
    Parsed {
        callbacks,
        rest: found.then(|| rest.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds, channel, text.
    type Plain = (u128, Option<String>, String);

    fn parsed(content: &str) -> (Vec<Plain>, Option<String>) {
        let limits = Limits {
            callback_text: 10,
            ..Limits::default()
        };
        let parsed = extract(content, &limits);
        let callbacks = parsed.callbacks.into_iter();
        let callbacks = callbacks.map(|c| (c.delay.as_millis(), c.channel, c.text));
        (callbacks.collect(), parsed.rest)
    }

    fn callback(ms: u128, channel: Option<&str>, text: &str) -> Plain {
        (ms, channel.map(str::to_owned), text.to_owned())
    }

    #[test]
    fn a_callback_takes_all_that_follows_it() {
        let rest = |text: &str| Some(text.to_owned());
        assert_eq!(parsed("plain"), (vec![], None));
        assert_eq!(
            parsed("hi @@cb:5s@@ wake\nup "),
            (vec![callback(5000, None, "wake\nup")], rest("hi"))
        );
        assert_eq!(
            parsed("@@cb:1.5s#ops@@one@@cb:2s@@two"),
            (
                vec![
                    callback(1500, Some("#ops"), "one"),
                    callback(2000, None, "two")
                ],
                rest("")
            )
        );
        assert_eq!(parsed("@@cb:0s@@"), (vec![callback(0, None, "")], rest("")));
        assert_eq!(
            parsed("@@cb:99999999999999999999s@@x").0,
            [callback(3_600_000, None, "x")]
        );
    }

    #[test]
    fn what_is_no_callback_ends_the_one_before_and_is_heard() {
        assert_eq!(
            parsed("a @@cb:1s@@b @@cb:xs@@c"),
            (
                vec![callback(1000, None, "b")],
                Some("a @@cb:xs@@c".to_owned())
            )
        );
        for none in [
            "@@cb:s@@x",
            "@@cb:1@@x",
            "@@cb:1s#@@x",
            "@@cb:-1s@@x",
            "@@cb:1.s@@x",
            "@@cb:",
        ] {
            assert_eq!(parsed(none), (vec![], None), "{none}");
        }
    }

    #[test]
    fn a_text_that_is_too_long_makes_no_callback() {
        assert_eq!(parsed("@@cb:1s@@1234567890").0.len(), 1);
        assert_eq!(
            parsed("a @@cb:1s@@12345678901"),
            (vec![], Some("a".to_owned()))
        );
        // 5 characters of two units each.
        assert_eq!(parsed("@@cb:1s@@😀😀😀😀😀").0.len(), 1);
        assert_eq!(parsed("@@cb:1s@@😀😀😀😀😀x").0.len(), 0);
    }
}
