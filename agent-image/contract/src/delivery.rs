//! Delivery of configuration and secrets over the standard input of a container's receiver
//! (`agent-supervisor receive`, `agentchat-server receive`): four bytes of length, big-endian, then JSON.

mod write;

use std::fmt;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};

pub use self::write::{DELIVERY_MARKER, DeliveryDirs, DeliveryWriteError, write_delivery};

/// The most bytes of JSON that a delivery may have.
pub const DELIVERY_LIMIT: usize = 8 * 1024 * 1024;

/// Files for one container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The generation of the resource that it was made from.
    pub generation: u64,
    /// The files.
    pub files: Vec<DeliveredFile>,
}

/// One file of a delivery.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveredFile {
    /// The directory it goes to.
    pub dir: DeliveryDir,
    /// Its path in there; see [`DeliveredFile::check`].
    pub path: String,
    /// What it holds; base64 in JSON.
    #[serde(with = "base64_bytes")]
    pub contents: Vec<u8>,
}

/// The contents may be secret, so only their length is shown.
impl fmt::Debug for DeliveredFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveredFile")
            .field("dir", &self.dir)
            .field("path", &self.path)
            .field("contents", &format_args!("{} bytes", self.contents.len()))
            .finish()
    }
}

/// The directory that a delivered file goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryDir {
    /// The configuration of the container's program: [`paths::CONFIG_DIR`](crate::paths::CONFIG_DIR) of an
    /// agent, [`server::CONFIG_DIR`](crate::server::CONFIG_DIR) of a chat server.
    #[default]
    Config,
    /// [`paths::SECRETS_DIR`](crate::paths::SECRETS_DIR) of an agent,
    /// [`server::SECRETS_DIR`](crate::server::SECRETS_DIR) of a chat server.
    Secrets,
}

/// Why a delivery was refused.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The input ended early or could not be read.
    #[error(
        "can't read the delivery; send four bytes of length and as many bytes of JSON as they say"
    )]
    Read(#[from] io::Error),
    /// The input is too long.
    #[error("the delivery has {0} bytes; send at most {DELIVERY_LIMIT}")]
    TooLong(usize),
    /// The input is not a delivery.
    #[error(
        "the delivery is not the JSON of a delivery; use the operator and the image of one version"
    )]
    Json(#[from] serde_json::Error),
    /// A path leads out of its directory or to a name that is reserved.
    #[error(
        "path {0:?} is refused; use one relative to its directory, without `..` and without names \
         that start with a dot"
    )]
    Path(String),
}

impl DeliveredFile {
    /// Refuses a path that is empty, absolute, leads out of its directory (`..`), has a control
    /// character, or a name that starts with a dot (those are reserved for temporary files and
    /// `.complete`).
    pub fn check(&self) -> Result<(), DeliveryError> {
        let good = |name: &str| {
            !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && !name.contains('\\')
        };
        let path = &self.path;
        if path.len() > 1000 || path.chars().any(char::is_control) || !path.split('/').all(good) {
            return Err(DeliveryError::Path(path.clone()));
        }
        Ok(())
    }
}

/// The delivery in its framing. One that is too long, or has a refused path, is refused where it
/// is read.
#[must_use]
pub fn encode_delivery(delivery: &Delivery) -> Vec<u8> {
    let json = serde_json::to_vec(delivery).expect("strings and numbers always serialise");
    let length = u32::try_from(json.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(json.len() + 4);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&json);
    bytes
}

/// Reads one delivery, and no more.
pub fn read_delivery(mut input: impl Read) -> Result<Delivery, DeliveryError> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > DELIVERY_LIMIT {
        return Err(DeliveryError::TooLong(length));
    }
    let mut json = vec![0; length];
    input.read_exact(&mut json)?;
    let delivery: Delivery = serde_json::from_slice(&json)?;
    delivery.files.iter().try_for_each(DeliveredFile::check)?;
    Ok(delivery)
}

mod base64_bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        // The cause is left out: it may quote the contents.
        STANDARD
            .decode(text)
            .map_err(|_| D::Error::custom("contents are not base64"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(path: &str) -> DeliveredFile {
        DeliveredFile {
            dir: DeliveryDir::Secrets,
            path: path.into(),
            contents: b"s3cret".to_vec(),
        }
    }

    #[test]
    fn paths_stay_in_their_directory() {
        for path in ["agent.json", "personality/_base.md", "a/b/c"] {
            assert!(file(path).check().is_ok(), "{path}");
        }
        for path in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../a",
            "a/..",
            "a//b",
            "a/",
            ".complete",
            ".",
            "a\0b",
            "a\\b",
        ] {
            assert!(file(path).check().is_err(), "{path}");
            let bytes = encode_delivery(&Delivery {
                generation: 1,
                files: vec![file(path)],
            });
            assert!(
                matches!(read_delivery(&bytes[..]), Err(DeliveryError::Path(_))),
                "{path}"
            );
        }
    }

    #[test]
    fn contents_are_not_shown() {
        assert!(!format!("{:?}", file("a")).contains("s3cret"));
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_it_is_read() {
        let bytes = u32::MAX.to_be_bytes();
        assert!(matches!(
            read_delivery(&bytes[..]),
            Err(DeliveryError::TooLong(_))
        ));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read(
            generation: u64,
            files in proptest::collection::vec(
                ("[a-z_][a-z_.]{0,9}(/[a-z]{1,5}){0,2}", proptest::collection::vec(any::<u8>(), 0..300)),
                0..5,
            ),
            rest: Vec<u8>,
        ) {
            let files = files.into_iter()
                .map(|(path, contents)| DeliveredFile { dir: DeliveryDir::Config, path, contents })
                .collect();
            let delivery = Delivery { generation, files };
            let mut bytes = encode_delivery(&delivery);
            let whole = bytes.len();
            bytes.extend(rest);
            let mut input = &bytes[..];
            prop_assert_eq!(read_delivery(&mut input).unwrap(), delivery);
            prop_assert_eq!(input.len(), bytes.len() - whole);
            prop_assert!(read_delivery(&bytes[..whole - 1]).is_err());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = read_delivery(&bytes[..]);
        }
    }
}
