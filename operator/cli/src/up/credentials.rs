//! The credential for the model, from a file of the person's into the Secret `claude` of each namespace with Agents.

use std::{
    collections::BTreeSet,
    fmt,
    fs::{self, File},
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use agentchat_api::{API_KEY_KEY, DEFAULT_CREDENTIALS, OAUTH_TOKEN_KEY};
use agentchat_manifests::{Kind, Manifest};
use anyhow::{Context, Result, bail};
use clap::Args;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ObjectMeta, PostParams},
};

use crate::{control::api_error, state::Credentials};

/// Where Agents are made that name no namespace.
const DEFAULT_NAMESPACE: &str = "default";
/// Marks Secrets that are ours to replace.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "agentctl");
/// What the scripted model is given for a key; it takes any.
const SCRIPTED_KEY: &str = "scripted-model";
/// The largest credential, in bytes.
const LARGEST: u64 = 8192;

/// Where the model's credential comes from.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct CredentialFlags {
    /// File with an OAuth token of a Claude subscription (`claude setup-token` makes one).
    #[arg(long, value_name = "FILE")]
    oauth_token_file: Option<PathBuf>,
    /// File with an API key of the Claude API.
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Goes back to the scripted model, which stands in when no credential was ever given.
    #[arg(long)]
    pub(super) scripted_model: bool,
}

/// A credential for the model. Never shown, never serialised.
pub struct Credential {
    key: &'static str,
    value: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({})", self.key)
    }
}

impl CredentialFlags {
    /// A warning about the file, although it will do.
    pub fn warning(&self) -> Option<String> {
        exposed(
            self.oauth_token_file
                .as_ref()
                .or(self.api_key_file.as_ref())?,
        )
    }

    /// Reads the file that was named, if one was.
    pub fn read(&self) -> Result<Option<Credential>> {
        let (path, key, flag, other) = match (&self.oauth_token_file, &self.api_key_file) {
            (Some(path), _) => (
                path,
                OAUTH_TOKEN_KEY,
                "--oauth-token-file",
                ("sk-ant-api", "an API key", "--api-key-file"),
            ),
            (None, Some(path)) => (
                path,
                API_KEY_KEY,
                "--api-key-file",
                ("sk-ant-oat", "an OAuth token", "--oauth-token-file"),
            ),
            (None, None) => return Ok(None),
        };
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text))
            .with_context(|| format!("{flag} {} can't be read", path.display()))?;
        let value = text.trim().to_owned();
        if value.is_empty() {
            bail!(
                "{flag} {} is empty; it must hold one line, the credential",
                path.display()
            );
        }
        if text.len() as u64 > LARGEST
            || value.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            bail!(
                "{flag} {}: it must hold one line with the credential and nothing else",
                path.display()
            );
        }
        if value.starts_with(other.0) {
            bail!(
                "{flag} {}: that is {}; give it with {}",
                path.display(),
                other.1,
                other.2
            );
        }
        Ok(Some(Credential { key, value }))
    }
}

/// A warning about a file that others than its owner can read; a pipe is nobody else's.
pub fn exposed(path: &Path) -> Option<String> {
    let about = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let mode = about.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        format!(
            "{} holds a credential and others can read it (mode {mode:04o}); `chmod 600` closes it",
            path.display()
        )
    })
}

/// Puts the credential where Agents look for it.
pub async fn provide(
    client: &Client,
    manifests: &[Manifest],
    from: Credentials,
    given: Option<Credential>,
) -> Result<()> {
    let declared = |namespace: &str| {
        manifests.iter().any(|m| {
            m.kind == Kind::Secret
                && m.name == DEFAULT_CREDENTIALS
                && m.namespace.as_deref() == Some(namespace)
        })
    };
    let uses_default =
        |m: &&Manifest| m.kind == Kind::Agent && m.source.pointer("/spec/credentials").is_none();
    let namespaces: BTreeSet<_> = manifests
        .iter()
        .filter(uses_default)
        .filter_map(|m| m.namespace.as_deref())
        .collect();
    let scripted = Credential {
        key: API_KEY_KEY,
        value: SCRIPTED_KEY.into(),
    };
    let wanted = match (from, &given) {
        (_, Some(given)) => Some(given),
        (Credentials::ScriptedModel, None) => Some(&scripted),
        (Credentials::Given, None) => None,
    };
    // Where `agentctl run` makes Agents, also when no manifest does; what is there already stays.
    let usual = !namespaces.contains(DEFAULT_NAMESPACE) && !declared(DEFAULT_NAMESPACE);
    if usual && wanted.is_some() && !exists(client, DEFAULT_NAMESPACE).await? {
        put(client, DEFAULT_NAMESPACE, wanted).await?;
    }
    for namespace in namespaces
        .into_iter()
        .filter(|namespace| !declared(namespace))
    {
        put(client, namespace, wanted).await?;
    }
    Ok(())
}

