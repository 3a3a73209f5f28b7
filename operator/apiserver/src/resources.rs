//! The verbs on objects. One entry for every path below `/api/v1` and `/apis/GROUP/VERSION`.

mod delete;
mod events;
mod list;
mod namespace;
mod review;
mod watch;
mod write;

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    accept::{self, Representation},
    body,
    failure::Failure,
    openapi::Documents,
    query::Query,
    render::Renderer,
    store::Store,
    table::Include,
    target::Target,
    types::Registry,
    user::UserInfo,
};
pub use events::expire;
pub use namespace::{collect, ensure};

/// What the verbs work on.
#[derive(Debug)]
pub struct Api {
    /// The objects.
    pub store: Arc<Store>,
    /// The types.
    pub registry: Registry,
    /// What OpenAPI says of them.
    pub openapi: Documents,
    /// Ends watches.
    pub shutdown: CancellationToken,
}

/// One request, understood.
struct Call {
    user: UserInfo,
    target: Target,
    query: Query,
    headers: HeaderMap,
    representation: Representation,
    include: Include,
}

impl Call {
    fn renderer(&self) -> Renderer {
        Renderer {
            resource: self.target.resource.clone(),
            representation: self.representation,
            include: self.include,
        }
    }

    fn not_found(&self, name: &str) -> Failure {
        let resource = &self.target.resource;
        Failure::not_found(&resource.group, &resource.plural, name)
    }
}

/// Answers a request about objects.
pub async fn handle(State(api): State<Arc<Api>>, request: Request) -> Response {
    match dispatch(&api, request).await {
        Ok(response) => response,
        Err(failure) => {
            if failure.code.is_server_error() {
                tracing::error!(message = failure.message(), "a request failed");
            }
            failure.into_response()
        }
    }
}

async fn dispatch(api: &Arc<Api>, request: Request) -> Result<Response, Failure> {
    let (mut parts, body) = request.into_parts();
    let user = parts.extensions.remove::<UserInfo>();
    let Some(target) = Target::parse(&api.registry, parts.uri.path()) else {
        return Ok(no_such_path());
    };
    let mut query = Query::parse(parts.uri.query().unwrap_or_default())?;
    query.watch |= target.watch;
    let call = Call {
        user: user.ok_or_else(Failure::unauthorized)?,
        target,
        representation: accept::negotiate(&parts.headers)?,
        include: Include::parse(query.include_object.as_deref())?,
        query,
        headers: parts.headers,
    };
    let method = parts.method;
    if let Some(review) = call.target.resource.review {
        return match (&method, &call.target.name) {
            (&Method::POST, None) => review::answer(&call, review, &body::read(body).await?),
            _ => Err(refuse(&call, &method)),
        };
    }
    match (&method, call.target.name.clone()) {
        (&Method::GET, Some(name)) if call.query.watch && call.target.watch => {
            watch::one(api, call, &name)
        }
        (&Method::GET, Some(name)) => {
            let found = api
                .store
                .read(|state| state.get(&call.target.key(&name)).cloned());
            let object = found.ok_or_else(|| call.not_found(&name))?;
            call.renderer().object(StatusCode::OK, &object)
        }
        (&Method::GET, None) if call.query.watch => watch::many(api, call),
        (&Method::GET, None) => list::handle(api, &call),
        (&Method::POST, _) if call.target.subresource.is_none() => {
            let bytes = body::read(body).await?;
            write::create(api, call, &bytes).await
        }
        (&Method::PUT, Some(name)) => {
            let bytes = body::read(body).await?;
            write::replace(api, call, name, &bytes).await
        }
        (&Method::PUT, None) => Err(Failure::bad_request("name must be provided")),
        (&Method::PATCH, Some(name)) => {
            let bytes = body::read(body).await?;
            write::patch(api, call, name, &bytes).await
        }
        (&Method::DELETE, name) if call.target.subresource.is_none() => {
            let bytes = body::read(body).await?;
            match name {
                Some(name) => delete::one(api, call, name, &bytes).await,
                None => delete::many(api, call, &bytes).await,
            }
        }
        _ => Err(refuse(&call, &method)),
    }
}

fn refuse(call: &Call, method: &Method) -> Failure {
    Failure::method_not_allowed(format!(
        "{method} is not supported on {}",
        call.target.resource.stored_as()
    ))
}

/// What Kubernetes answers at paths that aren't there; kubectl falls back on it.
pub fn no_such_path() -> Response {
    let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::NOT_FOUND, plain, "404 page not found\n").into_response()
}

/// Adds what a person is to be warned about.
fn warn(response: &mut Response, warnings: &[String]) {
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
}

/// The revision of an object.
fn revision(object: &Value) -> u64 {
    crate::meta::text(object, "resourceVersion")
        .parse()
        .unwrap_or_default()
}
