//! Ed25519 identities: keys, their text forms, the agent id that follows from them, signatures.

use std::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_STANDARD,
};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};

/// What comes before the 32 key bytes in the DER form of an Ed25519 public key.
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Base64 with padding or without.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a key could not be read or made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdentityError {
    /// Not the PEM form that is wanted.
    #[error("not a PEM block with the label {0:?}")]
    Pem(&'static str),
    /// Not an Ed25519 key.
    #[error("not an Ed25519 key")]
    Key,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

/// A private key, and who it makes one. Never shown.
pub struct Identity {
    pkcs8: Vec<u8>,
    pair: Ed25519KeyPair,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.agent_id())
    }
}

impl Identity {
    /// Makes a new key.
    pub fn generate() -> Result<Self, IdentityError> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| IdentityError::Random)?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, IdentityError> {
        let pair =
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| IdentityError::Key)?;
        Ok(Self {
            pkcs8: der.to_vec(),
            pair,
        })
    }

    /// Reads a key from PKCS#8 PEM, version 1 (as Node.js writes it) or 2.
    pub fn from_pkcs8_pem(text: &str) -> Result<Self, IdentityError> {
        Self::from_pkcs8(&pem_body(text, "PRIVATE KEY")?)
    }

    /// The private key as PKCS#8 PEM: a secret.
    #[must_use]
    pub fn to_pkcs8_pem(&self) -> String {
        to_pem(&self.pkcs8, "PRIVATE KEY")
    }

    /// The public key in its one canonical form: SPKI PEM with a single trailing newline.
    #[must_use]
    pub fn public_key_pem(&self) -> String {
        let der = [&SPKI_PREFIX[..], self.pair.public_key().as_ref()].concat();
        to_pem(&der, "PUBLIC KEY")
    }

    /// The agent id, without `@`.
    #[must_use]
    pub fn agent_id(&self) -> String {
        agent_id(&self.public_key_pem())
    }

    /// Signs a text; base64 with padding.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        BASE64_STANDARD.encode(self.pair.sign(text.as_bytes()))
    }
}