async fn exists(client: &Client, namespace: &str) -> Result<bool> {
    let api = Api::<Secret>::namespaced(client.clone(), namespace);
    let found = api.get_opt(DEFAULT_CREDENTIALS).await;
    let found = found.map_err(|error| api_error(error, "the credential's Secret can't be read"));
    Ok(found?.is_some())
}

/// Writes the Secret; with nothing to write, checks that it is there.
async fn put(client: &Client, namespace: &str, wanted: Option<&Credential>) -> Result<()> {
    let api = Api::<Secret>::namespaced(client.clone(), namespace);
    let title = format!("Secret {namespace}/{DEFAULT_CREDENTIALS}");
    let failed = |error| api_error(error, &format!("{title} could not be written"));
    let there = api.get_opt(DEFAULT_CREDENTIALS).await.map_err(failed)?;
    let Some(wanted) = wanted else {
        if there.is_none() {
            bail!(
                "{title} with the model's credential is gone; give --oauth-token-file or --api-key-file again"
            );
        }
        return Ok(());
    };
    let value = ByteString(wanted.value.clone().into_bytes());
    let data = [(wanted.key.to_owned(), value)].into();
    if let Some(there) = there {
        if there.data.as_ref() == Some(&data) {
            return Ok(());
        }
        if there.labels().get(MANAGED_BY.0).map(String::as_str) != Some(MANAGED_BY.1) {
            bail!(
                "{title} was made by somebody else and is not overwritten; delete it, or name a Secret of \
                 your own in spec.credentials of the Agents"
            );
        }
        // Replaced as a whole: a token that is not used any more must not stay behind.
        let params = DeleteParams::default();
        let deleted = api.delete(DEFAULT_CREDENTIALS, &params).await;
        deleted.map_err(failed)?;
    }
    let metadata = ObjectMeta {
        name: Some(DEFAULT_CREDENTIALS.to_owned()),
        labels: Some([(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned())].into()),
        ..ObjectMeta::default()
    };
    let secret = Secret {
        metadata,
        data: Some(data),
        ..Secret::default()
    };
    let created = api.create(&PostParams::default(), &secret).await;
    created.map(drop).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, oauth: bool) -> Result<Option<Credential>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credential");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(exposed(&path), None);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(exposed(&path).unwrap().contains("mode 0644"));
        let (oauth, key) = if oauth {
            (Some(path), None)
        } else {
            (None, Some(path))
        };
        CredentialFlags {
            oauth_token_file: oauth,
            api_key_file: key,
            scripted_model: false,
        }
        .read()
    }

    #[test]
    fn credential_must_be_one_line_of_the_right_kind() {
        let good = read("sk-ant-oat01-x\n", true).unwrap().unwrap();
        assert_eq!(
            (good.key, good.value.as_str()),
            (OAUTH_TOKEN_KEY, "sk-ant-oat01-x")
        );
        assert_eq!(format!("{good:?}"), "Credential(oauth-token)");
        assert_eq!(read("any\n", false).unwrap().unwrap().key, API_KEY_KEY);
        for (text, oauth, says) in [
            ("", true, "is empty"),
            (" \n", false, "is empty"),
            ("a\nb", false, "one line"),
            ("sk-ant-oat01-x", false, "--oauth-token-file"),
            ("sk-ant-api03-x", true, "--api-key-file"),
        ] {
            let said = read(text, oauth).unwrap_err().to_string();
            assert!(said.contains(says) && !said.contains("-x"), "{said}");
        }
    }
}
