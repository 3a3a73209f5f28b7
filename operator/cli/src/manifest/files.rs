//! Manifests out of files and folders.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use agentchat_schema::decode;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::Manifest;

/// Ends of the names of files that are looked at in folders.
const ENDS: [&str; 3] = ["yaml", "yml", "json"];

/// Reads files, and the `.yaml`, `.yml` and `.json` files of folders, by name; gives the order of application.
pub fn load(paths: &[PathBuf]) -> Result<Vec<Manifest>> {
    let mut all: Vec<(Manifest, String)> = vec![];
    for file in files(paths)? {
        for (place, value) in documents(&file)? {
            let manifest = Manifest::read(value).with_context(|| place.clone())?;
            let same = |(m, _): &&(Manifest, String)| {
                (m.kind, &m.namespace, &m.name)
                    == (manifest.kind, &manifest.namespace, &manifest.name)
            };
            if let Some((_, other)) = all.iter().find(same) {
                bail!(
                    "{place}: {} is there twice, also in {other}; remove one or rename it",
                    manifest.title()
                );
            }
            all.push((manifest, place));
        }
    }
    if all.is_empty() {
        let shown: Vec<_> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        bail!(
            "there is no manifest in {}; a folder is searched for files *.yaml, *.yml and *.json",
            shown.join(", ")
        );
    }
    all.sort_by_key(|(manifest, _)| manifest.kind);
    Ok(all.into_iter().map(|(manifest, _)| manifest).collect())
}

/// The documents of a file that hold something, each with its place in words.
fn documents(file: &Path) -> Result<Vec<(String, Value)>> {
    let shown = file.display();
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            bail!("{shown} is no text in UTF-8, so it is no manifest")
        }
        read => read.with_context(|| format!("{shown} can't be read"))?,
    };
    let mut found = vec![];
    for (index, document) in serde_yaml::Deserializer::from_str(&text).enumerate() {
        let place = format!("{shown}, document {}", index + 1);
        let value = decode::yaml(document).map_err(|error| match error {
            decode::Error::Syntax(message) => anyhow!("{place} is not YAML: {message}"),
            number @ decode::Error::Number { .. } => anyhow!("{place}: {number}"),
        })?;
        if !value.is_null() {
            found.push((place, value));
        }
    }
    Ok(found)
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = vec![];
    for path in paths {
        let what = || format!("{} can't be read", path.display());
        if !fs::metadata(path).with_context(what)?.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries: Result<Vec<_>, _> = fs::read_dir(path).with_context(what)?.collect();
        let entries = entries.with_context(what)?;
        let mut found: Vec<_> = entries.iter().map(fs::DirEntry::path).collect();
        found.retain(|file| is_manifest(file));
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

fn is_manifest(path: &Path) -> bool {
    let known = |end: &std::ffi::OsStr| ENDS.iter().any(|known| end == *known);
    path.extension().is_some_and(known) && path.is_file()
}
