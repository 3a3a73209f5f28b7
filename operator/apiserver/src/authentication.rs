//! From a credential to the user behind it. Without a known one nothing is answered, not even at
//! paths that aren't there.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use ring::digest::{SHA256, digest};

use crate::{failure::Failure, user::UserInfo};

/// Headers by which clients ask to be somebody else.
const IMPERSONATION: &str = "impersonate-";

/// Bearer tokens and their users. Digests are kept and compared, so that the time taken tells
/// nothing of a token.
#[derive(Clone, Default)]
pub struct Tokens(Vec<(Vec<u8>, UserInfo)>);

impl Tokens {
    /// Adds one. Of users with the same token, the first counts.
    pub fn add(&mut self, token: &str, user: UserInfo) {
        self.0.push((hash(token), user));
    }

    /// The bearer of the request's token.
    fn user(&self, headers: &HeaderMap) -> Option<&UserInfo> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let presented = hash(token.trim());
        let known = self.0.iter().find(|(digest, _)| *digest == presented);
        known.map(|(_, user)| user)
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(_, user)| &user.name))
            .finish()
    }
}

fn hash(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

/// Puts the user into the request's extensions, or refuses the request.
pub async fn authenticate(
    State(tokens): State<Arc<Tokens>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(user) = tokens.user(request.headers()) else {
        return Failure::unauthorized().into_response();
    };
    // Left alone, `kubectl --as` would act with the rights of who calls it.
    let mut names = request.headers().keys().map(header::HeaderName::as_str);
    if names.any(|name| name.starts_with(IMPERSONATION)) {
        let why = "impersonation (kubectl --as) is not supported; use a credential of that user";
        return Failure::forbidden("", "", "", why).into_response();
    }
    let user = user.clone();
    request.extensions_mut().insert(user);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_of_a_user_names_that_user_and_anything_else_nobody() {
        let mut tokens = Tokens::default();
        tokens.add("secret", UserInfo::admin());
        tokens.add("other", UserInfo::new("eve", &[]));
        let name = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            tokens.user(&headers).map(|user| user.name.clone())
        };
        for known in ["Bearer secret", "bearer secret", "Bearer  secret "] {
            assert_eq!(name(known).as_deref(), Some("agentchat-admin"), "{known}");
        }
        assert_eq!(name("Bearer other").as_deref(), Some("eve"));
        for unknown in ["Bearer secre", "Bearer ", "Basic secret", "secret"] {
            assert_eq!(name(unknown), None, "{unknown}");
        }
        assert_eq!(tokens.user(&HeaderMap::new()), None);
    }
}
