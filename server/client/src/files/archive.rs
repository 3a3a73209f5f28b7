//! Several files as one text: header, content, footer; binary content in base64.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::FileError;

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, perhaps with folders before it; never absolute, never with `..`.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The longest name, in bytes.
const NAME: usize = 255;

/// Writes an archive.
pub fn pack(files: &[File]) -> Result<String, FileError> {
    let mut text = String::new();
    for File { name, bytes } in files {
        check(name)?;
        match std::str::from_utf8(bytes) {
            // A text that looks like a footer would end the file too early.
            Ok(plain) if !plain.contains("=== ") && !plain.contains('\r') => {
                text.push_str(&format!("=== {name} ===\n{plain}\n"));
            }
            _ => {
                let encoded = BASE64_STANDARD.encode(bytes);
                text.push_str(&format!("=== {name} [binary] ===\n{encoded}\n"));
            }
        }
        text.push_str(&format!("=== END {name} ===\n"));
    }
    Ok(text)
}

/// Reads an archive; what stands before, between and after the files is passed over.
pub fn unpack(text: &str) -> Result<Vec<File>, FileError> {
    let mut files = vec![];
    let mut rest = text;
    while let Some((line, after)) = rest.split_once('\n') {
        rest = after;
        let header = line
            .strip_prefix("=== ")
            .and_then(|l| l.strip_suffix(" ==="));
        let Some(header) = header.filter(|header| !header.starts_with("END ")) else {
            continue;
        };
        let (name, binary) = match header.strip_suffix(" [binary]") {
            Some(name) => (name, true),
            None => (header, false),
        };
        check(name)?;
        let footer = format!("=== END {name} ===");
        let (content, after) =
            until(rest, &footer).ok_or_else(|| FileError::Archive(format!("{name} has no end")))?;
        rest = after;
        let bytes = match binary {
            false => content.as_bytes().to_vec(),
            true => {
                let packed: String = content.split_ascii_whitespace().collect();
                let wrong = |_| FileError::Archive(format!("{name} is not base64"));
                BASE64_STANDARD.decode(packed).map_err(wrong)?
            }
        };
        let name = name.to_owned();
        files.push(File { name, bytes });
    }
    Ok(files)
}

/// What comes before a line, without the line break before it, and what comes after it.
fn until<'a>(text: &'a str, line: &str) -> Option<(&'a str, &'a str)> {
    let mut at = 0;
    for each in text.split_inclusive('\n') {
        if each.trim_end_matches('\n') == line {
            let content = &text[..at];
            return Some((
                content.strip_suffix('\n').unwrap_or(content),
                &text[at + each.len()..],
            ));
        }
        at += each.len();
    }
    None
}

/// A name that stays within the folder that it is put into.
fn check(name: &str) -> Result<(), FileError> {
    let plain = |part: &str| !matches!(part, "" | "." | "..");
    let odd = |c: char| c.is_control() || c == '\\';
    let good = name.len() <= NAME && !name.contains(odd) && name.split('/').all(plain);
    let end = name.starts_with("END ") || name.ends_with(" [binary]") || name.contains(" ===");
    match good && !end {
        true => Ok(()),
        false => Err(FileError::Name(name.chars().take(NAME).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, bytes: &[u8]) -> File {
        File {
            name: name.to_owned(),
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn files_come_out_as_they_went_in() {
        let files = [
            file("a.txt", b"plain"),
            file("b/c.txt", b"ends with a break\n\n"),
            file("empty", b""),
            file("break", b"\n"),
            file("binary", &[0, 255, 10, 13]),
            file("sly", b"=== END sly ===\n=== other ===\n"),
            file("windows", b"a\r\nb"),
        ];
        assert_eq!(unpack(&pack(&files).unwrap()).unwrap(), files);
        let text = "preface\n=== a ===\nx\n=== END a ===\nbetween\n";
        assert_eq!(unpack(text).unwrap(), [file("a", b"x")]);
    }

    #[test]
    fn a_name_stays_in_its_folder_and_a_file_ends() {
        for name in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            ".",
            "a\\b",
            "a\u{0}",
            &"x".repeat(256),
            "END x",
        ] {
            assert!(pack(&[file(name, b"")]).is_err(), "{name}");
            let text = format!("=== {name} ===\nx\n=== END {name} ===\n");
            assert!(
                unpack(&text).map_or(true, |files| files.is_empty()),
                "{name}"
            );
        }
        assert!(unpack("=== a ===\nx\n").is_err());
        assert!(unpack("=== a [binary] ===\n?\n=== END a ===\n").is_err());
    }
}
