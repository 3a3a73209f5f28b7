//! Where events are posted.

use std::str::FromStr;

use rustls::pki_types::ServerName;

/// `http://host[:port]/path`, or the same with https.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Host and port.
    pub authority: String,
    pub path: String,
    /// Whose certificate is asked for; none for plain HTTP.
    pub tls: Option<ServerName<'static>>,
}

/// Not such a URL.
#[derive(Debug, PartialEq, Eq)]
pub struct NoTarget;

impl FromStr for Target {
    type Err = NoTarget;

    fn from_str(text: &str) -> Result<Self, NoTarget> {
        let (scheme, rest) = text.split_once("://").ok_or(NoTarget)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let odd = |c: char| c.is_whitespace() || c.is_control();
        if authority.is_empty() || authority.contains('@') || text.contains(odd) {
            return Err(NoTarget);
        }
        // Within brackets, colons are the address's own.
        let host = match authority.rfind(']') {
            Some(end) => authority.split_at(end + 1).0,
            None => authority.split(':').next().unwrap_or(authority),
        };
        let (port, tls) = match scheme {
            "http" => (80, None),
            "https" => {
                let name = host.trim_matches(['[', ']']).to_owned();
                (443, Some(ServerName::try_from(name).map_err(|_| NoTarget)?))
            }
            _ => return Err(NoTarget),
        };
        let authority = match authority.len() > host.len() {
            true => authority.to_owned(),
            false => format!("{authority}:{port}"),
        };
        let path = match path {
            "" => "/".to_owned(),
            path => path.to_owned(),
        };
        Ok(Self {
            authority,
            path,
            tls,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_urls() {
        for (text, authority, path, name) in [
            ("http://localhost/x?y", "localhost:80", "/x?y", None),
            ("http://h:81", "h:81", "/", None),
            ("http://[::1]/", "[::1]:80", "/", None),
            ("http://[::1]:9/", "[::1]:9", "/", None),
            (
                "https://h.example/x",
                "h.example:443",
                "/x",
                Some("h.example"),
            ),
            ("https://h:8443", "h:8443", "/", Some("h")),
            ("https://[::1]:9/", "[::1]:9", "/", Some("::1")),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((&*target.authority, &*target.path), (authority, path));
            let expected = name.map(|name| ServerName::try_from(name).unwrap());
            assert_eq!(target.tls, expected, "{text}");
        }
        for bad in [
            "",
            "h",
            "ftp://h/",
            "http://",
            "http:///x",
            "http://u@h/",
            "http://h/a b",
            "http://h/\r\nx",
            "https:///",
            "https://ü/",
        ] {
            assert_eq!(bad.parse::<Target>(), Err(NoTarget), "{bad:?}");
        }
    }
}
