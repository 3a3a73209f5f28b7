//! Keys as people give them: the server's admin key, and agents' public keys.

use std::{fs, io::Read, path::Path};

use agentchat_protocol::{Identity, is_canonical_public_key};
use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::{
    exit::{Code, WithCode},
    output::{NOTE, say},
    up::exposed,
};

/// How every such public key begins, as base64.
const PREFIX: &str = "MCowBQYDK2VwAyEA";
/// The largest file that may hold one.
const LARGEST: u64 = 64 << 10;

/// A server's admin key, from its file.
pub fn of_admin(path: &Path) -> Result<String> {
    if let Some(warning) = exposed(path) {
        say(format_args!("{NOTE}{warning}{NOTE:#}"));
    }
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("--admin-key-file {shown}"))?;
    let key = text.trim();
    if key.is_empty() || key.contains(char::is_whitespace) {
        bail!("--admin-key-file {shown} must hold one line, the key");
    }
    Ok(key.to_owned())
}

/// A public key, PEM, from what somebody gives for one.
pub fn public(given: &str) -> Result<String> {
    if let Some(key) = maybe_public(given)? {
        return Ok(key);
    }
    let id = given.starts_with('@');
    let advice = match id {
        true => {
            "an id follows from a key, and not the key from an id: ask its owner for the public key"
        }
        false => {
            "give a file with a public key, or the key as one line that begins with MCowBQYDK2Vw"
        }
    };
    Err(anyhow!("{given:?} is no key; {advice}").code(Code::Invalid))
}

/// The same; none when it is something else.
pub fn maybe_public(given: &str) -> Result<Option<String>> {
    if given == "-" {
        let mut text = String::new();
        let mut stdin = std::io::stdin().take(LARGEST);
        let read = stdin.read_to_string(&mut text);
        read.context("standard input can't be read")?;
        return of_text(&text, "standard input")
            .map(Some)
            .code(Code::Invalid);
    }
    if given.starts_with(PREFIX) || given.starts_with("-----BEGIN") {
        return of_text(given, "the key").map(Some).code(Code::Invalid);
    }
    let path = Path::new(given);
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(path).with_context(|| format!("{given} can't be read"));
    of_text(&text.code(Code::Invalid)?, given)
        .map(Some)
        .code(Code::Invalid)
}

fn of_text(text: &str, what: &str) -> Result<String> {
    let text = text.trim();
    if let Ok(private) = Identity::from_pkcs8_pem(&format!("{text}\n")) {
        let public = body(&private.public_key_pem());
        bail!("{what} holds a private key, which only its owner needs; its public key is {public}");
    }
    // Some clients keep their keys as JSON.
    let json: Option<Value> = serde_json::from_str(text).ok();
    let kept = json.as_ref().and_then(|json| json["publicKey"].as_str());
    let line = body(kept.unwrap_or(text));
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{line}\n-----END PUBLIC KEY-----\n");
    match is_canonical_public_key(&pem) {
        true => Ok(pem),
        false => bail!(
            "{what} holds no Ed25519 public key; such a key is 60 characters that begin with {PREFIX}"
        ),
    }
}

/// A PEM text without its first and last line, in one line.
fn body(pem: &str) -> String {
    let lines = pem.lines().map(str::trim);
    lines.filter(|line| !line.starts_with('-')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_key_is_read_in_every_form() {
        let identity = Identity::generate().unwrap();
        let pem = identity.public_key_pem();
        let json = serde_json::json!({"publicKey": pem, "privateKey": "x"}).to_string();
        for form in [pem.clone(), body(&pem), pem.replace('\n', "\r\n"), json] {
            assert_eq!(of_text(&form, "it").unwrap(), pem, "{form}");
        }
        let private = of_text(&identity.to_pkcs8_pem(), "it").unwrap_err();
        assert!(private.to_string().ends_with(&body(&pem)), "{private}");
        for bad in ["", "x", "MCowBQYDK2VwAyEA", &body(&pem)[..59]] {
            assert!(of_text(bad, "it").is_err(), "{bad}");
        }
        assert_eq!(maybe_public("ada").unwrap(), None);
        let id = public("@0123456789abcdef").unwrap_err();
        assert!(id.to_string().contains("ask its owner"), "{id}");
    }
}
