//! Takes secrets out of what is said: what looks like one, and what the server's own environment holds.

use std::borrow::Cow;

use anyhow::Context;
use regex::{Regex, RegexSet};

/// What secrets look like, in the order in which they are looked for.
#[rustfmt::skip]
const PATTERNS: [(&str, &str); 12] = [
    ("anthropic_api_key", r"sk-ant-[a-zA-Z0-9_-]{20,}"),
    ("openai_api_key", r"sk-[a-zA-Z0-9]{20,}"),
    ("github_pat", r"ghp_[a-zA-Z0-9]{36}"),
    ("github_oauth", r"gho_[a-zA-Z0-9]{36}"),
    ("github_pat_fine", r"github_pat_[a-zA-Z0-9_]{22,}"),
    ("aws_access_key", r"AKIA[A-Z0-9]{16}"),
    ("aws_secret_key", r#"(?:aws_secret_access_key|AWS_SECRET_ACCESS_KEY)['"=:\s]+[A-Za-z0-9/+=]{40}"#),
    ("slack_token", r"xox[bpaors]-[a-zA-Z0-9-]{10,}"),
    ("stripe_key", r"[sr]k_(?:live|test)_[a-zA-Z0-9]{20,}"),
    ("google_api_key", r"AIza[a-zA-Z0-9_-]{35}"),
    ("jwt", r"eyJ[a-zA-Z0-9_-]{10,}\.eyJ[a-zA-Z0-9_-]{10,}\.[a-zA-Z0-9_-]{10,}"),
    ("generic_secret", r#"(?:api_key|apikey|secret|token|password|credential|auth)['"]?\s*[:=]\s*['"][a-zA-Z0-9_\-/+=]{16,}['"]"#),
];

/// Shorter values of the environment are not looked for.
const SHORTEST: usize = 8;

/// Finds secrets.
#[derive(Clone)]
pub struct Redactor {
    any: RegexSet,
    patterns: Vec<(Regex, String)>,
    /// Values, longest first, and what is put in their place.
    values: Vec<(String, String)>,
}

impl Redactor {
    /// With the environment's secrets, known by their names.
    pub fn new(environment: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let any = RegexSet::new(PATTERNS.map(|(_, pattern)| pattern));
        let mut patterns = vec![];
        for (name, pattern) in PATTERNS {
            let pattern = Regex::new(pattern).context("a pattern of secrets is wrong")?;
            patterns.push((pattern, format!("[REDACTED:{name}]")));
        }
        let secret = environment.filter(|(name, value)| value.len() >= SHORTEST && is_secret(name));
        let mut values: Vec<_> = secret
            .map(|(name, value)| (value, format!("[REDACTED:env:{name}]")))
            .collect();
        values.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        Ok(Self {
            any: any.context("the patterns of secrets are wrong")?,
            patterns,
            values,
        })
    }

    /// The text with its secrets replaced.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        if self.any.is_match(&text) {
            for (pattern, instead) in &self.patterns {
                let replaced = pattern.replace_all(&text, regex::NoExpand(instead));
                if let Cow::Owned(replaced) = replaced {
                    text = replaced.into();
                }
            }
        }
        for (value, instead) in &self.values {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), instead).into();
            }
        }
        text
    }
}

/// Whether a variable of this name holds a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let ends = [
        "_KEY",
        "_TOKEN",
        "_SECRET",
        "_PASSWORD",
        "_CREDENTIAL",
        "_AUTH",
    ];
    ends.iter().any(|end| name.ends_with(end))
        || ["API_KEY", "SECRET", "TOKEN", "PASSWORD"].contains(&&*name)
        || name.starts_with("AUTH")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        let environment = [
            ("MY_api_key", "correct-horse"),
            ("DEPLOY_TOKEN", "correct-horse-battery"),
            ("SHORT_KEY", "seven77"),
            ("HOME", "/home/somebody"),
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Redactor::new(environment.into_iter().map(owned)).unwrap()
    }

    #[test]
    fn what_looks_like_a_secret_is_replaced() {
        let redactor = redactor();
        let n = |count: usize| "a1".repeat(count).chars().take(count).collect::<String>();
        let upper = "A1".repeat(8);
        for (text, name) in [
            (format!("sk-ant-{}", n(20)), "anthropic_api_key"),
            (format!("sk-{}", n(20)), "openai_api_key"),
            (format!("ghp_{}", n(36)), "github_pat"),
            (format!("gho_{}", n(36)), "github_oauth"),
            (format!("github_pat_{}", n(22)), "github_pat_fine"),
            (format!("AKIA{upper}"), "aws_access_key"),
            (
                format!("aws_secret_access_key = '{}", n(40)),
                "aws_secret_key",
            ),
            (format!("xoxb-{}", n(10)), "slack_token"),
            (format!("rk_live_{}", n(20)), "stripe_key"),
            (format!("AIza{}", n(35)), "google_api_key"),
            (format!("eyJ{0}.eyJ{0}.{0}", n(10)), "jwt"),
            (format!("password\": \"{}\"", n(16)), "generic_secret"),
        ] {
            let text = format!("see {text} there");
            assert_eq!(
                redactor.redact(&text),
                format!("see [REDACTED:{name}] there")
            );
        }
    }

    #[test]
    fn what_is_too_short_stays() {
        let redactor = redactor();
        for text in [
            "sk-ant-short",
            "ghp_abc",
            "password: hunter2",
            "token = \"short\"",
            "eyJa.eyJb.c",
        ] {
            assert!(
                matches!(redactor.redact(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }

    #[test]
    fn values_of_the_environment_are_replaced_longest_first() {
        let text = "correct-horse-battery and correct-horse, seven77 in /home/somebody";
        assert_eq!(
            redactor().redact(text),
            "[REDACTED:env:DEPLOY_TOKEN] and [REDACTED:env:MY_api_key], seven77 in /home/somebody"
        );
    }
}
