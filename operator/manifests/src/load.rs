//! Manifests out of files, folders and standard input.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::{
    documents::{self, DocumentError},
    manifest::{InvalidManifest, Manifest},
    place::{Place, STANDARD_INPUT, Source},
};

/// Ends of the names of files that are looked at in folders.
const ENDS: [&str; 3] = ["yaml", "yml", "json"];

/// The largest file, in bytes, and the most that is read from standard input. A manifest of more than
/// 3 MiB is refused by the API anyway, and a file may have several.
const LARGEST: u64 = 8 << 20;

/// Why manifests can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or folder can't be read.
    #[error("{from} can't be read")]
    Read {
        /// Which.
        from: Source,
        /// What the system says.
        source: io::Error,
    },
    /// A file is no text.
    #[error("{0} is no text in UTF-8, so it is no manifest")]
    NotText(Source),
    /// A file is too large.
    #[error(
        "{0} has more than {LARGEST} bytes, the most that is read; split it into several files"
    )]
    TooLarge(Source),
    /// Standard input can be read once only.
    #[error(
        "standard input ({STANDARD_INPUT}) is given twice, but can be read only once; remove one"
    )]
    InputTwice,
    /// A text is neither YAML nor JSON.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A document is no manifest.
    #[error("{place}")]
    Invalid {
        /// Which document.
        place: Place,
        /// What is wrong.
        source: InvalidManifest,
    },
    /// Two documents are about the same object.
    #[error("{place}: {title} is there twice, also in {other}; remove one or rename it")]
    Twice {
        /// The second document.
        place: Place,
        /// The object.
        title: String,
        /// The first document.
        other: Box<Place>,
    },
    /// Nothing was found.
    #[error("there is no manifest in {0}; a folder is searched for files *.yaml, *.yml and *.json")]
    Nothing(String),
}

/// Reads files, the `.yaml`, `.yml` and `.json` files of folders by name (not of folders in them), and, where
/// a path is `-`, the given standard input; gives the order of application.
///
/// # Errors
/// The first thing that is wrong, by file, document and item of a list.
pub fn load(paths: &[PathBuf], input: impl Read) -> Result<Vec<Manifest>, LoadError> {
    let mut input = Some(input);
    let mut all: Vec<(Manifest, Place)> = vec![];
    for source in sources(paths)? {
        let text = match &source {
            Source::StandardInput => read(&source, input.take().ok_or(LoadError::InputTwice)?)?,
            Source::File(path) => {
                let file = fs::File::open(path).map_err(|error| unreadable(&source, error))?;
                read(&source, file)?
            }
        };
        for document in documents::read(&source, &text)? {
            add(&mut all, document)?;
        }
    }
    if all.is_empty() {
        let shown: Vec<_> = paths
            .iter()
            .map(|path| Source::from(path.as_path()).to_string())
            .collect();
        return Err(LoadError::Nothing(shown.join(", ")));
    }
    all.sort_by_key(|(manifest, _)| manifest.kind);
    Ok(all.into_iter().map(|(manifest, _)| manifest).collect())
}

/// Adds a manifest that is not there yet.
fn add(all: &mut Vec<(Manifest, Place)>, document: documents::Document) -> Result<(), LoadError> {
    let place = document.place;
    let manifest = match Manifest::read(document.value) {
        Ok(manifest) => manifest,
        Err(source) => return Err(LoadError::Invalid { place, source }),
    };
    let same = |(m, _): &&(Manifest, Place)| {
        (m.kind, &m.namespace, &m.name) == (manifest.kind, &manifest.namespace, &manifest.name)
    };
    if let Some((_, other)) = all.iter().find(same) {
        return Err(LoadError::Twice {
            place,
            title: manifest.title(),
            other: Box::new(other.clone()),
        });
    }
    all.push((manifest, place));
    Ok(())
}

fn unreadable(from: &Source, source: io::Error) -> LoadError {
    let from = from.clone();
    LoadError::Read { from, source }
}

/// Reads a whole text of a bounded size.
fn read(from: &Source, reader: impl Read) -> Result<String, LoadError> {
    let mut bytes = vec![];
    let read = reader.take(LARGEST + 1).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(from, error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(LoadError::TooLarge(from.clone()));
    }
    String::from_utf8(bytes).map_err(|_| LoadError::NotText(from.clone()))
}

