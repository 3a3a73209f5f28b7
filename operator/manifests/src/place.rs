//! Where a manifest stands.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// The path that means standard input.
pub const STANDARD_INPUT: &str = "-";

/// What manifests are read from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A file, or a folder of them.
    File(PathBuf),
    /// Standard input.
    StandardInput,
}

impl Source {
    /// Whether it is standard input.
    pub fn is_input(&self) -> bool {
        *self == Self::StandardInput
    }
}

impl From<&Path> for Source {
    fn from(path: &Path) -> Self {
        if path.as_os_str() == STANDARD_INPUT {
            Self::StandardInput
        } else {
            Self::File(path.to_owned())
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::StandardInput => f.write_str("standard input"),
        }
    }
}

/// One document of a source, or an item of a list in it; as text `a.yaml, document 2 (line 14), item 3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub source: Source,
    /// Which document, the first being 1.
    pub document: usize,
    /// The line on which the document begins, the first being 1.
    pub line: usize,
    /// Which item of the list, and of the list in the list, the first being 1; empty for a document that is
    /// no list.
    pub items: Vec<usize>,
}

impl Place {
    /// An item of the list at this place.
    pub(crate) fn item(&self, number: usize) -> Self {
        let mut item = self.clone();
        item.items.push(number);
        item
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, document, line) = (&self.source, self.document, self.line);
        write!(f, "{source}, document {document} (line {line})")?;
        self.items
            .iter()
            .try_for_each(|item| write!(f, ", item {item}"))
    }
}
