//! One request that belongs to no load: with the key and the headers of the run, and the whole response.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, StatusCode};
use prony_plugin_api::ErrorDetails;

use crate::{
    clock::Clock,
    request::{
        bad_answer, cause,
        failure_kind::FailureKind,
        hints,
        prepared::Prepared,
        target::TargetPlan,
        transport::{Transport, TransportError},
    },
};

/// No such response is longer.
const MOST_BYTES: usize = 4 << 20;

/// A whole response.
#[derive(Debug)]
pub(super) struct PlainResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum NoResponse {
    /// The server cannot be asked, or breaks off. Nothing in it is a secret.
    Failed(Box<ErrorDetails>),
    /// The body is longer than any that is meant.
    Endless,
}

/// Sends a request, and waits for its whole response for so long, and for the connection as long as the run does.
pub(super) async fn send(
    plan: &TargetPlan,
    request: &Prepared,
    timeout: Duration,
) -> Result<PlainResponse, NoResponse> {
    let failed = |error| NoResponse::Failed(Box::new(explained(error, plan, request)));
    let exchange = async {
        let stamps = Arc::default();
        let no_head = |error: TransportError| failed(cause::of_transport(error, &stamps));
        let transport = Transport::new(plan, Clock::start(), Arc::default()).map_err(no_head)?;
        let mut response = transport.send(request, None, false, &stamps).await.map_err(no_head)?;
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| failed(bad_answer::stream_cut(error)))?
        {
            body.extend_from_slice(chunk.bytes);
            if body.len() > MOST_BYTES {
                return Err(NoResponse::Endless);
            }
        }
        Ok(PlainResponse { status: response.status(), headers: response.headers().clone(), body })
    };
    let timeout = plan.connect_timeout.saturating_add(timeout);
    let late = |_| {
        let what = format!("no response from the server within {} s", timeout.as_secs_f64());
        let hint = "look at the server's log: it takes connections, and sends no response";
        failed(unasked(&what, hint))
    };
    tokio::time::timeout(timeout, exchange).await.map_err(late)?
}

/// What an error status says. `missing` is what to do where the server has no such page.
pub(super) fn refusal(response: &PlainResponse, missing: &str) -> ErrorDetails {
    let PlainResponse { status, headers, body } = response;
    let status = *status;
    let said = bad_answer::describe_status(status, body);
    let said =
        if status.canonical_reason() == Some(said.as_str()) { String::new() } else { format!(": {said}") };
    let hint = match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => missing.to_owned(),
        status => hints::of_body(status, body).unwrap_or_else(|| hints::of_status(status, headers)),
    };
    ErrorDetails {
        code: Some(status.as_u16().into()),
        kind: FailureKind::HttpStatus.into(),
        message: format!("the server responds with {status}{said}"),
        hint,
        ..ErrorDetails::default()
    }
}

/// The server was not asked, or says nothing.
pub(super) fn unasked(message: &str, hint: &str) -> ErrorDetails {
    ErrorDetails {
        kind: FailureKind::Transport.into(),
        message: message.into(),
        hint: hint.into(),
        ..ErrorDetails::default()
    }
}

/// An error of this request as it may be shown.
pub(super) fn explained(mut error: ErrorDetails, plan: &TargetPlan, request: &Prepared) -> ErrorDetails {
    cause::name_the_way(&mut error, plan, &request.place);
    plan.mask(error, &request.headers)
}
