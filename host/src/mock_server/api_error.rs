//! [`ApiError`]: an error as a client of the API sees it.

use ::http::StatusCode;
use serde_json::{Value, json};

use super::api_format::ApiFormat;

/// An HTTP status and the object that explains it, `{"error": {message, type, param, code}}`.
#[derive(Clone, Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    message: String,
    param: Option<&'static str>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), param: None }
    }

    /// A 400 about the body as a whole, or the head.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// A 400 about one field of the body.
    pub(super) fn invalid(param: &'static str, message: impl Into<String>) -> Self {
        Self { param: Some(param), ..Self::malformed(message) }
    }

    /// The error that a fault switch asked for.
    pub(super) fn on_demand(status: StatusCode) -> Self {
        Self::new(status, "the mock server was told to fail this request")
    }

    pub(super) fn body(&self) -> Value {
        json!({"error": {
            "message": self.message,
            "type": self.kind(),
            "param": self.param,
            "code": self.status.as_u16(),
        }})
    }

    /// The body as the servers of an API format write it.
    pub(super) fn body_in(&self, api_format: ApiFormat) -> Value {
        let (message, kind) = (&self.message, self.kind());
        match api_format {
            ApiFormat::Messages => json!({"type": "error", "error": {"type": kind, "message": message}}),
            ApiFormat::TeiRerank | ApiFormat::Generate | ApiFormat::GenerateStream => {
                json!({"error": message, "error_type": kind})
            }
            ApiFormat::Converse | ApiFormat::ConverseStream => json!({"message": message}),
            ApiFormat::Infer | ApiFormat::OllamaChat => json!({"error": message}),
            ApiFormat::NimRanking
            | ApiFormat::ImageRetrieval
            | ApiFormat::Solido
            | ApiFormat::SolidoStream => {
                json!({"detail": message})
            }
            _ => self.body(),
        }
    }

    /// The type's name, in the words of vLLM.
    fn kind(&self) -> &'static str {
        match self.status {
            StatusCode::NOT_FOUND => "NotFoundError",
            StatusCode::TOO_MANY_REQUESTS => "RateLimitError",
            StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailableError",
            status if status.is_server_error() => "InternalServerError",
            _ => "BadRequestError",
        }
    }
}
