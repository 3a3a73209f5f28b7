//! From texts to values: what a text may be, and what is said when it is not.

use std::{fmt::Display, path::PathBuf, str::FromStr};

use super::{
    table::SETTINGS,
    values::{SettingsError, Source, Values},
};

/// Reads typed values.
pub struct Reader<'a>(pub &'a Values);

impl Reader<'_> {
    /// An error that calls the setting what its giver calls it.
    pub fn invalid(&self, flag: &str, wanted: impl Display) -> SettingsError {
        let setting = SETTINGS.iter().find(|setting| setting.flag == flag);
        let name = match (self.0.source(flag), setting) {
            (Source::Environment, Some(setting)) => format!("environment variable {}", setting.env),
            (Source::File, Some(setting)) => {
                format!("{} in the configuration file", setting.key())
            }
            _ => format!("--{flag}"),
        };
        let secret = setting.is_some_and(|setting| setting.secret);
        let value = if secret { "…" } else { self.0.text(flag) };
        SettingsError::Invalid {
            name,
            value: value.to_owned(),
            wanted: wanted.to_string(),
        }
    }

    /// A text, when there is one.
    pub fn text(&self, flag: &str) -> Option<String> {
        Some(self.0.text(flag).to_owned()).filter(|text| !text.is_empty())
    }

    /// A path, when there is one.
    pub fn path(&self, flag: &str) -> Option<PathBuf> {
        self.text(flag).map(PathBuf::from)
    }

    /// Something with a form of its own.
    pub fn parse<T: FromStr>(&self, flag: &str, wanted: &str) -> Result<T, SettingsError> {
        let text = self.0.text(flag).trim();
        text.parse().map_err(|_| self.invalid(flag, wanted))
    }

    /// Yes or no.
    pub fn flag(&self, flag: &str) -> Result<bool, SettingsError> {
        match self.0.text(flag).trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(self.invalid(flag, "true or false")),
        }
    }

    /// A whole number within bounds.
    pub fn number<T>(&self, flag: &str, least: i64, most: i64) -> Result<T, SettingsError>
    where
        T: TryFrom<i64>,
    {
        let wanted = format!("a whole number from {least} to {most}");
        let number = self.0.text(flag).trim().parse::<i64>().ok();
        let number = number.filter(|number| (least..=most).contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| self.invalid(flag, wanted))
    }

    /// One of several choices.
    pub fn choice<T: Copy>(&self, flag: &str, choices: &[(&str, T)]) -> Result<T, SettingsError> {
        let text = self.0.text(flag);
        let found = choices.iter().find(|(name, _)| *name == text);
        let wanted = || choices.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        found
            .map(|(_, value)| *value)
            .ok_or_else(|| self.invalid(flag, wanted().join(" or ")))
    }
}
