//! One client's connection, and the one to the server that belongs to it.
//!
//! Each connection of a client has its own to the server, which is opened with it and closed with it. So the server sees the
//! connections that it would see without the proxy, and a client sees how the server treats them.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, EXPECT, HOST, TE, TRANSFER_ENCODING, UPGRADE},
};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming, client::conn::http1 as client, server::conn::http1 as server, service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{net::TcpStream, sync::watch};

use super::{
    counting::Sink,
    keyed_message::key_of,
    tap::{RequestBody, ResponseBody, Tap},
};
use crate::{
    clock::Clock,
    dataset::BodyFormat,
    request::transport::{Dialer, Duplex, TransportError},
};

/// Headers of one connection, which are not passed on (RFC 9110, section 7.6.1).
const OF_A_CONNECTION: [HeaderName; 3] = [CONNECTION, TRANSFER_ENCODING, UPGRADE];

/// The same, without a name in the `http` crate.
const OTHERS_OF_A_CONNECTION: [&str; 2] = ["keep-alive", "proxy-connection"];

/// Most kinds of requests that are not recorded and are counted apart.
const MOST_OTHERS: usize = 50;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) dialer: Dialer,
    /// For requests that have none of their own: the credentials of the server's URL.
    pub(super) authorization: Option<HeaderValue>,
    /// Headers that name a session, the first one that is there.
    pub(super) session_headers: Vec<HeaderName>,
    pub(super) sink: Sink,
    pub(super) clock: Clock,
    /// Requests that are not recorded, by method and path.
    pub(super) others: Mutex<BTreeMap<String, u64>>,
}

/// Serves a client until it or the server leaves, or until `ending` says so and no request is in flight.
pub(super) async fn serve(client: TcpStream, shared: &Arc<Shared>, mut ending: watch::Receiver<bool>) {
    // Without it a small write waits for the acknowledgement of the one before.
    if let Err(error) = client.set_nodelay(true) {
        tracing::debug!(%error, "a client's socket refuses TCP_NODELAY");
    }
    let opened = tokio::select! {
        opened = shared.dialer.open() => opened,
        // Nothing of the client's has been read yet.
        _ = ending.changed() => return,
    };
    match opened {
        Ok(stream) => between(client, stream, shared, ending).await,
        Err(error) => {
            let reason = unreachable(&error);
            tracing::warn!("{reason}");
            let refuse = service_fn(|request| refuse(request, shared, &reason));
            let connection = server().keep_alive(false).serve_connection(TokioIo::new(client), refuse);
            let mut connection = pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => return log(ended),
                _ = ending.changed() => connection.as_mut().graceful_shutdown(),
            }
            log(connection.await);
        }
    }
}

fn server() -> server::Builder {
    let mut server = server::Builder::new();
    server.preserve_header_case(true).auto_date_header(false);
    server
}

/// Answers a request that cannot be passed on to the server. It is recorded as one that failed.
async fn refuse(
    request: Request<Incoming>,
    shared: &Shared,
    reason: &str,
) -> Result<Response<ResponseBody>, hyper::Error> {
    if let Some(tap) = shared.tap(&request) {
        let mut body = RequestBody::new(request.into_body(), Some(tap.request()));
        while let Some(frame) = body.frame().await {
            frame?;
        }
    }
    Ok(own(StatusCode::BAD_GATEWAY, reason))
}

/// What a client gets from the proxy of a server that cannot be reached.
fn unreachable(error: &TransportError) -> String {
    let why = error.causes.join(": ");
    let hint = if error.hint.is_empty() { String::new() } else { format!("; {}", error.hint) };
    format!("prony record cannot reach the server: {why}{hint}")
}

async fn between(
    client: TcpStream,
    stream: Box<dyn Duplex>,
    shared: &Arc<Shared>,
    mut ending: watch::Receiver<bool>,
) {
    let mut builder = client::Builder::new();
    let opened = builder.preserve_header_case(true).handshake(TokioIo::new(stream)).await;
    let (sender, upstream) = match opened {
        Ok(opened) => opened,
        Err(error) => return tracing::debug!(%error, "a connection to the server ends before it is used"),
    };
    let sender = tokio::sync::Mutex::new(sender);
    let service = service_fn(|request| pass(request, &sender, shared));
    let mut downstream = pin!(server().serve_connection(TokioIo::new(client), service));
    let mut upstream = pin!(upstream);
    let mut is_open = true;
    loop {
        tokio::select! {
            // What has just come from the server goes to the client in the same turn.
            biased;
            ended = upstream.as_mut(), if is_open => {
                is_open = false;
                log(ended);
                // What is on its way to the client gets there.
                downstream.as_mut().graceful_shutdown();
            }
            ended = downstream.as_mut() => return log(ended),
            changed = ending.changed() => {
                // The thread that would say so has ended.
                if changed.is_err() {
                    return;
                }
                downstream.as_mut().graceful_shutdown();
            }
        }
    }
}

fn log(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ends early");
    }
}

