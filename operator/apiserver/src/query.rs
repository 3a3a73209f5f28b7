//! Query parameters, as Kubernetes names them.

use crate::failure::Failure;

/// What to do with fields that the schema doesn't have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// Drop them.
    Ignore,
    /// Drop them and say so in a Warning header.
    #[default]
    Warn,
    /// Refuse the request.
    Strict,
}

/// The parameters that we know; others are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Stream changes.
    pub watch: bool,
    /// Revision; `None` when absent or empty.
    pub resource_version: Option<u64>,
    /// `Exact` or `NotOlderThan`.
    pub resource_version_match: Option<String>,
    /// Label selector.
    pub label_selector: String,
    /// Field selector.
    pub field_selector: String,
    /// Page size; 0 is none.
    pub limit: usize,
    /// Continuation token.
    pub continue_token: String,
    /// How long to watch.
    pub timeout_seconds: Option<u64>,
    /// Whether bookmarks may be sent.
    pub bookmarks: bool,
    /// WatchList.
    pub send_initial_events: bool,
    /// Change nothing.
    pub dry_run: bool,
    /// Unknown fields.
    pub field_validation: FieldValidation,
    /// How much of the object a table row carries.
    pub include_object: Option<String>,
    /// Deletion policy.
    pub propagation_policy: Option<String>,
}

impl Query {
    /// Reads a query string; empty pairs are tolerated.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let mut query = Self::default();
        for (key, value) in url::form_urlencoded::parse(text.as_bytes()) {
            query.take(&key, &value)?;
        }
        Ok(query)
    }

    fn take(&mut self, key: &str, value: &str) -> Result<(), Failure> {
        match key {
            "watch" => self.watch = truth(key, value)?,
            "resourceVersion" if !value.is_empty() => {
                self.resource_version = Some(number(key, value)?);
            }
            "resourceVersionMatch" if !value.is_empty() => {
                if !matches!(value, "Exact" | "NotOlderThan") {
                    return Err(Failure::unprocessable(format!(
                        "resourceVersionMatch: Unsupported value: {value:?}: supported values: \"Exact\", \"NotOlderThan\""
                    )));
                }
                self.resource_version_match = Some(value.to_owned());
            }
            "labelSelector" => value.clone_into(&mut self.label_selector),
            "fieldSelector" => value.clone_into(&mut self.field_selector),
            "limit" if !value.is_empty() => {
                self.limit = usize::try_from(number(key, value)?).unwrap_or(usize::MAX);
            }
            "continue" => value.clone_into(&mut self.continue_token),
            "timeoutSeconds" if !value.is_empty() => {
                self.timeout_seconds = Some(number(key, value)?);
            }
            "allowWatchBookmarks" => self.bookmarks = truth(key, value)?,
            "sendInitialEvents" => self.send_initial_events = truth(key, value)?,
            "dryRun" => self.dry_run = dry_run(value)?,
            "fieldValidation" => self.field_validation = field_validation(value)?,
            "includeObject" if !value.is_empty() => self.include_object = Some(value.to_owned()),
            "propagationPolicy" if !value.is_empty() => {
                self.propagation_policy = Some(value.to_owned());
            }
            _ => {}
        }
        Ok(())
    }
}

/// Reads a dry-run directive, of the query or of `DeleteOptions`.
pub fn dry_run(value: &str) -> Result<bool, Failure> {
    match value {
        "" => Ok(false),
        "All" => Ok(true),
        _ => Err(Failure::unprocessable(format!(
            "dryRun: Unsupported value: {value:?}: supported values: \"All\""
        ))),
    }
}

fn field_validation(value: &str) -> Result<FieldValidation, Failure> {
    match value {
        "" | "Warn" => Ok(FieldValidation::Warn),
        "Ignore" => Ok(FieldValidation::Ignore),
        "Strict" => Ok(FieldValidation::Strict),
        _ => Err(Failure::unprocessable(format!(
            "fieldValidation: Unsupported value: {value:?}: supported values: \"Ignore\", \"Strict\", \"Warn\""
        ))),
    }
}

fn truth(key: &str, value: &str) -> Result<bool, Failure> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" | "" => Ok(false),
        _ => Err(Failure::bad_request(format!(
            "{key}: {value:?} is neither true nor false"
        ))),
    }
}

fn number(key: &str, value: &str) -> Result<u64, Failure> {
    value
        .parse()
        .map_err(|_| Failure::bad_request(format!("{key}: Invalid value: {value:?}: not a number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_pairs_and_empty_values_are_tolerated() {
        let query = Query::parse("&limit=500&resourceVersion=&x=y&watch=true").unwrap();
        assert_eq!((query.limit, query.watch), (500, true));
        assert_eq!(query.resource_version, None);
        assert!(Query::parse("resourceVersion=abc").is_err());
        assert!(Query::parse("dryRun=Some").is_err());
    }
}
