//! The head of a request.

use std::net::IpAddr;

use crate::settings::Networks;

/// The head of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    pub method: String,
    pub target: String,
    /// Names in lower case, and values.
    headers: Vec<(String, String)>,
}

impl Head {
    /// Reads it; none when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, target, version) = (first.next()?, first.next()?, first.next()?);
        if first.next().is_some() || !version.starts_with("HTTP/1.") {
            return None;
        }
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Some(Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: lines.filter_map(header).collect(),
        })
    }

    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it asks for WebSocket.
    pub fn upgrades(&self) -> bool {
        self.header("upgrade")
            .is_some_and(|to| to.eq_ignore_ascii_case("websocket"))
    }

    /// The client's address: that of the connection, unless a trusted proxy made it. Then the nearest address
    /// in X-Forwarded-For that is no trusted proxy's.
    pub fn address(&self, peer: IpAddr, trusted: &Networks) -> IpAddr {
        let peer = peer.to_canonical();
        if !trusted.contain(peer) {
            return peer;
        }
        let forwarded = self
            .headers
            .iter()
            .filter(|(name, _)| name == "x-forwarded-for");
        let hops = forwarded
            .flat_map(|(_, value)| value.split(','))
            .map(str::trim);
        let mut nearest = peer;
        for hop in hops.collect::<Vec<_>>().into_iter().rev() {
            let Ok(address) = hop.parse::<IpAddr>() else {
                return nearest;
            };
            nearest = address.to_canonical();
            if !trusted.contain(nearest) {
                return nearest;
            }
        }
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_say_what_they_want() {
        let head = |text| {
            let head = Head::parse(text)?;
            Some((head.method.clone(), head.target.clone(), head.upgrades()))
        };
        let is = |target: &str, upgrade| Some(("GET".to_owned(), target.to_owned(), upgrade));
        assert_eq!(
            head("GET /health HTTP/1.1\r\nhost: x"),
            is("/health", false)
        );
        assert_eq!(
            head("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUPGRADE:  WebSocket "),
            is("/", true)
        );
        assert_eq!(head("GET / HTTP/1.1\r\nupgrade: h2c"), is("/", false));
        for bad in [
            "",
            "GET",
            "GET /",
            "GET / HTTP/2",
            "a b c d",
            "GET  / HTTP/1.1",
        ] {
            assert_eq!(head(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_trusted_proxies_say_where_a_client_is() {
        let trusted: Networks = "10.0.0.0/8".parse().unwrap();
        let address = |peer: &str, forwarded: &str| {
            let text = format!("GET / HTTP/1.1\r\nX-Forwarded-For: {forwarded}");
            let head = Head::parse(&text).unwrap();
            head.address(peer.parse().unwrap(), &trusted).to_string()
        };
        // A stranger may claim what it likes.
        assert_eq!(address("1.1.1.1", "9.9.9.9"), "1.1.1.1");
        assert_eq!(address("10.0.0.1", "9.9.9.9"), "9.9.9.9");
        // What the client itself put in front counts no more than the rest of what it says.
        assert_eq!(address("10.0.0.1", "6.6.6.6, 9.9.9.9, 10.0.0.2"), "9.9.9.9");
        assert_eq!(
            address("10.0.0.1", "6.6.6.6, nonsense, 10.0.0.2"),
            "10.0.0.2"
        );
        assert_eq!(address("::ffff:10.0.0.1", "::ffff:9.9.9.9"), "9.9.9.9");
        assert_eq!(address("10.0.0.1", ""), "10.0.0.1");
    }
}
