//! Names, as Kubernetes takes them.

use std::fmt;

/// What a name has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// RFC 1123 label: a-z, 0-9 and hyphens, at most 63; a Namespace.
    Label,
    /// RFC 1123 subdomain: labels with dots between, at most 253; an object.
    Subdomain,
    /// A name, optionally after a subdomain and a slash; a label, an annotation, a finalizer.
    Qualified,
    /// Value of a label: nothing, or a name.
    LabelValue,
}

impl NameRule {
    /// Whether a text is such a name.
    pub fn fits(self, text: &str) -> bool {
        match self {
            Self::Label => text.len() <= 63 && is_lower_label(text),
            Self::Subdomain => text.len() <= 253 && text.split('.').all(is_lower_label),
            Self::Qualified => match text.split_once('/') {
                Some((prefix, name)) => Self::Subdomain.fits(prefix) && is_name(name),
                None => is_name(text),
            },
            Self::LabelValue => text.is_empty() || is_name(text),
        }
    }
}

fn is_lower_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|byte| inner(*byte))
        && bytes.last().is_some_and(|byte| inner(*byte))
        && bytes.iter().all(|byte| inner(*byte) || *byte == b'-')
}

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.len() <= 63
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// In the words of Kubernetes, which kubectl's users know.
impl fmt::Display for NameRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subdomain => {
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            }
            Self::Label => {
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
            }
            Self::Qualified => {
                "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
            }
            Self::LabelValue => {
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::NameRule::{Label, LabelValue, Qualified, Subdomain};

    #[test]
    fn names_are_held_to_their_rule() {
        for (rule, good, bad) in [
            (
                Subdomain,
                &["a.b-c.1", "a"][..],
                &["A", "a..b", "", "-a"][..],
            ),
            (Label, &["a-1"], &["a.b", "-a", "a-", ""]),
            (
                Qualified,
                &["example.com/My_name", "A"],
                &["/x", "a/b/c", "a/"],
            ),
            (LabelValue, &["", "My.value_1"], &["-", "a b"]),
        ] {
            for text in good {
                assert!(rule.fits(text), "{rule:?}: {text}");
            }
            for text in bad {
                assert!(!rule.fits(text), "{rule:?}: {text}");
            }
        }
        assert!(Label.fits(&"a".repeat(63)) && !Label.fits(&"a".repeat(64)));
        assert!(Subdomain.fits(&"a".repeat(253)) && !Subdomain.fits(&"a".repeat(254)));
    }
}
