//! One client's connection: its requests, one after the other.

use ::http::{StatusCode, Uri};
use serde::Serialize;
use tokio::net::TcpStream;
use url::form_urlencoded;

use super::{
    Mock,
    api_error::ApiError,
    exchange::{self, Asked},
    gpus, http, jobs, metrics_page,
    options::Splits,
    pace, reply,
    route::Route,
    wire::{Gone, NoRequest, Persistence, Request, Wire},
};
use crate::clock::RunNs;

/// Serves a client until it leaves, or until an answer ends the connection.
pub(super) async fn serve(mock: &Mock, socket: TcpStream) {
    let number = mock.truth.connect();
    // Without it a small write waits for the acknowledgement of the one before.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "a client's socket refuses TCP_NODELAY");
    }
    let splitter =
        (mock.options.framing.splits == Splits::Random).then(|| pace::seeded(mock.options.seed, number));
    let mut wire = Wire::new(number, socket, mock.truth.clock(), splitter);
    let mut next = Persistence::KeepAlive;
    while next == Persistence::KeepAlive {
        next = match wire.receive().await {
            Ok(request) => answer(mock, &mut wire, request).await,
            Err(NoRequest::Gone) => Persistence::Close,
            Err(NoRequest::Refused(error)) => {
                // Where the next request would start is unknown, so this was the last one, heard or not.
                let _ = send(&mut wire, &Page::error(&error)).await;
                Persistence::Close
            }
        };
    }
}

async fn answer(mock: &Mock, wire: &mut Wire, request: Request) -> Persistence {
    let route = Route::of(&request.head.method, request.head.target.path());
    let is_of_api = !matches!(route, Ok(Route::ResetCache | Route::Profile { .. }));
    let canned = mock.options.canned.as_ref().filter(|canned| is_of_api && canned.is_for(&request.head));
    if let Some(canned) = canned {
        return exchange::conduct(mock, wire, Asked::Recorded(canned), request).await;
    }
    let created = mock.truth.clock().wall_start_ns() / 1_000_000_000;
    let page = match route {
        Ok(Route::Api(api_format)) => {
            return exchange::conduct(mock, wire, Asked::Api(api_format), request).await;
        }
        Ok(Route::Job(id)) => {
            poll(mock, |now| mock.jobs.look(id, now, mock.options.jobs).map(|job| Page::json(&job)))
        }
        Ok(Route::Made(id)) => poll(mock, |now| {
            mock.jobs.is_made(id, now, mock.options.jobs).then(|| {
                mock.truth.download();
                Page { status: StatusCode::OK, content_type: "video/mp4", body: jobs::VIDEO.to_vec() }
            })
        }),
        Ok(Route::Models) => Page::json(&reply::models(&mock.options.model, created)),
        Ok(Route::Health) => Page::ok(),
        Ok(Route::Metrics) => Page::text(
            metrics_page::CONTENT_TYPE,
            metrics_page::render(&mock.truth.totals(), mock.options.has_prefix_cache),
        ),
        Ok(Route::Gpus) if mock.options.gpus == 0 => Page::error(&ApiError::new(
            StatusCode::NOT_FOUND,
            "there are no GPUs here: start the server with `--gpus N`",
        )),
        Ok(Route::Gpus) => {
            Page::text(metrics_page::CONTENT_TYPE, gpus::render(mock.truth.busy(), mock.options.gpus))
        }
        Ok(Route::Truth) => Page::json(&mock.truth.report(request_id(&request.head.target).as_deref())),
        Ok(Route::ResetTruth) => {
            mock.truth.reset();
            Page::ok()
        }
        Ok(Route::ResetCache) => {
            mock.prefix_cache.forget();
            mock.truth.reset_cache();
            Page::ok()
        }
        Ok(Route::Profile { starts }) => match mock.truth.profile(starts) {
            Ok(()) => Page::ok(),
            Err(why) => Page::error(&ApiError::new(StatusCode::BAD_REQUEST, why)),
        },
        Err(error) => Page::error(&error),
    };
    match send(wire, &page).await {
        Ok(()) if !request.head.asks_to_close => Persistence::KeepAlive,
        Ok(()) | Err(Gone) => Persistence::Close,
    }
}

/// Answers somebody who asks after a job, unless this is the time to fail.
fn poll(mock: &Mock, answer: impl FnOnce(RunNs) -> Option<Page>) -> Page {
    if let Some(status) = mock.options.faults.fault_of_poll(mock.truth.poll()) {
        return Page::error(&ApiError::on_demand(status));
    }
    let unknown = || Page::error(&ApiError::new(StatusCode::NOT_FOUND, "there is no such video"));
    answer(mock.truth.clock().now()).unwrap_or_else(unknown)
}

/// The request that somebody asks about, if it is one.
fn request_id(target: &Uri) -> Option<String> {
    let mut fields = form_urlencoded::parse(target.query().unwrap_or_default().as_bytes());
    fields.find(|(name, _)| name == "request_id").map(|(_, value)| value.into_owned())
}

/// A page that is sent at once and never broken.
struct Page {
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Page {
    fn ok() -> Self {
        Self::text("text/plain", String::new())
    }

    fn text(content_type: &'static str, body: String) -> Self {
        Self { status: StatusCode::OK, content_type, body: body.into_bytes() }
    }

    fn json(value: &impl Serialize) -> Self {
        match serde_json::to_string(value) {
            Ok(body) => Self::text("application/json", body),
            Err(error) => {
                Self::error(&ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("no JSON: {error}")))
            }
        }
    }

    fn error(error: &ApiError) -> Self {
        let body = error.body().to_string().into_bytes();
        Self { status: error.status, content_type: "application/json", body }
    }
}

async fn send(wire: &mut Wire, page: &Page) -> Result<(), Gone> {
    let length = page.body.len().to_string();
    let fields = [("Content-Type", page.content_type), ("Content-Length", length.as_str())];
    let mut bytes = http::response_head(page.status, &fields);
    bytes.extend_from_slice(&page.body);
    wire.send(&bytes).await
}
