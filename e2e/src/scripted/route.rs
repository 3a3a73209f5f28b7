//! The HTTP side.

use std::io;

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::DefaultBodyLimit,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::{
    directives::Directives,
    step::{Step, next},
    wire::Answer,
};

/// On every answer, so that nobody takes it for a model.
pub const HEADER: &str = "x-scripted-model";
/// The largest request, in bytes.
const LARGEST: usize = 64 * 1024 * 1024;

/// The routes: `GET` and `HEAD /`, `POST /v1/messages`, `POST /v1/messages/count_tokens`.
pub fn app() -> Router {
    Router::new()
        .route("/", get(|| async { "This is the scripted model.\n" }))
        .route("/v1/messages", post(messages))
        .route("/v1/messages/count_tokens", post(count_tokens))
        .fallback(|| async { failure(StatusCode::NOT_FOUND, "there is no such path") })
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(map_response(name_it))
}

async fn name_it(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(HEADER, HeaderValue::from_static("true"));
    response
}

async fn count_tokens(body: Bytes) -> Response {
    Json(json!({"input_tokens": body.split(u8::is_ascii_whitespace).count()})).into_response()
}

async fn messages(headers: HeaderMap, body: Bytes) -> Response {
    if !headers.contains_key("x-api-key") && !headers.contains_key(header::AUTHORIZATION) {
        return failure(
            StatusCode::UNAUTHORIZED,
            "send any x-api-key or authorization header",
        );
    }
    let request: Value = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => {
            return failure(
                StatusCode::BAD_REQUEST,
                &format!("the body is not JSON: {error}"),
            );
        }
    };
    let asked = Directives::of(&request);
    tokio::time::sleep(asked.latency).await;
    if let Some(status) = asked.fail.and_then(|s| StatusCode::from_u16(s).ok()) {
        return failure(status, "asked for by a directive");
    }
    let step = next(&request);
    let session = headers.get("x-claude-code-session-id");
    let messages = request["messages"].as_array().map_or(0, Vec::len);
    let what = match &step {
        Step::Call { tool, .. } => tool,
        Step::Say(_) => "end of turn",
    };
    tracing::debug!(?session, messages, what, "answered");
    let answer = Answer::new(&request, step);
    if request["stream"] == true {
        streamed(answer.events(), &asked)
    } else {
        Json(answer.whole()).into_response()
    }
}

fn streamed(events: Vec<String>, asked: &Directives) -> Response {
    let sse = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    let some =
        |most: usize| stream::iter(events.clone().into_iter().take(most)).map(Ok::<_, io::Error>);
    let body = if asked.stall {
        Body::from_stream(some(1).chain(stream::pending()))
    } else if asked.cut {
        // The pause lets the first events out before the connection breaks.
        let broken = stream::once(async {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            Err(io::Error::other("cut off by a directive"))
        });
        Body::from_stream(some(3).chain(broken))
    } else {
        Body::from(events.concat())
    };
    (sse, body).into_response()
}

/// An error as the Messages API words it.
fn failure(status: StatusCode, why: &str) -> Response {
    let kind = match status.as_u16() {
        400 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    let error = json!({"type": kind, "message": format!("scripted model: {why}")});
    (status, Json(json!({"type": "error", "error": error}))).into_response()
}
