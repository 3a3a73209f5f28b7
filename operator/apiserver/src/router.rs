//! The paths.

use std::sync::Arc;

use axum::{Router, middleware, routing::get};

use crate::{
    authorization, discovery, openapi,
    resources::{self, Api},
};

/// Every route of the API and the `extra` ones, behind authorization. Something must put the user into
/// each request's extensions; one without is refused.
pub fn guarded(api: Arc<Api>, extra: Router) -> Router {
    routes(api)
        .merge(extra)
        .layer(middleware::from_fn(authorization::check))
}

fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/healthz", get(healthy))
        .route("/livez", get(healthy))
        .route("/readyz", get(healthy))
        .route("/version", get(discovery::version))
        .route("/api", get(discovery::core))
        .route("/api/v1", get(discovery::core_resources))
        .route("/apis", get(discovery::groups))
        .route("/apis/{group}", get(discovery::group))
        .route("/apis/{group}/{version}", get(discovery::group_resources))
        .route("/openapi/v2", get(openapi::v2::document))
        .route("/openapi/v3", get(openapi::index))
        .route("/openapi/v3/{*path}", get(openapi::one))
        .fallback(resources::handle)
        .with_state(api)
}

async fn healthy() -> &'static str {
    "ok"
}

#[cfg(test)]
mod tests {
    use axum::{Extension, body::Body, extract::Request};
    use tower::ServiceExt;

    use super::*;
    use crate::{ApiServer, Options, UserInfo};

    #[tokio::test]
    async fn no_route_answers_before_it_was_asked_who_may() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            data_dir: folder.path().to_owned(),
            listen: "127.0.0.1:0".parse().unwrap(),
            crds: Vec::new(),
        };
        let server = ApiServer::open(options).await.unwrap();
        let extra = Router::new().route("/extra", get(async || "an extra route"));
        let open = guarded(server.api.clone(), extra);
        let with = |groups: &[&str]| {
            let user = UserInfo::new("x", groups);
            open.clone().layer(Extension(user))
        };
        let (nobody, powerless, master) = (open.clone(), with(&[]), with(&["system:masters"]));
        for (path, code) in [
            ("/extra", 200),
            ("/healthz", 200),
            ("/version", 200),
            ("/apis", 200),
            ("/openapi/v2", 200),
            ("/openapi/v3/api/v1", 200),
            ("/api/v1/secrets", 200),
            ("/api/v1/frobs", 404),
            ("/nothing", 404),
        ] {
            for (router, code) in [(&nobody, 401), (&powerless, 403), (&master, code)] {
                let request = Request::get(path).body(Body::empty()).unwrap();
                let answer = router.clone().oneshot(request).await.unwrap();
                assert_eq!(answer.status(), code, "{path}");
            }
        }
    }
}
