//! Strings of JavaScript, which may hold halves of surrogate pairs.

/// A string that was received. A lone surrogate in it is U+FFFD in [`Text::as_str`], and itself in hashed JSON.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text {
    text: String,
    /// The JSON form without quotes, when there are lone surrogates.
    literal: Option<Box<str>>,
}

impl Text {
    /// A text, and where in it (in bytes) U+FFFD stands for which lone surrogate.
    pub(super) fn new(text: String, lone: &[(usize, u16)]) -> Self {
        let literal = (!lone.is_empty()).then(|| {
            let mut literal = String::new();
            let mut done = 0;
            for (at, unit) in lone {
                super::write::escape(&text[done..*at], &mut literal);
                literal.push_str(&format!("\\u{unit:04x}"));
                done = at + char::REPLACEMENT_CHARACTER.len_utf8();
            }
            super::write::escape(&text[done..], &mut literal);
            literal.into_boxed_str()
        });
        Self { text, literal }
    }

    /// The text; U+FFFD for each lone surrogate.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn literal(&self) -> Option<&str> {
        self.literal.as_deref()
    }

    /// The same with U+FFFD for lone surrogates, also in JSON.
    #[must_use]
    pub fn well_formed(self) -> Self {
        Self {
            text: self.text,
            literal: None,
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self {
            text,
            literal: None,
        }
    }
}

/// Length as JavaScript counts it, in UTF-16 code units.
#[must_use]
pub fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}
