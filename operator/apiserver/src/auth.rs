//! Who may call: the bearer of the administrator's token, nobody else.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use ring::digest::{Digest, SHA256, digest};

use crate::failure::Failure;

/// The token's digest. Digests are compared, so that the time taken tells nothing of the token.
#[derive(Clone, Debug)]
pub struct Admin(Arc<Digest>);

impl Admin {
    /// The bearer of this token.
    pub fn new(token: &str) -> Self {
        Self(Arc::new(digest(&SHA256, token.as_bytes())))
    }

    fn is(&self, headers: &HeaderMap) -> bool {
        headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .is_some_and(|(_, token)| {
                digest(&SHA256, token.trim().as_bytes()).as_ref() == (*self.0).as_ref()
            })
    }
}

/// Lets the administrator through.
pub async fn check(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    if admin.is(request.headers()) {
        next.run(request).await
    } else {
        Failure::unauthorized().into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_is_let_through() {
        let admin = Admin::new("secret");
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            admin.is(&headers)
        };
        assert!(with("Bearer secret") && with("bearer secret"));
        assert!(!with("Bearer secre") && !with("Basic secret") && !with("secret"));
        assert!(!admin.is(&HeaderMap::new()));
    }
}
