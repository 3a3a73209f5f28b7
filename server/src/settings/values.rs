//! Where each value comes from: flag, else environment, else file, else default.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::table::{SETTINGS, Setting};

/// Who gave a value; later ones win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Nobody.
    Default,
    /// The profile has a default of its own.
    Profile,
    /// The configuration file.
    File,
    /// An environment variable.
    Environment,
    /// The command line.
    Flag,
}

/// A value, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    pub text: String,
    pub source: Source,
}

/// A setting that can't be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SettingsError {
    /// The file has a key that nobody knows.
    #[error(
        "the configuration file sets {0:?}, which is no setting; `agentchat-server config` lists them"
    )]
    Unknown(String),
    /// The file has something else than a value.
    #[error(
        "the configuration file sets {0:?} to {1}, which is neither text, number, yes or no, nor a list of them"
    )]
    Shape(String, &'static str),
    /// A value that means nothing.
    #[error("{name} is {value:?}, and must be {wanted}")]
    Invalid {
        /// The setting, as whoever set it calls it.
        name: String,
        /// What it was set to.
        value: String,
        /// What it may be.
        wanted: String,
    },
    /// Settings that don't go together.
    #[error("{0}")]
    Conflict(&'static str),
}

/// The value of every setting.
#[derive(Clone, Debug)]
pub struct Values(BTreeMap<&'static str, Value>);

impl Values {
    /// Gives each setting the value of the most important source that has one. Empty text is no value.
    pub fn resolve(
        flags: impl Fn(&Setting) -> Option<String>,
        environment: impl Fn(&str) -> Option<String>,
        file: &Map<String, Json>,
    ) -> Result<Self, SettingsError> {
        let known = |key: &String| SETTINGS.iter().any(|setting| setting.key() == *key);
        if let Some(unknown) = file.keys().find(|key| !known(key)) {
            return Err(SettingsError::Unknown(unknown.clone()));
        }
        let mut values = BTreeMap::new();
        for setting in SETTINGS {
            let given = |text: Option<String>| text.filter(|text| !text.is_empty());
            let key = setting.key();
            let (text, source) = if let Some(text) = given(flags(setting)) {
                (text, Source::Flag)
            } else if let Some(text) = given(environment(setting.env)) {
                (text, Source::Environment)
            } else if let Some(text) = given(plain(&key, file.get(&key))?) {
                (text, Source::File)
            } else {
                (setting.default.to_owned(), Source::Default)
            };
            values.insert(setting.flag, Value { text, source });
        }
        let mut values = Self(values);
        values.follow();
        Ok(values)
    }

    /// Defaults that follow from other settings.
    fn follow(&mut self) {
        if self.text("profile") != "public" {
            for setting in SETTINGS {
                if let Some(text) = setting.private {
                    self.default(setting.flag, text);
                }
            }
        } else if !self.text("admin-key-file").is_empty() {
            self.default("allowlist-enabled", "true");
            self.default("lurk-allowlisted", "false");
        }
    }

    fn default(&mut self, flag: &'static str, text: &str) {
        if self.source(flag) == Source::Default {
            let (text, source) = (text.to_owned(), Source::Profile);
            self.0.insert(flag, Value { text, source });
        }
    }

    /// The text of a setting; empty when it is absent.
    pub fn text(&self, flag: &str) -> &str {
        self.0.get(flag).map_or("", |value| value.text.as_str())
    }

    /// Who gave the value of a setting.
    pub fn source(&self, flag: &str) -> Source {
        self.0
            .get(flag)
            .map_or(Source::Default, |value| value.source)
    }

    /// One line a setting: its key, its value, and where that came from.
    pub fn lines(&self) -> Vec<String> {
        let line = |setting: &Setting| {
            let text = match self.text(setting.flag) {
                "" => "(none)".to_owned(),
                _ if setting.secret => "(set)".to_owned(),
                text => format!("{text:?}").trim_matches('"').to_owned(),
            };
            let source = match self.source(setting.flag) {
                Source::Default => "default".to_owned(),
                Source::Profile => "default of this profile".to_owned(),
                Source::File => "file".to_owned(),
                Source::Environment => format!("environment {}", setting.env),
                Source::Flag => format!("flag --{}", setting.flag),
            };
            format!("{:<26} {text:<24} {source}", setting.key())
        };
        SETTINGS.iter().map(line).collect()
    }
}

/// A value of the file as text.
fn plain(key: &str, value: Option<&Json>) -> Result<Option<String>, SettingsError> {
    let shape = |what| Err(SettingsError::Shape(key.to_owned(), what));
    Ok(Some(match value {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(text)) => text.clone(),
        Some(Json::Bool(flag)) => flag.to_string(),
        Some(Json::Number(number)) => number.to_string(),
        Some(Json::Object(_)) => return shape("a mapping"),
        Some(Json::Array(items)) => {
            let mut texts = vec![];
            for item in items {
                match item {
                    Json::Array(_) | Json::Object(_) => return shape("a nested list"),
                    item => texts.extend(plain(key, Some(item))?),
                }
            }
            texts.join(",")
        }
    }))
}