/// The agent id of a public key: the first 16 hexadecimal digits of SHA-256 over its PEM text.
#[must_use]
pub fn agent_id(public_key_pem: &str) -> String {
    let hash = digest(&SHA256, public_key_pem.as_bytes());
    hash.as_ref()
        .iter()
        .take(8)
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// The canonical form of an Ed25519 public key in SPKI PEM: people and files lose a newline at the end, or gain a
/// carriage return. None for anything else.
#[must_use]
pub fn canonical_public_key(pem: &str) -> Option<String> {
    let der = pem_body(pem, "PUBLIC KEY").ok()?;
    let good = der.len() == 44 && der.starts_with(&SPKI_PREFIX);
    good.then(|| to_pem(&der, "PUBLIC KEY"))
}

/// Checks that a public key is an Ed25519 key in the canonical form, so that one key has one id.
#[must_use]
pub fn is_canonical_public_key(pem: &str) -> bool {
    canonical_public_key(pem).is_some_and(|canonical| canonical == pem)
}

/// Whether `signature` is the key's over `text`: base64, of either alphabet, padded or not. Anything malformed is
/// simply no signature.
#[must_use]
pub fn verify(public_key_pem: &str, text: &str, signature: &str) -> bool {
    let (Ok(der), Ok(signature)) = (
        pem_body(public_key_pem, "PUBLIC KEY"),
        LENIENT.decode(signature.replace('-', "+").replace('_', "/")),
    ) else {
        return false;
    };
    let Some(key) = der.strip_prefix(&SPKI_PREFIX[..]) else {
        return false;
    };
    UnparsedPublicKey::new(&ED25519, key)
        .verify(text.as_bytes(), &signature)
        .is_ok()
}

/// What a client signs to prove its key; the timestamp as it stands in the frame.
#[must_use]
pub fn auth_text(nonce: &str, challenge_id: &str, timestamp: impl fmt::Display) -> String {
    format!("AGENTCHAT_AUTH|{nonce}|{challenge_id}|{timestamp}")
}

fn pem_body(text: &str, label: &'static str) -> Result<Vec<u8>, IdentityError> {
    let body = text
        .trim()
        .strip_prefix(&format!("-----BEGIN {label}-----"))
        .and_then(|rest| rest.strip_suffix(&format!("-----END {label}-----")))
        .ok_or(IdentityError::Pem(label))?;
    let body: String = body.split_ascii_whitespace().collect();
    BASE64_STANDARD
        .decode(body)
        .map_err(|_| IdentityError::Pem(label))
}

fn to_pem(der: &[u8], label: &str) -> String {
    let body = BASE64_STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key whose seed is the bytes 0 to 31, as PKCS#8 version 1.
    fn known() -> Identity {
        let mut der = vec![
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
            0x04, 0x20,
        ];
        der.extend(0..32_u8);
        Identity::from_pkcs8_pem(&to_pem(&der, "PRIVATE KEY")).unwrap()
    }

    #[test]
    fn keys_ids_and_signatures_are_those_of_the_protocol() {
        let key = known();
        assert_eq!(
            key.public_key_pem(),
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\n-----END PUBLIC KEY-----\n"
        );
        assert_eq!(key.agent_id(), "f0ff50dacf109dea");
        let text = auth_text(
            "00112233445566778899aabbccddeeff",
            "chal_abc_01234567",
            1_700_000_000_000_i64,
        );
        let signature = "TdrpDroG7obcATax0MahfmIoNRxVjZo1rFe8qgAf8JXZIVoB61mOemrUeGj0SmCLeN5fOgJFDJdLTfDB2CV6Bw==";
        assert_eq!(key.sign(&text), signature);
        assert!(verify(&key.public_key_pem(), &text, signature));
        assert!(!verify(&key.public_key_pem(), "another text", signature));
        let others = [
            (
                "ACCEPT|prop_x_00000000||",
                "jsIzJd4NMLSbqCBogSFOurKfpVpcX/qytIsoc4lzf9ooyD5hMjGXf4eWdSrlzqm7Uws6VW4UXVkmz3RHjQuKBg==",
            ),
            (
                "@0123456789abcdef|Test task|1.5|SOL|alice-code|60|",
                "i0YHjcFCq394eGSOHGhH8Qrt2wARgdJVywUeg9YtdYBufB0KEHS3l13VHsjT3eVUiFYzeKy1fKoFvtujmPNFCQ==",
            ),
        ];
        for (text, signature) in others {
            assert_eq!(key.sign(text), signature);
        }
    }

    #[test]
    fn a_signature_may_be_written_in_other_forms_of_base64() {
        let key = known();
        // A text whose signature has the letters in which the alphabets differ.
        let text = (0..).map(|n| n.to_string());
        let text = text.into_iter().find(|text| {
            let signature = key.sign(text);
            signature.contains('+') && signature.contains('/')
        });
        let text = text.unwrap();
        let signature = key.sign(&text);
        for form in [
            signature.trim_end_matches('=').to_owned(),
            signature.replace('+', "-").replace('/', "_"),
            signature.clone(),
        ] {
            assert!(verify(&key.public_key_pem(), &text, &form), "{form}");
        }
    }

    #[test]
    fn a_malformed_signature_is_no_signature() {
        let pem = known().public_key_pem();
        let signature = known().sign("text");
        assert!(verify(&pem, "text", &signature));
        let replaced = format!("{}XXXX", &signature[..signature.len() - 4]);
        for bad in [
            &*replaced,
            "",
            "totally-invalid-signature",
            "invalid-base64-signature",
            "invalid-signature-not-base64!",
            "bad-signature",
            "AAAA",
        ] {
            assert!(!verify(&pem, "text", bad), "{bad}");
        }
    }

    #[test]
    fn one_key_has_one_form() {
        let pem = known().public_key_pem();
        assert!(is_canonical_public_key(&pem));
        for other in [
            pem.trim_end().to_owned(),
            pem.replace('\n', "\r\n"),
            format!("{pem}\n"),
            known().to_pkcs8_pem(),
        ] {
            assert!(!is_canonical_public_key(&other), "{other:?}");
        }
        for other in [
            pem.trim_end().to_owned(),
            pem.replace('\n', "\r\n"),
            format!(" {pem}\n"),
        ] {
            assert_eq!(
                canonical_public_key(&other).as_ref(),
                Some(&pem),
                "{other:?}"
            );
        }
        assert_eq!(canonical_public_key(&known().to_pkcs8_pem()), None);
        assert_eq!(canonical_public_key("test-key"), None);
    }

    #[test]
    fn an_id_is_that_of_the_canonical_form() {
        let line = "MCowBQYDK2VwAyEAPvxbR5KaXSid3BBBOx3K2vS9Rb6i9SrzkrLb9nhCbRE=";
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{line}\n-----END PUBLIC KEY-----\n");
        assert_eq!(agent_id(&pem), "5e62226b595d94f1");
        let other = pem.trim_end();
        assert_eq!(agent_id(other), "af789b05d34d86e4");
        assert!(is_canonical_public_key(&pem) && !is_canonical_public_key(other));
    }

    #[test]
    fn a_private_key_survives_its_text() {
        let key = Identity::generate().unwrap();
        let again = Identity::from_pkcs8_pem(&key.to_pkcs8_pem()).unwrap();
        assert_eq!(again.agent_id(), key.agent_id());
        assert!(!format!("{key:?}").contains("PRIVATE"));
        assert!(Identity::from_pkcs8_pem("nonsense").is_err());
    }
}