/// The files that paths mean.
fn sources(paths: &[PathBuf]) -> Result<Vec<Source>, LoadError> {
    let mut sources = vec![];
    for path in paths {
        let source = Source::from(path.as_path());
        let folder = match &source {
            Source::StandardInput => false,
            Source::File(path) => fs::metadata(path)
                .map_err(|error| unreadable(&source, error))?
                .is_dir(),
        };
        if !folder {
            sources.push(source);
            continue;
        }
        let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(|error| unreadable(&source, error))?;
        let mut found: Vec<_> = entries.iter().map(fs::DirEntry::path).collect();
        found.retain(|file| is_manifest(file));
        found.sort();
        sources.extend(found.into_iter().map(Source::File));
    }
    Ok(sources)
}

fn is_manifest(path: &Path) -> bool {
    let known = |end: &std::ffi::OsStr| ENDS.iter().any(|known| end == *known);
    path.extension().is_some_and(known) && path.is_file()
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    const AGENT: &str = "apiVersion: agentchat.dev/v1alpha1\nkind: Agent\nmetadata: {name: ada}\n";

    fn loaded(text: &str) -> Result<Vec<Manifest>, LoadError> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.yaml"), text).unwrap();
        fs::write(dir.path().join("README.md"), "not: [yaml").unwrap();
        load(&[dir.path().to_owned()], io::empty())
    }

    fn from_input(text: impl Read) -> Result<Vec<Manifest>, LoadError> {
        load(&[STANDARD_INPUT.into()], text)
    }

    fn titles(manifests: &[Manifest]) -> Vec<String> {
        manifests.iter().map(Manifest::title).collect()
    }

    /// The error and what it comes from, as programs show it.
    fn said(error: &LoadError) -> String {
        let source = error.source().map(|source| format!(": {source}"));
        format!("{error}{}", source.unwrap_or_default())
    }

    #[test]
    fn quickstart_is_read_in_the_order_of_application() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests/quickstart");
        let all = load(&[path], io::empty()).unwrap();
        assert_eq!(
            titles(&all),
            ["Node server-1", "Node client-1", "Agent ada", "Agent sam"]
        );
    }

    #[test]
    fn folder_is_read_by_name_and_not_below() {
        let dir = tempfile::tempdir().unwrap();
        let space = |name: &str| {
            format!(
                "{{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {{\"name\": \"{name}\"}}}}"
            )
        };
        for (file, name) in [
            ("b.json", "two"),
            ("a.yml", "one"),
            ("c.yaml", "three"),
            ("d.txt", "no"),
        ] {
            fs::write(dir.path().join(file), space(name)).unwrap();
        }
        fs::create_dir_all(dir.path().join("e.yaml")).unwrap();
        fs::write(dir.path().join("e.yaml/f.yaml"), space("no")).unwrap();
        let all = load(&[dir.path().to_owned()], io::empty()).unwrap();
        assert_eq!(
            titles(&all),
            ["Namespace one", "Namespace two", "Namespace three"]
        );
    }

    #[test]
    fn standard_input_is_read_next_to_files_and_only_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.yaml");
        fs::write(&file, format!("{AGENT}spec: {{mission: x}}\n")).unwrap();
        let input = "kind: Namespace\napiVersion: v1\nmetadata: {name: team}\n";
        let paths = [file.clone(), STANDARD_INPUT.into()];
        let all = load(&paths, input.as_bytes()).unwrap();
        assert_eq!(titles(&all), ["Namespace team", "Agent ada"]);

        let same = format!("---\n---\n{AGENT}spec: {{mission: x}}\n");
        let error = said(&load(&paths, same.as_bytes()).unwrap_err());
        let says = "standard input, document 2 (line 3): Agent ada is there twice, also in ";
        assert!(error.starts_with(says), "{error}");
        let first = format!("{}, document 1 (line 1);", file.display());
        assert!(error.contains(&first), "{error}");

        let twice = [STANDARD_INPUT.into(), STANDARD_INPUT.into()];
        let error = said(&load(&twice, input.as_bytes()).unwrap_err());
        assert!(error.contains("(-) is given twice"), "{error}");
        let error = said(&from_input(io::empty()).unwrap_err());
        assert!(error.contains("no manifest in standard input"), "{error}");
    }

    #[test]
    fn what_is_too_large_or_no_text_is_refused() {
        let error = said(&from_input(io::repeat(b' ')).unwrap_err());
        assert_eq!(
            error,
            "standard input has more than 8388608 bytes, the most that is read; split it into several files"
        );
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.yaml");
        fs::File::create(&file)
            .unwrap()
            .set_len(LARGEST + 1)
            .unwrap();
        let paths = [dir.path().to_owned()];
        let error = said(&load(&paths, io::empty()).unwrap_err());
        assert!(
            error.contains("a.yaml has more than 8388608 bytes"),
            "{error}"
        );
        fs::write(&file, b"a: \xff").unwrap();
        let error = said(&load(&paths, io::empty()).unwrap_err());
        assert!(error.contains("a.yaml is no text in UTF-8"), "{error}");
        let error = said(&load(&[dir.path().join("none")], io::empty()).unwrap_err());
        assert!(
            error.contains("none can't be read: No such file"),
            "{error}"
        );
    }

    #[test]
    fn list_becomes_its_objects() {
        let text = "apiVersion: v1\nkind: List\nitems:\n\
            - {apiVersion: agentchat.dev/v1alpha1, kind: Agent, metadata: {name: ada}, spec: {mission: x}}\n\
            - {apiVersion: v1, kind: Namespace, metadata: {name: team}}\n---\n\
            apiVersion: v1\nkind: ConfigMapList\nitems:\n- {metadata: {name: texts, namespace: team}}\n";
        let all = from_input(text.as_bytes()).unwrap();
        assert_eq!(
            titles(&all),
            ["Namespace team", "ConfigMap team/texts", "Agent ada"]
        );
        let broken = text
            .replace("mission: x", "mission: 1")
            .replace("{name: team}", "{name: Team}");
        let error = said(&from_input(broken.as_bytes()).unwrap_err());
        let says = "standard input, document 1 (line 1), item 1: Agent ada: spec.mission is 1, but must be text";
        assert!(error.starts_with(says), "{error}");
        let pods = "apiVersion: v1\nkind: PodList\nitems: [{metadata: {name: x}}]";
        let error = said(&from_input(pods.as_bytes()).unwrap_err());
        assert!(
            error.contains("item 1: kind is \"Pod\", but only Namespace, "),
            "{error}"
        );
    }

    #[test]
    fn mistake_in_a_later_document_is_named_with_its_place() {
        let text = format!(
            "{AGENT}spec: {{mission: x}}\n---\n# the other\n\nkind: Agent\napiVersion: v1\n"
        );
        let error = said(&loaded(&text).unwrap_err());
        let says = "a.yaml, document 2 (line 8): apiVersion is \"v1\", but of kind Agent it must be agentchat.dev/v1alpha1";
        assert!(error.ends_with(says), "{error}");
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let agent = AGENT;
        let limits = "{costUSD: 1.5, turns: 7.0, tokens: 1e3}";
        let good = format!("---\n---\n{agent}spec: {{mission: x, limits: {limits}}}\n");
        let one = &loaded(&good).unwrap()[0];
        assert_eq!(one.namespace.as_deref(), Some("default"));
        assert_eq!(
            one.source["spec"]["limits"],
            serde_json::json!({"costUSD": 1.5, "turns": 7, "tokens": 1000})
        );
        for (text, says) in [
            ("a: [1", "document 1"),
            ("- 1", "no group of fields"),
            ("x: 1", "kind is missing"),
            ("kind: Pod\napiVersion: v1", "kind is \"Pod\""),
            (
                "kind: Agent\napiVersion: v1",
                "must be agentchat.dev/v1alpha1",
            ),
            ("# nothing\n", "no manifest in /"),
            (
                &format!("{agent}spec: {{}}"),
                "Agent ada: spec.mission is missing",
            ),
            (&format!("{agent}spec: {{mission: 3}}"), "must be text"),
            (
                &format!("{agent}spec: {{mission: x, mission: y}}"),
                "duplicate",
            ),
            (
                &format!("{agent}spec: {{mission: x}}").replace(": ada}", ": Ada_1}"),
                "metadata.name is \"Ada_1\"",
            ),
            (
                &format!("{agent}spec: {{mission: x, misson: y}}"),
                "spec.misson",
            ),
            (
                &format!("{agent}spec: {{mission: x, limits: {{turn: 1}}}}"),
                "spec.limits.turn",
            ),
            (
                &format!("{agent}spec: {{mission: x, limits: {{costUSD: .nan}}}}"),
                "document 1 (line 1): spec.limits.costUSD is .nan, but must be a number",
            ),
            (
                &format!("{agent}spec: {{mission: x}}\n---\n{agent}spec: {{mission: y}}"),
                "twice",
            ),
        ] {
            let said = said(&loaded(text).unwrap_err());
            assert!(said.contains(says), "{text}: {said}");
        }
    }
}
