//! What two agents tell each other about a transfer, as JSON in messages and chunks.

use serde::{Deserialize, Serialize};

/// A file, as it is offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

/// One word about a transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "_ft", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum Word {
    /// Files are offered.
    Offer {
        /// Of this and all later words.
        tid: String,
        files: Vec<Offered>,
        total_size: u64,
        /// Of the archive, in hexadecimal.
        sha256: String,
        /// How many chunks there will be.
        chunks: u64,
    },
    /// They are wanted; `have` chunks are there already.
    Accept {
        tid: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        have: Option<u64>,
    },
    /// A piece of the archive.
    Chunk {
        tid: String,
        /// From 0.
        idx: u64,
        data: String,
    },
    /// All pieces were sent.
    Complete { tid: String, sha256: String },
    /// The archive is there, or why not.
    Ack {
        tid: String,
        ok: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
}

impl Word {
    /// The word in a message's content, if there is one.
    pub fn parse(content: &str) -> Option<Self> {
        // Most messages are none, and need not be read twice.
        content
            .contains("\"_ft\"")
            .then(|| serde_json::from_str(content).ok())?
    }

    /// As content of a message.
    pub fn content(&self) -> String {
        // Nothing in it can fail to be JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_protocol() {
        let offer = r#"{"_ft":"offer","tid":"t","files":[{"name":"a","size":1}],"totalSize":1,"sha256":"x","chunks":2,"senderNick":"ada"}"#;
        let Some(Word::Offer {
            total_size: 1,
            chunks: 2,
            files,
            ..
        }) = Word::parse(offer)
        else {
            panic!("not read")
        };
        assert_eq!(files[0].name, "a");
        let accept = Word::Accept {
            tid: "t".into(),
            have: None,
        };
        assert_eq!(accept.content(), r#"{"_ft":"accept","tid":"t"}"#);
        let chunk = r#"{"_ft":"chunk","tid":"t","idx":3,"total":9,"data":"d"}"#;
        assert!(matches!(
            Word::parse(chunk),
            Some(Word::Chunk { idx: 3, .. })
        ));
        let ack = r#"{"_ft":"ack","tid":"t","ok":false,"error":"why"}"#;
        assert!(matches!(
            Word::parse(ack),
            Some(Word::Ack { ok: false, .. })
        ));
        for none in [
            "",
            "hello",
            r#"{"_ft":"other"}"#,
            r#"{"_ft":"accept"}"#,
            r#"{"_ft":"chunk","tid":"t","idx":-1,"data":""}"#,
        ] {
            assert_eq!(Word::parse(none), None, "{none}");
        }
    }
}