/// Passes a request on, and the head of its response back. An error ends the client's connection without a response, as the
/// server has ended its own.
async fn pass(
    request: Request<Incoming>,
    sender: &tokio::sync::Mutex<client::SendRequest<RequestBody>>,
    shared: &Shared,
) -> Result<Response<ResponseBody>, hyper::Error> {
    if request.headers().contains_key(UPGRADE) && !is_h2c(request.headers())
        || request.method() == Method::CONNECT
    {
        return Ok(own(StatusCode::NOT_IMPLEMENTED, "prony record passes neither WebSockets nor CONNECT on"));
    }
    let mut tap = shared.tap(&request);
    let other = tap.is_none().then(|| format!("{} {}", request.method(), request.uri().path()));
    let noted = tap.as_ref().map(Tap::request);
    let (mut head, body) = request.into_parts();
    for_server(&mut head.headers, shared);
    let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    match format!("{}{path}", shared.dialer.base_path()).parse::<Uri>() {
        Ok(uri) => head.uri = uri,
        Err(error) => return Ok(own(StatusCode::BAD_REQUEST, &format!("prony record: {error}"))),
    }
    head.version = Version::HTTP_11;
    let mut sender = sender.lock().await;
    sender.ready().await?;
    let response = sender.send_request(Request::from_parts(head, RequestBody::new(body, noted))).await?;
    if let Some(tap) = &mut tap {
        tap.answered(&response);
    }
    if let Some(other) = other {
        shared.count_other(other);
    }
    let (mut head, inner) = response.into_parts();
    for_client(&mut head.headers, head.version);
    head.version = Version::HTTP_11;
    Ok(Response::from_parts(head, ResponseBody::Passed { inner, tap: tap.map(Box::new) }))
}

/// A client that would like HTTP/2 goes on with HTTP/1.1 when nobody takes it up.
fn is_h2c(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"h2c"))
}

/// The headers of a request as the server gets them.
fn for_server(headers: &mut HeaderMap, shared: &Shared) {
    of_the_message(headers);
    headers.insert(HOST, shared.dialer.host().clone());
    // The proxy has told the client to go on, or does so when the body is read.
    headers.remove(EXPECT);
    if let Some(authorization) = &shared.authorization {
        headers.entry(AUTHORIZATION).or_insert_with(|| authorization.clone());
    }
}

/// The headers of a response as the client gets them. A server that closes its connection closes the client's with it.
fn for_client(headers: &mut HeaderMap, version: Version) {
    let closes = !is_kept(headers, version);
    of_the_message(headers);
    if closes {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Whether the sender of such a head goes on with its connection (RFC 9112, section 9.3).
fn is_kept(headers: &HeaderMap, version: Version) -> bool {
    let says = |option: &str| options(headers).any(|said| said.eq_ignore_ascii_case(option));
    !says("close") && (version >= Version::HTTP_11 || says("keep-alive"))
}

/// What `Connection` says.
fn options(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// Leaves out what is said of a connection: those that `Connection` names as well.
fn of_the_message(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> =
        options(headers).filter_map(|name| name.parse().ok()).filter(|name| *name != TE).collect();
    for name in named.into_iter().chain(OF_A_CONNECTION) {
        headers.remove(name);
    }
    for name in OTHERS_OF_A_CONNECTION {
        headers.remove(name);
    }
}

/// An answer of the proxy's own, in the form that clients of these APIs show to their users.
fn own(status: StatusCode, message: &str) -> Response<ResponseBody> {
    let body = json!({"error": {"message": message, "type": "prony_record", "code": status.as_u16()}});
    let mut response = Response::new(ResponseBody::Own(Full::new(Bytes::from(body.to_string()))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl Shared {
    /// What notes this request, if it is one of those that are recorded.
    fn tap(&self, request: &Request<Incoming>) -> Option<Tap> {
        let path = request.uri().path();
        let format = BodyFormat::of_path(path).filter(|_| request.method() == Method::POST)?;
        let headers = request.headers();
        let session = self.session_headers.iter().find_map(|name| headers.get(name));
        let session = session.map(|value| key_of(&value.as_bytes()));
        Some(Tap::new(self.sink.clone(), self.clock, format, session, headers))
    }

    /// Counts one that was passed on and is not recorded.
    fn count_other(&self, name: String) {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if others.len() < MOST_OTHERS || others.contains_key(&name) {
            *others.entry(name).or_default() += 1;
        } else {
            *others.entry("others".to_owned()).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Version::HTTP_11, None, None)]
    #[case(Version::HTTP_11, Some("X-A, Close"), Some("close"))]
    #[case(Version::HTTP_11, Some("keep-alive"), None)]
    #[case(Version::HTTP_10, None, Some("close"))]
    #[case(Version::HTTP_10, Some("Keep-Alive"), None)]
    fn a_server_that_closes_its_connection_says_so_to_the_client(
        #[case] version: Version,
        #[case] said: Option<&'static str>,
        #[case] expected: Option<&str>,
    ) {
        let said = said.map(|said| (CONNECTION, HeaderValue::from_static(said)));
        let mut headers: HeaderMap = said.into_iter().collect();
        for_client(&mut headers, version);
        assert_eq!(headers.get(CONNECTION).map(|value| value.to_str().unwrap()), expected);
    }
}
