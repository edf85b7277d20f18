//! A way through a proxy to a server that speaks TLS: `CONNECT` (RFC 9110, section 9.3.6).

use std::future::pending;

use bytes::Bytes;
use http::{HeaderName, Method, Request, StatusCode, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::socket::{BoxError, Socket};
use crate::request::{proxy::Proxy, target::Origin, transport::error::ProxyRefusal};

/// Asks `proxy`, at the other end of the socket, to pass everything on to a server.
pub(super) async fn through(proxy: &Proxy, origin: &Origin, socket: Socket) -> Result<Socket, BoxError> {
    let (mut requests, driver) = http1::handshake(TokioIo::new(socket)).await?;
    let driver = driver.with_upgrades();
    let asking = async {
        let answer = requests.send_request(question(proxy, origin)?).await?;
        if !answer.status().is_success() {
            return Err(BoxError::from(ProxyRefusal(answer.status())));
        }
        let passage = hyper::upgrade::on(answer).await?;
        // What came behind the head would be the server's, and a server of TLS waits for the client.
        let parts = passage.downcast::<TokioIo<Socket>>().map_err(|_| ProxyRefusal(StatusCode::OK))?;
        Ok(parts.io.into_inner())
    };
    let driving = async {
        match driver.await {
            Err(error) => Err(BoxError::from(error)),
            // The question has its answer, then.
            Ok(()) => pending().await,
        }
    };
    tokio::select! {
        biased;
        passage = asking => passage,
        failed = driving => failed,
    }
}

fn question(proxy: &Proxy, origin: &Origin) -> Result<Request<Empty<Bytes>>, http::Error> {
    const CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
    let authority = origin.authority();
    let question = Request::builder()
        .method(Method::CONNECT)
        .uri(&authority)
        .header(header::HOST, &authority)
        .header(CONNECTION, "keep-alive");
    let question = match &proxy.authorization {
        Some(login) => question.header(header::PROXY_AUTHORIZATION, login.clone()),
        None => question,
    };
    question.body(Empty::new())
}
